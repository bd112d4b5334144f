"""Phones: annotators' ways of writing them come to one inventory of 39, silence and error."""

import pytest

from helpers.data.phones import ARPABET, BLANK, NUMBER, TOKENS, numbers, plain_phone, spoken_only


def test_there_are_39_phones_and_42_tokens_with_the_blank_first():
    assert len(ARPABET) == 39
    assert len(TOKENS) == len(set(TOKENS)) == 42
    assert TOKENS[BLANK] == "<blank>"
    assert BLANK not in numbers(" ".join(ARPABET))


@pytest.mark.parametrize(
    ("written", "phone"),
    [("AH0", "AH"), ("ow1", "OW"), (" T ", "T"), ("AX", "AH"), ("sp", "sil"), ("SIL", "sil"), ("", "sil"),
     ("err", "err"), ("ERR", "err"), ("T*", "err"), ("Q", "err"), ("AA)", "AA"), ("V`", "V")],
)  # fmt: skip
def test_a_phone_as_written_becomes_one_of_the_inventory(written, phone):
    assert plain_phone(written) == phone


def test_numbers_are_those_of_the_tokens_and_silence_can_be_left_out():
    assert numbers("AA ZH sil") == [1, 39, 40]
    assert NUMBER["err"] == 41
    assert spoken_only(["sil", "AA", "sil", "err"]) == ["AA", "err"]
