"""Bars are for whoever watches: a worker process of a notebook writes none, for what it writes is shown as an error."""

import os
import subprocess
import sys

_COUNTS = """
from helpers.progress import bar
with bar(3, "counting") as shown:
    for _ in range(3):
        shown.update(loss=1.0)
"""


def _written(**environment: str) -> str:
    done = subprocess.run([sys.executable, "-c", _COUNTS], env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_worker_process_of_a_notebook_writes_nothing() -> None:
    assert _written(JPY_SESSION_NAME="notebook.ipynb") == ""
    assert _written(VSCODE_PID="1") == ""
