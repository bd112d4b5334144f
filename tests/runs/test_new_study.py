"""``studies new`` writes a study that runs, is tested, and holds to the rules of the house; and overwrites nothing."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.errors import StudyError
from helpers.places import ROOT
from helpers.runs.new_study import write_study


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """The folders of a clone, with nothing in them."""
    for folder in ("helpers/studies", "notebooks", "params", "tests/studies"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the project without its studies and their tests."""
    for folder in ("helpers", "tests", "notebooks", "params"):
        left_out = shutil.ignore_patterns("__pycache__", "*.ipynb")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=left_out)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def _run(clone: Path, *words: str) -> str:
    """A command in the clone, with its package and nobody else's; its words. Fails where it fails."""
    environment = {**os.environ, "PYTHONPATH": str(clone), "STUDIES_OUTPUTS": str(clone / "outputs")}
    done = subprocess.run([sys.executable, *words], cwd=clone, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_a_new_study_runs_at_quick_and_its_own_test_passes(clone: Path) -> None:
    said = _run(clone, "-m", "helpers.cli", "new", "my_method")
    assert "studies run my_method" in said
    _run(clone, "-m", "helpers.cli", "refresh", "my_method")  # through papermill, into the notebook itself
    notebook = json.loads((clone / "notebooks/my_method.ipynb").read_text())
    (verdict,) = (cell for cell in notebook["cells"] if "study.verdict" in "".join(cell["source"]))
    assert "inconclusive" in json.dumps(verdict["outputs"]).lower()
    rules = ("notebooks/test_committed.py", "test_architecture.py", "data/catalogue/test_lookup.py")
    _run(clone, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/studies/my_method",
         *(f"tests/{rule}" for rule in rules), "-k", "my_method")  # fmt: skip


@pytest.mark.parametrize("name", ["a", "zeta", "x" * 30, "rows_2"])
def test_what_is_written_is_formatted_and_without_lint_whatever_the_name(name: str, clone: Path) -> None:
    written = write_study(name, clone)
    code = [str(path) for path in written if path.suffix != ".yaml"]
    _run(clone, "-m", "ruff", "check", "--no-cache", *code)
    _run(clone, "-m", "ruff", "format", "--no-cache", "--check", *code)
    assert not [path for path in written if re.search("@[A-Z]+@", path.read_text())]


def test_what_is_written_has_types_that_hold(clone: Path) -> None:
    write_study("my_method", clone)
    cache = ROOT / ".mypy_cache"
    _run(clone, "-m", "mypy", "--cache-dir", str(cache) if cache.is_dir() else os.devnull, "helpers/studies/my_method")


@pytest.mark.parametrize(
    "name", ["", "My_method", "my-method", "2fast", "class", "../evil", "a/b", "x" * 31, "é", "a\n"]
)
def test_a_name_that_cannot_be_one_is_refused_in_one_line(name: str, empty: Path) -> None:
    with pytest.raises(StudyError, match="cannot be the name of a study") as caught:
        write_study(name, empty)
    assert len(str(caught.value).splitlines()) == 1
    assert not [path for path in empty.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["all", "index", "sweeps"])
def test_a_name_that_stands_for_something_else_is_refused(name: str, empty: Path) -> None:
    with pytest.raises(StudyError, match="stands for something else"):
        write_study(name, empty)


def test_a_name_that_is_taken_is_refused_and_nothing_is_overwritten(empty: Path) -> None:
    with pytest.raises(StudyError, match=r"the name 'survformer' is taken: helpers/studies/survformer is there"):
        write_study("survformer", ROOT)
    with pytest.raises(StudyError, match=r"the name 'card' is taken: helpers/studies/card\.py is there"):
        write_study("card", ROOT)
    theirs = empty / "params" / "mine"
    theirs.mkdir()
    (theirs / "quick.yaml").write_text("theirs")
    with pytest.raises(StudyError, match=r"params/mine is there already"):
        write_study("mine", empty)
    assert [path for path in empty.rglob("*") if path.is_file()] == [theirs / "quick.yaml"]


def test_a_folder_that_is_no_clone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="is no clone of this project: it has no helpers/studies"):
        write_study("mine", tmp_path)


def test_a_study_that_cannot_be_written_whole_leaves_nothing(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from helpers.runs import new_study

    whole = new_study.write_whole

    def full(path: Path, text: str) -> None:
        if path.suffix == ".ipynb":
            raise StudyError("the disk is full")
        whole(path, text)

    monkeypatch.setattr(new_study, "write_whole", full)
    with pytest.raises(StudyError, match="disk is full"):
        write_study("mine", empty)
    assert not [path for path in empty.rglob("*") if path.is_file()]
    monkeypatch.undo()
    write_study("mine", empty)  # and a second try works
