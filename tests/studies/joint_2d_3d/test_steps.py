"""The study's steps on a very small run: who sees which subjects, equal budgets, what is recorded, every figure."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.data.corpora.volume_files import Volume, write_volume
from helpers.errors import StudyError
from helpers.evaluation.claims import judge
from helpers.networks.slice_transformer import slices_of
from helpers.objectives.masked_tokens import token_mask
from helpers.studies.joint_2d_3d import arms, downstream, explore, figures, steps
from helpers.studies.joint_2d_3d.about import ARMS, CARD
from helpers.studies.study import Study

TINY = {
    "image_size": 24, "depth": 10, "subjects": 16, "epochs": 2, "batch_size": 2, "view_slices": 4, "window_slices": 4,
    "token_width": 8, "blocks": 1, "heads": 2, "token_hidden": 8, "image_clusters": [3], "volume_clusters": [2],
    "hidden": 8, "projection": 4, "prototypes": 4, "label_fractions": [0.5, 1.0], "fine_tune_steps": 2,
    "fine_tune_batch": 2, "seeds": [0, 1], "workers": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIES_OUTPUTS", str(tmp_path_factory.mktemp("outputs")))
        study = Study("joint_2d_3d", **TINY)
        method, history = steps.pretrain_shown(study)
        yield study, method, history, steps.compare(study, history)


def settings_of(**changed):
    return CARD.validated(TINY | changed).model_dump()


def test_no_subject_gives_masks_to_pretraining_or_stands_in_two_parts():
    corpus = arms.open_corpus(settings_of())
    rows = arms.rows_of(corpus)
    parts = [set(part) for part in (rows.slices, rows.train, rows.validation, rows.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 16
    read = arms.portions(corpus, rows.pretrain, arms.slice_places(corpus, rows.slices, len(rows.pretrain)), 1)
    assert set(read.load(np.arange(2))) == {"volume", "slices"}  # no mask


def test_every_pretrained_arm_sees_the_same_subjects_and_no_test_subject():
    settings = settings_of()
    rows = arms.rows_of(arms.open_corpus(settings))
    for arm in ("image", "image_swav", "volume", "joint"):
        volumes, slices = arms.portions_of(settings, arm, 0)
        seen = set(volumes) | set(slices[:, 0])
        assert seen == set(rows.everyone())
        assert not seen & set(rows.test)
    first, second = (arms.portions_of(settings, phase, 0) for phase in steps.SEQUENCE)
    assert set(first[1][:, 0]) | set(second[0]) == set(rows.everyone())


def test_every_arm_of_a_seed_starts_from_the_same_networks():
    first = arms.make_encoder(settings_of(), 3)[0].state_dict()
    for arm in ("volume", "joint"):
        other = steps.encoder_of(arms.pretraining(settings_of(), arm, 3).method).state_dict()
        assert all(torch.equal(first[key], other[key]) for key in first)
    slices = arms.pretraining(settings_of(), "image", 3).method.encoder.slices.state_dict()
    assert all(torch.equal(first[f"tokens.encoder.{key}"], tensor) for key, tensor in slices.items())


def test_every_arm_puts_as_many_slices_through_the_encoder():
    settings = settings_of(subjects=40, epochs=4)
    seen = {}
    for arm in ("image", "image_swav", "volume", "joint", "sequential"):
        phases = steps.SEQUENCE if arm == "sequential" else (arm,)
        seen[arm] = 0
        for phase in phases:
            encoder, features = arms.make_encoder(settings, 0)
            job = arms.job_on(encoder, features, settings, phase, 0)
            per_row = 0
            one = job.corpus.load(np.arange(1))
            if "volume" in one:
                per_row += 2 * settings["view_slices"]
            if "slices" in one:
                per_row += 2 * one["slices"].shape[1]
            seen[arm] += job.plan.epochs * len(job.rows) * per_row
    for arm, count in seen.items():
        assert count == pytest.approx(seen["joint"], rel=0.25), arm  # whole epochs only


def test_slices_come_from_where_they_are_said_to():
    corpus = arms.open_corpus(settings_of())
    rows = arms.rows_of(corpus)
    places = arms.slice_places(corpus, rows.slices, 12)
    read = arms.portions(corpus, np.zeros(0, dtype=int), places, 3)
    loaded = read.load(np.array([2, 0]))["slices"]
    assert loaded.shape == (2, 3, 1, 24, 24)
    volume = arms.volumes_of(corpus, places[7:8, 0])
    assert torch.equal(loaded[0, 1], slices_of(volume)[places[7, 1]])
    assert (arms.volumes_of(corpus, places[:, 0])[np.arange(12), 0, places[:, 1]].mean(dim=(1, 2)) > 0.02).all()


def test_every_claim_has_paired_results_by_seed_and_test_subject(run):
    study, _, _, comparison = run
    evidence = steps.evidence(study, comparison)
    assert [item.claim.key for item in evidence] == [claim.key for claim in CARD.claims]
    for item in evidence:
        assert item.method.shape == item.baseline.shape == (2, len(comparison.subjects))
    assert len(judge(evidence)) == 2


def test_what_was_recorded_covers_arms_fractions_classes_and_measures(run):
    results = run[0].results()
    for metric in downstream.MEASURES:
        mine = results[results["metric"] == metric]
        assert set(mine["method"]) == {"scratch", "image", "volume", "joint"}
        assert set(mine["condition"]) == {"class=grey matter", "class=white matter"}
        assert (mine.groupby(["method", "label_fraction", "condition"]).size() == 2).all()
    assert set(results.loc[results["metric"] == "slice_r2", "method"]) == {"random", "image", "volume", "joint"}


def test_the_shown_encoder_is_the_joint_arm_of_the_first_seed(run):
    study, _, _, comparison = run
    again = steps.arm_result(steps.settings_of(study), "joint", 0)
    before = comparison.runs["joint", 0]
    assert torch.equal(again["dice"]["0.5"], before["dice"]["0.5"])
    assert again["history"] == before["history"]


@pytest.mark.parametrize("arm", ["sequential", "image_swav"])
def test_the_other_arms_run_and_differ_from_scratch(arm):
    settings = settings_of(volume_task="swav")
    found = steps.arm_result(settings, arm, 0)
    assert set(found["dice"]) == {"0.5", "1.0"}
    assert found["frozen"] != steps.arm_result(settings, "scratch", 0)["frozen"]


def test_frozen_features_that_hold_the_answer_explain_it_all():
    corpus = arms.open_corpus(settings_of())
    rows = arms.rows_of(corpus)
    encoder, _ = arms.make_encoder(settings_of(), 0)
    shares = downstream._shares(corpus, np.arange(16)).reshape(16, 10, 2).float()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(downstream, "slice_features", lambda _e, _c, asked: shares[asked])
        assert downstream.slice_r2(encoder, corpus, rows.train, rows.validation, rows.test) > 0.95
        patch.setattr(downstream, "slice_features", lambda _e, _c, asked: torch.zeros(len(asked), 10, 3))
        assert downstream.slice_r2(encoder, corpus, rows.train, rows.validation, rows.test) < 0.1


def test_means_leave_out_distances_that_are_not_defined():
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [2.0, 4.0]])
    np.testing.assert_array_equal(steps.nan_mean(values, 1), [1.0, np.nan, 3.0])


def test_every_figure_and_table_can_be_drawn(run):
    study, method, history, comparison = run
    corpus = arms.open_corpus(steps.settings_of(study))
    rows = arms.rows_of(corpus)
    maps, height = steps.slice_embeddings(study, method, at_most=40)
    assert all(len(x) == len(height) == 40 for x in maps.values())
    hidden = token_mask(2, 4, 0.25)
    drawn = [
        figures.subject_sheet(corpus, rows.train[:3], study.data_note),
        figures.views_figure(corpus, 0, arms.volume_views(steps.settings_of(study)), hidden, study.data_note),
        figures.training_curves(history.epochs, study.data_note),
        figures.slice_map(maps, height, study.data_note),
        figures.fraction_figure(comparison, study.data_note),
        figures.mask_strip(comparison, corpus, steps.shown_rows(study), study.data_note),
    ]
    for figure in drawn:
        figure.draw_without_rendering()
        assert "simulated data" in str(figure.get_supxlabel())
    assert "±" in figures.result_table(comparison).loc["Dice, 50 %", "joint"]
    assert list(figures.class_table(comparison).index) == ["grey matter", "white matter"]
    notes = " ".join(steps.notes(study, comparison))
    assert "Collapse watch" in notes
    assert "share one real anatomy" in notes


def test_the_viewer_is_a_picture_where_nobody_watches_and_follows_its_controls_otherwise(run, monkeypatch):
    study, _, _, comparison = run
    corpus = arms.open_corpus(steps.settings_of(study))
    rows = steps.shown_rows(study)
    assert explore.slice_viewer(study, comparison, corpus, rows).data.startswith(b"\x89PNG")
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook")
    panel = explore.slice_viewer(study, comparison, corpus, rows)
    for control, value in ((0, 2), (1, "sagittal"), (2, 3)):
        before = panel.children[-1].value
        panel.children[control].value = value
        assert panel.children[-1].value != before


def test_the_slice_viewer_shows_every_slice_of_a_plane_one_a_step(run, monkeypatch):
    study, _, _, comparison = run
    corpus = arms.open_corpus(steps.settings_of(study))
    rows, shown = steps.shown_rows(study), []
    monkeypatch.setattr(explore, "show_marked", lambda axis, volume, mask, plane, at: shown.append((plane, at)))
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook")
    panel = explore.slice_viewer(study, comparison, corpus, rows)
    volume = torch.arange(10 * 24 * 24).reshape(10, 24, 24)
    for plane, axis in (("axial", 0), ("coronal", 1)):
        panel.children[1].value = plane
        slider = panel.children[2]
        assert (slider.min, slider.max, slider.step) == (1, volume.shape[axis], 1)
        for number in (1, 2, slider.max):
            slider.value = number
            expected = volume.select(axis, number - 1).flip(0).numpy()
            assert shown[-1][0] == plane
            assert (figures.plane_of(volume, *shown[-1]) == expected).all()


def test_a_folder_of_nifti_runs_and_says_where_its_slices_come_from(tmp_path: Path):
    rng = np.random.default_rng(0)
    records = []
    for i in range(8):
        labels = np.zeros((24, 24, 10), np.uint8)
        labels[6:14, 8:16, 3:8] = 1
        image = (rng.integers(0, 50, labels.shape) + 200 * labels).astype(np.int16)
        for name, array in (("v", image), ("m", labels)):
            write_volume(tmp_path / f"{name}{i}.nii.gz", Volume(array, np.eye(4)))
        split = ["train", "train", "train", "validation", "validation", "test", "test", "test"][i]
        records.append({"sample_id": f"s{i}", "path": f"v{i}.nii.gz", "mask": f"m{i}.nii.gz", "split": split})
    pd.DataFrame(records).to_csv(tmp_path / "list.csv", index=False)
    study = Study("joint_2d_3d", **TINY | {"corpus": "manifest", "data_root": str(tmp_path / "list.csv"),
                                          "compared": ["scratch", "image", "joint"], "seeds": [0]})  # fmt: skip
    comparison = steps.compare(study, steps.pretrain_shown(study)[1])
    assert comparison.classes == ["label 1"]
    assert "No subject is set apart" in " ".join(steps.notes(study, comparison))


@pytest.mark.parametrize(
    ("values", "words"),
    [({"compared": ["scratch", "joint"]}, "image must be among them"), ({"label_fractions": [0.1]}, "1 must be"),
     ({"corpus": "rice"}, "unknown; allowed"), ({"masked_share": 1.0}, "masked_share"), ({"depth": 2}, "depth")],
)  # fmt: skip
def test_impossible_parameters_are_one_clear_line(values, words):
    with pytest.raises(StudyError, match=words):
        CARD.validated(values)


def test_a_corpus_without_root_is_refused_before_anything_is_done():
    with pytest.raises(StudyError, match="needs data_root"):
        CARD.data_sources(CARD.validated({"corpus": "decathlon"}))


def test_arms_stand_in_one_order():
    assert CARD.validated({"compared": ["joint", "scratch", "image"]}).compared == ["scratch", "image", "joint"]
    assert set(figures.COLOURS) == set(figures.MARKS) == set(steps.NAMES) == set(ARMS)
