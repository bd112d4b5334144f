"""Ways in which files of a corpus get damaged on disks and wires, for the readers' tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

KINDS = ("cut", "emptied", "bits flipped", "shuffled", "overwritten", "taken away", "written twice")


@dataclass(frozen=True)
class Damage:
    """One thing done to one file of a tree.

    Attributes:
        kind: one of :data:`KINDS`.
        file: which file, as a share of those there are, in [0, 1).
        where: where in the file, as a share of its length, in [0, 1).
        seed: of what is random in it.
    """

    kind: str
    file: float
    where: float
    seed: int

    def do(self, root: Path) -> Path:
        """Damage a file below ``root``; which one."""
        files = sorted(path for path in root.rglob("*") if path.is_file())
        path = files[int(self.file * len(files))]
        if self.kind == "taken away":
            path.unlink()
        else:
            path.write_bytes(self._damaged(path.read_bytes()))
        return path

    def _damaged(self, content: bytes) -> bytes:
        at = int(self.where * len(content))
        rng = np.random.default_rng(self.seed)
        if self.kind == "cut":
            return content[:at]
        if self.kind == "emptied":
            return b""
        if self.kind == "written twice":
            return content + content
        if self.kind == "shuffled":
            pieces = content.splitlines(keepends=True) if b"\0" not in content else _blocks(content)
            return b"".join(pieces[i] for i in rng.permutation(len(pieces)))
        changed = np.frombuffer(content, np.uint8).copy()
        if self.kind == "overwritten":
            changed[at : at + 40] = rng.integers(0, 256, len(changed[at : at + 40]))
        elif len(changed):
            places = rng.integers(0, len(changed), 1 + self.seed % 8)
            changed[places] ^= (1 << rng.integers(0, 8, len(places))).astype(np.uint8)
        return changed.tobytes()


def _blocks(content: bytes, size: int = 64) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


shares = st.floats(0, 1, exclude_max=True)
damages = st.builds(Damage, st.sampled_from(KINDS), shares, shares, st.integers(0, 2**16))
