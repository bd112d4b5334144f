"""Windows of wearable recordings: the built-in set, gaps, manifests."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.data.corpora.wearables import (
    Recording,
    Recordings,
    from_manifest,
    read_recordings,
    smartwatch,
    windowed,
    without_gaps,
)
from helpers.errors import StudyError


def test_the_built_in_recordings_are_ten_subjects_seven_exercises_two_sides() -> None:
    found = smartwatch()
    assert len(found.recordings) == 140
    per = pd.DataFrame([(r.subject, r.activity, r.group) for r in found.recordings], columns=list("sag"))
    assert not per.duplicated().any()
    assert (per.nunique() == [10, 7, 2]).all()
    assert found.rate == 50.0
    assert found.channels == ("ax", "ay", "az", "wx", "wy", "wz")
    assert all(np.isfinite(r.signal).all() and r.signal.shape[1] == 6 for r in found.recordings)


def small(length: int = 250, subjects: int = 3, activities: int = 2) -> Recordings:
    rng = np.random.default_rng(0)
    made = [
        Recording(f"{s}{a}", f"s{s}", f"a{a}", "", rng.normal(size=(length, 3)).astype(np.float32))
        for s in range(subjects)
        for a in range(activities)
    ]
    return Recordings("small", 50.0, ("x", "y", "z"), made, "none", "test")


def test_windows_are_the_recordings_own_samples_and_never_cross_recordings() -> None:
    recordings = small()
    corpus = windowed(recordings, 2.0, 0.5)
    assert len(corpus) == 6 * 4  # 250 samples, windows of 100, steps of 50
    loaded = corpus.load(np.arange(len(corpus))).numpy()
    by_name = {r.name: r for r in recordings.recordings}
    for row, window in zip(corpus.table.itertuples(), loaded):
        recording = by_name[row.recording]
        start = round(row.start * 50)
        np.testing.assert_array_equal(window, recording.signal[start : start + 100])
        assert (row.subject, row.activity) == (recording.subject, recording.activity)
    assert corpus.table.groupby("recording")["subject"].nunique().max() == 1


def test_an_activity_of_too_few_subjects_and_a_short_recording_are_left_out_and_said() -> None:
    recordings = small()
    recordings.recordings.append(Recording("x", "s0", "rare", "", np.zeros((500, 3), np.float32)))
    recordings.recordings.append(Recording("y", "s0", "a0", "", np.zeros((30, 3), np.float32)))
    corpus = windowed(recordings, 2.0, 0.5)
    assert set(corpus.table["activity"]) == {"a0", "a1"}
    assert any("rare" in notice for notice in corpus.notices)
    assert any("1 recordings shorter" in notice for notice in corpus.notices)


def test_the_fingerprint_follows_the_content() -> None:
    one, same, other = small(), small(), small()
    other.recordings[0].signal[0, 0] += 5
    assert windowed(one, 2.0, 0.5).fingerprint == windowed(same, 2.0, 0.5).fingerprint
    assert windowed(one, 2.0, 0.5).fingerprint != windowed(other, 2.0, 0.5).fingerprint


@pytest.mark.parametrize(("seconds", "overlap"), [(0.01, 0.5), (2.0, 1.0), (2.0, -0.1)])
def test_impossible_windows_are_refused(seconds: float, overlap: float) -> None:
    with pytest.raises(StudyError, match="cannot be cut"):
        windowed(small(), seconds, overlap)


def test_windows_longer_than_all_recordings_are_refused() -> None:
    with pytest.raises(StudyError, match="shorter windows"):
        windowed(small(), 20.0, 0.5)


def test_gaps_at_the_ends_are_cut_off_and_short_ones_inside_are_straight_lines() -> None:
    signal = np.arange(100.0)[:, None].repeat(2, axis=1)
    broken = signal.copy()
    broken[:5] = np.nan
    broken[40:50, 1] = np.inf
    (piece,) = without_gaps(broken, 50.0)
    np.testing.assert_allclose(piece, signal[5:], atol=1e-4)
    assert without_gaps(np.full((10, 2), np.nan), 50.0) == []


def write_manifest(folder: Path, **changes: object) -> Path:
    rng = np.random.default_rng(1)
    rows = []
    for s in range(3):
        for a in ("walk", "sit"):
            frame = pd.DataFrame(rng.normal(size=(120, 3)), columns=["x", "y", "z"])
            frame.to_csv(folder / f"{s}{a}.csv", index=False)
            rows.append({"sample_id": f"{s}{a}", "subject": f"p{s}", "activity": a, "path": f"{s}{a}.csv", "rate": 25})
    table = pd.DataFrame(rows).assign(**changes)
    table.to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"


def test_a_manifest_reads_a_csv_a_recording(tmp_path: Path) -> None:
    corpus = windowed(read_recordings("manifest", str(write_manifest(tmp_path))), 2.0, 0.0)
    assert len(corpus) == 6 * 2
    assert set(corpus.table["subject"]) == {"p0", "p1", "p2"}
    first = pd.read_csv(tmp_path / "0walk.csv").to_numpy()[:50]
    row = corpus.table.index[corpus.table["recording"] == "0walk_0"][0]
    np.testing.assert_allclose(corpus.load(np.array([row]))[0].numpy(), first, atol=1e-5)


def test_a_bad_manifest_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="rate must be one number"):
        from_manifest(write_manifest(tmp_path, rate=[25, 25, 25, 25, 25, 50]))
    with pytest.raises(StudyError, match=r"6 of 6 recordings are not there, the first nowhere\.csv"):
        from_manifest(write_manifest(tmp_path, path="nowhere.csv"))
    path = write_manifest(tmp_path)
    (tmp_path / "1sit.csv").write_text("x,y\n1,2\n")
    with pytest.raises(StudyError, match=r"1sit.csv has columns x, y; the first has x, y, z"):
        from_manifest(path)
    (tmp_path / "1sit.csv").write_text("x,y,z\n1,2,a\n2,3,b\n")
    with pytest.raises(StudyError, match="the column z has no numbers"):
        from_manifest(path)
    pd.read_csv(path).drop(columns="rate").to_csv(path, index=False)
    with pytest.raises(StudyError, match="no column rate"):
        from_manifest(path)


def test_an_unknown_corpus_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(StudyError, match="there are smartwatch, uci_har"):
        read_recordings("opportunity", "")
