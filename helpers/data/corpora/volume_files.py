"""Files of volumes: NIfTI and MetaImage, with spacing, orientation and affine kept, there and back."""

from __future__ import annotations

import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from helpers.data.text_files import is_there
from helpers.errors import StudyError

ENDINGS = (".nii", ".nii.gz", ".mhd")
MOST_VOXELS = 4 * 10**9  # that a file may promise; a small one may promise any number
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
        header = Header(_mhd_shape(fields, path), _mhd_affine(fields, path))
    else:
        image = _nifti(path)
        header = Header(tuple(image.shape), np.asarray(image.affine, dtype=np.float64))
    _check(header, path)
    return header


def _check(header: Header, path: Path) -> None:
    """Refuse a header that no volume has."""
    if len(header.shape) not in (3, 4) or min(header.shape) < 1:
        raise StudyError(f"{path.name} has the shape {header.shape}; a volume has three axes, or four with channels")
    voxels = int(np.prod([float(n) for n in header.shape]))
    if voxels > MOST_VOXELS:
        raise StudyError(f"{path.name} says that it has {voxels:,} voxels; it is cut short or damaged")
    axes = header.affine[:3, :3]
    if not np.isfinite(header.affine).all() or not 1e-9 < abs(float(np.linalg.det(axes))) < 1e9:
        raise StudyError(
            f"{path.name}: its spacing, offset or transform matrix is not that of a volume; it is cut short or damaged"
        )


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
    affine = np.asarray(image.affine, dtype=np.float64)
    _check(Header(tuple(image.shape), affine), path)
    if image.ndim == 4 and not 0 <= channel < image.shape[3]:
        raise StudyError(f"{path.name} has {image.shape[3]} channel(s), counted from 0; there is no channel {channel}")
    try:
        stored = image.dataobj[..., channel] if image.ndim == 4 else image.dataobj[...]
    except Exception as error:  # nibabel raises whatever the damage leads to
        raise _damaged(path, error) from None
    return Volume(np.asarray(stored), affine)


def write_volume(path: Path, volume: Volume) -> None:
    """Write a volume as NIfTI, so that a viewer lays it where it belongs."""
    import nibabel

    array = volume.array.astype(np.uint8) if volume.array.dtype == bool else volume.array
    nibabel.save(nibabel.Nifti1Image(array, volume.affine), path)


def _nifti(path: Path) -> Any:
    import nibabel

    if not path.is_file():
        raise StudyError(f"there is no file {path.name} in {path.parent.name}")
    try:
        return nibabel.load(path)
    except Exception as error:  # nibabel raises whatever the damage leads to
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> StudyError:
    reason = " ".join(str(error).replace(str(path), path.name).split())[:90] or type(error).__name__
    return StudyError(f"{path.name} cannot be read: it is cut short or damaged ({reason}); fetch it again")


def _mhd_fields(path: Path) -> dict[str, str]:
    """The ``key = value`` lines of a MetaImage header."""
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode("ascii").splitlines()
    except OSError:
        raise StudyError(f"there is no file {path.name} in {path.parent.name}") from None
    except UnicodeDecodeError as error:
        raise _damaged(path, error) from None
    fields: dict[str, str] = {}
    for line in lines:
        key, mark, value = line.partition("=")
        if mark and fields.setdefault(key.strip(), value.strip()) != value.strip():
            raise StudyError(f"{path.name} is no MetaImage header: {key.strip()[:40]} stands twice")
    for key in ("DimSize", "ElementType", "ElementDataFile"):
        if key not in fields:
            raise StudyError(f"{path.name} is no MetaImage header: it has no {key}")
    return fields


def _mhd_shape(fields: dict[str, str], path: Path) -> tuple[int, ...]:
    words = fields["DimSize"].split()
    if len(words) != 3 or not all(re.fullmatch(r"0*[1-9]\d{0,6}", word) for word in words):
        raise StudyError(f"{path.name} has the size {fields['DimSize'][:40]!r}; a volume has three axes")
    return tuple(int(word) for word in words)


def _mhd_affine(fields: dict[str, str], path: Path) -> np.ndarray:
    """MetaImage counts millimetres to the left and back; here they go to the right and front."""

    def numbers(keys: tuple[str, ...], usual: str) -> np.ndarray:
        words = next((fields[key] for key in keys if key in fields), usual).split()
        try:
            return np.array([float(word) for word in words])
        except ValueError:
            raise StudyError(f"{path.name}: {keys[0]} is {' '.join(words)[:40]!r}, which are no numbers") from None

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
        raise StudyError(f"{path.name}: voxels of the type {fields['ElementType'][:40]} are not read here")
    big = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "False")).lower() == "true"
    kind = np.dtype(_ELEMENTS[fields["ElementType"]]).newbyteorder(">" if big else "<")
    raw = path.parent / fields["ElementDataFile"]
    if raw.name != fields["ElementDataFile"]:
        named = fields["ElementDataFile"][:80]
        raise StudyError(f"{path.name}: its voxels must lie in one file beside it, not in {named}")
    if not is_there(raw):
        raise StudyError(f"{path.name}: there is no file {raw.name[:80]} with its voxels beside it")
    affine = _mhd_affine(fields, path)
    _check(Header(shape, affine), path)
    wanted = math.prod(shape) * kind.itemsize
    content = raw.read_bytes()
    if fields.get("CompressedData", "False").lower() == "true":
        try:
            content = zlib.decompressobj().decompress(content, wanted + 1)  # no more, whatever it unpacks to
        except zlib.error as error:
            raise _damaged(raw, error) from None
    if len(content) != wanted:
        raise _damaged(raw, ValueError(f"{len(content)} of {wanted} bytes"))
    array = np.frombuffer(content, kind).reshape(shape, order="F")
    return Volume(array.astype(kind.newbyteorder("=")), affine)
