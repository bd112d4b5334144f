"""The chunk encoder is the paper's at full size, and its mirror gives chunks back."""

import pytest
import torch

from helpers.errors import StudyError
from helpers.networks.chunk_networks import AttributeHead, ChunkDecoder, ChunkEncoder, mean_of_chunks


def test_at_the_papers_size_the_convolutions_end_in_1024_numbers_and_256_features():
    encoder = ChunkEncoder(62, 128)
    assert encoder.sizes[-1] == (2, 4)
    assert encoder.layer[1].in_features == 1024
    assert encoder.features == 256
    strides = [layer.stride[0] for layer in encoder.convolutions if isinstance(layer, torch.nn.Conv2d)]
    assert strides == [1, 1, 2, 2, 2, 2, 2]


@pytest.mark.parametrize(("frames", "mels", "stride"), [(31, 32, 2), (31, 32, 1), (20, 17, 2)])
def test_the_decoder_gives_chunks_of_the_encoders_input_size(frames, mels, stride):
    encoder = ChunkEncoder(frames, mels, (4, 4, 8, 8, 8, 8, 8), 12, 0.0, stride)
    chunks = torch.randn(3, 1, frames, mels)
    code = encoder(chunks)
    assert code.shape == (3, 12)
    assert tuple(encoder.convolutions(chunks).shape[2:]) == encoder.sizes[-1]
    decoder = ChunkDecoder(encoder, 12)
    assert decoder(code).shape == chunks.shape
    assert AttributeHead(12, 3)(code).shape == (3, 3)


def test_a_batch_and_its_input_give_the_same():
    encoder = ChunkEncoder(16, 16, (4, 4, 8), 6).eval()
    chunks = torch.randn(2, 1, 16, 16)
    assert torch.equal(encoder(chunks), encoder({"input": chunks}))


def test_a_sentence_is_the_mean_of_its_chunks():
    values = torch.tensor([[1.0], [3.0], [10.0], [20.0]])
    assert mean_of_chunks(values, 2).tolist() == [[2.0], [15.0]]


def test_too_few_convolutions_are_refused():
    with pytest.raises(StudyError, match="at least 3 convolutions"):
        ChunkEncoder(31, 32, (4, 4))
