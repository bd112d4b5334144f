"""Pictures of maize kernels with which way up they lie, some with embryo masks."""

from helpers.data.catalogue.entry import CatalogueEntry

_READER = "helpers.data.corpora.kernels:kernel_corpus"
_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")

ENTRIES = (
    CatalogueEntry(
        "kernels", "kernels", "drawn maize kernels of six varieties, embryo up or down, with exact embryo masks",
        "10 MB", "none: drawn by this package", "drawn when they are first asked for", _READER, simulated=True,
        carried_by="helpers",
    ),
    CatalogueEntry(
        "orientation", "kernels", "pictures of kernels by orientation, with embryo masks for some of them", "yours",
        "yours", "lay them out as orientation/<class>/*.png with masks/*.png of the same names beside it", _READER,
        looks_like=("orientation/*/*.png", "orientation/*/*.jpg", "orientation/*/*/*.png"), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "folder", "kernels", "any pictures of kernels in class folders, without masks", "yours", "yours",
        "lay them out as <class>/*.jpg, or train/<class>/*.jpg and test/<class>/*.jpg", _READER, samples=_ENDINGS,
    ),
    CatalogueEntry(
        "manifest", "kernels", "any pictures of kernels that a table names, with masks where it does", "yours", "yours",
        "write a CSV or Parquet file with path and label, and optionally mask, subject, group and split", _READER,
    ),
)  # fmt: skip
