"""Functionals measure what their names say, alike in any batch."""

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.data.corpus import Corpus
from helpers.data.functionals import NAMES, corpus_functionals, descriptors, functionals
from helpers.data.sound import padded


def voice(hertz: float, seconds: float = 1.0, gain: float = 0.1, tilt: float = 1.0) -> torch.Tensor:
    """A sum of harmonics, the k-th of strength 1/k^tilt."""
    t = torch.arange(int(16000 * seconds)) / 16000
    count = int(4000 / hertz)
    return gain * sum(torch.sin(2 * torch.pi * hertz * k * t + k) / k**tilt for k in range(1, count + 1))


def of(*waves: torch.Tensor) -> dict[str, np.ndarray]:
    batch = padded(list(waves))
    return dict(zip(NAMES, functionals(batch["input"], batch["length"]).T.numpy(), strict=True))


@pytest.mark.parametrize("hertz", [80.0, 123.0, 220.0, 391.0])
def test_the_pitch_of_a_voice_is_found_within_a_quarter_of_a_semitone(hertz: float) -> None:
    expected = 12 * np.log2(hertz / 27.5)
    found = of(voice(hertz))
    assert found["pitch mean"][0] == pytest.approx(expected, abs=0.25)
    assert found["pitch range"][0] < 0.5


def test_noise_and_silence_have_no_pitch() -> None:
    batch = padded([0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(0)), torch.zeros(16000)])
    assert descriptors(batch["input"], batch["length"]).voiced.float().mean(dim=1).max() < 0.05
    assert np.isfinite(functionals(batch["input"], batch["length"]).numpy()).all()


def test_louder_is_louder_and_changes_no_pitch_nor_slope() -> None:
    found = of(voice(150, gain=0.02), voice(150, gain=0.2))
    assert found["level_db"][1] - found["level_db"][0] == pytest.approx(20, abs=0.1)
    assert found["loudness mean"][1] > 2 * found["loudness mean"][0]
    for name in ("pitch mean", "slope_500_1500 mean", "alpha_ratio mean", "hammarberg mean"):
        assert found[name][1] == pytest.approx(found[name][0], abs=0.05)


def test_a_brighter_voice_has_more_high_energy_and_a_steadier_one_less_jitter() -> None:
    found = of(voice(150, tilt=2.0), voice(150, tilt=0.5))
    assert found["alpha_ratio mean"][1] < found["alpha_ratio mean"][0]
    assert found["centroid mean"][1] > found["centroid mean"][0]
    t = torch.arange(16000) / 16000
    swaying = 0.3 * torch.sin(2 * torch.pi * (150 * t + 2.5 * torch.sin(2 * torch.pi * 5 * t)))
    assert of(swaying)["jitter mean"][0] > 5 * of(voice(150))["jitter mean"][0]


def test_runs_of_voice_are_counted_and_timed() -> None:
    still = torch.zeros(4800)
    found = of(torch.cat([still, voice(150, 0.5), still, voice(200, 0.5), still]))
    assert found["voiced_per_s"][0] == pytest.approx(2 / 1.9, rel=0.05)
    assert found["voiced_mean_s"][0] == pytest.approx(0.5, abs=0.06)
    assert found["unvoiced_mean_s"][0] == pytest.approx(0.3, abs=0.06)


def test_a_clip_has_the_same_functionals_in_any_batch() -> None:
    short, long = voice(120, 0.7), voice(200, 1.3)
    together, alone = of(short, long), of(short)
    for name in NAMES:
        assert together[name][0] == pytest.approx(alone[name][0], rel=1e-3, abs=1e-3)


def test_a_corpus_is_measured_once() -> None:
    calls = []

    def load(rows: np.ndarray) -> dict[str, torch.Tensor]:
        calls.append(len(rows))
        return padded([voice(100 + 10 * int(i), 0.3) for i in rows])

    names = [f"s{i}" for i in range(5)]
    table = pd.DataFrame({"sample_id": names, "subject": names})
    corpus = Corpus("v", table, load, (), "none", "a test", True, "voices")
    found = corpus_functionals(corpus, batch=2)
    assert found.shape == (5, len(NAMES))
    assert torch.equal(corpus_functionals(corpus), found)
    assert calls == [2, 2, 1]
    assert (found[:, NAMES.index("pitch mean")].diff() > 0).all()
