"""Recordings of body-worn motion sensors with activity labels."""

from helpers.data.catalogue.entry import CatalogueEntry

_READER = "helpers.data.corpora.wearables:recorded_windows"

ENTRIES = (
    CatalogueEntry(
        "smartwatch", "wearables", "10 subjects, 7 shoulder exercises on both sides, 6 channels, 50 Hz", "7 MB",
        "BSD 3-Clause, with seglearn", "comes with the package seglearn", _READER, carried_by="seglearn",
    ),
    CatalogueEntry(
        "uci_har", "wearables", "30 subjects, 6 activities, phone at the waist, 50 Hz", "61 MB, 270 MB unpacked",
        "CC BY 4.0", "UCI Machine Learning Repository, data set 240", _READER,
        looks_like=("UCI HAR Dataset/activity_labels.txt", "activity_labels.txt"),
    ),
    CatalogueEntry(
        "pamap2", "wearables", "9 subjects, 18 activities, 3 sensors, 100 Hz", "0.7 GB, 1.7 GB unpacked", "CC BY 4.0",
        "UCI Machine Learning Repository, data set 231", _READER,
        looks_like=("subject101.dat", "Protocol/subject101.dat"),
    ),
    CatalogueEntry(
        "wisdm", "wearables", "36 subjects, 6 activities, phone in a pocket, 20 Hz", "11 MB, 50 MB unpacked",
        "as the WISDM laboratory says", "WISDM laboratory, Fordham University: activity prediction, v1.1", _READER,
        looks_like=("WISDM_ar_v1.1_raw.txt", "WISDM_ar_v1.1/WISDM_ar_v1.1_raw.txt"),
    ),
    CatalogueEntry(
        "mhealth", "wearables", "10 subjects, 12 activities, 3 sensors, 50 Hz", "73 MB, 300 MB unpacked", "CC BY 4.0",
        "UCI Machine Learning Repository, data set 319", _READER, looks_like=("mHealth_subject1.log",),
    ),
    CatalogueEntry(
        "hmp", "wearables", "16 volunteers, 14 activities, wrist, 32 Hz", "2 MB, 25 MB unpacked",
        "as its authors say", "UCI Machine Learning Repository, data set 283", _READER,
        looks_like=("Accelerometer-*.txt", "*/Accelerometer-*.txt"),
    ),
    CatalogueEntry(
        "manifest", "wearables", "any recordings that a table names", "yours", "yours",
        "write a CSV or Parquet file with sample_id, subject, activity, path and rate, a row a recording", _READER,
    ),
)  # fmt: skip
