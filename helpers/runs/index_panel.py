"""The index notebook: all studies in a table, and a panel to pick one, set its parameters and run it."""

from __future__ import annotations

import base64
import html
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.errors import StudyError
from helpers.places import notebook_path, outputs_folder, params_path
from helpers.progress import front_end_attached
from helpers.report.gallery_index import StudiesTable, claims_of, last_run, last_verdicts
from helpers.report.style import picture
from helpers.runs.finished import SCALES, all_finished_runs, gallery_studies, write_gallery
from helpers.studies.card import StudyCard
from helpers.studies.catalogue import study_card, study_names

if TYPE_CHECKING:
    from helpers.report.gallery_run import FinishedRun, GalleryStudy
    from helpers.runs.attempt import Progress
    from helpers.runs.planning import PlannedRun


def all_studies() -> StudiesTable:
    """All studies: what each claims, how its last run ended, and what a quick run costs."""
    return StudiesTable(tuple(gallery_studies(all_finished_runs()[0])))


def pick_a_study(start: str | None = None) -> Any:
    """A panel to run studies from; without a front end, the picture that it starts with.

    Args:
        start: the study that is shown first; the first in the alphabet if not given.
    """
    name = study_card(start).name if start else study_names()[0]
    if front_end_attached():
        return StudyPanel(name).widget
    drawn, alt = study_picture(_gallery_study(name))
    return picture(drawn, alt) if drawn else f"{name} has no picture yet"


def study_picture(study: GalleryStudy) -> tuple[bytes, str]:
    """Key figure of a study's last run, else the one in its committed notebook; PNG (empty for none) and its text."""
    run = last_run(study)
    if run is not None and run.picture is not None:
        return run.picture.read_bytes(), run.alt
    found = b""
    with suppress(OSError, ValueError, KeyError):
        import nbformat

        for cell in nbformat.read(notebook_path(study.name), as_version=4).cells:
            drawn = [o["data"]["image/png"] for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
            if drawn and (not found or "key=True" in cell.source):
                found = base64.b64decode(drawn[0])
    return found, f"{study.title}: a figure of the committed notebook, at quick."


class StudyPanel:
    """The panel.

    Args:
        start: the study that is shown first.

    Attributes:
        widget: what a notebook shows.
        form: of the study that is shown.
    """

    def __init__(self, start: str) -> None:
        import ipywidgets

        from helpers.runs.parameter_form import ParameterForm

        self._make_form = ParameterForm
        wide = {"style": {"description_width": "13em"}, "layout": {"width": "40em", "max_width": "100%"}}
        self.study = ipywidgets.Dropdown(options=study_names(), value=start, description="study", **wide)
        self.scale = ipywidgets.Dropdown(options=list(reversed(SCALES)), description="scale", **wide)
        self.run = ipywidgets.Button(description="Run", button_style="primary", icon="play")
        self.cancel = ipywidgets.Button(description="Cancel", icon="stop", disabled=True)
        self.bar = ipywidgets.FloatProgress(min=0.0, max=1.0, layout={"width": "16em"})
        self.step, self.about, self.message, self.result = (ipywidgets.HTML() for _ in range(4))
        self._form_box = ipywidgets.VBox()
        self._stop, self._worker = threading.Event(), threading.Thread()
        self.study.observe(lambda _: self._show_study(), names="value")
        self.scale.observe(lambda _: self._fill(), names="value")
        self.run.on_click(lambda _: self.start())
        self.cancel.on_click(lambda _: self._stop.set())
        buttons = ipywidgets.HBox(
            [self.run, self.cancel, self.bar, self.step], layout={"flex_flow": "row wrap", "align_items": "center"}
        )
        self.widget = ipywidgets.VBox(
            [self.study, self.about, self.scale, self._form_box, self.message, buttons, self.result]
        )
        self._show_study()

    @property
    def card(self) -> StudyCard:
        """Of the study that is shown."""
        return study_card(self.study.value)

    def wait(self, seconds: float | None = None) -> None:
        """Wait for the run under way, if there is one."""
        if self._worker.is_alive():
            self._worker.join(seconds)

    def start(self) -> None:
        """Run the study with the form's parameters, in a process of its own; what is done is shown at once."""
        self.step.value = "looking at the parameters and the data"  # the first time, that takes seconds
        try:
            planned = self._planned()
        except StudyError as error:
            self.step.value = ""
            self._say(str(error))
            return
        if planned.done:
            self._show_result(planned.folder, "already done; this is its result")
            return
        self._stop.clear()
        self._lock(True)
        self.result.value = ""
        self._worker = threading.Thread(target=self._see_through, args=(planned,), daemon=True)
        self._worker.start()

    def _planned(self) -> PlannedRun:
        from helpers.runs.planning import plan_layers

        return plan_layers(self.study.value, self.scale.value, [("form", self.form.values())])

    def _see_through(self, planned: PlannedRun) -> None:
        """Look after the run's process, and show how it ended."""
        from helpers.runs.attempt import attempt

        try:
            with tempfile.TemporaryDirectory(prefix="studies-") as folder:
                ended = attempt(planned, Path(folder) / "signs", self._stop.is_set, self._tell)
            self._lock(False)
            if ended.state == "done" and ended.folder is not None:
                self.bar.value = 1.0
                self.about.value = _about(_gallery_study(planned.study), self.card)
                self._show_result(ended.folder, f"done in {ended.seconds:.0f} s")
                with suppress(StudyError):
                    write_gallery()
            elif ended.state == "stopped":
                self.step.value = "cancelled; Run goes on from its checkpoints"
            else:
                self.step.value = "failed"
                self._say(ended.message)
        except Exception as error:  # the thread's end must be seen, whatever it was
            self._lock(False)
            self._say(f"{type(error).__name__}: {error}")

    def _tell(self, now: Progress) -> None:
        from helpers.runs.live import share_done, step_words

        self.bar.value = share_done(now)
        self.step.value = html.escape(f"{now.seconds:.0f} s, {step_words(now)}")

    def _lock(self, running: bool) -> None:
        """Let only what makes sense be pressed."""
        self.run.disabled, self.cancel.disabled = running, not running
        self.study.disabled = self.scale.disabled = running
        self.form.lock(running)

    def _show_study(self) -> None:
        """Change to the study that was picked."""
        self.form = self._make_form(self.card, self._check)
        self._form_box.children = (self.form.widget,)
        self.about.value = _about(_gallery_study(self.study.value), self.card)
        self.bar.value, self.step.value, self.result.value = 0.0, "", ""
        self._fill()
        run = last_run(_gallery_study(self.study.value))
        if run is not None:
            self._show_result(run.folder, f"last run, started {run.started:%Y-%m-%d %H:%M} UTC")

    def _fill(self) -> None:
        """Put the values of the scale's file into the form."""
        from helpers.runs.planning import read_parameters

        values = {"scale": self.scale.value, **read_parameters(params_path(self.study.value, self.scale.value))}
        self.form.fill(self.card.validated(values).model_dump())

    def _check(self) -> None:
        """Say at once what is wrong with a value, in the line that every other way of running would give."""
        try:
            self.card.validated({"scale": self.scale.value, **self.form.values()}, where="form")
        except StudyError as error:
            self._say(str(error))
            self.run.disabled = True
        else:
            self.message.value = ""
            self.run.disabled = False

    def _say(self, line: str) -> None:
        self.message.value = f'<p role="alert" style="margin:0;font-weight:600">⚠ {html.escape(line)}</p>'

    def _show_result(self, folder: Path, words: str) -> None:
        """The verdicts and the key figure of a finished run, and links to its notebook and to the gallery."""
        self.step.value = html.escape(words)
        run = next((run for run in all_finished_runs()[0] if run.folder == folder), None)
        if run is None:
            self._say(f"{folder.name}: the run's files are damaged; run it again")
            return
        self.result.value = _result(run)


def _gallery_study(name: str) -> GalleryStudy:
    return next(study for study in all_studies().studies if study.name == name)


def _about(study: GalleryStudy, card: StudyCard) -> str:
    claims = "".join(f"<li>{html.escape(claim)}</li>" for claim in claims_of(study))
    last = "<br>".join(map(html.escape, last_verdicts(study)))
    cost = "; ".join(f"{scale} {words}" for scale, words in card.cost.items())
    return (
        f"<h3>{html.escape(study.title)}</h3><p>{html.escape(study.paper)}</p><ul>{claims}</ul>"
        f"<p><b>Last verdict:</b> {last}</p><p><b>Cost:</b> {html.escape(cost)}</p>"
    )


def _result(run: FinishedRun) -> str:
    """A finished run as HTML; everything that is shown is escaped."""
    from helpers.report.gallery_parts import effect_words, interval_words

    rows = "".join(
        f"<tr><td>{html.escape(v['statement'])}</td><td><b>{html.escape(v['word'])}</b></td>"
        f"<td>{html.escape(effect_words(v))}; {html.escape(interval_words(v))}</td></tr>"
        for v in run.verdicts
    )
    kind = "simulated" if run.simulated else "real"
    links = " · ".join(
        _link(path, words)
        for path, words in (
            (run.folder / "notebook.ipynb", "executed notebook"),
            (outputs_folder() / "index.html", "gallery"),
        )
    )
    shown = ""
    if run.picture is not None:
        data = base64.b64encode(run.picture.read_bytes()).decode()
        shown = (
            f'<img alt="{html.escape(run.alt)}" src="data:image/png;base64,{data}" '
            'style="max-width:min(100%,44em);background:#fff">'
        )
    return f"<p>On {html.escape(run.corpus)} ({kind} data): {links}</p><table><tbody>{rows}</tbody></table>{shown}"


def _link(path: Path, words: str) -> str:
    """A link where JupyterLab can open the file, else where it lies."""
    from helpers.runs.lab_links import lab_address
    from helpers.runs.planning import shown

    where = lab_address(path)
    if where is None:
        return f"{words}: <code>{html.escape(shown(path))}</code>"
    return (
        f'<a href="{html.escape(where)}" target="_blank" rel="noopener" style="text-decoration:underline">{words}</a>'
    )
