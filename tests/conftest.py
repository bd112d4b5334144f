"""Fixtures that several test files share."""

import signal
from pathlib import Path

import pytest

from helpers.places import ROOT

# A shell that starts the tests in the background has Ctrl-C ignored, and every process below inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def shared_data() -> Path:
    """The real samples beside the project; a test that needs them skips where they are absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real samples (../shared/data) are not on this machine")
    return folder


@pytest.fixture(autouse=True)
def outputs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test writes its outputs to a folder of its own."""
    folder = tmp_path_factory.mktemp("outputs")
    monkeypatch.setenv("STUDIES_OUTPUTS", str(folder))
    for name in ("STUDIES_RUN_FOLDER", "STUDIES_PROGRESS_FILE", "JPY_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)
    return folder
