"""Addresses at which the JupyterLab that a kernel belongs to shows a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import quote

from jupyter_core.paths import jupyter_runtime_dir


def lab_address(path: Path) -> str | None:
    """Where JupyterLab opens the file; None where there is no JupyterLab, or the file lies outside its folder.

    The server writes down its folder and address under its process id, which the kernel knows as its parent's.
    """
    server = os.environ.get("JPY_PARENT_PID", "")
    try:
        told = json.loads((Path(jupyter_runtime_dir()) / f"jpserver-{int(server)}.json").read_text())
        inside = path.resolve().relative_to(Path(told["root_dir"]).resolve())
        return f"{told['base_url']}lab/tree/{quote(inside.as_posix())}"
    except (OSError, ValueError, KeyError, TypeError):
        return None
