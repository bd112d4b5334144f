"""Faces with attributes and groups."""

from helpers.data.catalogue.entry import CatalogueEntry

_READER = "helpers.data.corpora.faces:face_corpus"
_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")

ENTRIES = (
    CatalogueEntry(
        "faces", "faces", "drawn faces with exact attributes, five skin tones, people with several pictures", "20 MB",
        "none: drawn by this package from the shapes of python-avatars (MIT)", "drawn when it is first asked for",
        _READER, simulated=True, carried_by="python_avatars",
    ),
    CatalogueEntry(
        "utkface", "faces", "23,708 cropped photographs of faces with age, gender and race", "110 MB",
        "for research that is not commercial (Zhang, Song & Qi 2017)",
        "ask for it at the authors' page, susanqq.github.io/UTKFace", _READER,
        looks_like=("[0-9]*_[01]_[0-4]_[0-9]*.jpg",), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "fairface", "faces", "97,698 photographs of faces with age, gender and race, race balanced", "550 MB",
        "CC BY 4.0 (Kärkkäinen & Joo 2021)",
        "get it at the authors' page, github.com/joojs/fairface", _READER,
        looks_like=("fairface_label_train.csv",), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "celeba", "faces", "202,599 photographs of 10,177 people with 40 attributes each", "1.4 GB",
        "for research that is not commercial (Liu, Luo, Wang & Tang 2015)",
        "ask for it at the authors' page, mmlab.ie.cuhk.edu.hk/projects/CelebA.html", _READER,
        looks_like=("list_attr_celeba.txt", "Anno/list_attr_celeba.txt"), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "folder", "faces", "any faces in folders of groups and labels", "yours", "yours",
        "lay them out as <group>/<label>/*.jpg", _READER, samples=_ENDINGS,
    ),
    CatalogueEntry(
        "manifest", "faces", "any faces that a table names", "yours", "yours",
        "write a CSV or Parquet file with path, label and group, and optionally subject and split", _READER,
    ),
)  # fmt: skip
