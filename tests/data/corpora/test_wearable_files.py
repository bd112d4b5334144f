"""Readers of wearable corpora, on miniature trees written in exactly each corpus's layout."""

from pathlib import Path

import numpy as np
import pytest

from helpers.data.corpora import wearable_files
from helpers.data.corpora.wearables import Recordings, read_recordings, windowed
from helpers.errors import StudyError

RNG = np.random.default_rng(0)


def number_lines(table: np.ndarray, separator: str = " ", fmt: str = "%.6f") -> list[str]:
    return [separator.join("NaN" if np.isnan(v) else fmt % v for v in row) for row in table]


def of(recordings: Recordings, subject: str, activity: str) -> list[np.ndarray]:
    return [r.signal for r in recordings.recordings if (r.subject, r.activity) == (subject, activity)]


# --- UCI-HAR -------------------------------------------------------------------------------------------------------


def write_uci_har(root: Path) -> np.ndarray:
    """Two subjects in train, one in test; the first recording is a known signal cut into overlapping windows."""
    base = root / "UCI HAR Dataset"
    signal = RNG.normal(size=(64 * 5, 6))
    windows = np.stack([signal[i * 64 : i * 64 + 128] for i in range(4)])
    other = RNG.normal(size=(2, 128, 6))
    parts = {"train": (np.concatenate([windows, other]), [5, 5, 5, 5, 4, 1], [1, 1, 1, 1, 1, 3]),
             "test": (RNG.normal(size=(1, 128, 6)), [6], [2])}  # fmt: skip
    base.mkdir()
    names = ["WALKING", "WALKING_UPSTAIRS", "WALKING_DOWNSTAIRS", "SITTING", "STANDING", "LAYING"]
    (base / "activity_labels.txt").write_text("".join(f"{i} {n}\n" for i, n in enumerate(names, 1)))
    for part, (data, labels, subjects) in parts.items():
        folder = base / part / "Inertial Signals"
        folder.mkdir(parents=True)
        for k, channel in enumerate(f"{kind}_{axis}" for kind in ("total_acc", "body_gyro") for axis in "xyz"):
            lines = ("  ".join(f"{v: .7e}" for v in row) for row in data[:, :, k])
            (folder / f"{channel}_{part}.txt").write_text("".join(f"  {line}\n" for line in lines))
        (base / part / f"y_{part}.txt").write_text("".join(f"{v}\n" for v in labels))
        (base / part / f"subject_{part}.txt").write_text("".join(f"{v}\n" for v in subjects))
    return signal


def test_uci_har_windows_that_overlap_become_the_recording_they_were_cut_from(tmp_path: Path) -> None:
    signal = write_uci_har(tmp_path)
    found = wearable_files.uci_har(tmp_path)
    (standing,) = of(found, "s01", "standing")
    np.testing.assert_allclose(standing, signal, atol=1e-5)
    assert [len(s) for s in of(found, "s01", "sitting")] == [128]
    assert {r.subject for r in found.recordings} == {"s01", "s02", "s03"}
    assert found.rate == 50.0


def test_uci_har_leaves_out_a_label_nobody_knows_and_says_so(tmp_path: Path) -> None:
    write_uci_har(tmp_path)
    file = tmp_path / "UCI HAR Dataset" / "test" / "y_test.txt"
    file.write_text("9\n")
    found = wearable_files.uci_har(tmp_path)
    assert "s02" not in {r.subject for r in found.recordings}
    assert any("activity_labels.txt does not name: 1" in notice for notice in found.notices)


def test_uci_har_cut_short_is_one_clear_line(tmp_path: Path) -> None:
    write_uci_har(tmp_path)
    file = next(tmp_path.rglob("body_gyro_z_train.txt"))
    text = file.read_text()
    file.write_text(text[: len(text) - 200])
    with pytest.raises(StudyError, match=r"body_gyro_z_train.txt: line 6 has .* not 128"):
        wearable_files.uci_har(tmp_path)
    file.write_text("\n".join(text.splitlines()[:-1]))
    with pytest.raises(StudyError, match="must have as many"):
        wearable_files.uci_har(tmp_path)
    file.unlink()
    with pytest.raises(StudyError, match=r"there is no Inertial Signals/body_gyro_z_train.txt"):
        wearable_files.uci_har(tmp_path)


# --- PAMAP2 --------------------------------------------------------------------------------------------------------


def pamap2_table(activities: list[int], seconds: int = 3) -> np.ndarray:
    table = RNG.normal(size=(len(activities) * 100 * seconds, 54))
    table[:, 0] = np.arange(len(table)) * 0.01 + 8.38
    table[:, 1] = np.repeat(activities, 100 * seconds)
    table[:, 2] = np.where(np.arange(len(table)) % 10 == 0, 100, np.nan)  # heart rate is at 9 Hz, NaN between
    return table


def test_pamap2_takes_the_wide_accelerometer_and_the_gyroscope_of_each_place(tmp_path: Path) -> None:
    table = pamap2_table([0, 4, 0, 24])
    (tmp_path / "Protocol").mkdir()
    (tmp_path / "Protocol" / "subject101.dat").write_text("\n".join(number_lines(table)) + "\n")
    found = wearable_files.pamap2(tmp_path)
    (walking,) = of(found, "subject101", "walking")
    np.testing.assert_allclose(walking[:, :3], table[300:600, 4:7], atol=1e-5)  # hand, ±16 g
    np.testing.assert_allclose(walking[:, 3:6], table[300:600, 10:13], atol=1e-5)  # hand, gyroscope
    np.testing.assert_allclose(walking[:, 6:9], table[300:600, 21:24], atol=1e-5)  # chest
    np.testing.assert_allclose(walking[:, 15:18], table[300:600, 44:47], atol=1e-5)  # ankle, gyroscope
    assert {r.activity for r in found.recordings} == {"walking", "rope_jumping"}


def test_pamap2_fills_short_radio_gaps_and_cuts_at_long_ones(tmp_path: Path) -> None:
    table = pamap2_table([4], 6)
    table[100:105, 3:] = np.nan  # 50 ms: filled
    table[300:400, 4] = np.nan  # 1 s: cut
    (tmp_path / "subject102.dat").write_text("\n".join(number_lines(table)))
    pieces = of(wearable_files.pamap2(tmp_path), "subject102", "walking")
    assert [len(piece) for piece in pieces] == [300, 200]
    assert all(np.isfinite(piece).all() for piece in pieces)
    expected = table[99, 4] + (table[105, 4] - table[99, 4]) * 3 / 6
    assert pieces[0][102, 0] == pytest.approx(expected, abs=1e-5)


def test_pamap2_leaves_out_a_line_cut_short_and_an_unknown_activity_and_says_so(tmp_path: Path) -> None:
    lines = number_lines(pamap2_table([4, 8]))
    (tmp_path / "subject101.dat").write_text("\n".join(lines)[:-100])
    found = wearable_files.pamap2(tmp_path)
    assert {r.activity for r in found.recordings} == {"walking"}
    assert any("subject101.dat: line without 54 columns: 1 left out" in notice for notice in found.notices)
    assert any("activity number nobody knows: 299" in notice for notice in found.notices)


def test_pamap2_with_columns_missing_or_no_files_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"holds none of PAMAP2's subject101.dat"):
        wearable_files.pamap2(tmp_path)
    (tmp_path / "subject101.dat").write_text("\n".join(number_lines(pamap2_table([4])[:, :50])))
    with pytest.raises(StudyError, match=r"subject101.dat: expected lines of 54 columns, but its lines have 50"):
        wearable_files.pamap2(tmp_path)
    (tmp_path / "subject101.dat").write_text("")
    with pytest.raises(StudyError, match="it is empty"):
        wearable_files.pamap2(tmp_path)


# --- MHEALTH -------------------------------------------------------------------------------------------------------


def test_mhealth_reads_tabs_and_leaves_the_null_class_out(tmp_path: Path) -> None:
    table = RNG.normal(size=(300, 24))
    table[:, 23] = np.repeat([0, 4, 12], 100)
    lines = number_lines(table, "\t", "%.5g")
    (tmp_path / "mHealth_subject1.log").write_text("\n".join([*lines, "1.0\t2.0"]))
    found = wearable_files.mhealth(tmp_path)
    (walking,) = of(found, "subject1", "walking")
    np.testing.assert_allclose(walking[:, :6], table[100:200, 5:11], rtol=1e-3)  # ankle
    np.testing.assert_allclose(walking[:, 12:], table[100:200, :3], rtol=1e-3)  # chest
    assert {r.activity for r in found.recordings} == {"walking", "jump"}
    assert any("line without 24 columns: 1" in notice for notice in found.notices)


# --- WISDM ---------------------------------------------------------------------------------------------------------


def test_wisdm_reads_its_known_oddities(tmp_path: Path) -> None:
    stamp = 49105962326000
    good = [f"33,Jogging,{stamp + i * 50_000_000},{i}.0,{-i}.5,0.25;" for i in range(40)]
    text = "\n".join(good[:10]) + "\n\n" + good[10] + good[11] + "\n" + good[12][:-1] + ",;\n" + "\n".join(good[13:])
    text += f"\n33,Jogging,{stamp},1.0,2.0;\n17,Walking,{stamp},-1,2,3;\n17,Walking,{stamp + 50_000_000},-1,2,\n"
    (tmp_path / "WISDM_ar_v1.1_raw.txt").write_text(text)
    found = wearable_files.wisdm(tmp_path)
    (jogging,) = of(found, "s33", "jogging")
    np.testing.assert_allclose(jogging, [[i, -i - 0.5 if i else 0.5, 0.25] for i in range(40)], atol=1e-6)
    assert len(of(found, "s17", "walking")) == 1
    assert any("not user,activity,timestamp,x,y,z: 2 left out" in notice for notice in found.notices)


def test_wisdm_is_cut_where_time_jumps(tmp_path: Path) -> None:
    lines = [f"5,Sitting,{(1 + i) * 50_000_000 + (i >= 30) * 10**10},0,0,{i};" for i in range(50)]
    (tmp_path / "WISDM_ar_v1.1_raw.txt").write_text("\n".join(lines))
    assert [len(s) for s in of(wearable_files.wisdm(tmp_path), "s05", "sitting")] == [30, 20]


def test_wisdm_without_one_readable_entry_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "WISDM_ar_v1.1_raw.txt").write_text("nothing, of use\n")
    with pytest.raises(StudyError, match="WISDM: no recording could be read"):
        wearable_files.wisdm(tmp_path)


# --- HMP -----------------------------------------------------------------------------------------------------------


def test_hmp_codes_become_gravities_and_models_are_passed_over(tmp_path: Path) -> None:
    name = "Accelerometer-2011-04-11-13-28-18-brush_teeth-f1.txt"
    for folder in ("Brush_teeth", "Brush_teeth_MODEL"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("0 63 21\n" * 64)
    (tmp_path / "Brush_teeth" / "Accelerometer-whenever-f1.txt").write_text("1 2 3\n")
    found = wearable_files.hmp(tmp_path)
    (signal,) = of(found, "f1", "brush_teeth")
    np.testing.assert_allclose(signal, np.tile([-1.5, 1.5, -0.5], (64, 1)), atol=1e-6)
    assert found.rate == 32.0
    assert any("name is not Accelerometer-DATE-ACTIVITY-VOLUNTEER.txt: 1" in notice for notice in found.notices)


def test_hmp_lines_out_of_range_cut_short_or_with_words_are_left_out_and_said(tmp_path: Path) -> None:
    (tmp_path / "Walk").mkdir()
    lines = ["22 33 44"] * 40 + ["22 33 99"] + ["22 33 44"] * 40 + ["22 xx 44"] + ["22 33 44"] * 20 + ["22 3"]
    (tmp_path / "Walk" / "Accelerometer-2012-05-30-21-55-04-walk-m2.txt").write_text("\n".join(lines))
    found = wearable_files.hmp(tmp_path)
    assert [len(s) for s in of(found, "m2", "walk")] == [102]  # single odd samples are interpolated
    for words in ("outside 0..63: 2", "line without 3 columns: 1", "a word in place of a number: 1"):
        assert any(words in notice for notice in found.notices), words


# --- all -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("corpus", ["uci_har", "pamap2", "wisdm", "mhealth", "hmp"])
def test_an_empty_or_absent_folder_is_one_clear_line(corpus: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="data_root"):
        read_recordings(corpus, str(tmp_path))
    with pytest.raises(StudyError, match="is not a folder"):
        read_recordings(corpus, str(tmp_path / "nowhere"))
    with pytest.raises(StudyError, match="needs data_root"):
        read_recordings(corpus, "")


def test_read_corpora_cut_into_windows(tmp_path: Path) -> None:
    for volunteer in ("f1", "m1", "m2"):
        codes = RNG.integers(0, 64, size=(200, 3))
        file = tmp_path / "Walk" / f"Accelerometer-2011-05-30-21-55-04-walk-{volunteer}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(" ".join(map(str, row)) for row in codes))
    corpus = windowed(read_recordings("hmp", str(tmp_path)), 2.0, 0.5)
    assert len(corpus) == 3 * 5
    assert corpus.load(np.arange(15)).shape == (15, 64, 3)
