"""Papermill with the house's settings: which cell is at work is known, and kernels do not share ports."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import papermill
from jupyter_client.manager import KernelManager
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.log import logger

from helpers.places import ROOT

ENGINE = "studies"
_LONGEST_SOCKET_PATH = 90  # the system allows 107 bytes; a suffix follows


class CellError(Exception):
    """A cell failed, or its kernel died.

    Attributes:
        kind: the exception's class name in the kernel.
        message: its message.
        cell: where, such as ``"cell 4 of 12"``.
        lost: whether the kernel died, so that trying again may help.
    """

    def __init__(self, kind: str, message: str, cell: str, lost: bool = False) -> None:
        super().__init__(f"{kind}: {message} ({cell})")
        self.kind, self.message, self.cell, self.lost = kind, message, cell, lost

    def line(self) -> str:
        """One line for a person: a StudyError's own, else the exception and the cell."""
        message = " ".join(self.message.split())
        return message if self.kind == "StudyError" else f"{self.kind}: {message} (in {self.cell})"


class _Client(PapermillNotebookClient):
    """Notes which cell is at work, and keeps the kernel's sockets in a folder instead of on TCP ports."""

    cells_file: Path | None = None
    socket_folder: Path | None = None
    at_work = 0

    def create_kernel_manager(self) -> KernelManager:
        manager = super().create_kernel_manager()
        if self.socket_folder is not None:
            manager.transport = "ipc"
            manager.connection_file = str(self.socket_folder / "k.json")
            manager.ip = str(self.socket_folder / "k")
        return manager

    def execute_cell(self, cell: NotebookNode, cell_index: int, *rest: Any, **options: Any) -> NotebookNode:
        code = [i for i, other in enumerate(self.nb.cells) if other.cell_type == "code"]
        if cell_index in code:
            self.at_work = code.index(cell_index) + 1
            _tell_cell(self.cells_file, self.at_work, len(code))
        return super().execute_cell(cell, cell_index, *rest, **options)


class StudiesEngine(NBClientEngine):
    """The engine that ``papermill.execute_notebook(engine_name="studies")`` uses."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: int = 120,
        execution_timeout: int | None = None,
        **kwargs: Any,
    ) -> NotebookNode:
        """Run all cells; a kernel that dies raises CellError, whatever the notebook's metadata say."""
        client = _Client(
            nb_man,
            timeout=execution_timeout,
            startup_timeout=start_timeout,
            kernel_name=kernel_name,
            log=logger,
            resources={"metadata": {"path": str(ROOT / "notebooks")}},  # where nbval and JupyterLab run it, too
            store_widget_state=False,
        )
        client.cells_file = kwargs.get("cells_file")
        with _socket_folder() as folder:
            client.socket_folder = folder
            try:
                return client.execute()
            except DeadKernelError:
                total = sum(cell.cell_type == "code" for cell in nb_man.nb.cells)
                raise CellError(
                    "kernel died",
                    "it was killed from outside, ran out of memory, or crashed",
                    f"cell {client.at_work} of {total}",
                    lost=True,
                ) from None


papermill_engines.register(ENGINE, StudiesEngine)


def run_notebook(
    notebook: NotebookNode, output: Path, parameters: dict[str, Any], cells_file: Path | None = None
) -> NotebookNode:
    """Execute a notebook with papermill, saving it after every cell.

    Args:
        notebook: as read; its ``parameters`` cell is followed by one with the values of ``parameters``.
        output: the executed notebook.
        parameters: plain values by name; none leaves the notebook's own.
        cells_file: where to note which cell is at work.

    Returns:
        The executed notebook, without widget state.

    Raises:
        CellError: a cell raised, or the kernel died; ``output`` is kept up to that cell.
    """
    try:
        executed = papermill.execute_notebook(
            notebook,
            str(output).replace("{", "{{").replace("}", "}}"),  # papermill formats the path
            parameters,
            engine_name=ENGINE,
            kernel_name="python3",
            progress_bar=False,
            cells_file=cells_file,
        )
    except PapermillExecutionError as error:
        code = sum(cell.cell_type == "code" for cell in notebook.cells) + bool(parameters)
        raise CellError(error.ename, error.evalue, f"cell {error.exec_count} of {code}") from None
    executed.metadata.pop("widgets", None)
    return executed


def prepare_environment(threads: int) -> None:
    """Set this process's environment for its kernel: threads, inline figures, no front end, this very package."""
    os.environ |= {
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # with agg, every pyplot figure is dropped
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    for name in ("JPY_SESSION_NAME", "VSCODE_PID"):
        os.environ.pop(name, None)


@contextmanager
def _socket_folder() -> Iterator[Path | None]:
    """A new folder with a path short enough for sockets; None (TCP serves) where there is none."""
    folder = Path(tempfile.mkdtemp(prefix="studies-"))
    try:
        fits = os.name == "posix" and len(os.fsencode(folder / "k.json-ipc-1")) <= _LONGEST_SOCKET_PATH
        yield folder if fits else None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tell_cell(target: Path | None, cell: int, cells: int) -> None:
    if target is None:
        return
    try:
        target.with_suffix(".new").write_text(json.dumps({"cell": cell, "cells": cells}))
        os.replace(target.with_suffix(".new"), target)
    except OSError:
        return
