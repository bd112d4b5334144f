"""Volumes of medical images, with masks of what is in them."""

from helpers.data.catalogue.entry import CatalogueEntry

_READER = "helpers.data.corpora.volumes:volume_corpus"
_ENDINGS = (".gz", ".nii", ".mhd")

ENTRIES = (
    CatalogueEntry(
        "brains", "volumes", "80 simulated subjects on the MNI152 brain, grey and white matter exactly marked", "7 MB",
        "ICBM152 2009a as carried by nilearn (BSD 3-Clause; the template under its own terms)",
        "drawn when they are first asked for, from the template that nilearn carries", _READER, simulated=True,
        carried_by="helpers",
    ),
    CatalogueEntry(
        "decathlon", "volumes", "one task of the Medical Segmentation Decathlon: volumes and labels by dataset.json",
        "30 MB (hippocampus) to 7 GB", "CC BY-SA 4.0",
        "get a task from medicaldecathlon.com and unpack it; data_root is the folder that holds dataset.json", _READER,
        looks_like=("imagesTr/*.nii.gz",), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "brats", "volumes", "brain tumours in four pulse sequences, necrotic core, oedema and enhancing tumour marked",
        "about 12 GB (2021)", "as distributed by the challenge",
        "register with the challenge; data_root is the folder of the cases: CASE/CASE_flair.nii.gz, CASE_seg.nii.gz",
        _READER, looks_like=("*/*_flair.nii*", "*/*-t2f.nii*"), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "mmwhs", "volumes", "20 CT and 20 MR volumes of the heart with seven structures marked, 80 more without marks",
        "about 3 GB", "as distributed by the challenge",
        "register with MM-WHS 2017; data_root is the folder that holds ct_train and mr_train", _READER,
        looks_like=("*_train/*_image.nii*",), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "luna16", "volumes", "888 chest CT volumes with the lungs' masks", "about 120 GB", "CC BY 4.0",
        "get it from the LUNA16 challenge; data_root is the folder that holds subset0 … subset9 and seg-lungs-LUNA16",
        _READER, looks_like=("subset0/*.mhd",), samples=_ENDINGS,
    ),
    CatalogueEntry(
        "folder", "volumes", "any NIfTI volumes, with label files of the same names where there are any", "yours",
        "yours", "lay them out as images/NAME.nii.gz and labels/NAME.nii.gz", _READER, samples=_ENDINGS,
    ),
    CatalogueEntry(
        "manifest", "volumes", "any volumes that a table names, with label files where it does", "yours", "yours",
        "write a CSV or Parquet file with path, and optionally mask, subject, group and split", _READER,
    ),
)  # fmt: skip
