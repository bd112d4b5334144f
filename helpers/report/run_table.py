"""Many finished runs as one tidy table: a row a run and claim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from helpers.report.gallery_run import FinishedRun

COLUMNS: dict[str, str] = {
    "study": "string",
    "scale": "string",
    "corpus": "string",
    "data": "string",  # real or simulated
    "changed": "string",  # parameters that differ from the file of the scale, such as "epochs=1"
    "seeds": "string",  # such as "0 1 2"
    "claim": "string",  # its key
    "statement": "string",
    "metric": "string",
    "effect": "float64",  # mean paired difference, positive speaks for the claim
    "low": "float64",  # 95 % confidence interval, NaN where there is none
    "high": "float64",
    "p_value": "float64",  # two-sided, Holm-corrected over the study's claims
    "word": "string",  # supported, contradicted or inconclusive
    "interval": "string",  # which interval it is, or why there is none
    "pairs": "Int64",
    "margin": "float64",
    "paper_figure": "string",
    "run_id": "string",
    "started": "datetime64[us, UTC]",
    "seconds": "float64",  # wall time of the run (all its claims)
    "peak_memory_mib": "float64",
    "code": "string",  # version of the code
    "code_not_committed": "boolean",
    "earlier_code": "boolean",  # whether the code has changed since
    "folder": "string",
}


def run_table(runs: Sequence[FinishedRun]) -> pd.DataFrame:
    """All verdicts of all runs, a row each, in the order of ``runs``.

    Args:
        runs: as :func:`helpers.runs.finished.all_finished_runs` reads them.

    Returns:
        A table of :data:`COLUMNS`, also where there are no runs.
    """
    rows = [_row(run, verdict) for run in runs for verdict in run.verdicts]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype(COLUMNS)


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Runs that differ in their seeds alone, taken together.

    A single seed never gives a verdict, but several such runs show how far the effect moves from seed to seed. No
    interval is given: the runs share their test data, so their effects are not independent.

    Args:
        table: from :func:`run_table`.

    Returns:
        A row a study, scale, corpus, change (seeds left out), version of the code and claim that at least two runs
        give: ``runs``, and the effect's ``mean``, ``lowest`` and ``highest``.
    """
    alike = table.assign(changed=table["changed"].map(_without_seeds))
    keys = ["study", "scale", "corpus", "data", "changed", "code", "claim", "metric"]
    newest = alike.sort_values("started", kind="stable").drop_duplicates([*keys, "seeds"], keep="last")
    grouped = newest.groupby(keys, sort=False)["effect"]
    found = grouped.agg(runs="size", mean="mean", lowest="min", highest="max").reset_index()
    return found[found["runs"] > 1].reset_index(drop=True)


def _without_seeds(changed: str) -> str:
    return "; ".join(part for part in changed.split("; ") if part and not part.startswith("seeds="))


def _row(run: FinishedRun, verdict: dict[str, Any]) -> dict[str, Any]:
    of_run = {
        "study": run.study, "scale": run.scale, "corpus": run.corpus, "data": "simulated" if run.simulated else "real",
        "changed": "; ".join(run.changed), "seeds": " ".join(map(str, run.seed_values)), "run_id": run.folder.name,
        "started": run.started, "seconds": run.seconds, "peak_memory_mib": run.mebibytes, "code": run.code,
        "code_not_committed": run.dirty, "earlier_code": run.earlier_code, "folder": str(run.folder),
    }  # fmt: skip
    of_claim = {key: verdict.get(key) for key in COLUMNS if key in verdict}
    return {**of_claim, **of_run}
