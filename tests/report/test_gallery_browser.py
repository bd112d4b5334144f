"""The gallery in a real browser: nothing asked of others, readable when narrow, for the keyboard, in light and dark."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.report.style import new_figure, png
from helpers.runs.finished import write_gallery
from tests.browser import browser

pytestmark = pytest.mark.browser
EVIL = "<script>document.title='run'</script>"
PAGES = ("index.html", "ghost/index.html")


def _verdict(**changed: Any) -> dict[str, Any]:
    return {
        "claim": "c", "statement": f"It is there {EVIL}", "metric": "accuracy", "effect": 0.1,
        "low": 0.05, "high": 0.15,
        "p_value": 0.01, "word": "supported", "interval": "BCa", "pairs": 10, "margin": 0.0, "paper_figure": None,
        **changed,
    }  # fmt: skip


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of two studies, one named like a script, on real and on simulated data, with a key figure."""
    outputs = tmp_path_factory.mktemp("gallery")
    figure, axes = new_figure(height=2.0, width=6.0)
    axes.plot([0, 1], [1, 0])
    drawn = png(figure)
    far = _verdict(claim="d", effect=4.0, low=3.9, high=4.1, statement="So is another, far from the line, " * 4)
    open_ = _verdict(low=None, high=None, p_value=None, word="inconclusive", interval="none: a single seed", pairs=1)
    for study, identity, simulated, verdicts in (
        ("ghost", "a1", False, [_verdict(), far]),
        ("ghost", "a2", True, [_verdict(word="contradicted", effect=-0.1, low=-0.15, high=-0.05), open_]),
        ("<script>", "b1", False, [open_]),
    ):
        folder = outputs / study / identity
        (folder / "figures").mkdir(parents=True)
        (folder / "figures" / "key.png").write_bytes(drawn)
        told = {
            "study": study, "title": f"A ghost {EVIL}", "paper": EVIL, "scale": "standard", "corpus": f"{study}_fog",
            "simulated": simulated, "seeds": [0, 1], "notes": [EVIL], "verdicts": verdicts,
            "key_figure": {"file": "figures/key.png", "alt": f"A line that falls {EVIL}"},
        }  # fmt: skip
        origin = {
            "wall_seconds": 3.0, "peak_memory_mib": 100.0, "started": f"2026-01-0{identity[1]}T00:00:00+00:00",
            "code": {"version": EVIL, "dirty": False}, "processor": "x" * 200,
        }  # fmt: skip
        (folder / "verdict.json").write_text(json.dumps(told))
        (folder / "provenance.json").write_text(json.dumps(origin))
        (folder / "params.yaml").write_text(f"scale: standard\nlabel: {json.dumps(EVIL)}\nlong: {'y' * 300}\n")
        (folder / "results.parquet").write_bytes(b"PAR1PAR1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIES_OUTPUTS", str(outputs))
        write_gallery()
    return outputs


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    with browser() as opened:
        yield opened


class _Watched:
    """A page, with what it asked for and what it said."""

    def __init__(self, chrome: Any, path: Path, width: int = 1280, scheme: str = "light") -> None:
        self.context = chrome.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.said: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
        self.page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (400, "light")])
def test_a_page_asks_nothing_of_others_logs_nothing_and_does_not_scroll_sideways(
    name: str, width: int, scheme: str, laid: Path, chrome: Any
) -> None:
    seen = _Watched(chrome, laid / name, width, scheme)
    seen.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert not [url for url in seen.asked if not url.startswith(("file:", "data:"))]
    assert seen.said == []
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    cut = seen.page.evaluate(
        """() => [...document.querySelectorAll('main *, header *')].filter(e => {
            const box = e.getBoundingClientRect();
            return box.width && box.right > innerWidth + 1 && !e.closest('.scroll') && !e.closest('svg');
        }).map(e => e.outerHTML.slice(0, 80))"""
    )
    assert cut == []
    assert seen.page.evaluate(
        "[...document.images].length > 0 && [...document.images].every(i => i.alt && i.naturalWidth)"
    )
    seen.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_name_that_is_a_script_stays_text(name: str, laid: Path, chrome: Any) -> None:
    seen = _Watched(chrome, laid / name)
    assert seen.page.evaluate("document.scripts.length") == 0
    assert seen.page.title() != "run"
    assert EVIL in seen.page.inner_text("body")
    seen.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_every_control_is_reached_by_tab_shows_its_focus_and_lets_go_of_it(name: str, laid: Path, chrome: Any) -> None:
    seen = _Watched(chrome, laid / name)
    controls = seen.page.evaluate(
        "[...document.querySelectorAll('a[href], summary, [tabindex=\"0\"]')].filter(e => e.checkVisibility()).length"
    )
    reached = []
    for _ in range(controls):
        seen.page.keyboard.press("Tab")
        reached.append(
            seen.page.evaluate(
                """() => { const e = document.activeElement, s = getComputedStyle(e);
                    return [[...document.querySelectorAll('*')].indexOf(e),
                        s.outlineStyle !== 'none' && s.outlineWidth]; }"""
            )
        )
    assert len({place for place, _ in reached}) == controls
    assert all(width and width != "0px" for _, width in reached)
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement === document.body || document.activeElement.tagName") in (
        True, "A",
    )  # fmt: skip
    seen.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_text_stands_out_from_what_is_behind_it(scheme: str, name: str, laid: Path, chrome: Any) -> None:
    """Contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    seen = _Watched(chrome, laid / name, scheme=scheme)
    faint = seen.page.evaluate(
        """() => {
        const parse = c => c.match(/[\\d.]+/g).map(Number);
        const light = c => { const [r, g, b] = c.map(v => v / 255).map(v => v <= .03928 ? v / 12.92
            : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
        const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
            if (c.length < 4 || c[3] > .99) return c.slice(0, 3); } return [255, 255, 255]; };
        return [...document.querySelectorAll('main *, header *, footer *')].filter(e => e.checkVisibility()
            && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && !e.closest('svg')).map(e => {
            const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
            return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.textContent.slice(0, 40)];
        }).filter(([ratio]) => ratio < 4.5); }"""
    )
    assert faint == []
    page = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, page.strip("rgb()").split(","))) > 384) == (scheme == "light")
    seen.context.close()


def test_a_reader_gets_from_the_first_page_to_a_run_and_back(laid: Path, chrome: Any) -> None:
    seen = _Watched(chrome, laid / "index.html")
    seen.page.click("#claims-real ~ table a >> nth=1")
    assert seen.page.url.endswith("/ghost/index.html")
    assert seen.page.locator("#runs article").count() == 2
    seen.page.click("text=All studies")
    assert seen.page.url == (laid / "index.html").as_uri()
    seen.page.click("#studies a >> nth=0")
    assert "%3Cscript%3E" in seen.page.url  # a study whose name needs quoting has its page, too
    assert seen.page.locator("#runs article").count() == 1
    seen.context.close()
