"""The study's data keep speakers apart, labels true and volume out of the pretext."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from helpers.data.corpus import Corpus
from helpers.data.face_tracks import FaceTrack, write_openface
from helpers.data.simulated.talking_faces import draw_track
from helpers.data.sound import padded
from helpers.errors import StudyError
from helpers.studies.ser_pretext import arms, speech
from helpers.studies.ser_pretext.about import SerPretextParameters
from helpers.studies.ser_pretext.speech import Speech, speech_of

RATE = 16000


def wave(row: int, seconds: float = 2.5) -> torch.Tensor:
    """Syllables: a voice that is loud and soft in turn."""
    rng = np.random.default_rng(row)
    t = np.arange(int(RATE * seconds)) / RATE
    pitch, swing = rng.uniform(100, 250), rng.uniform(0.2, 1.0)
    voice = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in range(1, 8))
    loud = 1 - swing * (np.sin(2 * np.pi * rng.uniform(1, 4) * t) > 0)
    samples = 0.05 * voice * loud + 1e-4 * rng.normal(size=len(t))
    samples[: RATE // 4] = 1e-5 * rng.normal(size=RATE // 4)
    return torch.from_numpy(samples.astype(np.float32))


def tiny(
    speakers: int = 8, each: int = 4, unlabelled: int = 2, gain: float = 1.0, faces: bool = True, raw: bool = False
) -> Speech:
    rows = speakers * each
    waves = [gain * wave(i) for i in range(rows)]
    who = [f"s{i // each}" for i in range(rows)]
    label = pd.Series([("happy", "sad", "angry", "calm")[i % each % 4] for i in range(rows)], dtype=object)
    label[[i for i in range(rows) if i // each >= speakers - unlabelled]] = None
    table = pd.DataFrame({"sample_id": [f"c{i}" for i in range(rows)], "subject": who, "label": label,
                          "seconds": [len(w) / RATE for w in waves]})  # fmt: skip

    def load(chosen: np.ndarray) -> dict[str, torch.Tensor]:
        return padded([waves[i] for i in chosen])

    def track(row: int) -> FaceTrack | None:
        return draw_track(waves[row].numpy() / gain, str(label[row]), 0.0, np.random.default_rng((9, row)))

    corpus = Corpus("tiny", table, load, ("label",), "none", "a test", True, f"tiny {gain} {faces} {rows}")
    return speech_of(corpus, track if faces else lambda row: None, rows if faces else 0, 24, raw)


@pytest.fixture(scope="module")
def module_outputs(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIES_OUTPUTS", str(tmp_path_factory.mktemp("outputs")))
        yield


@pytest.fixture(scope="module")
def data(module_outputs) -> Speech:
    return tiny()


def settings(**changes) -> dict:
    left_out = {"seeds", "threads", "workers", "processes", "scale", "folds_per_seed", "claim_fraction"}
    return SerPretextParameters(**{"mels": 24, "folds": 3, **changes}).model_dump(exclude=left_out)


def test_no_speaker_is_in_two_parts_and_each_is_tested_once_a_seed(data: Speech) -> None:
    for seed in (0, 1):
        tested: list[str] = []
        for number in range(3):
            fold = speech.make_fold(data, 3, seed, number)
            who = {
                part: set(data.subjects[getattr(fold, part)]) for part in ("train", "validation", "test", "pretrain")
            }
            assert not who["train"] & who["validation"]
            assert not who["test"] & (who["train"] | who["validation"] | who["pretrain"])
            assert {"s6", "s7"} <= who["pretrain"]  # speakers without labels
            assert (data.classes[np.concatenate([fold.train, fold.validation, fold.test])] >= 0).all()
            tested += sorted(who["test"])
        assert sorted(tested) == [f"s{i}" for i in range(6)]


def test_unlabelled_clips_of_a_tested_speaker_are_not_pretrained_on(data: Speech) -> None:
    classes = data.classes.copy()
    classes[0] = -1  # of s0
    changed = replace(data, classes=classes)
    for number in range(3):
        fold = speech.make_fold(changed, 3, 0, number)
        assert (0 in fold.pretrain) == ("s0" not in set(data.subjects[fold.test]))


def test_silence_around_the_speech_is_cut_off_and_remembered(data: Speech) -> None:
    assert (data.cut >= 15).all()
    assert (data.lengths < 235).all()
    assert len(data.frames) == data.lengths.sum()


def test_volume_changes_no_label_and_no_pretext_input_but_what_fine_tuning_hears(
    data: Speech, module_outputs: None
) -> None:
    quiet = tiny(gain=0.05)
    rows = np.arange(len(data.classes))
    cuts = [speech.stretches(one, settings()) for one in (data, quiet)]
    assert np.allclose(cuts[0].energy, cuts[1].energy, atol=1e-3)
    labels = [cut.labels(one.subjects, rows) for cut, one in zip(cuts, (data, quiet))]
    assert torch.equal(labels[0]["energy"], labels[1]["energy"])
    inputs = []
    for one, cut, label in zip((data, quiet), cuts, labels):
        scale = speech.scaling(one, "speaker", rows)
        inputs.append(speech.stretch_corpus(one, cut, scale, label).load(np.arange(6))["input"])
    assert torch.allclose(inputs[0], inputs[1], atol=1e-3)
    levels = [
        speech.clip_corpus(one, speech.scaling(data, "corpus", rows)).load(rows[:2]).mean() for one in (data, quiet)
    ]
    assert float(levels[0] - levels[1]) > 0.5


def test_louder_stretches_look_like_softer_ones_to_the_pretext(data: Speech) -> None:
    scale = speech.scaling(data, "speaker", np.arange(len(data.classes)))
    frames = data.clip(3)[20:80]
    assert torch.allclose(speech.levelled(frames, scale, 3), speech.levelled(frames + 4.0, scale, 3), atol=1e-4)


def test_stretches_are_cut_and_levelled_one_by_one_or_in_a_batch_alike(data: Speech) -> None:
    rows = np.arange(len(data.classes))
    scale, cut = speech.scaling(data, "speaker", rows), speech.stretches(data, settings(chunk_seconds=2.4))
    batch = speech.stretch_corpus(data, cut, scale, {}).load(np.array([5, 0]))["input"]
    for found, i in zip(batch, (5, 0)):
        clip, start = int(cut.clip[i]), int(cut.start[i])
        alone = speech.levelled(data.clip(clip)[start : start + 240], scale, clip)
        assert torch.allclose(found[: len(alone)], alone, atol=1e-4)
        assert float(found[len(alone) :].abs().sum()) == 0


def test_by_speaker_every_speakers_bands_have_mean_0_and_deviation_1(data: Speech) -> None:
    clips = speech.clip_corpus(data, speech.scaling(data, "speaker", np.arange(4)))
    for who in ("s0", "s7"):
        rows = np.flatnonzero(data.subjects == who)
        frames = torch.cat([clips.load(np.array([row]))[0] for row in rows])
        assert float(frames.mean(dim=0).abs().max()) < 1e-4
        assert torch.allclose(frames.std(dim=0), torch.ones(24), atol=1e-3)


def test_by_corpus_only_training_clips_are_measured(data: Speech) -> None:
    training = np.arange(8)
    scale = speech.scaling(data, "corpus", training)
    changed = replace(data, levels=data.levels + 3.0 * (torch.arange(len(data.classes)) >= 8))
    again = speech.scaling(changed, "corpus", training)
    assert torch.equal(scale.mean, again.mean)
    assert torch.equal(scale.std, again.std)


def test_stretches_lie_evenly_within_the_clip() -> None:
    assert speech.places(50, 120) == [0]
    assert speech.places(239, 120) == [0]
    assert speech.places(240, 120) == [0, 120]
    assert speech.places(400, 120) == [0, 140, 280]


def test_a_stretch_without_a_face_is_unlabelled_in_the_faces_tasks_only(module_outputs: None) -> None:
    bare = tiny(speakers=6, unlabelled=0, faces=False)
    cut = speech.stretches(bare, settings())
    labels = cut.labels(bare.subjects, np.arange(len(cut.clip)))
    assert set(labels["energy"].tolist()) == {0, 1}
    assert set(labels["activation"].tolist()) == set(labels["emotion"].tolist()) == {-1}
    assert arms.available_tasks(settings(), bare) == ["energy"]
    assert arms.arms_of(settings(alone=True), bare) == ["together", "byol"]


def test_with_faces_all_tasks_are_there_alone_and_together(data: Speech) -> None:
    assert arms.available_tasks(settings(), data) == ["energy", "activation", "emotion"]
    assert arms.arms_of(settings(alone=True), data) == ["together", "energy", "activation", "emotion", "byol"]
    assert arms.tasks_of(settings(), data, "byol") == []
    cut = speech.stretches(data, settings())
    labels = cut.labels(data.subjects, np.arange(len(cut.clip)))
    assert len(set(labels["emotion"].tolist()) - {-1}) > 2


def test_openface_files_beside_real_clips_are_found_and_give_the_labels(tmp_path: Path) -> None:
    for actor in range(1, 5):
        for emotion in (3, 4, 5):
            stem = f"03-01-{emotion:02d}-01-01-01-{actor:02d}"
            file = tmp_path / f"Actor_{actor:02d}" / f"{stem}.wav"
            file.parent.mkdir(exist_ok=True)
            samples = wave(10 * actor + emotion).numpy()
            soundfile.write(file, samples, RATE)
            if actor > 1:
                felt = {3: "happy", 4: "sad", 5: "angry"}[emotion]
                write_openface(draw_track(samples, felt, 0.5, np.random.default_rng(actor)), file.with_suffix(".csv"))
    opened = speech.open_speech(settings(corpus="ravdess", data_root=str(tmp_path)))
    assert opened.tracked == 9
    cut = speech.stretches(opened, settings())
    with_face = opened.subjects[cut.clip] != "actor01"
    assert (cut.emotion[~with_face] == -1).all()
    assert np.isfinite(cut.activation[with_face]).mean() > 0.7
    assert not np.isfinite(cut.activation[~with_face]).any()


def test_one_emotion_alone_is_refused(module_outputs: None) -> None:
    with pytest.raises(StudyError, match="at least two"):
        tiny(speakers=2, each=1, unlabelled=0)


def test_an_encoder_that_hears_samples_gets_the_same_stretches_as_sound(module_outputs: None) -> None:
    data = tiny(speakers=3, each=2, unlabelled=0, raw=True)
    rows = np.arange(6)
    scale, cut = speech.scaling(data, "speaker", rows), speech.stretches(data, settings())
    clips = speech.clip_corpus(data, scale).load(np.array([3]))
    assert clips.shape == (1, data.lengths[3], 160)
    whole = data.corpus.load(np.array([3]))["input"][0]
    first = int(data.cut[3]) * 160
    assert torch.equal(clips.flatten(), torch.nn.functional.pad(whole, (0, 160))[first : first + clips.numel()])
    stretch = speech.stretch_corpus(data, cut, scale, {}).load(np.array([4]))["input"]
    clip, start = int(cut.clip[4]), int(cut.start[4])
    own = speech.clip_corpus(data, scale).load(np.array([clip]))[:, start : start + cut.length]
    assert torch.equal(stretch, own)
