"""Which studies there are, found by their folders. Light to import."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path

from helpers.errors import StudyError
from helpers.studies.card import StudyCard


def study_names() -> list[str]:
    """Names of all studies, sorted: the folders of ``helpers/studies`` that have an ``about.py``."""
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/about.py"))


def study_card(name: str) -> StudyCard:
    """The card of a study.

    Raises:
        StudyError: no study of that name.
    """
    names = study_names()
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(names)}"
        raise StudyError(f"no study is called {name!r}; {hint}")
    return importlib.import_module(f"helpers.studies.{name}.about").CARD
