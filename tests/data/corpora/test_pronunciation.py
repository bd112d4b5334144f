"""Learners' speech: L2-ARCTIC, speechocean762 and a manifest in miniature, in their layouts, with their traps."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers.data.catalogue.lookup import find_entry, find_on_disk
from helpers.data.corpora.learner_speech import L2_ARCTIC_SPEAKERS, L2_ARCTIC_TEST, L2_ARCTIC_VALIDATION, read_marks
from helpers.data.corpora.pronunciation import LearnerCounts, pronunciation_corpus, pronunciation_sources
from helpers.data.textgrids import Interval
from helpers.errors import StudyError

SMALL = LearnerCounts(train=2, validation=2, unlabelled=2, test=2, sentences=2, unlabelled_sentences=3)


def write_wave(file: Path, seconds: float = 0.4, rate: int = 44_100, channels: int = 1) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.3 * np.sin(np.arange(round(seconds * rate)) * 0.1)
    soundfile.write(file, np.tile(tone[:, None], channels), rate)


def write_grid(file: Path, marks: list[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", "xmax = 0.4", "tiers? <exists>",
             "size = 2", "item []:"]  # fmt: skip
    for number, (name, its) in enumerate((("words", ["so"]), ("phones", marks)), start=1):
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{name}"',
                  "        xmin = 0", "        xmax = 0.4", f"        intervals: size = {len(its)}"]  # fmt: skip
        for i, mark in enumerate(its):
            edges = (0.4 * i / len(its), 0.4 * (i + 1) / len(its))
            lines += [f"        intervals [{i + 1}]:", f"            xmin = {edges[0]}"]
            lines += [f"            xmax = {edges[1]}", f'            text = "{mark}"']
    file.write_text("\n".join(lines) + "\n")


def write_l2_arctic(root: Path) -> None:
    for speaker in ("ABA", "BWC", "HKK", "TLV", "SKA"):
        for i in (1, 2, 3):
            name = f"arctic_a000{i}"
            write_wave(root / speaker / "wav" / f"{name}.wav")
            (root / speaker / "transcript").mkdir(exist_ok=True)
            (root / speaker / "transcript" / f"{name}.txt").write_text("So so.\n")
            write_grid(root / speaker / "textgrid" / f"{name}.TextGrid", ["sil", "S", "OW1", "sp"])
        write_grid(root / speaker / "annotation" / "arctic_a0001.TextGrid", ["SIL", "S, Z, s", "OW1", "sil,AH,a", ""])


@pytest.fixture
def l2_arctic(tmp_path: Path) -> Path:
    root = tmp_path / "l2arctic"
    write_l2_arctic(root)
    write_grid(root / "HKK" / "annotation" / "arctic_a0002.TextGrid", ["DH,D*,s", "AH0,sil,d", "T, err, s", "OW1"])
    write_grid(root / "SKA" / "annotation" / "arctic_a0002.TextGrid", ["S,Z", "OW1"])  # a mark of no known form
    (root / "SKA" / "textgrid" / "arctic_a0003.TextGrid").unlink()
    (root / "HKK" / "wav" / "arctic_a0003.wav").write_bytes(b"RIFF")  # cut short
    (root / "README.txt").write_text("beside the speakers")
    return root


def row(corpus, name: str) -> dict:
    return corpus.table.set_index("sample_id").loc[name].to_dict()


def test_marks_of_l2_arctic_are_substitution_deletion_addition_or_a_phone_said_right():
    marks = ["sil", "DH,D,s", "AH0", "T,sil,d", "sil,EH,a", "S , err , s", "", "sp", "ah"]
    canonical, perceived, segments = read_marks([Interval(i, i + 1, mark) for i, mark in enumerate(marks)])
    assert canonical == ["DH", "AH", "T", "S", "AH"]
    assert perceived == ["D", "AH", "EH", "err", "AH"]
    assert segments == [("D", 1, 2), ("AH", 2, 3), ("EH", 4, 5), ("err", 5, 6), ("AH", 8, 9)]
    with pytest.raises(StudyError, match=r"the mark 'S,Z,q' at 3\.00 s is neither"):
        read_marks([Interval(3, 4, "S,Z,q")])


def test_l2_arctic_gives_canonical_and_perceived_phones_with_times_and_leaves_the_rest_unlabelled(l2_arctic):
    corpus = pronunciation_corpus("l2_arctic", str(l2_arctic))
    first = row(corpus, "ABA/arctic_a0001")
    assert (first["canonical"], first["perceived"]) == ("S OW", "Z OW AH")
    assert first["segments"] == "Z 0.080 0.160;OW 0.160 0.240;AH 0.240 0.320"
    assert (first["group"], first["subject"], first["sentence"]) == ("Arabic", "ABA", "So so.")
    second = row(corpus, "HKK/arctic_a0002")
    assert (second["canonical"], second["perceived"]) == ("DH AH T OW", "err err OW")
    unlabelled = row(corpus, "ABA/arctic_a0003")
    assert unlabelled["canonical"] == "S OW"
    assert unlabelled["perceived"] is None
    batch = corpus.load(np.array([0, 1]))
    assert batch["length"].tolist() == [6400, 6400]  # 16 kHz


def test_l2_arctic_splits_are_by_speaker_with_the_papers_test_speakers(l2_arctic):
    corpus = pronunciation_corpus("l2_arctic", str(l2_arctic))
    found = corpus.table.groupby("subject")["split"].first().to_dict()
    assert found == {"ABA": "validation", "BWC": "validation", "HKK": "train", "SKA": "train", "TLV": "test"}
    for chosen in (L2_ARCTIC_TEST, L2_ARCTIC_VALIDATION):
        assert sorted(L2_ARCTIC_SPEAKERS[s] for s in chosen) == sorted(set(L2_ARCTIC_SPEAKERS.values()))
    assert len(L2_ARCTIC_SPEAKERS) == 24


def test_what_cannot_be_used_of_l2_arctic_is_left_out_and_named(l2_arctic):
    corpus = pronunciation_corpus("l2_arctic", str(l2_arctic))
    told = "\n".join(corpus.notices)
    assert "SKA/the mark 'S,Z' at 0.00 s is neither a phone nor CPL,PPL,s|d|a: 1" in told
    assert "sentences without TextGrid: 1" in told
    assert "arctic_a0003.wav" in told
    assert set(corpus.table["sample_id"]) & {"SKA/arctic_a0002", "SKA/arctic_a0003", "HKK/arctic_a0003"} == set()
    assert len(corpus) == 12


def test_accentedness_comes_from_a_file_beside_the_speakers_where_there_is_one(l2_arctic):
    assert pronunciation_corpus("l2_arctic", str(l2_arctic)).table["accentedness"].isna().all()
    (l2_arctic / "accentedness.csv").write_text("subject,accentedness\nABA,4.5\nHKK,7\n")
    table = pronunciation_corpus("l2_arctic", str(l2_arctic)).table
    scores = table.groupby("subject")["accentedness"].first().to_dict()
    assert (scores["ABA"], scores["HKK"]) == (4.5, 7)
    assert np.isnan(scores["TLV"])


def test_what_was_read_is_remembered_until_a_file_changes(l2_arctic, monkeypatch):
    first = pronunciation_corpus("l2_arctic", str(l2_arctic))
    import helpers.data.corpora.pronunciation as module

    monkeypatch.setattr("helpers.data.corpora.learner_speech.read_textgrid", None)
    again = module.pronunciation_corpus("l2_arctic", str(l2_arctic))
    assert again.table.equals(first.table)
    monkeypatch.undo()
    write_grid(l2_arctic / "TLV" / "annotation" / "arctic_a0001.TextGrid", ["S", "OW1", "AH0"])
    assert row(pronunciation_corpus("l2_arctic", str(l2_arctic)), "TLV/arctic_a0001")["perceived"] == "S OW AH"


@pytest.fixture
def speechocean(tmp_path: Path) -> Path:
    root, scores = tmp_path / "speechocean762", {}
    for split, speakers in (("train", range(1, 6)), ("test", range(6, 8))):
        (root / split).mkdir(parents=True)
        waves, owners = [], []
        for s in speakers:
            name = f"{s:05d}0011"
            path = f"WAVE/SPEAKER{s:04d}/{name}.WAV"
            write_wave(root / path, rate=16_000)
            waves.append(f"{name}\t{path}")
            owners.append(f"{name}\t{s:04d}")
            wrong = [{"canonical-phone": "TH", "index": 0, "pronounced-phone": "S"}] if s % 2 else []
            scores[name] = {
                "text": "THIN TREES", "accuracy": s,
                "words": [
                    {"text": "THIN", "phones": ["TH", "IH0", "N"], "mispronunciations": wrong},
                    {"text": "TREES", "phones": "T R IY1 Z", "mispronunciations": [
                        {"canonical-phone": "Z", "index": 3, "pronounced-phone": "<DEL>"},
                        {"canonical-phone": "R", "index": 1, "pronounced-phone": "<unk>"}] if s == 1 else []},
                ],
            }  # fmt: skip
        (root / split / "wav.scp").write_text("\n".join(waves) + "\nnobody\tWAVE/none.WAV\n")
        (root / split / "utt2spk").write_text("\n".join(owners) + "\n")
    (root / "resource").mkdir()
    (root / "resource" / "scores.json").write_text(json.dumps(scores))
    return root


def test_speechocean762_puts_mispronunciations_into_the_canonical_phones(speechocean):
    corpus = pronunciation_corpus("speechocean762", str(speechocean))
    first, second = row(corpus, "000010011"), row(corpus, "000020011")
    assert first["canonical"] == second["perceived"] == "TH IH N T R IY Z"
    assert first["perceived"] == "S IH N T err IY"
    assert first["accentedness"] == 9
    assert second["subject"] == "0002"
    assert any("without scores or speaker: 2" in notice for notice in corpus.notices)


def test_speechocean762_keeps_its_test_speakers_and_takes_validation_speakers_from_training(speechocean):
    corpus = pronunciation_corpus("speechocean762", str(speechocean))
    split = corpus.table.groupby("subject")["split"].first()
    assert split.value_counts().to_dict() == {"train": 4, "test": 2, "validation": 1}
    assert set(split.index[split == "test"]) == {"0006", "0007"}


def test_a_speechocean762_without_its_scores_or_a_named_sound_is_refused(speechocean):
    (speechocean / "WAVE/SPEAKER0003/000030011.WAV").unlink()
    with pytest.raises(StudyError, match=r"there is no sound file WAVE/SPEAKER0003/000030011\.WAV"):
        pronunciation_corpus("speechocean762", str(speechocean))
    (speechocean / "resource" / "scores.json").unlink()
    with pytest.raises(StudyError, match=r"scores\.json in speechocean762/resource/ cannot be read"):
        pronunciation_corpus("speechocean762", str(speechocean))


def test_both_layouts_are_known_by_their_looks(l2_arctic, speechocean, tmp_path):
    entries = [find_entry("l2_arctic"), find_entry("speechocean762")]
    assert find_on_disk(entries, tmp_path) == {"l2_arctic": l2_arctic, "speechocean762": speechocean}


def test_a_manifest_with_stereo_at_another_rate_and_unlabelled_rows_is_read(tmp_path):
    for i in range(8):
        write_wave(tmp_path / f"{i}.wav", rate=8000 if i else 48_000, channels=2)
    lines = ["path,canonical,perceived,subject"]
    lines += [f"{i}.wav,sil S OW1 sp,{'Z OW1' if i < 7 else ''},p{i}" for i in range(8)]
    (tmp_path / "m.csv").write_text("\n".join(lines) + "\n")
    corpus = pronunciation_corpus("manifest", str(tmp_path / "m.csv"))
    assert corpus.table["canonical"].unique().tolist() == ["S OW"]
    assert corpus.table["perceived"].isna().sum() == 1
    assert set(corpus.table["split"]) == {"train", "validation", "test"}
    assert corpus.load(np.array([0, 1]))["length"].tolist() == [6400, 6400]


@pytest.mark.parametrize(
    ("line", "words"),
    [("1.wav,,S,p", "canonical is empty"), ("none.wav,S,S,p", "1 of 1 sound files are not there, the first none.wav")],
)
def test_a_manifest_row_that_cannot_be_used_is_refused(line, words, tmp_path):
    write_wave(tmp_path / "1.wav")
    (tmp_path / "m.csv").write_text(f"path,canonical,perceived,subject\n{line}\n")
    with pytest.raises(StudyError, match=words):
        pronunciation_corpus("manifest", str(tmp_path / "m.csv"))


def test_a_corpus_where_nobody_listened_is_refused(tmp_path):
    write_wave(tmp_path / "1.wav")
    (tmp_path / "m.csv").write_text("path,canonical,perceived,subject\n1.wav,S,,p\n")
    with pytest.raises(StudyError, match="no usable recording of manifest has perceived phones"):
        pronunciation_corpus("manifest", str(tmp_path / "m.csv"))


def test_simulated_learners_have_labels_but_for_the_unlabelled_ones():
    corpus = pronunciation_corpus("learners", counts=SMALL)
    assert len(corpus) == 2 * 3 * 2 + 2 * 3
    hidden = corpus.table["split"] == "unlabelled"
    assert corpus.table.loc[hidden, "perceived"].isna().all()
    assert (corpus.table.loc[hidden, "segments"] == "").all()
    assert corpus.table.loc[~hidden, "perceived"].notna().all()
    assert corpus.table["accentedness"].between(1, 9).all()
    batch = corpus.load(np.array([3, 0]))
    assert batch["input"].shape == (2, int(batch["length"].max()))


def test_an_unknown_corpus_or_an_absent_folder_is_refused(tmp_path):
    with pytest.raises(StudyError, match="no corpus of learners' speech is called 'timit'"):
        pronunciation_corpus("timit")
    with pytest.raises(StudyError, match="corpus l2_arctic needs data_root"):
        pronunciation_sources("l2_arctic", "", SMALL)
    with pytest.raises(StudyError, match="there is no such folder"):
        pronunciation_sources("l2_arctic", str(tmp_path / "gone"), SMALL)
