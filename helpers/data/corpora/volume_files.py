"""Files of volumes: NIfTI and MetaImage, with spacing, orientation and affine kept, there and back."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from helpers.errors import StudyError

ENDINGS = (".nii", ".nii.gz", ".mhd")
_ELEMENTS = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip


@dataclass(frozen=True)
class Volume:
    """A volume in the patient's space.

    Attributes:
        array: (X, Y, Z) numbers, as stored, rescaled by the file's slope and intercept.
        affine: index (x, y, z, 1) to millimetres right, front, up, float64 (4, 4).
    """

    array: np.ndarray
    affine: np.ndarray

    @property
    def spacing(self) -> np.ndarray:
        """Of the voxels along each axis, mm, (3,)."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)


@dataclass(frozen=True)
class Header:
    """What is known of a file before its voxels are read: its shape (with channels, if any) and affine."""

    shape: tuple[int, ...]
    affine: np.ndarray


def is_volume(path: Path) -> bool:
    """Whether a file's name ends as a volume's does."""
    return path.name.lower().endswith(ENDINGS) and not path.name.startswith(".")


def stem(path: Path) -> str:
    """A file's name without its ending, ``.nii.gz`` included."""
    name = path.name
    for ending in (".nii.gz", ".nii", ".mhd"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return path.stem


def read_header(path: Path) -> Header:
    """Shape and affine of a volume file.

    Raises:
        StudyError: there is no such file, it is not a volume, or it is damaged.
    """
    if path.name.lower().endswith(".mhd"):
        fields = _mhd_fields(path)
        return Header(_mhd_shape(fields, path), _mhd_affine(fields, path))
    image = _nifti(path)
    return Header(tuple(image.shape), np.asarray(image.affine, dtype=np.float64))


def read_volume(path: Path, channel: int = 0) -> Volume:
    """Read a volume.

    Args:
        path: ``.nii``, ``.nii.gz`` or ``.mhd`` with its raw file.
        channel: which one of a four-dimensional file, such as the four pulse sequences of a brain-tumour scan.

    Raises:
        StudyError: there is no such file or channel, it is cut short or damaged, or it is not a volume. One line.
    """
    if path.name.lower().endswith(".mhd"):
        return _read_mhd(path)
    image = _nifti(path)
    if image.ndim not in (3, 4) or 0 in image.shape:
        raise StudyError(f"{path.name} has the shape {image.shape}; a volume has three axes, or four with channels")
    if image.ndim == 4 and not 0 <= channel < image.shape[3]:
        raise StudyError(f"{path.name} has {image.shape[3]} channel(s), counted from 0; there is no channel {channel}")
    try:
        stored = image.dataobj[..., channel] if image.ndim == 4 else image.dataobj[...]
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise _damaged(path, error) from None
    return Volume(np.asarray(stored), np.asarray(image.affine, dtype=np.float64))


def write_volume(path: Path, volume: Volume) -> None:
    """Write a volume as NIfTI, so that a viewer lays it where it belongs."""
    import nibabel

    array = volume.array.astype(np.uint8) if volume.array.dtype == bool else volume.array
    nibabel.save(nibabel.Nifti1Image(array, volume.affine), path)


def _nifti(path: Path) -> Any:
    import nibabel
    from nibabel.filebasedimages import ImageFileError

    if not path.is_file():
        raise StudyError(f"there is no file {path.name} in {path.parent.name}")
    try:
        return nibabel.load(path)
    except (OSError, EOFError, ValueError, zlib.error, ImageFileError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> StudyError:
    reason = " ".join(str(error).replace(str(path), path.name).split())[:90] or type(error).__name__
    return StudyError(f"{path.name} cannot be read: it is cut short or damaged ({reason}); fetch it again")


def _mhd_fields(path: Path) -> dict[str, str]:
    """The ``key = value`` lines of a MetaImage header."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        raise StudyError(f"there is no file {path.name} in {path.parent.name}") from None
    except UnicodeDecodeError as error:
        raise _damaged(path, error) from None
    fields: dict[str, str] = {}
    for line in lines:
        key, mark, value = line.partition("=")
        if mark:
            fields[key.strip()] = value.strip()
    for key in ("DimSize", "ElementType", "ElementDataFile"):
        if key not in fields:
            raise StudyError(f"{path.name} is no MetaImage header: it has no {key}")
    return fields


def _mhd_shape(fields: dict[str, str], path: Path) -> tuple[int, ...]:
    shape = tuple(int(n) for n in fields["DimSize"].split())
    if len(shape) != 3 or min(shape) < 1:
        raise StudyError(f"{path.name} has the size {fields['DimSize']}; a volume has three axes")
    return shape


def _mhd_affine(fields: dict[str, str], path: Path) -> np.ndarray:
    """MetaImage counts millimetres to the left and back; here they go to the right and front."""

    def numbers(keys: tuple[str, ...], usual: str) -> np.ndarray:
        words = next((fields[key] for key in keys if key in fields), usual).split()
        return np.array([float(word) for word in words])

    spacing = numbers(("ElementSpacing", "ElementSize"), "1 1 1")
    origin = numbers(("Offset", "Position", "Origin"), "0 0 0")
    turned = numbers(("TransformMatrix", "Rotation", "Orientation"), "1 0 0 0 1 0 0 0 1")
    if len(spacing) != 3 or len(origin) != 3 or len(turned) != 9 or (spacing <= 0).any():
        raise StudyError(f"{path.name}: its spacing, offset or transform matrix is not that of a volume")
    affine = np.eye(4)
    affine[:3, :3] = turned.reshape(3, 3).T * spacing  # rows of the file's matrix are the axes' directions
    affine[:3, 3] = origin
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def _read_mhd(path: Path) -> Volume:
    fields = _mhd_fields(path)
    shape = _mhd_shape(fields, path)
    if fields["ElementType"] not in _ELEMENTS:
        raise StudyError(f"{path.name}: voxels of the type {fields['ElementType']} are not read here")
    big = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "False")).lower() == "true"
    kind = np.dtype(_ELEMENTS[fields["ElementType"]]).newbyteorder(">" if big else "<")
    raw = path.parent / fields["ElementDataFile"]
    if raw.name != fields["ElementDataFile"]:
        raise StudyError(f"{path.name}: its voxels must lie in one file beside it, not in {fields['ElementDataFile']}")
    if not raw.is_file():
        raise StudyError(f"{path.name}: there is no file {raw.name} with its voxels beside it")
    content = raw.read_bytes()
    if fields.get("CompressedData", "False").lower() == "true":
        try:
            content = zlib.decompress(content)
        except zlib.error as error:
            raise _damaged(raw, error) from None
    wanted = int(np.prod(shape)) * kind.itemsize
    if len(content) < wanted:
        raise _damaged(raw, ValueError(f"{len(content)} of {wanted} bytes"))
    array = np.frombuffer(content, kind, int(np.prod(shape))).reshape(shape, order="F")
    return Volume(array.astype(kind.newbyteorder("=")), _mhd_affine(fields, path))
