"""Pictures of insect pests with species labels, some with foreground masks."""

from helpers.data.catalogue.entry import CatalogueEntry

_READER = "helpers.data.corpora.pests:pest_corpus"
_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")

ENTRIES = (
    CatalogueEntry(
        "pests", "pests", "drawn insects of 22 species on leaves and soil, with a long tail and exact masks", "30 MB",
        "none: drawn by this package", "drawn when it is first asked for", _READER, simulated=True,
        carried_by="helpers",
    ),
    CatalogueEntry(
        "ip102", "pests", "75,222 photographs of 102 pests of crops, in training, validation and test lists", "6 GB",
        "none stated; for research (Wu et al. 2019)", "ask for it at the authors' page, github.com/xpwu95/IP102",
        _READER, looks_like=("train.txt",), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "folder", "pests", "any pictures of pests in class folders", "yours", "yours",
        "lay them out as <class>/*.jpg, or train/<class>/*.jpg and test/<class>/*.jpg", _READER, samples=_ENDINGS,
    ),
    CatalogueEntry(
        "manifest", "pests", "any pictures of pests that a table names, with masks where it does", "yours", "yours",
        "write a CSV or Parquet file with path and label, and optionally mask, subject, group and split", _READER,
    ),
)  # fmt: skip
