"""The study on a very small run: what is compared with what, what is recorded, and that figures can be drawn."""

import numpy as np
import pytest
import torch

from helpers.errors import StudyError
from helpers.report.images import embedding_maps
from helpers.studies.ssole import arms, explore, figures, steps
from helpers.studies.ssole.about import CARD, RIVALS
from helpers.studies.study import Study

TINY = {
    "train_limit": 120, "epochs": 1, "batch_size": 16, "batch_sizes": [32], "view_counts": [3], "hidden": 16,
    "projection": 8, "workers": 1, "label_fractions": [0.5, 1.0], "scratch_epochs": 1, "seeds": [0, 1],
    "timed_steps": 1, "methods": ["ssole", "simclr", "byol", "naive_ole"],
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIES_OUTPUTS", str(tmp_path_factory.mktemp("outputs")))
        study = Study("ssole", **TINY)
        comparison = steps.compare(study, steps.pretrain_shown(study))
        yield study, comparison, steps.costs(study)


def test_every_method_of_a_seed_starts_from_the_same_encoder():
    settings = CARD.validated(TINY).model_dump()
    corpus = arms.open_corpus(settings)
    starts = [arms.make_method(settings, corpus, name, 2, 3).encoder.state_dict() for name in (*RIVALS, "ssole")]
    for other in starts[1:]:
        assert all(torch.equal(starts[0][key], other[key]) for key in starts[0])


def test_the_learning_rate_goes_with_the_root_of_the_batch_size():
    settings = CARD.validated(TINY).model_dump()
    assert arms.plan_of(settings, 64, 0).learning_rate == pytest.approx(2 * arms.plan_of(settings, 16, 0).learning_rate)
    assert arms.plan_of(settings, 16, 0).learning_rate == settings["learning_rate"]


def test_runs_cover_every_method_at_the_small_batch_and_along_both_axes(run):
    _, comparison, _ = run
    assert comparison.along("batch") == [(16, 2), (32, 2)]
    assert comparison.along("views") == [(16, 2), (16, 3)]
    assert comparison.methods() == TINY["methods"]
    for method in comparison.methods():
        assert comparison.correct(method, fraction=0.5).shape == (2, 1000)
        for point in {*comparison.along("batch"), *comparison.along("views")}:
            assert comparison.at(method, *point, "linear").shape == (1,)


def test_the_rival_is_chosen_on_validation_images_alone(run):
    study, comparison, _ = run
    for seed in comparison.seeds:
        comparison.main("simclr", seed)["validation"]["1.0"] = 0.9
        comparison.main("byol", seed)["validation"]["1.0"] = 0.1
    assert comparison.best_rival() == "simclr"
    found = {item.claim.key: item for item in steps.evidence(study, comparison)}
    assert set(found) == {claim.key for claim in CARD.claims}
    assert (found["competitive_at_small_batch"].baseline == comparison.correct("simclr")).all()
    assert (found["needs_its_changes"].baseline == comparison.correct("naive_ole")).all()
    assert "SimCLR" in " ".join(steps.notes(study, comparison))


def test_what_was_recorded_covers_methods_baselines_fractions_and_memory(run):
    study, _, _ = run
    results = study.results()
    linear = results[(results["metric"] == "linear_accuracy") & (results["condition"] == "batch_size=16, views=2")]
    assert (linear.groupby("method").size() == 4).all()
    assert set(results.loc[results["metric"] == "accuracy", "method"]) == {"scratch"}
    assert {"projection_effective_rank", "kept_bytes", "state_bytes", "knn_accuracy"} <= set(results["metric"])
    assert np.isfinite(results["value"]).all()


def test_a_job_gives_the_same_numbers_twice(run):
    study, comparison, _ = run
    again = steps.pretrained(steps.settings_of(study), "ssole", 16, 3, 0, False, "")
    assert torch.equal(again["knn"], comparison.runs["ssole", 16, 3, 0]["knn"])
    assert again["history"] == comparison.runs["ssole", 16, 3, 0]["history"]


def test_every_figure_and_table_can_be_drawn(run):
    study, comparison, costs = run
    maps, names, labels = steps.maps(study, comparison)
    drawn = [
        figures.terms_figure(),
        figures.pretraining_curves(_History(comparison.main("ssole", 0)["history"]), study.data_note),
        figures.comparison_figure(comparison, [0.5, 1.0], study.data_note),
        figures.axis_figure(comparison, costs, "batch", study.data_note),
        figures.axis_figure(comparison, costs, "views", study.data_note),
        embedding_maps(maps, labels, names, study.data_note),
    ]
    for figure in drawn:
        figure.draw_without_rendering()
        assert "data: " in str(figure.get_supxlabel())
    assert list(maps) == ["random encoder", "naive OLE", "SSOLE"]
    assert len(figures.has_left_start(comparison)) == 4
    assert "±" in figures.accuracy_table(comparison, [0.5, 1.0]).loc["SSOLE", "100 % labels"]
    table = figures.cost_table(costs, comparison)
    state = table["weights, gradients, moments, second network (MB)"].astype(float)
    assert state["BYOL"] > state["SimCLR"]


class _History:
    def __init__(self, epochs: list[dict[str, float]]) -> None:
        self.epochs = epochs


def test_the_drawn_high_rank_term_is_the_objectives():
    from matplotlib.figure import Figure

    axis = Figure().subplots()
    for batch, spread in ((16, 0.3), (32, 1.0)):
        height = figures.batch_spectrum(batch, spread, axis, width=24)
        share = axis.lines[-3].get_ydata().sum() / batch
        assert figures.height_of_rank(batch, np.array([share]))[0] == pytest.approx(height, abs=1e-6)


def test_the_panel_is_a_picture_with_a_text_where_no_front_end_is():
    shown = explore.explore_rank(16)
    assert shown.data.startswith(b"\x89PNG")
    assert len(shown.alt) > 20


@pytest.mark.parametrize(
    ("values", "words"),
    [({"methods": ["ssole", "simclr"]}, "naive_ole"), ({"methods": ["ssole", "naive_ole"]}, "one of simclr"),
     ({"label_fractions": [0.1]}, "1 must be"), ({"batch_sizes": [2]}, "4 to 4096"), ({"view_counts": [1]}, "2 to 16"),
     ({"corpus": "imagenet"}, "unknown; allowed"), ({"epoch": 3}, "did you mean epochs")],
)  # fmt: skip
def test_impossible_parameters_are_one_clear_line(values, words):
    with pytest.raises(StudyError, match=words):
        CARD.validated(values)


def test_the_panel_offers_batches_and_says_the_objectives_height(monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook")
    panel = explore.explore_rank(16)
    batch, spread, shown = panel.children
    assert batch.options == (4, 8, 16, 32, 64, 128, 256, 512)
    for control, value in ((batch, 256), (spread, 0.0)):
        before = shown.value
        control.value = value
        assert shown.value != before
