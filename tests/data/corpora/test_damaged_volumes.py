"""Volume files damaged anywhere, headers that no volume has, labels that are none: named, or left out and told."""

from __future__ import annotations

import shutil
import struct
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings

from helpers.data.corpora.volume_files import read_header, read_volume
from helpers.data.corpora.volumes import volume_corpus
from helpers.errors import StudyError
from tests.data.corpora.damage import Damage, damages
from tests.data.corpora.test_volume_files import write_mhd
from tests.data.corpora.test_volumes import SMALL, blob, put


@cache
def _laid_out() -> Path:
    root = Path(tempfile.mkdtemp(prefix="volumes-"))
    array = blob(0)[0]
    for name in ("a.nii", "b.nii.gz"):
        put(root / name, array)
    write_mhd(root, "c", array)
    write_mhd(root, "d", array, compressed=True)
    return root


@given(damage=damages)
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_volume_is_read_with_a_place_in_space_or_named(damage: Damage) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "volumes"
        shutil.copytree(_laid_out(), root)
        damage.do(root)
        for name in ("a.nii", "b.nii.gz", "c.mhd", "d.mhd"):
            refusal = ""
            try:
                header, volume = read_header(root / name), read_volume(root / name)
                assert volume.array.shape == header.shape[:3]
                assert np.isfinite(volume.affine).all()
                assert np.linalg.det(volume.affine[:3, :3]) != 0
            except StudyError as error:
                refusal = str(error)
            assert not refusal or name in refusal or Path(name).with_suffix(".raw").name in refusal


def _field(offset: int, kind: str, *values: float) -> Callable[[bytes], bytes]:
    """Overwrite a field of a NIfTI header."""
    packed = struct.pack(kind, *values)
    return lambda content: content[:offset] + packed + content[offset + len(packed) :]


HEADERS = {
    "spacing of nothing": _field(80, "<3f", 0.0, 0.0, 0.0),
    "an affine of nothing": _field(280, "<12f", *[0.0] * 12),
    "an affine that is no number": _field(280, "<12f", *[float("nan")] * 12),
    "an affine without end": _field(280, "<12f", *[float("inf")] * 12),
    "more voxels than there is room for": _field(40, "<8h", 3, 32767, 32767, 32767, 1, 1, 1, 1),
    "negative sides": _field(40, "<8h", 3, -4, 16, 8, 1, 1, 1, 1),
    "two axes": _field(40, "<8h", 2, 14, 16, 1, 1, 1, 1, 1),
    "voxels of no known kind": _field(70, "<2h", 777, 16),
    "a slope without end": _field(112, "<2f", float("inf"), 0.0),
}


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.filterwarnings("ignore")
def test_a_header_that_no_volume_has_costs_that_volume_alone(name: str, tmp_path: Path) -> None:
    for i in range(7):
        image, labels = blob(i)
        put(tmp_path / f"images/p{i}.nii", image)
        put(tmp_path / f"labels/p{i}.nii", labels)
    file = tmp_path / "images/p3.nii"
    content = HEADERS[name](file.read_bytes())
    if name == "spacing of nothing":  # only asked where there is no affine of its own
        content = _field(252, "<2h", 0, 0)(content)
    file.write_bytes(content)
    if name == "spacing of nothing":  # nibabel makes a place for it, which is not that of its labels
        with pytest.raises(StudyError, match=r"p3\.nii and its image p3\.nii lie at different places"):
            volume_corpus("folder", str(tmp_path), SMALL)
        return
    corpus = volume_corpus("folder", str(tmp_path), SMALL)
    if "p3" in set(corpus.table["sample_id"]):  # nibabel has put it right by itself
        assert np.isfinite(corpus.load(np.arange(len(corpus)))["affine"].numpy()).all()
    else:
        assert len(corpus) == 6
        assert any("p3.nii" in notice or "p3:" in notice for notice in corpus.notices)


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf, -1.0])
def test_labels_that_are_no_whole_numbers_are_named(value: float, tmp_path: Path) -> None:
    for i in range(7):
        image, labels = blob(i)
        put(tmp_path / f"images/p{i}.nii.gz", image)
        marked = labels.astype(np.float32)
        if i == 3:
            marked[0, 0, 0] = value
        put(tmp_path / f"labels/p{i}.nii.gz", marked)
    if value == -1:
        assert -1 not in volume_corpus("folder", str(tmp_path), SMALL).load(np.arange(7))["mask"]
    else:
        with pytest.raises(StudyError, match=r"p3\.nii\.gz holds values that are no whole numbers"):
            volume_corpus("folder", str(tmp_path), SMALL)


def test_a_label_belongs_to_the_image_at_its_place_and_to_no_other(tmp_path: Path) -> None:
    for i, visit in enumerate(("first", "second")):
        for k in range(4):
            image, labels = blob(10 * i + k)
            put(tmp_path / f"images/{visit}/p{k}.nii.gz", image)
            put(tmp_path / f"labels/{visit}/p{k}.nii.gz", labels)
    assert len(volume_corpus("folder", str(tmp_path), SMALL)) == 8
    (tmp_path / "labels/first/p0.nii.gz").rename(tmp_path / "labels/p0.nii.gz")
    with pytest.raises(StudyError, match=r"labels/p0\.nii\.gz has no image of that name, or several"):
        volume_corpus("folder", str(tmp_path), SMALL)


def test_voxels_that_unpack_to_more_or_less_than_the_header_says_are_refused(tmp_path: Path) -> None:
    import zlib

    path = write_mhd(tmp_path, "c", np.zeros((4, 5, 6)), compressed=True)
    (tmp_path / "c.raw").write_bytes(zlib.compress(bytes(300 * 2**20), 9))  # 300 MiB of noughts in 300 kB
    with pytest.raises(StudyError, match=r"c\.raw cannot be read: it is cut short or damaged \(241 of 240 bytes\)"):
        read_volume(path)
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.eye(4))
    nibabel.save(image, tmp_path / "whole.nii.gz")
    assert read_volume(tmp_path / "whole.nii.gz").array.shape == (4, 5, 6)
