"""What the catalogue says of one corpus. Light to import."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Download:
    """An archive that anyone may fetch, and whose checksum is published.

    Attributes:
        url: of the archive (``.tar``, ``.tar.gz``, ``.zip``).
        checksum: ``"md5:…"`` or ``"sha256:…"``, as published.
        published: where the checksum is published.
        size: of the archive, bytes.
        unpacked: of what is in it, bytes at most; more is refused.
    """

    url: str
    checksum: str
    published: str
    size: int
    unpacked: int


@dataclass(frozen=True)
class CatalogueEntry:
    """One corpus.

    Attributes:
        name: the value of a study's parameter ``corpus``. ``folder`` and ``manifest`` (a reader's own data) stand once
            a domain; every other name stands once.
        domain: what its samples are, such as ``"images"``; the same word for all entries of a file.
        what: samples and labels, in one line.
        size: on disk, in words.
        licence: of the data, as their source words it; ``"none: …"`` for what is drawn.
        how: how to get it, for one who has not.
        reader: ``"module:function"``, called with (name, data_root), returns a :class:`helpers.data.corpus.Corpus`.
        simulated: whether a generator makes it.
        carried_by: the package that carries it, or ``"helpers"`` for what this package draws; empty where it is got.
        looks_like: patterns (as :meth:`pathlib.Path.glob`) below ``data_root``; a folder with a hit of any is taken for
            the corpus.
        samples: endings of the files that hold a sample each, which `studies data check` opens one by one; none for
            tables and archives.
        download: where it is openly downloadable with a published checksum; else None.
    """

    name: str
    domain: str
    what: str
    size: str
    licence: str
    how: str
    reader: str
    simulated: bool = False
    carried_by: str = ""
    looks_like: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    download: Download | None = None

    @property
    def full_name(self) -> str:
        """``"images/folder"`` for a name that stands in several domains, else the name."""
        return f"{self.domain}/{self.name}" if self.name in OWN else self.name


OWN = ("folder", "manifest")  # a reader's own data
