"""The ``studies`` command; its larger parts are in ``cli_*.py``. Imports what is heavy only where it is needed."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import typer

from helpers.cli_console import new_table, open_console, plain
from helpers.cli_data import data
from helpers.cli_new import new
from helpers.cli_results import compare, results
from helpers.cli_runs import all_good, crowded, fitting_workers, run_and_show, show_end, show_gallery
from helpers.cli_sweep import sweep
from helpers.errors import StudyError

if TYPE_CHECKING:
    from helpers.runs.planning import PlannedRun
    from helpers.studies.card import StudyCard, StudyParameters

SCALES = ("quick", "standard", "paper")
_INTERRUPTED = 130  # the exit code after Ctrl-C, also typer's own

app = typer.Typer(
    help="Published self-supervised-learning studies, rerun: each ends in a verdict on its paper's claim.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Studies = Annotated[list[str], typer.Argument(metavar="STUDY…", help="names of studies, or all")]


@app.command("list")
def list_studies() -> None:
    """All studies: claim, paper, corpora, cost."""
    from helpers.studies.catalogue import study_card, study_names

    table = new_table("study", "claim", "paper", "corpora", "cost (quick)")
    for name in study_names():
        card = study_card(name)
        table.add_row(
            plain(name, "bold"),
            plain("\n".join(claim.statement for claim in card.claims)),
            plain(f"{card.paper.authors} {card.paper.year}"),
            plain(", ".join(option.name for option in card.corpora)),
            plain(card.cost.get("quick", "")),
        )
    open_console().print(table)


@app.command()
def show(study: Annotated[str, typer.Argument(help="name of a study")]) -> None:
    """One study: claims, paper, corpora, parameters with types, defaults and ranges, cost."""
    from helpers.studies.catalogue import study_card

    card = study_card(study)
    console = open_console()
    console.print(plain(f"{card.title} ({card.name})", "bold"))
    console.print(plain(f"{card.paper.citation()}  {card.paper.link}"), soft_wrap=True)
    claims = new_table("claim", "metric", "compared", "the paper's number")
    for claim in card.claims:
        better = f"{claim.metric}, {claim.direction} is better"
        margin = f"; no worse by more than {claim.margin:g}" if claim.margin else ""
        claims.add_row(
            plain(f"{claim.statement} [{claim.citation}]"),
            plain(better + margin),
            plain(f"{claim.method} against {claim.baseline}"),
            plain(claim.paper_figure or "none given"),
        )
    corpora = new_table("corpus", "data", "needs", "about")
    for option in card.corpora:
        needs = "nothing" if option.built_in else "data_root"
        corpora.add_row(
            plain(option.name, "bold"),
            plain("simulated" if option.simulated else "real"),
            plain(needs),
            plain(option.about),
        )
    console.print(claims)
    console.print(corpora)
    console.print(_parameters_table(card))
    cost = new_table("scale", "cost", "time limit")
    for scale in SCALES:
        limit = f"{card.minutes[scale]:g} min" if scale in card.minutes else ""
        cost.add_row(scale, plain(card.cost.get(scale, "")), limit)
    console.print(cost)


@app.command()
def run(
    studies: Studies,
    scale: Annotated[str, typer.Option(help="quick, standard or paper")] = "quick",
    file: Annotated[list[Path] | None, typer.Option("-f", "--file", help="YAML file of parameters")] = None,
    pair: Annotated[
        list[str] | None, typer.Option("-p", "--parameter", metavar="KEY=VALUE", help="one parameter")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="such as 0-4 or 0,2,5")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="runs side by side; as many as the cores carry, if not given")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="run again what is done")] = False,
    timeout: Annotated[float | None, typer.Option(min=0.001, help="minutes after which a run is stopped")] = None,
) -> None:
    """Run studies; what is already done is not done again."""
    from helpers.runs.launcher import LocalLauncher
    from helpers.runs.planning import chosen_studies, plan

    if scale not in SCALES:
        raise StudyError(f"--scale: {scale!r} is unknown; allowed: {', '.join(SCALES)}")

    def planned(beside_others: bool) -> list[PlannedRun]:
        names = chosen_studies(studies)
        return [plan(name, scale, file or [], pair or [], seeds, timeout, beside_others) for name in names]

    runs = planned(beside_others=False)
    if workers != 1 and crowded([one for one in runs if force or not one.done]):
        runs = planned(beside_others=True)
    ended = run_and_show(runs, LocalLauncher(workers or fitting_workers(runs), force))
    show_end(runs, ended)
    gallery = show_gallery()
    if not (gallery and all_good(ended)):
        raise typer.Exit(1)


@app.command()
def report() -> None:
    """Make the gallery of results, outputs/index.html, anew."""
    if not show_gallery():
        raise typer.Exit(1)


app.command()(sweep)
app.command()(results)
app.add_typer(data, name="data")
app.command()(compare)
app.command()(new)


@app.command()
def lab() -> None:
    """Open JupyterLab on the index notebook, from which studies are picked and run."""
    from helpers.places import ROOT, notebook_path
    from helpers.runs.refresh import INDEX

    first = notebook_path(INDEX).relative_to(ROOT).as_posix()
    options = [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url=/lab/tree/{first}"]
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *options])


@app.command()
def refresh(studies: Studies) -> None:
    """Re-execute committed notebooks in place, at their own defaults, and clean them for committing."""
    from helpers.places import ROOT
    from helpers.runs.planning import chosen_studies
    from helpers.runs.refresh import INDEX

    words = [word for word in studies if word != INDEX]
    names = chosen_studies(words) if words else []
    names += [INDEX] if INDEX in studies or "all" in studies else []
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    failed = [
        name
        for name in names
        if subprocess.run(
            [sys.executable, "-m", "helpers.runs.refresh", name], env={**os.environ, "PYTHONPATH": path}
        ).returncode
    ]
    if failed:
        raise typer.Exit(1)


def main() -> None:
    """Entry point: a StudyError is one line and exit code 2, Ctrl-C is exit code 130."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        code = app(standalone_mode=False)
    except StudyError as error:
        _end(f"error: {error}", 2)
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            raise
        _end(f"error: {error.filename or 'a file'}: {error.strerror}", 2)
    except Exception as error:
        message = getattr(error, "format_message", None)  # what click says of a wrong command line
        if message is None:
            raise
        _end(f"error: {message()}", 2)
    if code == _INTERRUPTED:
        _end("stopped: what was under way does not count as finished; the same command goes on from there", code)
    sys.exit(code if isinstance(code, int) else 0)


def _parameters_table(card: StudyCard) -> Any:
    table = new_table("parameter", "type", "default", "what it is")
    for name, field in card.parameters.model_fields.items():
        default = "needed" if field.is_required() else repr(field.default)
        table.add_row(
            plain(name, "bold"),
            plain(_type_words(field.annotation)),
            plain(default),
            plain("; ".join(filter(None, [field.description or "", _limits(card.parameters, name)]))),
        )
    return table


def _type_words(kind: Any) -> str:
    """A type as a reader would say it: ``list[int]``, ``"a" or "b"``, ``float or None``."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _type_words(inside[0])
    if origin is Literal:
        return " or ".join(map(repr, inside))
    if origin in (Union, types.UnionType):
        return " or ".join(map(_type_words, inside))
    if origin is not None:
        return f"{origin.__name__}[{', '.join(map(_type_words, inside))}]"
    return "None" if kind is type(None) else "..." if kind is Ellipsis else getattr(kind, "__name__", str(kind))


def _limits(parameters: type[StudyParameters], name: str) -> str:
    """The range that a field is checked against, such as ``>= 1, <= 256``."""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    found = [
        f"{sign} {getattr(limit, attribute):g}"
        for limit in parameters.model_fields[name].metadata
        for attribute, sign in signs.items()
        if getattr(limit, attribute, None) is not None
    ]
    return ", ".join(found)


def _as_interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _end(line: str, code: int) -> None:
    print(line, file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
