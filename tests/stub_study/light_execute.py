"""Stands in for ``helpers/runs/execute.py`` where many runs are launched: the same folders and signs, but no notebook.

A run with ``pause`` leaves its process id in its folder and waits that long, but not again in its next attempt.
"""

import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path

from helpers.studies.run_folder import finish, open_partial, set_aside

VERDICT = {
    "claim": "memory", "statement": "s", "metric": "m", "effect": 0.0, "low": None, "high": None, "p_value": None,
    "word": "inconclusive", "interval": "none: one pair", "pairs": 1, "margin": 0.0, "paper_figure": None,
}  # fmt: skip


def main() -> int:
    study, identity, parameters, signs = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
    values = dict(line.split(": ", 1) for line in parameters.read_text().splitlines() if ": " in line)
    with open(os.environ["STUB_MARK"], "a") as mark:
        mark.write(identity + "\n")
    threading.Thread(target=end_with, args=[os.getppid()], daemon=True).start()
    folder = open_partial(study, identity)
    if values["trouble"] == "study_error":
        outcome = {
            "state": "failed",
            "message": "fold 3 has no events",
            "folder": str(set_aside(folder, study, identity)),
        }
        (signs / "outcome.json").write_text(json.dumps(outcome))
        return 1
    begun = folder / "checkpoints" / "begun"
    if not begun.exists():
        begun.parent.mkdir()
        begun.touch()
        (folder / "pid").write_text(str(os.getpid()) if float(values["pause"]) else "")
        time.sleep(float(values["pause"]))
    told = {
        "study": study, "title": "t", "paper": "p", "run_id": identity, "scale": "quick", "corpus": "coins",
        "simulated": True, "seeds": [0], "verdicts": [VERDICT], "notes": [], "key_figure": None,
    }  # fmt: skip
    origin = {
        "wall_seconds": 1.0, "peak_memory_mib": 1.0, "started": "2026-01-01T00:00:00+00:00", "threads": 1, "workers": 1,
        "code": {"version": "0", "dirty": False},
    }  # fmt: skip
    for name, content in (("verdict.json", json.dumps(told)), ("provenance.json", json.dumps(origin))):
        (folder / name).write_text(content)
    (folder / "params.yaml").write_bytes(parameters.read_bytes())
    (folder / "results.parquet").write_bytes(b"PAR1PAR1")
    done = finish(folder, study, identity)
    shutil.rmtree(done.with_name(f".failed-{identity}"), ignore_errors=True)
    (signs / "outcome.json").write_text(json.dumps({"state": "done", "message": "", "folder": str(done)}))
    return 0


def end_with(parent: int) -> None:
    """Do not outlive the process that looks after the run."""
    while os.getppid() == parent:
        time.sleep(0.1)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
