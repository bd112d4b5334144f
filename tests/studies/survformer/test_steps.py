"""The steps of the study: one fold end to end, statistics of training folds, evidence that pairs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from helpers.data.corpora.survival import survival_folds
from helpers.studies.study import Study
from helpers.studies.survformer import explore, figures, steps
from helpers.studies.survformer.about import SurvFormerParameters

TINY: dict[str, Any] = {
    "corpus": "whas500", "rows": 200, "folds": 4, "folds_run": 2, "pretrain_epochs": 1, "epochs": 1, "workers": 1,
    "baselines": ["Kaplan-Meier", "Cox"], "variants": ["scratch", "both"],
    "width": 8, "feed_forward": 8, "hidden": 8, "windows": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def corpus() -> Any:
    return steps.read_corpus(SurvFormerParameters(**TINY))


def test_scaling_and_gaps_of_a_fold_ignore_its_other_parts(corpus: Any) -> None:
    fold = survival_folds(corpus, 4, 0)[0]
    data = steps.fold_data(corpus, fold, 0.3, seed=0)
    numeric = len(corpus.numeric)
    for j in range(numeric):
        known = data.values[fold.train, j][data.present[fold.train, j]]
        assert abs(float(known.mean())) < 1e-4
    taken = 1 - float(data.present.float().mean())
    assert abs(taken - 0.3) < 0.03
    other = steps.fold_data(corpus, survival_folds(corpus, 4, 0)[1], 0.3, seed=0)
    np.testing.assert_array_equal(np.isnan(data.features), np.isnan(other.features))


def test_a_fold_s_job_is_repeatable_and_scores_every_method_on_both_parts() -> None:
    parameters = SurvFormerParameters(**TINY).model_dump()
    first, again = (steps.grid_job(parameters, fold=0, missing=0.3, seed=0) for _ in range(2))
    assert first["rows"] == again["rows"]
    methods = {row["method"] for row in first["rows"]}
    assert methods == {"Kaplan-Meier", "Cox", steps.METHOD_NAMES["scratch"], steps.METHOD_NAMES["both"]}
    assert all(np.isfinite(row["value"]) for row in first["rows"])
    km = {
        row["metric"]: row["value"]
        for row in first["rows"]
        if row["method"] == "Kaplan-Meier" and row["split"] == "test"
    }
    assert km["C-td"] == 0.5


def test_all_variants_start_from_the_same_head_and_budget(corpus: Any) -> None:
    p = SurvFormerParameters(**TINY)
    data = steps.fold_data(corpus, survival_folds(corpus, 4, 0)[0], 0.0, seed=0)
    torch.manual_seed(0)
    encoder = steps.pretext(data, "both", p).encoder
    frozen = SurvFormerParameters(**{**TINY, "epochs": 0})
    one, two = (steps.fine_tune(encoder, data, frozen, seed=3)[0] for _ in range(2))
    for mine, other in zip(one.head.parameters(), two.head.parameters(), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize(("rows", "expected"), [(100, 5), (1142, 2), (4700, 1), (10**6, 1)])
def test_small_cohorts_get_more_members(rows: int, expected: int) -> None:
    assert steps.member_count(rows, 2500) == expected
    assert steps.member_count(rows, 0) == 1


@pytest.mark.parametrize("rows", [30, 412, 1142, 5324])
def test_cohorts_of_all_sizes_get_about_as_many_steps(rows: int) -> None:
    epochs, batch = steps.budget(10, 256, rows)
    assert 2 <= batch <= 256
    assert epochs * (rows // batch) >= 200


def test_a_run_records_pairs_figures_and_a_verdict(outputs: Path) -> None:
    study = Study("survformer", **TINY)
    data, method, history = steps.pretrain_shown(study)
    shown = steps.fine_tune_shown(study, data, method, history)
    grid = steps.run_grid(study)
    results = study.results()
    table = steps.comparison_table(results, 0.0)
    assert "±" in table.loc["Cox", "C-td"]
    note = study.data_note
    corpus = steps.read_corpus(study.parameters)
    for figure in (
        figures.data_figure(corpus, note),
        figures.pretext_figure(method, data, note),
        figures.training_figure(history, shown.fine_tuning, note),
        figures.learned_figure(shown, note),
        figures.comparison_figure(results, "metabric", note),
        figures.missingness_figure(results, note),
        figures.calibration_figure(grid, "days", note),
        explore.patient_figure(shown, 0, corpus.features[0], 1.0, note),
        explore.patient_figure(shown, 1, next(iter(corpus.categorical)), 1.0, note),
    ):
        words = [axes.get_xlabel() for axes in figure.axes]
        assert any(words)
        assert "whas500 (real data)" in figure.get_supxlabel()
    found, notes = steps.evidence(study)
    assert [len(item.method) for item in found] == [2, 2]
    verdicts = study.verdict(found, notes).verdicts
    assert {v.claim for v in verdicts} == {"pretraining_helps_when_missing", "calibration_kept"}
    assert (study.folder / "results.parquet").is_file()


def test_the_rival_is_chosen_on_validation_rows() -> None:
    study = Study("survformer", **TINY)
    for method, validation, test in (("Kaplan-Meier", 0.2, 0.1), ("Cox", 0.1, 0.2)):
        for split, value in (("validation", validation), ("test", test)):
            study.record(
                method=method, metric="IBS", value=value, n=1, fold=0, seed=0, condition="missing=0", split=split
            )
    assert steps.best_baseline(study.results(), ["Kaplan-Meier", "Cox"]) == "Cox"


def test_recovered_share_is_high_for_a_copy_and_near_zero_for_noise(corpus: Any) -> None:
    p = SurvFormerParameters(**{**TINY, "pretrain_epochs": 6, "pretrain_learning_rate": 0.01, "width": 16})
    data = steps.fold_data(corpus, survival_folds(corpus, 4, 0)[0], 0.0, seed=0)
    data.values[:, 1] = data.values[:, 0]
    torch.manual_seed(0)
    method = steps.pretext(data, "reconstruct", p)
    steps.train(method, data.corpus, data.fold.train, steps.pretraining_plan(p, len(data.fold.train), 0))
    saved = figures.recovered_share(method, data)
    assert saved.iloc[0] > 0.6
    assert saved.iloc[1] > 0.6
