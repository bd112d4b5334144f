"""What every committed notebook holds to, read without running it. nbval runs them."""

import ast
import re
from pathlib import Path

import nbformat
import papermill
import pytest

from helpers.places import ROOT
from helpers.report.notebook_html import notebook_html, outside_addresses
from helpers.runs.refresh import IMAGE_LIMIT, INDEX, picture_bytes, refuse_machine_paths
from helpers.studies.catalogue import study_card

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
STUDIES = [path for path in NOTEBOOKS if path.stem != INDEX]
each_study = pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@each
def test_it_was_executed_from_top_to_bottom_without_an_error(path: Path) -> None:
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]


@each
def test_its_pictures_are_small_and_no_output_names_a_path_of_a_machine(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert 0 < picture_bytes(notebook) <= IMAGE_LIMIT
    refuse_machine_paths(notebook, path.stem, [])
    assert not re.search(r"/(home|Users|root|tmp)/", path.read_text())


@each
def test_it_carries_no_widget_state_and_no_notes_of_papermill(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert not {"papermill", "execution"} & set(cell.metadata)


@each_study
def test_papermill_can_tell_type_default_and_meaning_of_each_parameter(path: Path) -> None:
    told = papermill.inspect_notebook(str(path))
    assert set(told) == set(study_card(path.stem).parameters.model_fields)
    for name, parameter in told.items():
        assert parameter["inferred_type_name"] != "None", f"{name} has no annotation"
        assert parameter["help"], f"{name} has no comment"


@each
def test_no_cell_hides_output_by_a_semicolon_nor_defines_a_long_function(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        assert not cell.source.rstrip().endswith(";"), "nbval compares the output that a semicolon hides"
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 12, f"{node.name} belongs in the package"


@each
def test_its_page_asks_nothing_of_other_addresses(path: Path) -> None:
    assert outside_addresses(notebook_html(nbformat.read(path, as_version=4), path.stem)) == []
