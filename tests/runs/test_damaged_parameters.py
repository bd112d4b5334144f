"""Whatever stands in a file of parameters or a sweep, or behind ``-p``: runs that can be made, or one short line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.errors import StudyError
from helpers.places import params_path
from helpers.runs.planning import plan, read_pair, read_parameters
from helpers.runs.sweep_file import planned_sweep
from helpers.studies.catalogue import study_card
from tests.data.corpora.damage import Damage, damages

STUDY = "survformer"
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n" for before, after in zip("abcdefgh", "bcdefghi")
)
ODD = ("", "null", "[", "]", "{a: 1}", "2020-13-45", "0x_", "0b_", "._", "1e999", ".nan", "-.inf",
       "!!python/name:os.system", "!!binary x",
       "*a", "&a [*a]", "[" * 3000, "'", '"', "\t- x", "<<: 1", "? [a]\n: b", "\x00",
       "é", "9" * 5000,
       "yes", "~", "|", "@x", "`x`", "%YAML 9", "--- \n--- ", "0o9", "1:99:99", "<script>", "${x}", "$(x)")  # fmt: skip


@pytest.mark.parametrize("value", ODD)
def test_any_value_behind_p_is_taken_or_refused_in_one_short_line(value: str) -> None:
    card = study_card(STUDY)
    for key in ("epochs", "seeds", "corpus", "data_root", "label_fractions", "nonsense"):
        refusal = ""
        try:
            name, found = read_pair(f"{key}={value}")
            card.validated({"scale": "quick", "corpus": "flchain", name: found}, where="-p")
        except StudyError as error:
            refusal = str(error)
        assert len(refusal) < 7000  # 5,000 digits are shown as they were written where they are no YAML
        assert not refusal or refusal.startswith("-p: ")


@given(lines=st.lists(st.tuples(st.sampled_from(("studies", "scales", "corpora", "seeds", "label_fractions", "set",
                                                 "grid", "runs", "minutes", "<<", "")), st.sampled_from(ODD)),
                      min_size=1, max_size=3))  # fmt: skip
@settings(max_examples=80, deadline=None, derandomize=True, database=None)
def test_any_sweep_file_is_planned_or_refused_by_name(lines: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sweep.yaml"
        text = f"studies: {STUDY}\n" + "".join(f"{key}: {value}\n" for key, value in lines)
        file.write_text(text, encoding="utf-8")
        refusal = ""
        try:
            assert planned_sweep(file)
        except StudyError as error:
            refusal = str(error)
        assert not refusal or "sweep.yaml" in refusal


@given(damage=damages)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_a_damaged_file_of_parameters_is_read_or_refused_by_name(damage: Damage) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mine.yaml"
        file.write_bytes(params_path(STUDY, "quick").read_bytes())
        damage.do(Path(folder))
        refusal = ""
        try:
            study_card(STUDY).validated({"scale": "quick", **read_parameters(file)}, where="mine.yaml")
        except StudyError as error:
            refusal = str(error)
        assert not refusal or "mine.yaml" in refusal


def test_a_few_lines_that_stand_for_gigabytes_are_refused_in_a_short_one(tmp_path: Path) -> None:
    (tmp_path / "laughs.yaml").write_text(LAUGHS + "epochs: *i\n")
    with pytest.raises(StudyError) as caught:
        plan(STUDY, files=[tmp_path / "laughs.yaml"])
    assert len(str(caught.value)) < 2000
    (tmp_path / "sweep.yaml").write_text(LAUGHS.replace("a: &a", "studies: &a") + "minutes: *i\n")
    with pytest.raises(StudyError) as caught:
        planned_sweep(tmp_path / "sweep.yaml")
    assert len(str(caught.value)) < 2000
