"""``python -m tests``: lint, format, types, tests, and every notebook under nbval. Ends with pytest's closing line."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKS = (
    ("lint", ["ruff", "check", "."]),
    ("format", ["ruff", "format", "--check", "."]),
    ("types", ["mypy"]),
    # One pytest for tests and notebooks, two files at a time; a notebook's cells stay together.
    ("tests and notebooks", ["pytest", "-q", "-n", "2", "--dist", "loadfile", "--nbval", "--nbval-cell-timeout=600",
                             "tests", "notebooks"]),
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """Run all checks, also after one has failed; further arguments go to pytest. Returns an exit code."""
    failed = []
    with tempfile.TemporaryDirectory() as outputs:
        environment = {**os.environ, "STUDIES_OUTPUTS": outputs, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        for name, command in CHECKS:
            print(f"== {name}: {' '.join(command)}", flush=True)
            more = arguments if command[0] == "pytest" else []
            if subprocess.run([sys.executable, "-m", *command, *more], cwd=ROOT, env=environment).returncode != 0:
                failed.append(name)
                if command[0] != "pytest":
                    print(f"== {name} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
