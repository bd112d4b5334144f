"""Video clips with action labels."""

from helpers.data.catalogue.entry import CatalogueEntry

_READER = "helpers.data.corpora.video:action_clips"
_ENDINGS = (".avi", ".mp4", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".m4v")

ENTRIES = (
    CatalogueEntry(
        "drawn_studio", "video", "drawn people, six KTH-like actions, plain studio, side view", "drawn when asked for",
        "none: drawn by this package", "nothing to get", _READER, simulated=True, carried_by="helpers",
    ),
    CatalogueEntry(
        "drawn_street", "video", "the same actions before patterned walls, swaying camera", "drawn when asked for",
        "none: drawn by this package", "nothing to get", _READER, simulated=True, carried_by="helpers",
    ),
    CatalogueEntry(
        "kth", "video", "25 persons, 6 actions, 4 scenarios, 600 clips", "1.1 GB",
        "none stated; for research (Schuldt, Laptev & Caputo 2004)",
        "the corpus's page at KTH (recognition of human actions), with 00sequences.txt beside the videos", _READER,
        looks_like=("person01_*_d1_uncomp.avi", "*/person01_*_d1_uncomp.avi"), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "ucf101", "video", "13,320 clips, 101 actions, 25 groups a class", "6.9 GB",
        "none stated; for research (Soomro, Zamir & Shah 2012)",
        "the corpus's page at the University of Central Florida, with its train/test lists", _READER,
        looks_like=("*/v_*_g01_c01.avi",), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "hmdb51", "video", "6,766 clips of films, 51 actions", "2.0 GB", "CC BY 4.0 (Kuehne et al. 2011)",
        "the corpus's page at the Serre laboratory, with its split lists", _READER,
        looks_like=("*_test_split1.txt", "*/*_test_split1.txt"), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "folder", "video", "any videos in class folders", "yours", "yours",
        "lay them out as <class>/*.mp4, or train/<class>/*.mp4 and test/<class>/*.mp4", _READER, samples=_ENDINGS,
    ),
    CatalogueEntry(
        "manifest", "video", "any videos that a table names", "yours", "yours",
        "write a CSV or Parquet file with path and label, and optionally subject and split", _READER,
    ),
)  # fmt: skip
