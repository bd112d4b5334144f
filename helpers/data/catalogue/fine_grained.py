"""Images whose classes differ in details, some with marked parts."""

from helpers.data.catalogue.entry import CatalogueEntry

_READER = "helpers.data.corpora.fine_grained:fine_grained_corpus"
_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm")

ENTRIES = (
    CatalogueEntry(
        "butterflies", "fine-grained",
        "drawn butterflies of 12 species that differ in a few parts, with exact part masks", "30 MB",
        "none: drawn by this package", "drawn when it is first asked for", _READER, simulated=True,
        carried_by="helpers",
    ),
    CatalogueEntry(
        "cub200", "fine-grained", "11,788 photographs of 200 birds, with boxes and 15 part locations each", "1.2 GB",
        "for non-commercial research and education (Wah et al. 2011)",
        "fetch CUB_200_2011.tgz from its page, data.caltech.edu/records/65de6-vp158, and unpack it", _READER,
        looks_like=("images.txt", "CUB_200_2011/images.txt"), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "fgvc_aircraft", "fine-grained", "10,000 photographs of 100 variants of aircraft", "2.6 GB",
        "for non-commercial research (Maji et al. 2013)",
        "fetch fgvc-aircraft-2013b.tar.gz from the Visual Geometry Group's page, and unpack it", _READER,
        looks_like=("fgvc-aircraft-2013b/data/images_variant_test.txt", "data/images_variant_test.txt"),
        samples=_ENDINGS,
    ),
    CatalogueEntry(
        "stanford_cars", "fine-grained", "16,185 photographs of 196 models of cars", "1.9 GB",
        "for non-commercial research (Krause et al. 2013)",
        "the authors' page is gone; lay out a copy as torchvision's StanfordCars wants it", _READER,
        looks_like=("stanford_cars/devkit/cars_meta.mat", "devkit/cars_meta.mat"), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "flowers17", "fine-grained", "1,360 photographs of 17 flowers, 80 each", "60 MB",
        "none stated; for research (Nilsback & Zisserman 2006)",
        "fetch 17flowers.tgz (and datasplits.mat) from the Visual Geometry Group's page, and unpack it", _READER,
        looks_like=("jpg/image_0001.jpg",), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "flowers102", "fine-grained", "8,189 photographs of 102 flowers", "350 MB",
        "none stated; for research (Nilsback & Zisserman 2008)",
        "fetch 102flowers.tgz, imagelabels.mat and setid.mat from the Visual Geometry Group's page", _READER,
        looks_like=("flowers-102/imagelabels.mat", "imagelabels.mat"), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "oxford_pets", "fine-grained", "7,349 photographs of 37 breeds of cats and dogs", "800 MB",
        "CC BY-SA 4.0 (Parkhi et al. 2012)",
        "fetch images.tar.gz and annotations.tar.gz from the Visual Geometry Group's page, and unpack both", _READER,
        looks_like=("oxford-iiit-pet/annotations/trainval.txt", "annotations/trainval.txt"), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "folder", "fine-grained", "any images in class folders", "yours", "yours",
        "lay them out as <class>/*.jpg, or train/<class>/*.jpg and test/<class>/*.jpg", _READER, samples=_ENDINGS,
    ),
    CatalogueEntry(
        "manifest", "fine-grained", "any images that a table names", "yours", "yours",
        "write a CSV or Parquet file with path and label, and optionally subject, group and split", _READER,
    ),
)  # fmt: skip
