"""In a live JupyterLab, driven in headless Chromium: a slider changes the picture, and the index runs a study."""

import shutil
from collections.abc import Iterator
from typing import Any

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from helpers.places import ROOT
from helpers.runs.refresh import clean
from tests.browser import browser, chromium
from tests.lab import Lab, jupyter_lab
from tests.stub_study.project import Project, make_project

pytestmark = pytest.mark.browser
PANEL = """\
from matplotlib.figure import Figure

from helpers.report.explore import Slider, explore


def draw(level):
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, level])
    return figure


explore(draw, "A line", level=Slider("level", 0, 10, 1, 3))"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The stub study, the index, and a notebook with a panel."""
    chromium()
    made = make_project(tmp_path_factory.mktemp("project"))
    shutil.copy(ROOT / "notebooks" / "index.ipynb", made.root / "notebooks")
    panel = new_notebook(cells=[new_code_cell(PANEL)])
    clean(panel)  # a notebook of the house, which JupyterLab opens without asking for a kernel
    nbformat.write(panel, made.root / "notebooks" / "panel.ipynb")
    return made


@pytest.fixture(scope="module")
def lab(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with jupyter_lab(project.root, tmp_path_factory.mktemp("settings"), project.environment()) as running:
        yield running


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    with browser() as opened:
        yield opened


@pytest.fixture
def page(chrome: Any) -> Iterator[Any]:
    context = chrome.new_context(viewport={"width": 1280, "height": 1600})
    opened = context.new_page()
    opened.set_default_timeout(120_000)
    yield opened
    context.close()


def test_moving_a_slider_of_a_panel_changes_its_picture(lab: Lab, page: Any) -> None:
    lab.opened(page, "notebooks/panel.ipynb")
    lab.run_all(page)
    picture = page.wait_for_selector(".jp-OutputArea img[alt='A line']")
    before = picture.get_attribute("src")
    page.click(".noUi-handle")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => document.querySelector('img[alt=\"A line\"]').src !== before", arg=before)
    assert page.inner_text(".widget-readout") == "4"


def test_the_index_refuses_a_wrong_value_runs_a_study_and_links_to_its_notebook(
    lab: Lab, page: Any, project: Project
) -> None:
    lab.opened(page, "notebooks/index.ipynb")
    lab.run_all(page)
    page.wait_for_selector("button:has-text('Run'):not([disabled]) >> visible=true")
    throws = page.get_by_label("throws", exact=True)
    throws.fill("0")
    throws.press("Tab")
    page.wait_for_selector("text=form: throws: Input should be greater than or equal to 1, not 0")
    throws.fill("60")
    throws.press("Tab")
    page.wait_for_selector("text=form: throws", state="detached")
    page.click(".jupyter-button:has-text('Run')")
    link = page.wait_for_selector("a:has-text('executed notebook')")
    (done,) = project.finished()
    assert link.get_attribute("href") == f"/lab/tree/outputs/stub/{done.name}/notebook.ipynb"
    assert page.locator("td b:has-text('inconclusive')").count() == 1
    assert page.locator("img[alt='Share of heads <early> & late']").count() == 1
    assert (project.outputs / "index.html").is_file()


def test_cancelling_in_the_index_ends_the_run_and_all_that_it_started(lab: Lab, page: Any, project: Project) -> None:
    before = len(project.finished())
    lab.opened(page, "notebooks/index.ipynb")
    lab.run_all(page)
    page.wait_for_selector("button:has-text('Run'):not([disabled]) >> visible=true")
    pause = page.get_by_label("pause", exact=True)
    pause.fill("600")
    pause.press("Tab")
    seeds = page.get_by_label("seeds", exact=True)
    seeds.fill("7")
    seeds.press("Tab")
    page.click(".jupyter-button:has-text('Run')")
    page.wait_for_selector("text=/cell 3 of/")
    page.click(".jupyter-button:has-text('Cancel')")
    page.wait_for_selector("text=cancelled; Run goes on from its checkpoints")
    assert len(project.hidden("partial")) == 1
    assert len(project.finished()) == before
    assert not [process for process in psutil.process_iter() if "helpers.runs.execute" in _command(process, project)]


def _command(process: psutil.Process, project: Project) -> list[str]:
    """The command line of a process of the project's, empty for any other."""
    try:
        own = process.environ().get("PYTHONPATH", "").startswith(str(project.root))
        return process.cmdline() if own else []
    except psutil.Error:
        return []
