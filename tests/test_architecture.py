"""The package is laid out the way its docstring says, and the project's files agree with one another."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from helpers.places import ROOT
from helpers.runs.refresh import INDEX
from helpers.studies.catalogue import study_names

# Each may import from itself and from those before it.
ORDER = (
    "errors", "places", "progress", "allocation", "data", "views", "networks", "objectives", "methods", "checkpoints",
    "precision", "training_plan", "training", "processes", "evaluation", "report", "studies", "runs",
    "cli_console", "cli_results", "cli_runs", "cli_sweep", "cli_data", "cli_new", "cli",
)  # fmt: skip
FILES = sorted((ROOT / "helpers").rglob("*.py"))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_folder_imports_only_from_those_before_it(path: Path) -> None:
    parts = path.relative_to(ROOT / "helpers").with_suffix("").parts
    if parts == ("__init__",):
        return
    own = ORDER.index(parts[0])
    for module in _imports(path):
        names = module.split(".")
        if names[0] == "helpers" and len(names) > 1:
            assert ORDER.index(names[1]) <= own, f"{path.name} imports {module}, which comes after it"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_study_imports_another(path: Path) -> None:
    parts = path.relative_to(ROOT / "helpers").parts
    if parts[0] == "studies" and len(parts) > 2:
        for module in _imports(path):
            names = module.split(".")
            if names[:2] == ["helpers", "studies"] and len(names) > 3:
                assert names[2] == parts[1]


def test_nothing_unpickles_or_loads_yaml_unsafely() -> None:
    for path in FILES:
        text = path.read_text()
        for node in ast.walk(ast.parse(text)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            called = ast.unparse(node.func)
            if called == "torch.load":
                assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords), path
            if called in ("np.load", "numpy.load"):
                assert not any(k.arg == "allow_pickle" and ast.unparse(k.value) == "True" for k in node.keywords), path
            assert called not in ("pickle.load", "pickle.loads", "joblib.load", "pd.read_pickle", "yaml.unsafe_load"), (
                path
            )
            if called == "yaml.load":
                loader = next((ast.unparse(k.value) for k in node.keywords if k.arg == "Loader"), "")
                assert re.search(rf"class {loader}\(yaml\.SafeLoader\)", text), path


def test_importing_the_package_or_any_card_imports_nothing_heavy() -> None:
    heavy = ("torch", "pandas", "numpy", "scipy", "sklearn", "matplotlib", "sksurv", "papermill", "IPython")
    code = (
        "import sys, helpers\n"
        "from helpers.studies.catalogue import study_card, study_names\n"
        "cards = [study_card(name) for name in study_names()]\n"
        f"found = [m for m in {heavy!r} if m in sys.modules]\n"
        "assert cards and not found, found\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_ci_runs_exactly_the_readmes_test_command() -> None:
    command = next(line for line in (ROOT / ".ci/run").read_text().splitlines() if "-m tests" in line)
    assert command in (ROOT / "README.md").read_text().splitlines()


def test_the_lock_pins_every_dependency_and_names_no_address() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = (ROOT / "requirements.lock").read_text()
    pins = dict(re.findall(r"^([A-Za-z0-9_.\-]+)==(\S+)$", lock, re.M))
    pinned = {re.sub(r"[-_.]+", "-", name).lower() for name in pins}
    for wanted in [*project["dependencies"], *project["optional-dependencies"]["test"]]:
        name = re.match(r"[A-Za-z0-9_.\-]+", wanted)
        assert name is not None
        assert re.sub(r"[-_.]+", "-", name[0]).lower() in pinned, f"{wanted} is not pinned"
    assert "//" not in lock


def test_every_study_has_a_notebook_and_every_notebook_but_the_index_a_study() -> None:
    notebooks = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert notebooks == {*study_names(), INDEX}


@pytest.mark.parametrize(
    "notebook", [ROOT / "notebooks" / f"{name}.ipynb" for name in study_names()], ids=lambda p: p.stem
)
def test_a_study_has_its_parameter_files_and_its_notebooks_defaults_are_those_of_quick(notebook: Path) -> None:
    import nbformat

    from helpers.studies.catalogue import study_card

    card = study_card(notebook.stem)
    for scale in ("quick", "standard", "paper"):
        values = yaml.safe_load((ROOT / "params" / notebook.stem / f"{scale}.yaml").read_text())
        card.validated({"scale": scale, **values})
    cells = nbformat.read(notebook, as_version=4).cells
    cell = next(c for c in cells if "parameters" in c.metadata.get("tags", []))
    namespace: dict[str, object] = {}
    exec(cell.source, namespace)
    given = {key: value for key, value in namespace.items() if not key.startswith("__")}
    quick = yaml.safe_load((ROOT / "params" / notebook.stem / "quick.yaml").read_text())
    assert card.validated(given) == card.validated({"scale": "quick", **quick})
    code = [c for c in cells if c.cell_type == "code"]
    assert 10 <= len(code) <= 16
    pictures = sum(len(o["data"]["image/png"]) for c in code for o in c.outputs if "image/png" in o.get("data", {}))
    assert pictures * 3 / 4 <= 200_000
