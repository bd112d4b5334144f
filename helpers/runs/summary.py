"""What a finished run concluded, in a few words."""

from __future__ import annotations

import json
from pathlib import Path


def verdict_words(folder: Path) -> list[str]:
    """One entry a claim, such as ``"supported (+0.012)"``."""
    try:
        verdicts = json.loads((folder / "verdict.json").read_text())["verdicts"]
        return [f"{v['word']} ({v['effect']:+.3g})" for v in verdicts]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ["unreadable verdict"]
