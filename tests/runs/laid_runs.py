"""Finished runs of a study that is in no catalogue, laid out as a run leaves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from helpers.studies.results import tidy, write_results

VERDICT = {
    "claim": "c", "statement": "It is there", "metric": "m", "effect": 0.1, "low": 0.05, "high": 0.15,
    "p_value": 0.01, "word": "supported", "interval": "BCa", "pairs": 10, "margin": 0.0, "paper_figure": None,
}  # fmt: skip
ROW = {"study": "ghost", "corpus": "fog", "method": "m", "metric": "accuracy", "n": 10}
PACKAGES = {"torch": "1.0", "numpy": "2.0"}


def lay_run(outputs: Path, identity: str, study: str = "ghost", **changed: Any) -> Path:
    """A finished run.

    Args:
        outputs: the outputs folder.
        identity: of the run.
        study: its name.
        changed: ``rows`` (results), ``parameters``, ``packages``, ``version`` (of the code), ``fingerprint``, or any
            key of verdict.json or provenance.json.
    """
    folder = outputs / study / identity
    folder.mkdir(parents=True)
    code = {"version": changed.pop("version", "v1"), "commit": "f00", "dirty": False}
    origin = {
        "wall_seconds": 3.0, "peak_memory_mib": 100.0, "started": "2026-01-01T00:00:00+00:00", "code": code,
        "packages": changed.pop("packages", PACKAGES), "data_fingerprint": changed.pop("fingerprint", "d1"),
        "python": "3.11", "processor": "one", "threads": 1, "workers": 1, "system": "Linux",
    }  # fmt: skip
    told = {
        "study": study, "title": "A ghost", "paper": "Nobody", "run_id": identity, "scale": "standard", "corpus": "fog",
        "simulated": False, "seeds": [0], "notes": [], "key_figure": None, "verdicts": [VERDICT],
    }  # fmt: skip
    parameters = {"scale": "standard", "corpus": "fog", "seeds": [0], "epochs": 3, **changed.pop("parameters", {})}
    rows = changed.pop("rows", [{**ROW, "value": 0.5, "seed": 0}])
    for key, value in changed.items():
        (origin if key in origin else told)[key] = value
    (folder / "verdict.json").write_text(json.dumps(told))
    (folder / "provenance.json").write_text(json.dumps(origin))
    (folder / "params.yaml").write_text(yaml.safe_dump(parameters))
    write_results(tidy(rows), folder / "results.parquet")
    return folder
