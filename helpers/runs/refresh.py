"""Make a committed notebook's outputs anew: ``python -m helpers.runs.refresh STUDY``.

The notebook runs at its own defaults; times, widget state and papermill's notes are taken out, so that a second
refresh changes nothing but trained numbers and pictures.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.errors import StudyError
from helpers.places import ROOT, notebook_path
from helpers.runs.quick_start import skip_slow_checks
from helpers.studies.card import StudyParameters
from helpers.studies.catalogue import study_card
from helpers.studies.run_folder import RUN_FOLDER, write_whole

if TYPE_CHECKING:
    from nbformat import NotebookNode

INDEX = "index"  # the notebook that is no study: from it, studies are picked and run
IMAGE_LIMIT = 200_000  # bytes of pictures in one committed notebook
_PICTURES = ("image/png", "image/jpeg", "image/svg+xml", "image/gif")


def refresh(study: str) -> int:
    """Re-execute a study's committed notebook, or the index, in place.

    Returns:
        Bytes of pictures that it now holds.

    Raises:
        StudyError: a cell fails, the pictures are too large, or an output names a folder of this machine. The
            committed notebook then stays as it was.
    """
    import nbformat

    from helpers.runs.engine import CellError, prepare_environment, run_notebook

    path = notebook_path(study)
    if not path.is_file():
        raise StudyError(f"{study}: its notebook {path.name} is absent")
    kind = StudyParameters if study == INDEX else study_card(study).parameters
    defaults = kind.model_fields["threads"].default
    prepare_environment(defaults if isinstance(defaults, int) else StudyParameters.model_fields["threads"].default)
    with tempfile.TemporaryDirectory(prefix="studies-") as folder:
        os.environ[RUN_FOLDER] = folder
        if study == INDEX:  # as it looks where nothing has run yet
            os.environ["STUDIES_OUTPUTS"] = str(Path(folder) / "outputs")
        notebook = nbformat.read(path, as_version=4)
        say_ranges_without_equals(notebook)
        try:
            executed = run_notebook(notebook, Path(folder) / "notebook.ipynb", {})
        except CellError as error:
            raise StudyError(f"{study}: {error.line()}; the committed notebook is as it was") from None
        clean(executed)
        size = picture_bytes(executed)
        if size > IMAGE_LIMIT:
            raise StudyError(f"{study}: its pictures are {size / 1000:.0f} kB; {IMAGE_LIMIT / 1000:.0f} kB are allowed")
        refuse_machine_paths(executed, study, [folder])
    write_whole(path, nbformat.writes(executed) + "\n")
    return size


def say_ranges_without_equals(notebook: NotebookNode) -> None:
    """Write ≥ and ≤ in the comments of the parameters cell: papermill skips a line with a second equals sign."""
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            lines = [line.partition("  # ") for line in cell.source.split("\n")]
            cell.source = "\n".join(
                code + mark + comment.replace(">=", "≥").replace("<=", "≤") for code, mark, comment in lines
            )


def clean(notebook: NotebookNode) -> None:
    """Take out what differs from one execution to the next for no reason a reader cares about."""
    import nbformat

    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        }
    )
    for cell in notebook.cells:
        for key in ("papermill", "execution", "collapsed", "ExecuteTime"):
            cell.metadata.pop(key, None)
        if not cell.metadata.get("tags", True):  # papermill adds an empty list
            del cell.metadata["tags"]
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_widget(output)]


def picture_bytes(notebook: NotebookNode) -> int:
    """Size of all pictures in a notebook's outputs, as stored (base64)."""
    return sum(
        len("".join(content))
        for _, output in _outputs(notebook)
        for kind, content in output.get("data", {}).items()
        if kind in _PICTURES
    )


def refuse_machine_paths(notebook: NotebookNode, study: str, also: list[str]) -> None:
    """Refuse a notebook whose outputs name a folder of the machine it ran on.

    Raises:
        StudyError: names the cell and the path.
    """
    folders = {str(ROOT), str(Path.home()), tempfile.gettempdir(), sys.prefix, *also} - {"/", ""}
    found = re.compile("|".join(re.escape(folder) + r"(?=[/\\\s'\"<]|$)" for folder in sorted(folders)))
    for number, output in _outputs(notebook):
        texts = [output.get("text", ""), *output.get("traceback", [])]
        texts += [content for kind, content in output.get("data", {}).items() if kind not in _PICTURES[:2]]
        for text in texts:
            hit = found.search("".join(text) if isinstance(text, list) else str(text))
            if hit:
                raise StudyError(
                    f"{study}: the output of code cell {number} names {hit.group()}, a path of this machine"
                )


def _outputs(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [(number, output) for number, cell in enumerate(code, 1) for output in cell.outputs]


def _is_widget(output: NotebookNode) -> bool:
    return "application/vnd.jupyter.widget-view+json" in output.get("data", {})


def main() -> int:
    """Refresh the study that the command line names."""
    study = sys.argv[1]
    skip_slow_checks()
    try:
        size = refresh(study)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{study}: refreshed, pictures {size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
