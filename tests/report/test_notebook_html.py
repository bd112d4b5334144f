"""A notebook as one page that needs nothing else."""

import re

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.report.notebook_html import notebook_html, outside_addresses

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def notebook() -> NotebookNode:
    """Prose with math, a picture with its text, a table, an error, and a widget with a static picture beside it."""
    shown = new_output(
        "execute_result",
        data={"image/png": PICTURE, "text/plain": "<Image>"},
        metadata={"image/png": {"alt": "one <dot>"}},
        execution_count=1,
    )
    table = new_output("display_data", data={"text/html": "<table><caption>A table</caption></table>"})
    widget = new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {"model_id": "abc"}})
    failed = new_output("error", ename="StudyError", evalue="x", traceback=["\x1b[31mStudyError\x1b[0m: <x>"])
    return new_notebook(
        cells=[
            new_markdown_cell("# A title\n\nLoss $\\mathcal{L}$, [paper](https://example.org).\n\n$$a^2 + b^2$$"),
            new_code_cell("1 < 2", outputs=[shown, table, widget, failed], execution_count=1),
        ]
    )


def test_it_asks_nothing_of_other_addresses(notebook: NotebookNode) -> None:
    page = notebook_html(notebook, "study")
    assert outside_addresses(page) == []
    assert not re.search(r"<script", page)
    assert "mathjax" not in page.lower()
    assert "require" not in page.lower()


def test_it_carries_pictures_with_their_texts_tables_and_links(notebook: NotebookNode) -> None:
    page = notebook_html(notebook, "study")
    assert f"data:image/png;base64,{PICTURE}" in page
    assert 'alt="one &lt;dot&gt;"' in page
    assert "<caption>A table</caption>" in page
    assert 'href="https://example.org"' in page


def test_its_title_and_code_are_escaped(notebook: NotebookNode) -> None:
    page = notebook_html(notebook, "<script>study</script>")
    assert "<title>&lt;script&gt;study&lt;/script&gt;</title>" in page
    assert "&lt;x&gt;" in page


@pytest.mark.parametrize(
    "page",
    [
        "<script src='https://a.example/x.js'></script>",
        '<link rel="stylesheet" href="//a.example/x.css">',
        "<img alt=x src=http://a.example/x.png>",
        "<style>@import url(https://a.example/x.css)</style>",
        '<style>body{background:url("https://a.example/x.png")}</style>',
        '<iframe title="x"\nsrc="https://a.example"></iframe>',
    ],
)
def test_an_outside_address_is_found_wherever_a_browser_would_ask_for_it(page: str) -> None:
    assert len(outside_addresses(page)) == 1


def test_a_link_to_follow_is_no_outside_address() -> None:
    assert outside_addresses('<a href="https://a.example">a</a> src="https://b.example"') == []
