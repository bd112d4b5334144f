"""The gallery's pages: everything said, everything escaped, nothing asked of other addresses."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from helpers.report.gallery import gallery_page
from helpers.report.gallery_interval import interval_picture, shared_range
from helpers.report.gallery_overview import strength_picture, strengths
from helpers.report.gallery_parts import effect_words
from helpers.report.gallery_run import FinishedRun, GalleryStudy
from helpers.report.gallery_study import study_page
from helpers.report.notebook_html import outside_addresses

MADE = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
EVIL = "<script>alert('x')</script>\"&"


def verdict(**changed: Any) -> dict[str, Any]:
    return {
        "claim": "helps", "statement": "It helps", "metric": "C-td", "effect": 0.0123, "low": 0.0041, "high": 0.0209,
        "p_value": 0.01, "word": "supported", "interval": "corrected resampled t", "pairs": 5, "margin": 0.0,
        "paper_figure": "+0.02 on METABRIC", **changed,
    }  # fmt: skip


def run(folder: Path, **changed: Any) -> FinishedRun:
    made = FinishedRun(
        folder=folder, study="survformer", title="A title", paper="Author et al.", scale="standard", corpus="flchain",
        simulated=False, seeds=5, changed=(), verdicts=(verdict(),), notes=("One note.",), picture=None, alt="",
        seconds=504.0, mebibytes=812.0, started=MADE, dirty=False, earlier_code=False,
    )  # fmt: skip
    return replace(made, **changed)


def study(*runs: FinishedRun, **changed: Any) -> GalleryStudy:
    made = GalleryStudy("survformer", "A title", "Author et al.", "https://example.org", ("It helps",), "~30 s", runs)
    return replace(made, **changed)


def own_page(*runs: FinishedRun, **changed: Any) -> str:
    return study_page(study(*runs, **changed), runs, "", {}, MADE)


class _Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "line", "circle", "rect", "path", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "circle", "rect", "path"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_first_page_says_verdict_effect_corpus_and_scale_and_links_to_the_studys_own(tmp_path: Path) -> None:
    elements = _Elements(gallery_page([study(run(tmp_path))], 0, MADE))
    text = " ".join(elements.text)
    for words in ("It helps", "supported", "+0.012 (+0.004 to +0.021)", "Paper: +0.02 on METABRIC", "flchain", "real",
                  "standard", "On real data"):  # fmt: skip
        assert words in text
    assert "On simulated data" not in text
    assert "survformer/index.html" in [attributes["href"] for tag, attributes in elements.found if tag == "a"]


def test_a_studys_page_says_what_a_run_found_and_cost_when_it_was_and_links_to_its_notebook(tmp_path: Path) -> None:
    for name in ("notebook.html", "results.parquet"):
        (tmp_path / name).write_text("")
    made = run(tmp_path, parameters={"epochs": 3, "seeds": [0, 1]}, provenance={"code": {"commit": "abc"}})
    elements = _Elements(own_page(made))
    text = " ".join(elements.text)
    for words in ("It helps", "supported", "+0.012 (+0.004 to +0.021)", "95 % CI (corrected resampled t, 5 pairs)",
                  "Paper: +0.02 on METABRIC", "flchain", "real", "standard", "8.4 min", "812 MiB", "2026-11-22 04:00",
                  "One note.", "5 seeds", "epochs", "0, 1", "code: commit", "abc"):  # fmt: skip
        assert words in text
    links = [attributes["href"] for tag, attributes in elements.found if tag == "a"]
    assert f"{tmp_path.name}/notebook.html" in links
    assert f"{tmp_path.name}/results.parquet" in links
    assert not any("provenance" in (link or "") for link in links)  # it is not there


def test_a_studys_page_has_every_run_in_the_order_given_and_what_changed_where_it_belongs() -> None:
    later, earlier = run(Path("later")), run(Path("earlier"))
    page = study_page(study(later), [later, earlier], "<p>side</p>", {"later": "<p>changed</p>"}, MADE)
    assert page.index("side") < page.index('id="run-later"') < page.index("changed") < page.index('id="run-earlier"')


def test_simulated_data_are_named_so() -> None:
    page = gallery_page([study(run(Path("x"), simulated=True, corpus="coins"))], 0, MADE)
    assert '<span class="badge simulated">simulated</span>' in page
    assert '<span class="badge real">' not in page


def test_every_text_is_escaped_and_every_element_closed() -> None:
    evil = run(
        Path("x"), parameters={EVIL: EVIL}, provenance={EVIL: {EVIL: [EVIL]}},
        study=EVIL, title=EVIL, paper=EVIL, corpus=EVIL, notes=(EVIL,), changed=(EVIL,), alt=EVIL,
        verdicts=(verdict(statement=EVIL, metric=EVIL, interval=EVIL, paper_figure=EVIL, claim=EVIL),),
    )  # fmt: skip
    first = gallery_page([study(evil, name=EVIL, title=EVIL, paper=EVIL), study(name=EVIL, claims=(EVIL,))], 0, MADE)
    for page, at_least in ((first, 10), (own_page(evil, name=EVIL, title=EVIL, paper=EVIL), 16)):
        elements = _Elements(page)
        assert "script" not in [tag for tag, _ in elements.found]
        assert not [key for _, attributes in elements.found for key in attributes if key.startswith("on")]
        assert elements.open == []
        assert "".join(elements.text).count(EVIL) >= at_least


def test_a_link_that_is_no_web_address_is_not_made_one() -> None:
    page = gallery_page([study(link="javascript:alert(1)")], 0, MADE)
    assert "javascript:" not in page


def test_the_page_asks_nothing_of_other_addresses_and_carries_its_pictures(tmp_path: Path) -> None:
    (tmp_path / "key.png").write_bytes(b"\x89PNG....")
    page = gallery_page([study(run(tmp_path, picture=tmp_path / "key.png", alt="Curves of <b>"))], 0, MADE)
    assert outside_addresses(page) == []
    (image,) = [attributes for tag, attributes in _Elements(page).found if tag == "img"]
    assert (image["src"] or "").startswith("data:image/png;base64,iVBOR")
    assert image["alt"] == "Curves of <b>"


def test_studies_that_have_not_run_are_there_after_those_that_have() -> None:
    page = gallery_page([study(name="later", title="Later"), study(run(Path("x")))], 0, MADE)
    assert page.index("A title</a></h3>") < page.index("Later</h3>")
    assert "Not run yet: <code>studies run later</code> (~30 s)" in page


def test_damaged_folders_are_counted() -> None:
    assert "2 folders skipped" in gallery_page([study()], 2, MADE)
    assert "skipped" not in gallery_page([study()], 0, MADE)


def test_all_runs_of_a_claim_are_drawn_to_one_scale() -> None:
    two = (verdict(), verdict(effect=-0.1, low=-0.2, high=-0.05, word="contradicted"))
    span = shared_range(two)
    assert span[0] < -0.2
    assert span[1] > 0.0209
    noughts = {re.findall(r'class="nought" x1="([\d.]+)"', interval_picture(v, span, ""))[0] for v in two}
    assert len(noughts) == 1


@pytest.mark.parametrize("effect", [-0.5, 0.0, 0.5])
def test_an_interval_picture_puts_right_what_speaks_for_the_claim(effect: float) -> None:
    v = verdict(effect=effect, low=effect - 0.1, high=effect + 0.1, margin=0.2)
    drawn = interval_picture(v, shared_range([v]), "words")
    dot = float(re.findall(r'circle class="dot" cx="([\d.]+)"', drawn)[0])
    nought = float(re.findall(r'class="nought" x1="([\d.]+)"', drawn)[0])
    margin = float(re.findall(r'class="margin" x1="([\d.]+)"', drawn)[0])
    ends = sorted(float(x) for x in re.findall(r'class="whisker" x1="([\d.]+)" x2="\1"', drawn))
    assert (dot > nought) - (dot < nought) == (effect > 0) - (effect < 0)
    assert margin < nought
    assert ends[0] < dot < ends[1]


def test_without_an_interval_the_dot_is_open_and_no_bar_is_drawn() -> None:
    v = verdict(low=None, high=None, word="inconclusive", interval="none: a single seed")
    drawn = interval_picture(v, shared_range([v]), "")
    assert "dot open" in drawn
    assert "whisker" not in drawn
    made = run(Path("x"), verdicts=(v,))
    for page in (gallery_page([study(made)], 0, MADE), own_page(made)):
        assert "no interval (a single seed)" in page


def test_each_page_has_a_language_a_title_and_one_main_heading() -> None:
    for page in (gallery_page([study(run(Path("x")))], 0, MADE), own_page(run(Path("x")))):
        found = _Elements(page).found
        assert ("html", {"lang": "en"}) in found
        assert [tag for tag, _ in found].count("h1") == 1
        for tag, attributes in found:
            if tag == "svg" and "aria-hidden" not in attributes:
                assert attributes["role"] == "img"
                assert attributes["aria-label"]


def test_claims_on_real_and_on_simulated_data_stand_apart_and_each_corpus_has_its_leading_run() -> None:
    runs = (
        run(Path("a")), run(Path("b"), scale="quick"), run(Path("c"), corpus="support"),
        run(Path("d"), corpus="drawn", simulated=True),
    )  # fmt: skip
    page = gallery_page([study(*runs)], 0, MADE)
    real, simulated = page[page.index('id="claims-real"') :].split('id="claims-simulated"', 1)
    simulated = simulated[: simulated.index('id="studies"')]
    assert real.count('role="rowheader" scope="row"') == 2
    assert "quick" not in real
    assert simulated.count('role="rowheader" scope="row"') == 1
    assert "drawn" in simulated


def test_an_interval_that_reaches_the_line_begins_within_one_half_width_of_it() -> None:
    for low, high, margin in ((0.01, 0.03, 0.0), (-0.01, 0.03, 0.0), (-0.02, 0.01, 0.03), (-0.05, -0.04, 0.03)):
        found = strengths(verdict(effect=(low + high) / 2, low=low, high=high, margin=margin))
        assert found is not None
        assert found[2] - found[0] == pytest.approx(2)
        assert (found[1] > 1) == (low > -margin)
        assert (found[1] < -1) == (high < -margin)
    assert strengths(verdict(low=None, high=None)) is None
    assert strengths(verdict(low=0.1, high=0.1)) is None


@pytest.mark.parametrize("sign", [-1, 1])
def test_an_effect_beyond_the_edge_is_an_arrow_towards_it(sign: int) -> None:
    near = strength_picture(verdict(effect=sign * 0.2, low=sign * 0.2 - 0.1, high=sign * 0.2 + 0.1), "")
    far = strength_picture(verdict(effect=sign * 9.0, low=sign * 9.0 - 0.1, high=sign * 9.0 + 0.1), "")
    assert "<circle" in near
    assert "<path" not in near
    assert "<circle" not in far
    back, tip = (float(x) for x in re.findall(r"[ML]([\d.]+) ", far)[:2])
    assert (tip > back) == (sign > 0)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0.0123, 0.0041, 0.0209), "+0.012 (+0.004 to +0.021)"),
        ((-0.00026, -0.0083, 0.0078), "−0.0003 (−0.0083 to +0.0078)"),
        ((0.001, 0.0005, 0.0015), "+0.0010 (+0.0005 to +0.0015)"),
        ((0.0, None, None), "+0.000"),
    ],
)
def test_a_number_that_is_not_nought_does_not_read_as_nought(
    numbers: tuple[float, float | None, float | None], words: str
) -> None:
    effect, low, high = numbers
    assert effect_words(verdict(effect=effect, low=low, high=high)) == words
