"""DeepEmoCluster: balanced batches, phases, fresh classes each epoch, and a state that survives a broken-off run."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.data.corpus import Corpus
from helpers.errors import StudyError
from helpers.methods.chunk_regression import ChunkRegressor
from helpers.methods.deep_emo_cluster import DeepEmoCluster, agreement, balanced_order
from helpers.methods.reconstruction_regression import AutoencoderRegressor, VariationalRegressor
from helpers.networks.chunk_networks import ChunkEncoder
from helpers.training import TrainingPlan, train

UNLABELLED, LABELLED = 40, 24
N = UNLABELLED + LABELLED
ROWS = np.arange(N)
SOURCE = torch.Generator().manual_seed(0)
CHUNKS = torch.randn(N, 1, 8, 8, generator=SOURCE)
TARGET = torch.stack([CHUNKS.mean((1, 2, 3)), CHUNKS[:, 0, 0].mean(1)], 1)
TARGET = (TARGET - TARGET.mean(0)) / TARGET.std(0)
PLAN = TrainingPlan(epochs=4, batch_size=8, learning_rate=0.01, schedule="constant", checkpoint_seconds=0.0)


def corpus() -> Corpus:
    table = pd.DataFrame({"sample_id": [str(i) for i in range(N)], "subject": [str(i) for i in range(N)]})
    return Corpus("toy", table, lambda r: {"input": CHUNKS[r], "target": TARGET[r]}, (), "none", "a test", True, "0")


def encoder(dropout: float = 0.5) -> ChunkEncoder:
    torch.manual_seed(0)
    return ChunkEncoder(8, 8, (4, 4, 8), 12, dropout)


KINDS = {
    "regressor": lambda: ChunkRegressor(encoder(), 2, N),
    "deep_emo_cluster": lambda: DeepEmoCluster(encoder(), 2, LABELLED, UNLABELLED, clusters=4, class_rate=5.0),
    "autoencoder": lambda: AutoencoderRegressor(encoder(), 2, LABELLED, UNLABELLED),
    "variational": lambda: VariationalRegressor(encoder(), 2, LABELLED, UNLABELLED),
}


@pytest.mark.parametrize("sizes", [[50, 3, 20], [1, 1, 98], [34, 33, 33], [100]])
@pytest.mark.parametrize("batch", [7, 12, 32])
def test_every_batch_holds_every_cluster_equally_often(sizes, batch):
    clusters = np.repeat(np.arange(len(sizes)) * 3, sizes)  # numbers with gaps: empty clusters do not count
    order = balanced_order(clusters, batch, np.random.default_rng(0))
    assert len(order) == batch * (len(clusters) // batch)
    counts = np.array([np.bincount(clusters[b] // 3, minlength=len(sizes)) for b in order.reshape(-1, batch)])
    assert (counts.max(1) - counts.min(1) <= 1).all()
    assert np.ptp(counts.sum(0)) <= 1  # nor does a cluster get the odd places every time


def test_a_clusters_samples_take_turns():
    clusters = np.repeat([0, 1], [30, 4])
    order = balanced_order(clusters, 8, np.random.default_rng(1))  # 4 batches, 16 places a cluster
    seen = np.bincount(order, minlength=34)
    assert seen[30:].tolist() == [4, 4, 4, 4]
    assert set(seen[:30]) == {0, 1}


def test_a_random_order_would_not_be_balanced():
    clusters = np.repeat([0, 1], [90, 10])
    order = np.random.default_rng(0).permutation(100).reshape(-1, 20)
    assert min(int(clusters[b].sum()) for b in order) < 10
    assert all(
        int(clusters[b].sum()) == 10 for b in balanced_order(clusters, 20, np.random.default_rng(0)).reshape(-1, 20)
    )


def test_training_batches_are_balanced_over_the_clusters_of_their_own_kind():
    method = KINDS["deep_emo_cluster"]()
    seen: list[tuple[bool, list[int]]] = []
    step = method.training_step

    def watched(batch):
        seen.append((method.labelled_now, batch["position"].tolist()))
        counts = torch.bincount(method.assignments[batch["position"]])
        assert counts[counts > 0].max() - counts[counts > 0].min() <= 1
        return step(batch)

    method.training_step = watched
    train(method, corpus(), ROWS, PLAN)
    assert [labelled for labelled, _ in seen] == ([False] * 5 + [True] * 3) * 2
    for labelled, positions in seen:
        assert all((p >= UNLABELLED) == labelled for p in positions)


def test_targets_of_unlabelled_chunks_are_never_looked_at():
    kept = TARGET.clone()
    results = []
    for hidden in (0.0, float("nan")):
        TARGET[:UNLABELLED] = hidden
        method = KINDS["deep_emo_cluster"]()
        train(method, corpus(), ROWS, PLAN)
        results.append(method.predict(CHUNKS))
    TARGET.copy_(kept)
    assert torch.equal(*results)
    assert torch.isfinite(results[0]).all()


def test_the_class_layer_is_fresh_in_every_epoch_and_nmi_compares_labelled_clusterings():
    method = KINDS["deep_emo_cluster"]()
    weights, agreements = [], []
    for epoch in range(6):
        method.on_epoch_start(method.encoder.eval()(CHUNKS[method.positions(epoch, N)]).detach())
        weights.append(method.class_layer.weight.clone())
        agreements.append(float(method.nmi))
        assert method.class_layer.bias.abs().max() == 0
        assert method.labelled_now == (epoch % 2 == 1)
    assert all(not torch.equal(a, b) for a, b in itertools.pairwise(weights))
    assert agreements[2] == -1
    assert 0 <= agreements[3] <= 1
    assert agreement(torch.tensor([0, 0, 1, 2]), torch.tensor([5, 5, 3, 1])) == pytest.approx(1)


class PowerCutError(Exception):
    pass


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("stops", [[3], [5], [7, 11]])
def test_broken_off_and_resumed_equals_uninterrupted_bit_for_bit(kind, stops, tmp_path: Path):
    whole = KINDS[kind]()
    expected = train(whole, corpus(), ROWS, PLAN)
    done = 0
    for stop in [*stops, None]:
        method = KINDS[kind]()
        torch.manual_seed(99)
        step = method.training_step

        def cut(batch, stop=stop, step=step):
            nonlocal done
            if done == stop:
                raise PowerCutError
            done += 1
            return step(batch)

        method.training_step = cut
        try:
            history = train(method, corpus(), ROWS, PLAN, checkpoint=tmp_path / "c.pt")
        except PowerCutError:
            continue
    assert done == (32 if kind == "regressor" else 16)
    for (name, a), b in zip(whole.state_dict().items(), method.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert str(history.epochs) == str(expected.epochs)


def test_the_regressor_alone_learns_and_clusters_do_not_stop_it():
    plan = TrainingPlan(epochs=30, batch_size=12, learning_rate=0.02, schedule="constant")
    for made in (ChunkRegressor(encoder(0.0), 2, N, 0), DeepEmoCluster(encoder(0.0), 2, N, 0, clusters=4)):
        history = train(made, corpus(), ROWS, plan)
        assert history.epochs[-1]["ccc_loss"] < 0.5 * history.epochs[0]["ccc_loss"]


def test_adam_moves_the_encoder_where_asked_and_only_on_labelled_chunks():
    for on_encoder in (True, False):
        method = DeepEmoCluster(encoder(), 2, LABELLED, UNLABELLED, clusters=4, adam_on_encoder=on_encoder)
        by_sgd, by_adam, classes = method.parameter_groups()
        assert classes.active is None
        first = next(method.encoder.parameters())
        assert any(p is first for p in by_sgd.parameters)
        assert any(p is first for p in by_adam.parameters) == on_encoder
        method.epochs_begun.fill_(1)
        assert not by_adam.active()
        method.epochs_begun.fill_(2)
        assert by_adam.active()


@pytest.mark.parametrize(("values", "words"), [({"clusters": 25}, "clusters \\(25\\)"), ({"labelled": 1}, "too few")])
def test_impossible_methods_are_refused(values, words):
    with pytest.raises(StudyError, match=words):
        DeepEmoCluster(encoder(), **{"attributes": 2, "labelled": LABELLED, "unlabelled": 30, **values})


def test_other_rows_than_it_was_made_for_are_refused():
    with pytest.raises(StudyError, match="made for 40 \\+ 24 chunks; 60 came"):
        train(KINDS["autoencoder"](), corpus(), ROWS[:60], PLAN)
    with pytest.raises(StudyError, match="nothing to learn from unlabelled"):
        ChunkRegressor(encoder(), 2, LABELLED, UNLABELLED)
