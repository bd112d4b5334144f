"""``studies data``: which corpora there are and how to get them, whether one is whole, and downloading it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from helpers.cli_console import new_table, open_console, plain
from helpers.errors import StudyError

_NAMED = 10  # problems

data = typer.Typer(help="Corpora: list them, check one, fetch one.", no_args_is_help=True, rich_markup_mode="rich")


@data.command("list")
def list_corpora(
    root: Annotated[
        list[Path] | None,
        typer.Option(help="a folder to look for corpora in, besides data/; may be given several times"),
    ] = None,
) -> None:
    """Each corpus over all studies: what it is, its licence, how to get it, and whether it is here."""
    from helpers.data.catalogue.lookup import all_entries, find_on_disk, is_carried
    from helpers.places import data_folder
    from helpers.runs.planning import shown

    for folder in root or []:
        if not folder.is_dir():
            raise StudyError(f"--root: {folder} is not a folder")
    found: dict[str, Path] = {}
    for folder in [*(root or []), data_folder()]:
        found = {**find_on_disk(all_entries(), folder.absolute()), **found}
    users = _users()
    console = open_console()
    for domain in dict.fromkeys(entry.domain for entry in all_entries()):
        table = new_table("corpus", "what", "size", "licence", "here, or how to get it", "studies", title=domain)
        for entry in (one for one in all_entries() if one.domain == domain):
            if is_carried(entry):
                where = plain("built in", "green")
            elif entry.full_name in found:
                where = plain(f"found: data_root={shown(found[entry.full_name])}", "green")
            else:
                where = plain(entry.how)
            kind = " (simulated)" if entry.simulated else ""
            table.add_row(
                plain(entry.full_name, "bold"), plain(entry.what + kind), plain(entry.size), plain(entry.licence),
                where, plain(", ".join(users.get(entry.full_name, []))),
            )  # fmt: skip
        console.print(table)


@data.command()
def check(
    path: Annotated[Path, typer.Argument(help="the corpus's folder, or the manifest file: what data_root would name")],
    corpus: Annotated[str, typer.Option("--as", help="which corpus it is, such as cifar10 or images/folder")],
) -> None:
    """Is a corpus whole: counts, classes, and every broken file; exit code 1 where there are problems."""
    from helpers.data.catalogue.lookup import find_entry
    from helpers.data.check import check_corpus

    entry = find_entry(corpus)
    found = check_corpus(entry, path.expanduser())
    console = open_console()
    if found.facts is not None:
        table = new_table("", f"{entry.full_name} at {path}")
        for fact in found.facts.itertuples(index=False):
            table.add_row(plain(str(fact.fact), "bold"), plain(str(fact.value)))
        console.print(table)
    for notice in found.notices:
        console.print(plain(f"note: {notice}", "yellow"), soft_wrap=True)
    for problem in found.problems[:_NAMED]:
        console.print(plain(f"problem: {problem}", "red"), soft_wrap=True)
    more = len(found.problems) - _NAMED
    if more > 0:
        console.print(plain(f"and {more} more problems", "red"))
    opened = f"{found.files:,} files opened, {found.samples:,} samples loaded"
    count = len(found.problems)
    words = f"{count} problem{'s' * (count != 1)}" if count else "no problems"
    console.print(f"{words}; {opened}")
    if found.problems:
        raise typer.Exit(1)


@data.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="corpora that are openly downloadable")],
    root: Annotated[Path | None, typer.Option(help="where to; data/ of the project, if not given")] = None,
) -> None:
    """Download corpora: checksums verified, resumed where the connection broke off, unpacked safely."""
    from helpers.data.catalogue.lookup import all_entries, find_entry
    from helpers.data.download import fetch as download
    from helpers.places import data_folder
    from helpers.runs.planning import shown

    entries = [find_entry(name) for name in names]
    for entry in entries:
        if entry.carried_by:
            raise StudyError(f"{entry.name} is built in; there is nothing to fetch")
        if entry.download is None:
            open_ones = ", ".join(one.name for one in all_entries() if one.download is not None)
            raise StudyError(f"{entry.full_name} cannot be fetched: {entry.how}; these can be: {open_ones}")
    for entry in entries:
        folder = download(entry, (root or data_folder()).expanduser().absolute())
        line = f"{entry.name}: -p corpus={entry.name} -p data_root={shown(folder)}"
        open_console().print(plain(line), soft_wrap=True)


def _users() -> dict[str, list[str]]:
    """Full name of a corpus -> studies that can look at it."""
    from helpers.data.catalogue.lookup import study_entries
    from helpers.studies.catalogue import study_card, study_names

    users: dict[str, list[str]] = {}
    for study in study_names():
        entries = study_entries([option.name for option in study_card(study).corpora])
        for entry in entries.values():
            users.setdefault(entry.full_name, []).append(study)
    return users
