"""Sentences become a fixed number of chunks that cover them, standardised by the training sentences alone."""

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.data.chunks import chunk_starts, chunked
from helpers.data.corpus import Corpus
from helpers.errors import StudyError


def spectrograms(lengths: list[int], mels: int = 4) -> Corpus:
    generator = torch.Generator().manual_seed(0)
    frames = [torch.rand(n, mels, generator=generator) * torch.arange(1, mels + 1) for n in lengths]
    table = pd.DataFrame({"sample_id": [f"u{i}" for i in range(len(lengths))],
                          "subject": [f"s{i}" for i in range(len(lengths))],
                          "arousal": np.linspace(1, 7, len(lengths))})  # fmt: skip

    def load(rows: np.ndarray) -> dict[str, torch.Tensor]:
        found = [frames[int(i)] for i in rows]
        return {"input": torch.nn.utils.rnn.pad_sequence(found, batch_first=True),
                "length": torch.tensor([len(f) for f in found])}  # fmt: skip

    return Corpus("toy", table, load, ("arousal",), "none", "drawn", True, "f")


@pytest.mark.parametrize("chunks", [2, 4, 11])
def test_chunks_cover_a_sentence_of_any_length_up_to_fewer_than_c_minus_1_frames(chunks):
    m = 62
    for frames in range(m, chunks * m + 1):
        starts = chunk_starts(frames, chunks, m)
        assert len(starts) == chunks
        assert (np.diff(starts) == (frames - m) // (chunks - 1)).all()
        covered = np.zeros(frames, bool)
        for start in starts:
            covered[start : start + m] = True
            assert start + m <= frames
        missed = np.flatnonzero(~covered)
        assert len(missed) < max(chunks - 1, 1)
        assert len(missed) == 0 or missed[0] == frames - len(missed)  # nothing is missed but at the end


def test_the_papers_numbers():
    assert chunk_starts(62, 11, 62).tolist() == [0] * 11
    assert chunk_starts(682, 11, 62).tolist() == [62 * i for i in range(11)]
    assert chunk_starts(300, 11, 62).tolist() == [23 * i for i in range(11)]
    assert chunk_starts(5000, 11, 62)[-1] == 10 * 493


def test_a_sentence_shorter_than_a_chunk_is_refused():
    with pytest.raises(StudyError, match="61 frames is shorter than one chunk"):
        chunk_starts(61, 11, 62)
    with pytest.raises(StudyError, match="both must be >= 1"):
        chunk_starts(100, 0, 62)


@pytest.mark.parametrize("in_memory", [True, False])
def test_chunks_are_the_sentences_frames_standardised_by_the_training_ones(in_memory, monkeypatch):
    if not in_memory:
        monkeypatch.setattr("helpers.data.chunks._IN_MEMORY", 0)
    lengths = [12, 20, 33, 9, 15]
    corpus = spectrograms(lengths)
    made = chunked(corpus, 3, 10, np.array([0, 1]))
    assert len(made) == 3 * 4
    assert "1 sentences shorter than a chunk" in made.notices[-1]
    assert made.table["sentence"].tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [4] * 3
    train = torch.cat([corpus.load(np.array([i]))["input"][0] for i in (0, 1)])
    mean, deviation = train.mean(0), train.std(0, correction=0)
    third = corpus.load(np.array([2]))["input"][0]
    expected = ((third[11:21] - mean) / deviation).clamp(-3, 3)  # step (33 − 10)//2 = 11
    assert torch.allclose(made.load(np.array([7]))[0, 0], expected, atol=1e-5)
    several = made.load(np.array([10, 0, 7]))
    assert several.shape == (3, 1, 10, 4)
    assert torch.equal(several[2], made.load(np.array([7]))[0])


def test_other_training_sentences_are_another_corpus():
    corpus = spectrograms([12, 20])
    first, second = (chunked(corpus, 3, 10, np.array([i])) for i in (0, 1))
    assert first.fingerprint != second.fingerprint


def test_no_sentence_long_enough_is_refused():
    with pytest.raises(StudyError, match="no sentence has the 62 frames"):
        chunked(spectrograms([12, 20]), 11, 62, np.array([0]))
