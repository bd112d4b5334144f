"""The notebook's steps on a drawn corpus, from data to verdict."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from helpers.studies.activity_transfer import explore, figures, steps
from helpers.studies.activity_transfer.steps import Comparison
from helpers.studies.study import Study
from tests.studies.activity_transfer import drawn

Run = tuple[Study, steps.Windows, Comparison]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIES_OUTPUTS", str(tmp_path_factory.mktemp("outputs")))
        patch.delenv("STUDIES_RUN_FOLDER", raising=False)
        study = Study("activity_transfer", **drawn.parameters(drawn.write(tmp_path_factory.mktemp("drawn"))))
        windows = steps.open_windows(study)
        yield study, windows, steps.compare(study, windows)


def test_every_number_of_the_comparison_is_recorded(run: Run) -> None:
    study, _, comparison = run
    recorded = study.results()
    assert len(recorded[recorded["condition"].isin(["share=1", "share=0.67"])]) == len(comparison.rows)
    assert set(recorded["fold"].dropna()) == set(range(4))
    assert set(recorded["claim"]) == {"", "all_activities", "some_activities"}


def test_the_table_has_every_method_with_interval_and_worst_subject(run: Run) -> None:
    _, _, comparison = run
    table = steps.table(comparison, 1.0)
    assert list(table.index) == list(steps.NAMES.values())
    values = 100 * steps.by_subject(comparison, "source_only", "accuracy", 1.0)
    assert table.loc["source only", "accuracy"] == f"{values.mean():.1f}"
    assert table.loc["source only", "worst subject"] == f"{values.min():.1f} ({values.idxmin()})"


def test_one_seed_gives_one_pair_and_several_give_one_a_subject(run: Run) -> None:
    study, _, comparison = run
    assert [len(item.method) for item in steps.evidence(study, comparison)] == [1, 1]
    several = Study("activity_transfer", **{**study.parameters.model_dump(), "seeds": [0, 1]})
    doubled = Comparison(
        pd.concat([comparison.rows, comparison.rows.assign(seed=1)]), comparison.confusion, {}, comparison.subjects
    )
    assert [len(item.method) for item in steps.evidence(several, doubled)] == [4, 4]
    gain = steps.evidence(several, doubled)[0]
    np.testing.assert_allclose(gain.method, steps.by_subject(comparison, "optimapper_one_to_one", "accuracy", 1.0))


def test_notes_name_the_pairs_that_a_mapping_confuses() -> None:
    confusion = np.array([[10.0, 6, 0], [0, 5, 2], [0, 0, 9]])
    found = steps.misleading_pairs(Comparison(pd.DataFrame(), {"k": confusion}, {}, []), "k", ("a", "b", "c"))
    assert found == ["a as b 75%", "b as c 25%"]


def test_the_example_is_scored_but_not_made_with_labels(run: Run) -> None:
    study, windows, _ = run
    seen = steps.example(study, windows, 0.67)
    assert len(np.unique(seen.truth)) == 2
    assert seen.features.shape[0] == len(seen.truth) == len(seen.adaptation.predicted)


def test_every_figure_is_drawn_and_says_what_data_it_shows(run: Run) -> None:
    study, windows, comparison = run
    method, history = steps.pretrain_shown(study, windows)
    drawn_ones = [
        figures.example_windows(windows, "p0", 2.0, study.data_note),
        figures.view_pairs(windows, "p0", 2.0, study.data_note),
        figures.training_curve(history, study.data_note),
        figures.network(steps.example(study, windows, 1.0), windows.classes, study.data_note),
        figures.network(steps.example(study, windows, 0.67), windows.classes, study.data_note),
        figures.subjects(comparison, 1.0, study.data_note),
        figures.partial_curve(comparison, [1.0, 0.67], study.data_note),
        figures.clustering_figure(comparison, study.data_note),
        figures.mapping_errors(comparison, 0.67, windows.classes, study.data_note),
    ]
    for figure in drawn_ones:
        assert "manifest (real data)" in figure.get_supxlabel()
    table = steps.compare_features(study, windows, method)
    assert list(table.index) == ["statistical", "learned", "random encoder"]
    assert explore.explore_subject(study, windows).data.startswith(b"\x89PNG")


def test_the_clustering_table_is_in_per_cent(run: Run) -> None:
    _, _, comparison = run
    table = steps.clustering(comparison)
    assert table["clustering accuracy, %"].between(50, 100).all()
    assert table["utilisation, %"].between(0, 100).all()


def test_the_run_closes_with_inconclusive_verdicts_at_one_seed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    study, windows, comparison = run
    monkeypatch.setenv("STUDIES_OUTPUTS", str(study.folder.parent.parent))
    found = study.verdict(steps.evidence(study, comparison), steps.notes(study, comparison, windows.classes))
    assert [verdict.word for verdict in found.verdicts] == ["inconclusive", "inconclusive"]
    assert (study.folder / "results.parquet").exists()
