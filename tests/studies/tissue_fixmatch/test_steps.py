"""The study's steps on a very small run: who sees which tiles, equal budgets, what is recorded, every figure."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.errors import StudyError
from helpers.evaluation.claims import judge
from helpers.studies.study import Study
from helpers.studies.tissue_fixmatch import arms, evaluation, explore, figures, steps
from helpers.studies.tissue_fixmatch.about import ARMS, BUDGETS, CARD

TINY = {
    "drawn_train": 3, "drawn_unlabelled": 1, "drawn_validation": 1, "drawn_test": 2, "drawn_side": 320, "tile": 32,
    "tiles_each": 50, "few_tiles": 9, "many_tiles": 40, "encoder": "small", "hidden": 8, "projection": 4, "epochs": 1,
    "batch_size": 16, "updates": 3, "labelled_batch": 4, "ratio": 2, "stride": 32, "seeds": [0, 1], "workers": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIES_OUTPUTS", str(tmp_path_factory.mktemp("outputs")))
        study = Study("tissue_fixmatch", **TINY)
        shown = steps.pretrain_shown(study)
        yield study, shown, steps.compare(study, shown)


def settings_of(study: Study, **changed):
    return steps.settings_of(study) | changed


def test_no_slide_stands_in_two_parts_and_stage_one_sees_no_test_or_validation_slide(run):
    corpus = arms.open_corpus(steps.settings_of(run[0])).tiles
    rows = arms.rows_of(corpus)
    slide = corpus.table["subject"].to_numpy()
    assert not set(slide[rows.pretrain]) & (set(slide[rows.test]) | set(slide[rows.validation]))
    assert set(slide[rows.train]) < set(slide[rows.pretrain])  # the unlabelled slide comes on top
    assert (arms.classes_of(corpus)[rows.train] >= 0).all()


def test_few_labels_are_of_few_slides_balanced_and_among_the_many(run):
    settings = settings_of(run[0], few_slides=2)
    corpus = arms.open_corpus(settings).tiles
    labels, slide = arms.classes_of(corpus), corpus.table["subject"].to_numpy()
    few, many = (arms.labelled_tiles(settings, corpus, budget, 0) for budget in BUDGETS)
    assert (len(few), len(many)) == (9, 40)
    assert len(set(slide[few])) <= 2
    assert set(few) <= set(many)
    assert set(many) <= set(arms.rows_of(corpus).train)
    assert np.bincount(labels[few], minlength=3).tolist() == [3, 3, 3]
    drawn = {tuple(arms.labelled_tiles(settings, corpus, "few", seed)) for seed in range(4)}
    assert len(drawn) == 4


def test_every_arm_of_a_seed_has_one_start_or_that_of_stage_one_and_equal_budgets(run):
    study = run[0]
    settings = steps.settings_of(study)
    file = str(study.checkpoints / "stage1-0.safetensors")
    jobs = {arm: arms.stage_two(settings, arm, "few", 0, file) for arm in ARMS}
    weights = {arm: next(iter(job.method.encoder.parameters())) for arm, job in jobs.items()}
    assert torch.equal(weights["supervised"], weights["fixmatch"])
    assert torch.equal(weights["ssl_fine_tune"], weights["ssl_fixmatch"])
    assert not torch.equal(weights["supervised"], weights["ssl_fixmatch"])
    pretrained = run[1][0].encoder.state_dict()
    start = jobs["ssl_fixmatch"].method.encoder.state_dict()
    assert all(torch.equal(pretrained[name], start[name]) for name in start)
    for job in jobs.values():
        np.testing.assert_array_equal(job.rows, jobs["supervised"].rows)
        assert job.plan == jobs["supervised"].plan
        assert len(job.rows) == settings["updates"] * settings["labelled_batch"]
    batch = jobs["fixmatch"].corpus.load(jobs["fixmatch"].rows[:4])
    assert len(batch["unlabelled"]) == 8
    assert "unlabelled" not in jobs["supervised"].corpus.load(jobs["supervised"].rows[:4])
    with pytest.raises(ValueError, match="stage 1"):
        arms.stage_two(settings, "ssl_fixmatch", "few", 0)


@pytest.mark.parametrize("name", ["nnclr", "moco", "byol", "barlow_twins", "vicreg"])
def test_stage_one_may_be_another_method(run, name):
    job = arms.stage_one(settings_of(run[0], ssl=name), 0)
    loss = job.method.training_step({"input": job.corpus.load(job.rows[:8])})["loss"]
    assert loss.isfinite()


def test_every_claim_has_paired_results_by_seed_and_test_slide(run):
    study, _, comparison = run
    evidence = steps.evidence(study, comparison)
    assert [item.claim.key for item in evidence] == [claim.key for claim in CARD.claims]
    for item in evidence:
        assert item.method.shape == item.baseline.shape == (2, 2)
    assert len(judge(evidence)) == 3


def test_a_lead_at_few_labels_alone_is_told_by_the_right_claims(run):
    study, _, comparison = run
    right, wrong = np.diag([10, 10, 10]), np.array([[10, 0, 0], [0, 5, 5], [0, 5, 5]])
    runs = {}
    for arm, budget, seed in comparison.runs:
        good = budget == "many" or arm == "ssl_fixmatch"
        runs[arm, budget, seed] = {"confusion": torch.as_tensor(np.stack([right if good else wrong] * 2))}
    made = replace(comparison, runs=runs)
    effects = {item.claim.key: float((item.method - item.baseline).mean()) for item in steps.evidence(study, made)}
    lead = 1 - (1 + 1 / 3 + 1 / 3) / 3
    assert effects == {"stage_one_few": pytest.approx(lead), "stage_one_many": 0, "most_at_few": pytest.approx(lead)}


def test_what_was_recorded_covers_arms_budgets_and_regions(run):
    results = run[0].results()
    for metric in ("miou", "iou_background", "iou_grey", "iou_white"):
        mine = results[results["metric"] == metric]
        assert set(mine["method"]) == set(ARMS)
        assert set(mine["condition"]) == {"labels=few", "labels=many"}
        assert len(mine) == len(ARMS) * len(BUDGETS) * 2
        assert mine["value"].between(0, 1).all()
    assert set(results.loc[results["metric"] == "pseudo_labelled", "method"]) == {"fixmatch", "ssl_fixmatch"}
    assert set(results.loc[results["metric"] == "knn_accuracy", "method"]) == {"stage 1", "random"}


def test_a_job_gives_the_same_numbers_twice(run):
    study, _, comparison = run
    file = str(study.checkpoints / "stage1-1.safetensors")
    again = steps.arm_result(steps.settings_of(study), "ssl_fixmatch", "few", 1, file, keep=False)
    before = comparison.runs["ssl_fixmatch", "few", 1]
    assert torch.equal(again["confusion"], before["confusion"])
    assert again["last"] == before["last"]


def test_the_streamed_slide_is_the_trained_networks_map(run):
    study, _, comparison = run
    found, name = steps.stream(study, comparison)
    assert name == comparison.slides[0]
    assert found.cell == 8
    coarse = evaluation.segmented(
        steps.trained(study, comparison), arms.open_corpus(steps.settings_of(study)), name, 32
    )
    kept = comparison.runs["ssl_fixmatch", "few", 0]["map"].numpy() / 255
    np.testing.assert_allclose(coarse.probabilities, kept, atol=0.01)


def test_every_figure_and_table_can_be_drawn(run):
    study, (method, history), comparison = run
    settings = steps.settings_of(study)
    slides = arms.open_corpus(settings)
    few = arms.some_tiles(slides.tiles, arms.rows_of(slides.tiles).train, 2)[0]
    features, labels = steps.embeddings(study, method)
    found, name = steps.stream(study, comparison)
    drawn = [
        figures.slide_sheet(slides, study.data_note, 2),
        figures.pretext_figure(slides, few, settings, study.data_note),
        figures.training_curve(history.epochs, study.data_note),
        figures.embedding_figure(features, labels, study.data_note),
        figures.budget_figure(comparison, study.data_note, {"few": 9, "many": 40}),
        figures.map_figure(comparison, slides, study.data_note),
        figures.overlay_figure(slides, name, found, study.data_note),
    ]
    for figure in drawn:
        figure.draw_without_rendering()
        assert "simulated data" in str(figure.get_supxlabel())
    assert "±" in figures.result_table(comparison).loc["mIoU, few", "FixMatch"]
    notes = " ".join(steps.notes(study, comparison))
    assert "Collapse watch" in notes
    assert "not the paper's 7" in notes


def test_panels_are_a_picture_and_a_line_where_nobody_watches(run):
    study, _, comparison = run
    slides = arms.open_corpus(steps.settings_of(study))
    assert explore.explore_slide(study, slides, steps.stream(study, comparison)).data.startswith(b"\x89PNG")
    assert "sliders" in explore.explore_views(study, slides, np.array([0]), steps.settings_of(study))
    assert "no slides" in explore.explore_slide(study, slides, None)


def test_with_a_front_end_moving_redraws_the_window(run, monkeypatch):
    study, _, comparison = run
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook")
    slides = arms.open_corpus(steps.settings_of(study))
    panel = explore.explore_slide(study, slides, steps.stream(study, comparison))
    before = panel.children[-1].value
    panel.children[0].value = 0.8
    assert panel.children[-1].value != before


def test_every_zoom_shows_less_of_the_slide_down_to_a_few_cells(run, monkeypatch):
    study, _, comparison = run
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook")
    slides = arms.open_corpus(steps.settings_of(study))
    seen = []
    looked = explore.window

    def window(*args):
        found = looked(*args)
        seen.append(found[2] * len(found[0]))
        return found

    monkeypatch.setattr(explore, "window", window)
    panel = explore.explore_slide(study, slides, steps.stream(study, comparison))
    zoom, pictures = panel.children[2], set()
    seen.clear()
    for label, _ in zoom.options:
        zoom.label = label
        pictures.add(panel.children[-1].value)
    zoom.label = "1 ×"
    assert len(pictures) == len(zoom.options)
    across = np.array(sorted(set(seen), reverse=True))
    assert across[0] >= 320  # the whole slide
    assert 40 <= across[-1] <= 96
    np.testing.assert_allclose(across[:-1] / across[1:], 2, rtol=0.05)


def test_tile_folders_are_judged_by_the_tiles_of_each_slide(tmp_path: Path):
    rng = np.random.default_rng(0)
    for split, slides in (("train", 2), ("validation", 1), ("test", 2)):
        for slide in range(slides):
            for name, light in (("grey", 60), ("white", 190)):
                folder = tmp_path / split / f"{split}{slide}" / name
                folder.mkdir(parents=True)
                for i in range(6):
                    pixels = rng.integers(light, light + 40, (32, 32, 3), dtype=np.uint8)
                    Image.fromarray(pixels).save(folder / f"{i}.png")
    values = TINY | {"corpus": "folder", "data_root": str(tmp_path), "seeds": [0], "many_tiles": 20}
    study = Study("tissue_fixmatch", **values)
    settings = steps.settings_of(study)
    result = steps.arm_result(settings, "fixmatch", "few", 0, "", keep=True)
    assert result["confusion"].sum((1, 2)).tolist() == [12, 12]
    slides = arms.open_corpus(settings)
    assert evaluation.test_slides(slides) == ["test0", "test1"]
    comparison = steps.Comparison({("ssl_fixmatch", "few", 0): result}, {}, [0], ["test0", "test1"])
    assert steps.stream(study, comparison) is None
    figures.slide_sheet(slides, study.data_note).draw_without_rendering()


@pytest.mark.parametrize(
    ("values", "words"),
    [({"stride": 20}, "must divide tile"), ({"few_tiles": 300}, "must be below many_tiles"), ({"ssl": "dino"}, "ssl"),
     ({"threshold": 1.2}, "threshold"), ({"corpus": "lungs"}, "unknown; allowed"), ({"purity": 0.5}, "purity")],
)  # fmt: skip
def test_impossible_parameters_are_one_clear_line(values, words):
    with pytest.raises(StudyError, match=words):
        CARD.validated(values)


def test_a_corpus_without_root_is_refused_before_anything_is_done():
    with pytest.raises(StudyError, match="needs data_root"):
        CARD.data_sources(CARD.validated({"corpus": "whole_slides"}))
