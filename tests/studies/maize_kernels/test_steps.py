"""The study's steps on a very small run: who sees which rows, equal budgets, what is recorded, every figure."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.errors import StudyError
from helpers.evaluation.claims import judge
from helpers.studies.maize_kernels import arms, downstream, explore, figures, steps
from helpers.studies.maize_kernels.about import ARMS, CARD
from helpers.studies.study import Study

TINY = {
    "image_size": 24, "ears": 12, "kernels_each": 6, "epochs": 1, "batch_size": 16, "hidden": 8, "projection": 4,
    "queue": 8, "transfer_images": 22, "label_fractions": [0.1, 1.0], "orientation_steps": 2, "segmentation_steps": 2,
    "orientation_batch": 4, "segmentation_batch": 4, "seeds": [0, 1], "workers": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIES_OUTPUTS", str(tmp_path_factory.mktemp("outputs")))
        study = Study("maize_kernels", **TINY)
        shown = steps.pretrain_shown(study)
        yield study, shown, steps.compare(study, shown)


def settings_of(**changed):
    return CARD.validated(TINY | changed).model_dump()


def test_no_ear_stands_in_two_parts_and_masks_are_those_of_embryos_up():
    corpus = arms.open_corpus(settings_of())
    rows = arms.rows_of(corpus)
    ear = corpus.table["subject"].to_numpy()
    assert not set(ear[rows.test]) & set(ear[rows.pretrain])
    assert not set(ear[rows.train]) & set(ear[rows.validation])
    assert (corpus.table["label"].iloc[arms.masked(corpus, rows.train)] == "embryo_up").all()


def test_every_arm_of_a_seed_starts_from_the_same_encoder():
    jobs = [arms.pretraining(settings_of(), arm, 3) for arm in ("simclr", "nnclr", "transfer")]
    first = arms.encoder_of(jobs[0].method).state_dict()
    for job in jobs[1:]:
        other = arms.encoder_of(job.method).state_dict()
        assert other.keys() == first.keys()
        assert all(torch.equal(first[key], other[key]) for key in first)


def test_transfer_sends_as_many_images_through_the_encoder_as_self_supervision_does():
    settings = settings_of()
    seen = {}
    for arm in ("simclr", "nnclr", "transfer"):
        job = arms.pretraining(settings, arm, 0)
        images = 0

        def count(_module, inputs):
            nonlocal images
            images += len(inputs[0])

        arms.encoder_of(job.method).register_forward_pre_hook(count)
        for step in range(len(job.rows) // job.plan.batch_size):
            batch = job.corpus.load(job.rows[step * job.plan.batch_size : (step + 1) * job.plan.batch_size])
            job.method.training_step(batch if isinstance(batch, dict) else {"input": batch})
        seen[arm] = images
    assert seen["simclr"] == seen["nnclr"]
    assert seen["transfer"] == pytest.approx(seen["simclr"], rel=0.2)  # a last, smaller batch is dropped


def test_repeated_rows_are_whole_rounds_of_all_of_them():
    rows = np.array([3, 5, 9])
    again = arms.repeated(rows, 8, seed=0)
    assert len(again) == 8
    assert sorted(again[:3]) == sorted(again[3:6]) == [3, 5, 9]
    np.testing.assert_array_equal(again, arms.repeated(rows, 8, seed=0))


def test_every_claim_has_paired_results_by_seed_and_test_ear(run):
    study, _, comparison = run
    evidence = steps.evidence(study, comparison)
    assert [item.claim.key for item in evidence] == [claim.key for claim in CARD.claims]
    ears = len(set(comparison.subjects["orientation"]))
    for item in evidence:
        assert item.method.shape == item.baseline.shape == (2, ears)
    assert len(judge(evidence)) == 6


def test_a_lead_that_grows_as_labels_get_few_supports_the_claim_on_leads(run):
    study, _, comparison = run
    runs = {}
    for arm, seed in comparison.runs:
        few = {"transfer": 0.5, "scratch": 0.4}.get(arm, 0.9) + 0.01 * seed
        runs[arm, seed] = {
            measure: {"0.1": torch.full((n,), few), "1.0": torch.full((n,), 0.95)}
            for measure, n in (("orientation", 18), ("dice", 9))
        }
    n = {"orientation": 18, "dice": 9}
    subjects = {measure: np.repeat(["a", "b", "c"], count // 3) for measure, count in n.items()}
    made = replace(comparison, runs=runs, subjects=subjects)
    effects = {item.claim.key: float((item.method - item.baseline).mean()) for item in steps.evidence(study, made)}
    assert effects["orientation_gap"] == pytest.approx(0.4, abs=1e-6)
    assert effects["embryo_transfer"] == pytest.approx(0.2, abs=1e-6)
    assert effects["embryo_scratch"] == pytest.approx(0.25, abs=1e-6)


def test_what_was_recorded_covers_arms_fractions_and_both_tasks(run):
    results = run[0].results()
    for metric in ("accuracy", "dice", "iou"):
        mine = results[results["metric"] == metric]
        assert set(mine["method"]) == set(ARMS)
        assert (mine.groupby(["method", "label_fraction"]).size() == 2).all()
        assert mine["value"].between(0, 1).all()
    assert set(results.loc[results["metric"] == "knn_accuracy", "method"]) == {"random", "transfer", "simclr", "nnclr"}


def test_a_job_gives_the_same_numbers_twice(run):
    study, _, comparison = run
    again = steps.arm_result(steps.settings_of(study), "simclr", 1)
    before = comparison.runs["simclr", 1]
    assert torch.equal(again["dice"]["0.1"], before["dice"]["0.1"])
    assert torch.equal(again["orientation"]["1.0"], before["orientation"]["1.0"])
    assert again["history"] == before["history"]


def test_every_figure_and_table_can_be_drawn(run):
    study, (method, history), comparison = run
    corpus = arms.open_corpus(steps.settings_of(study))
    rows = arms.rows_of(corpus)
    tested = downstream.shown_rows(corpus, rows)
    maps, shown = steps.embeddings(study, comparison, method, at_most=20)
    drawn = [
        figures.contact_sheet(corpus, rows.train, study.data_note),
        figures.pretext_figure(corpus, tested[:3], arms.ssl_views(24, 1.0), study.data_note),
        figures.pest_strip(arms.pests(22, 24)["pixels"], "supervised transfer"),
        figures.training_curves({"nnclr": history.epochs}, study.data_note),
        figures.training_curves(figures.histories(comparison), study.data_note),
        figures.embedding_map(maps, corpus, shown, study.data_note),
        figures.fraction_figure(comparison, "orientation", study.data_note),
        figures.fraction_figure(comparison, "dice", study.data_note),
        figures.mask_strip(comparison, corpus, tested, study.data_note),
    ]
    for figure in drawn:
        figure.draw_without_rendering()
        assert "simulated data" in str(figure.get_supxlabel())
    table = figures.result_table(comparison)
    assert "±" in table.loc["Dice, 10 %", "NNCLR"]
    notes = " ".join(steps.notes(study, comparison))
    assert "drawn pests" in notes
    assert "Collapse watch" in notes


def test_panels_are_pictures_or_a_line_where_nobody_watches(run):
    study, _, comparison = run
    corpus = arms.open_corpus(steps.settings_of(study))
    tested = downstream.shown_rows(corpus, arms.rows_of(corpus))
    assert explore.explore_views(study, corpus, tested[:2]).data.startswith(b"\x89PNG")
    assert "slider" in explore.explore_threshold(study, comparison, corpus, tested)


def test_with_a_front_end_another_threshold_redraws_the_masks(run, monkeypatch):
    study, _, comparison = run
    corpus = arms.open_corpus(steps.settings_of(study))
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook")
    panel = explore.explore_threshold(study, comparison, corpus, downstream.shown_rows(corpus, arms.rows_of(corpus)))
    before = panel.children[-1].value
    panel.children[0].value = 0.95
    assert panel.children[-1].value != before


def test_pictures_show_every_variety_before_any_twice():
    corpus = arms.open_corpus(settings_of())
    rows = arms.rows_of(corpus).train
    shown = arms.varied(corpus, rows, 6)
    assert set(shown) <= set(rows)
    assert corpus.table["group"].iloc[shown].nunique() == corpus.table["group"].iloc[rows].nunique()


def test_class_folders_without_masks_are_judged_on_orientation_alone(tmp_path: Path):
    rng = np.random.default_rng(0)
    for name in ("down", "up"):
        (tmp_path / name).mkdir()
        for i in range(12):
            Image.fromarray(rng.integers(0, 256, (30, 30, 3), dtype=np.uint8)).save(tmp_path / name / f"{i}.png")
    study = Study("maize_kernels", **TINY | {"corpus": "folder", "data_root": str(tmp_path), "seeds": [0]})
    corpus = arms.open_corpus(steps.settings_of(study))
    rows = arms.rows_of(corpus)
    assert not downstream.can_segment(corpus, rows)
    result = downstream.worth(arms.make_encoder(steps.settings_of(study), corpus, 0)[0], corpus, rows,
                              steps.settings_of(study), 0)  # fmt: skip
    assert set(result["orientation"]) == {"0.1", "1.0"}
    assert result["dice"] == {}
    comparison = steps.Comparison(
        {(arm, 0): result for arm in ARMS}, [0], [0.1, 1.0],
        {"orientation": corpus.table["subject"].to_numpy()[rows.test], "dice": np.array([])}, False,
    )  # fmt: skip
    keys = [item.claim.key for item in steps.evidence(study, comparison)]
    assert keys == ["orientation_transfer", "orientation_scratch", "orientation_gap"]
    assert "not judged" in " ".join(steps.notes(study, comparison))


@pytest.mark.parametrize(
    ("values", "words"),
    [({"label_fractions": [1.0]}, "at least one share below 1"), ({"label_fractions": [0.1]}, "1 must be"),
     ({"corpus": "rice"}, "unknown; allowed"), ({"ears": 3}, "ears"), ({"simclr_temperature": 0}, "temperature")],
)  # fmt: skip
def test_impossible_parameters_are_one_clear_line(values, words):
    with pytest.raises(StudyError, match=words):
        CARD.validated(values)


def test_a_corpus_without_root_and_absent_weights_are_refused_before_anything_is_done():
    with pytest.raises(StudyError, match="needs data_root"):
        CARD.data_sources(CARD.validated({"corpus": "orientation"}))
    with pytest.raises(StudyError, match="does not exist"):
        Study("maize_kernels", **TINY | {"transfer_weights": "nowhere.safetensors"})


def test_shares_of_masks_are_chosen_in_per_cent(run, monkeypatch):
    study, _, comparison = run
    corpus = arms.open_corpus(steps.settings_of(study))
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook")
    panel = explore.explore_threshold(study, comparison, corpus, downstream.shown_rows(corpus, arms.rows_of(corpus)))
    choice, before = panel.children[1], panel.children[-1].value
    assert [name for name, _ in choice.options] == ["10 % of the masks", "100 % of the masks"]
    choice.label = "100 % of the masks"
    assert panel.children[-1].value != before


@pytest.mark.parametrize("measure", ["orientation", "dice"])
def test_the_legend_lies_on_no_line(run, measure):
    study, _, comparison = run
    figure = figures.fraction_figure(comparison, measure, study.data_note)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert all(not box.overlaps(axis.get_window_extent()) for axis in figure.axes)
    assert figure.bbox.x0 <= box.x0
    assert box.x1 <= figure.bbox.x1
