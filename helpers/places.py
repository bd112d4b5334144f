"""Where things lie: the project's root and the outputs folder."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def outputs_folder() -> Path:
    """``outputs/`` of the project, or what the environment variable ``STUDIES_OUTPUTS`` names."""
    return Path(os.environ.get("STUDIES_OUTPUTS") or ROOT / "outputs").resolve()


def notebook_path(study: str) -> Path:
    """The committed notebook of a study."""
    return ROOT / "notebooks" / f"{study}.ipynb"


def params_path(study: str, scale: str) -> Path:
    """A study's parameter file at a scale."""
    return ROOT / "params" / study / f"{scale}.yaml"
