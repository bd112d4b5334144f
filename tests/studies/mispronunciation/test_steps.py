"""The mispronunciation study: who is heard when, equal updates, evidence by speaker, and a whole small comparison."""

from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from helpers.data.phones import numbers
from helpers.errors import StudyError
from helpers.methods.phone_recognition import CtcRecognition, PseudoLabelling, pseudo_labels
from helpers.studies.catalogue import study_card
from helpers.studies.mispronunciation import arms, figures, steps
from helpers.studies.mispronunciation.steps import Comparison
from helpers.training import train

SMALL = {
    "train_learners": 3, "validation_learners": 1, "unlabelled_learners": 2, "test_learners": 2, "sentences": 4,
    "unlabelled_sentences": 6, "width": 16, "blocks": 2, "hidden": 16, "stage1_epochs": 1, "stage2_epochs": 1,
    "batch_size": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    parameters = study_card("mispronunciation").validated({**SMALL, "corpus": "learners"})
    return parameters.model_dump(exclude={"scale", "seeds", "workers", "threads", "processes", "arms"})


@pytest.fixture(scope="module")
def corpus(settings):
    return arms.open_corpus(settings)  # said once, and remembered for the file's tests


@pytest.fixture
def start(settings, tmp_path) -> str:
    save_file(arms.make_recogniser(settings, 7).state_dict(), str(tmp_path / "start.safetensors"))
    return str(tmp_path / "start.safetensors")


def marks(batch: dict[str, torch.Tensor]) -> list[float]:
    """A number a clip that tells it from all others."""
    return [round(float(clip.abs().sum()), 2) for clip in batch["input"]]


def test_no_test_or_validation_speaker_is_ever_trained_on(corpus, settings, start):
    parts = arms.parts_of(corpus, settings)
    allowed = set(marks(corpus.load(np.concatenate([parts.labelled, parts.unlabelled]))))
    for arm in ("labelled_only", "offline", "momentum", "frozen"):
        job = arms.stage_two(settings, arm, 0, start)
        assert set(marks(job.corpus.load(np.arange(len(job.corpus))))) <= allowed
    assert not set(marks(corpus.load(np.concatenate([parts.validation, parts.test])))) & allowed
    speakers = corpus.table["subject"].to_numpy()
    trained = {*speakers[parts.labelled], *speakers[parts.unlabelled]}
    assert not {*speakers[parts.test], *speakers[parts.validation]} & trained


def test_labels_of_the_unlabelled_and_the_test_speakers_reach_no_arm_but_through_a_teacher(corpus, settings, start):
    parts = arms.parts_of(corpus, settings)
    for arm in ("momentum", "frozen"):
        job = arms.stage_two(settings, arm, 0, start)
        batch = job.corpus.load(np.arange(4))
        assert (batch["target_length"][:4] > 0).all()  # labelled first
        assert (batch["target_length"][4:] == -1).all()
    offline = arms.stage_two(settings, "offline", 0, start).corpus.load(np.arange(len(parts.unlabelled)))
    teacher = arms.make_recogniser(settings, 7)
    written = arms.transcribed(teacher, corpus, parts.unlabelled)
    for i, phones in enumerate(written):
        row = len(parts.unlabelled) + i
        expected = numbers(phones) if phones else []
        assert offline["target"][row, : len(expected)].tolist() == expected
        assert int(offline["target_length"][row]) == (len(expected) or -1)
    assert parts.unlabelled.tolist() == corpus.rows("unlabelled").tolist()


def test_every_arm_has_as_many_updates_on_as_many_utterances(corpus, settings, start):
    over = settings | {"offline_start": "untrained"}
    jobs = {arm: arms.stage_two(over, arm, 0, start) for arm in ("labelled_only", "momentum", "frozen", "offline")}
    sizes = {arm: len(job.corpus.load(np.arange(4))["length"]) for arm, job in jobs.items()}
    assert set(sizes.values()) == {8}
    a_pass = len(jobs["momentum"].rows) // settings["batch_size"]
    assert {len(job.rows) for job in jobs.values()} == {12}
    assert {jobs[arm].plan.epochs for arm in ("labelled_only", "momentum", "frozen")} == {1}
    first = settings["stage1_epochs"] * (12 // settings["batch_size"])
    assert (jobs["offline"].plan.epochs - 1) * a_pass >= first
    assert arms.stage_two(settings, "offline", 0, start).plan.epochs == 1


def test_arms_start_from_stage_one_but_offline_from_the_untrained_recogniser_where_asked(settings, corpus, start):
    trained, fresh = arms.make_recogniser(settings, 7), arms.make_recogniser(settings, 0)
    over = settings | {"offline_start": "untrained"}
    cases = [(settings, arm, trained) for arm in ("labelled_only", "momentum", "frozen", "offline")]
    for mine_settings, arm, expected in [*cases, (over, "offline", fresh)]:
        method = arms.stage_two(mine_settings, arm, 0, start).method
        for mine, theirs in zip(method.encoder.parameters(), expected.parameters(), strict=True):
            assert torch.equal(mine, theirs), arm
        if isinstance(method, PseudoLabelling):
            assert (method.momentum is None) == (arm == "frozen")
    job = arms.stage_two(settings, "momentum", 0, start)
    assert isinstance(job.method, PseudoLabelling)
    assert job.method.momentum == pytest.approx(0.5 ** (1 / (job.plan.epochs * 3)))


def test_a_step_under_a_frozen_teacher_is_a_step_on_the_labels_it_writes(settings, start):
    frozen, offline = (arms.stage_two(settings, arm, 2, start) for arm in ("frozen", "offline"))
    batch = frozen.corpus.load(np.arange(4))
    unknown = batch["target_length"] < 0
    assert unknown.sum() == 4
    assert isinstance(frozen.method, PseudoLabelling)
    written, counts = pseudo_labels(frozen.method.teacher, batch["input"][unknown], batch["length"][unknown])
    wide = max(batch["target"].shape[1], written.shape[1])
    target = torch.full((8, wide), -1)
    target[~unknown, : batch["target"].shape[1]] = batch["target"][~unknown]
    target[unknown, : written.shape[1]] = written
    known = batch | {"target": target, "target_length": batch["target_length"].masked_scatter(unknown, counts)}
    losses = []
    for method, heard in ((frozen.method, batch), (offline.method, known)):
        torch.manual_seed(0)
        loss = method.train().training_step(heard)["loss"]
        loss.backward()
        losses.append(loss.detach())
    torch.testing.assert_close(losses[0], losses[1])
    for mine, theirs in zip(frozen.method.encoder.parameters(), offline.method.encoder.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


def test_labelled_only_never_hears_the_unlabelled_speech(corpus, settings, start):
    parts = arms.parts_of(corpus, settings)
    job = arms.stage_two(settings, "labelled_only", 0, start)
    assert isinstance(job.method, CtcRecognition)
    assert not isinstance(job.method, PseudoLabelling)
    assert (job.corpus.load(np.arange(12))["target_length"] > 0).all()
    assert set(marks(job.corpus.load(np.arange(12)))) == set(marks(corpus.load(parts.labelled)))


def test_hiding_labels_takes_whole_speakers_and_keeps_their_speech(corpus, settings):
    whole = arms.parts_of(corpus, settings)
    part = arms.parts_of(corpus, settings | {"labelled_share": 0.34})
    speakers = corpus.table["subject"].to_numpy()
    assert len(set(speakers[part.labelled])) == 1
    assert len(part.labelled) + len(part.unlabelled) == len(whole.labelled) + len(whole.unlabelled)
    assert not set(speakers[part.labelled]) & set(speakers[part.unlabelled])


def test_without_unlabelled_speech_the_study_says_what_to_do(corpus, settings):
    alone = corpus.select(np.flatnonzero(corpus.table["split"] != "unlabelled"))
    with pytest.raises(StudyError, match=r"there is no unlabelled speech.*lower labelled_share"):
        arms.parts_of(alone, settings)


def test_features_have_mean_0_and_deviation_1_a_band_and_padding_stays_zero(corpus):
    batch = corpus.load(np.array([0, 5, 9]))
    for clip, length in zip(batch["input"], batch["length"].tolist(), strict=True):
        assert torch.allclose(clip[:length].mean(0), torch.zeros(40), atol=1e-4)
        assert torch.allclose(clip[:length].std(0, correction=0), torch.ones(40), atol=1e-3)
        assert (clip[length:] == 0).all()


def test_an_arm_repeats_bit_for_bit(settings, corpus, start):
    found, again = (steps.arm_trained(settings, "momentum", 3, start, "") for _ in range(2))
    assert found["history"] == again["history"]
    assert found["written"] == again["written"]
    assert all(torch.equal(found["weights"][name], again["weights"][name]) for name in found["weights"])


@pytest.mark.parametrize("encoder", ["wav2vec2_small"])
def test_wav2vec2_goes_through_both_stages(settings, encoder, start, tmp_path):
    mine = settings | {"encoder": encoder}
    job = arms.stage_one(mine, 0)
    history = train(job.method, job.corpus, job.rows[:4], job.plan, validate=job.validate)
    assert np.isfinite(history.epochs[0]["loss"])
    save_file(job.method.encoder.state_dict(), str(tmp_path / "w.safetensors"))
    second = arms.stage_two(mine, "momentum", 0, str(tmp_path / "w.safetensors"))
    loss = second.method(second.corpus.load(np.arange(2)))["loss"]
    assert torch.isfinite(loss)


def comparison_of(written: dict[str, list[list[str]]], **more: Any) -> Comparison:
    """A comparison of two speakers with two utterances each; ``written`` by arm and seed."""
    canonical = ["S IY", "T AA", "S IY", "T AA"]
    heard = more.get("heard", ["Z IY", "T AA", "S IY", "D AA"])
    runs = {(arm, seed): {"written": its} for arm, by_seed in written.items() for seed, its in enumerate(by_seed)}
    return Comparison(
        runs, [c.split() for c in canonical], [h.split() for h in heard], np.array(["a", "a", "b", "b"]),
        more.get("accentedness", {"a": 2.0, "b": 5.0}), {"a": "Hindi", "b": "Korean"},
        list(range(len(written["momentum"]))),
    )  # fmt: skip


RIGHT = ["Z IY", "T AA", "S IY", "D AA"]
WRONG = ["S IY", "T AA", "S IY", "D AA"]  # misses the error of speaker a


def test_scores_are_by_seed_and_speaker_and_pooled_over_all():
    found = comparison_of({"momentum": [RIGHT, WRONG], "labelled_only": [WRONG, WRONG], "offline": [WRONG, WRONG]})
    assert found.names() == ["a", "b"]
    assert found.scores("momentum", "phone_error_rate").tolist() == [[0, 0], [0.25, 0]]
    assert found.pooled("momentum", "phone_error_rate").tolist() == [0, 0.125]
    assert found.pooled("labelled_only", "recall").tolist() == [0.5, 0.5]
    assert found.predicted_rates("labelled_only") == {"a": 0, "b": 0.25}
    assert found.heard_rates() == {"a": 0.25, "b": 0.25}


class StudyOf:
    card = study_card("mispronunciation")


def test_evidence_pairs_momentum_with_both_baselines_by_seed_and_speaker():
    found = comparison_of({"momentum": [RIGHT, RIGHT], "labelled_only": [WRONG, WRONG], "offline": [RIGHT, WRONG]})
    pairs = {e.claim.key: e for e in steps.evidence(StudyOf(), found)}  # type: ignore[arg-type]
    assert pairs["lowers_per"].baseline.tolist() == [[0.25, 0], [0.25, 0]]
    assert pairs["lowers_per"].method.tolist() == [[0, 0], [0, 0]]
    assert pairs["lower_per_than_offline"].baseline.tolist() == [[0, 0], [0.25, 0]]
    assert pairs["raises_f1"].method.tolist() == [[1, 1], [1, 1]]
    assert pairs["raises_f1"].baseline[0].tolist() == [0, 1]


def test_speakers_without_errors_heard_or_found_are_left_out_of_f1_only():
    heard = ["Z IY", "T AA", "S IY", "T AA"]
    found = comparison_of(
        {"momentum": [["Z IY", *heard[1:]]], "labelled_only": [heard], "offline": [heard]}, heard=heard
    )
    pairs = {e.claim.key: e for e in steps.evidence(StudyOf(), found)}  # type: ignore[arg-type]
    assert pairs["raises_f1"].method.shape == (1, 1)
    assert pairs["lowers_per"].method.shape == (1, 2)


def test_the_correlation_with_accentedness_is_scipys_and_undefined_for_few_speakers():
    from scipy.stats import pearsonr

    names = list("abcdefgh")
    rng = np.random.default_rng(0)
    scores, rates = rng.random(8), rng.random(8)
    held = Comparison({}, [], [], np.array(names), dict(zip(names, scores, strict=True)), {}, [0])
    r, low, high = steps.accentedness_correlation(held, dict(zip(names, rates, strict=True)))["pearson"]
    expected = pearsonr(scores, rates)
    assert r == pytest.approx(expected.statistic)
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval(0.95)), abs=1e-3)
    few = comparison_of({"momentum": [RIGHT]})
    assert np.isnan(steps.accentedness_correlation(few, few.heard_rates())["pearson"][0])


def test_segments_are_read_back_as_written(corpus):
    row = int(corpus.rows("train")[0])
    found = figures.segments_of(corpus, row)
    assert [phone for phone, _, _ in found] == corpus.table["perceived"].iloc[row].split()
    assert all(end > start >= 0 for _, start, end in found)


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"arms": ["momentum", "offline"]}, "labelled_only must be among them"),
        ({"arms": ["momentum", "offline", "labelled_only", "momentum"]}, "an arm stands twice"),
        ({"labelled_share": 0}, "labelled_share"),
        ({"encoder": "conformer"}, "encoder"),
        ({"corpus": "timit"}, "corpus: 'timit' is unknown"),
    ],
)
def test_parameters_without_which_a_claim_cannot_be_judged_are_refused(wrong, line):
    with pytest.raises(StudyError, match=line):
        study_card("mispronunciation").validated({"corpus": "learners", **wrong})
