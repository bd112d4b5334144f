"""The insect_pests study: arms, shares of labels, rarity, evidence, and a whole small comparison."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from helpers.data.labelled_rows import classes_of
from helpers.methods.barlow_twins import BarlowTwins
from helpers.methods.byol import BYOL
from helpers.methods.nnclr import NNCLR
from helpers.studies.catalogue import study_card
from helpers.studies.insect_pests import arms, explore, probing, steps
from helpers.studies.insect_pests.steps import Comparison
from helpers.studies.study import Study

SMALL = {
    "drawn_train": 66, "drawn_test": 22, "image_size": 32, "epochs": 1, "batch_size": 32, "warmup_epochs": 0.0,
    "fine_tune_steps": 4, "transfer_images": 80, "label_fractions": [0.05, 1.0], "hidden": 16, "projection": 8,
    "queue": 40,
}  # fmt: skip


@pytest.fixture(scope="module")
def settings() -> Iterator[dict]:
    parameters = study_card("insect_pests").validated({**SMALL, "corpus": "pests"})
    left_out = {"scale", "seeds", "workers", "threads", "processes", "methods", "inputs", "wider_inputs",
                "wider_methods", "claim_fraction"}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("helpers.data.simulated.pests.MIN_TEST", 2)
        arms.open_corpus(parameters.model_dump())  # drawn small, and remembered for the file's tests
        yield parameters.model_dump(exclude=left_out)


@pytest.fixture
def no_probe(monkeypatch) -> None:
    """Linear probes, which are tested elsewhere, answer 0 at once."""
    monkeypatch.setattr(probing, "linear_probe", lambda train, held, asked, _: torch.zeros(len(asked)).long())


def comparison_of(predicted: dict[str, list[list[int]]], truth: list[int], **more) -> Comparison:
    """A comparison whose arms predict the same under every protocol and share, (seeds, images) an arm."""
    runs = {}
    for arm, by_seed in predicted.items():
        for seed, classes in enumerate(by_seed):
            p = torch.tensor(classes).short()
            run = {"knn": p, "linear": {"0.05": p, "1.0": p}, "fine_tune": {"0.05": p, "1.0": p}}
            run["validation"] = {"fine_tune 0.05": more.get("validation", {}).get(arm, 0.5)}
            runs["raw", "small", arm, seed] = run
    seeds = list(range(len(next(iter(predicted.values())))))
    return Comparison(runs, np.array(truth), ["common", "rare"], ["ant", "bee"], seeds, ["small"])


def test_every_method_starts_from_the_same_encoder_and_only_byol_knows_the_steps(settings):
    made = {m: arms.pretraining(settings, m, "small", "raw", 3).method for m in ("nnclr", "byol", "barlow_twins")}
    kinds = {"nnclr": NNCLR, "byol": BYOL, "barlow_twins": BarlowTwins}
    for name, method in made.items():
        assert isinstance(method, kinds[name])
        for mine, first in zip(method.encoder.parameters(), made["nnclr"].encoder.parameters(), strict=True):
            assert torch.equal(mine, first)
    job = arms.pretraining(settings, "byol", "small", "raw", 3)
    assert made["byol"].steps == job.plan.epochs * (len(job.rows) // settings["batch_size"])


def test_a_small_corpus_gets_as_many_passes_as_make_the_least_steps(settings):
    assert arms.passes(settings | {"epochs": 3, "least_steps": 0}, 64) == 3
    assert arms.passes(settings | {"epochs": 3, "least_steps": 11}, 64) == 6  # two steps a pass
    assert arms.passes(settings | {"epochs": 3, "least_steps": 11}, 6400) == 3


def test_segmented_input_is_the_raw_one_inside_the_found_mask(settings):
    rows = np.array([0, 9, 30])
    raw, cut = arms.open_input(settings, "raw"), arms.open_input(settings, "segmented")
    assert torch.equal(cut.load(rows), raw.load(rows) * arms.found_masks(settings, rows))
    assert raw.table["split"].equals(cut.table["split"])
    scores = arms.segmentation_scores(settings, rows)
    assert scores.shape == (3,)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_no_test_image_is_pretrained_on_and_validation_is_of_the_training_part(settings):
    corpus = arms.open_input(settings, "raw")
    rows = arms.rows_of(corpus)
    assert not set(rows.pretrain) & set(rows.test)
    assert set(rows.train) | set(rows.validation) == set(rows.pretrain)
    assert set(corpus.table["split"].to_numpy()[rows.test]) == {"test"}


@pytest.mark.parametrize("source", ["kernels", "digits"])
def test_transfer_learns_another_corpus_and_changes_the_encoder(source, settings):
    mine = settings | {"transfer_corpus": source, "epochs": 4}
    network, features, accuracy = arms.transferred(mine, "small", 0)
    start = arms.make_encoder(mine, "small", 0)[0]
    assert 0 <= accuracy <= 1
    assert network(torch.rand(4, 3, 32, 32)).shape == (4, features)
    assert any(not torch.equal(a, b) for a, b in zip(network.parameters(), start.parameters(), strict=True))


def test_transfer_from_a_file_takes_its_weights_for_the_first_encoder(settings, tmp_path):
    from safetensors.torch import save_file

    saved = arms.make_encoder(settings, "small", 9)[0]
    save_file({k: t.contiguous() for k, t in saved.state_dict().items()}, tmp_path / "w.safetensors")
    mine = settings | {"transfer_weights": str(tmp_path / "w.safetensors")}
    network, _, accuracy = arms.transferred(mine, "small", 0)
    assert np.isnan(accuracy)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), saved.parameters(), strict=True))


def test_an_arm_is_measured_by_every_protocol_at_every_share(settings, monkeypatch):
    monkeypatch.setattr(probing, "PENALTIES", (0.3,))
    found = probing.pretrained(settings, "nnclr", "small", "raw", 1)
    corpus = arms.open_input(settings, "raw")
    tests, classes = len(arms.rows_of(corpus).test), len(classes_of(corpus)[0])
    for predicted in (found["knn"], *found["linear"].values(), *found["fine_tune"].values()):
        assert predicted.shape == (tests,)
        assert 0 <= predicted.min() <= predicted.max() < classes
    assert set(found["fine_tune"]) == set(found["linear"]) == {"0.05", "1.0"}


def test_an_arm_repeats_bit_for_bit(settings, no_probe):
    mine = settings | {"label_fractions": [0.05]}
    found, again = (probing.pretrained(mine, "byol", "small", "raw", 1) for _ in range(2))
    assert found["history"] == again["history"]
    assert torch.equal(found["knn"], again["knn"])
    assert torch.equal(found["fine_tune"]["0.05"], again["fine_tune"]["0.05"])


def test_the_learning_rate_is_chosen_on_validation(settings, monkeypatch, no_probe):
    seen = []

    def predict(encoder, corpus, classes, rows, plan, features):
        seen.append(plan.learning_rate)
        tests = len(rows["test"]) - len(rows["validation"])
        right = classes[rows["validation"]].copy()
        if plan.learning_rate != 0.1:
            right[:] = -5
        return np.concatenate([np.full(tests, round(plan.learning_rate * 10)), right])

    monkeypatch.setattr(probing, "fine_tune", predict)
    mine = settings | {"fine_tune_learning_rates": [0.3, 0.1, 0.2]}
    network, features = arms.make_encoder(mine, "small", 0)
    found = probing.measured(network, features, mine, "raw", 0)
    assert seen == [0.3, 0.1, 0.2] * 2
    assert set(found["fine_tune"]["0.05"].tolist()) == {1}
    assert found["validation"]["fine_tune 0.05"] == 1.0


def test_inputs_that_are_not_fine_tuned_have_no_fine_tuning(settings, no_probe):
    network, features = arms.make_encoder(settings, "small", 0)
    assert "fine_tune" not in probing.measured(network, features, settings, "segmented", 0)


def test_rarity_is_by_thirds_of_the_classes_that_have_images():
    assert steps.rarity_of(np.array([5, 90, 40, 0, 30, 8, 2])) == [
        "rare",
        "common",
        "common",
        "",
        "medium",
        "medium",
        "rare",
    ]


def test_recall_and_macro_f1_are_those_of_scikit_learn():
    from sklearn.metrics import f1_score, recall_score

    truth = [0, 0, 0, 1, 1]
    found = comparison_of({"nnclr": [[0, 0, 1, 1, 0], [0, 0, 0, 0, 0]]}, truth)
    assert found.recall("nnclr", "linear", 1.0)[0] == pytest.approx(recall_score(truth, [0, 0, 1, 1, 0], average=None))
    expected = [f1_score(truth, p, average="macro", zero_division=0) for p in ([0, 0, 1, 1, 0], [0] * 5)]
    assert found.macro_f1("nnclr", "fine_tune", 0.05) == pytest.approx(expected)
    assert found.correct("nnclr", "knn").mean(1).tolist() == [0.6, 0.6]


def test_nnclr_is_held_against_the_other_that_is_better_on_validation_not_on_test(monkeypatch):
    class StudyOf:
        parameters = study_card("insect_pests").validated({"corpus": "pests"})
        card = study_card("insect_pests")

    truth = [0, 0, 1, 1]
    predicted = {"nnclr": [[0, 0, 1, 0]] * 2, "byol": [[0, 0, 1, 1]] * 2, "barlow_twins": [[1, 1, 1, 1]] * 2,
                 "transfer": [[0, 1, 0, 1]] * 2, "random": [[1, 1, 0, 0]] * 2}  # fmt: skip
    held = comparison_of(predicted, truth, validation={"byol": 0.2, "barlow_twins": 0.4})
    assert steps.better_other(held, 0.05) == "barlow_twins"
    found = {e.claim.key: e for e in steps.evidence(StudyOf(), held)}
    assert (found["nnclr_best"].baseline == held.correct("barlow_twins", "fine_tune", 0.05)).all()
    assert found["beats_transfer"].method.shape == (2, 4)
    assert (found["leaves_random"].baseline == 0).all()


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"methods": ["byol", "barlow_twins"]}, "nnclr must be among them"),
        ({"inputs": ["segmented"]}, "raw must be among them"),
        ({"label_fractions": [0.05]}, "1 must be among them"),
        ({"label_fractions": [0.0, 1.0]}, "label_fractions"),
        ({"encoders": ["small", "small"]}, "an encoder stands twice"),
    ],
)
def test_parameters_without_which_a_claim_cannot_be_judged_are_refused(wrong, line):
    from helpers.errors import StudyError

    with pytest.raises(StudyError, match=line):
        study_card("insect_pests").validated({"corpus": "pests", **wrong})


def test_claims_are_judged_at_the_nearest_share():
    card = study_card("insect_pests")
    assert card.validated({"corpus": "pests"}).judged_fraction() == 0.05
    assert card.validated({"corpus": "pests", "label_fractions": [0.1, 1.0]}).judged_fraction() == 0.1


def test_masks_of_a_few_pictures_are_those_of_the_whole_corpus(settings):
    rows = np.array([3, 40])
    assert torch.equal(arms.masks_by(settings, rows, settings["segmentation"]), arms.found_masks(settings, rows))


def test_another_segmentation_is_found_for_the_pictures_shown_and_no_more(settings, monkeypatch):
    study = Study("insect_pests", **SMALL, corpus="pests")
    asked = []
    find = arms.find_foreground

    def counted(images, method):
        asked.append((len(images), method))
        return find(images, method)

    monkeypatch.setattr(arms, "find_foreground", counted)
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook")
    panel = explore.explore_segmentation(study)
    method, page, shown = panel.children
    before = shown.value
    method.value = "grabcut"
    assert shown.value != before
    before = shown.value
    page.value = 2
    assert shown.value != before
    assert asked == [(2, "saliency"), (2, "grabcut"), (2, "grabcut")]
