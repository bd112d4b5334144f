"""A run as its notebook sees it: refused in one line, closed by its verdict, never half finished."""

import importlib
import json
import multiprocessing
import os
import random
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from safetensors.torch import load_file
from torch import nn

from helpers.errors import StudyError
from helpers.evaluation.claims import Evidence
from helpers.report.style import new_figure
from helpers.studies import run_folder
from helpers.studies.results import read_results
from helpers.studies.run_folder import is_whole
from helpers.studies.study import Study, effect_words
from tests.stub_study.about import CARD

module = importlib.import_module("helpers.studies.study")
EARLY, LATE = np.array([0.4, 0.5, 0.45, 0.55, 0.5]), np.array([0.6, 0.7, 0.66, 0.74, 0.7])


@pytest.fixture(autouse=True)
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "study_card", lambda name: CARD)
    monkeypatch.setattr(run_folder, "code_version", lambda study: "0")  # edits while tests run must not matter
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def filled(**parameters: Any) -> Study:
    study = Study("stub", **parameters)
    for seed in range(5):
        study.record(
            method="late", metric="share of heads", value=LATE[seed], n=np.int64(50), seed=seed, claim="memory"
        )
    return study


def evidence(late: np.ndarray = LATE, early: np.ndarray = EARLY) -> list[Evidence]:
    return [Evidence(CARD.claim("memory"), late, early, "seeds")]


def test_the_verdict_closes_the_run_and_gives_it_its_name(outputs: Path) -> None:
    study = filled(throws=7, lr="1e-3")
    assert study.folder.name == f".partial-{study.run_id}"
    assert not is_whole(study.folder)
    found = study.verdict(evidence(), notes=["a note"])
    assert study.folder == outputs / "stub" / study.run_id
    assert is_whole(study.folder)
    assert [path.name for path in (outputs / "stub").iterdir()] == [study.run_id]
    assert yaml.safe_load((study.folder / "params.yaml").read_text())["lr"] == 0.001
    told = json.loads((study.folder / "verdict.json").read_text())
    assert told["verdicts"][0]["word"] == found.verdicts[0].word == "supported"
    assert (told["simulated"], told["notes"], told["run_id"]) == (True, ["a note"], study.run_id)
    where = json.loads((study.folder / "provenance.json").read_text())
    assert where["data_fingerprint"] == study.fingerprint
    assert where["wall_seconds"] >= 0


def test_the_verdict_cell_run_twice_renews_the_finished_run(outputs: Path) -> None:
    study = filled()
    study.verdict(evidence())
    study.record(method="more", metric="share of heads", value=0.1, n=1)
    study.verdict(evidence(EARLY, LATE))
    assert is_whole(study.folder)
    assert [path.name for path in (outputs / "stub").iterdir()] == [study.run_id]
    assert json.loads((study.folder / "verdict.json").read_text())["verdicts"][0]["word"] == "contradicted"
    assert len(read_results(study.folder / "results.parquet")) == 6


def test_a_notebook_run_again_replaces_its_run(outputs: Path) -> None:
    names = set()
    for _ in range(2):
        study = filled()
        study.verdict(evidence())
        names.add(study.folder.name)
    assert [path.name for path in (outputs / "stub").iterdir()] == list(names)


def test_the_same_parameters_make_the_same_run_and_others_another(tmp_path: Path) -> None:
    names = []
    for parameters in ({}, {"throws": 100}, {"workers": 4}, {"data_root": "/elsewhere"}, {"lr": 0.2}, {"seeds": [1]}):
        study = filled(**parameters)
        study.verdict(evidence())
        names.append(study.run_id)
    assert len(set(names[:4])) == 1
    assert len(set(names)) == 3


def test_two_runs_of_the_same_numbers_write_the_same_bytes() -> None:
    written = []
    for _ in range(2):
        study = filled()
        study.verdict(evidence())
        written.append((study.folder / "results.parquet").read_bytes())
    assert written[0] == written[1]


def test_data_enter_the_name_by_content_and_not_by_place(tmp_path: Path) -> None:
    names = []
    for place, content in (("a", "heads"), ("b", "heads"), ("c", "tails")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "coins.txt").write_text(content)
        study = filled(corpus="folder", data_root=str(tmp_path / place))
        assert not study.simulated
        assert study.data_note == "folder (real data)"
        study.verdict(evidence())
        names.append(study.run_id)
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"thorws": 1}, "^parameters of stub: thorws: stub has no such parameter; did you mean throws?"),
        ({"throws": -1}, "^parameters of stub: throws: .*, not -1"),
        ({"corpus": "folder"}, "^data_root: the corpus 'folder' needs it"),
        ({"corpus": "folder", "data_root": "/no/such"}, "^/no/such does not exist; set data_root"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(outputs: Path, parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        Study("stub", **parameters)
    assert list(outputs.iterdir()) == []


def test_in_a_notebook_the_error_is_that_line_and_no_traceback() -> None:
    shell = InteractiveShell.instance()
    with capture_output() as captured:
        shell.run_cell("from helpers.errors import StudyError\nraise StudyError('fold 3 has no events;\\n use fewer')")
    assert captured.stdout.strip() == "StudyError: fold 3 has no events; use fewer"
    assert captured.stderr == ""


def test_an_unknown_name_in_a_notebook_is_refused() -> None:
    namespace = {"np": np, "Study": Study, "_": 1, "In": [], "Out": {}, "print": print, "throws": 9}
    assert Study.from_notebook("stub", namespace).parameters.throws == 9
    with pytest.raises(StudyError, match="epochs: stub has no such parameter"):
        Study.from_notebook("stub", {**namespace, "epochs": 3})


def test_everything_that_draws_is_seeded_by_the_first_seed() -> None:
    drawn = []
    for seed in (3, 3, 4):
        Study("stub", seeds=[seed])
        drawn.append((torch.rand(()).item(), np.random.rand(), random.random()))  # noqa: NPY002
    assert drawn[0] == drawn[1]
    assert not set(drawn[0]) & set(drawn[2])


def test_threads_are_those_of_the_parameters() -> None:
    Study("stub", threads=2)
    assert torch.get_num_threads() == 2


def test_figures_and_the_encoder_lie_in_the_run() -> None:
    study = filled()
    figure, axes = new_figure(height=1.0, width=2.0)
    axes.plot([0, 1])
    study.show(figure, "line", alt="a line", key=True)
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    network[0].weight.data = network[0].weight.data.T.contiguous().T
    study.save_encoder(network)
    study.verdict(evidence())
    assert (study.folder / "figures" / "line.png").read_bytes().startswith(b"\x89PNG")
    told = json.loads((study.folder / "verdict.json").read_text())
    assert told["key_figure"] == {"file": "figures/line.png", "alt": "a line"}
    for name, tensor in load_file(study.folder / "encoder.safetensors").items():
        assert torch.equal(tensor, network.state_dict()[name])


def test_without_results_there_is_nothing_to_judge(outputs: Path) -> None:
    study = Study("stub")
    with pytest.raises(StudyError, match="stub: no results were recorded"):
        study.verdict(evidence())
    assert all(path.name.startswith(".") for path in (outputs / "stub").iterdir())


def _close_on_a_full_disk() -> None:
    study = filled()
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))  # every write past 2000 bytes fails, as on a full disk
    try:
        study.verdict(evidence())
    except StudyError as error:
        os._exit(0 if "cannot be written" in str(error) else 2)
    os._exit(3)


def test_a_disk_that_fills_while_results_are_written_leaves_nothing_that_looks_finished(outputs: Path) -> None:
    other = multiprocessing.get_context("fork").Process(target=_close_on_a_full_disk)
    other.start()
    other.join(60)
    assert other.exitcode == 0
    (left,) = (outputs / "stub").iterdir()
    assert left.name.startswith(".partial-")
    assert not is_whole(left)
    assert not (left / "results.parquet").exists()


def test_a_run_that_a_launcher_opened_is_left_for_it_to_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outputs: Path
) -> None:
    monkeypatch.setenv("STUDIES_RUN_FOLDER", str(tmp_path))
    study = filled()
    study.verdict(evidence())
    assert study.folder == tmp_path
    assert (tmp_path / "results.parquet").exists()
    assert not (outputs / "stub").exists()


def test_a_single_seed_is_told_as_inconclusive_with_its_reason() -> None:
    found = filled().verdict(evidence(LATE[:1], EARLY[:1]))
    assert found.verdicts[0].word == "inconclusive"
    assert "no interval, none: a single seed" in repr(found)
    assert "On coins (simulated data):" in repr(found)


def test_what_is_shown_is_escaped_and_says_which_data() -> None:
    study = filled()
    assert "<script>" not in study._repr_html_()
    assert "coins (simulated data)" in study._repr_html_()
    shown = study.verdict(evidence(), notes=["<b>"])._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "coins (simulated data)" in shown
    assert "95 % CI" in effect_words(study.verdict(evidence()).verdicts[0])
