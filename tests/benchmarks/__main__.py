"""``python -m tests.benchmarks [GROUP …]``: print a table of each group."""

import importlib
import sys
from pathlib import Path

import torch

from tests.benchmarks.timing import table

NOT_GROUPS = ("__init__", "__main__", "timing")


def groups() -> list[str]:
    """Names of the modules beside this one that have a ``run()`` returning rows."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return [f.stem for f in files if f.stem not in NOT_GROUPS and not f.stem.startswith("test_")]


def main(arguments: list[str]) -> int:
    """Run the groups asked for, all by default. Returns an exit code: 2 for an unknown group."""
    unknown = [name for name in arguments if name not in groups()]
    if unknown:
        print(f"no group of benchmarks is called {unknown[0]!r}; there are: {', '.join(groups())}")
        return 2
    for name in arguments or groups():
        module = importlib.import_module(f"tests.benchmarks.{name}")
        print(f"== {name}: {(module.__doc__ or '').strip().splitlines()[0]}")
        print(f"   torch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
        print(table(module.run()), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
