"""What the tests of sweeps share: a project of light runs, a sweep of 24 of them, and ways to disturb it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.stub_study.project import Project, make_project

SWEEP = """\
# 24 runs, one of which waits to be killed and one of which goes wrong
- {studies: stub, set: {seeds: [100], pause: 120}}
- {studies: stub, set: {seeds: [101], trouble: study_error}}
- {studies: stub, seeds: 0-21}
"""


def light_project(root: Path) -> Project:
    """A project whose runs take a tenth of a second."""
    project = make_project(root)
    shutil.copyfile(Path(__file__).parents[1] / "stub_study" / "light_execute.py", root / "helpers/runs/execute.py")
    (root / "sweep.yaml").write_text(SWEEP)
    return project


def waited_for(seen: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 60.0) -> bool:
    """Wait until ``seen()`` is true; False when the process ends or the time is up first."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if seen():
            return True
        time.sleep(0.05)
    return False


def pausing(project: Project) -> int:
    """Process id of the run that waits to be killed; 0 while it has not begun."""
    for file in (project.outputs / "stub").glob(".partial-*/pid"):
        try:
            return int(file.read_text() or 0)
        except (OSError, ValueError):
            continue
    return 0
