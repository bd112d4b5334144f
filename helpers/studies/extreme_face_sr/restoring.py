"""One factor and one seed: a hidden camera, step 1, step 2, every baseline, and what each restored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from helpers.evaluation.face_reader import FaceReader
from helpers.evaluation.picture_quality import colour_difference, psnr, ssim
from helpers.methods.latent_search import Bank, SearchSettings, draw_bank, interpolated, pulse_search, search
from helpers.studies.extreme_face_sr.arms import (
    Prior,
    faces_of,
    step_one,
    taken,
    trained_lift,
    trained_one_step,
    trained_prior,
    trained_reader,
)
from helpers.studies.extreme_face_sr.people import Settings, pictures_of
from helpers.views.degradation import enlarged, shrunk

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the other style in an interpolation, tried for coarse and for fine layers
METRICS = ("psnr", "ssim", "feature_distance", "colour_difference", "attributes_kept", "low_error")


@dataclass(frozen=True)
class Tools:
    """What a run shares over its seeds: the prior, the faces drawn from it, the reader."""

    prior: Prior
    bank: Bank
    reader: FaceReader


def tools_of(settings: Settings) -> Tools:
    """Trained, or from the cache."""
    frozen = {name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()}
    return _tools(tuple(sorted(frozen.items())))


@lru_cache(maxsize=2)
def _tools(items: tuple[tuple[str, Any], ...]) -> Tools:
    settings: Settings = {name: list(v) if isinstance(v, tuple) else v for name, v in items}
    prior = trained_prior(settings)
    bank = draw_bank(prior.mapping, prior.generator, settings["bank"], settings["truncation"], seed=0)
    return Tools(prior, bank, trained_reader(settings))


def search_settings(settings: Settings) -> SearchSettings:
    """As the parameters have it."""
    return SearchSettings(settings["search_steps"], settings["search_learning_rate"])


def prepared(settings: Settings, what: str, factor: int) -> dict[str, Any]:
    """Train and keep what seeds share: ``"networks"`` of a factor, or the ``"reader"``. A job to run beside others."""
    if what == "reader":
        trained_reader(settings)
    else:
        trained_one_step(settings, factor)
        trained_lift(settings, factor)
    return {"done": what}


@dataclass(frozen=True)
class SecondStep:
    """What step 2 made of middle-resolution pictures.

    Attributes:
        found: styles that draw them, (B, L, D).
        other: weighted mean of the nearest styles of the bank, (B, D).
        share: of ``other`` at each layer, (L,), chosen on the calibration faces.
        losses: of the search, mean over pictures.
    """

    found: Tensor
    other: Tensor
    share: Tensor
    losses: list[float]


def second_step(
    settings: Settings,
    tools: Tools,
    low: Tensor,
    lift: Callable[[Tensor], Tensor],
    degrade: Callable[[Tensor], Tensor],
    calibration: Tensor,
) -> SecondStep:
    """Search styles for pictures that were lifted to middle resolution, and choose how they are interpolated.

    The choice needs faces whose truth is known, and no pair is: high-resolution faces are therefore sent through the
    learned camera, restored beside the others, and the shares of least mean absolute error are taken.

    Args:
        settings: of the run.
        tools: shared.
        low: low-resolution pictures, (B, 3, l, l).
        lift: low → middle resolution.
        degrade: middle → low resolution, the (learned) camera.
        calibration: high-resolution faces of the pool, (c, 3, side, side).
    """
    generator = tools.prior.generator
    size = settings["image_size"] // settings["middle_size"]
    with torch.no_grad():
        every = torch.cat([low, degrade(shrunk(calibration, size)).clamp(0, 1)])
        middle = lift(every).clamp(0, 1)
    found, losses = search(generator, tools.bank, middle, every, degrade, search_settings(settings))
    other = tools.bank.between(middle, min(settings["candidates"], len(tools.bank.styles)))
    n = len(low)
    share = chosen_shares(generator, found[n:], other[n:], calibration, settings["middle_size"])
    return SecondStep(found[:n], other[:n], share, losses)


@torch.no_grad()
def chosen_shares(generator: nn.Module, found: Tensor, other: Tensor, truth: Tensor, middle: int) -> Tensor:
    """The shares, one for layers up to the middle resolution and one above, of least mean absolute error, (L,)."""
    coarse = generator.layers_up_to(middle)  # type: ignore[operator]
    best, least = torch.zeros(found.shape[1]), float("inf")
    for low, high in product(SHARES, SHARES):
        share = torch.cat([torch.full((coarse,), low), torch.full((found.shape[1] - coarse,), high)])
        error = float((generator(interpolated(found, other, share)).clamp(0, 1) - truth).abs().mean())
        if error < least - 1e-6:
            best, least = share, error
    return best


def restored(settings: Settings, factor: int, seed: int) -> dict[str, Any]:
    """Every method on the test faces as one hidden camera took them.

    Returns:
        By method, under its name: each of :data:`METRICS` a face, (N,), ``features`` (N, D) of the reader, ``read``
        int64 (N, K), and pictures uint8 (N, 3, side, side). Under ``"low"``, ``"middle"`` and ``"truth"``: pictures.
        Under ``"step_one"``: the log of CycleGAN, and errors at middle and low resolution with and without it.
    """
    tools = tools_of(settings)
    corpus, pools = faces_of(settings)
    device = tools.bank.styles.device
    side, middle_side = settings["image_size"], settings["middle_size"]
    shot = taken(settings, factor, seed)
    low, truth = shot.test.to(device), pictures_of(corpus, pools.test).to(device)
    calibration = pictures_of(corpus, pools.high[: settings["calibration_faces"]]).to(device)
    cycle, history = step_one(settings, factor, seed, shot.low)

    with_camera = second_step(settings, tools, low, cycle.lifted, cycle.degraded, calibration)
    without = second_step(
        settings, tools, low, lambda its: enlarged(its, middle_side), lambda m: shrunk(m, m.shape[-1] // low.shape[-1]),
        calibration,
    )  # fmt: skip
    from_low, _ = pulse_search(tools.prior.generator, tools.prior.mapping, low, search_settings(settings),
                               settings["bank"], seed=0)  # fmt: skip
    generator, one_step = tools.prior.generator, trained_one_step(settings, factor)
    with torch.no_grad():
        made = {
            "bicubic": enlarged(low, side),
            "one_step": one_step(low),
            "latent_search": generator(from_low),
            "without_step_one": generator(interpolated(without.found, without.other, without.share)),
            "without_interpolation": generator(with_camera.found),
            "two_steps": generator(interpolated(with_camera.found, with_camera.other, with_camera.share)),
        }
        made = {name: pictures.clamp(0, 1) for name, pictures in made.items()}
        lifted = cycle.lifted(low).clamp(0, 1)
        true_middle = shrunk(truth, side // middle_side)
        first = {
            "log": [dict(row) for row in history.epochs],
            "lifted_psnr": float(psnr(lifted, true_middle).mean()),
            "bicubic_psnr": float(psnr(enlarged(low, middle_side), true_middle).mean()),
            "camera_error": float((cycle.degraded(true_middle) - low).abs().mean()),
            "averaging_error": float((shrunk(truth, factor) - low).abs().mean()),
        }
        found: dict[str, Any] = {
            name: scores(pictures, truth, low, cycle.degraded, tools.reader, middle_side)
            for name, pictures in made.items()
        }
    found |= {"low": _bytes(low), "middle": _bytes(lifted), "truth": _bytes(truth), "step_one": first,
              "share": with_camera.share, "losses": with_camera.losses}  # fmt: skip
    found["truth_read"], found["truth_features"] = tools.reader.read(truth).cpu(), tools.reader.features(truth).cpu()
    return found


@torch.no_grad()
def scores(
    made: Tensor, truth: Tensor, low: Tensor, degrade: Callable[[Tensor], Tensor], reader: FaceReader, middle: int
) -> dict[str, Tensor]:
    """What one method's pictures are worth, a face at a time, and the pictures themselves."""
    read, true = reader.read(made), reader.read(truth)
    kept = (read == true).float().mean(1) if read.shape[1] else torch.full((len(made),), float("nan"))
    again = degrade(shrunk(made, made.shape[-1] // middle))
    found = {
        "psnr": psnr(made, truth), "ssim": ssim(made, truth), "feature_distance": reader.distance(made, truth),
        "colour_difference": colour_difference(made, truth), "attributes_kept": kept,
        "low_error": (again - low).abs().mean((1, 2, 3)), "read": read, "features": reader.features(made),
    }  # fmt: skip
    return {name: value.cpu() for name, value in found.items()} | {"pictures": _bytes(made)}


def _bytes(pictures: Tensor) -> Tensor:
    return (255 * pictures.clamp(0, 1)).round().to(torch.uint8).cpu()
