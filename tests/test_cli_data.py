"""``studies data``: what it lists, how it ends, what it refuses."""

from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from helpers.cli_data import check, fetch, list_corpora
from helpers.data import download
from helpers.data.catalogue.lookup import all_entries
from helpers.errors import StudyError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wide terminal, and a data folder of the test's own."""
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("STUDIES_DATA", str(tmp_path / "data"))


def test_the_list_names_every_corpus_with_licence_studies_and_whether_it_is_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data" / "cifar10" / "cifar-10-batches-py").mkdir(parents=True)
    (tmp_path / "data" / "cifar10" / "cifar-10-batches-py" / "data_batch_1").touch()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "metabric.h5").touch()
    list_corpora(root=[tmp_path / "more"])
    said = capsys.readouterr().out
    rows = {line.split()[0]: line for line in said.splitlines() if line.strip()}
    for entry in all_entries():
        assert entry.full_name in rows
    assert "built in" in rows["flchain"]
    assert "survformer" in rows["flchain"]
    assert "found:" in rows["cifar10"]
    assert "found:" in rows["metabric"]
    assert "found" not in rows["support"]
    assert "CC BY 4.0" in rows["pamap2"]
    with pytest.raises(StudyError, match="--root: absent is not a folder"):
        list_corpora(root=[Path("absent")])


def test_a_check_names_the_first_ten_problems_counts_the_rest_and_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for name in ("ant", "bee"):
        (tmp_path / "c" / name).mkdir(parents=True)
        for i in range(10):
            Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(tmp_path / "c" / name / f"{i}.png")
    check(tmp_path / "c", "images/folder")
    assert "no problems; 20 files opened, 20 samples loaded" in capsys.readouterr().out
    for i in range(12):
        (tmp_path / "c" / ("ant" if i < 6 else "bee") / f"{i % 6}.png").write_bytes(b"")
    with pytest.raises(typer.Exit) as end:
        check(tmp_path / "c", "images/folder")
    assert end.value.exit_code == 1
    said = capsys.readouterr().out
    assert said.count("problem: ") == 10
    assert "problem: ant/0.png: is empty" in said
    assert "and 2 more problems" in said
    assert "12 problems; 20 files opened, 8 samples loaded" in said
    assert "ant: 4, bee: 4" in said


def test_only_what_is_openly_downloadable_can_be_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="digits is built in; there is nothing to fetch"):
        fetch(["digits"])
    with pytest.raises(StudyError, match=r"ucf101 cannot be fetched: the corpus's page .*; these can be: cifar10"):
        fetch(["ucf101"])
    with pytest.raises(StudyError, match="no corpus is called 'cifar'; did you mean cifar10"):
        fetch(["cifar"])
    asked = []
    monkeypatch.setattr(download, "fetch", lambda entry, root: asked.append((entry.name, root)) or root / entry.name)
    fetch(["cifar10"])
    fetch(["stl10"], tmp_path / "mine")
    assert asked == [("cifar10", tmp_path / "data"), ("stl10", tmp_path / "mine")]
