"""Encoders by name, and local weights that are read safely or refused in one line."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from helpers.errors import StudyError
from helpers.networks.image_encoders import image_encoder


@pytest.mark.parametrize(
    ("name", "channels", "size", "features"),
    [("small", 1, 28, 128), ("small", 3, 32, 128), ("small_wide", 3, 64, 256), ("resnet18_cifar", 3, 12, 512),
     ("resnet18", 3, 64, 512)],
)  # fmt: skip
def test_an_encoder_gives_one_vector_an_image_and_says_its_size(name, channels, size, features):
    encoder, embedding_size = image_encoder(name, channels, size)
    assert embedding_size == features
    assert encoder(torch.rand(2, channels, size, size)).shape == (2, features)
    assert encoder.training


def test_the_cifar_stem_keeps_the_resolution_that_the_usual_stem_gives_up():
    network = image_encoder("resnet18_cifar", 3, 32)[0].network
    assert network.maxpool(network.act1(network.bn1(network.conv1(torch.rand(1, 3, 32, 32))))).shape == (1, 64, 32, 32)


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_weights_survive_a_round_trip_through_a_file(ending, tmp_path: Path):
    torch.manual_seed(0)
    first, _ = image_encoder("small", 1, 28)
    file = tmp_path / f"weights.{ending}"
    state = {name: tensor.contiguous() for name, tensor in first.state_dict().items()}
    save_file(state, file) if ending == "safetensors" else torch.save({"state_dict": state}, file)
    second, _ = image_encoder("small", 1, 28, str(file))
    images = torch.rand(2, 1, 28, 28)
    assert torch.equal(first.eval()(images), second.eval()(images))


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path: Path):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    file = tmp_path / "weights.pt"
    torch.save({"weight": Evil()}, file)
    with pytest.raises(StudyError, match=r"weights\.pt cannot be read"):
        image_encoder("small", 1, 28, str(file))
    file.write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(StudyError, match=r"weights\.pt cannot be read"):
        image_encoder("small", 1, 28, str(file))
    assert not (tmp_path / "ran").exists()


def test_weights_that_are_absent_cut_short_or_of_another_network_are_one_clear_line(tmp_path: Path):
    with pytest.raises(StudyError, match="there is no file"):
        image_encoder("small", 1, 28, str(tmp_path / "none.pt"))
    other, _ = image_encoder("small_wide", 1, 28)
    whole = tmp_path / "wide.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in other.state_dict().items()}, whole)
    with pytest.raises(StudyError, match="does not fit the encoder"):
        image_encoder("small", 1, 28, str(whole))
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole.read_bytes()[:1000])
    with pytest.raises(StudyError, match=r"cut\.safetensors cannot be read"):
        image_encoder("small", 1, 28, str(cut))


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(StudyError, match="did you mean resnet18"):
        image_encoder("resnet_18", 3, 32)


def test_images_too_small_for_a_network_are_refused():
    with pytest.raises(StudyError, match="cannot take images of 1 pixels"):
        image_encoder("small", 1, 1)
