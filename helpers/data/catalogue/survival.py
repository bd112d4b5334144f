"""Tables of patients with the time to an event."""

from helpers.data.catalogue.entry import CatalogueEntry

_READER = "helpers.data.corpora.survival:read_survival"
_DEEPSURV = "take its HDF5 file from the repository of DeepSurv (Katzman et al. 2018), experiments/data"

ENTRIES = (
    CatalogueEntry(
        "flchain", "survival", "7,874 residents, 8 features; time to death", "0.3 MB", "GPL-2 (R package survival)",
        "comes with the package scikit-survival", _READER, carried_by="sksurv",
    ),
    CatalogueEntry(
        "support2", "survival", "9,105 severely ill patients, 30 features; time to death", "2 MB",
        "as published by the Vanderbilt Department of Biostatistics", "comes with the package SurvSet", _READER,
        carried_by="SurvSet",
    ),
    CatalogueEntry(
        "gbsg2", "survival", "686 patients with breast cancer, 8 features; time to recurrence or death", "0.1 MB",
        "GPL-2 (R package TH.data)", "comes with the package scikit-survival", _READER, carried_by="sksurv",
    ),
    CatalogueEntry(
        "whas500", "survival", "500 patients after a heart attack, 14 features; time to death", "0.1 MB",
        "as published with Hosmer, Lemeshow & May 2008", "comes with the package scikit-survival", _READER,
        carried_by="sksurv",
    ),
    CatalogueEntry(
        "metabric", "survival", "1,904 patients with breast cancer, 9 features; time to death", "0.2 MB",
        "MIT (DeepSurv's repository)", _DEEPSURV, _READER,
        looks_like=("metabric.h5", "metabric_IHC4_clinical_train_test.h5"),
    ),
    CatalogueEntry(
        "support", "survival", "8,873 severely ill patients, 14 features; time to death", "1 MB",
        "MIT (DeepSurv's repository)", _DEEPSURV, _READER, looks_like=("support.h5", "support_train_test.h5"),
    ),
    CatalogueEntry(
        "manifest", "survival", "any table with a time and an event", "yours", "yours",
        "write a CSV or Parquet file with a row a subject: time, event, features", _READER,
    ),
)  # fmt: skip
