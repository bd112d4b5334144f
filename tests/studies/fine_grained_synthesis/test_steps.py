"""The fine_grained_synthesis study: arms, budgets, evidence, and a whole small comparison."""

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from helpers.errors import StudyError
from helpers.methods.discriminative_synthesis import DiscriminativeSynthesis
from helpers.methods.moco import MoCo
from helpers.methods.simclr import SimCLR
from helpers.studies.catalogue import study_card
from helpers.studies.fine_grained_synthesis import arms, explore, figures, pictures, probing, steps
from helpers.studies.fine_grained_synthesis.steps import Comparison, names_of

SMALL = {"drawn_train": 48, "drawn_test": 24, "image_size": 32, "epochs": 2, "batch_size": 16, "warmup_epochs": 0.0,
         "queue": 32, "hidden": 16, "projection": 8, "decoder_width": 8, "decoder_blocks": 1}  # fmt: skip
LEFT_OUT = {"scale", "seeds", "workers", "threads", "processes", "ablations", "ablation_seeds"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Iterator[dict]:
    parameters = study_card("fine_grained_synthesis").validated({**SMALL, "corpus": "butterflies"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIES_OUTPUTS", str(tmp_path_factory.mktemp("outputs")))
        arms.open_corpus(parameters.model_dump())  # drawn small, and remembered for the file's tests
        yield parameters.model_dump(exclude=LEFT_OUT)


class StudyOf:
    """As much of a study as evidence and notes ask for."""

    card = study_card("fine_grained_synthesis")

    def __init__(self, **more):
        self.parameters = self.card.validated({**SMALL, "corpus": "butterflies", **more})


@pytest.fixture(scope="module")
def found(settings) -> Comparison:
    runs = {(arm, seed): probing.pretrained(settings, arm, seed) for arm in ("synthesis", "base", "longer")
            for seed in (0, 1)}  # fmt: skip
    runs["perturb_all", 0] = probing.pretrained(settings, "perturb_all", 0)
    runs |= {("start", seed): probing.start(settings, seed) for seed in (0, 1)}
    corpus = arms.open_images(settings)
    names, classes = steps.classes_of(corpus)
    truth = classes[arms.rows_of(corpus).test]
    return Comparison(runs, truth, names, [0, 1], names_of("moco"), "random initialisation")


def test_every_arm_starts_from_the_same_encoder_and_projector_and_names_its_variant(settings):
    made = {arm: arms.make_method(settings, arm, 10, 3) for arm in [*arms.BASES, *arms.VARIANTS]}
    first = made["base"]
    assert isinstance(first, MoCo)
    for arm, method in made.items():
        base = method.base if isinstance(method, DiscriminativeSynthesis) else method
        assert (arm in arms.BASES) == (base is method)
        for mine, theirs in zip(base.state_dict().values(), first.state_dict().values(), strict=True):
            assert torch.equal(mine, theirs)
    assert made["perturb_all"].perturb == "all"
    assert made["perturb_random"].perturb == "random"
    assert made["no_decoder_loss"].reconstruction_weight == 0
    assert made["synthesis"].reconstruction_weight == settings["reconstruction_weight"] > 0
    assert made["synthesis"].start_step == 2
    assert isinstance(arms.make_method(settings | {"base": "simclr"}, "base", 10, 3), SimCLR)


def test_budgets_are_equal_but_for_the_longer_base(settings):
    mine = settings | {"epochs": 4, "longer": 2.5, "batch_size": 10, "pair_start": 0.25}
    assert [arms.steps_of(mine, 50, arm) for arm in ("base", "synthesis", "longer")] == [20, 20, 50]
    assert arms.encoder_passes(mine, 50, "base") == 40
    assert arms.encoder_passes(mine, 50, "synthesis") == 70  # 15 of 20 steps have a pair
    assert arms.encoder_passes(mine, 50, "longer") == 100
    assert arms.passes(settings | {"epochs": 3, "least_steps": 11}, 32) == 6  # two steps a pass


def test_no_test_image_is_pretrained_on(settings):
    corpus = arms.open_images(settings)
    rows = arms.rows_of(corpus)
    assert not set(rows.pretrain) & set(rows.test)
    assert set(corpus.table["split"].to_numpy()[rows.pretrain]) == {"train"}
    job = arms.pretraining(settings, "synthesis", 0)
    assert np.array_equal(job.rows, rows.pretrain)


def test_an_arm_repeats_bit_for_bit(settings):
    one, two = (probing.pretrained(settings, "synthesis", 5) for _ in range(2))
    assert one["history"] == two["history"]
    for key in ("linear", "rank1", "average_precision", "maps"):
        assert torch.equal(one[key], two[key])
    assert torch.equal(one["pointing"]["hit"], two["pointing"]["hit"])


def test_measured_scores_are_of_the_test_images_and_pairs_come_after_their_start(found):
    run = found.runs["synthesis", 0]
    assert run["linear"].shape == run["rank1"].shape == run["average_precision"].shape == (24,)
    assert run["pointing"]["hit"].shape == (24,)
    assert ((run["pointing"]["object_chance"] > 0) & (run["pointing"]["object_chance"] < 1)).all()
    assert run["maps"].shape == (probing.SHOWN, 32, 32)
    assert "pair_loss" in run["history"][-1]
    assert "pair_loss" not in found.runs["base", 0]["history"][-1]


def test_a_frozen_encoder_does_not_change_by_being_measured(settings):
    encoder = probing.encoder_at_start(settings, 0)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    probing.measured(encoder, settings)
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())


def test_evidence_pairs_every_claims_arms_by_seed_and_test_image(found):
    listed = {item.claim.key: item for item in steps.evidence(StudyOf(), found)}
    assert set(listed) == {claim.key for claim in study_card("fine_grained_synthesis").claims}
    linear = listed["raises_linear"]
    assert np.array_equal(linear.method, found.scores("synthesis", "linear"))
    assert np.array_equal(linear.baseline, found.scores("base", "linear"))
    assert np.array_equal(listed["raises_retrieval_at_equal_compute"].baseline, found.scores("longer", "map"))
    assert np.array_equal(listed["base_leaves_start"].baseline, found.scores("start", "linear"))
    assert listed["looks_at_parts"].method.shape == (2, 24)


def test_without_marked_parts_there_is_no_pointing_and_queries_alone_in_their_class_are_left_out(found):
    plain = {key: {k: v for k, v in run.items() if not k.startswith("pointing")} for key, run in found.runs.items()}
    for run in plain.values():
        run["average_precision"] = run["average_precision"].clone()
        run["average_precision"][3] = torch.nan
    bare = Comparison(plain, found.truth, found.class_names, found.seeds, found.names, found.initialisation)
    listed = {item.claim.key: item for item in steps.evidence(StudyOf(), bare)}
    assert "looks_at_parts" not in listed
    assert listed["raises_retrieval"].method.shape == (2, 23)
    assert listed["raises_linear"].method.shape == (2, 24)


def test_tables_name_the_initialisation_beside_every_number(found):
    for table in (figures.scores_table(found), figures.gains_table(found)):
        assert set(table["initialisation"]) == {"random initialisation"}
    gains = figures.gains_table(found)
    assert "MoCo v2" not in gains.index
    difference = 100 * (found.means("perturb_all", "linear")[0] - found.means("base", "linear")[0])
    assert gains.loc["all dimensions perturbed", "linear top-1, points"] == f"{difference:+.1f}"


def test_notes_tell_of_start_budget_and_collapse(found):
    told = " | ".join(steps.notes(StudyOf(), found))
    assert "random initialisation" in told
    assert "2 passes, 6 steps for every arm" in told
    assert "Collapse watch" in told
    assert "Pointing game, parts grown by 1 pixel(s)" in told
    assert list(steps.costs(StudyOf(), found)["encoder batches"])[:3] == [22, 12, 30]


def test_every_figure_draws_and_names_its_data(found, settings):
    rows = arms.rows_of(arms.open_images(settings)).train
    method = arms.make_method(settings, "synthesis", 10, 0)
    assert isinstance(method, DiscriminativeSynthesis)
    noise = method.noise, method.perturb
    drawn = [
        pictures.contact_sheet(settings, rows, "note"),
        pictures.two_views(settings, rows[:2], "note"),
        pictures.synthesised_pairs(method, settings, rows[:3], "note", 2.0, "all"),
        pictures.dimensions(method, settings, rows[:16], "note"),
        pictures.saliency_lines(settings, found, "note"),
        figures.metrics_figure(found, "note"),
        figures.pointing_figure(found, "note"),
    ]
    for figure in drawn:
        assert "data: note" in figure._supxlabel.get_text()
    assert (method.noise, method.perturb) == noise


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"ablations": ["perturb_all", "perturb_all"]}, "an ablation stands twice"),
        ({"variance_share": 1.2}, "variance_share"),
        ({"base": "byol"}, "base"),
        ({"longer": 0.5}, "longer"),
        ({"corpus": "moths"}, "'moths' is unknown"),
    ],
)
def test_impossible_parameters_are_refused(wrong, line):
    with pytest.raises(StudyError, match=line):
        study_card("fine_grained_synthesis").validated({"corpus": "butterflies", **wrong})


def test_the_start_is_named_in_words():
    card = study_card("fine_grained_synthesis")
    assert card.validated({"corpus": "butterflies"}).initialisation() == "random initialisation"
    given = card.validated({"corpus": "butterflies", "encoder_weights": "somewhere/r50.safetensors"})
    assert given.initialisation() == "weights from r50.safetensors"


def test_intervals_are_shown_from_three_seeds_on():
    assert figures.mean_and_half(np.array([50.0, 52.0])) == "51.0"
    assert figures.mean_and_half(np.array([50.0, 52.0, 54.0])) == "52.0 ± 5.0"


def test_the_panel_names_its_choices_and_every_control_changes_the_picture(settings, monkeypatch):
    method = arms.make_method(settings, "synthesis", 10, 0)
    method.training_step({"input": pictures._images(settings, np.arange(16))})  # its features' variances are known
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook")
    monkeypatch.setattr(explore, "settings_of", lambda study: settings)
    asked = []
    drawn = explore.synthesised_pairs
    monkeypatch.setattr(explore, "synthesised_pairs", lambda *args: (asked.append(args[4:6]), drawn(*args))[1])
    noise, dimensions, page, picture = explore.explore_pairs(SimpleNamespace(data_note="note"), method, each=1).children
    assert [name for name, _ in dimensions.options if "_" in name] == []
    for control, value in ((noise, 0.0), (noise, 5.0), (dimensions, "non-discriminative ones"), (page, page.max)):
        before = picture.value
        if control is dimensions:
            control.label = value
        else:
            control.value = value
        assert picture.value != before
    assert asked[-1] == (5.0, "non_discriminative")
