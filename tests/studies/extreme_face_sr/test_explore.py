"""The panel of faces between two others: every control changes the picture, and faces are counted from 1."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from helpers.networks.style_generator import StyleGenerator
from helpers.studies.extreme_face_sr import explore


def test_every_control_changes_the_faces_and_each_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    generator = StyleGenerator([4, 4, 4], 8).eval()
    tools = SimpleNamespace(prior=SimpleNamespace(generator=generator), bank=SimpleNamespace(styles=torch.randn(5, 8)))
    study = SimpleNamespace(parameters=SimpleNamespace(middle_size=8), data_note="note")
    caught: dict = {}
    monkeypatch.setattr(explore, "explore", lambda draw, alt, **controls: caught.update(controls, draw=draw))
    explore.explore_styles(study, tools)  # type: ignore[arg-type]
    draw = caught.pop("draw")
    start = {name: control.start for name, control in caught.items()}

    def shown(**changed: float) -> bytes:
        return draw(**start | changed).axes[0].images[0].get_array().tobytes()

    assert (caught["first"].low, caught["first"].high, caught["second"].high) == (1, 5, 5)
    changes = {"first": 5, "second": 5, "coarse_share": 0.0, "fine_share": 1.0, "truncation": 0.5}
    for name, value in changes.items():
        assert shown(**{name: value}) != shown(), name
    labels = [text.get_text() for text in draw(**start).axes[0].get_xticklabels()]
    assert labels == ["one", "between", "other"]
