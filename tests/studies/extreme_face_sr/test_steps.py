"""The study's steps on a very small run: who sees which faces, what is recorded, and that every figure can be drawn."""

import numpy as np
import pytest
import torch

from helpers.errors import StudyError
from helpers.studies.extreme_face_sr import arms, explore, figures, people, restoring, result_figures, steps
from helpers.studies.extreme_face_sr.about import CARD, METHODS
from helpers.studies.extreme_face_sr.result_figures import ordered
from helpers.studies.study import Study

TINY = {
    "image_size": 32, "middle_size": 8, "channels": [8, 8, 8, 4], "style_size": 12, "factors": [8, 16],
    "high_faces": 48, "low_faces": 16, "reader_faces": 32, "test_faces": 6, "prior_epochs": 2, "prior_batch": 8,
    "cycle_steps": 4, "lift_steps": 4, "cycle_batch": 8, "cycle_width": 8, "one_step_width": 8, "bank": 16,
    "candidates": 3, "search_steps": 4, "calibration_faces": 2, "reader_epochs": 2, "workers": 1, "seeds": [0, 1],
}  # fmt: skip


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("outputs"))


@pytest.fixture(autouse=True)
def the_runs_outputs(kept, outputs, monkeypatch) -> None:
    """Every test finds what the run has trained and kept."""
    monkeypatch.setenv("STUDIES_OUTPUTS", kept)


@pytest.fixture(scope="module")
def run(kept):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIES_OUTPUTS", kept)
        study = Study("extreme_face_sr", **TINY)
        prior = steps.train_prior(study)
        tools = steps.prepare(study)
        yield study, prior, tools, steps.compare(study, tools)


def test_no_person_is_in_two_groups_and_the_test_part_has_every_tone(run):
    study = run[0]
    corpus, pools = arms.faces_of(steps.settings_of(study))
    groups = [set(corpus.table["subject"].iloc[rows]) for rows in vars(pools).values()]
    assert len(set().union(*groups)) == sum(len(group) for group in groups)
    assert set(corpus.table["split"].iloc[pools.test]) == {"test"}
    assert corpus.table["group"].iloc[pools.test].nunique() == 5
    assert [len(rows) for rows in vars(pools).values()] == [48, 24, 32, 6]


def test_a_seed_has_its_own_camera_and_people_and_the_same_test_faces(run):
    settings = steps.settings_of(run[0])
    first, again, other = (arms.taken(settings, 8, seed) for seed in (0, 0, 1))
    assert torch.equal(first.low, again.low)
    assert first.camera == again.camera != other.camera
    assert first.test.shape == other.test.shape == (6, 3, 4, 4)
    larger = arms.taken(settings, 16, 0)
    assert (larger.camera.gain, larger.camera.blur) == (first.camera.gain, first.camera.blur)


def test_claims_are_judged_on_paired_faces_and_growth_needs_two_factors(run):
    study, _, tools, comparison = run
    found = steps.evidence(study, comparison)
    assert {item.claim.key for item in found} == {claim.key for claim in CARD.claims}
    for item in found:
        assert item.method.shape == item.baseline.shape == (2, 6)
    runs = {key: value for key, value in comparison.runs.items() if key[0] == 8}
    alone = steps.comparison_of(steps.settings_of(study), tools, runs, [8], [0, 1])
    assert "gains_with_factor" not in {item.claim.key for item in steps.evidence(study, alone)}
    assert "With one factor" in " ".join(steps.notes(study, alone))


def test_the_gain_is_the_mean_advantage_over_both_baselines(run):
    comparison = run[3]
    d = {name: comparison.values(name, "feature_distance", 16) for name in ("one_step", "latent_search", "two_steps")}
    expected = (d["one_step"] + d["latent_search"]) / 2 - d["two_steps"]
    np.testing.assert_allclose(comparison.gain(16), expected)


def test_every_method_metric_factor_and_seed_is_recorded(run):
    results = run[0].results()
    assert set(results["method"]) == {*METHODS, "step_one"}
    psnr = results[results["metric"] == "psnr"]
    assert len(psnr) == len(METHODS) * 2 * 2
    wanted = {*restoring.METRICS, "fid", "kept_group", "kept_smile", "lifted_psnr", "camera_error"}
    assert wanted <= set(results["metric"])
    assert results["value"].notna().all()


def test_a_job_gives_the_same_numbers_twice(run):
    study, _, _, comparison = run
    again = restoring.restored(steps.settings_of(study), 16, 1)
    for method in METHODS:
        assert torch.equal(again[method]["pictures"], comparison.runs[16, 1][method]["pictures"]), method


def test_without_interpolation_differs_only_by_the_interpolation(run):
    first = run[3].runs[8, 0]
    same = torch.equal(first["two_steps"]["pictures"], first["without_interpolation"]["pictures"])
    assert same == (float(first["share"].abs().max()) == 0)
    assert set(first["share"].tolist()) <= set(restoring.SHARES)


def test_the_chosen_share_is_the_one_of_least_error_on_the_calibration_faces(run):
    generator = run[2].prior.generator
    found, other = torch.randn(3, generator.layers, 12), torch.randn(3, 12)
    truth = generator(other).clamp(0, 1)
    share = restoring.chosen_shares(generator, found, other, truth, 8)
    assert torch.equal(share, torch.ones(generator.layers))  # the other style draws the truth itself


def test_the_generator_is_kept_and_not_trained_again(run, monkeypatch):
    study, prior, _, _ = run
    monkeypatch.setattr(arms, "train_in_processes", None)
    monkeypatch.setattr(arms, "train", None)
    again = arms.trained_prior(steps.settings_of(study))
    styles = torch.randn(2, 12)
    assert torch.equal(again.generator(styles), prior.generator(styles))
    assert len(again.epochs) == 2


def test_every_figure_and_table_can_be_drawn(run):
    study, prior, tools, comparison = run
    settings = steps.settings_of(study)
    drawn = [
        figures.faces_figure(settings, study.data_note, count=4),
        figures.camera_figure(settings, [8], study.data_note),
        figures.prior_curves(prior, study.data_note),
        figures.drawn_figure(tools.prior, tools.bank, study.data_note, count=4),
        figures.first_step_figure(comparison, study.data_note),
        figures.strips(comparison, 16, ["low", "middle", "two_steps", "truth"], study.data_note, count=4),
        result_figures.factor_figure(comparison, study.data_note),
        result_figures.group_figure(comparison, 8, study.data_note),
    ]
    for figure in drawn:
        figure.draw_without_rendering()
        assert "simulated data" in str(figure._supxlabel.get_text())
    table = result_figures.quality_table(comparison, 8)
    assert list(table.index) == [steps.NAMES[method] for method in METHODS]
    assert "±" in table.loc["two steps", "FID ↓"]
    differences = result_figures.difference_table(comparison, 8)
    assert len(differences) == len(METHODS) - 1
    assert " to " in differences.iloc[0, 0]
    assert "worst − best" in result_figures.group_table(comparison, 8)
    assert explore.explore_styles(study, tools).data.startswith(b"\x89PNG")
    assert "slider" in explore.explore_camera(study)


def test_faces_without_labels_or_groups_go_through(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(60):
        Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((40, 40)).save(tmp_path / f"{i}.png")
    settings = CARD.validated(TINY | {"corpus": "ffhq", "data_root": str(tmp_path), "high_faces": 40}).model_dump()
    corpus, pools = arms.faces_of(settings)
    assert len(pools.test) == 6
    assert people.readings_of(corpus).names == []
    reader = arms.trained_reader(settings)
    pictures = people.pictures_of(corpus, pools.test)
    found = restoring.scores(pictures, pictures, torch.zeros(6, 3, 4, 4), lambda m: m[..., :4, :4], reader, 8)
    assert found["attributes_kept"].isnan().all()
    assert found["feature_distance"].max() == 0


@pytest.mark.parametrize(
    ("values", "words"),
    [({"factors": [6]}, "power of two"), ({"factors": [8, 8]}, "once"), ({"middle_size": 8}, "middle_size must lie"),
     ({"image_size": 128}, "channels: 5 of them draw 64"), ({"corpus": "lfw"}, "unknown; allowed"),
     ({"factors": [64]}, "at least 2 pixels"), ({"test_faces": 1}, "test_faces")],
)  # fmt: skip
def test_impossible_parameters_are_one_clear_line(values, words):
    with pytest.raises(StudyError, match=words):
        CARD.validated(values)


def test_weights_of_another_size_are_refused_in_one_line(tmp_path):
    settings = CARD.validated(TINY).model_dump() | {"prior_weights": str(tmp_path / "none.pt")}
    with pytest.raises(StudyError, match="there is no file"):
        arms.trained_prior(settings)
    with pytest.raises(StudyError, match="needs data_root"):
        CARD.data_sources(CARD.validated({"corpus": "celeba"}))


def test_drawn_skin_tones_stand_from_the_lightest_and_other_groups_by_the_alphabet():
    assert ordered(np.array(["medium", "darkest", "medium", "lightest"])) == ["lightest", "medium", "darkest"]
    assert ordered(np.array(["b", "a", "b"])) == ["a", "b"]
