"""Where a corpus on disk lies, seen to be there."""

from __future__ import annotations

from pathlib import Path

from helpers.errors import StudyError


def corpus_root(name: str, data_root: str) -> Path:
    """The folder of a corpus, or the manifest's file where the corpus is called ``"manifest"``.

    Raises:
        StudyError: none is given, or it is not there, or a folder stands where a file is wanted or the other way round.
    """
    what = "the manifest's path" if name == "manifest" else f"the folder that holds {name}"
    if not data_root:
        raise StudyError(f"corpus {name} needs data_root: {what}")
    root = Path(data_root)
    if not root.exists() or root.is_dir() == (name == "manifest"):
        kind = "file" if name == "manifest" else "folder"
        raise StudyError(f"data_root: there is no such {kind} as {data_root}; give {what}")
    return root
