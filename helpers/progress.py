"""Progress for whoever is watching: a bar at a front end or terminal, a small file for a launcher."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRESS_FILE = "STUDIES_PROGRESS_FILE"  # environment variable; set by the launcher of a run


def front_end_attached() -> bool:
    """Whether a person sits at a notebook front end (JupyterLab and VS Code announce themselves to the kernel)."""
    return "JPY_SESSION_NAME" in os.environ or "VSCODE_PID" in os.environ


class Bar:
    """Counts steps towards a total, at most a few signs of life a second."""

    def __init__(self, total: int, label: str, unit: str) -> None:
        from tqdm.auto import tqdm

        # A worker process of a notebook inherits its environment, and what it writes is shown as an error.
        watched = front_end_attached() if "ipykernel" in sys.modules else sys.stderr.isatty()
        self._bar = tqdm(total=total, desc=label, unit=unit, leave=False, disable=not watched)
        self._label, self._total, self._done, self._told = label, total, 0, 0.0

    def update(self, steps: int = 1, **numbers: float | str) -> None:
        """Move on by ``steps``; ``numbers`` are shown beside the bar."""
        self._done += steps
        self._bar.update(steps)
        now = time.monotonic()
        if now - self._told < 0.5 and self._done < self._total:
            return
        self._told = now
        if numbers:
            self._bar.set_postfix({k: f"{v:.3g}" if isinstance(v, float) else v for k, v in numbers.items()})
        tell(self._label, self._done, self._total)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()


@contextmanager
def bar(total: int, label: str, unit: str = "step") -> Iterator[Bar]:
    """A :class:`Bar` over ``total`` steps, closed at the end."""
    shown = Bar(total, label, unit)
    try:
        yield shown
    finally:
        shown.close()


def tell(label: str, done: int = 0, total: int = 0, **more: Any) -> None:
    """Leave a sign of life for the launcher, where there is one; never fails."""
    target = os.environ.get(PROGRESS_FILE)
    if not target:
        return
    try:
        partial = Path(f"{target}.{os.getpid()}")
        partial.write_text(json.dumps({"label": label, "done": done, "total": total, **more}))
        os.replace(partial, target)
    except OSError:
        return
