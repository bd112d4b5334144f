"""The ``studies`` command: what it shows, what it refuses, and that it starts fast."""

import subprocess
import sys

import pytest

from tests.stub_study.project import Project, make_project

HEAVY = (
    "torch",
    "pandas",
    "numpy",
    "scipy",
    "sklearn",
    "matplotlib",
    "papermill",
    "nbformat",
    "IPython",
    "jupyter_client",
    "distributed",
    "dask",
    "pooch",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose one study is the stub."""
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.mark.parametrize(
    "words",
    [("--help",), ("list",), ("show", "stub"), ("run", "--help"), ("sweep", "--help"), ("data", "list", "--help")],
)
def test_nothing_heavy_is_imported_to_answer_a_question(project: Project, words: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom helpers.cli import main\nsys.argv = ['studies', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        f"found = [name for name in {HEAVY!r} if name in sys.modules]\nassert not code and not found, (code, found)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=project.root,
        env=project.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "stub" in done.stdout or "--help" in words


def test_list_names_claim_paper_corpora_and_cost(project: Project) -> None:
    said = project.studies("list", COLUMNS="200").stdout
    for words in ("stub", "The late throws fall higher", "Stub et al. 1713", "coins, folder", "~3 s on 1 CPU core"):
        assert words in said


def test_show_names_types_defaults_ranges_and_what_is_real(project: Project) -> None:
    said = project.studies("show", "stub", COLUMNS="200").stdout
    rows = {line.split()[0]: line for line in said.splitlines() if line.strip()}
    assert "<script>coin</script>" in said
    assert "simulated" in rows["coins"]
    assert "real" in rows["folder"]
    assert "data_root" in rows["folder"]
    assert "int" in rows["throws"]
    assert "100" in rows["throws"]
    assert ">= 1, <= 1e+06" in rows["throws"]
    assert "> 0" in rows["lr"]
    assert "list[int]" in rows["seeds"]
    assert "~5 s on 1 CPU core" in rows["paper"]
    assert "30 min" in rows["paper"]


REFUSED = [
    (("run", "stubb"), "error: no study is called 'stubb'; did you mean stub?"),
    (("run", "stub", "-p", "throw=3"), "error: -p: throw: stub has no such parameter; did you mean throws?"),
    (("run", "stub", "-p", "throws"), "error: -p: 'throws' must read key=value"),
    (("run", "stub", "-p", "throws=-1"), "error: -p: throws: Input should be greater than or equal to 1, not -1"),
    (("run", "stub", "-p", "throws=many"), "error: -p: throws: Input should be a valid integer"),
    (("run", "stub", "-p", "corpus=dice"), "error: -p: corpus: 'dice' is unknown; allowed: coins, folder"),
    (("run", "stub", "-p", "corpus=folder"), "error: stub: data_root: the corpus 'folder' needs it"),
    (("run", "stub", "-p", "corpus=folder", "-p", "data_root=no/such"), "no/such does not exist"),
    (("run", "stub", "-f", "absent.yaml"), "error: absent.yaml: there is no such file"),
    (("run", "stub", "-f", "broken.yaml"), "error: broken.yaml: line 3: expected ',' or ']'"),
    (("run", "stub", "-f", "list.yaml"), "error: list.yaml: must hold `key: value` lines, not a list"),
    (("run", "stub", "-f", "unknown.yaml"), "error: unknown.yaml: epohcs: stub has no such parameter"),
    (("run", "stub", "-f", "twice.yaml"), "error: twice.yaml: line 1: throws: is given twice"),
    (("run", "stub", "-f", "binary.yaml"), "error: binary.yaml: cannot be read as text"),
    (("run", "stub", "--seeds", "4-0"), "error: --seeds: '4-0' must read like 0-4 or 0,2,5"),
    (("run", "stub", "--scale", "huge"), "error: --scale: 'huge' is unknown; allowed: quick, standard, paper"),
    (("run", "stub", "--workers", "0"), "error: Invalid value for '--workers'"),
    (("run",), "error: Missing argument"),
    (("sweep", "absent.yaml"), "error: absent.yaml: there is no such file"),
    (
        ("sweep", "sweep.yaml"),
        "error: sweep.yaml: sedes: a sweep has no such key; did you mean seeds? allowed: studies",
    ),
    (("sweep", "sweep.yaml", "--launcher", "slurm"), "error: --launcher: 'slurm' is unknown; allowed: local, dask"),
    (("sweep", "sweep.yaml", "--scheduler", "tcp://x:1"), "error: --scheduler: goes with --launcher dask"),
    (("sweep", "sweep.yaml", "--retries", "-1"), "error: Invalid value for '--retries'"),
    (("compare", "abc", "def"), "error: no finished run is called 'abc'"),
    (("results", "--study", "stubb"), "error: no study is called 'stubb'; did you mean stub?"),
    (("data", "check", "nowhere", "--as", "cifar10"), "error: there is nothing at nowhere"),
    (("data", "fetch", "flchain"), "error: flchain is built in"),
    (("show", "nothing"), "error: no study is called 'nothing'"),
    (("nonsense",), "error: No such command 'nonsense'"),
]


@pytest.fixture(scope="module")
def refusals(project: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], tuple[int, str]]:
    """Exit code and stderr of each of :data:`REFUSED`, and no outputs folder made by any."""
    here = tmp_path_factory.mktemp("here")
    (here / "broken.yaml").write_text("throws: 3\nlr: [1, 2\n")
    (here / "list.yaml").write_text("- throws\n")
    (here / "sweep.yaml").write_text("studies: stub\nsedes: 0-4\n")
    (here / "unknown.yaml").write_text("epohcs: 3\n")
    (here / "twice.yaml").write_text("throws: 3\nthrows: 4\n")
    (here / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    said = project.many([words for words, _ in REFUSED], cwd=here)
    return {words: (code, err) for (words, _), (code, _, err) in zip(REFUSED, said, strict=True)}


@pytest.mark.parametrize(("words", "line"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_bad_input_is_one_line_and_starts_nothing(
    words: tuple[str, ...], line: str, refusals: dict[tuple[str, ...], tuple[int, str]], project: Project
) -> None:
    code, err = refusals[words]
    assert code == 2
    assert line in err
    assert len(err.strip().splitlines()) == 1
    assert not project.outputs.exists()
