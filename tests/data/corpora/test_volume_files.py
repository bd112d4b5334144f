"""Volume files: spacing, orientation and affine survive the way to the grid and back; damaged files are one line."""

import gzip
import itertools
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from nibabel.orientations import axcodes2ornt, inv_ornt_aff

from helpers.data.corpora.volume_files import Header, Volume, read_header, read_volume, write_volume
from helpers.data.corpora.volume_grid import Grid, canonical, fitting_spacing, from_grid, to_grid
from helpers.errors import StudyError

CODES = ["".join(c) for c in itertools.product("RL", "AP", "SI")] + ["ASR", "PIR", "SRA", "ILP"]


def laid_as(codes: str, array: np.ndarray, affine: np.ndarray) -> Volume:
    """The same voxels in the same place, stored along other axes."""
    ornt = axcodes2ornt(tuple(codes))
    transform = nibabel.orientations.ornt_transform(axcodes2ornt(("R", "A", "S")), ornt)
    return Volume(
        nibabel.orientations.apply_orientation(array, transform), affine @ inv_ornt_aff(transform, array.shape)
    )


def some_volume() -> tuple[np.ndarray, np.ndarray]:
    array = np.random.default_rng(0).integers(0, 900, (9, 12, 7)).astype(np.int16)
    affine = np.array([[1.5, 0, 0, -20], [0, 2.0, 0, 7], [0, 0, 3.0, 11], [0, 0, 0, 1.0]])
    return array, affine


@pytest.mark.parametrize("codes", CODES)
def test_a_volume_is_the_same_on_the_grid_however_its_file_is_laid(codes, tmp_path: Path):
    array, affine = some_volume()
    stored = laid_as(codes, array, affine)
    assert "".join(nibabel.aff2axcodes(stored.affine)) == codes
    write_volume(tmp_path / "v.nii.gz", stored)
    read = read_volume(tmp_path / "v.nii.gz")
    np.testing.assert_array_equal(read.array, stored.array)
    np.testing.assert_allclose(read.affine, stored.affine, atol=1e-5)
    turned = canonical(read)
    assert "".join(nibabel.aff2axcodes(turned.affine)) == "SAR"
    np.testing.assert_array_equal(turned.array, array.transpose(2, 1, 0))
    np.testing.assert_allclose(turned.spacing, [3.0, 2.0, 1.5], atol=1e-5)


@pytest.mark.parametrize("codes", ["RAS", "LPS", "ASR", "ILP"])
def test_labels_come_back_to_their_own_voxels_with_spacing_orientation_and_affine(codes, tmp_path: Path):
    labels = np.zeros((12, 10, 8), dtype=np.uint8)
    labels[2:8, 3:9, 1:6], labels[8:10, 3:9, 1:6] = 4, 9
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-31, 8, 55)
    stored = laid_as(codes, labels, affine)
    write_volume(tmp_path / "l.nii.gz", stored)
    header = read_header(tmp_path / "l.nii.gz")
    found, grid_affine = to_grid(read_volume(tmp_path / "l.nii.gz"), Grid((14, 16, 18), 1.0), (0, 4, 9))
    back = from_grid(found, grid_affine, header)
    write_volume(tmp_path / "back.nii.gz", back)
    again = nibabel.load(tmp_path / "back.nii.gz")
    np.testing.assert_allclose(again.affine, stored.affine, atol=1e-5)
    assert again.shape == stored.array.shape
    inside = from_grid(torch.ones_like(found), grid_affine, header).array == 1
    expected = np.select([stored.array == 4, stored.array == 9], [1, 2], 0)
    np.testing.assert_array_equal(np.asarray(again.dataobj)[inside], expected[inside])
    assert inside.mean() > 0.3


def test_a_point_keeps_its_millimetres_on_the_grid():
    array = np.zeros((20, 24, 16), dtype=np.float32)
    array[4:8, 12:16, 8:12] = 1.0
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (5, -9, 30)
    found, grid_affine = to_grid(Volume(array, affine), Grid((10, 14, 10), 2.0))
    d, h, w = (found * torch.stack(torch.meshgrid(*map(torch.arange, found.shape), indexing="ij"))).sum(dim=(1, 2, 3))
    centre = grid_affine @ np.array([d / found.sum(), h / found.sum(), w / found.sum(), 1.0])
    np.testing.assert_allclose(centre[:3], [5 + 5.5, -9 + 13.5, 30 + 9.5], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(grid_affine[:3, :3], axis=0), 2.0)


def test_the_fitting_spacing_holds_every_volume_whole_and_is_never_finer_than_the_files():
    headers = [Header((40, 50, 30), np.diag([1.0, 1.0, 1.0, 1.0])), Header((30, 64, 30), np.diag([1.0, 1.0, 1.0, 1.0]))]
    assert fitting_spacing(headers, (32, 48, 48)) == pytest.approx(64 / 48)
    assert fitting_spacing(headers, (128, 128, 128)) == 1.0
    volume = Volume(np.pad(np.ones((28, 62, 28)), 1), headers[1].affine)
    found, _ = to_grid(volume, Grid((32, 48, 48), 64 / 48))
    assert found.sum() * (64 / 48) ** 3 == pytest.approx(28 * 62 * 28, rel=0.05)


def test_a_channel_of_four_dimensions_is_picked_and_an_absent_one_refused(tmp_path: Path):
    array = np.random.default_rng(0).random((4, 5, 6, 2)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "c.nii.gz")
    np.testing.assert_allclose(read_volume(tmp_path / "c.nii.gz", 1).array, array[..., 1])
    with pytest.raises(StudyError, match="no channel 2"):
        read_volume(tmp_path / "c.nii.gz", 2)


def test_slope_and_intercept_are_applied(tmp_path: Path):
    image = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    image.header.set_slope_inter(2.0, -5.0)
    image.to_filename(tmp_path / "s.nii")
    stored = nibabel.load(tmp_path / "s.nii")
    np.testing.assert_allclose(read_volume(tmp_path / "s.nii").array, stored.get_fdata())


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.97])
@pytest.mark.parametrize("ending", [".nii.gz", ".nii"])
def test_a_nifti_cut_short_is_one_clear_line(tmp_path: Path, kept: float, ending: str):
    path = tmp_path / f"brain{ending}"
    array = np.random.default_rng(0).integers(0, 900, (20, 20, 20)).astype(np.int16)
    write_volume(path, Volume(array, np.eye(4)))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(StudyError, match=r"^brain\S+ cannot be read: it is cut short or damaged"):
        read_volume(path)


def test_what_is_no_volume_is_one_clear_line(tmp_path: Path):
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b"not a volume" * 99))
    with pytest.raises(StudyError, match="cut short or damaged"):
        read_volume(tmp_path / "a.nii.gz")
    with pytest.raises(StudyError, match=r"there is no file b.nii"):
        read_header(tmp_path / "b.nii")
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4), np.float32), np.eye(4)), tmp_path / "flat.nii")
    with pytest.raises(StudyError, match="three axes"):
        read_volume(tmp_path / "flat.nii")


def write_mhd(folder: Path, name: str, array: np.ndarray, extra: str = "", compressed: bool = False) -> Path:
    import zlib

    content = array.astype("<i2").tobytes(order="F")
    (folder / f"{name}.raw").write_bytes(zlib.compress(content) if compressed else content)
    lines = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"CompressedData = {compressed}\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = -10 -20 -30\n"
        f"ElementSpacing = 0.5 0.5 2.5\nDimSize = {' '.join(map(str, array.shape))}\n{extra}"
        f"ElementType = MET_SHORT\nElementDataFile = {name}.raw\n"
    )
    (folder / f"{name}.mhd").write_text(lines)
    return folder / f"{name}.mhd"


@pytest.mark.parametrize("compressed", [False, True])
def test_metaimage_is_laid_to_the_right_and_front(tmp_path: Path, compressed: bool):
    array = np.random.default_rng(0).integers(-1000, 900, (4, 5, 6))
    path = write_mhd(tmp_path, "chest", array, compressed=compressed)
    read = read_volume(path)
    np.testing.assert_array_equal(read.array, array)
    np.testing.assert_allclose(read.spacing, [0.5, 0.5, 2.5])
    assert "".join(nibabel.aff2axcodes(read.affine)) == "LPS"
    np.testing.assert_allclose(read.affine @ [1, 2, 3, 1], [10 - 0.5, 20 - 1.0, -30 + 7.5, 1])
    assert read_header(path).shape == (4, 5, 6)


def test_metaimage_without_its_voxels_or_with_too_few_is_one_clear_line(tmp_path: Path):
    path = write_mhd(tmp_path, "chest", np.zeros((4, 5, 6)))
    (tmp_path / "chest.raw").write_bytes(b"0" * 100)
    with pytest.raises(StudyError, match=r"chest.raw cannot be read: it is cut short.*100 of 240"):
        read_volume(path)
    (tmp_path / "chest.raw").unlink()
    with pytest.raises(StudyError, match=r"no file chest.raw"):
        read_volume(path)
    path.write_text(path.read_text().replace("chest.raw", "../elsewhere.raw"))
    with pytest.raises(StudyError, match="beside it"):
        read_volume(path)
    path.write_text("NDims = 3\n")
    with pytest.raises(StudyError, match="no MetaImage header: it has no DimSize"):
        read_header(path)
