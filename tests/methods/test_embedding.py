"""Features of a corpus do not depend on how it was cut into batches, and looking at them changes nothing."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from helpers.data.corpus import Corpus
from helpers.methods.embedding import embed

X = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
NAMES = [str(i) for i in range(30)]
CORPUS = Corpus(
    "toy", pd.DataFrame({"sample_id": NAMES, "subject": NAMES}), lambda r: X[r], (), "none", "a test", True, "0"
)


@pytest.fixture
def encoder() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.5))


def test_batches_do_not_matter_and_rows_keep_their_order(encoder: nn.Sequential) -> None:
    rows = np.array([7, 3, 29, 0, 3])
    whole = embed(encoder, CORPUS, rows)
    assert whole.shape == (5, 5)
    assert whole.dtype == torch.float32
    torch.testing.assert_close(embed(encoder, CORPUS, rows, batch_size=2), whole)
    torch.testing.assert_close(whole[1], whole[4])


def test_the_encoder_is_left_as_it_was_its_frozen_parts_too(encoder: nn.Sequential) -> None:
    encoder.train()
    encoder[1].eval()
    before = {name: t.clone() for name, t in encoder.state_dict().items()}
    generator = torch.get_rng_state()
    assert not embed(encoder, CORPUS, np.arange(30)).requires_grad
    assert [module.training for module in encoder.modules()] == [True, True, False, True]
    assert all(torch.equal(t, before[name]) for name, t in encoder.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)


def test_training_mode_returns_also_after_an_error(encoder: nn.Sequential) -> None:
    with pytest.raises(IndexError):
        embed(encoder, CORPUS, np.array([99]))
    assert encoder.training


def test_an_encoder_of_dicts_without_parameters_and_of_half_precision_works() -> None:
    class Halved(nn.Module):
        def forward(self, batch: dict[str, Tensor]) -> Tensor:
            return batch["a"].bfloat16()

    corpus = Corpus("toy", CORPUS.table, lambda r: {"a": X[r]}, (), "none", "a test", True, "0")
    assert embed(Halved(), corpus, np.arange(3)).dtype == torch.float32


def test_no_rows_are_refused(encoder: nn.Sequential) -> None:
    with pytest.raises(ValueError, match="no rows"):
        embed(encoder, CORPUS, np.array([], dtype=int))
