"""OpenFace's files are read whatever their blanks and order, and only what the face itself does counts as motion."""

from pathlib import Path

import numpy as np
import pytest

from helpers.data.face_tracks import (
    INTENSITIES,
    PRESENCES,
    FaceTrack,
    aligned,
    columns,
    facial_activation,
    inter_ocular,
    motion,
    read_openface,
    write_openface,
)
from helpers.data.simulated.talking_faces import face_points
from helpers.errors import StudyError


def track(landmarks: np.ndarray, found: np.ndarray | None = None) -> FaceTrack:
    frames = len(landmarks)
    found = np.ones(frames, dtype=bool) if found is None else found
    rng = np.random.default_rng(0)
    return FaceTrack(
        np.arange(frames) / 30, np.where(found, 0.95, 0.1).astype(np.float32), found, landmarks.astype(np.float32),
        rng.uniform(0, 5, (frames, len(INTENSITIES))).astype(np.float32), rng.random((frames, len(PRESENCES))) < 0.5,
    )  # fmt: skip


def rigid(frames: int = 40, seed: int = 0) -> np.ndarray:
    """A face that turns, moves and comes nearer, and does nothing else; pixels."""
    rng = np.random.default_rng(seed)
    angle, near = rng.uniform(-0.6, 0.6, frames), rng.uniform(50, 150, frames)
    rotation = np.stack([np.stack([np.cos(angle), np.sin(angle)], 1), np.stack([-np.sin(angle), np.cos(angle)], 1)], 1)
    return face_points() @ rotation * near[:, None, None] + rng.uniform(100, 500, (frames, 1, 2))


def with_a_nod_of_the_mouth(size: float, frames: int = 40) -> np.ndarray:
    face = np.repeat(face_points()[None], frames, axis=0)
    face[:, 48:68, 1] += size * np.sin(np.arange(frames))[:, None]
    return 90 * face


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    found = np.arange(40) % 7 != 3
    made = track(rigid(), found)
    write_openface(made, tmp_path / "a.csv")
    read = read_openface(tmp_path / "a.csv")
    assert np.array_equal(read.found, found)
    assert np.allclose(read.landmarks, made.landmarks, atol=0.051)
    assert np.allclose(read.intensity, made.intensity, atol=0.0051)
    assert np.array_equal(read.presence, made.presence)
    assert np.allclose(read.seconds, made.seconds, atol=6e-4)
    assert read.between(0.5, 1.0).seconds.tolist() == pytest.approx((np.arange(15, 30) / 30).tolist(), abs=1e-3)


def openface_text(rows: list[dict[str, float]], extra: tuple[str, ...] = ()) -> str:
    names = [*columns(), *extra]
    lines = [", ".join(names)]
    lines += [", ".join(f"{row.get(name, 0.0)}" for name in names) for row in rows]
    return "\n".join(lines) + "\n"


def test_blanks_after_commas_and_other_columns_are_no_hindrance_and_a_line_cut_short_is_named(tmp_path: Path) -> None:
    row = {"timestamp": 0.1, "confidence": 0.9, "success": 1, "x_0": 3.5, "y_67": 7.25, "AU12_r": 2.5, "AU28_c": 1}
    text = openface_text([row, row], extra=("gaze_0_x", "pose_Tx"))
    (tmp_path / "a.csv").write_text(text + text.splitlines()[1][:40])
    with pytest.raises(StudyError, match=r"a\.csv: line 4 has 9 of 1\d\d values, as where OpenFace was stopped"):
        read_openface(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text(text)
    read = read_openface(tmp_path / "a.csv")
    assert len(read) == 2
    assert read.landmarks[0, 0, 0] == 3.5
    assert read.landmarks[0, 67, 1] == 7.25
    assert read.intensity[0, INTENSITIES.index(12)] == 2.5
    assert read.presence[0].sum() == 1
    assert read.presence[0, PRESENCES.index(28)]


def test_of_several_faces_the_one_found_most_often_counts(tmp_path: Path) -> None:
    rows = [{"timestamp": t / 30, "confidence": 0.9, "success": float(face == 1 or t < 2), "face_id": face, "x_0": face}
            for t in range(6) for face in (0, 1)]  # fmt: skip
    (tmp_path / "a.csv").write_text(openface_text(rows, extra=("face_id",)))
    read = read_openface(tmp_path / "a.csv")
    assert len(read) == 6
    assert read.found.all()
    assert set(read.landmarks[:, 0, 0].tolist()) == {1.0}


def test_low_confidence_counts_as_not_found(tmp_path: Path) -> None:
    rows = [{"confidence": c, "success": 1} for c in (0.2, 0.9)]
    (tmp_path / "a.csv").write_text(openface_text(rows))
    assert read_openface(tmp_path / "a.csv").found.tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "has no column frame and lacks"), ("frame,timestamp\n1,0\n", "has no column confidence"),
     (openface_text([{}, {}]).replace("0.0", "?", 1), "line 2, column frame: '?' is no number"),
     (openface_text([{}]) + "1,2\n" + openface_text([{}]).splitlines()[1] + "\n", "line 3 has 2 of")],
)  # fmt: skip
def test_a_file_that_is_no_track_is_refused_by_name_and_place(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(StudyError, match=words.replace("?", r"\?")) as raised:
        read_openface(tmp_path / "a.csv")
    assert str(raised.value).startswith("a.csv: ")
    with pytest.raises(StudyError, match="no file of face tracks"):
        read_openface(tmp_path / "b.csv")


def test_a_file_with_a_header_alone_has_no_frames_and_no_activation(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(openface_text([]))
    read = read_openface(tmp_path / "a.csv")
    assert (len(read), read.seen()) == (0, 0.0)
    assert np.isnan(facial_activation(read))


def test_a_rigidly_moving_face_has_no_activation() -> None:
    assert facial_activation(track(rigid())) < 1e-4
    assert facial_activation(track(with_a_nod_of_the_mouth(0.1))) > 0.3


def test_activation_does_not_depend_on_the_heads_motion_or_distance() -> None:
    still = with_a_nod_of_the_mouth(0.1)
    angle = np.linspace(-0.5, 0.5, 40)
    rotation = np.stack([np.stack([np.cos(angle), np.sin(angle)], 1), np.stack([-np.sin(angle), np.cos(angle)], 1)], 1)
    moved = still @ rotation * np.linspace(0.5, 2, 40)[:, None, None] + np.linspace(0, 300, 40)[:, None, None]
    assert facial_activation(track(moved)) == pytest.approx(facial_activation(track(still)), rel=1e-4)


def test_activation_grows_in_proportion_to_the_motion() -> None:
    small, large = (facial_activation(track(with_a_nod_of_the_mouth(size))) for size in (0.01, 0.02))
    assert large == pytest.approx(2 * small, rel=0.02)


def test_alignment_equals_scipys_and_never_mirrors() -> None:
    from scipy.spatial import procrustes

    rng = np.random.default_rng(3)
    pair = np.stack([face_points(), face_points() + 0.1 * rng.normal(size=(68, 2))])
    pair[1] = pair[1] @ np.array([[0.8, -0.6], [0.6, 0.8]]) * 3 + 7
    ours = aligned(pair, rounds=1)
    gap = np.square(ours[0] / np.linalg.norm(ours[0]) - ours[1] / np.linalg.norm(ours[1])).sum()
    assert gap == pytest.approx(_ordinary_gap(pair), rel=1e-6)
    assert procrustes(pair[0], pair[1])[2] <= gap
    mirrored = np.stack([face_points(), face_points() * (-1, 1) + 0.3 * rng.normal(size=(68, 2))])
    assert np.isfinite(aligned(mirrored)).all()
    assert inter_ocular(aligned(rigid()).mean(axis=0)[None])[0] == pytest.approx(1)


def _ordinary_gap(pair: np.ndarray) -> float:
    """Squared distance of two unit-size shapes after the best rotation, in closed form (Mardia & Dryden 1998)."""
    z = [(p - p.mean(axis=0)) @ np.array([1, 1j]) for p in pair]
    z = [one / np.linalg.norm(one) for one in z]
    return float(2 - 2 * np.abs(np.vdot(z[0], z[1])))


def test_frames_without_a_face_are_bridged_by_nothing() -> None:
    found = np.ones(40, dtype=bool)
    found[10:20] = False
    points = with_a_nod_of_the_mouth(0.1)
    points[10:20] = 0
    at, speed = motion(track(points, found))
    assert len(at) == len(speed) == 28  # 9 + 19 pairs
    assert not ((at > 9.2 / 30) & (at < 19.8 / 30)).any()


def test_a_face_seen_too_seldom_has_no_activation() -> None:
    found = np.arange(40) < 18
    assert np.isnan(facial_activation(track(with_a_nod_of_the_mouth(0.1), found)))
    assert motion(track(rigid(), np.zeros(40, dtype=bool)))[0].size == 0
