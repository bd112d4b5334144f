"""Pictures of every format and kind: decoded as they look, or left out by name; nothing in a file fails a corpus."""

from __future__ import annotations

import io
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from helpers.data.corpora.image_files import decode_files, picture_of
from helpers.data.corpora.images import class_folders
from helpers.data.corpora.kernels import KernelDrawing, kernel_corpus
from helpers.data.corpora.slide_files import WholeSlide
from helpers.data.corpora.slide_regions import read_region_mask
from helpers.errors import StudyError
from tests.data.corpora.damage import Damage, damages
from tests.data.corpora.test_kernels import mask, picture

FORMATS = {"a.png": {}, "b.jpg": {}, "c.bmp": {}, "d.webp": {"lossless": True}, "e.tif": {"compression": "tiff_lzw"},
           "f.ppm": {}, "g.gif": {}, "h.tiff": {}, "i.jpeg": {"progressive": True}}  # fmt: skip


def _colours() -> Image.Image:
    """Four quarters: red, green, blue, grey."""
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8, :8, 0] = pixels[:8, 8:, 1] = pixels[8:, :8, 2] = 255
    pixels[8:, 8:] = 128
    return Image.fromarray(pixels)


def _saved(root: Path) -> list[Path]:
    for name, options in FORMATS.items():
        _colours().save(root / name, **options)
    return sorted(root.iterdir())


@given(damage=damages)
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_picture_of_any_format_is_decoded_or_left_out(damage: Damage) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = _saved(Path(folder))
        bad = damage.do(Path(folder))
        decoded = decode_files(paths, 8, {"content": [p.read_bytes().hex() if p.exists() else "" for p in paths]})
    others = [path != bad for path in paths]
    assert decoded.readable[others].all()
    assert decoded.pixels is not None
    assert decoded.pixels.shape == (len(paths), 3, 8, 8)


def _of_mode(name: str) -> tuple[bytes, str]:
    """The coloured picture in another kind of file, and the file's ending."""
    buffer, plain = io.BytesIO(), _colours()
    grey = np.asarray(plain.convert("L"))
    if name == "RGBA":
        plain.convert("RGBA").save(buffer, "png")
    elif name == "palette":
        plain.convert("P", palette=Image.Palette.ADAPTIVE).save(buffer, "png")
    elif name == "CMYK":
        plain.convert("CMYK").save(buffer, "tiff")
    elif name == "animated":
        plain.save(buffer, "webp", save_all=True, lossless=True, append_images=[Image.new("RGB", (16, 16))])
    elif name == "on its side":
        exif = Image.Exif()
        exif[0x0112] = 6
        plain.rotate(90).save(buffer, "png", exif=exif)
    elif name == "grey and alpha":
        plain.convert("LA").save(buffer, "png")
    elif name == "16-bit grey":
        Image.fromarray(grey.astype(np.uint16) * 257).save(buffer, "png")
    elif name == "32-bit grey":
        Image.fromarray(grey.astype(np.int32) * 257).save(buffer, "tiff")
    elif name == "fractions":
        Image.fromarray((grey / 255).astype(np.float32)).save(buffer, "tiff")
    return buffer.getvalue(), ".tif" if name in ("CMYK", "32-bit grey", "fractions") else ".png"


@pytest.mark.parametrize(
    "name",
    ["RGBA", "palette", "CMYK", "animated", "on its side", "grey and alpha", "16-bit grey", "32-bit grey", "fractions"],
)
def test_every_kind_of_picture_looks_the_same(name: str, tmp_path: Path) -> None:
    content, ending = _of_mode(name)
    file = tmp_path / f"a{ending}"
    file.write_bytes(content)
    decoded = decode_files([file], 16, {"kind": name})
    assert decoded.readable.all()
    expected = _colours().convert("L") if "grey" in name or name == "fractions" else _colours()
    found = decoded.load(np.array([0]))[0].permute(1, 2, 0).numpy().astype(int)
    wanted = np.asarray(expected).reshape(16, 16, -1).astype(int)
    assert np.abs(found - wanted).max() <= 2


def _bomb() -> bytes:
    """A PNG of a few bytes whose header promises 60,000 × 60,000 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


BROKEN = {"no picture": b"not a picture", "empty": b"", "cut": b"", "bomb": _bomb(),
          "a script": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_whole_picture_is_named_wherever_one_is_read(name: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    _colours().resize((64, 64)).save(buffer, "jpeg")
    content = buffer.getvalue()[: len(buffer.getvalue()) // 2] if name == "cut" else BROKEN[name]
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(StudyError, match=r"^bad\.png cannot be decoded as a picture"):
        picture_of(tmp_path / "bad.png")
    slide = WholeSlide.__new__(WholeSlide)
    slide.width = slide.height = 16
    with pytest.raises(StudyError, match=r"bad\.png"):
        read_region_mask(tmp_path / "bad.png", slide)
    with pytest.raises(StudyError, match=r"^bad\.png"):
        WholeSlide(tmp_path / "bad.png")
    folders = tmp_path / "classes"
    for label in "ab":
        (folders / label).mkdir(parents=True)
        for i in range(5):
            picture(i + 9 * (label == "b")).save(folders / label / f"{label}{i}.png")
    (folders / "a" / "bad.jpg").write_bytes(content)
    corpus = class_folders(folders, 16)
    assert len(corpus) == 10
    assert "1 file(s) cannot be decoded and are left out: a/bad.jpg" in corpus.notices


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_mask_is_one_clear_line(name: str, tmp_path: Path) -> None:
    lines = ["path,label,mask"]
    for i in range(6):
        picture(i).save(tmp_path / f"k{i}.png")
        mask().save(tmp_path / f"m{i}.png")
        lines.append(f"k{i}.png,{'ab'[i % 2]},m{i}.png")
    (tmp_path / "m3.png").write_bytes(BROKEN[name])
    (tmp_path / "list.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(StudyError, match=r"mask m3\.png cannot be read as a picture"):
        kernel_corpus("manifest", str(tmp_path / "list.csv"), 16, KernelDrawing())
