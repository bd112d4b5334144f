"""``studies new``: a study that runs, to change into one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from helpers.cli_console import open_console, plain


def new(
    name: Annotated[str, typer.Argument(help="of the study: small letters, digits and underscores")],
    folder: Annotated[
        Path | None, typer.Option(help="the clone of this project to write it to; this one, if not given")
    ] = None,
) -> None:
    """Write a small study that runs, for your own method, data and claim."""
    from helpers.places import ROOT
    from helpers.runs.new_study import write_study
    from helpers.runs.planning import shown
    from helpers.runs.quick_start import skip_slow_checks

    skip_slow_checks()
    console = open_console()
    for path in write_study(name, folder.absolute() if folder else ROOT):
        console.print(plain(f"written: {shown(path)}"), soft_wrap=True)
    console.print(
        plain(
            f"helpers/studies/{name}: your method into method.py, your data into data.py, your claim into about.py\n"
            f"it runs:               studies run {name}\n"
            f"its test:              python -m pytest tests/studies/{name}\n"
            f"to commit its notebook: studies refresh {name}"
        ),
        soft_wrap=True,
    )
