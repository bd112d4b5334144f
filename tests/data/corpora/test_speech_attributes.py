"""Speech with attributes: rated, simulated, or a proxy that says so; the hidden part has no labels."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers.data.circumplex import ATTRIBUTES, EMOTIONS, proxy
from helpers.data.corpora.speech_attributes import attribute_corpus, attribute_sources
from helpers.data.simulated.emotional_speech import SpeechDrawing
from helpers.errors import StudyError


def write_ravdess(root: Path, actors: int = 6) -> None:
    for actor in range(1, actors + 1):
        for emotion, strength in (("01", "01"), ("05", "01"), ("05", "02"), ("04", "02")):
            file = root / f"Actor_{actor:02d}" / f"03-01-{emotion}-{strength}-01-01-{actor:02d}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, 0.1 * np.random.default_rng(actor).normal(size=16_000).clip(-3, 3), 16_000)


@pytest.fixture
def ravdess(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDIES_OUTPUTS", str(tmp_path / "outputs"))
    write_ravdess(tmp_path / "ravdess")
    return tmp_path / "ravdess"


def test_a_proxy_is_the_emotions_place_weaker_for_a_mild_display_and_says_so(ravdess: Path):
    corpus = attribute_corpus("ravdess", str(ravdess), unlabelled_share=0.0)
    table = corpus.table.set_index("sample_id")
    strong = table.loc["01-05-02-01-01-03", list(ATTRIBUTES)].to_numpy(float)
    mild = table.loc["01-05-01-01-01-03", list(ATTRIBUTES)].to_numpy(float)
    assert strong.tolist() == list(proxy("angry"))
    assert np.allclose(mild - 4, 0.7 * (strong - 4))
    assert (table.loc["01-01-01-01-01-03", list(ATTRIBUTES)].to_numpy(float) == 4).all()
    assert "proxy" in corpus.notices[0]
    assert corpus.labels == ATTRIBUTES


def test_hidden_speakers_have_no_attributes_and_no_speaker_is_in_two_splits(ravdess: Path):
    corpus = attribute_corpus("ravdess", str(ravdess), unlabelled_share=0.3)
    table = corpus.table
    hidden = table["split"] == "unlabelled"
    assert hidden.any()
    assert table.loc[hidden, list(ATTRIBUTES)].isna().all(axis=None)
    assert table.loc[~hidden, list(ATTRIBUTES)].notna().all(axis=None)
    assert table.groupby("subject")["split"].nunique().max() == 1
    assert set(table["split"]) == {"train", "validation", "test", "unlabelled"}


def test_a_manifests_own_attributes_are_used_and_clips_without_are_left_out(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("STUDIES_OUTPUTS", str(tmp_path / "outputs"))
    lines = ["path,label,subject,arousal,valence,dominance"]
    for i in range(6):
        soundfile.write(tmp_path / f"{i}.wav", 0.1 * np.random.default_rng(i).normal(size=16_000), 16_000)
        lines.append(f"{i}.wav,,s{i},{'' if i == 5 else i + 1},4,4")
    (tmp_path / "m.csv").write_text("\n".join(lines))
    corpus = attribute_corpus("manifest", str(tmp_path / "m.csv"), unlabelled_share=0.0)
    assert corpus.table["arousal"].tolist() == [1, 2, 3, 4, 5]
    assert corpus.notices[-1] == "clips without attributes: 1 left out"
    (tmp_path / "m.csv").write_text("\n".join(line.rsplit(",", 3)[0] for line in lines))
    with pytest.raises(StudyError, match="no clip has arousal, valence, dominance"):
        attribute_corpus("manifest", str(tmp_path / "m.csv"))


def test_simulated_speech_has_attributes_as_labels():
    corpus = attribute_corpus("simulated_speech", drawing=SpeechDrawing(4, 1, 0.25, 2.0, 7))
    assert corpus.labels == ATTRIBUTES
    assert len(corpus) == 4
    with pytest.raises(StudyError, match="no speech corpus with attributes is called 'emo_db'"):
        attribute_corpus("emo_db")


def test_sources_change_with_the_drawing_and_need_the_folder(tmp_path: Path):
    first, second = (attribute_sources("simulated_speech", "", SpeechDrawing(seed=s)) for s in (0, 1))
    assert first != second
    with pytest.raises(StudyError, match="needs data_root"):
        attribute_sources("ravdess", "", SpeechDrawing())


def test_every_emotion_has_a_place_inside_the_scale():
    for emotion in EMOTIONS:
        assert all(1 <= value <= 7 for value in proxy(emotion))
    assert np.isnan(proxy("bored")).all()
    assert np.isnan(proxy(None)).all()
