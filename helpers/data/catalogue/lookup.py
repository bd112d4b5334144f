"""Finding a corpus in the catalogue, and on a disk. Light to import."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from helpers.data.catalogue.entry import OWN, CatalogueEntry
from helpers.errors import StudyError

_NO_DOMAIN = ("__init__", "entry", "lookup")
_DEPTH = 3  # folders below the root that is searched
_MOST_FOLDERS = 5000


@cache
def all_entries() -> tuple[CatalogueEntry, ...]:
    """The whole catalogue, domain after domain."""
    files = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in _NO_DOMAIN)
    modules = [importlib.import_module(f"helpers.data.catalogue.{stem}") for stem in files]
    return tuple(entry for module in modules for entry in module.ENTRIES)


def find_entry(name: str) -> CatalogueEntry:
    """The corpus of that name; a reader's own data by their domain, such as ``"images/folder"``.

    Raises:
        StudyError: no corpus, or several, have that name.
    """
    entries = all_entries()
    named = [entry for entry in entries if name in (entry.name, entry.full_name)]
    if len(named) == 1:
        return named[0]
    if named:
        raise StudyError(f"{name!r} stands in several domains; say {' or '.join(e.full_name for e in named)}")
    names = [entry.full_name for entry in entries]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(names)}"
    raise StudyError(f"no corpus is called {name!r}; {hint}")


def study_entries(corpora: Sequence[str]) -> dict[str, CatalogueEntry]:
    """The entries that the corpora of one study are.

    Args:
        corpora: names of all its corpora; where ``folder`` and ``manifest`` belong follows from the others' domains.

    Raises:
        StudyError: one is not in the catalogue.
    """
    named = {name: [entry for entry in all_entries() if entry.name == name] for name in corpora}
    domains = {entry.domain for name in corpora if name not in OWN for entry in named[name]}
    found = {}
    for name, entries in named.items():
        fitting = [entry for entry in entries if name not in OWN or entry.domain in domains]
        if not fitting:
            where = f" of the domain {' or '.join(sorted(domains))}" if name in OWN else ""
            raise StudyError(f"corpus {name!r}{where} is not in the catalogue (helpers/data/catalogue/); add it there")
        found[name] = fitting[0]
    return found


def is_carried(entry: CatalogueEntry) -> bool:
    """Whether an installed package carries it."""
    return bool(entry.carried_by) and importlib.util.find_spec(entry.carried_by) is not None


def find_on_disk(entries: Sequence[CatalogueEntry], root: Path) -> dict[str, Path]:
    """Where corpora lie below a folder.

    Args:
        entries: what to look for.
        root: a folder; it and the folders up to three levels below are looked at, links to folders are not followed.

    Returns:
        Full name -> the folder to give as ``data_root``; the one nearest to ``root``.
    """
    found: dict[str, Path] = {}
    for folder in _folders(root):
        for entry in entries:
            if entry.full_name not in found and any(_first(folder, pattern) for pattern in entry.looks_like):
                found[entry.full_name] = folder
    return found


def _first(folder: Path, pattern: str) -> Path | None:
    try:
        return next(folder.glob(pattern), None)
    except OSError:
        return None


def _folders(root: Path) -> Iterator[Path]:
    """A folder and those below it, the near ones first."""
    level = [root]
    seen = 0
    for _ in range(_DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            yield folder
            seen += 1
            if seen >= _MOST_FOLDERS:
                return
            try:
                with os.scandir(folder) as inside:
                    below += sorted(
                        Path(one.path)
                        for one in inside
                        if one.is_dir(follow_symlinks=False) and not one.name.startswith(".")
                    )
            except OSError:
                continue
        level = below
