"""Whatever happens to a corpus's files, its reader names a cause or reads on and says what it left out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from helpers.data.corpora.emotional_speech import emotion_corpus
from helpers.data.corpora.images import image_corpus
from helpers.data.corpora.ip102 import ip102
from helpers.data.corpora.kernels import KernelDrawing, kernel_corpus
from helpers.data.corpora.msp_podcast import msp_podcast
from helpers.data.corpora.pronunciation import pronunciation_corpus
from helpers.data.corpora.slides import slide_corpus
from helpers.data.corpora.survival import read_survival
from helpers.data.corpora.video import Drawing, video_corpus
from helpers.data.corpora.video_clips import ClipGrid
from helpers.data.corpora.volumes import volume_corpus
from helpers.data.corpora.wearables import read_recordings
from helpers.data.corpus import Corpus
from helpers.data.face_tracks import read_openface, write_openface
from helpers.errors import StudyError
from tests.data import test_face_tracks
from tests.data.corpora import (
    test_emotional_speech,
    test_ip102,
    test_msp_podcast,
    test_pronunciation,
    test_slides,
    test_survival,
    test_volumes,
    test_wearable_files,
    test_wearables,
)
from tests.data.corpora.damage import Damage, damages
from tests.data.corpora.test_images import folder_of, many
from tests.data.corpora.test_kernels import mask, picture
from tests.data.corpora.test_video import clip_file

# What no reader can see: a file that never was, lines missing at the end, frames that a header no longer counts.
HIDDEN = ("taken away", "cut", "overwritten", "bits flipped")
DRAWING = KernelDrawing(ears=12, kernels_each=4)
GRID = ClipGrid(frames=4, stride=1, step=4)


@dataclass(frozen=True)
class Found:
    """What a reader makes of a tree: how many samples, their decoded values, and what it says."""

    samples: int
    values: list[np.ndarray]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Reader:
    """A corpus in miniature and how it is read.

    Attributes:
        write: lay it out in an empty folder.
        read: from that folder.
        examples: damages to try.
    """

    write: Callable[[Path], object]
    read: Callable[[Path], Found]
    examples: int = 16


def _wearable(name: str, file: str = "") -> Callable[[Path], Found]:
    def read(root: Path) -> Found:
        found = read_recordings(name, str(root / file))
        signals = [recording.signal for recording in found.recordings]
        return Found(sum(map(len, signals)), signals, found.notices)

    return read


def _corpus(open_corpus: Callable[[Path], Corpus]) -> Callable[[Path], Found]:
    def read(root: Path) -> Found:
        corpus = open_corpus(root)
        batch = corpus.load(np.arange(len(corpus)))
        decoded = [tensor.numpy() for tensor in (batch.values() if isinstance(batch, dict) else [batch])]
        assert {len(each) for each in decoded} == {len(corpus)}
        return Found(len(corpus), decoded, corpus.notices)

    return read


def _pamap2(root: Path) -> None:
    for subject in (101, 102):
        lines = test_wearable_files.number_lines(test_wearable_files.pamap2_table([4, 5], 2))
        (root / f"subject{subject}.dat").write_text("\n".join(lines))


def _mhealth(root: Path) -> None:
    table = np.random.default_rng(0).normal(size=(150, 24))
    table[:, 23] = np.repeat([0, 4, 12], 50)
    lines = test_wearable_files.number_lines(table, "\t", "%.5g")
    (root / "mHealth_subject1.log").write_text("\n".join(lines))


def _wisdm(root: Path) -> None:
    lines = [f"{u},{a},{(1 + i) * 50_000_000},0.5,{i % 7},1;" for u in (1, 2) for a in ("Sitting", "Walking")
             for i in range(60)]  # fmt: skip
    (root / "WISDM_ar_v1.1_raw.txt").write_text("\n".join(lines) + "\n")


def _hmp(root: Path) -> None:
    rng = np.random.default_rng(0)
    for who in ("f1", "m1"):
        (root / "Walk").mkdir(exist_ok=True)
        codes = [" ".join(map(str, row)) for row in rng.integers(0, 64, (80, 3))]
        (root / "Walk" / f"Accelerometer-2011-05-30-21-55-04-walk-{who}.txt").write_text("\n".join(codes) + "\n")


def _kernels(root: Path) -> None:
    (root / "masks").mkdir()
    for i, name in enumerate(("embryo_down", "embryo_up")):
        (root / "orientation" / name).mkdir(parents=True)
        for k in range(6):
            picture(10 * i + k).save(root / "orientation" / name / f"k{i}{k}.png")
            if i:
                mask().save(root / "masks" / f"k1{k}.png")


def _images(root: Path) -> None:
    files = many(each=8)
    folder_of(root, files)
    table = pd.DataFrame({"path": list(files), "label": [name[0] for name in files]})
    table.to_csv(root / "manifest.csv", index=False)


def _videos(root: Path) -> None:
    for label, offset in (("a", 0), ("b", 100), ("c", 200)):
        for i in range(2):
            clip_file(root / label / f"{label}{i}.avi", offset + 20 * i, frames=9)


def _face(root: Path) -> Found:
    track = read_openface(root / "face.csv")
    return Found(len(track.seconds), [track.landmarks[track.found], track.intensity[track.found]], ())


READERS = {
    "image folders": Reader(
        lambda root: folder_of(root, many(each=8)), _corpus(lambda root: image_corpus("folder", str(root), 16))
    ),
    "image manifest": Reader(_images, _corpus(lambda root: image_corpus("manifest", str(root / "manifest.csv"), 16))),
    "ip102": Reader(test_ip102.miniature, _corpus(lambda root: ip102(root, 16))),
    "kernels and masks": Reader(_kernels, _corpus(lambda root: kernel_corpus("orientation", str(root), 16, DRAWING))),
    "survival manifest": Reader(
        lambda root: test_survival.write_manifest(root / "patients.csv"),
        _corpus(lambda root: test_survival.manifest(root / "patients.csv")),
    ),
    "deepsurv": Reader(
        lambda root: test_survival.write_deepsurv(root / "metabric.h5", "metabric"),
        _corpus(lambda root: read_survival("metabric", str(root))),
        examples=40,
    ),
    "uci_har": Reader(test_wearable_files.write_uci_har, _wearable("uci_har")),
    "pamap2": Reader(_pamap2, _wearable("pamap2")),
    "mhealth": Reader(_mhealth, _wearable("mhealth")),
    "wisdm": Reader(_wisdm, _wearable("wisdm")),
    "hmp": Reader(_hmp, _wearable("hmp")),
    "wearable manifest": Reader(test_wearables.write_manifest, _wearable("manifest", "manifest.csv")),
    "ravdess": Reader(
        test_emotional_speech.ravdess_tree, _corpus(lambda root: emotion_corpus("ravdess", str(root))), examples=20
    ),
    "msp_podcast": Reader(test_msp_podcast.write_podcast, _corpus(lambda root: msp_podcast(str(root)))),
    "l2_arctic": Reader(
        test_pronunciation.write_l2_arctic,
        _corpus(lambda root: pronunciation_corpus("l2_arctic", str(root))),
        examples=40,
    ),
    "openface": Reader(
        lambda root: write_openface(test_face_tracks.track(test_face_tracks.rigid()), root / "face.csv"), _face
    ),
    "decathlon": Reader(
        test_volumes.decathlon,
        _corpus(lambda root: volume_corpus("decathlon", str(root), test_volumes.SMALL)),
        examples=40,
    ),
    "whole slides": Reader(
        test_slides.write_slides,
        _corpus(lambda root: slide_corpus("whole_slides", str(root), test_slides.TILING).tiles),
    ),
    "videos": Reader(_videos, _corpus(lambda root: video_corpus("folder", str(root), 16, GRID, Drawing())), examples=6),
}


@cache
def _laid_out(name: str) -> Path:
    root = Path(tempfile.mkdtemp(prefix="corpus-"))
    READERS[name].write(root)
    return root


@cache
def _whole(name: str) -> int:
    """Samples of the undamaged corpus."""
    return READERS[name].read(_laid_out(name)).samples


@pytest.mark.parametrize("name", READERS)
@pytest.mark.filterwarnings("ignore")  # decoders may warn of what they met; what the reader says is looked at
def test_a_damaged_file_is_named_or_left_out_with_a_word(name: str) -> None:
    whole = _whole(name)

    def ok(found: Found, damage: Damage) -> None:
        if name not in ("survival manifest", "deepsurv"):  # where a value may be absent
            assert all(bool(np.isfinite(values).all()) for values in found.values)
        if found.samples < whole and damage.kind not in HIDDEN:
            assert found.notices

    @settings(max_examples=READERS[name].examples, deadline=None, derandomize=True, database=None)
    @given(damages)
    def survives(damage: Damage) -> None:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "data"
            shutil.copytree(_laid_out(name), root)
            damage.do(root)
            try:
                found = READERS[name].read(root)
            except StudyError as refusal:
                said = str(refusal)
            else:
                said = ""
                ok(found, damage)
            assert "\n" not in said.strip(), said

    survives()


@pytest.mark.parametrize("name", READERS)
@pytest.mark.filterwarnings("ignore")
def test_a_file_cut_within_a_line_or_a_picture_is_never_left_out_in_silence(name: str) -> None:
    whole = _whole(name)
    for number in range(4):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "data"
            shutil.copytree(_laid_out(name), root)
            files = sorted(path for path in root.rglob("*") if path.is_file())
            file = files[number * (len(files) - 1) // 3]
            content = file.read_bytes()
            at = len(content) // 2
            if b"\0" not in content:  # text: one character of the next line stays
                at = content.find(b"\n", at) + 2
            file.write_bytes(content[:at])
            try:
                found = READERS[name].read(root)
            except StudyError:
                continue
            assert found.samples >= whole or found.notices, (
                f"{file.name}: {whole - found.samples} fewer, and not a word"
            )
