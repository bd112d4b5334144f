"""Drawn faces: exact attributes, five skin tones as groups, people with several pictures each.

A person has skin, hair, beard, nose, proportions of their own; a picture its expression, glasses, clothes, pose, light
and background. Everything is drawn from numbers a face owns, so the same person looks the same at every size. The parts
come from :mod:`helpers.data.simulated.face_parts`; layers, pose, background and light are batched tensor operations.

Attributes are independent of the skin tone unless shares say otherwise. A tone is a colour of a drawing: it stands for
no people, and the package that the parts come from knows no gender, so nothing here has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.data.cache import cached
from helpers.data.corpus import SPLITS, Corpus
from helpers.data.simulated.face_parts import (
    BEARDS,
    GLASSES,
    KINDS,
    NO_SMILES,
    PARTS_VERSION,
    SMILES,
    STYLES,
    Layers,
    Style,
    face_layers,
    names_of,
    rgb,
)
from helpers.errors import StudyError
from helpers.progress import bar

GENERATOR = "faces:1"  # name and version: change it and every cached corpus is drawn anew
TONES = ("lightest", "light", "medium", "dark", "darkest")  # groups, a word a tone of the style
ATTRIBUTES = ("smile", "glasses", "facial_hair", "long_hair")
EQUAL = (0.2, 0.2, 0.2, 0.2, 0.2)
_CHUNK = 2**19  # pixels composed at once: what the processor's caches hold
_ZOOM = 1.12  # of every face: layers reach beyond the picture, so that poses show no edge


@dataclass(frozen=True)
class People:
    """How many people a split has, and of which skin tones.

    Args:
        count: people, >= 0.
        tone_shares: share of each of :data:`TONES`, each >= 0, summing to 1; met to within one person.
    """

    count: int
    tone_shares: tuple[float, ...] = EQUAL


def draw_traits(people: Mapping[str, People], pictures: int, style: str = "everyday", seed: int = 0) -> pd.DataFrame:
    """Everything that a picture depends on, a row a picture; the numbers of a picture depend on its person and place.

    Args:
        people: by split; a split's people do not depend on the other splits.
        pictures: of each person, >= 1.
        style: of :data:`face_parts.STYLES`.
        seed: of all traits.

    Returns:
        ``split``, ``subject``, ``group`` (of :data:`TONES`), ``tone`` (0 the lightest), the :data:`ATTRIBUTES` as 0 or
        1, the position of each kind of part (−1 where there is none), and numeric columns of colour, pose and light.
    """
    look, records = STYLES[style], []
    for split, its in people.items():
        tones = _tones(its, np.random.default_rng((seed, SPLITS.index(split))))
        for i, tone in enumerate(tones):
            one = _person(look, int(tone), np.random.default_rng((seed, SPLITS.index(split), i)))
            name = {"split": split, "subject": f"{split}{i:05d}", "group": TONES[tone], "tone": int(tone)}
            for j in range(pictures):
                rng = np.random.default_rng((seed, SPLITS.index(split), i, 1 + j))
                records.append({"sample_id": f"{split}{i:05d}_{j}"} | name | one | _picture(look, rng))
    return pd.DataFrame(records)


def _tones(its: People, rng: np.random.Generator) -> np.ndarray:
    """Tone of each person, in random order, int64 (count,)."""
    shares = np.asarray(its.tone_shares, dtype=float)
    edges = np.round(np.cumsum(shares) * its.count).astype(int)
    return rng.permutation(np.repeat(np.arange(len(TONES)), np.diff(np.concatenate([[0], edges]))))


def _any(rng: np.random.Generator, kind: str, choices: Sequence[str]) -> int:
    return names_of(kind).index(choices[int(rng.integers(len(choices)))])


def _colour(rng: np.random.Generator, name: str, colour: np.ndarray, spread: float) -> dict[str, float]:
    made = np.clip(colour * np.exp(rng.normal(0, spread)) * np.exp(rng.normal(0, 0.02, 3)), 0, 1)
    return {f"{name}_{c}": float(v) for c, v in zip("rgb", made, strict=True)}


def _person(look: Style, tone: int, rng: np.random.Generator) -> dict[str, float | int]:
    bearded, long = rng.random() < 0.5, rng.random() < 0.5
    hair = rgb(look.hair_colours)[int(rng.integers(len(look.hair_colours)))]
    return {
        "facial_hair": int(bearded), "long_hair": int(long),
        "beard": _any(rng, "beard", BEARDS) if bearded else -1,
        "hair": _any(rng, "hair", look.long_hair if long else look.short_hair),
        "nose": _any(rng, "nose", look.noses),
        **_colour(rng, "skin", rgb(look.tones)[tone], 0.04),
        **_colour(rng, "hair", hair, 0.10),
        **_colour(rng, "beard", hair, 0.08),
        "width": float(np.exp(rng.normal(0, 0.05))), "height": float(np.exp(rng.normal(0, 0.03))),
    }  # fmt: skip


def _picture(look: Style, rng: np.random.Generator) -> dict[str, float | int]:
    smile, glasses = rng.random() < 0.5, rng.random() < 0.5
    cloth = rgb(look.cloth_colours)[int(rng.integers(len(look.cloth_colours)))]
    found: dict[str, float | int] = {
        "smile": int(smile), "glasses": int(glasses),
        "mouth": _any(rng, "mouth", SMILES if smile else NO_SMILES),
        "spectacles": _any(rng, "glasses", GLASSES) if glasses else -1,
        "eyes": _any(rng, "eyes", look.eyes), "brows": _any(rng, "brows", look.brows),
        "clothes": _any(rng, "clothes", look.clothes),
        **_colour(rng, "cloth", cloth, 0.08),
        "turn": float(rng.normal(0, 0.07)), "scale": float(np.exp(rng.normal(0, 0.06))),
        "right": float(rng.normal(0, 0.05)), "down": float(rng.normal(0, 0.04)),
        "gain": float(rng.uniform(0.78, 1.08)), "slope_x": float(rng.normal(0, 0.12)),
        "slope_y": float(rng.normal(0, 0.08)), "cast_r": float(rng.normal(0, 0.03)),
        "cast_b": float(rng.normal(0, 0.03)),
    }  # fmt: skip
    scene = {"ground": rng.uniform(0.08, 0.95, 3), "sky": rng.uniform(0.08, 0.95, 3)}
    found |= {f"{name}_{c}": float(v) for name, its in scene.items() for c, v in zip("rgb", its, strict=True)}
    edge = {
        "edge_turn": rng.uniform(0, 2 * np.pi),
        "edge_place": rng.uniform(-0.6, 0.6),
        "edge_sharp": rng.uniform(1, 12),
    }
    disc = {"disc_x": rng.uniform(-1, 1), "disc_y": rng.uniform(-1, 0.4), "disc_size": rng.uniform(0.15, 0.5),
            "disc_lift": rng.normal(0, 0.3)}  # fmt: skip
    return found | {name: float(value) for name, value in (edge | disc).items()}


def draw_faces(traits: pd.DataFrame, size: int) -> Tensor:
    """Pictures of faces, uint8 (n, 3, size, size).

    Args:
        traits: of :func:`draw_traits`, n rows; a picture depends on its own row alone.
        size: side, pixels, >= 16; small ones are drawn at twice that and averaged.
    """
    side = max(96, size if size > 128 else 2 * size)
    layers = face_layers(side)
    images = torch.empty(len(traits), 3, size, size, dtype=torch.uint8)
    with bar(len(traits), "drawing faces", "face") as shown, torch.no_grad():
        at_once = max(1, _CHUNK // side**2)
        for start in range(0, len(traits), at_once):
            part = traits.iloc[start : start + at_once]
            images[start : start + len(part)] = _composed(part, layers, side, size)
            shown.update(len(part))
    return images


def _composed(part: pd.DataFrame, layers: dict[str, Layers], side: int, size: int) -> Tensor:
    n = len(part)
    seen, cover = torch.zeros(n, 3, side, side), torch.zeros(n, 1, side, side)
    colour_of = {"body": "skin", "clothes": "cloth", "beard": "beard", "hair": "hair"}
    for kind in KINDS:
        layer = layers[kind]
        column = {"glasses": "spectacles"}.get(kind, kind)
        which = np.zeros(n, dtype=int) if kind == "body" else part[column].to_numpy()
        rows = torch.from_numpy(np.flatnonzero(which >= 0))
        if len(rows) == 0:
            continue
        which_there = torch.from_numpy(which[which >= 0].astype(np.int64))
        alpha, own = layer.alpha[which_there], layer.base[which_there]
        if kind in colour_of:
            own = own + layer.tint[which_there] * _columns(part, colour_of[kind])[rows, :, None, None]
        down = slice(layer.top, layer.top + alpha.shape[2])
        across = slice(layer.left, layer.left + alpha.shape[3])
        seen[rows, :, down, across] = seen[rows, :, down, across] * (1 - alpha) + own
        cover[rows, :, down, across] = cover[rows, :, down, across] * (1 - alpha) + alpha
    posed = F.grid_sample(torch.cat([seen, cover], 1), F.affine_grid(_pose(part), [n, 4, side, side], False),
                          padding_mode="border", align_corners=False)  # fmt: skip
    picture = posed[:, :3] + _background(part, side) * (1 - posed[:, 3:])
    picture = _lit(part, picture)
    if side != size:
        picture = F.interpolate(picture, (size, size), mode="area")
    return (picture.clamp(0, 1) * 255).round().to(torch.uint8)


def _columns(part: pd.DataFrame, name: str) -> Tensor:
    return torch.tensor(part[[f"{name}_{c}" for c in "rgb"]].to_numpy(np.float32))  # (n, 3)


def _number(part: pd.DataFrame, name: str) -> Tensor:
    return torch.tensor(part[name].to_numpy(np.float32))[:, None, None, None]


def _pose(part: pd.DataFrame) -> Tensor:
    """From the picture's places to the upright face's, (n, 2, 3)."""
    turn, scale = part["turn"].to_numpy(), _ZOOM * part["scale"].to_numpy()
    wide, high = 1 / (scale * part["width"].to_numpy()), 1 / (scale * part["height"].to_numpy())
    lines = [[np.cos(turn) * wide, -np.sin(turn) * wide, -part["right"].to_numpy()],
             [np.sin(turn) * high, np.cos(turn) * high, -part["down"].to_numpy()]]  # fmt: skip
    return torch.from_numpy(np.array(lines, dtype=np.float32).transpose(2, 0, 1).copy())


def _places(side: int) -> tuple[Tensor, Tensor]:
    """x and y of every pixel in [−1, 1], (1, 1, 1, side) and (1, 1, side, 1)."""
    line = (torch.arange(side) + 0.5) / side * 2 - 1
    return line[None, None, None, :], line[None, None, :, None]


def _background(part: pd.DataFrame, side: int) -> Tensor:
    """Two colours along a soft edge, and a disc of light or shade."""
    x, y = _places(side)
    turn = _number(part, "edge_turn")
    along = turn.cos() * x + turn.sin() * y - _number(part, "edge_place")
    mixed = torch.sigmoid(_number(part, "edge_sharp") * along)  # (n, 1, side, side)
    ground, sky = _columns(part, "ground")[:, :, None, None], _columns(part, "sky")[:, :, None, None]
    away = (x - _number(part, "disc_x")) ** 2 + (y - _number(part, "disc_y")) ** 2
    disc = torch.sigmoid((_number(part, "disc_size") ** 2 - away) * 40) * _number(part, "disc_lift")
    return (ground + (sky - ground) * mixed + disc).clamp(0, 1)


def _lit(part: pd.DataFrame, picture: Tensor) -> Tensor:
    x, y = _places(picture.shape[-1])
    light = _number(part, "gain") * (1 + _number(part, "slope_x") * x + _number(part, "slope_y") * y)
    cast = torch.cat([1 + _number(part, "cast_r"), torch.ones(len(part), 1, 1, 1), 1 + _number(part, "cast_b")], 1)
    return picture * light * cast


def drawn_faces(
    people: Mapping[str, People], pictures: int = 4, size: int = 64, style: str = "everyday", seed: int = 0
) -> Corpus:
    """A corpus of drawn faces.

    Args:
        people: by split: any of ``train``, ``validation``, ``test``, ``unlabelled``.
        pictures: of each person, >= 1.
        size: side, pixels, 16 to 1024.
        style: ``"everyday"``, or ``"costume"``: other hair, clothes and colours, none of them shared.
        seed: of everything drawn.

    Returns:
        A corpus whose ``load`` gives float32 (B, 3, size, size) in [0, 1]. Its subject is the person, its group the
        skin tone; :data:`ATTRIBUTES` are its labels, 0 or 1 and empty for unlabelled rows, whose truth stands in the
        columns ``exact_<attribute>`` (there for every row).

    Raises:
        StudyError: an unknown split or style, or a number out of range.
    """
    _check(people, pictures, size, style)
    traits = draw_traits(people, pictures, style, seed)
    wanted = {split: [its.count, list(its.tone_shares)] for split, its in people.items()}
    key: dict[str, object] = {"generator": GENERATOR, "parts": PARTS_VERSION, "people": wanted, "pictures": pictures,
                              "size": size, "style": style, "seed": seed}  # fmt: skip
    images = cached(key, lambda: {"images": draw_faces(traits, size)})["images"]
    table = traits[["sample_id", "subject", "group", "tone", "split"]].copy()
    table["hair"] = np.array(names_of("hair"), dtype=object)[traits["hair"]]
    hidden = (traits["split"] == "unlabelled").to_numpy()
    for name in ATTRIBUTES:
        table[f"exact_{name}"] = traits[name]
        table[name] = traits[name].astype("Int64").mask(hidden)

    def load(rows: np.ndarray) -> Tensor:
        return images[torch.as_tensor(np.asarray(rows))].float() / 255

    counts = "/".join(f"{split}:{its.count}:{its.tone_shares}" for split, its in people.items())
    return Corpus(
        name="faces",
        table=table,
        load=load,
        labels=ATTRIBUTES,
        licence="made here; shapes: python-avatars (MIT), after Avataaars by Pablo Stanley",
        source=f"drawn faces ({style}): python-avatars rendered by resvg, posed and lit here",
        simulated=True,
        fingerprint=f"{GENERATOR}/{PARTS_VERSION}/{counts}/{pictures}/{size}/{style}/{seed}",
    )


def _check(people: Mapping[str, People], pictures: int, size: int, style: str) -> None:
    unknown = sorted(set(people) - set(SPLITS))
    if unknown:
        raise StudyError(f"drawn faces: unknown split {unknown[0]!r}; allowed: {', '.join(SPLITS)}")
    if style not in STYLES:
        raise StudyError(f"drawn faces: unknown style {style!r}; there are: {', '.join(STYLES)}")
    for split, its in people.items():
        shares = np.asarray(its.tone_shares, dtype=float)
        if its.count < 0 or shares.shape != (len(TONES),) or (shares < 0).any() or abs(shares.sum() - 1) > 1e-6:
            raise StudyError(
                f"drawn faces, {split}: {its.count} people with tone shares {list(its.tone_shares)}; give a count of 0 "
                f"or more and {len(TONES)} shares that sum to 1"
            )
    if sum(its.count for its in people.values()) == 0 or pictures < 1 or not 16 <= size <= 1024:
        raise StudyError(
            f"drawn faces need people, at least one picture each ({pictures}) and a size ({size}) of 16 to 1024 pixels"
        )
