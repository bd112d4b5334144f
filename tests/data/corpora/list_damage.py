"""Ways in which the lists of a corpus go wrong: a field, a line, a column, an encoding, a value of its JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

HARMLESS = ("byte order mark", "CRLF", "no last line end")
KINDS = ("field replaced", "field replaced", "field replaced", "fields swapped", "column dropped", "line repeated",
         "line taken away", "lines shuffled", "UTF-16", "Latin-1", *HARMLESS)  # fmt: skip
STRANGE = ("", "nan", "inf", "-1", "0", "7", "2.5", "1e999", "1e300", "9" * 30, "9" * 5000, "../../etc/hostname",
           "/etc/hostname", "a" * 300, '"', "é", "NA", "None", "<b>", "\x01")  # fmt: skip
STRANGE_JSON: tuple[Any, ...] = (None, [], {}, "", "x", -1, 0, 1e999, 10**30, True, "../../etc/hostname", ["x"],
                                 {"a": 1}, float("nan"))  # fmt: skip


@dataclass(frozen=True)
class ListDamage:
    """One thing done to one list of a tree.

    Attributes:
        kind: one of :data:`KINDS`.
        file, line, field: which of those there are, as shares in [0, 1).
        strange: which of the strange values.
        seed: of what is random in it.
    """

    kind: str
    file: float
    line: float
    field: float
    strange: int
    seed: int

    def do(self, root: Path) -> tuple[Path, str]:
        """Damage a list below ``root``; which one, and the strange text that stands in it now (or nothing)."""
        files = lists_below(root)
        path = files[int(self.file * len(files))]
        content = path.read_bytes()
        if path.suffix in (".json", ".geojson") and self.kind not in (*HARMLESS, "UTF-16"):
            return path, self._in_json(path)
        if self.kind == "byte order mark":
            path.write_bytes(b"\xef\xbb\xbf" + content)
        elif self.kind == "CRLF":
            path.write_bytes(content.replace(b"\n", b"\r\n"))
        elif self.kind == "no last line end":
            path.write_bytes(content.rstrip(b"\n"))
        elif self.kind == "UTF-16":
            path.write_text(content.decode(), encoding="utf-16")
        else:
            return path, self._in_lines(path, content.decode())
        return path, ""

    def _in_lines(self, path: Path, text: str) -> str:
        lines = text.splitlines()
        at = int(self.line * len(lines))
        value = STRANGE[self.strange % len(STRANGE)] if self.kind == "field replaced" else ""
        if self.kind == "lines shuffled":
            lines = [lines[i] for i in np.random.default_rng(self.seed).permutation(len(lines))]
        elif self.kind == "line repeated":
            lines.insert(at, lines[at])
        elif self.kind == "line taken away":
            del lines[at]
        elif self.kind == "column dropped":
            lines = [_joined(*_fields(line), without=self.field) for line in lines]
        else:
            fields, gaps = _fields(lines[at])
            k = int(self.field * len(fields))
            if self.kind == "fields swapped":
                fields[k], fields[k - 1] = fields[k - 1], fields[k]
            else:
                fields[k] = fields[k] + "\xe9" if self.kind == "Latin-1" else value
            lines[at] = _joined(fields, gaps)
        path.write_text("\n".join(lines) + "\n", encoding="latin-1" if self.kind == "Latin-1" else "utf-8")
        return value

    def _in_json(self, path: Path) -> str:
        told = json.loads(path.read_text())
        places = list(_places(told))
        parent, key = places[int(self.line * len(places))]
        if self.kind in ("line taken away", "column dropped"):
            del parent[key]
        elif self.kind == "line repeated" and isinstance(parent, list):
            parent.append(parent[key])
        else:
            parent[key] = STRANGE_JSON[self.strange % len(STRANGE_JSON)]
        path.write_text(json.dumps(told))
        return ""


def lists_below(root: Path) -> list[Path]:
    """Files below a folder that are text."""
    return sorted(path for path in root.rglob("*") if path.is_file() and _is_text(path.read_bytes()))


def _is_text(content: bytes) -> bool:
    try:
        return b"\0" not in content and bool(content.decode().strip())
    except UnicodeDecodeError:
        return False


def _fields(line: str) -> tuple[list[str], list[str]]:
    """What stands between commas where there are any, else between blanks, and the gaps."""
    parts = re.split(r"(,)" if "," in line else r"(\s+)", line)
    return parts[::2], parts[1::2]


def _joined(fields: list[str], gaps: list[str], without: float | None = None) -> str:
    if without is not None and len(fields) > 1:
        gone = int(without * len(fields))
        fields, gaps = fields[:gone] + fields[gone + 1 :], gaps[: max(gone - 1, 0)] + gaps[max(gone, 1) :]
    return "".join(a + b for a, b in zip(fields, [*gaps, ""]))


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every value inside lists and dicts, as (where it stands, under what)."""
    inside = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    found = [(value, key) for key, _ in inside]
    return found + [place for _, one in inside if isinstance(one, dict | list) for place in _places(one)]


_shares = st.floats(0, 1, exclude_max=True)
list_damages = st.builds(
    ListDamage, st.sampled_from(KINDS), _shares, _shares, _shares, st.integers(0, 999), st.integers(0, 999)
)
