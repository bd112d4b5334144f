"""Corpora of emotional speech are read from miniature trees in exactly their layouts."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from helpers.data.corpora.emotional_speech import emotion_corpus
from helpers.data.corpus import Corpus
from helpers.errors import StudyError


def sound(file: Path, seconds: float = 0.2, rate: int = 16000, channels: int = 1) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    wave = 0.3 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * rate)) / rate)
    soundfile.write(file, np.stack([wave] * channels, axis=1), rate)
    return file


def video(file: Path) -> Path:
    import av

    file.parent.mkdir(parents=True, exist_ok=True)
    samples = (0.3 * np.sin(np.arange(22050) / 20)).astype(np.float32)[None]
    with av.open(str(file), "w") as opened:
        stream = opened.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.rate = 44100
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            opened.mux(packet)
    return file


def labels(corpus: Corpus) -> dict[str, tuple[str, str]]:
    table = corpus.table
    return dict(zip(table["sample_id"], zip(table["subject"], table["label"]), strict=True))


def ravdess_tree(root: Path) -> Path:
    for actor in ("01", "02"):
        for emotion in ("01", "05", "08"):
            sound(root / f"Actor_{actor}" / f"03-01-{emotion}-01-02-01-{actor}.wav", rate=48000)
    return root


def test_ravdess_names_give_actor_sex_and_emotion(tmp_path: Path) -> None:
    corpus = emotion_corpus("ravdess", str(ravdess_tree(tmp_path)))
    assert labels(corpus)["01-05-01-02-01-02"] == ("actor02", "angry")
    assert sorted(corpus.table["label"].unique()) == ["angry", "neutral", "surprised"]
    assert set(corpus.table.loc[corpus.table["subject"] == "actor02", "group"]) == {"female"}
    batch = corpus.load(np.array([0, 5]))
    assert isinstance(batch, dict)
    assert batch["input"].dtype == torch.float32
    assert batch["length"].tolist() == [3200, 3200]  # 48 kHz came in
    assert corpus.table["seconds"].tolist() == pytest.approx([0.2] * 6, abs=1e-3)
    assert "split" not in corpus.table.columns
    assert corpus.table["arousal"].isna().all()
    assert not corpus.simulated


def test_ravdess_leaves_out_songs_unknown_emotions_odd_names_and_broken_files_by_name(tmp_path: Path) -> None:
    root = ravdess_tree(tmp_path)
    sound(root / "Actor_01" / "03-02-03-01-01-01-01.wav")
    sound(root / "Actor_01" / "03-01-09-01-01-01-01.wav")
    sound(root / "Actor_01" / "notes.wav")
    (root / "Actor_01" / "03-01-02-01-01-01-01.wav").touch()
    cut = sound(root / "Actor_01" / "03-01-03-01-01-01-01.wav")
    cut.write_bytes(cut.read_bytes()[:900])
    soundfile.write(root / "Actor_01" / "03-01-04-01-01-01-01.wav", np.zeros(900), 16000)
    sound(root / "Actor_02" / "03-01-06-01-01-01-02.wav", channels=2)
    corpus = emotion_corpus("ravdess", str(root))
    assert len(corpus) == 7
    assert labels(corpus)["01-06-01-01-01-02"] == ("actor02", "fearful")
    told = " | ".join(corpus.notices)
    for words in (
        "songs: 1 left out", "unknown emotion 09: 1", "names that are not MM-VV-EE-II-SS-RR-AA: 1",
        "3 sound files left out", "03-01-02-01-01-01-01.wav: is empty", "is cut short", "is silent",
    ):  # fmt: skip
        assert words in told


def test_ravdess_takes_a_videos_sound_where_there_is_no_other_and_finds_tracks_under_any_form(tmp_path: Path) -> None:
    root = ravdess_tree(tmp_path)
    video(root / "Actor_01" / "01-01-03-01-01-01-01.mp4")
    video(root / "Actor_01" / "01-01-05-01-02-01-01.mp4")
    video(root / "Actor_01" / "02-01-05-01-02-01-01.mp4")
    (root / "Actor_01" / "01-01-05-01-02-01-01.csv").write_text("frame\n")
    corpus = emotion_corpus("ravdess", str(root))
    table = corpus.table.set_index("sample_id")
    assert table.loc["01-03-01-01-01-01", "path"].endswith(".mp4")
    assert table.loc["01-05-01-02-01-01", "path"].endswith(".wav")
    assert table.loc["01-05-01-02-01-01", "tracks"].endswith("01-01-05-01-02-01-01.csv")
    assert (table["tracks"] != "").sum() == 1
    assert any("further forms" in notice for notice in corpus.notices)
    assert any("videos without sound: 1" in notice for notice in corpus.notices)


def test_crema_d_reads_sound_sex_levels_and_the_one_name_with_a_short_level(tmp_path: Path) -> None:
    for name in ("1001_DFA_ANG_XX", "1001_IEO_HAP_LO", "1002_ITH_SAD_X"):
        sound(tmp_path / "AudioWAV" / f"{name}.wav")
    sound(tmp_path / "AudioWAV" / "1002_DFA_JOY_XX.wav")
    (tmp_path / "VideoFlash").mkdir()
    (tmp_path / "VideoFlash" / "1001_DFA_ANG_XX.csv").write_text("frame\n")
    (tmp_path / "VideoDemographics.csv").write_text(
        '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","Caucasian","Not Hispanic"\n'
        '1002,21,"Female","Caucasian","Not Hispanic"\n'
    )
    corpus = emotion_corpus("crema_d", str(tmp_path))
    assert labels(corpus) == {"1001_DFA_ANG_XX": ("1001", "angry"), "1001_IEO_HAP_LO": ("1001", "happy"),
                              "1002_ITH_SAD_X": ("1002", "sad")}  # fmt: skip
    assert corpus.table["group"].tolist() == ["male", "male", "female"]
    assert "unknown emotion JOY: 1 left out" in corpus.notices
    assert corpus.table["tracks"].str.endswith("1001_DFA_ANG_XX.csv").tolist() == [True, False, False]


def test_emo_db_reads_speaker_and_the_german_letter(tmp_path: Path) -> None:
    for name in ("03a01Wa", "03a01Fa", "16b10Lb", "08a02Tc", "08a02Xa"):
        sound(tmp_path / "wav" / f"{name}.wav")
    corpus = emotion_corpus("emo_db", str(tmp_path))
    assert labels(corpus) == {"03a01Wa": ("03", "angry"), "03a01Fa": ("03", "happy"), "16b10Lb": ("16", "bored"),
                              "08a02Tc": ("08", "sad")}  # fmt: skip
    assert "unknown emotion X: 1 left out" in corpus.notices


def msp_face_tree(root: Path, second_split: str = "Test") -> Path:
    for clip in ("0001_0001", "0001_0002", "0002_0001", "0003_0001", "0003_0002", "0009_0001"):
        sound(root / "Segments" / f"MSP-FACE_{clip}.wav")
    row = {"EmoAct": "5.4", "EmoDom": "5.0", "EmoVal": "4.8", "SpkrID": "27", "Gender": "Female", "Split_Set": "Train"}
    (root / "Labels").mkdir()
    (root / "Labels" / "label_consensus.json").write_text(
        json.dumps(
            {
                "MSP-FACE_0001_0001.mp4": [{**row, "EmoClass_Major": "H"}],
                "MSP-FACE_0001_0002.mp4": [{**row, "EmoClass_Major": "X", "Split_Set": "Train"}],
                "MSP-FACE_0002_0001.mp4": [{**row, "EmoClass_Major": "A", "SpkrID": "9", "Split_Set": second_split}],
                "MSP-FACE_7777_0001.mp4": [{**row, "EmoClass_Major": "A"}],
            }
        )
    )
    (root / "Doc").mkdir()
    (root / "Doc" / "speaker_id_segments.txt").write_text(
        "MSP-FACE_0001_0001.mp4,Speaker_27\nMSP-FACE_0003_0001.mp4,Speaker_5\nMSP-FACE_0003_0002.mp4,Speaker_9\n"
    )
    return root


def test_msp_face_takes_labels_attributes_split_and_unlabelled_segments_of_known_speakers(tmp_path: Path) -> None:
    corpus = emotion_corpus("msp_face", str(msp_face_tree(tmp_path)))
    table = corpus.table.set_index("sample_id")
    assert table.loc["MSP-FACE_0001_0001", ["subject", "label", "split"]].tolist() == ["27", "happy", "train"]
    assert table.loc["MSP-FACE_0001_0001", ["arousal", "valence", "dominance"]].tolist() == [5.4, 4.8, 5.0]
    assert pd.isna(table.loc["MSP-FACE_0001_0002", "label"])
    assert table.loc["MSP-FACE_0001_0002", "arousal"] == 5.4
    assert table.loc["MSP-FACE_0003_0001", "split"] == "unlabelled"
    assert table.loc["MSP-FACE_0003_0002", "split"] == "test"  # unlabelled, but a test speaker's
    assert "MSP-FACE_0009_0001" not in table.index
    assert "segments whose speaker is not known: 1 left out" in corpus.notices


def test_a_split_with_a_speaker_on_both_sides_is_not_used_and_said(tmp_path: Path) -> None:
    root = msp_face_tree(tmp_path)
    text = (root / "Labels" / "label_consensus.json").read_text().replace('"SpkrID": "9"', '"SpkrID": "27"')
    (root / "Labels" / "label_consensus.json").write_text(text)
    corpus = emotion_corpus("msp_face", str(root))
    assert set(corpus.table.get("split", pd.Series(dtype=object)).dropna()) <= {"train", "test", "unlabelled"}
    per_speaker = corpus.table.groupby("subject")["split"].nunique() if "split" in corpus.table else pd.Series([1])
    assert per_speaker.max() == 1


def test_msp_face_without_its_labels_is_refused(tmp_path: Path) -> None:
    sound(tmp_path / "MSP-FACE_0001_0001.wav")
    with pytest.raises(StudyError, match=r"no label_consensus\.json"):
        emotion_corpus("msp_face", str(tmp_path))


def test_a_manifest_names_any_files_and_blank_labels_are_unlabelled(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        sound(tmp_path / "clips" / f"{name}.wav")
    (tmp_path / "b.csv").write_text("frame\n")
    manifest = tmp_path / "m.csv"
    manifest.write_text(
        "sample_id,path,label,subject,split,arousal,tracks\n"
        "1,clips/a.wav,glad,p1,train,3.5,\n2,clips/b.wav,,p2,unlabelled,,b.csv\n3,clips/c.wav,cross,p3,test,1,\n"
    )
    corpus = emotion_corpus("manifest", str(manifest))
    assert corpus.table["label"].tolist()[::2] == ["glad", "cross"]
    assert pd.isna(corpus.table["label"][1])
    assert corpus.table["arousal"].tolist()[::2] == [3.5, 1.0]
    assert corpus.table["tracks"].str.endswith("b.csv").tolist() == [False, True, False]
    assert corpus.rows("test").tolist() == [2]


@pytest.mark.parametrize(
    ("row", "words"),
    [("x.wav,glad,p1,,", "1 of 1 sound files are not there"), ("a.wav,glad,p1,,x.csv", "no file x.csv")],
)  # fmt: skip
def test_a_manifest_that_names_an_absent_file_is_refused(tmp_path: Path, row: str, words: str) -> None:
    sound(tmp_path / "a.wav")
    (tmp_path / "m.csv").write_text(f"path,label,subject,split,tracks\n{row}\n")
    with pytest.raises(StudyError, match=words):
        emotion_corpus("manifest", str(tmp_path / "m.csv"))


def test_a_manifest_with_a_split_for_some_clips_only_is_refused(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    sound(tmp_path / "b.wav")
    (tmp_path / "m.csv").write_text("path,label,split\na.wav,glad,train\nb.wav,sad,\n")
    with pytest.raises(StudyError, match="1 clips, the first row1, have no split"):
        emotion_corpus("manifest", str(tmp_path / "m.csv"))


def test_a_clip_that_a_manifest_names_twice_is_refused_for_it_could_stand_in_two_splits(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    (tmp_path / "m.csv").write_text("path,label\na.wav,glad\na.wav,sad\n")
    with pytest.raises(StudyError, match=r"m\.csv, row 2: path 'a\.wav' stands more than once"):
        emotion_corpus("manifest", str(tmp_path / "m.csv"))


def test_an_absent_or_empty_folder_or_an_unknown_name_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="needs data_root"):
        emotion_corpus("ravdess", "")
    with pytest.raises(StudyError, match="no such folder"):
        emotion_corpus("ravdess", str(tmp_path / "absent"))
    with pytest.raises(StudyError, match="there is no sound"):
        emotion_corpus("emo_db", str(tmp_path))
    with pytest.raises(StudyError, match="no corpus of emotional speech"):
        emotion_corpus("iemocap", str(tmp_path))
    (tmp_path / "03a01Wa.wav").touch()
    with pytest.raises(StudyError, match="can be used"):
        emotion_corpus("emo_db", str(tmp_path))


@pytest.mark.realdata
def test_the_real_ravdess_sample_is_whole(shared_data: Path) -> None:
    if not (shared_data / "ravdess").is_dir():
        pytest.skip("no RAVDESS among the real samples")
    corpus = emotion_corpus("ravdess", str(shared_data / "ravdess"))
    assert len(corpus) == 480
    assert corpus.table["subject"].nunique() == 8
    assert corpus.table["label"].value_counts().to_dict() == {"neutral": 32} | dict.fromkeys(
        ("calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"), 64
    )
    assert corpus.notices == ()
