"""TeX in a page as small pictures, drawn by matplotlib: no script and no font of any other address is needed."""

from __future__ import annotations

import base64
import html
import io
import re
from functools import lru_cache

_MATH = re.compile(r"\$\$(?P<block>.+?)\$\$|(?<![\\$\w])\$(?P<inline>[^\s$](?:[^$\n]*[^\s$\\])?)\$(?![\w$])", re.DOTALL)
_VERBATIM = re.compile(r"(<pre\b.*?</pre>|<code\b.*?</code>|<style\b.*?</style>|<[^>]+>)", re.DOTALL)


def with_math_pictures(rendered: str) -> str:
    """Replace ``$…$`` and ``$$…$$`` in rendered Markdown by pictures.

    Args:
        rendered: HTML. Code in it, and attributes, stay as they are.

    Returns:
        HTML, each formula an ``<img class="math">`` whose text is its TeX; TeX that matplotlib does not know stays as
        it was written, in ``<code>``.
    """
    if "$" not in rendered:
        return rendered
    parts = _VERBATIM.split(rendered)
    return "".join(part if i % 2 else _MATH.sub(_picture, part) for i, part in enumerate(parts))


def _picture(found: re.Match[str]) -> str:
    block = found["block"] is not None
    tex = html.unescape(found["block"] if block else found["inline"]).strip()
    try:
        svg, width, height, depth = _drawn(" ".join(tex.split()))
    except ValueError:  # TeX beyond matplotlib's
        return f"<code>{html.escape(tex)}</code>"
    data = base64.b64encode(svg).decode()
    kind = "math block" if block else "math"
    place = "" if block else f";vertical-align:{-depth:.2f}em"
    return (
        f'<img class="{kind}" alt="{html.escape(tex)}" src="data:image/svg+xml;base64,{data}" '
        f'style="width:{width:.2f}em;height:{height:.2f}em{place}">'
    )


@lru_cache(maxsize=512)
def _drawn(tex: str) -> tuple[bytes, float, float, float]:
    """SVG of a formula, and its width, height and depth below the line, in em."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import MathTextParser

    size = 12.0  # points
    with mpl.rc_context({"mathtext.fontset": "stix", "svg.fonttype": "path", "svg.hashsalt": "math"}):
        font = FontProperties(size=size)
        width, height, depth, _, _ = MathTextParser("path").parse(f"${tex}$", dpi=72, prop=font)
        figure = Figure(figsize=(width / 72, height / 72))
        figure.text(0, depth / height, f"${tex}$", fontproperties=font)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return drawn.getvalue(), width / size, height / size, depth / size
