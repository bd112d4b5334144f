"""Volumes with masks: simulated brains, the Medical Segmentation Decathlon, BraTS, MM-WHS, LUNA16, NIfTI, manifests.

Every reader returns a :class:`Corpus` without label columns: the labels of a volume are its mask. ``has_mask`` says
which rows have one that may be looked at; ``load`` gives ``{"input": float32 (B, 1, D, H, W) in [0, 1], "mask": int64
(B, D, H, W), 0 background, 1 … classes, "affine": float64 (B, 4, 4), index (d, h, w, 1) to millimetres}``. All
volumes of a corpus lie on one grid whose axes run up, to the front and to the right: slices along the first are axial.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from helpers.data.cache import cached
from helpers.data.corpora.volume_files import Header, read_header, read_volume
from helpers.data.corpora.volume_grid import Grid, fitting_spacing, to_grid
from helpers.data.corpora.volume_layouts import Case, Layout, find_layout
from helpers.data.corpus import Corpus, split_by_subject
from helpers.data.fingerprint import fingerprint
from helpers.data.simulated.brains import GENERATOR, TISSUES, draw_brains
from helpers.errors import StudyError
from helpers.progress import bar

SHARES = {"unlabelled": 0.35, "train": 0.30, "validation": 0.10, "test": 0.25}  # of the subjects, where none are given
_READER = 1  # change it and every cache is made anew


@dataclass(frozen=True)
class VolumeSettings:
    """How volumes are brought to a grid, and how many brains are drawn.

    Args:
        depth: slices of the grid.
        size: side of the slices, voxels.
        spacing: of the voxels, mm; 0 for the finest at which every volume fits whole. Drawn brains have 192/size.
        channel: which channel of files that have several.
        limit: volumes used, spread evenly over the corpus; 0 for all.
        subjects: brains to draw.
        deformation, inverted: of drawn brains, see :func:`draw_brains`.
        seed: of the drawing and of the split.
    """

    depth: int = 32
    size: int = 48
    spacing: float = 0.0
    channel: int = 0
    limit: int = 0
    subjects: int = 80
    deformation: float = 6.0
    inverted: float = 0.0
    seed: int = 0


def volume_corpus(name: str, data_root: str = "", settings: VolumeSettings = VolumeSettings()) -> Corpus:
    """The corpus of a parameter file.

    Without splits of its own a corpus is split by subject: unlabelled subjects, whose slices are the 2-D corpus and
    whose masks are never loaded, then training, validation and test subjects.

    Args:
        name: ``"brains"``, ``"decathlon"``, ``"brats"``, ``"mmwhs"``, ``"luna16"``, ``"folder"`` or ``"manifest"``.
        data_root: where a real one lies.
        settings: see :class:`VolumeSettings`.

    Raises:
        StudyError: an unknown name, or what the reader finds wrong with the files.
    """
    if name == "brains":
        return drawn_brains(settings)
    return read_layout(find_layout(name, Path(data_root)), settings)


def volume_sources(name: str, data_root: str, settings: VolumeSettings) -> list[Path | str]:
    """What a corpus of volumes is read from, for its fingerprint.

    Raises:
        StudyError: ``data_root`` is missing or holds no such corpus.
    """
    if name == "brains":
        return [_drawn_source(settings), "package:nilearn"]
    layout = find_layout(name, Path(data_root))
    files = [file for case in layout.cases for file in (case.image, case.label) if file is not None and file.is_file()]
    raws = [file.with_suffix(".raw") for file in files if file.suffix == ".mhd"]
    named = Path(data_root) / "dataset.json" if name == "decathlon" else Path(data_root)
    return [*files, *(raw for raw in raws if raw.is_file()), *([named] if named.is_file() else [])]


def class_names(corpus: Corpus) -> list[str]:
    """Names of the classes of a corpus of volumes, background not among them."""
    return list(corpus.table["classes"].iloc[0].split("|"))


def voxel_spacing(corpus: Corpus) -> float:
    """The spacing of the corpus's grid, mm."""
    return float(corpus.table["spacing"].iloc[0])


def drawn_brains(settings: VolumeSettings) -> Corpus:
    """Simulated subjects on one real anatomy (:mod:`helpers.data.simulated.brains`), tissues exactly marked."""
    s, source = settings, _drawn_source(settings)

    def build() -> dict[str, Tensor]:
        drawn = draw_brains(s.subjects, s.depth, s.size, s.seed, s.deformation, s.inverted)
        affine = drawn.affine.expand(s.subjects, 4, 4).clone()
        return {"images": drawn.images, "masks": drawn.masks, "affines": affine, "contrast": drawn.contrast}

    held = cached({"source": source}, build)
    names = [f"brain{i:04d}" for i in range(s.subjects)]
    groups = np.where(held["contrast"].numpy() > 0, "white brighter", "grey brighter").astype(object)
    table = pd.DataFrame({"sample_id": names, "subject": names, "group": groups})
    table["split"] = split_by_subject(table, SHARES, s.seed, "group")
    return _corpus("brains", table, held, list(TISSUES), 192.0 / s.size,
                   licence="ICBM152 2009a as carried by nilearn (BSD 3-Clause; the template under its own terms)",
                   source="helpers.data.simulated.brains on the MNI152 template (Fonov et al. 2011)", simulated=True,
                   fingerprint=fingerprint([source, "package:nilearn"]))  # fmt: skip


def read_layout(layout: Layout, settings: VolumeSettings) -> Corpus:
    """Read the volumes of a layout onto one grid.

    A volume that is cut short or damaged is left out and told of in the notices; so is one whose label is. Intensities
    are scaled so that 0 and 1 are the 0.5 and 99.5 % quantiles of what differs from the volume's smallest value.

    Raises:
        StudyError: image and label do not lie on the same voxels, a label is of no known class, or nothing can be read.
    """
    cases = _limited(layout.cases, settings.limit)
    notices = list(layout.remarks)
    headers: list[Header] = []
    kept: list[Case] = []
    for case in cases:
        try:
            header = read_header(case.image)
            if case.label is not None:
                _check_pair(case, header, read_header(case.label))
        except _Mismatch:
            raise
        except StudyError as error:
            notices.append(f"left out: {error}")
            continue
        headers.append(header)
        kept.append(case)
    if not kept:
        raise StudyError(f"{layout.name}: no volume can be read; {notices[-1]}")
    shape = (settings.depth, settings.size, settings.size)
    grid = Grid(shape, settings.spacing or round(fitting_spacing(headers, shape) + 0.005, 2))
    files = [file for case in kept for file in (case.image, case.label) if file is not None]
    raws = [raw for file in files if file.suffix == ".mhd" and (raw := file.with_suffix(".raw")).is_file()]
    content = fingerprint([*files, *raws])
    ids = [case.sample_id for case in kept]
    key = {"reader": _READER, "data": content, "ids": ids, "grid": [*shape, grid.spacing], "channel": settings.channel}
    held = cached(key, lambda: _decoded(layout, kept, grid, settings.channel))
    readable = held["readable"].bool().numpy()
    notices += [f"left out: {ids[i]}: its voxels cannot be read, the file is cut short or damaged"
                for i in np.flatnonzero(~readable)]  # fmt: skip
    if not readable.any():
        raise StudyError(f"{layout.name}: no volume can be read; {notices[-1]}")
    whole = torch.as_tensor(readable)
    held = {name: tensor[whole] if name != "values" else tensor for name, tensor in held.items()}
    kept = [case for case, read in zip(kept, readable, strict=True) if read]
    return _labelled(layout, kept, held, grid, settings, content, notices)


def _labelled(
    layout: Layout, cases: list[Case], held: dict[str, Tensor], grid: Grid, settings: VolumeSettings, content: str,
    notices: list[str],
) -> Corpus:  # fmt: skip
    """The corpus of cases that were read."""
    classes = _classes(layout, held["values"].tolist())
    table = pd.DataFrame(
        {
            "sample_id": [case.sample_id for case in cases],
            "subject": [case.subject for case in cases],
            "group": [case.group or layout.name for case in cases],
        }
    )
    given = np.array([case.split for case in cases], dtype=object)
    labelled = np.array([case.label is not None for case in cases])
    if not set(given) - {"", "unlabelled"}:
        free = np.flatnonzero(given == "")
        if len(free):
            given[free] = split_by_subject(table.iloc[free], SHARES, settings.seed)
            others = set(table["subject"].to_numpy()[given == "unlabelled"])  # a visit without a label, say
            given[table["subject"].isin(others).to_numpy()] = "unlabelled"
    elif (given == "").any():
        raise StudyError(f"{layout.name}: the column split is filled for some volumes only; fill it for all or none")
    table["split"] = given
    empty = labelled & (held["masks"].flatten(1).amax(1) == 0).numpy()
    if empty.any():
        notices.append(f"{int(empty.sum())} mask(s) mark nothing, e.g. {table['sample_id'].iloc[int(empty.argmax())]}: "
                       "an empty prediction is right there, and a surface distance is not defined")  # fmt: skip
    table["labelled"] = labelled
    return _corpus(layout.name, table, held, classes, grid.spacing, licence=layout.licence, source=layout.source,
                   simulated=False, fingerprint=content, notices=tuple(notices))  # fmt: skip


def _corpus(
    name: str, table: pd.DataFrame, held: dict[str, Tensor], classes: list[str], spacing: float, **facts: Any
) -> Corpus:
    labelled = table.pop("labelled").to_numpy() if "labelled" in table.columns else np.ones(len(table), dtype=bool)
    table["has_mask"] = labelled & (table["split"] != "unlabelled").to_numpy()
    table["classes"] = "|".join(classes)
    table["spacing"] = spacing
    images, masks, affines = held["images"], held["masks"], held["affines"]
    may_look = torch.as_tensor(table["has_mask"].to_numpy().copy())

    def load(rows: np.ndarray) -> dict[str, Tensor]:
        at = torch.as_tensor(np.asarray(rows))
        shown = masks[at].long() * may_look[at][:, None, None, None]
        return {"input": images[at].float() / 255, "mask": shown, "affine": affines[at]}

    return Corpus(name=name, table=table, load=load, labels=(), **facts)


class _Mismatch(StudyError):
    """Image and label do not lie on the same voxels: never left out silently."""


def _check_pair(case: Case, image: Header, label: Header) -> None:
    assert case.label is not None
    if image.shape[:3] != label.shape[:3]:
        raise _Mismatch(f"{case.label.name} has {'×'.join(map(str, label.shape[:3]))} voxels, its image "
                        f"{'×'.join(map(str, image.shape[:3]))}; they must be equal")  # fmt: skip
    if not np.allclose(image.affine, label.affine, atol=1e-2, rtol=1e-3):
        raise _Mismatch(f"{case.label.name} and its image {case.image.name} lie at different places or spacings (their "
                        "affines differ); resample the label onto its image")  # fmt: skip


def _decoded(layout: Layout, cases: list[Case], grid: Grid, channel: int) -> dict[str, Tensor]:
    """All volumes on the grid, with the label values found (or known) under ``values``."""
    known = sorted(layout.classes) or _found_values(layout, cases)
    n = len(cases)
    held = {
        "images": torch.zeros(n, 1, *grid.shape, dtype=torch.uint8),
        "masks": torch.zeros(n, *grid.shape, dtype=torch.uint8),
        "affines": torch.eye(4, dtype=torch.float64).repeat(n, 1, 1),
        "readable": torch.zeros(n, dtype=torch.uint8),
        "values": torch.tensor(known, dtype=torch.long),
    }
    with bar(n, "volumes", "volume") as shown:
        for i, case in enumerate(cases):
            try:
                image = read_volume(case.image, channel)
                label = read_volume(case.label) if case.label is not None else None
            except StudyError as error:
                if "cut short or damaged" not in str(error):
                    raise
                shown.update()
                continue
            values, affine = to_grid(image, grid)
            held["images"][i, 0] = _scaled(values)
            held["affines"][i] = torch.from_numpy(affine)
            if label is not None and case.label is not None:
                for wrong, right in layout.aliases:
                    label.array[label.array == wrong] = right
                strange = sorted(set(np.unique(label.array).tolist()) - set(known))
                if strange:
                    raise StudyError(f"{case.label.name} holds the label {strange[0]:g}; known are "
                                     f"{', '.join(map(str, known))}")  # fmt: skip
                held["masks"][i] = to_grid(label, grid, known)[0].to(torch.uint8)
            held["readable"][i] = 1
            shown.update()
    return held


def _found_values(layout: Layout, cases: list[Case]) -> list[int]:
    """The label values of a corpus that does not name them: those in its files."""
    values: set[int] = {0}
    for case in cases:
        if case.label is not None:
            try:
                found = np.unique(read_volume(case.label).array)
            except StudyError:
                continue
            if not (np.isfinite(found) & (found == np.round(found))).all():
                raise StudyError(f"{case.label.name} holds values that are no whole numbers; labels are")
            values |= {int(v) for v in found}
    if len(values) > 256:
        raise StudyError(f"{layout.name}: its labels hold {len(values)} values; a label file holds a few whole numbers")
    return sorted(values)


def _classes(layout: Layout, values: list[int]) -> list[str]:
    if layout.classes:
        return [layout.classes[value] for value in sorted(layout.classes)][1:]
    return [f"label {value}" for value in values if value != 0] or ["none"]


def _scaled(values: Tensor) -> Tensor:
    """Intensities as uint8, 0 and 255 at the 0.5 and 99.5 % quantiles of what differs from the smallest value."""
    inside = values[values > values.min()]
    if inside.numel() < 2:
        return torch.zeros_like(values, dtype=torch.uint8)
    low, high = np.quantile(inside.numpy(), [0.005, 0.995])
    return (255 * ((values - low) / max(high - low, 1e-6)).clamp(0, 1)).round().to(torch.uint8)


def _limited(cases: tuple[Case, ...], limit: int) -> list[Case]:
    if not 0 < limit < len(cases):
        return list(cases)
    return [cases[i] for i in np.unique(np.linspace(0, len(cases) - 1, limit).round().astype(int))]


def _drawn_source(settings: VolumeSettings) -> str:
    s = settings
    return f"generator:{GENERATOR}:{s.subjects}:{s.depth}:{s.size}:{s.seed}:{s.deformation:g}:{s.inverted:g}"
