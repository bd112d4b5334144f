"""The pretext of face and voice learns from what is labelled, and only from that."""

import pytest
import torch
from torch import nn

from helpers.errors import StudyError
from helpers.methods.audiovisual_pretexts import AudiovisualPretexts
from helpers.networks.sound_encoders import sound_encoder
from helpers.views.spectrograms import SpectrogramViews

TASKS = {"energy": 2, "activation": 2, "emotion": 8}


def method(tasks=TASKS) -> AudiovisualPretexts:
    torch.manual_seed(0)
    encoder, size = sound_encoder("patch_small", 16, dropout=0.0)
    return AudiovisualPretexts(encoder, size, tasks, lambda x: x)


def batch(**labels: list[int]) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {"input": torch.randn(4, 20, 16)} | {name: torch.tensor(values) for name, values in labels.items()}


def test_the_loss_is_the_mean_of_the_tasks_cross_entropies_over_what_is_labelled():
    made = method()
    data = batch(energy=[0, 1, 1, 0], activation=[-1, 1, -1, 0], emotion=[-1, -1, -1, 5])
    z = made.encoder(data["input"])
    expected = [nn.functional.cross_entropy(made.heads[t](z), data[t], ignore_index=-1) for t in TASKS]
    assert torch.allclose(made.training_step(data)["loss"], torch.stack(expected).mean(), atol=1e-6)


def test_an_unlabelled_stretch_has_no_say_in_a_task():
    made = method({"emotion": 8})
    made.encoder.eval()
    data = batch(emotion=[3, -1, 2, -1])
    gradients = []
    for change in (0.0, 5.0):
        data["input"][[1, 3]] += change
        made.zero_grad()
        made.training_step(data)["loss"].backward()
        gradients.append(torch.cat([p.grad.flatten() for p in made.parameters() if p.grad is not None]))
    assert torch.allclose(gradients[0], gradients[1], atol=1e-6)


def test_a_batch_without_any_label_of_a_task_leaves_that_task_out():
    made = method()
    data = batch(energy=[0, 1, 1, 0], activation=[-1] * 4, emotion=[-1] * 4)
    alone = nn.functional.cross_entropy(made.heads["energy"](made.encoder(data["input"])), data["energy"])
    assert torch.allclose(made.training_step(data)["loss"], alone, atol=1e-6)
    nothing = made.training_step(batch(energy=[-1] * 4, activation=[-1] * 4, emotion=[-1] * 4))["loss"]
    assert float(nothing.detach()) == 0
    nothing.backward()
    assert all(p.grad is None or float(p.grad.abs().sum()) == 0 for p in made.parameters())


def test_accuracies_are_logged_over_labelled_stretches():
    made = method({"energy": 2})
    nn.init.zeros_(made.heads["energy"].weight)
    made.heads["energy"].bias.data = torch.tensor([0.0, 1.0])
    out = made.training_step(batch(energy=[1, 0, -1, 1]))
    assert float(out["energy_accuracy"]) == pytest.approx(2 / 3)
    assert out["embedding"].shape == (4, 128)


def test_it_learns_a_label_that_is_in_the_sound():
    made = AudiovisualPretexts(*sound_encoder("patch_small", 16), {"energy": 2}, SpectrogramViews(mel_width=2))
    torch.manual_seed(2)
    optimiser = torch.optim.AdamW(made.parameters(), 2e-3)
    for _ in range(25):
        labels = torch.randint(0, 2, (32,))
        x = torch.randn(32, 40, 16) * (1 + labels)[:, None, None]
        out = made.training_step({"input": x, "energy": labels})
        optimiser.zero_grad()
        out["loss"].backward()
        optimiser.step()
    assert float(out["energy_accuracy"]) > 0.85


def test_no_task_is_refused():
    with pytest.raises(StudyError, match="at least one task"):
        AudiovisualPretexts(*sound_encoder("patch_small", 16), {}, lambda x: x)
