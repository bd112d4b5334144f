"""Images whose classes differ in details: drawn butterflies, birds, aircraft, cars, flowers, pets, one's own.

Every reader returns a :class:`Corpus` whose label column is ``label``. Where parts are marked, as in the drawn corpus
and in CUB-200-2011, ``load`` gives ``{"input", "object", "parts"}`` and a bool column ``has_parts`` says of which rows;
else it gives the images alone, float32 (B, C, H, W) in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from helpers.data.corpora.cub import cub, cub_sources
from helpers.data.corpora.fine_grained_lists import LISTS, Listed
from helpers.data.corpora.image_tables import files_corpus
from helpers.data.corpora.images import class_folders, image_manifest, image_sources
from helpers.data.corpus import Corpus
from helpers.data.simulated.butterflies import GENERATOR, drawn_butterflies
from helpers.data.text_files import is_there
from helpers.errors import StudyError

NAMES = ("butterflies", "cub200", *LISTS, "folder", "manifest")


@dataclass(frozen=True)
class ButterflyDrawing:
    """How many butterflies are drawn.

    Args:
        train, test: pictures, >= 12 each.
        seed: of the drawing.
    """

    train: int = 1440
    test: int = 480
    seed: int = 0


def fine_grained_corpus(
    name: str, data_root: str = "", image_size: int = 64, drawing: ButterflyDrawing | None = None
) -> Corpus:
    """The corpus of a parameter file.

    Args:
        name: one of :data:`NAMES`.
        data_root: where a real one lies.
        image_size: side of the images, pixels.
        drawing: of the drawn ones.

    Raises:
        StudyError: an unknown name, or what the reader finds wrong with the files.
    """
    if name == "butterflies":
        d = drawing or ButterflyDrawing()
        return drawn_butterflies(d.train, d.test, image_size, d.seed)
    if name == "folder":
        return class_folders(_given(name, data_root), image_size)
    if name == "manifest":
        return image_manifest(_given(name, data_root), image_size)
    if name == "cub200":
        return cub(_given(name, data_root), image_size)
    if name not in LISTS:
        raise StudyError(f"no fine-grained corpus is called {name!r}; there are: {', '.join(NAMES)}")
    return _from_lists(name, LISTS[name](_given(name, data_root)), image_size)


def fine_grained_sources(name: str, data_root: str, image_size: int, drawing: ButterflyDrawing) -> list[Path | str]:
    """What a fine-grained corpus is read from, for its fingerprint.

    Raises:
        StudyError: ``data_root`` is missing or holds no such corpus.
    """
    if name == "butterflies":
        return [f"generator:{GENERATOR}:{drawing.train}:{drawing.test}:{drawing.seed}:{image_size}"]
    if name == "cub200":
        return list(cub_sources(_given(name, data_root)))
    if name in LISTS:
        return list(LISTS[name](_given(name, data_root)).sources)
    return image_sources(name, data_root)


def _from_lists(name: str, listed: Listed, image_size: int) -> Corpus:
    notices = list(listed.notices)
    table, paths = listed.table, listed.paths
    twice = table["sample_id"].duplicated(keep="last").to_numpy()
    if twice.any():
        notices.append(f"{int(twice.sum())} picture(s) are listed twice; the last line counts")
    there = [is_there(path) for path in paths]
    absent = [path.name[:80] for path, found in zip(paths, there, strict=True) if not found]
    if len(absent) == len(paths):
        raise StudyError(f"{name}: none of the {len(paths)} listed pictures is there, the first is {absent[0]}")
    if absent:
        shown = ", ".join(absent[:3]) + (" …" if len(absent) > 3 else "")
        notices.append(f"{len(absent)} listed picture(s) are not there: {shown}")
    kept = [i for i, found in enumerate(there) if found and not twice[i]]
    corpus = files_corpus(table.iloc[kept].reset_index(drop=True), [paths[i] for i in kept], image_size, 0, name,
                          listed.sources, listed.source, cut_below=listed.cut_below)  # fmt: skip
    licence = "for non-commercial research; as given by the corpus's authors"
    return replace(corpus, licence=licence, notices=(*notices, *corpus.notices))


def _given(name: str, data_root: str) -> Path:
    if data_root in ("", "."):
        where = "CSV file" if name == "manifest" else "folder"
        raise StudyError(f"corpus {name} needs data_root: the {where} it lies in")
    return Path(data_root)
