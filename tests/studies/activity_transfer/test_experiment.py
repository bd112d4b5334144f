"""The transfer to a left-out subject is uninformed, and its sides share nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from helpers.errors import StudyError
from helpers.studies.activity_transfer import experiment
from helpers.studies.activity_transfer.about import CARD, ActivityTransferParameters
from helpers.studies.activity_transfer.experiment import GRID, METHODS, Windows
from tests.studies.activity_transfer import drawn


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> ActivityTransferParameters:
    return CARD.validated({**drawn.parameters(drawn.write(tmp_path_factory.mktemp("drawn"))), "inner_subjects": 1})


@pytest.fixture(scope="module")
def windows(study: ActivityTransferParameters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Windows]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIES_OUTPUTS", str(tmp_path_factory.mktemp("outputs")))
        yield experiment.open_windows(study)


def with_other_labels(windows: Windows, subject: str) -> Windows:
    """The subject's labels shuffled: all that is known of their truth is gone."""
    labels = windows.labels.copy()
    mine = windows.of(subject)
    labels[mine] = np.random.default_rng(1).permutation(labels[mine])
    assert (labels != windows.labels).any()
    return replace(windows, labels=labels)


@pytest.mark.parametrize("method", METHODS[:-1])
def test_shuffling_the_targets_labels_changes_no_prediction(
    study: ActivityTransferParameters, windows: Windows, method: str
) -> None:
    seen = []
    for known in (windows, with_other_labels(windows, "p1")):
        source = experiment.source_of(known, study, ["p1"], 0)
        raw, settings = known.features[known.of("p1")], experiment.settings_of(study)
        middle = GRID.get(method, (0.0, 0.0))[1]
        seen.append(experiment.predictions(source, raw, method, middle, settings, 0)[0])
    np.testing.assert_array_equal(*seen)


def test_shuffling_the_targets_labels_changes_no_chosen_setting(
    study: ActivityTransferParameters, windows: Windows
) -> None:
    chosen = experiment.chosen_settings(windows, study, "p2")
    assert chosen == experiment.chosen_settings(with_other_labels(windows, "p2"), study, "p2")
    assert all(chosen[method] in grid for method, grid in GRID.items())


def test_settings_are_searched_with_as_many_candidates_for_every_method() -> None:
    assert len({len(grid) for grid in GRID.values()}) == 1
    assert set(GRID) == set(METHODS) - {"source_only", "target_supervised"}


def test_no_recording_is_on_both_sides(study: ActivityTransferParameters, windows: Windows) -> None:
    source = windows.others(["p0"], study.source_every)
    assert not set(windows.recordings[source]) & set(windows.recordings[windows.of("p0")])
    assert "p0" not in windows.subjects[source]


def test_every_second_window_of_half_overlap_shares_no_sample(
    study: ActivityTransferParameters, windows: Windows
) -> None:
    table = windows.corpus.table.iloc[windows.others(["p0"], 2)]
    steps = table.groupby("recording")["start"].diff().dropna()
    assert (steps >= study.window_seconds - 1e-9).all()


def test_the_targets_features_do_not_move_the_sources_statistics(
    study: ActivityTransferParameters, windows: Windows
) -> None:
    moved = windows.features.copy()
    moved[windows.of("p3")] += 100
    one = experiment.source_of(windows, study, ["p3"], 0)
    other = experiment.source_of(replace(windows, features=moved), study, ["p3"], 0)
    np.testing.assert_array_equal(one.mean, other.mean)
    np.testing.assert_array_equal(one.std, other.std)


def test_activities_done_are_nested_and_differ_between_subjects_and_seeds() -> None:
    labels = np.repeat(np.arange(10), 3)
    kept = {share: set(labels[experiment.activities_done(labels, share, 0, "a")]) for share in (0.4, 0.6, 1.0)}
    assert kept[0.4] < kept[0.6] < kept[1.0]
    assert [len(k) for k in kept.values()] == [4, 6, 10]
    draws = {
        tuple(np.unique(labels[experiment.activities_done(labels, 0.4, seed, who)]))
        for seed in range(3)
        for who in "ab"
    }
    assert len(draws) > 3


def test_macro_f1_equals_scikit_learns_over_the_classes_that_occur() -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 4, 200), rng.integers(0, 6, 200)
    expected = f1_score(truth, predicted, labels=np.unique(truth), average="macro")
    assert experiment.macro_f1(truth, predicted) == pytest.approx(expected)


def test_a_job_gives_every_method_at_every_share_and_repeats_bit_for_bit(study: ActivityTransferParameters) -> None:
    plain = {**study.model_dump(), "inner_subjects": 0}
    one, same = (experiment.left_out_subject(plain, "p0") for _ in range(2))
    assert one["rows"] == same["rows"]
    accuracy = {(r["method"], r["share"]) for r in one["rows"] if r["metric"] == "accuracy"}
    assert accuracy == {(m, s) for m in (*METHODS, "community_vote") for s in study.target_shares}
    assert all(0 <= r["value"] <= 1 for r in one["rows"] if r["metric"] != "communities")
    for key, table in one["confusion"].items():
        assert torch.equal(table, same["confusion"][key])


def test_learned_features_come_from_an_encoder_that_never_saw_the_target(
    study: ActivityTransferParameters, windows: Windows
) -> None:
    job = experiment.pretraining(study.model_dump(), "p1")
    assert not set(job.rows) & set(windows.of("p1").tolist())
    learned = experiment.with_learned_features(windows, study, "p1")
    assert learned.features.shape == (len(windows.labels), study.encoder_features)
    np.testing.assert_array_equal(learned.labels, windows.labels)


def test_an_activity_that_only_the_left_out_subjects_do_is_one_clear_line(
    study: ActivityTransferParameters, windows: Windows
) -> None:
    rest = windows.classes.index("rest")
    only = np.where((windows.labels == rest) & (windows.subjects != "p0"), (rest + 1) % 3, windows.labels)
    with pytest.raises(StudyError, match="without p0 no subject does rest"):
        experiment.source_of(replace(windows, labels=only), study, ["p0"], 0)


def test_a_real_corpus_without_its_folder_is_one_clear_line(tmp_path: Path) -> None:
    for root, words in (("", "it is empty"), (str(tmp_path / "none"), "there is nothing at")):
        with pytest.raises(StudyError, match=words):
            CARD.data_sources(CARD.validated({"corpus": "pamap2", "data_root": root}))


@pytest.mark.parametrize("shares", [[0.4], [1.0, 0.0], [1.0, 1.2]])
def test_impossible_shares_are_one_clear_line(shares: list[float]) -> None:
    with pytest.raises(StudyError, match="target_shares: each share must be in"):
        CARD.validated({"target_shares": shares})
