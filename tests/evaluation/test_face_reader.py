"""The reader learns what it is told, passes over what nobody knows, and its distance is one."""

import torch

from helpers.evaluation.face_reader import UNKNOWN, FaceReader
from helpers.networks.image_encoders import image_encoder


def pictures(n: int = 16, side: int = 32) -> torch.Tensor:
    g = torch.Generator().manual_seed(0)
    return torch.nn.functional.interpolate(torch.rand(n, 3, 4, 4, generator=g), (side, side), mode="bilinear")


def test_it_learns_to_tell_dark_from_light_and_reads_it():
    torch.manual_seed(0)
    reader = FaceReader(32, [2])
    adam = torch.optim.Adam(reader.parameters(), lr=1e-2)
    light = torch.arange(16) % 2
    shown = pictures() * (0.3 + 0.7 * light[:, None, None, None])
    for _ in range(15):
        adam.zero_grad()
        reader.training_step({"input": shown, "label": light[:, None]})["loss"].backward()
        adam.step()
    reader.eval()
    assert torch.equal(reader.read(shown)[:, 0], light)


def test_unknown_labels_bear_on_nothing():
    torch.manual_seed(0)
    reader = FaceReader(32, [2, 3]).eval()
    labels = torch.stack([torch.arange(16) % 2, torch.full((16,), UNKNOWN)], 1)
    loss = reader.training_step({"input": pictures(), "label": labels})["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    assert reader.heads[1].weight.grad.abs().sum() == 0
    half = torch.where(torch.arange(16)[:, None] < 8, labels, UNKNOWN)
    fewer = reader.training_step({"input": pictures()[:8], "label": labels[:8]})["loss"]
    torch.testing.assert_close(reader.training_step({"input": pictures(), "label": half})["loss"], fewer)


def test_distance_is_nought_to_itself_symmetric_and_grows_with_the_change():
    torch.manual_seed(0)
    reader = FaceReader(32, []).eval()
    a = pictures()
    noise = torch.randn(a.shape, generator=torch.Generator().manual_seed(1))
    little, much = (a + 0.02 * noise).clamp(0, 1), (a + 0.3 * noise).clamp(0, 1)
    assert reader.distance(a, a).abs().max() == 0
    torch.testing.assert_close(reader.distance(a, much), reader.distance(much, a))
    assert (reader.distance(a, little) < reader.distance(a, much)).all()
    assert reader.distance(a, much).max() <= 2
    assert reader.read(a).shape == (16, 0)


def test_an_encoder_from_a_file_stays_as_it_is_while_the_classifiers_learn(tmp_path):
    torch.manual_seed(0)
    network, _ = image_encoder("small", 3, 32)
    torch.save(network.state_dict(), tmp_path / "encoder.pt")
    reader = FaceReader(32, [2], "small", str(tmp_path / "encoder.pt"))
    before = {name: t.clone() for name, t in reader.encoder.state_dict().items()}
    reader.train()
    loss = reader.training_step({"input": pictures(), "label": torch.zeros(16, 1, dtype=torch.long)})["loss"]
    loss.backward()
    assert all(torch.equal(t, before[name]) for name, t in reader.encoder.state_dict().items())
    assert all(p.grad is None for p in reader.encoder.parameters())
    assert reader.heads[0].weight.grad.abs().sum() > 0
    assert reader.distance(pictures(), pictures().flip(3)).shape == (16,)  # no maps: compared at the output
