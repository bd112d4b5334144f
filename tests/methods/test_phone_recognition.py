"""CTC and pseudo-labels: the teacher's formula, that it moves in place, what it labels, what it does not hear."""

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.data.corpus import Corpus
from helpers.methods.method import Method
from helpers.methods.phone_recognition import CtcRecognition, PseudoLabelling, momentum_of, pseudo_labels
from helpers.networks.phone_recognisers import LogMelEncoder, PhoneRecogniser
from helpers.training import TrainingPlan, train


def recogniser(seed: int = 0, dropout: float = 0.2) -> PhoneRecogniser:
    torch.manual_seed(seed)
    encoder = LogMelEncoder(mels=6, width=16, blocks=2, stride=2, dropout=dropout)
    return PhoneRecogniser(encoder, hidden=16, dropout=dropout)


def batch(unlabelled: bool = True) -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    target = torch.tensor([[3, 4, 5], [7, 8, -1], [-1, -1, -1], [-1, -1, -1]])
    lengths = torch.tensor([3, 2, -1, -1]) if unlabelled else torch.tensor([3, 2, 3, 2])
    if not unlabelled:
        target[2:] = target[:2]
    return {"input": torch.randn(4, 24, 6), "length": torch.tensor([24, 20, 24, 18]), "target": target,
            "target_length": lengths}  # fmt: skip


def steps(method: Method, count: int) -> None:
    optimiser = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr=0.1)
    method.train()
    for _ in range(count):
        optimiser.zero_grad()
        method(batch())["loss"].backward()
        optimiser.step()
        method.after_step()


def test_half_of_the_teachers_start_is_left_after_all_steps():
    assert momentum_of(40) ** 40 == pytest.approx(0.5)
    assert momentum_of(1) == 0.5


def test_the_teacher_moves_by_the_formula_at_every_step_in_place():
    method = PseudoLabelling(recogniser(), None, steps=3)
    places = [p.data_ptr() for p in method.teacher.parameters()]
    expected = [p.clone() for p in method.teacher.parameters()]
    for _ in range(3):
        steps(method, 1)
        alpha = 0.5 ** (1 / 3)
        expected = [
            alpha * e + (1 - alpha) * p.detach() for e, p in zip(expected, method.encoder.parameters(), strict=True)
        ]
    found = list(method.teacher.parameters())
    assert [p.data_ptr() for p in found] == places
    for mine, theirs in zip(found, expected, strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)
    start = recogniser()
    assert any(not torch.equal(a, b) for a, b in zip(found, start.parameters(), strict=True))


def test_a_frozen_teacher_stays_and_its_labels_are_those_made_once_before():
    start = recogniser().eval()
    data = batch()
    once, counts = pseudo_labels(start, data["input"][2:], data["length"][2:])
    method = PseudoLabelling(recogniser(), None, steps=None)
    steps(method, 3)
    for mine, theirs in zip(method.teacher.parameters(), start.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    again, same = pseudo_labels(method.teacher, data["input"][2:], data["length"][2:])
    assert torch.equal(once, again)
    assert torch.equal(counts, same)


def test_unlabelled_speech_is_learned_as_the_teacher_wrote_it():
    data = batch()
    method = PseudoLabelling(recogniser(dropout=0.0), None, steps=5)
    method.train()
    loss = method(data)["loss"]
    tokens, counts = pseudo_labels(method.teacher, data["input"][2:], data["length"][2:])
    width = max(3, int(counts.max()))
    targets = torch.full((4, width), -1)
    targets[:2, :3] = data["target"][:2]
    for i in range(2):
        targets[2 + i, : counts[i]] = tokens[i, : counts[i]]
    told = data | {"target": targets, "target_length": torch.cat([data["target_length"][:2], counts])}
    supervised = CtcRecognition(recogniser(dropout=0.0))
    assert torch.isclose(loss, supervised(told)["loss"])


def test_the_teacher_hears_no_augmentation_and_drops_nothing_out_while_the_student_does():
    data = batch()
    heard = []

    def views(sound: torch.Tensor) -> torch.Tensor:
        heard.append(len(sound))
        return torch.zeros_like(sound)

    method = PseudoLabelling(recogniser(), views, steps=5)
    method.train()
    assert not any(module.training for module in method.teacher.modules())
    assert method.encoder.training
    expected = pseudo_labels(recogniser().eval(), data["input"][2:], data["length"][2:])[1].float().mean()
    assert float(method(data)["pseudo_label_phones"]) == float(expected)
    assert heard == [4]


def test_without_unlabelled_speech_it_is_supervised_ctc():
    told = batch(unlabelled=False)
    method, supervised = PseudoLabelling(recogniser(dropout=0.0), None, 3), CtcRecognition(recogniser(dropout=0.0))
    assert torch.equal(method(told)["loss"], supervised(told)["loss"])


def test_the_teacher_gets_no_gradient():
    method = PseudoLabelling(recogniser(), None, 3)
    method(batch())["loss"].backward()
    assert all(p.grad is None for p in method.teacher.parameters())
    assert all(p.grad is not None for p in method.encoder.parameters())


def speech_corpus() -> Corpus:
    torch.manual_seed(9)
    table = pd.DataFrame({"sample_id": [str(i) for i in range(8)], "subject": [str(i) for i in range(8)]})
    sound = torch.randn(8, 24, 6)

    def load(rows: np.ndarray) -> dict[str, torch.Tensor]:
        at = torch.as_tensor(rows)
        known = at < 4
        target = torch.where(known[:, None], torch.tensor([[3, 4]]), torch.tensor([[-1, -1]]))
        return {"input": sound[at], "length": torch.full((len(at),), 24), "target": target,
                "target_length": torch.where(known, 2, -1)}  # fmt: skip

    return Corpus("noise", table, load, (), "none", "noise", True, "0")


def test_an_interrupted_run_taken_up_again_equals_one_that_was_not(tmp_path):
    plan = TrainingPlan(epochs=3, batch_size=4, learning_rate=0.01, seed=1, checkpoint_seconds=0.0)

    class Stop(Exception):
        pass

    def stopping(method: Method) -> dict[str, float]:
        stopping.calls += 1  # type: ignore[attr-defined]
        if stopping.calls == 2:  # type: ignore[attr-defined]
            raise Stop
        return {}

    stopping.calls = 0  # type: ignore[attr-defined]
    whole = PseudoLabelling(recogniser(), None, 6)
    train(whole, speech_corpus(), np.arange(8), plan)
    broken = PseudoLabelling(recogniser(), None, 6)
    with pytest.raises(Stop):
        train(broken, speech_corpus(), np.arange(8), plan, validate=stopping, checkpoint=tmp_path / "c.pt")
    again = PseudoLabelling(recogniser(3), None, 6)
    train(again, speech_corpus(), np.arange(8), plan, checkpoint=tmp_path / "c.pt")
    for (name, mine), theirs in zip(again.state_dict().items(), whole.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs), name
    assert any(name.startswith("teacher.") for name in again.state_dict())


def test_supervised_training_learns_to_write_what_it_is_told():
    torch.manual_seed(0)
    data = batch(unlabelled=False)
    method = CtcRecognition(recogniser(dropout=0.0))
    optimiser = torch.optim.AdamW(method.parameters(), lr=0.01)
    for _ in range(250):
        optimiser.zero_grad()
        method(data)["loss"].backward()
        optimiser.step()
    tokens, counts = pseudo_labels(method.encoder, data["input"], data["length"])
    assert [t[:n].tolist() for t, n in zip(tokens, counts.tolist(), strict=True)] == [[3, 4, 5], [7, 8]] * 2
