"""The parts of a drawn face, each rendered once as a layer that takes any colour.

The shapes are python-avatars' (after Pablo Stanley's Avataaars), rendered by resvg. A part is rendered twice, its
coloured area black and white; its picture is linear in that colour, so every other colour follows without rendering.
"""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.progress import bar

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS_VERSION = "face parts:1"  # change it and every cached layer is rendered anew
VIEW = (17.0, 2.0, 230.0)  # left, top and side of the square that is seen, in the drawing's units of 264 × 280

# From the lowest layer to the highest.
KINDS = ("body", "clothes", "mouth", "nose", "eyes", "brows", "beard", "hair", "glasses")

SMILES = ("SMILE", "BIG_SMILE", "TWINKLE", "DEFAULT")
NO_SMILES = ("SERIOUS", "SAD", "CONCERNED", "DISBELIEF", "GRIMACE", "SCREAM_OPEN")
BEARDS = ("BEARD_LIGHT", "BEARD_MEDIUM", "BEARD_MAGESTIC", "MOUSTACHE_FANCY", "MOUSTACHE_MAGNUM", "WICK_BEARD")
GLASSES = ("PRESCRIPTION_1", "PRESCRIPTION_2", "ROUND", "WAYFARERS", "KURT", "SUNGLASSES")


@dataclass(frozen=True)
class Style:
    """Which parts and colours faces of a style are made of; two styles share no hair, clothes or colour.

    Attributes:
        long_hair, short_hair: names of tops.
        clothes, eyes, brows, noses: names of parts.
        tones: skin tones from the lightest to the darkest, each a colour ``#rrggbb``.
        hair_colours, cloth_colours: ``#rrggbb``.
    """

    long_hair: tuple[str, ...]
    short_hair: tuple[str, ...]
    clothes: tuple[str, ...]
    eyes: tuple[str, ...]
    brows: tuple[str, ...]
    noses: tuple[str, ...]
    tones: tuple[str, ...]
    hair_colours: tuple[str, ...]
    cloth_colours: tuple[str, ...]


STYLES = {
    "everyday": Style(
        long_hair=("BOB", "CURLY", "CURVY", "LONG_NOT_TOO_LONG", "MIA_WALLACE", "STRAIGHT_1", "STRAIGHT_2", "BIG_HAIR"),
        short_hair=("CAESAR", "CAESAR_SIDE_PART", "SHORT_CURLY", "SHORT_DREADS_1", "SHORT_FLAT", "SHORT_ROUND",
                    "SHORT_WAVED", "SIDES"),
        clothes=("BLAZER_SHIRT", "BLAZER_SWEATER", "COLLAR_SWEATER", "HOODIE", "OVERALL", "SHIRT_CREW_NECK",
                 "SHIRT_SCOOP_NECK", "SHIRT_V_NECK"),
        eyes=("DEFAULT", "SIDE", "SQUINT", "HAPPY", "CLOSED", "WINK"),
        brows=("DEFAULT_NATURAL", "FLAT_NATURAL", "RAISED_EXCITED_NATURAL", "DEFAULT", "RAISED_EXCITED"),
        noses=("DEFAULT", "SMALL", "WIDE"),
        tones=("#FFDBB4", "#EDB98A", "#D08B5B", "#AE5D29", "#614335"),
        hair_colours=("#2C1B18", "#4A312C", "#724133", "#A55728", "#B58143", "#D6B370", "#C93305", "#9A9590"),
        cloth_colours=("#262E33", "#65C9FF", "#5199E4", "#25557C", "#929598", "#A7FFC4", "#FF488E", "#FFFFB1",
                       "#FF5C5C"),
    ),
    "costume": Style(
        long_hair=("STRAIGHT_STRAND", "SHAGGY_MULLET", "BRAIDS", "DREADLOCKS", "FRO"),
        short_hair=("SHAGGY", "SHORT_DREADS_2", "ELVIS", "EVIL_SPIKE", "MOHAWK", "QUIFF", "FRO_BAND", "TURBAN", "HAT"),
        clothes=("ASTRONAUT_SUIT", "BOND_SUIT", "CHEF", "GLADIATOR", "JEDI_ROBE"),
        eyes=("SURPRISED", "EYE_ROLL", "HEART", "CRY", "WINK_WACKY"),
        brows=("ANGRY_NATURAL", "UP_DOWN_NATURAL", "SAD_CONCERNED_NATURAL", "UNIBROW_NATURAL"),
        noses=("DEFAULT", "SMALL", "WIDE"),
        tones=("#F8D25C", "#C7E59B", "#8FD0D8", "#9C93E0", "#5B6FA8"),
        hair_colours=("#F59797", "#ECDCBF", "#3FA7D6", "#59CD90", "#B144C7", "#F2F2F2", "#1E1E5A"),
        cloth_colours=("#7A1F3D", "#E0B000", "#3B7A57", "#D8D8F6", "#FF8C42", "#50208A"),
    ),
}  # fmt: skip


def names_of(kind: str) -> tuple[str, ...]:
    """Names of all parts of a kind, of every style, in the order of their layers."""
    everything = {
        "body": ("BODY",),
        "clothes": tuple(c for s in STYLES.values() for c in s.clothes),
        "mouth": (*SMILES, *NO_SMILES),
        "nose": STYLES["everyday"].noses,
        "eyes": tuple(e for s in STYLES.values() for e in s.eyes),
        "brows": tuple(b for s in STYLES.values() for b in s.brows),
        "beard": BEARDS,
        "hair": tuple(h for s in STYLES.values() for h in (*s.long_hair, *s.short_hair)),
        "glasses": GLASSES,
    }
    return everything[kind]


@dataclass(frozen=True)
class Layers:
    """All parts of one kind, cropped to where any of them draws.

    Attributes:
        names: of the parts, (n,).
        top, left: of the crop, pixels.
        alpha: cover, float32 (n, 1, h, w) in [0, 1].
        base: what is seen where the part's colour is black, times the cover, float32 (n, 3, h, w) in [0, 1].
        tint: what a colour adds: the layer's picture is ``base + tint · colour``, float32 (n, 3, h, w).
    """

    names: tuple[str, ...]
    top: int
    left: int
    alpha: Tensor
    base: Tensor
    tint: Tensor


def face_layers(side: int) -> dict[str, Layers]:
    """Layers by kind, rendered at ``side`` pixels; from the cache where they were rendered before."""
    key: dict[str, object] = {"parts": PARTS_VERSION, "side": side, "view": list(VIEW),
                              "names": {kind: list(names_of(kind)) for kind in KINDS}}  # fmt: skip
    stored = cached(key, lambda: _rendered_kinds(side))
    found = {}
    for kind in KINDS:
        both = stored[kind].float() / 255  # (n, 7, h, w): cover, under black, under white
        top, left = stored[f"{kind}_corner"].tolist()
        alpha, black, white = both[:, :1], both[:, 1:4], both[:, 4:]
        found[kind] = Layers(names_of(kind), top, left, alpha, black * alpha, (white - black) * alpha)
    return found


def _rendered_kinds(side: int) -> dict[str, Tensor]:
    stored = {}
    with bar(sum(len(names_of(kind)) for kind in KINDS), "rendering face parts", "part") as shown:
        for kind in KINDS:
            pictures = []
            for name in names_of(kind):
                pictures.append(_rendered(kind, name, side))
                shown.update()
            stored[kind], stored[f"{kind}_corner"] = _cropped(np.stack(pictures))
    return stored


def _rendered(kind: str, name: str, side: int) -> np.ndarray:
    """A part's cover and its colours under black and under white, uint8 (7, side, side)."""
    black, white = (_pixels(_drawing(kind, name, colour), side) for colour in ("#000000", "#ffffff"))
    return np.concatenate([black[..., 3:], black[..., :3], white[..., :3]], axis=2).transpose(2, 0, 1)


def _cropped(pictures: np.ndarray) -> tuple[Tensor, Tensor]:
    rows, columns = (np.flatnonzero(pictures[:, 0].any(axis=(0, axis))) for axis in (2, 1))
    cut = pictures[:, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return torch.from_numpy(cut.copy()), torch.tensor([int(rows[0]), int(columns[0])])


def _drawing(kind: str, name: str, colour: str) -> str:
    """SVG of one part alone in the square that is seen."""
    import python_avatars as avatars

    nothing: dict[str, Any] = {"top": avatars.HairType.NONE, "eyebrows": None, "eyes": None, "nose": None,
                               "mouth": None, "facial_hair": None, "accessory": None, "clothing": None}  # fmt: skip
    chosen: dict[str, Any] = {
        "body": dict,
        "clothes": lambda: {"clothing": avatars.ClothingType[name], "clothing_color": colour},
        "mouth": lambda: {"mouth": avatars.MouthType[name]},
        "nose": lambda: {"nose": avatars.NoseType[name]},
        "eyes": lambda: {"eyes": avatars.EyeType[name]},
        "brows": lambda: {"eyebrows": avatars.EyebrowType[name]},
        "beard": lambda: {"facial_hair": avatars.FacialHairType[name], "facial_hair_color": colour},
        "hair": lambda: {"top": _top(avatars, name), "hair_color": colour, "hat_color": colour},
        "glasses": lambda: {"accessory": avatars.AccessoryType[name]},
    }[kind]()
    text = avatars.Avatar(style=avatars.AvatarStyle.TRANSPARENT, skin_color=colour, **nothing | chosen).render()
    root = ElementTree.fromstring(text)
    left, top, side = VIEW
    root.set("viewBox", f"{left:g} {top:g} {side:g} {side:g}")
    root.set("width", f"{side:g}")
    root.set("height", f"{side:g}")
    if kind != "body":
        for group in root:
            for body in [child for child in group if (child.get("id") or "").endswith("_Body")]:
                group.remove(body)
    return ElementTree.tostring(root, encoding="unicode")


def _top(avatars: Any, name: str) -> Any:
    """Hair or, where no hair is called so or a hat is, a hat."""
    return avatars.HatType[name] if name in ("TURBAN", "HAT") else avatars.HairType[name]


def _pixels(svg: str, side: int) -> np.ndarray:
    """Red, green, blue (not multiplied by the cover) and cover, uint8 (side, side, 4)."""
    import resvg_py
    from PIL import Image

    data = resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side, skip_system_fonts=True)
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))


def rgb(colours: Sequence[str]) -> np.ndarray:
    """``#rrggbb`` as float32 (n, 3) in [0, 1]."""
    return np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours], dtype=np.float32)
