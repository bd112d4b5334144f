"""What comes in through ``-p``, YAML or a form is written into a notebook as literals: no value can become code."""

import ast

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook
from papermill.parameterize import parameterize_notebook

from helpers.runs.planning import read_pair

NASTY = (
    "'); import os; os.system('touch owned') #",
    '"); import os #',
    '"""\nimport os\n"""',
    "'''\nimport os\n'''",
    "a\nimport os\nb",
    "a\r\nimport os",
    "back\\slash\\",
    'trailing quote"',
    "{braces} %(percent)s ${dollar} `ticks`",
    "\x00\x1b[31m",
    "naïve – 日本語 🐛 \u2028 \u202e",
    "__import__('os').system('touch owned')",
    "!!python/object/apply:os.system ['touch owned']",
)


def injected(value: object) -> ast.Module:
    """The cell that papermill writes for a value, parsed."""
    plain = new_notebook(cells=[new_code_cell("data_root: str = ''  # a path", metadata={"tags": ["parameters"]})])
    plain.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    plain.metadata["papermill"] = {}
    made = parameterize_notebook(plain, {"data_root": value}, kernel_name="python3", language="python")
    (cell,) = [cell for cell in made.cells if "injected-parameters" in cell.metadata["tags"]]
    return ast.parse(cell.source)


def assert_it_stays_data(value: object) -> None:
    """One assignment of a literal that means the value, and nothing beside it."""
    (statement,) = injected(value).body
    assert isinstance(statement, ast.Assign)
    assert [ast.unparse(target) for target in statement.targets] == ["data_root"]
    assert ast.literal_eval(statement.value) == value


@pytest.mark.parametrize("text", NASTY)
def test_text_that_looks_like_code_arrives_as_that_text(text: str) -> None:
    assert_it_stays_data(text)
    assert_it_stays_data([text, 1, 2.5, True, None])
    assert_it_stays_data({"key": text, text: "value"})


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=8,
))  # fmt: skip
def test_any_value_of_yaml_arrives_as_itself(value: object) -> None:
    assert_it_stays_data(value)


@pytest.mark.parametrize("text", NASTY[:-1])
def test_the_command_line_reads_text_as_text(text: str) -> None:
    quoted = yaml.safe_dump(text, default_style='"', width=10**6, allow_unicode=True).strip()
    name, value = read_pair(f"data_root={quoted}")
    assert (name, value) == ("data_root", text)


def test_a_yaml_tag_that_would_run_code_is_refused() -> None:
    with pytest.raises(Exception, match="data_root") as refused:
        read_pair("data_root=!!python/object/apply:os.system ['true']")
    assert type(refused.value).__name__ == "StudyError"
    assert len(str(refused.value).splitlines()) == 1
