"""The study's arms have equal budgets and starts, no label of a test speaker is seen, and scores are what they say."""

from typing import Any

import numpy as np
import pytest
import torch

from helpers.data.circumplex import ATTRIBUTES
from helpers.errors import StudyError
from helpers.evaluation.concordance import ccc
from helpers.studies.catalogue import study_card
from helpers.studies.deepemocluster import arms, explore, measuring, steps
from helpers.studies.deepemocluster.steps import Comparison
from helpers.studies.study import Study

SMALL = {"corpus": "simulated_speech", "speakers": 14, "sentences": 2, "seconds": 1.5, "unlabelled_share": 0.5,
         "mels": 16, "hop": 512, "frames": 20, "widths": [4, 4, 8], "features": 8, "clusters": 3, "batch_size": 8,
         "epochs": 2}  # fmt: skip
ALL = list(ATTRIBUTES)


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return study_card("deepemocluster").validated(SMALL).model_dump()


@pytest.fixture(scope="module")
def speech(settings) -> arms.Speech:
    return arms.open_speech(settings)


def test_every_arm_starts_from_the_same_encoder_and_takes_as_many_steps(settings, speech):
    jobs = {arm: arms.training(settings, arm, ALL, 1.0, 3)
            for arm in ("regressor", "clusters", "clusters_unlabelled", "autoencoder", "variational")}  # fmt: skip
    wanted = jobs["clusters_unlabelled"]
    taken = {}
    for arm, job in jobs.items():
        for a, b in zip(job.method.encoder.parameters(), wanted.method.encoder.parameters(), strict=True):
            assert torch.equal(a, b)
        each = [max(1, len(job.method.positions(e, len(job.rows))) // 8) for e in range(job.plan.epochs)]
        taken[arm] = sum(each)
    assert max(taken.values()) - min(taken.values()) <= max(1, len(speech.rows["train"]) // 8)


def test_no_test_or_validation_speaker_is_trained_on_and_unlabelled_chunks_come_first(settings, speech):
    for arm in ("regressor", "clusters_unlabelled"):
        rows, unlabelled = arms.training_rows(settings, speech, arm, 1.0, 0)
        split = speech.chunks.table["split"].to_numpy()[rows]
        assert set(split[:unlabelled]) <= {"unlabelled"}
        assert set(split[unlabelled:]) == {"train"}
    assert unlabelled == len(speech.rows["unlabelled"])


def test_smaller_shares_of_the_labels_are_parts_of_larger_ones_and_whole_sentences(settings, speech):
    few, _ = arms.training_rows(settings, speech, "regressor", 0.5, 1)
    every, _ = arms.training_rows(settings, speech, "clusters", 1.0, 1)
    assert set(few) < set(every)
    counts = np.bincount(speech.chunks.table["sentence"].to_numpy()[few])
    assert set(counts[counts > 0]) == {settings["chunks"]}


def test_the_chunks_are_standardised_by_labelled_training_sentences(settings, speech):
    loaded = speech.chunks.load(speech.rows["train"])
    assert loaded.shape[1:] == (1, 20, 16)
    assert loaded.abs().max() <= 3
    rated = speech.standardised()[speech.rows["train"]]
    assert torch.allclose(rated.mean(0), torch.zeros(3), atol=1e-5)
    assert torch.allclose(rated.std(0, correction=0), torch.ones(3), atol=1e-4)


def test_a_sentences_volume_changes_nothing():
    speech = arms.open_speech(study_card("deepemocluster").validated(SMALL).model_dump())
    loaded = arms.at_full_scale(speech.sentences).load(np.array([0, 1]))
    assert torch.allclose(loaded["input"].abs().amax(1), torch.ones(2))


@pytest.mark.parametrize("arm", ["regressor", "clusters_unlabelled", "variational"])
def test_an_arm_repeats_bit_for_bit_and_predicts_in_the_ratings_unit(settings, speech, arm):
    found, again = (measuring.trained(settings, arm, ALL, 1.0, 1) for _ in range(2))
    assert torch.equal(found["predicted"], again["predicted"])
    assert str(found["history"]) == str(again["history"])
    assert found["predicted"].shape == (len(speech.rows["test"]) // settings["chunks"], 3)
    assert 0 < float(found["predicted"].mean()) < 8
    best = found["history"][found["best_epoch"] - 1]
    assert np.mean(found["validation"]) == pytest.approx(1 - best["validation_loss"], abs=1e-5)
    if "clusters" in arm:
        assert found["clusters"].shape == (len(speech.rows["test"]),)


def test_the_untrained_encoders_penalty_is_chosen_on_validation(settings, speech, monkeypatch):
    found = measuring.untrained(settings, ALL, 1.0, 0)
    each = []
    for penalty in measuring.PENALTIES:
        monkeypatch.setattr(measuring, "PENALTIES", (penalty,))
        each.append(np.mean(measuring.untrained(settings, ALL, 1.0, 0)["validation"]))
    assert np.mean(found["validation"]) == pytest.approx(max(each))


def test_own_models_of_an_attribute_have_its_number_of_clusters(settings):
    mine = settings | {"clusters_valence": 5}
    assert arms.clusters_of(mine, ["valence"]) == 5
    assert arms.clusters_of(mine, ["arousal"]) == 3
    assert arms.clusters_of(mine, ALL) == 3
    assert arms.training(mine, "clusters", ["valence"], 1.0, 0).method.head.layers[-1].out_features == 1


def comparison_of(noise: dict[str, float], seeds: int = 3) -> Comparison:
    rng = np.random.default_rng(0)
    speakers = np.repeat([f"s{i}" for i in range(8)], 10)
    truth = 4 + rng.normal(size=(80, 3))
    predicted, validation, runs = {}, {}, {}
    for arm, amount in noise.items():
        for seed in range(seeds):
            predicted[arm, 1.0, seed] = truth + amount * rng.normal(size=truth.shape)
            validation[arm, 1.0, seed] = np.full(3, 1 - amount)
            runs[arm, 1.0, seed] = [{"history": [], "best_epoch": 0}]
    return Comparison(predicted, validation, runs, truth, speakers, list(range(seeds)), [1.0])


def test_scores_are_ccc_by_attribute_and_shares_average_near_them():
    found = comparison_of({"regressor": 0.5})
    expected = ccc(found.truth[:, 1], found.predicted["regressor", 1.0, 2][:, 1])
    assert found.scores("regressor")[2, 1] == pytest.approx(expected)
    assert np.allclose(found.shares("regressor").mean(axis=1), found.scores("regressor"), atol=0.05)


def test_evidence_pairs_speakers_and_the_autoencoder_is_chosen_on_validation():
    class StudyOf:
        card = study_card("deepemocluster")

    held = comparison_of({"regressor": 0.9, "clusters": 0.6, "clusters_unlabelled": 0.3, "autoencoder": 0.7,
                          "variational": 0.8})  # fmt: skip
    held.validation.update({("variational", 1.0, seed): np.full(3, 0.99) for seed in range(3)})
    assert steps.better_autoencoder(held) == "variational"
    found = {e.claim.key: e for e in steps.evidence(StudyOf(), held)}
    assert set(found) == {"clusters_help", "unlabelled_help", "beats_autoencoders"}
    assert found["clusters_help"].method.shape == (3, 8)
    assert (found["beats_autoencoders"].baseline == held.shares("variational").mean(axis=2)).all()
    assert found["unlabelled_help"].method.mean() > found["unlabelled_help"].baseline.mean()


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"methods": ["regressor", "clusters", "clusters_unlabelled"]}, "autoencoder or variational"),
        ({"methods": ["regressor", "clusters", "autoencoder"]}, "clusters_unlabelled must be among"),
        ({"fraction_methods": ["variational"], "methods": ["regressor", "clusters", "clusters_unlabelled",
                                                           "autoencoder"]}, "fraction_methods are among"),
        ({"label_fractions": [0.5]}, "1 must be among them"),
    ],
)  # fmt: skip
def test_parameters_without_which_a_claim_cannot_be_judged_are_refused(wrong, line):
    with pytest.raises(StudyError, match=line):
        study_card("deepemocluster").validated({"corpus": "simulated_speech", **wrong})


def test_the_panel_goes_from_the_calmest_to_the_most_aroused_test_sentence(settings, speech, monkeypatch):
    shown = []
    drawn = explore.sentence_figure
    monkeypatch.setattr(explore, "sentence_figure", lambda *args: (shown.append(args[3]), drawn(*args))[1])
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook")
    study = Study("deepemocluster", **SMALL)
    method = arms.training(settings, "regressor", ALL, 1.0, 0).method
    panel = explore.explore_sentence(study, speech, settings, method)
    slider, picture = panel.children
    before = picture.value
    slider.value = slider.min
    assert picture.value != before
    sentences = speech.sentences_of("test", settings["chunks"])
    arousal = speech.sentences.table["arousal"].to_numpy(float)[sentences]
    assert (slider.min, slider.max) == (1, len(sentences))
    assert [arousal[number] for number in shown] == [arousal.max(), arousal.min()]
