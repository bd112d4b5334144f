"""Readers of video corpora on miniature trees in their own layouts, and clips that stay in their video."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.data.corpora.video import Drawing, video_corpus
from helpers.data.corpora.video_clips import ClipGrid, RecentlyUsed, Videos, clip_corpus
from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from tests.data.corpora.test_video_files import number_of, numbered, write_video

GRID = ClipGrid(frames=4, stride=1, step=4)


def clip_file(path: Path, first: int = 0, frames: int = 30, codec: str = "mjpeg", rate: str = "12.5") -> Path:
    """A small video of numbered frames, ``first`` upwards; its content depends on its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".mp4":
        codec = "libx264"
    return write_video(path, [numbered(first + i, 32, 32) for i in range(frames)], rate, codec, b_frames=2)


def read(name: str, root: Path, size: int = 32) -> Corpus:
    return video_corpus(name, str(root), size, GRID, Drawing())


def test_a_clip_never_straddles_two_videos(tmp_path: Path) -> None:
    for label, offset in (("a", 0), ("b", 100), ("c", 200)):
        for i in range(2):
            clip_file(tmp_path / label / f"{label}{i}.mp4", offset + 20 * i, frames=17)
    corpus = read("folder", tmp_path)
    assert corpus.table.groupby("group").size().tolist() == [4] * 6  # starts 0, 4, 8, 12; 16 would leave the video
    clips = corpus.load(np.arange(len(corpus)))
    assert isinstance(clips, torch.Tensor)
    offset_of = {"a": 0, "b": 100, "c": 200}
    for i, row in corpus.table.iterrows():
        stem = row["group"].split("/")[1][:2]
        frames = (clips[i].permute(1, 2, 3, 0).numpy() * 255).astype(np.uint8)
        numbers = [number_of(frame) for frame in frames]
        first = offset_of[stem[0]] + 20 * int(stem[1]) + row["start"]
        assert numbers == list(range(first, first + 4))


def test_a_batch_is_its_clips_in_the_order_asked() -> None:
    corpus = video_corpus("drawn_studio", "", 16, GRID, Drawing(people=4, videos_each=1, seconds=2.0))
    rows = np.array([7, 0, 3, 7, 12])
    whole, batch = corpus.load(np.arange(len(corpus))), corpus.load(rows)
    assert isinstance(whole, torch.Tensor)
    assert torch.equal(batch, whole[torch.as_tensor(rows)])
    assert batch.shape == (5, 3, 4, 16, 16)
    assert 0 <= batch.min() <= batch.max() <= 1


def test_drawn_worlds_split_by_person_and_mark_clips_of_two_actions() -> None:
    corpus = video_corpus("drawn_street", "", 8, GRID, Drawing(people=12, videos_each=2, seconds=4.0, change_rate=1.0))
    assert corpus.simulated
    assert (corpus.table.groupby("subject")["split"].nunique() == 1).all()
    assert 0.1 < (~corpus.table["pure"]).mean() < 0.9
    again = video_corpus("drawn_street", "", 8, GRID, Drawing(people=12, videos_each=2, seconds=4.0, change_rate=1.0))
    assert again.fingerprint == corpus.fingerprint
    assert torch.equal(again.load(np.arange(9)), corpus.load(np.arange(9)))


def test_kth_splits_by_its_own_persons_and_clips_stay_inside_the_sequences(tmp_path: Path) -> None:
    for i, person in enumerate((11, 1, 22)):
        for action in ("walking", "boxing"):
            name = f"person{person:02d}_{action}_d1_uncomp.avi"
            clip_file(tmp_path / action / name, 10 * i + (action == "boxing"), 60, rate="25")
    (tmp_path / "walking" / "notes.txt").write_text("no video")
    (tmp_path / "00sequences.txt").write_text(
        "Sequences are given as frame numbers\n\nperson11_walking_d1\t\tframe\t1-20, 31-60\n"
        "person11_boxing_d1\t\tframe\t1-60\nperson13_handclapping_d3\t*missing*\nperson01_walking_d1 frame 1-60\n"
        "person01_boxing_d1 frame 1-60\nperson22_walking_d1 frame 1-60\n"
    )
    corpus = read("kth", tmp_path)
    table = corpus.table.drop_duplicates("group").set_index("group")
    assert dict(table.groupby("subject")["split"].first()) == {
        "person11": "train", "person01": "validation", "person22": "test"
    }  # fmt: skip
    assert sorted(table["label"].unique()) == ["boxing", "walking"]
    cut = corpus.table[corpus.table["group"] == "walking/person11_walking_d1_uncomp.avi"]
    inside = [(0, 9), (15, 29)]  # 1-20 and 31-60 of 25 a second, at 12.5 a second
    assert all(any(a <= s and s + 3 <= b for a, b in inside) for s in cut["start"])
    assert cut["stretch"].nunique() == 2
    assert any("stand in no line of 00sequences.txt" in notice for notice in corpus.notices)


def test_ucf101_follows_the_lists_whatever_the_capitals_and_keeps_groups_whole(tmp_path: Path) -> None:
    root = tmp_path / "UCF-101"
    for g in (1, 2, 8, 9, 10, 11, 12):
        for c in (1, 2):
            clip_file(root / "HandstandPushups" / f"v_HandStandPushups_g{g:02d}_c{c:02d}.avi", 20 * g + c, 20)
            clip_file(root / "Archery" / f"v_Archery_g{g:02d}_c{c:02d}.avi", 20 * g + 8 + c, 20)
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    names = [(label, f"v_{label}_g{g:02d}_c{c:02d}.avi", g) for label in ("HandstandPushups", "Archery")
             for g in (1, 2, 8, 9, 10, 11) for c in (1, 2)]  # fmt: skip
    train = [f"{label}/{name} 1" for label, name, g in names if g >= 8]
    (lists / "trainlist01.txt").write_text("\n".join(train) + "\n")
    (lists / "testlist01.txt").write_text("\n".join(f"{label}/{name}" for label, name, g in names if g < 8))
    corpus = read("ucf101", root)
    table = corpus.table.drop_duplicates("group")
    assert set(table.loc[table["split"] == "test", "subject"].str[-3:]) == {"g01", "g02"}
    assert set(table["split"]) == {"train", "validation", "test"}
    assert (table.groupby("subject")["split"].nunique() == 1).all()
    assert not table["subject"].str.endswith("g12").any()
    assert any(notice.startswith("4 video(s) stand in no list") for notice in corpus.notices)


def test_ucf101_without_lists_tests_on_groups_1_to_7(tmp_path: Path) -> None:
    for g in (1, 7, 8, 9, 25):
        clip_file(tmp_path / "Archery" / f"v_Archery_g{g:02d}_c01.avi", 20 * g % 200, 20)
    table = read("ucf101", tmp_path).table
    assert set(table.loc[table["split"] == "test", "subject"]) == {"archery_g01", "archery_g07"}


def test_hmdb51_follows_its_lists_and_a_source_film_is_one_subject(tmp_path: Path) -> None:
    root, lists = tmp_path / "hmdb51", tmp_path / "testTrainMulti_7030_splits"
    lists.mkdir()
    for k, action in enumerate(("brush_hair", "cartwheel")):
        lines = []
        for i, (film, mark) in enumerate([("April_09", 1), ("Sarah", 1), ("Tom", 1), ("Bob", 2), ("Ann", 0)]):
            for part in (0, 1):
                name = f"{film}_{action}_u_nm_np1_ba_goo_{part}.avi"
                clip_file(root / action / name, 100 * k + 10 * i + part, 20)
                lines.append(f"{name} {mark} ")
        (lists / f"{action}_test_split1.txt").write_text("\n".join(lines))
    corpus = read("hmdb51", root)
    table = corpus.table.drop_duplicates("group")
    assert set(table["label"]) == {"brush_hair", "cartwheel"}
    assert set(table.loc[table["split"] == "test", "subject"]) == {"brush_hair/Bob", "cartwheel/Bob"}
    assert "brush_hair/April_09" in set(table["subject"])
    assert not table["subject"].str.endswith("Ann").any()


def test_copies_are_one_subject_contradictions_go_and_broken_files_are_counted(tmp_path: Path) -> None:
    for i in range(8):
        clip_file(tmp_path / "ab"[i % 2] / f"v{i}.mp4", 20 * i, 20)
    (tmp_path / "a" / "copy.mp4").write_bytes((tmp_path / "a" / "v0.mp4").read_bytes())
    (tmp_path / "b" / "lie.mp4").write_bytes((tmp_path / "a" / "v2.mp4").read_bytes())
    (tmp_path / "b" / "broken.mp4").write_bytes(b"not a video")
    clip_file(tmp_path / "b" / "short.mp4", 250, 3)
    corpus = read("folder", tmp_path)
    table = corpus.table.drop_duplicates("group").set_index("group")
    assert table.loc["a/copy.mp4", "subject"] == table.loc["a/v0.mp4", "subject"]
    assert not {"a/v2.mp4", "b/lie.mp4", "b/broken.mp4", "b/short.mp4"} & set(table.index)
    said = " | ".join(corpus.notices)
    assert "1 file(s) cannot be decoded and are left out: b/broken.mp4" in said
    assert "2 exact copies under two labels" in said
    assert "1 video(s) are shorter than a clip" in said


def test_a_manifest_gives_paths_labels_subjects_and_splits(tmp_path: Path) -> None:
    rows = []
    for i, split in enumerate(["train", "train", "validation", "test"]):
        clip_file(tmp_path / f"v{i}.mp4", 20 * i, 20)
        rows.append({"path": f"v{i}.mp4", "label": i % 2, "subject": f"s{i}", "split": split})
    pd.DataFrame(rows).to_csv(tmp_path / "m.csv", index=False)
    table = read("manifest", tmp_path / "m.csv").table
    assert dict(table.groupby("subject")["split"].first()) == {f"s{i}": r["split"] for i, r in enumerate(rows)}
    pd.DataFrame([{"path": "absent.mp4", "label": "x"}]).to_csv(tmp_path / "n.csv", index=False)
    with pytest.raises(StudyError, match=r"n\.csv: 1 of 1 videos are not there, the first absent\.mp4"):
        read("manifest", tmp_path / "n.csv")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("kth", "holds no KTH videos"),
        ("ucf101", "holds no UCF101 videos"),
        ("hmdb51", "holds no videos in class folders"),
        ("folder", "holds no videos; expected"),
        ("moon", "no video corpus is called 'moon'"),
    ],
)
def test_a_folder_without_the_layout_is_one_clear_line(tmp_path: Path, name: str, line: str) -> None:
    with pytest.raises(StudyError, match=line):
        read(name, tmp_path)


def test_a_missing_root_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="set data_root"):
        video_corpus("folder", "", 32, GRID, Drawing())
    with pytest.raises(StudyError, match="does not exist; set data_root"):
        read("folder", tmp_path / "absent")


def test_videos_too_short_for_a_clip_are_refused() -> None:
    table = pd.DataFrame({"video": ["v"], "subject": ["s"], "label": ["x"]})
    videos = Videos(table, [[(0, 5)]], lambda i: torch.zeros(6, 3, 8, 8, dtype=torch.uint8), 12.5)
    about = {"name": "x", "licence": "", "source": "", "simulated": True, "fingerprint": "0"}
    with pytest.raises(StudyError, match=r"a clip covers 15 frames at 12\.5 a second, the longest video has 6"):
        clip_corpus(videos, ClipGrid(8, 2, 4), **about)


def test_recently_used_frames_are_read_once_and_memory_is_bounded() -> None:
    asked: list[int] = []

    def frames(i: int) -> torch.Tensor:
        asked.append(i)
        return torch.full((10,), i, dtype=torch.uint8)

    kept = RecentlyUsed(frames, memory=25)
    for i in (0, 1, 0, 1, 2, 1, 0):
        assert int(kept(i)[0]) == i
    assert asked == [0, 1, 2, 0]


@pytest.mark.realdata
def test_fight_videos_are_read_whole_and_split_by_video(shared_data: Path, tmp_path: Path) -> None:
    for label, names in (("fight", ("fi001", "fi007", "fi013")), ("noFight", ("nofi001", "nofi004", "nofi012"))):
        (tmp_path / label).mkdir()
        for name in names:
            source = shared_data / "fight_video" / label / f"{name}.mp4"
            (tmp_path / label / source.name).write_bytes(source.read_bytes())
    corpus = video_corpus("folder", str(tmp_path), 16, ClipGrid(8, 2, 4), Drawing())
    assert corpus.table["group"].nunique() == corpus.table["subject"].nunique() == 6
    assert not corpus.notices
    assert set(corpus.table["label"]) == {"fight", "noFight"}
    assert corpus.table["width"].nunique() > 1
    clips = corpus.load(np.arange(4))
    assert isinstance(clips, torch.Tensor)
    assert clips.shape == (4, 3, 8, 16, 16)
