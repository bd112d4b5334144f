"""The fair_faces study: roles, recipes, each step's own measures, evidence, and a whole small comparison."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.studies.catalogue import study_card
from helpers.studies.fair_faces import arms, pipeline, result_figures, steps
from helpers.studies.fair_faces.about import ABLATIONS, BASELINES, MARGIN


def settings_for(**changes) -> dict:
    small = {
        "corpus": "faces", "scale": "quick", "seeds": [0], "image_size": 24, "drawn_train": 260, "drawn_test": 30,
        "reference_each": 3, "source_faces": 64, "source_steps": 2, "hidden": 16, "projection": 8, "train_steps": 2,
        "epochs": 1, "batch_size": 16, "meta_batch": 8, "meta_every": 1, "imbalance": 4.0,
    }  # fmt: skip
    parameters = study_card("fair_faces").validated(small | changes)
    return parameters.model_dump(exclude={"scale", "seeds", "workers", "threads"})


@pytest.fixture(autouse=True)
def one_cache(outputs, monkeypatch, tmp_path_factory):
    """Faces are drawn once for all tests here."""
    monkeypatch.setenv("STUDIES_OUTPUTS", str(tmp_path_factory.getbasetemp() / "fair_faces"))


def test_no_subject_has_two_roles_and_the_reference_is_balanced():
    settings = settings_for()
    corpus = arms.open_faces(settings)
    roles = arms.roles_of(corpus, 3)
    subjects = [
        set(corpus.table["subject"].iloc[getattr(roles, name)]) for name in ("reference", "validation", "pool", "test")
    ]
    assert sum(map(len, subjects)) == len(set().union(*subjects))
    cells = corpus.table.iloc[roles.reference].groupby(["group", "label"]).size()
    assert cells.tolist() == [3] * 10
    assert set(corpus.table["split"].iloc[roles.reference]) == {"train"}  # the reference enters training
    again = arms.roles_of(corpus, 3)
    assert np.array_equal(roles.pool, again.pool)
    with pytest.raises(StudyError, match="lower reference_each"):
        arms.roles_of(corpus, 40)


def test_every_arm_takes_as_many_steps_from_the_same_start():
    settings = settings_for()
    prepared = {"kept": {name: torch.arange(10, 60) for name in pipeline.VARIANTS}}
    prepared["pseudo"] = torch.zeros(len(arms.pool_of(settings, 0)), dtype=torch.long)
    starts, images = {}, set()
    for arm in arms.RECIPES:
        job = arms.pretraining(settings, arm, 0, prepared)
        starts[arm] = next(arms.encoder_of(job.method).parameters()).detach()
        images.add((len(job.rows), job.plan.epochs, job.plan.batch_size, job.plan.learning_rate))
    assert len(images) == 1
    assert all(torch.equal(starts["pipeline"], start) for start in starts.values())
    assert set(arms.RECIPES) == {"pipeline", "supervised", "supervised_web", *BASELINES, *ABLATIONS}


def test_each_ablation_changes_one_thing_of_the_pipeline():
    full = arms.RECIPES["pipeline"]
    for name in ABLATIONS:
        other = arms.RECIPES[name]
        assert sum(getattr(full, f) != getattr(other, f) for f in ("pool", "labels", "loss")) == 1


def test_labels_of_an_arm_are_those_that_its_recipe_says():
    settings = settings_for()
    pool, corpus = arms.pool_of(settings, 0), arms.open_faces(settings)
    names = sorted(corpus.table["label"].unique())
    prepared = {"kept": {"full": torch.arange(4)}, "pseudo": torch.full((len(pool),), 1)}
    web = arms.training_set(settings, "supcon", 0, prepared)
    assert [names[i] for i in web[2]] == pool.table["web_label"].tolist()
    assert web[1].tolist() == list(range(len(pool)))
    pseudo = arms.training_set(settings, "pipeline", 0, prepared)
    assert set(pseudo[2].tolist()) == {1}
    assert pseudo[1].tolist() == [0, 1, 2, 3]
    own = arms.training_set(settings, "supervised", 0, prepared)
    assert [names[i] for i in own[2][own[1]]] == corpus.table["label"].iloc[own[1]].tolist()


def pool_by_hand() -> Corpus:
    table = pd.DataFrame(
        {"origin": [0, 0, 1, 2, 2, 3], "kind": ["original", "copy", "original", "original", "poor", "original"],
         "group": ["a", "a", "b", "b", "b", "a"], "truth": ["x", "x", "y", "y", "y", "x"],
         "web_label": ["x", "x", "x", "y", "y", "x"]}
    )  # fmt: skip
    table["subject"], table["sample_id"] = table["origin"], [f"s{i}" for i in range(6)]
    table["label"], table["split"] = None, "unlabelled"
    return Corpus("pool", table, lambda rows: torch.zeros(len(rows), 3, 4, 4), ("label",), "-", "-", True, "f")


def test_measures_of_the_steps_are_those_counted_by_hand():
    stays = np.array([True, False, True, True, True, False])  # the copy is gone rightly, origin 3 wrongly
    good = np.array([True, True, False, True, False, True])  # the poor picture is out, and one good one
    kept = {"full": np.array([0, 2, 3])}
    found = pipeline.measure(pool_by_hand(), stays, good, kept, np.array([0, 0, 1, 1, 0, 0]), ["x", "y"])
    assert found["duplicate precision"] == 0.5
    assert found["duplicate recall"] == 1.0
    assert found["quality precision"] == 0.5
    assert found["quality recall"] == 1.0
    assert found["share before: a"] == 0.5
    assert found["share after: a"] == pytest.approx(1 / 3)
    assert found["web labels right: b"] == pytest.approx(2 / 3)
    assert found["pseudo-labels right"] == pytest.approx(5 / 6)
    assert found["good pictures dropped as poor: b"] == pytest.approx(1 / 2)


def test_steps_left_out_leave_what_they_would_have_dropped():
    torch.manual_seed(0)
    z = torch.nn.functional.normalize(torch.randn(60, 8), dim=1)
    stays, good = np.arange(60) % 3 > 0, np.arange(60) % 5 > 0
    kept = pipeline.kept_rows(z, z[:10], stays, good, 3)
    assert stays[kept["full"]].all()
    assert good[kept["full"]].all()
    assert (~stays)[kept["no_dedup"]].any()
    assert (~good)[kept["no_quality"]].any()
    assert kept["no_retrieval"].tolist() == np.flatnonzero(stays & good).tolist()
    assert set(kept["full"]) <= set(kept["no_quality"])


def comparison_by_hand(predicted: dict[str, list[int]]) -> steps.Comparison:
    truth = np.array([0, 1] * 8)
    runs = {
        (arm, seed): {"predicted": torch.tensor(p), "validation": {"byol": 0.9}.get(arm, 0.5)}
        for arm, p in predicted.items() for seed in (0, 1)
    }  # fmt: skip
    return steps.Comparison(runs, truth, np.repeat(["a", "b"], 8), ["a", "b"], ["no", "yes"], [0, 1])


class StudyOf:
    card = study_card("fair_faces")


def test_evidence_pairs_accuracy_and_spread_with_the_baseline_that_validation_chose():
    right = [0, 1] * 8
    uneven = [0, 1] * 4 + [1, 0] * 2 + [0, 1] * 2  # b is half wrong
    comparison = comparison_by_hand(
        {"pipeline": right, "byol": uneven, "simclr": right, "supcon": right, "random": uneven}
    )
    assert steps.best_baseline(comparison) == "byol"
    found = {e.claim.key: e for e in steps.evidence(StudyOf(), comparison)}
    assert found["no_loss"].method.mean() == 1.0
    assert found["no_loss"].baseline.mean() == 0.75
    assert found["no_loss"].claim.margin == MARGIN > 0
    assert found["narrower"].claim.direction == "lower"
    assert found["narrower"].method.mean() == pytest.approx(0)
    assert found["narrower"].baseline.mean() == pytest.approx(0.25, abs=0.01)
    assert found["narrower"].baseline.shape == (2, 16)


def test_tables_have_every_arm_and_group_and_permuted_groups_permute_them():
    comparison = comparison_by_hand({"pipeline": [0, 1] * 8, "random": [0, 1] * 4 + [1, 0] * 2 + [0, 1] * 2})
    table = result_figures.group_table(comparison)
    assert table.loc["random encoder", "a"].startswith("100.0")
    assert table.loc["random encoder", "b"].startswith("50.0")
    assert table.loc["test images"].tolist() == ["8", "8"]
    swapped = steps.Comparison(
        comparison.runs, comparison.truth, np.repeat(["b", "a"], 8), ["a", "b"], comparison.names, [0, 1]
    )
    other = result_figures.group_table(swapped)
    assert other["a"].tolist() == table["b"].tolist()
    pd.testing.assert_frame_equal(result_figures.fairness_table(swapped), result_figures.fairness_table(comparison))


def test_a_small_pipeline_runs_whole_and_repeats_bit_for_bit(tmp_path: Path):
    settings = settings_for()
    encoder, source = pipeline.curating_encoder(settings)
    assert set(source) == {"smile", "glasses", "facial_hair", "long_hair"}
    file = pipeline.keep_encoder(encoder, tmp_path / "curating.safetensors")
    prepared = pipeline.prepare(settings, 0, file)
    again = pipeline.prepare(settings, 0, file)
    assert prepared["measured"] == pytest.approx(again["measured"], nan_ok=True)
    torch.save({"kept": prepared["kept"], "pseudo": prepared["pseudo"]}, tmp_path / "curated.pt")
    one = steps.trained(settings, "pipeline", 0, str(tmp_path / "curated.pt"))
    other = steps.trained(settings, "pipeline", 0, str(tmp_path / "curated.pt"))
    assert torch.equal(one["predicted"], other["predicted"])
    assert one["weights"] == pytest.approx(other["weights"], nan_ok=True)
    assert len(one["predicted"]) == 30
    simclr = steps.trained(settings, "simclr", 0, str(tmp_path / "curated.pt"))
    assert "weights" not in simclr


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"tone_shares": [0.5, 0.5, 0.5, 0.0, 0.0]}, "they must sum to 1"),
        ({"imbalance": 0.5}, "it is 0 or at least 1"),
        ({"corpus": "lfw"}, "corpus: 'lfw' is unknown"),
        ({"neighbours": 0}, "neighbours"),
    ],
)
def test_impossible_parameters_are_refused_in_one_line(wrong, line):
    with pytest.raises(StudyError, match=line):
        study_card("fair_faces").validated({"corpus": "faces", **wrong})
