"""``studies results`` and ``studies compare``: what finished runs found, and what changed from one to another."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from helpers.cli_console import WORD_STYLE, duration, new_table, open_console, plain
from helpers.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

    from helpers.report.run_difference import Change, RunDifference, VerdictChange

_SHOWN_NUMBERS = 20
_KINDS = ("code", "data", "parameters", "packages", "machine", "cost")


def results(
    study: Annotated[list[str] | None, typer.Option(help="this study alone; may be given several times")] = None,
    scale: Annotated[str | None, typer.Option(help="quick, standard or paper alone")] = None,
    corpus: Annotated[str | None, typer.Option(help="this corpus alone")] = None,
    numbers: Annotated[
        bool,
        typer.Option("--numbers", help="all recorded numbers (a row a method, metric, fold, seed), not the claims"),
    ] = False,
    csv: Annotated[Path | None, typer.Option(help="write the tidy table to this file")] = None,
    parquet: Annotated[Path | None, typer.Option(help="write the tidy table to this file")] = None,
) -> None:
    """All finished runs as one table: every claim with its effect, interval, verdict, run, date and cost."""
    from helpers.report.run_table import over_seeds, run_table
    from helpers.runs.finished import all_finished_runs

    runs, damaged = all_finished_runs()
    chosen = [
        run
        for run in runs
        if run.study in (study or [run.study]) and scale in (None, run.scale) and corpus in (None, run.corpus)
    ]
    unknown = sorted(set(study or []) - {run.study for run in runs})
    if unknown:
        from helpers.studies.catalogue import study_card

        study_card(unknown[0])  # refuses what is no study
    table = run_table(chosen)
    wanted = _all_numbers(table) if numbers else table
    if csv is not None:
        _write(csv, wanted.to_csv(index=False).encode())
    if parquet is not None:
        _write(parquet, _parquet_bytes(wanted))
    console = open_console()
    if csv is None and parquet is None:
        if chosen:
            _show_numbers_of_runs(wanted) if numbers else _show_claims(table)
        else:
            console.print("no finished runs" + (" of that kind" if runs else "; `studies run all` makes some"))
        together = over_seeds(table)
        if len(together) and not numbers:
            console.print()
            console.print(_seeds_table(together))
    if damaged:
        console.print(f"{damaged} folder{'s' * (damaged != 1)} skipped: a file of the run is missing or damaged")


def compare(
    first: Annotated[str, typer.Argument(metavar="RUN_A", help="a run's identity or its beginning; or a study")],
    second: Annotated[str | None, typer.Argument(metavar="[RUN_B]", help="the other run; not with a study")] = None,
) -> None:
    """What changed from run A to run B, or between a study's last two: parameters, code, data, numbers, verdicts."""
    from helpers.report.run_difference import run_difference
    from helpers.runs.lookup import find_run, last_two_runs, read_run
    from helpers.studies.catalogue import study_names

    if second is None and (first in study_names() or not _names_a_run(first)):
        folders = last_two_runs(first)
    elif second is None:
        raise StudyError(f"{first}: name the run to compare it with, or a study to compare its last two runs")
    else:
        folders = (find_run(first), find_run(second))
    before, after = (read_run(folder) for folder in folders)
    if before.study != after.study:
        raise StudyError(f"a run of {before.study} and one of {after.study} have no numbers to compare")
    _show_difference(run_difference(before, after))


def _names_a_run(name: str) -> bool:
    from helpers.runs.lookup import find_run, run_folders

    if run_folders(name):
        return False
    find_run(name)
    return True


def _show_claims(table: pd.DataFrame) -> None:
    """A line a run, and below it a line a claim: they fit a narrow terminal where a table does not."""
    console = open_console()
    widest = max(map(len, table["claim"]))
    for _, claims in table.groupby("folder", sort=False):
        rows = claims.to_dict("records")
        run = rows[0]
        line = plain("")
        line.append(run["study"], style="bold")
        line.append(f"  {run['scale']}  {run['corpus']} ({run['data']})  ")
        line.append(run["run_id"], style="cyan")
        cost = f"{duration(run['seconds'])}, {run['peak_memory_mib']:.0f} MiB"
        earlier = ", earlier code" if run["earlier_code"] else ""
        line.append(f"  {run['started']:%Y-%m-%d %H:%M} UTC, {cost}{earlier}", style="dim")
        console.print(line, soft_wrap=True)
        if run["changed"]:
            console.print(plain(f"    with {run['changed']}", "dim"), soft_wrap=True)
        for row in rows:
            said = plain(f"    {row['claim']:<{widest}}  ")
            said.append(f"{row['word']:<12}", style=WORD_STYLE.get(row["word"], ""))
            said.append(f"  {_effect(row)} {row['metric'].split(' (')[0]}")
            console.print(said, soft_wrap=True)


def _seeds_table(table: pd.DataFrame) -> Any:
    shown = new_table(
        "study", "scale", "corpus", "claim", "runs", "mean effect", "lowest", "highest",
        title="Runs that differ in their seeds alone (no verdict: they share their test data)",
    )  # fmt: skip
    for row in table.to_dict("records"):
        changed = f"\n{row['changed']}" if row["changed"] else ""
        shown.add_row(
            plain(row["study"], "bold"),
            plain(row["scale"] + changed),
            plain(f"{row['corpus']} ({row['data']})"),
            plain(f"{row['claim']} [{row['metric'].split(' (')[0]}]"),
            str(row["runs"]),
            *(f"{row[key]:+.4g}" for key in ("mean", "lowest", "highest")),
        )
    return shown


def _all_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that the runs recorded, one below the other, each with its run's identity, scale and kind of data."""
    import pandas as pd

    from helpers.studies.results import read_results, tidy

    found = []
    for run in table.drop_duplicates("folder").to_dict("records"):
        rows = read_results(Path(run["folder"]) / "results.parquet")
        of_run = {key: run[key] for key in ("run_id", "scale", "data", "changed")}
        found.append(rows.assign(**of_run))
    return pd.concat(found, ignore_index=True) if found else tidy([])


def _show_numbers_of_runs(numbers: pd.DataFrame) -> None:
    """A table a run: means over seeds and folds."""
    keys = ["method", "condition", "split", "label_fraction", "metric"]
    for of_run, rows in numbers.groupby(["study", "scale", "corpus", "data", "run_id"], sort=False):
        study, scale, corpus, data, identity = of_run
        shown = new_table(*keys, "mean", "sd", "repeats", title=f"{study} {scale} {corpus} ({data}) {identity}")
        grouped = rows.groupby(keys, sort=False, dropna=False)["value"].agg(["mean", "std", "size"])
        for row in grouped.reset_index().to_dict("records"):
            fraction = "" if math.isnan(row["label_fraction"]) else f"{row['label_fraction']:g}"
            words = [fraction if key == "label_fraction" else str(row[key]) for key in keys]
            spread = "" if math.isnan(row["std"]) else f"{row['std']:.2g}"
            shown.add_row(*map(plain, words), f"{row['mean']:.4g}", spread, str(row["size"]))
        open_console().print(shown)


def _show_difference(found: RunDifference) -> None:
    from helpers.runs.planning import shown

    console = open_console()
    runs = new_table("", "run", "scale", "corpus", "started (UTC)", "folder", title=found.before.told["title"])
    for when, run in (("before", found.before), ("after", found.after)):
        kind = "simulated" if run.told["simulated"] else "real"
        corpus = f"{run.told['corpus']} ({kind})"
        runs.add_row(
            when, run.folder.name, run.told["scale"], plain(corpus), run.origin.get("started", "")[:16],
            plain(shown(run.folder)),
        )  # fmt: skip
    console.print(runs)
    changes = [(kind, change) for kind in _KINDS for change in getattr(found, kind)]
    table = new_table("what", "", "before", "after")
    for kind, change in changes:
        table.add_row(kind, *_change_cells(change))
    console.print(table)
    same = [kind for kind in _KINDS[:-1] if not getattr(found, kind)]
    if same:
        console.print(f"the same: {', '.join(same)}")
    verdicts = new_table("claim", "before", "", "after", "")
    for verdict in found.verdicts:
        verdicts.add_row(plain(f"{verdict.claim} [{verdict.metric.split(' (')[0]}]"), *_verdict_cells(verdict))
    console.print(verdicts)
    if found.same_numbers:
        console.print("numbers: the same, bit for bit")
    else:
        _show_numbers(found)


def _show_numbers(found: RunDifference) -> None:
    numbers = found.numbers
    differing = numbers[~(numbers["difference"].abs() == 0)]
    console = open_console()
    table = new_table("method", "condition", "labels", "metric", "before", "after", "difference", "repeats")
    for row in differing.head(_SHOWN_NUMBERS).to_dict("records"):
        fraction = "" if math.isnan(row["label_fraction"]) else f"{row['label_fraction']:g}"
        metric = row["metric"] if row["split"] in ("test", "") else f"{row['metric']} ({row['split']})"
        values = [f"{row[key]:.4g}" if not math.isnan(row[key]) else "absent" for key in ("before", "after")]
        step = "" if math.isnan(row["difference"]) else f"{row['difference']:+.3g}"
        repeats = " → ".join(dict.fromkeys(str(row[f"repeats_{side}"]) for side in ("before", "after")))
        table.add_row(*map(plain, (row["method"], row["condition"], fraction, metric)), *values, step, repeats)
    console.print(table)
    more = max(len(differing) - _SHOWN_NUMBERS, 0)
    console.print(
        f"{more} more numbers differ, {len(numbers) - len(differing)} are the same (means over seeds and folds)"
    )


def _change_cells(change: Change) -> Iterable[Any]:
    return (
        plain(change.name),
        *(plain("" if value is None else str(value)) for value in (change.before, change.after)),
    )


def _verdict_cells(verdict: VerdictChange) -> Iterable[Any]:
    for side in (verdict.before, verdict.after):
        yield plain(side["word"], WORD_STYLE.get(side["word"], "")) if side else plain("not judged", "dim")
        yield plain(_effect(side)) if side else ""


def _effect(row: dict[str, Any]) -> str:
    low = row["low"]
    if low is None or math.isnan(low):
        return f"{row['effect']:+.4g}"
    return f"{row['effect']:+.4g} ({low:+.4g} to {row['high']:+.4g})"


def _parquet_bytes(table: pd.DataFrame) -> bytes:
    import io

    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False, engine="pyarrow", compression="zstd")
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> None:
    from helpers.runs.planning import shown
    from helpers.studies.run_folder import write_whole

    write_whole(path.absolute(), content)
    open_console().print(plain(f"written: {shown(path)}"), soft_wrap=True)
