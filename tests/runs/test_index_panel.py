"""The index notebook's table and panel: what they show, what they refuse, and how a run ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.report.gallery_index import StudiesTable
from helpers.report.gallery_run import GalleryStudy
from helpers.runs import attempt as attempts
from helpers.runs import index_panel
from helpers.runs.attempt import Progress
from helpers.runs.index_panel import StudyPanel, all_studies, pick_a_study
from helpers.runs.lab_links import lab_address
from helpers.runs.planning import PlannedRun
from helpers.studies.catalogue import study_names
from tests.report.test_gallery import EVIL, run
from tests.runs.laid_runs import lay_run

STUDY = "direct_pred"


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A front end is attached."""
    monkeypatch.setenv("JPY_SESSION_NAME", "index.ipynb")


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Progress]], None]:
    """Let a function stand in for a run's process."""
    return lambda stands_in: monkeypatch.setattr(attempts, "attempt", stands_in)


def test_the_table_names_every_study_its_claims_and_its_last_verdict(outputs: Path) -> None:
    lay_run(outputs, "a", study=STUDY, started="2026-01-02T00:00:00+00:00", scale="quick")
    lay_run(outputs, "b", study=STUDY, corpus="older")
    for words in (all_studies()._repr_html_(), repr(all_studies())):
        assert all(name in words for name in study_names())
        assert "not run yet" in words
        assert "supported: +0.100 (+0.050 to +0.150)" in words
        assert "on fog (real), quick" in words
        assert "older" not in words


def test_the_table_escapes_what_it_shows() -> None:
    evil = GalleryStudy(EVIL, EVIL, EVIL, EVIL, (EVIL,), EVIL, (run(Path("x"), corpus=EVIL),))
    assert "<script" not in StudiesTable((evil,))._repr_html_()


def test_without_a_front_end_it_is_the_picture_of_the_committed_notebook_until_there_is_a_run(outputs: Path) -> None:
    committed = pick_a_study(STUDY)
    assert committed.data.startswith(b"\x89PNG")
    assert "committed notebook" in committed.alt
    folder = lay_run(outputs, "a", study=STUDY, key_figure={"file": "key.png", "alt": "Bars"})
    (folder / "key.png").write_bytes(b"\x89PNG of the run")
    ran = pick_a_study(STUDY)
    assert (ran.data, ran.alt) == (b"\x89PNG of the run", "Bars")


@pytest.mark.usefixtures("watched")
def test_picking_a_study_or_a_scale_changes_claim_verdict_and_form(outputs: Path) -> None:
    lay_run(outputs, "a", study=STUDY, corpus=EVIL)
    panel = StudyPanel("survformer")
    assert "not run yet" in panel.about.value
    assert panel.result.value == ""
    panel.study.value = STUDY
    assert "DirectPred beats a linear predictor" in panel.about.value
    assert "supported" in panel.about.value
    assert "It is there" in panel.result.value
    assert "<script" not in panel.about.value + panel.result.value
    few = panel.form.controls["epochs"].value
    panel.scale.value = "standard"
    assert panel.form.controls["epochs"].value > few
    assert panel.form.controls["seeds"].value == "0, 1, 2, 3, 4"


@pytest.mark.usefixtures("watched", "outputs")
def test_a_wrong_value_is_one_line_at_once_and_cannot_be_run() -> None:
    panel = StudyPanel(STUDY)
    assert not panel.run.disabled
    panel.form.controls["epochs"].value = 0
    assert "form: epochs: Input should be greater than or equal to 1, not 0; epochs is passes" in panel.message.value
    assert panel.run.disabled
    panel.form.controls["epochs"].value = 1
    assert panel.message.value == ""
    assert not panel.run.disabled


@pytest.mark.usefixtures("watched", "outputs")
def test_data_that_are_not_there_are_one_line() -> None:
    panel = StudyPanel(STUDY)
    panel.form.controls["corpus"].value = "folder"
    panel.form.controls["data_root"].value = "<nowhere>"
    panel.start()
    assert "is not a folder" in panel.message.value
    assert "<nowhere>" not in panel.message.value
    assert panel.cancel.disabled  # nothing was started


@pytest.mark.usefixtures("watched")
def test_a_run_is_seen_through_and_its_result_shown(outputs: Path, ends: Any) -> None:
    seen: list[float] = []
    panel = StudyPanel(STUDY)
    panel.bar.observe(lambda change: seen.append(change["new"]), names="value")
    locked = threading.Event()

    def done(planned: PlannedRun, signs: Path, stopped: Any, tell: Any) -> Progress:
        if panel.run.disabled and not panel.cancel.disabled and panel.form.controls["epochs"].disabled:
            locked.set()
        tell(Progress("running", cell=6, cells=12, label="epoch <1>", done=1, total=2))
        assert planned.parameters.model_dump()["epochs"] == 7
        return Progress("done", folder=lay_run(outputs, planned.identity, study=STUDY))

    ends(done)
    panel.form.controls["epochs"].value = 7
    panel.start()
    panel.wait(60)
    assert locked.is_set()
    assert seen[-1] == 1.0
    assert 0 < seen[0] < 0.5
    assert "It is there" in panel.result.value
    assert "not run yet" not in panel.about.value
    assert "executed notebook" in panel.result.value
    assert (outputs / "index.html").is_file()
    assert not panel.run.disabled
    assert panel.cancel.disabled
    panel.start()  # the same again
    assert "already done" in panel.step.value


@pytest.mark.usefixtures("watched", "outputs")
def test_a_run_under_way_can_be_cancelled(ends: Any) -> None:
    under_way = threading.Event()

    def waits(planned: PlannedRun, signs: Path, stopped: Any, tell: Any) -> Progress:
        under_way.set()
        for _ in range(600):
            if stopped():
                return Progress("stopped")
            threading.Event().wait(0.05)
        return Progress("done")

    ends(waits)
    panel = StudyPanel(STUDY)
    panel.run.click()
    assert under_way.wait(30)
    panel.cancel.click()
    panel.wait(30)
    assert "cancelled" in panel.step.value
    assert not panel.run.disabled
    assert panel.result.value == ""


@pytest.mark.usefixtures("watched", "outputs")
@pytest.mark.parametrize("raises", [True, False])
def test_a_run_that_fails_says_why_and_lets_go_of_the_form(raises: bool, ends: Any) -> None:
    def fails(*_: Any) -> Progress:
        if raises:
            raise OSError("the disk is <full>")
        return Progress("failed", message="the disk is <full>")

    ends(fails)
    panel = StudyPanel(STUDY)
    panel.start()
    panel.wait(30)
    assert "the disk is &lt;full&gt;" in panel.message.value
    assert not panel.run.disabled
    assert not panel.form.controls["epochs"].disabled


def test_a_file_has_an_address_only_in_the_folder_of_the_jupyterlab_that_the_kernel_belongs_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from helpers.runs import lab_links

    monkeypatch.setattr(lab_links, "jupyter_runtime_dir", lambda: str(tmp_path))
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    inside = tmp_path / "root" / "outputs" / "a b.ipynb"
    assert lab_address(inside) is None
    (tmp_path / "jpserver-7.json").write_text(f'{{"root_dir": "{tmp_path / "root"}", "base_url": "/hub/"}}')
    monkeypatch.setenv("JPY_PARENT_PID", "7")
    assert lab_address(inside) == "/hub/lab/tree/outputs/a%20b.ipynb"
    assert lab_address(tmp_path / "elsewhere.ipynb") is None
    assert index_panel._link(inside, "notebook").startswith('<a href="/hub/lab/tree/outputs/a%20b.ipynb"')
