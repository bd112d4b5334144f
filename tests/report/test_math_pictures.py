"""Formulas in a page, drawn without outside help."""

import base64
import re

import pytest

from helpers.report.math_pictures import with_math_pictures


def test_a_formula_becomes_a_picture_whose_text_is_its_tex() -> None:
    page = with_math_pictures("<p>The loss $\\mathcal{L} &lt; 0$ falls.</p>")
    assert 'alt="\\mathcal{L} &lt; 0"' in page
    svg = base64.b64decode(re.findall(r"base64,([^\"]+)", page)[0]).decode()
    assert "<path" in svg
    assert "://" not in re.sub(r'xmlns(:\w+)?="[^"]*"|<!DOCTYPE[^>]*>|rdf:resource="[^"]*"', "", svg)


def test_a_displayed_formula_stands_by_itself_and_the_same_page_comes_out_twice() -> None:
    page = with_math_pictures("<p>$$a^2 +\n b^2$$</p>")
    assert 'class="math block"' in page
    assert page == with_math_pictures("<p>$$a^2 +\n b^2$$</p>")


def test_tex_that_cannot_be_drawn_stays_readable() -> None:
    assert with_math_pictures("$\\begin{cases}x\\end{cases}$") == "<code>\\begin{cases}x\\end{cases}</code>"


@pytest.mark.parametrize(
    "text",
    [
        "<code>$x$</code>",
        "<pre>echo $HOME $PATH</pre>",
        '<a title="$x$">y</a>',
        "costs $5 and $6",
        "no math",
        "a\\$b$c",
    ],
)
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert with_math_pictures(text) == text
