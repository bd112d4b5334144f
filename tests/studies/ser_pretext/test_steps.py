"""Every arm has the same start and budget, labels are only learned from training, numbers are what they say."""

import numpy as np
import pytest
import torch

from helpers.methods.audiovisual_pretexts import AudiovisualPretexts
from helpers.methods.byol import BYOL
from helpers.studies.ser_pretext import arms, probing, speech, steps
from helpers.studies.ser_pretext.about import CARD
from helpers.studies.ser_pretext.result_figures import half_width
from helpers.studies.ser_pretext.steps import Comparison
from tests.studies.ser_pretext.test_speech import settings as made_settings
from tests.studies.ser_pretext.test_speech import tiny


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIES_OUTPUTS", str(tmp_path_factory.mktemp("outputs")))
        made = tiny()
        for module in (arms, probing, steps):
            patch.setattr(module, "open_speech", lambda settings: made)
        yield made


@pytest.fixture
def settings(data) -> dict:
    return made_settings(pretrain_steps=4, pretrain_batch=8, fine_tune_epochs=2, label_fractions=[0.5, 1.0])


def test_every_arm_starts_from_the_same_encoder_and_takes_as_many_steps(settings) -> None:
    jobs = {arm: arms.pretraining(settings, arm, 3, 0) for arm in ("together", "energy", "byol")}
    kinds = {"together": AudiovisualPretexts, "energy": AudiovisualPretexts, "byol": BYOL}
    for arm, job in jobs.items():
        assert isinstance(job.method, kinds[arm])
        assert job.plan == jobs["together"].plan
        assert np.array_equal(job.rows, jobs["together"].rows)
        for mine, first in zip(job.method.encoder.parameters(), jobs["together"].method.encoder.parameters()):
            assert torch.equal(mine, first)
    steps_taken = jobs["byol"].plan.epochs * (len(jobs["byol"].rows) // jobs["byol"].plan.batch_size)
    assert jobs["byol"].method.steps == steps_taken >= 4
    assert set(jobs["together"].method.heads) == {"energy", "activation", "emotion"}
    assert set(jobs["energy"].method.heads) == {"energy"}


def test_no_stretch_of_a_tested_speaker_is_pretrained_on(data, settings) -> None:
    for number in range(3):
        fold = arms.fold_of(settings, 0, number)
        job = arms.pretraining(settings, "together", 0, number)
        assert not set(job.corpus.table["subject"].iloc[job.rows]) & set(data.subjects[fold.test])


def test_few_labels_are_a_share_of_each_emotion_the_same_for_every_start(data, settings) -> None:
    fold = arms.fold_of(settings, 0, 0)
    few, all_of_them = probing.few_clips(data, fold, 0.3, 5), probing.few_clips(data, fold, 1.0, 5)
    assert set(few) <= set(all_of_them) == set(fold.train)
    assert set(data.classes[few]) == set(data.classes[fold.train])
    assert np.array_equal(few, probing.few_clips(data, fold, 0.3, 5))


def test_an_arm_is_measured_at_every_share_and_repeats_bit_for_bit(data, settings) -> None:
    found, again = (probing.pretrained(settings, "together", 1, 0) for _ in range(2))
    tests = len(arms.fold_of(settings, 1, 0).test)
    assert set(found["fine_tune"]) == set(found["validation"]) == {"0.5", "1.0"}
    for predicted in (found["knn"], found["linear"], *found["fine_tune"].values()):
        assert predicted.shape == (tests,)
        assert 0 <= int(predicted.min()) <= int(predicted.max()) < len(data.names)
    assert found["history"] == again["history"]
    assert torch.equal(found["fine_tune"]["1.0"], again["fine_tune"]["1.0"])
    assert torch.equal(found["linear"], again["linear"])


def test_test_labels_change_no_prediction(data, settings, monkeypatch) -> None:
    from dataclasses import replace

    fold = arms.fold_of(settings, 0, 1)
    classes = data.classes.copy()
    classes[fold.test] = (classes[fold.test] + 1) % len(data.names)
    changed = replace(data, classes=classes)
    machines, nets = [], []
    for one in (data, changed):
        for module in (arms, probing):
            monkeypatch.setattr(module, "open_speech", lambda settings, one=one: one)
            monkeypatch.setattr(module, "fold_of", lambda *_: fold)
        machines.append(probing.functionals_svm(settings, 0, 1))
        nets.append(probing.scratch(settings, 0, 1))
    for name in ("corpus", "speaker"):
        assert torch.equal(machines[0][name]["1.0"], machines[1][name]["1.0"])
    assert torch.equal(nets[0]["fine_tune"]["1.0"], nets[1]["fine_tune"]["1.0"])


def test_the_svm_by_training_clips_does_not_look_at_test_clips(data, settings) -> None:
    fold = arms.fold_of(settings, 0, 0)
    x = np.random.default_rng(0).normal(size=(len(data.classes), 5))
    first = probing._svm(x, data.classes, fold.train, fold, [0.1])
    x[fold.test[1:]] += 100
    assert int(probing._svm(x, data.classes, fold.train, fold, [0.1])[0]) == int(first[0])


def comparison(pairs=((0, 0), (1, 0), (2, 0))) -> Comparison:
    rng = np.random.default_rng(0)
    truth = {pair: np.arange(20) % 4 for pair in pairs}
    runs, machines = {}, {}
    for pair in pairs:
        for arm, wrong in (("together", 0.2), ("byol", 0.4), ("scratch", 0.5)):
            guess = np.where(rng.random(20) < wrong, rng.integers(0, 4, 20), truth[pair])
            found = torch.from_numpy(guess).short()
            runs[arm, *pair] = {"fine_tune": {"0.1": found, "1.0": found}, "knn": found, "linear": found}
        machines[pair] = {"corpus": {"0.1": found, "1.0": found}, "speaker": {"0.1": found, "1.0": found}}
    subjects = {pair: np.repeat(["a", "b"], 10) for pair in pairs}
    names = ["angry", "calm", "happy", "sad"]
    return Comparison(runs, machines, truth, subjects, names, list(pairs), [0.1, 1.0], ["together", "byol"], 4)


def test_scores_are_scikit_learns_and_recall_is_the_unweighted_accuracy() -> None:
    from sklearn.metrics import balanced_accuracy_score, f1_score

    made = comparison()
    for i, pair in enumerate(made.pairs):
        predicted = made.predicted("byol", pair, 1.0)
        ua = balanced_accuracy_score(made.truth[pair], predicted)
        assert made.scores("byol", 1.0, "unweighted_accuracy")[i] == pytest.approx(ua)
        assert probing.unweighted_accuracy(made.truth[pair], predicted) == pytest.approx(ua)
        f1 = f1_score(made.truth[pair], predicted, average="macro")
        assert made.scores("byol", 1.0, "macro_f1")[i] == pytest.approx(f1)


def test_an_emotion_that_is_predicted_but_does_not_occur_counts_against_the_rest_only() -> None:
    truth, predicted = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    assert steps.score(truth, predicted, "unweighted_accuracy") == pytest.approx(0.75)


def test_the_confusion_matrix_holds_shares_of_each_emotion() -> None:
    made = comparison()
    found = made.confusion("together", 1.0)
    assert np.allclose(found.sum(axis=1), 1)
    assert np.diag(found).mean() == pytest.approx(made.scores("together", 1.0, "unweighted_accuracy").mean())


def test_claims_are_paired_by_seed_and_fold_and_drop_byol_where_it_was_not_run() -> None:
    class FakeStudy:
        card = CARD

        class parameters:
            @staticmethod
            def judged_fraction() -> float:
                return 0.1

    made = comparison()
    found = steps.evidence(FakeStudy(), made)
    assert [item.claim.key for item in found] == ["raises_f1", "few_labels", "beats_generic"]
    assert all(item.design == "folds" and item.test_fraction == 0.25 for item in found)
    assert np.array_equal(found[2].baseline, made.scores("byol", 0.1, "macro_f1"))
    without = Comparison(**{**made.__dict__, "arms": ["together"]})
    assert [item.claim.key for item in steps.evidence(FakeStudy(), without)] == ["raises_f1", "few_labels"]


def test_intervals_widen_with_the_share_that_is_tested() -> None:
    values = np.array([50.0, 55.0, 52.0, 58.0])
    assert 0 < half_width(values, 0.1) < half_width(values, 0.5)
    assert half_width(values[:1], 0.5) == 0


def test_stretches_are_about_as_long_as_asked(data) -> None:
    assert speech.stretches(data, made_settings(chunk_seconds=0.8)).length == 80


def test_frames_of_samples_are_cropped_and_masked_and_nothing_else() -> None:
    waves = made_settings(encoder="wav2vec2_small")
    for views in (arms.pretext_views(waves), arms.byol_views(waves), arms.training_views(waves, 0.01)):
        assert (views.pitch, views.tempo, views.mel_masks, views.volume, views.fade, views.noise) == (0, 0, 0, 0, 0, 0)
        assert views.time_masks > 0
    assert arms.byol_views(made_settings()).noise > 0
