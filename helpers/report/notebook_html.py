"""An executed notebook as one HTML page that asks nothing of any other address."""

from __future__ import annotations

import html
import re
from copy import deepcopy

from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from helpers.report.math_pictures import with_math_pictures

_WIDGET = "application/vnd.jupyter.widget-view+json"
_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#59636e;--page:#fff;--code:#f6f8fa;--line:#d1d9e0;--link:#0a58ca}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#9aa4af;--page:#14171a;--code:#1e2328;--line:#363d45;
--link:#7ab7ff}}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:56rem;margin:0 auto;padding:1.5rem 1rem 4rem;overflow-wrap:break-word}
h1,h2,h3{line-height:1.25}h2{margin-top:2.2rem}a{color:var(--link)}a.anchor-link{display:none}
pre,code{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.jp-InputArea pre,.highlight pre{background:var(--code);border:1px solid var(--line);border-radius:6px;
padding:.6rem .8rem;overflow-x:auto;margin:.4rem 0}
.jp-OutputArea pre{white-space:pre-wrap;margin:.4rem 0}.jp-InputPrompt,.jp-OutputPrompt{display:none}
.jp-OutputArea-output{overflow-x:auto}img,svg{max-width:100%;height:auto}
.jp-OutputArea img{background:#fff;border-radius:4px}
table{border-collapse:collapse;margin:.6rem 0;font-size:14px}caption{text-align:left;color:var(--soft);padding:.2rem 0}
th,td{border-bottom:1px solid var(--line);padding:.25rem .7rem .25rem 0;text-align:left;vertical-align:top}
audio,video{max-width:100%}
.math.block{display:block;margin:1rem auto}@media(prefers-color-scheme:dark){.math{filter:invert(.92)}}
.highlight pre{line-height:1.5}
"""


def notebook_html(notebook: NotebookNode, title: str) -> str:
    """Export a notebook, outputs and pictures included.

    Args:
        notebook: executed, in nbformat 4.
        title: of the page.

    Returns:
        A page without outside scripts, fonts, styles or pictures; formulas are pictures.
    """
    exporter = HTMLExporter(template_name="basic", embed_images=True, exclude_input_prompt=True)
    exporter.exclude_output_prompt = True
    exporter.register_filter("markdown2html", lambda source: with_math_pictures(markdown2html(source)))
    body, _ = exporter.from_notebook_node(_without_widgets(notebook))
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}{_code_colours()}</style></head><body><main>{body}</main></body></html>"
    )


def _code_colours() -> str:
    light = HtmlFormatter(style="default", nobackground=True).get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark", nobackground=True).get_style_defs(".highlight")
    return f"@media(prefers-color-scheme:light){{{light}}}@media(prefers-color-scheme:dark){{{dark}}}"


def _without_widgets(notebook: NotebookNode) -> NotebookNode:
    """A copy without the outputs that only a running kernel could show."""
    copied = deepcopy(notebook)
    for cell in copied.cells:
        if cell.cell_type == "code":
            cell.outputs = [
                o for o in cell.outputs if "application/vnd.jupyter.widget-view+json" not in o.get("data", {})
            ]
    return copied


def outside_addresses(page: str) -> list[str]:
    """Addresses that a browser would ask for when it shows the page: what a self-contained page has none of.

    Links that a reader may follow do not count.
    """
    asks = (
        r"""<(?:script|img|iframe|audio|video|source|embed|object|link)\b[^>]*?\b(?:src|href|data|srcset)\s*=\s*["']?"""
    )
    found = re.findall(asks + r"""((?:https?:)?//[^"'\s>]+)""", page, flags=re.IGNORECASE)
    styles = re.findall(r"<style\b.*?</style>", page, flags=re.IGNORECASE | re.DOTALL)
    found += re.findall(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"'\s)]+)""", " ".join(styles))
    return found
