"""Mined pairs: what they are, how often they are wrong, and that no label is looked at."""

import numpy as np
import pandas as pd
import pytest

from helpers.data.corpora.video import Drawing, drawn_actions
from helpers.data.corpora.video_clips import ClipGrid
from helpers.data.simulated.actions import FRAME_RATE, same_action_probability
from helpers.errors import StudyError
from helpers.views.clip_pairs import (
    Assumptions,
    Pairs,
    chance_of_same_class,
    mine_pairs,
    pair_errors,
    with_errors,
)


def chain_table(videos: int, frames: int, change: float, step: int = 8, seed: int = 0) -> pd.DataFrame:
    """Clips of videos whose action changes as the drawn worlds' does; no pixels."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(1, 6, (videos, frames)) * (rng.random((videos, frames)) < change)
    steps[:, 0] = np.arange(videos)
    actions = steps.cumsum(axis=1) % 6
    at = np.arange(0, frames, step)
    return pd.DataFrame(
        {
            "group": np.repeat([f"v{i}" for i in range(videos)], len(at)),
            "time": np.tile(at / FRAME_RATE, videos),
            "label": actions[:, at].ravel(),
        }
    )


def test_near_far_and_other_pairs_are_what_they_are_called() -> None:
    table = chain_table(20, 100, 0.01)
    rows = np.arange(30, len(table))
    pairs = mine_pairs(table, rows, 1000, Assumptions(near=1.0, far=3.0, far_share=0.4), seed=1)
    video, time = table["group"].to_numpy(), table["time"].to_numpy()
    one = video[pairs.first] == video[pairs.second]
    gap = np.abs(time[pairs.first] - time[pairs.second])
    assert one[pairs.kind == "near"].all()
    assert ((gap[pairs.kind == "near"] > 0) & (gap[pairs.kind == "near"] <= 1.0)).all()
    assert one[pairs.kind == "far"].all()
    assert (gap[pairs.kind == "far"] >= 3.0).all()
    assert not one[pairs.kind == "other"].any()
    assert (pairs.same == (pairs.kind == "near")).all()
    assert [(pairs.kind == kind).sum() for kind in ("near", "far", "other")] == [500, 200, 300]
    assert np.isin([pairs.first, pairs.second], rows).all()


def test_the_error_of_mined_pairs_is_the_one_that_the_assumptions_predict() -> None:
    change = 0.02
    table = chain_table(600, 96, change)
    rows = np.arange(len(table))
    pairs = mine_pairs(table, rows, 12_000, Assumptions(1.0, 3.0, 0.5), seed=2)
    found = pair_errors(pairs, table["label"].to_numpy()).set_index("kind")
    gap = np.abs(table["time"].to_numpy()[pairs.first] - table["time"].to_numpy()[pairs.second]) * FRAME_RATE
    same = same_action_probability(gap, change)
    expected = {
        "near": 1 - same[pairs.kind == "near"].mean(),
        "far": same[pairs.kind == "far"].mean(),
        "other": chance_of_same_class(table["label"].to_numpy(), table["group"].to_numpy()),
    }
    for kind, error in expected.items():  # pairs of one video share its changes: half as many independent ones
        n = found.loc[kind, "pairs"] / 2
        assert found.loc[kind, "error"] == pytest.approx(error, abs=4 * np.sqrt(error * (1 - error) / n)), kind


def test_a_drawn_world_has_the_pair_error_that_its_rate_of_change_predicts() -> None:
    drawing = Drawing(people=60, videos_each=4, seconds=8.0, change_rate=0.25, seed=3)
    corpus = drawn_actions("studio", 8, ClipGrid(4, 2, 8), drawing)
    rows = np.arange(len(corpus))
    pairs = mine_pairs(corpus.table, rows, 6000, Assumptions(1.0, 3.0, 0.5), seed=0)
    found = pair_errors(pairs, corpus.table["label"].to_numpy()).set_index("kind")["error"]
    time = corpus.table["time"].to_numpy()
    same = same_action_probability(
        np.abs(time[pairs.first] - time[pairs.second]) * FRAME_RATE, 1 - np.exp(-0.25 / FRAME_RATE)
    )
    assert found["near"] == pytest.approx(1 - same[pairs.kind == "near"].mean(), abs=0.04)
    assert found["far"] == pytest.approx(same[pairs.kind == "far"].mean(), abs=0.06)
    assert found["other"] == pytest.approx(1 / 6, abs=0.04)


def test_chance_of_same_class_equals_counting_all_pairs_of_videos() -> None:
    rng = np.random.default_rng(0)
    video = rng.integers(0, 7, 60)
    classes = rng.integers(0, 3, 60)
    shares = []
    for i in range(60):
        others = video != video[i]
        shares.append((classes[others] == classes[i]).mean())
    assert chance_of_same_class(classes, video) == pytest.approx(np.mean(shares))
    many = np.arange(6000)
    assert chance_of_same_class(many % 6, many) == pytest.approx(1 / 6, abs=1e-3)


def test_labels_are_not_looked_at() -> None:
    table = chain_table(10, 60, 0.02)
    one = mine_pairs(table, np.arange(len(table)), 200, Assumptions(1.0, 3.0), seed=0)
    two = mine_pairs(table.drop(columns="label"), np.arange(len(table)), 200, Assumptions(1.0, 3.0), seed=0)
    assert (one.first == two.first).all()
    assert (one.second == two.second).all()


def test_short_videos_give_no_far_pairs_and_other_videos_take_their_place() -> None:
    table = chain_table(10, 30, 0.0)
    pairs = mine_pairs(table, np.arange(len(table)), 100, Assumptions(1.0, 3.0, 0.5), seed=0)
    assert [(pairs.kind == kind).sum() for kind in ("near", "far", "other")] == [50, 0, 50]


def test_injected_errors_turn_exactly_the_asked_share_of_pairs() -> None:
    base = Pairs(np.arange(1000), np.arange(1000), np.arange(1000) % 2 == 0, np.repeat("near", 1000))
    for rate in (0.0, 0.1, 0.5):
        turned = with_errors(base, rate, seed=0)
        assert (turned.same != base.same).sum() == 1000 * rate
    more, less = with_errors(base, 0.3, 0).same != base.same, with_errors(base, 0.1, 0).same != base.same
    assert (more | ~less).all()  # what is wrong at 10 % stays wrong at 30 %


@pytest.mark.parametrize("assumed", [{"near": 0.0}, {"near": 4.0}, {"far_share": 1.2}])
def test_impossible_assumptions_are_refused(assumed: dict) -> None:
    with pytest.raises(StudyError, match="pairs need 0 < near"):
        Assumptions(**assumed)


def test_data_that_give_no_pairs_are_refused() -> None:
    table = chain_table(1, 60, 0.0)
    with pytest.raises(StudyError, match="at least two training videos"):
        mine_pairs(table, np.arange(len(table)), 10, Assumptions(), seed=0)
    sparse = chain_table(5, 60, 0.0, step=50)
    with pytest.raises(StudyError, match="near_seconds"):
        mine_pairs(sparse, np.arange(len(sparse)), 10, Assumptions(near=0.5), seed=0)
