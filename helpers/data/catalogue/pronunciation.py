"""Learners' speech with the phones that they should say and those that an annotator heard."""

from helpers.data.catalogue.entry import CatalogueEntry

_READER = "helpers.data.corpora.pronunciation:pronunciation_corpus"
_ENDINGS = (".wav", ".flac", ".WAV")

ENTRIES = (
    CatalogueEntry(
        "learners", "pronunciation", "simulated learners of English, six first languages, phones with exact times",
        "made when asked for, about 100 MB", "none: made by this package with eSpeak NG (GPL-3)",
        "made when they are first asked for", _READER, simulated=True, carried_by="helpers",
    ),
    CatalogueEntry(
        "l2_arctic", "pronunciation", "24 learners of six first languages, 27 h; 150 sentences each annotated by phone",
        "8 GB", "CC BY-NC 4.0", "ask for it at psi.engr.tamu.edu/l2-arctic-corpus; unpack every speaker's archive",
        _READER, looks_like=("*/annotation/arctic_*.TextGrid",), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "speechocean762", "pronunciation", "250 Mandarin learners, 5,000 sentences, scored by phone, word and sentence",
        "1 GB", "CC BY 4.0", "openslr.org/101", _READER, looks_like=("resource/scores.json",), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "manifest", "pronunciation", "any learners' speech that a table names", "yours", "yours",
        "write a CSV or Parquet file with path, canonical and perceived phones, optionally subject, group, split",
        _READER,
    ),
)  # fmt: skip
