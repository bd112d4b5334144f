"""MSP-Podcast's layout on a miniature tree, with the odd cases that such trees have."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers.data.catalogue.lookup import find_entry, find_on_disk
from helpers.data.corpora.msp_podcast import msp_podcast
from helpers.data.corpus import Corpus
from helpers.errors import StudyError

HEAD = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"
ROWS = (
    "MSP-PODCAST_0001_0001.wav,A,5.4,2.2,5.0,1,Male,Train",
    "MSP-PODCAST_0001_0002.wav,X,4.0,4.2,4.4,1,Male,Train",
    "MSP-PODCAST_0002_0001.wav,H,5.0,6.0,4.5,2,Female,Development",
    "MSP-PODCAST_0003_0001.wav,S,2.0,2.5,3.0,3,Female,Test1",
    "MSP-PODCAST_0004_0001.wav,N,4.0,4.0,4.0,4,Male,Test2",
    "MSP-PODCAST_0005_0001.wav,N,4.0,4.0,4.0,Unknown,Male,Train",
    "MSP-PODCAST_0006_0001.wav,N,4.0,4.0,4.0,6,Male,Train",  # its file is absent
    "MSP-PODCAST_0007_0001.wav,N,,4.0,4.0,7,Male,Train",
)
NAMED = ("0001_0001", "0001_0002", "0002_0001", "0003_0001", "0004_0001", "0005_0001", "0007_0001")


def write_sound(file: Path, seed: int = 0, rate: int = 16_000) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, 0.1 * np.random.default_rng(seed).normal(size=rate).clip(-3, 3), rate)


def write_podcast(root: Path) -> None:
    for i, name in enumerate(NAMED):
        write_sound(root / "Audio" / f"MSP-PODCAST_{name}.wav", i, 8_000 if i == 1 else 16_000)
    (root / "Labels").mkdir()
    (root / "Labels" / "labels_consensus.csv").write_text("\n".join([HEAD, *ROWS]) + "\n")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDIES_OUTPUTS", str(tmp_path / "outputs"))
    root = tmp_path / "msp"
    write_podcast(root)
    for name in ("0003_0099", "0008_0001", "0009_0004"):  # not named by the labels; 0003 has a test sentence
        write_sound(root / "Audio" / f"MSP-PODCAST_{name}.wav", 9)
    (root / "Audio" / "MSP-PODCAST_0010_0001.wav").write_bytes(b"RIFF")  # cut short
    return root


def test_sentences_ratings_speakers_and_splits_are_read(tree: Path):
    corpus = msp_podcast(str(tree))
    assert isinstance(corpus, Corpus)
    table = corpus.table.set_index("sample_id")
    assert table.loc["MSP-PODCAST_0001_0001", ["arousal", "valence", "dominance"]].tolist() == [5.4, 2.2, 5.0]
    assert table.loc["MSP-PODCAST_0001_0001", "label"] == "angry"
    assert table["label"].isna()["MSP-PODCAST_0001_0002"]
    assert table["split"].to_dict() == {
        "MSP-PODCAST_0001_0001": "train", "MSP-PODCAST_0001_0002": "train", "MSP-PODCAST_0002_0001": "validation",
        "MSP-PODCAST_0003_0001": "test", "MSP-PODCAST_0008_0001": "unlabelled", "MSP-PODCAST_0009_0004": "unlabelled",
    }  # fmt: skip
    assert table.loc["MSP-PODCAST_0008_0001", "subject"] == "podcast0008"
    loaded = corpus.load(np.array([1]))
    assert 15_990 <= int(loaded["length"][0]) <= 16_010  # 8 kHz became 16 kHz


def test_what_is_left_out_is_said(tree: Path):
    notices = " | ".join(msp_podcast(str(tree)).notices)
    for words in ("without a sound file: 1", "split Test2: 1", "speaker is not known: 1", "without ratings: 1",
                  "MSP-PODCAST_0010_0001.wav"):  # fmt: skip
        assert words in notices


def test_the_old_spelling_and_place_are_found_and_the_unlabelled_part_can_be_limited(tree: Path):
    (tree / "Labels" / "labels_consensus.csv").rename(tree / "labels_concensus.csv")
    (tree / "Audio" / "MSP-PODCAST_0010_0001.wav").unlink()
    corpus = msp_podcast(str(tree), unlabelled_limit=1)
    assert (corpus.table["split"] == "unlabelled").sum() == 1
    assert find_on_disk([find_entry("msp_podcast")], tree.parent) == {"msp_podcast": tree}


def test_a_speaker_in_two_splits_stays_in_the_test_set(tree: Path):
    file = tree / "Labels" / "labels_consensus.csv"
    file.write_text(file.read_text() + "MSP-PODCAST_0009_0004.wav,N,4,4,4,3,Male,Train\n")
    corpus = msp_podcast(str(tree))
    assert corpus.table.set_index("subject").loc["speaker3", "split"] == "test"
    assert any("also stands in a later split: 1" in notice for notice in corpus.notices)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.replace("SpkrID", "Speaker"), "has no column SpkrID"),
        (lambda t: t.replace("5.4", "54"), "rating outside 1 to 7"),
        (lambda t: t.replace("Test1", "Test9"), "no usable sentence of the split 'test'"),
    ],
)
def test_damaged_labels_are_one_clear_line(tree: Path, change, words):
    file = tree / "Labels" / "labels_consensus.csv"
    file.write_text(change(file.read_text()))
    with pytest.raises(StudyError, match=words) as raised:
        msp_podcast(str(tree))
    assert "\n" not in str(raised.value)


def test_absent_data_are_one_clear_line(tmp_path: Path):
    with pytest.raises(StudyError, match="needs data_root"):
        msp_podcast("")
    with pytest.raises(StudyError, match="no such folder"):
        msp_podcast(str(tmp_path / "nowhere"))
    with pytest.raises(StudyError, match=r"no labels_consensus\.csv"):
        msp_podcast(str(tmp_path))
