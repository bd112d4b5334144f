"""Where things lie: the project's root, its outputs, its data."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_outputs: ContextVar[Path | None] = ContextVar("outputs", default=None)


def outputs_folder() -> Path:
    """``outputs/`` of the project, or what the environment variable ``STUDIES_OUTPUTS`` names."""
    return _outputs.get() or Path(os.environ.get("STUDIES_OUTPUTS") or ROOT / "outputs").resolve()


@contextmanager
def outputs_at(folder: Path) -> Iterator[None]:
    """Inside, in this thread alone, the outputs folder is ``folder``."""
    token = _outputs.set(folder)
    try:
        yield
    finally:
        _outputs.reset(token)


def data_folder() -> Path:
    """Where corpora are downloaded to and looked for: ``data/`` of the project, or what ``STUDIES_DATA`` names."""
    return Path(os.environ.get("STUDIES_DATA") or ROOT / "data").resolve()


def notebook_path(study: str) -> Path:
    """The committed notebook of a study."""
    return ROOT / "notebooks" / f"{study}.ipynb"


def params_path(study: str, scale: str) -> Path:
    """A study's parameter file at a scale."""
    return ROOT / "params" / study / f"{scale}.yaml"
