"""The study's steps on a very small run: who sees which rows, what is recorded, and that every figure can be drawn."""

import numpy as np
import pytest
import torch

from helpers.errors import StudyError
from helpers.studies.direct_pred import arms, figures, probing, steps
from helpers.studies.direct_pred.about import CARD
from helpers.studies.direct_pred.dynamics import LinearSetting
from helpers.studies.study import Study

TINY = {
    "train_limit": 150, "epochs": 1, "ablation_epochs": 1, "batch_size": 32, "hidden": 16, "projection": 8,
    "workers": 1,
    "label_fractions": [0.5, 1.0], "scratch_epochs": 1, "seeds": [0, 1], "ablation_weight_decays": [0.0, 4e-4],
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIES_OUTPUTS", str(tmp_path_factory.mktemp("outputs")))
        study = Study("direct_pred", **TINY)
        shown = steps.pretrain_shown(study)
        comparison = steps.ablate(study, steps.compare(study, shown))
        yield study, shown, comparison


def test_test_images_are_in_no_other_part_and_labels_come_from_training_alone():
    settings = CARD.validated({"train_limit": 0}).model_dump()
    corpus = arms.open_corpus(settings)
    rows = arms.rows_of(corpus, settings)
    assert not set(rows.test) & set(rows.pretrain)
    assert not set(rows.train) & set(rows.validation)
    assert set(rows.pretrain) == set(rows.train) | set(rows.validation)
    assert (corpus.table["split"].iloc[rows.test] == "test").all()
    assert len(rows.validation) == 800


def test_every_arm_of_a_seed_starts_from_the_same_encoder():
    settings = CARD.validated(TINY).model_dump()
    corpus = arms.open_corpus(settings)
    first, again = (arms.make_encoder(settings, corpus, 3)[0].state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = arms.make_encoder(settings, corpus, 4)[0].state_dict()
    assert not torch.equal(first["network.0.weight"], other["network.0.weight"])


def test_the_random_encoders_norms_know_the_training_images():
    settings = CARD.validated(TINY).model_dump()
    encoder = probing.random_encoder(settings, 0)
    assert not encoder.training
    assert encoder.network[1].running_mean.abs().sum() > 0


def test_every_claim_has_paired_correctness_on_the_whole_test_set(run):
    study, _, comparison = run
    evidence = steps.evidence(study, comparison)
    assert {item.claim.key for item in evidence} == {claim.key for claim in CARD.claims}
    for item in evidence:
        assert item.method.shape == item.baseline.shape == (2, 1000)
        assert set(np.unique(item.method)) <= {0.0, 1.0}


def test_what_was_recorded_covers_arms_baselines_fractions_and_ablation(run):
    study, _, _ = run
    results = study.results()
    linear = results[results["metric"] == "linear_accuracy"]
    assert set(linear["method"]) == {
        "two_layer", "linear", "direct_pred", "direct_copy", "none", "direct_pred/no_ema", "direct_pred/no_stop",
        "random",
    }  # fmt: skip
    assert (linear.groupby("method").size() == 4).all()
    assert set(results.loc[results["metric"] == "accuracy", "method"]) == {"scratch"}
    knn = results[(results["metric"] == "knn_accuracy") & results["method"].str.startswith("ablation/")]
    assert len(knn) == 5 * 3 * 2
    assert results["value"].between(0, 100).all()


def test_a_job_gives_the_same_numbers_twice(run):
    study, _, comparison = run
    settings = steps.settings_of(study)
    again = steps.pretrained_arm(settings, "linear", "ema", 1, 1, study.parameters.weight_decay, True, "")
    assert torch.equal(again["linear"]["1.0"], comparison.main["linear", 1]["linear"]["1.0"])
    assert again["history"] == comparison.main["linear", 1]["history"]


def test_direct_pred_is_aligned_from_the_first_epoch_on_and_sgd_is_not(run):
    _, _, comparison = run
    assert comparison.main["direct_pred", 0]["history"][0]["alignment"] == pytest.approx(1, abs=1e-3)
    assert comparison.main["linear", 0]["history"][0]["alignment"] < 0.95


def test_every_figure_and_table_can_be_drawn(run):
    study, (method, history), comparison = run
    settings = steps.settings_of(study)
    corpus = arms.open_corpus(settings)
    rows = arms.rows_of(corpus, settings)
    views = arms.make_views(settings, *arms.image_shape(corpus))
    drawn = [
        figures.picture_grid(corpus, rows.train, study.data_note),
        figures.view_pairs(corpus, arms.one_a_class(corpus, rows.train), views, study.data_note),
        figures.training_curves(history, comparison, study.data_note),
        figures.comparison_figure(comparison, [0.5, 1.0], study.data_note),
        figures.ablation_heat_map(comparison, 1, study.data_note),
        figures.alignment_curves(comparison, study.data_note),
        figures.dynamics_figure(LinearSetting(), duration=1.0),
    ]
    maps, names, labels = steps.embeddings(study, comparison, method, at_most=40)
    drawn.append(figures.embedding_maps(maps, labels, names, study.data_note))
    for figure in drawn:
        figure.draw_without_rendering()
        words = " ".join(text.get_text() for text in figure.texts) + str(figure.get_supxlabel())
        assert "digits (real data)" in words or "simulated data" in words
    table = figures.accuracy_table(comparison, [0.5, 1.0])
    assert list(table.columns[:2]) == ["50 % labels", "100 % labels"]
    assert "±" in table.loc["DirectPred", "100 % labels"]
    assert len(figures.has_left_start(comparison)) == 7
    notes = " ".join(steps.notes(study, comparison))
    assert "same learning rate" in notes
    assert "Collapse watch" in notes


def test_colour_images_get_colour_views_and_grey_ones_none():
    settings = CARD.validated({}).model_dump()
    assert arms.make_views(settings, 1, 28).saturation == 0
    assert arms.make_views(settings, 3, 32).saturation > 0
    assert arms.make_views(settings | {"augmentation_strength": 0.5}, 3, 32).hue == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("values", "words"),
    [({"predictors": ["linear", "direct_pred"]}, "two_layer must be"), ({"label_fractions": [0.1]}, "1 must be"),
     ({"ema": 1.0}, "ema"), ({"corpus": "imagenet"}, "unknown; allowed"), ({"epochs": -1}, "epochs"),
     ({"ablation_weight_decays": [-1.0]}, "must be >= 0"), ({"epoch": 3}, "did you mean epochs")],
)  # fmt: skip
def test_impossible_parameters_are_one_clear_line(values, words):
    with pytest.raises(StudyError, match=words):
        CARD.validated(values)


def test_a_corpus_without_root_is_refused_before_anything_is_done():
    with pytest.raises(StudyError, match="needs data_root"):
        CARD.data_sources(CARD.validated({"corpus": "cifar10"}))
