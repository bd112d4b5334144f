"""A JupyterLab of its own for tests, on a free port of this machine."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_OWN_FOLDERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")


class Lab:
    """A running JupyterLab.

    Attributes:
        address: of the server. token: what it lets in.
    """

    def __init__(self, address: str, token: str) -> None:
        self.address, self.token = address, token

    def opened(self, page: Any, notebook: str) -> Any:
        """Open a notebook in a page of a browser and wait for its kernel; the page."""
        page.goto(f"{self.address}/lab/tree/{notebook}?token={self.token}&reset")
        page.wait_for_selector(".jp-NotebookPanel .jp-Notebook", timeout=120_000)
        _wait(lambda: self._connected(notebook), f"the kernel of {notebook} did not start")
        page.wait_for_selector(".jp-NotebookPanel-toolbar [data-status='idle']", timeout=120_000)
        return page

    def _connected(self, notebook: str) -> bool:
        """Whether the notebook's kernel is idle and the page hears it: run before that, a cell asks for a kernel."""
        with urllib.request.urlopen(f"{self.address}/api/sessions?token={self.token}", timeout=30) as answer:
            kernels = [session["kernel"] for session in json.load(answer) if session["path"] == notebook]
        return any(kernel["execution_state"] == "idle" and kernel["connections"] for kernel in kernels)

    def run_all(self, page: Any) -> None:
        """Run all cells, by the menu."""
        page.click("li.lm-MenuBar-item:has-text('Run')")
        page.click("li.lm-Menu-item[data-command='runmenu:run-all']")


@contextmanager
def jupyter_lab(root: Path, settings: Path, environment: Mapping[str, str]) -> Iterator[Lab]:
    """Start JupyterLab and end it with all its kernels.

    Args:
        root: the folder that it shows.
        settings: a folder for its own files.
        environment: of its kernels.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}", "--ServerApp.port_retries=0",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    own = {name: str(settings / name.lower()) for name in _OWN_FOLDERS}
    quiet = settings / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    log = settings / "lab.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=root, env={**os.environ, **environment, **own}, stdout=out, stderr=out, start_new_session=True
        )
    try:
        _wait(lambda: _answers(f"http://127.0.0.1:{port}/api?token={token}"), f"JupyterLab did not start; see {log}")
        yield Lab(f"http://127.0.0.1:{port}", token)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except OSError:
        return False


def _wait(seen: Callable[[], bool], otherwise: str, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, otherwise
        time.sleep(0.2)
