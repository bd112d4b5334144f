"""Whole slides of stained tissue with regions."""

from helpers.data.catalogue.entry import CatalogueEntry

_READER = "helpers.data.corpora.slides:tile_corpus"
_SLIDES = (".svs", ".ndpi", ".scn", ".mrxs", ".bif")

ENTRIES = (
    CatalogueEntry(
        "amyloid_slides", "slides", "drawn amyloid-β slides of brain sections: grey matter, white matter, background",
        "20 MB to 3 GB, as asked", "none: drawn by this package", "drawn and written when they are first asked for",
        _READER, simulated=True, carried_by="helpers",
    ),
    CatalogueEntry(
        "whole_slides", "slides", "any slides that OpenSlide reads, with region masks or QuPath annotations", "yours",
        "yours",
        "lay them out as slides/*.svs with masks/<slide>.png or annotations/<slide>.geojson, optionally splits.csv",
        _READER,
        looks_like=(*(f"slides/*{e}" for e in (*_SLIDES, ".tif", ".tiff")), *(f"*{e}" for e in _SLIDES)),
    ),
    CatalogueEntry(
        "folder", "slides", "tiles that are cut already, by slide and class", "yours", "yours",
        "lay them out as <slide>/<class>/*.png, or train/<slide>/<class>/*.png and test/<slide>/<class>/*.png", _READER,
        samples=(".jpg", ".jpeg", ".png", ".tif", ".tiff"),
    ),
    CatalogueEntry(
        "manifest", "slides", "any slides that a table names, with their annotations", "yours", "yours",
        "write a CSV or Parquet file with path and split, and optionally annotation, subject and group", _READER,
    ),
)  # fmt: skip
