"""``studies new``: the files of a small study that runs, for somebody's own method, data and claim."""

from __future__ import annotations

import keyword
import re
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.errors import StudyError
from helpers.places import ROOT
from helpers.runs.refresh import INDEX, clean
from helpers.studies.run_folder import write_whole

if TYPE_CHECKING:
    from nbformat import NotebookNode

_TEMPLATES = Path(__file__).parent / "new_study_files"
_LONGEST = 30
_RESERVED = ("all", INDEX, "sweeps")  # a word of the command line, a notebook and a folder that are no study
_CELL = re.compile(r"^# %%(?: (.*))?\n", re.MULTILINE)


def write_study(name: str, root: Path = ROOT) -> list[Path]:
    """Write a study: card, data, method, steps, figures, panel, notebook, parameter files and a test.

    Args:
        name: of the study, such as ``"my_method"``: small letters, digits and underscores.
        root: of the project's clone that it is written to.

    Returns:
        The files, all new; nothing that is there is changed.

    Raises:
        StudyError: a name that cannot be one or is taken, a folder that is no clone of the project, or one that cannot
            be written.
    """
    _refuse_bad_name(name)
    missing = [
        part for part in ("helpers/studies", "notebooks", "params", "tests/studies") if not (root / part).is_dir()
    ]
    if missing:
        raise StudyError(f"{root} is no clone of this project: it has no {missing[0]}; say where yours is (--folder)")
    _refuse_taken(name, root)
    files = {root / place: text for place, text in _contents(name).items()}
    written: list[Path] = []
    try:
        for path, text in files.items():
            write_whole(path, text)
            written.append(path)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        for folder in {path.parent for path in files if path.parent.name == name}:
            with suppress(OSError):
                folder.rmdir()
        raise
    return written


def _refuse_bad_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name) or len(name) > _LONGEST:
        raise StudyError(
            f"{name!r} cannot be the name of a study: it takes up to {_LONGEST} small letters, digits and underscores, "
            "a letter first, and is no word of Python's own"
        )
    if name in _RESERVED:
        raise StudyError(f"{name!r} cannot be the name of a study: it stands for something else here")


def _refuse_taken(name: str, root: Path) -> None:
    places = (f"helpers/studies/{name}", f"helpers/studies/{name}.py", f"notebooks/{name}.ipynb", f"params/{name}",
              f"tests/studies/{name}")  # fmt: skip
    taken = [place for place in places if (root / place).exists()]
    if taken:
        raise StudyError(f"the name {name!r} is taken: {taken[0]} is there already; choose another name")


def _contents(name: str) -> dict[str, str]:
    """Place -> text of every file of the study."""
    import nbformat

    study, tests = f"helpers/studies/{name}", f"tests/studies/{name}"
    texts = {f"{study}/__init__.py": _filled("study_init.py", name), f"{tests}/__init__.py": ""}
    for module in ("about", "data", "method", "steps", "figures", "explore"):
        texts[f"{study}/{module}.py"] = _filled(f"{module}.py", name)
    for scale in ("quick", "standard", "paper"):
        texts[f"params/{name}/{scale}.yaml"] = _filled(f"{scale}.yaml", name)
    texts[f"{tests}/test_steps.py"] = _filled("test_steps.py", name)
    notebook = notebook_of(_filled("notebook.py", name))
    texts[f"notebooks/{name}.ipynb"] = nbformat.writes(notebook) + "\n"
    return texts


def _filled(template: str, name: str) -> str:
    text = (_TEMPLATES / f"{template}.tmpl").read_text(encoding="utf-8")
    words = {"@NAME@": name, "@TITLE@": name.replace("_", " ").strip().capitalize()}
    for token, word in words.items():
        text = text.replace(token, word)
    return _with_imports_in_order(text)


def _with_imports_in_order(text: str) -> str:
    """The imports from the package sorted, which depends on the study's name."""
    parts = []
    for of_package, group in groupby(text.splitlines(keepends=True), lambda line: line.startswith("from helpers.")):
        lines = list(group)
        parts += sorted(lines, key=lambda line: line.split()[1]) if of_package else lines
    return "".join(parts)


def notebook_of(text: str) -> NotebookNode:
    """A notebook, not executed, from text whose cells begin with ``# %% [markdown]``, ``# %%`` or ``# %% TAG``."""
    import nbformat

    parts = _CELL.split(text)[1:]
    cells = []
    for kind, source in zip(parts[::2], parts[1::2], strict=True):
        if kind == "[markdown]":
            cells.append(nbformat.v4.new_markdown_cell(source.strip()))
        else:
            cells.append(nbformat.v4.new_code_cell(source.strip(), metadata={"tags": [kind]} if kind else {}))
    notebook = nbformat.v4.new_notebook(cells=cells)
    clean(notebook)
    return notebook
