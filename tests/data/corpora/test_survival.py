"""Readers of survival tables, on miniature files in the exact layouts, and their errors in one line."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from helpers.data.corpora.survival import (
    DEEPSURV,
    LEVEL_LIMIT,
    SurvivalCorpus,
    deepsurv_file,
    read_survival,
    survival_folds,
)
from helpers.errors import StudyError


def write_deepsurv(path: Path, name: str, rows: int = 30, **changed: np.ndarray) -> Path:
    """A file as DeepSurv has it: groups train and test with x (float32), t (float32), e (int32)."""
    rng = np.random.default_rng(0)
    columns = DEEPSURV[name].columns
    with h5py.File(path, "w") as file:
        for group in ("train", "test"):
            x = rng.normal(size=(rows, len(columns))).astype("f4")
            for column, levels in DEEPSURV[name].levels.items():
                x[:, columns.index(column)] = rng.integers(0, min(len(levels), 3), rows)
                if len(levels) == 2:
                    x[:, columns.index(column)] %= 2
            values = {"x": x, "t": rng.exponential(10, rows).astype("f4"), "e": np.arange(rows, dtype="i4") % 2}
            for key, value in (values | changed).items():
                file[f"{group}/{key}"] = value
    return path


def write_manifest(path: Path, **changed: list) -> Path:
    rows = 40
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "days": rng.exponential(100, rows).round(1),
            "died": np.arange(rows) % 2,
            "age": rng.normal(60, 10, rows).round(),
            "stage": rng.choice(["I", "II", None], rows),
        }
    ).assign(**changed)
    table.to_csv(path, index=False)
    return path


def manifest(path: Path, **options: str) -> SurvivalCorpus:
    return read_survival("manifest", str(path), "days", "died", **options)


def test_flchain_has_its_known_counts_and_not_the_leak() -> None:
    corpus = read_survival("flchain")
    assert len(corpus) == 7874
    assert "chapter" not in corpus.features
    assert len(corpus.features) == 8
    assert corpus.table["creatinine"].isna().sum() == 1350
    assert corpus.table["event"].sum() == 2169


def test_support2_drops_what_leaks_and_reads_missing_levels_as_absent() -> None:
    corpus = read_survival("support2")
    assert len(corpus) == 9105
    assert not {"surv2m", "surv6m", "sfdm2", "dnr"} & set(corpus.features)
    assert "missing" not in {level for levels in corpus.categorical.values() for level in levels}
    assert corpus.table["income"].isna().sum() == 2982
    assert sum("leak" in notice for notice in corpus.notices) == 1


@pytest.mark.parametrize(("name", "rows"), [("gbsg2", 686), ("whas500", 500)])
def test_small_built_in_cohorts_load_whole(name: str, rows: int) -> None:
    corpus = read_survival(name)
    batch = corpus.load(np.arange(rows))
    assert isinstance(batch, dict)
    assert batch["features"].shape == (rows, len(corpus.features))
    assert 0 < batch["event"].float().mean() < 1


@pytest.mark.parametrize("name", DEEPSURV)
def test_deepsurv_files_pool_both_parts_and_code_nominal_columns(tmp_path: Path, name: str) -> None:
    write_deepsurv(tmp_path / f"{name}.h5", name)
    corpus = read_survival(name, str(tmp_path))
    assert len(corpus) == 60
    assert set(corpus.categorical) == set(DEEPSURV[name].levels)
    batch = corpus.load(np.array([3, 59]))
    assert isinstance(batch, dict)
    assert batch["features"].shape == (2, len(DEEPSURV[name].columns))
    with h5py.File(tmp_path / f"{name}.h5") as file:
        assert float(batch["time"][1]) == pytest.approx(float(file["test/t"][29]))
        first = corpus.numeric[0]
        column = DEEPSURV[name].columns.index(first)
        assert float(batch["features"][0, 0]) == pytest.approx(float(file["train/x"][3, column]), abs=1e-5)


def test_support_s_cancer_codes_are_names_and_not_a_scale(tmp_path: Path) -> None:
    write_deepsurv(tmp_path / "support.h5", "support")
    assert set(read_survival("support", str(tmp_path)).table["cancer"]) <= {"metastatic", "no", "yes"}


def test_a_file_cut_short_is_one_clear_line(tmp_path: Path) -> None:
    path = write_deepsurv(tmp_path / "metabric.h5", "metabric")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(StudyError, match="cannot be read as HDF5"):
        read_survival("metabric", str(tmp_path))


def test_a_file_without_the_groups_is_one_clear_line(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "metabric.h5", "w") as file:
        file["train/x"] = np.zeros((3, 9))
    with pytest.raises(StudyError, match="not DeepSurv's layout"):
        read_survival("metabric", str(tmp_path))


def test_a_file_of_another_corpus_is_refused(tmp_path: Path) -> None:
    write_deepsurv(tmp_path / "metabric.h5", "support")
    with pytest.raises(StudyError, match="shape"):
        read_survival("metabric", str(tmp_path))


def test_labels_of_strings_in_hdf5_are_refused(tmp_path: Path) -> None:
    write_deepsurv(tmp_path / "metabric.h5", "metabric", e=np.array([b"dead"] * 30))
    with pytest.raises(StudyError, match="metabric"):
        read_survival("metabric", str(tmp_path))


@pytest.mark.parametrize("root", ["", "nowhere"])
def test_missing_data_root_or_file_says_what_to_set(root: str) -> None:
    with pytest.raises(StudyError, match="data_root"):
        deepsurv_file("support", root)


def test_a_manifest_reads_numbers_categories_gaps_and_subjects(tmp_path: Path) -> None:
    path = write_manifest(tmp_path / "m.csv", patient=[i // 2 for i in range(40)])
    corpus = manifest(path, subject_column="patient")
    assert corpus.numeric == ("age",)
    assert corpus.categorical == {"stage": ("I", "II")}
    assert corpus.table["subject"].nunique() == 20
    assert corpus.table["stage"].isna().any()


def test_a_manifest_in_parquet_equals_the_csv(tmp_path: Path) -> None:
    path = write_manifest(tmp_path / "m.csv")
    pd.read_csv(path).to_parquet(tmp_path / "m.parquet")
    ours, theirs = manifest(path), manifest(tmp_path / "m.parquet")
    assert ours.fingerprint == theirs.fingerprint


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"died": ["yes", "no"] * 20}, "died holds text such as 'yes'"),
        ({"days": ["long"] * 40}, "days holds text"),
        ({"days": [1.0] * 39 + [-2.0]}, "row 40 is -2"),
        ({"days": [1.0] * 39 + [np.nan]}, "row 40 is nan"),
        ({"died": [1] * 40}, "every row is seen"),
        ({"died": [0] * 40}, "every row is censored"),
        ({"died": [0, 2] * 20}, "event of row 2 is 2"),
        ({"name": [f"p{i}" for i in range(40)]}, None),
    ],
)
def test_a_manifest_s_faults_are_one_clear_line(tmp_path: Path, changed: dict, words: str | None) -> None:
    path = write_manifest(tmp_path / "m.csv", **changed)
    if words is None:
        assert len(manifest(path).categorical["name"]) == 40
        return
    with pytest.raises(StudyError, match=words) as caught:
        manifest(path)
    assert "\n" not in str(caught.value)


def test_an_identifier_is_no_category(tmp_path: Path) -> None:
    rows = LEVEL_LIMIT + 10
    table = pd.DataFrame({"days": 1.0, "died": np.arange(rows) % 2, "name": [f"p{i}" for i in range(rows)]})
    table.to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(StudyError, match="different values"):
        manifest(tmp_path / "m.csv")


def test_an_unknown_column_names_the_columns_there_are(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv")
    with pytest.raises(StudyError, match="no column months; its columns are days, died"):
        read_survival("manifest", str(tmp_path / "m.csv"), "months", "died")


def test_an_unknown_corpus_names_those_there_are() -> None:
    with pytest.raises(StudyError, match="allowed: flchain"):
        read_survival("titanic")


def test_folds_cover_all_rows_once_and_are_stratified_by_event() -> None:
    corpus = read_survival("whas500")
    folds = survival_folds(corpus, 5, seed=0)
    event = corpus.table["event"].to_numpy()
    np.testing.assert_array_equal(np.sort(np.concatenate([f.test for f in folds])), np.arange(500))
    for fold in folds:
        np.testing.assert_array_equal(np.sort(np.r_[fold.train, fold.validation, fold.test]), np.arange(500))
        assert [len(fold.train), len(fold.validation), len(fold.test)] == [300, 100, 100]
        for part in (fold.train, fold.validation, fold.test):
            assert abs(event[part].mean() - event.mean()) < 0.02


def test_a_subject_s_rows_stay_in_one_part(tmp_path: Path) -> None:
    path = write_manifest(tmp_path / "m.csv", patient=[i // 2 for i in range(40)])
    corpus = manifest(path, subject_column="patient")
    subject = corpus.table["subject"].to_numpy()
    for fold in survival_folds(corpus, 4, seed=0):
        parts = [set(subject[rows]) for rows in (fold.train, fold.validation, fold.test)]
        assert sum(len(part) for part in parts) == len(set.union(*parts))


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_a_fold_without_events_is_one_clear_line(tmp_path: Path) -> None:
    path = write_manifest(tmp_path / "m.csv", died=[1, 1] + [0] * 38)
    with pytest.raises(StudyError, match="has no event"):
        survival_folds(manifest(path), 5, seed=0)


def test_a_row_limit_draws_the_same_subset_always() -> None:
    first, again = (read_survival("whas500", row_limit=100) for _ in range(2))
    assert len(first) == 100
    pd.testing.assert_frame_equal(first.table, again.table)


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "rows", "events"), [("metabric", 1904, 0.579), ("support", 8873, 0.680)])
def test_deepsurv_s_own_files_read_whole(shared_data: Path, name: str, rows: int, events: float) -> None:
    corpus = read_survival(name, str(shared_data / "survival"))
    assert len(corpus) == rows
    assert corpus.table["event"].mean() == pytest.approx(events, abs=0.001)
    assert not corpus.table[list(corpus.features)].isna().any(axis=None)


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_a_fold_of_one_time_is_one_clear_line(tmp_path: Path) -> None:
    path = write_manifest(tmp_path / "m.csv", days=[3.0] * 40)
    with pytest.raises(StudyError, match="no two different times"):
        survival_folds(manifest(path), 5, seed=0)
