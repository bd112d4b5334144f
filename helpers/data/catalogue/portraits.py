"""Faces of which nothing else is known."""

from helpers.data.catalogue.entry import CatalogueEntry

ENTRIES = (
    CatalogueEntry(
        "ffhq", "faces", "70,000 photographs of faces from Flickr, no labels; or any folder of faces",
        "2 GB at 128 pixels, 90 GB at 1,024", "CC BY-NC-SA 4.0 as a set, each picture its own (Karras et al. 2019)",
        "get thumbnails128x128 or images1024x1024 at the authors' page, github.com/NVlabs/ffhq-dataset",
        "helpers.data.corpora.portraits:named_portraits",
        looks_like=("00000/00000.png", "thumbnails128x128/00000/00000.png", "images1024x1024/00000/00000.png"),
        samples=(".png", ".jpg", ".jpeg", ".webp"),
    ),
)  # fmt: skip
