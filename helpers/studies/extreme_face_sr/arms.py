"""What is trained once a run and kept: the generator, the one-step networks, the reader. And step 1, once a seed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

import helpers
from helpers.data.cache import cached
from helpers.data.corpus import Corpus
from helpers.data.fingerprint import fingerprint
from helpers.errors import StudyError
from helpers.evaluation.face_reader import FaceReader
from helpers.methods.cycle_gan import CycleGAN
from helpers.methods.method import Method
from helpers.methods.one_step import OneStep
from helpers.methods.style_prior import StylePrior
from helpers.networks.picture_judges import PictureJudge
from helpers.networks.picture_translation import Enlarger, Lift, Translator
from helpers.networks.principal_codes import PrincipalCodes
from helpers.networks.style_generator import Mapping, StyleGenerator
from helpers.networks.stylegan2_files import stylegan2
from helpers.processes import Job, train_in_processes
from helpers.studies.extreme_face_sr.people import FacePools, Settings, open_faces, pictures_of, pools_of, readings_of
from helpers.training import History, TrainingPlan, train
from helpers.views.degradation import Camera, draw_camera, shrunk

_SOURCES = (
    "networks/style_generator.py", "networks/picture_judges.py", "networks/picture_translation.py",
    "networks/image_encoders.py", "networks/principal_codes.py", "methods/style_prior.py", "methods/one_step.py",
    "objectives/adversarial.py", "objectives/energy_distance.py", "evaluation/face_reader.py", "views/degradation.py",
    "training.py", "studies/extreme_face_sr/arms.py", "studies/extreme_face_sr/people.py",
)  # fmt: skip
_PEOPLE = ("corpus", "image_size", "high_faces", "low_faces", "reader_faces", "test_faces", "cycle_batch", "device")
_PRIOR = ("channels", "style_size", "mapping_layers", "prior_epochs", "prior_batch", "prior_learning_rate",
          "adversarial_share", "adversarial_weight", "r1")  # fmt: skip
_ONE_STEP = ("one_step_width", "one_step_learning_rate", "prior_epochs", "prior_batch", "cycle_steps", "lift_steps")
_LIFT = ("middle_size", "cycle_width", "cycle_learning_rate", "lift_steps")
_MOST_FITTED = 2000  # faces that the principal components are taken from
_READER = ("reader_epochs", "feature_encoder", "feature_weights")


@dataclass(frozen=True)
class Prior:
    """A trained generator.

    Attributes:
        mapping: z → w.
        generator: w → pictures; moving average of the trained one.
        epochs: what training logged, a dict an epoch; empty where the weights came from a file.
    """

    mapping: Mapping
    generator: StyleGenerator
    epochs: list[dict[str, float]]


@lru_cache(maxsize=2)
def _pictures(*which: Any) -> tuple[Corpus, FacePools]:
    settings = dict(zip((*_PEOPLE, "data_root"), which, strict=True))
    corpus = open_faces(settings)
    return corpus, pools_of(corpus, settings)


def faces_of(settings: Settings) -> tuple[Corpus, FacePools]:
    """The run's corpus and who is for what."""
    return _pictures(*(settings[name] for name in (*_PEOPLE, "data_root")))


def in_memory(tensors: dict[str, Tensor], name: str) -> Corpus:
    """A corpus of tensors (n, …) held in memory, for the training loop; sample i is row i of each."""
    n = len(next(iter(tensors.values())))
    table = pd.DataFrame({"sample_id": [f"{name}{i:06d}" for i in range(n)]}).assign(subject=lambda t: t["sample_id"])

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        at = torch.as_tensor(np.asarray(rows))
        return {key: tensor[at] for key, tensor in tensors.items()}

    return Corpus(name, table, load, (), "as the corpus's", "as the corpus's", False, f"{name}/{n}")


def prior_training(settings: Settings) -> Job:
    """The recipe of the generator's training, for any process."""
    corpus, pools = faces_of(settings)
    s = settings
    torch.manual_seed(0)
    some = pools.high[:: max(1, len(pools.high) // _MOST_FITTED)]
    pictures = pictures_of(corpus, some)
    codes = PrincipalCodes(s["style_size"]).fit(pictures)
    generator = StyleGenerator(s["channels"], s["style_size"], base=True)
    generator.set_base(codes(pictures), pictures)
    method = StylePrior(
        codes, Mapping(s["style_size"], s["mapping_layers"]), generator, PictureJudge(s["image_size"]),
        steps=prior_steps(s), adversarial_share=s["adversarial_share"], adversarial_weight=s["adversarial_weight"],
        r1=s["r1"],
    )  # fmt: skip
    plan = TrainingPlan(
        epochs=s["prior_epochs"], batch_size=s["prior_batch"], learning_rate=s["prior_learning_rate"],
        optimiser="adam", schedule="constant", warmup_epochs=min(1.0, s["prior_epochs"] / 20), seed=0,
    )  # fmt: skip
    return Job(method, in_colour(corpus), pools.high, plan, device=s["device"])


def prior_steps(settings: Settings) -> int:
    """Steps of the generator's training."""
    faces = len(faces_of(settings)[1].high)
    return settings["prior_epochs"] * max(1, faces // settings["prior_batch"])


def trained_prior(settings: Settings, processes: int = 1, checkpoint: Path | None = None) -> Prior:
    """The generator of a run: from the cache under ``outputs``, trained, or from a file.

    Args:
        settings: of the run.
        processes: that train it.
        checkpoint: where training keeps its state; beside the cache where None.

    Raises:
        StudyError: a file of weights that is not understood, or draws another size.
    """
    if settings["prior_weights"]:
        return _from_file(settings)

    def build() -> dict[str, Tensor]:
        if checkpoint is None:
            method, history = _trained(prior_training(settings), "generator")
        else:
            method, history = train_in_processes(
                "helpers.studies.extreme_face_sr.arms:prior_training", {"settings": settings}, processes=processes,
                checkpoint=checkpoint, label="generator",
            )  # fmt: skip
        assert isinstance(method, StylePrior)
        return _named("mapping", method.mapping) | _named("generator", method.average) | _logged(history)

    kept = cached(_key(settings, "prior", (*_PEOPLE, *_PRIOR)), build)
    mapping = Mapping(settings["style_size"], settings["mapping_layers"])
    generator = StyleGenerator(settings["channels"], settings["style_size"], base=True)
    _fill(mapping, kept, "mapping")
    _fill(generator, kept, "generator")
    return Prior(mapping.to(_device(settings)), generator.to(_device(settings)), _epochs(kept))


def _from_file(settings: Settings) -> Prior:
    mapping, generator = stylegan2(Path(settings["prior_weights"]))
    if generator.side != settings["image_size"]:
        raise StudyError(f"prior_weights draw {generator.side} pixels, image_size is {settings['image_size']}")
    for one in (mapping, generator):
        one.eval().requires_grad_(False).to(_device(settings))
    return Prior(mapping, generator, [])


def trained_one_step(settings: Settings, factor: int) -> nn.Module:
    """The one-step network of a factor: as many updates as the generator and step 1 have together."""
    network = Enlarger(factor, settings["one_step_width"])

    def build() -> dict[str, Tensor]:
        corpus, pools = faces_of(settings)
        torch.manual_seed(factor)
        method = OneStep(Enlarger(factor, settings["one_step_width"]))
        steps = prior_steps(settings) + settings["lift_steps"] + settings["cycle_steps"]
        each = max(1, len(pools.high) // settings["prior_batch"])
        plan = TrainingPlan(epochs=math.ceil(steps / each), batch_size=settings["prior_batch"], optimiser="adam",
                            learning_rate=settings["one_step_learning_rate"], seed=factor)  # fmt: skip
        train(method, in_colour(corpus), pools.high, plan, label="one-step", device=settings["device"])
        return _named("network", method.encoder)

    names = (*_PEOPLE, *_ONE_STEP)
    return _fill(network, cached(_key(settings, f"one_step{factor}", names), build), "network").to(_device(settings))


def trained_lift(settings: Settings, factor: int) -> Translator:
    """A translator that lifts what a *guessed* camera took of the sharp faces: where step 1 starts, for every seed."""
    s = settings
    network = Translator(s["cycle_width"])

    def build() -> dict[str, Tensor]:
        corpus, pools = faces_of(settings)
        middle = shrunk(pictures_of(corpus, pools.high), s["image_size"] // s["middle_size"])
        torch.manual_seed(10 + factor)
        method = OneStep(Lift(s["middle_size"] * factor // s["image_size"], Translator(s["cycle_width"])))
        each = max(1, len(middle) // s["cycle_batch"])
        plan = TrainingPlan(epochs=math.ceil(s["lift_steps"] / each), batch_size=s["cycle_batch"], optimiser="adam",
                            learning_rate=s["cycle_learning_rate"], seed=factor)  # fmt: skip
        train(method, in_memory({"input": middle}, "middle"), np.arange(len(middle)), plan, label="start of step 1",
              device=s["device"])  # fmt: skip
        assert isinstance(method.encoder, Lift)
        return _named("network", method.encoder.translator)

    names = (*_PEOPLE, *_LIFT)
    _fill(network, cached(_key(settings, f"lift{factor}", names), build), "network")
    return network


def trained_reader(settings: Settings) -> FaceReader:
    """The fixed reader of attributes, in evaluation mode; where the corpus has no labels it stays random."""
    corpus, pools = faces_of(settings)
    readings = readings_of(corpus)

    def fresh() -> FaceReader:
        torch.manual_seed(7)
        s = settings
        return FaceReader(
            s["image_size"], [len(c) for c in readings.classes], s["feature_encoder"], s["feature_weights"]
        )

    def build() -> dict[str, Tensor]:
        reader = fresh()
        if readings.names:
            load = in_colour(corpus).load

            def labelled(rows: np.ndarray) -> dict[str, Tensor]:
                pictures = load(rows)
                assert isinstance(pictures, Tensor)
                mirrored = torch.rand(len(rows)) < 0.5
                pictures = torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures)
                return {"input": pictures, "label": readings.codes[torch.as_tensor(rows)]}

            plan = TrainingPlan(epochs=settings["reader_epochs"], batch_size=32, learning_rate=3e-3, seed=0)
            train(reader, replace(corpus, load=labelled), pools.reader, plan, label="reader", device=settings["device"])
        else:
            reader.train()
            with torch.no_grad():  # its norms know pictures at least
                reader.encoder(2 * pictures_of(corpus, pools.reader[:256]) - 1)
        return _named("reader", reader)

    kept = cached(_key(settings, "reader", (*_PEOPLE, *_READER)), build)
    reader = fresh()
    _fill(reader, kept, "reader")
    return reader.to(_device(settings))


@dataclass(frozen=True)
class Shot:
    """What a hidden camera took of this seed's people.

    Attributes:
        camera: that took them; only its pictures are shown to any method.
        low: of the people seen at low resolution, (n, 3, l, l).
        test: of the test people, (m, 3, l, l).
    """

    camera: Camera
    low: Tensor
    test: Tensor


def taken(settings: Settings, factor: int, seed: int, strength: float | None = None) -> Shot:
    """Draw a camera and take pictures with it; a seed has the same people and, but for its factor, camera at each."""
    corpus, pools = faces_of(settings)
    generator = torch.Generator().manual_seed(1000 + seed)
    camera = draw_camera(factor, generator, settings["camera_strength"] if strength is None else strength)
    people = np.random.default_rng((5, seed)).permutation(pools.low)[: settings["low_faces"]]
    low = camera(pictures_of(corpus, people), generator)
    return Shot(camera, low, camera(pictures_of(corpus, pools.test), generator))


def step_one(settings: Settings, factor: int, seed: int, low: Tensor) -> tuple[CycleGAN, History]:
    """CycleGAN between low-resolution pictures of some people and middle-resolution pictures of others.

    Its lifting translator starts from :func:`trained_lift`, so that its few steps go into this camera.
    """
    corpus, pools = faces_of(settings)
    s = settings
    middle = shrunk(pictures_of(corpus, pools.high), s["image_size"] // s["middle_size"])
    people = in_memory({"low": low}, "unpaired")

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        return {"low": low[torch.as_tensor(rows)], "middle": middle[torch.randint(len(middle), (len(rows),))]}

    start = trained_lift(settings, factor)
    torch.manual_seed(100 + seed)
    method = CycleGAN(
        s["image_size"] // factor, s["middle_size"], width=s["cycle_width"], cycle=s["cycle_weight"],
        identity=s["identity_weight"],
    )  # fmt: skip
    method.encoder.load_state_dict(start.state_dict())
    each = max(1, len(low) // s["cycle_batch"])
    plan = TrainingPlan(epochs=math.ceil(s["cycle_steps"] / each), batch_size=s["cycle_batch"], optimiser="adam",
                        learning_rate=s["cycle_learning_rate"], seed=seed)  # fmt: skip
    history = train(method, replace(people, load=load), np.arange(len(low)), plan, label=f"step 1, ×{factor}",
                    device=s["device"])  # fmt: skip
    return method.requires_grad_(False), history


def in_colour(corpus: Corpus) -> Corpus:
    """The same pictures, three channels each and nothing beside them."""
    return replace(corpus, load=lambda rows: pictures_of(corpus, rows))


def _trained(job: Job, label: str) -> tuple[Method, History]:
    return job.method, train(job.method, job.corpus, job.rows, job.plan, label=label, device=job.device)


def _key(settings: Settings, what: str, names: tuple[str, ...]) -> dict[str, object]:
    """What a kept network depends on: its settings, the faces, and the code that trains it."""
    folder = Path(helpers.__file__).parent
    code = fingerprint([folder / name for name in _SOURCES])
    key: dict[str, object] = {"what": what, "faces": faces_of(settings)[0].fingerprint, "code": code}
    return key | {name: settings[name] for name in names}


def _named(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor.detach().cpu() for name, tensor in module.state_dict().items()}


def _fill(module: nn.Module, kept: dict[str, Tensor], prefix: str) -> nn.Module:
    state = {name.removeprefix(f"{prefix}."): t for name, t in kept.items() if name.startswith(f"{prefix}.")}
    module.load_state_dict(state)
    return module.eval().requires_grad_(False)


def _logged(history: History) -> dict[str, Tensor]:
    names = sorted({name for row in history.epochs for name in row})
    return {f"log.{name}": torch.tensor([row.get(name, math.nan) for row in history.epochs]) for name in names}


def _epochs(kept: dict[str, Tensor]) -> list[dict[str, float]]:
    columns = {name.removeprefix("log."): t.tolist() for name, t in kept.items() if name.startswith("log.")}
    count = len(next(iter(columns.values()), []))
    return [{name: its[i] for name, its in columns.items() if not math.isnan(its[i])} for i in range(count)]


def _device(settings: Settings) -> str:
    if settings["device"] == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return settings["device"]
