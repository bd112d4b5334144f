"""The panels: a static picture where nobody watches, live controls where someone does."""

import pytest
import torch

from helpers.studies.direct_pred import arms, explore, steps
from helpers.studies.direct_pred.steps import Comparison
from helpers.studies.study import Study


@pytest.fixture
def study() -> Study:
    return Study("direct_pred", train_limit=100)


def ended(d: int = 6) -> Comparison:
    return Comparison({("direct_pred", 0): {"s": torch.linspace(0.01, 1, d)}}, {}, [0])


def test_without_a_front_end_panels_are_pictures_with_a_text(study):
    settings = steps.settings_of(study)
    corpus = arms.open_corpus(settings)
    rows = arms.one_a_class(corpus, arms.rows_of(corpus, settings).train)[:3]
    for shown in (explore.explore_views(study, corpus, rows), explore.explore_spectrum(study, ended())):
        assert shown.data.startswith(b"\x89PNG")
        assert len(shown.alt) > 20
    assert "slider" in explore.explore_dynamics()


def test_with_a_front_end_a_slider_redraws_the_picture(study, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook")
    panel = explore.explore_spectrum(study, ended())
    slider, shown = panel.children[0], panel.children[-1]
    before = shown.value
    slider.value = 0.8
    assert shown.value != before
