"""The study's steps: equal budgets, labels kept out of mining, evidence that pairs, jobs that repeat."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.errors import StudyError
from helpers.studies.study import Study
from helpers.studies.video_siamese import steps
from helpers.studies.video_siamese.about import CARD

TINY = {
    "frame_size": 16, "clip_frames": 4, "people": 9, "videos_each": 2, "video_seconds": 4.0, "pairs": 32, "epochs": 1,
    "batch_size": 16, "fine_tune_epochs": 1, "error_rates": [0.5], "workers": 1, "seeds": [0, 1], "far_seconds": 2.0,
}  # fmt: skip


@pytest.fixture
def settings() -> dict:
    return CARD.validated(TINY).model_dump(exclude={"scale", "seeds", "workers", "threads", "processes", "error_rates"})


def test_a_whole_run_gives_a_verdict_on_every_claim_and_repeats_bit_for_bit(outputs: Path) -> None:
    tables = []
    for _ in range(2):
        study = Study("video_siamese", **TINY)
        table = steps.compare(study)
        verdicts = study.verdict(steps.evidence(study, table), steps.notes(study, table)).verdicts
        tables.append(pd.read_parquet(study.folder / "results.parquet"))
        assert any("pairs that say nothing" in note for note in steps.notes(study, table))
        assert [v.claim for v in verdicts] == ["same_corpus", "other_corpus", "start"]
        assert all(v.low is not None and v.low <= v.effect <= v.high for v in verdicts)
    pd.testing.assert_frame_equal(*tables)
    asked = set(zip(tables[0]["method"], tables[0]["metric"]))
    assert {("siamese", "linear_accuracy"), ("arrow", "knn_accuracy"), ("scratch", "fine_tune_accuracy")} <= asked
    assert ("random", "fine_tune_accuracy") not in asked
    assert tables[0]["value"].between(0, 1).all()


def test_every_arm_of_a_seed_starts_from_the_same_weights_and_sees_the_same_clips(settings: dict) -> None:
    jobs = {arm: steps.pretraining(settings, 3, arm, 0.0) for arm in ("siamese", "arrow")}
    states = [job.method.encoder.state_dict() for job in jobs.values()]
    states.append(steps.fresh_encoder(settings, 3)[0].state_dict())
    for name, weights in states[0].items():
        assert all(torch.equal(weights, other[name]) for other in states[1:])
    assert jobs["siamese"].plan == jobs["arrow"].plan
    one, two = (job.corpus.load(np.arange(5)) for job in jobs.values())
    assert isinstance(one, dict)
    assert isinstance(two, dict)
    assert torch.equal(one["first"], two["first"])


def test_pairs_come_from_training_clips_and_differ_from_seed_to_seed(settings: dict) -> None:
    corpus = steps.open_corpus(settings)
    first, second = steps.mined(settings, 0), steps.mined(settings, 1)
    train = set(corpus.rows("train"))
    assert set(first.first) | set(first.second) <= train
    assert not np.array_equal(first.first, second.first)
    turned = steps.mined(settings, 0, error=0.25)
    assert (turned.same != first.same).mean() == 0.25


def test_expected_errors_weigh_the_kinds_by_their_share(settings: dict) -> None:
    table = steps.error_table(settings, 0).set_index("kind")
    kinds = ["near", "far", "other"]
    share = table.loc[kinds, "pairs"] / table.loc["all", "pairs"]
    assert table.loc["all", "expected"] == pytest.approx((share * table.loc[kinds, "expected"]).sum())
    assert table.loc["near", "expected"] < 0.2 < table.loc["far", "expected"]


def test_the_matrix_is_seeds_by_subjects_in_one_order() -> None:
    rows = [
        {"place": "home", "arm": "siamese", "evaluation": "linear", "fraction": 1.0, "error": 0.0, "seed": seed,
         "subject": subject, "accuracy": seed + i / 10}
        for seed in (1, 0) for i, subject in enumerate(("a", "b", "c"))
    ]  # fmt: skip
    found = steps.matrix(pd.DataFrame(rows), "home", "siamese", "linear", 1.0)
    np.testing.assert_allclose(found, [[0, 0.1, 0.2], [1, 1.1, 1.2]])


def test_nearest_clips_are_training_clips_of_different_videos(settings: dict) -> None:
    corpus = steps.open_corpus(settings)
    queries = steps.labelled_rows(corpus)["test"][:3]
    found = steps.nearest_clips(steps.fresh_encoder(settings, 0)[0], corpus, queries, k=3)
    assert found.shape == (3, 3)
    assert set(found.ravel()) <= set(corpus.rows("train"))
    for row in found:
        assert corpus.table["group"].iloc[row].nunique() == 3


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"near_seconds": 4.0}, r"near_seconds \(4\) must be below far_seconds"),
        ({"transfer_corpus": "drawn_studio"}, "corpus and transfer_corpus are one and the same"),
        ({"transfer_corpus": "moon"}, "transfer_corpus must be one of"),
        ({"label_fractions": [0.5]}, "label_fractions: each share"),
        ({"error_rates": [0.6]}, "error_rates: each rate"),
        ({"epochs": -1}, "epochs"),
        ({"margn": 1}, "did you mean margin"),
    ],
)
def test_impossible_parameters_are_one_line_that_names_the_key(changed: dict, line: str) -> None:
    with pytest.raises(StudyError, match=line):
        CARD.validated(changed)


def test_a_real_corpus_without_its_folder_is_refused_before_anything_runs() -> None:
    with pytest.raises(StudyError, match="set data_root"):
        Study("video_siamese", corpus="kth")
