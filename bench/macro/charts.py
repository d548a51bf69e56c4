"""Bar charts as SVG, written by hand: no library, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

WIDTH, LABEL, VALUE = 760, 230, 70
ROW, BAR, TOP = 26, 16, 56
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600; font-size: 14px } .quiet { fill: #59636e }
.a { fill: #0969da } .b { fill: #9cc5f0 } .own { font-weight: 600 } .axis { stroke: #d1d9e0 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .quiet { fill: #9198a1 } .a { fill: #4493f8 } .b { fill: #23487a } .axis { stroke: #3d444d }
}
"""


def bar_chart(
    title: str, unit: str, bars: Sequence[tuple[str, Sequence[float]]], legend: Sequence[str] = (), decimals: int = 1
) -> str:
    """Horizontal bars of one or two stacked parts.

    A bar more than eight times the median of the others is cut off and says so by its figure: one slow gateway must not make
    the rest unreadable.
    """
    totals = [sum(parts) for _, parts in bars]
    scale = _scale(totals)
    room = WIDTH - LABEL - VALUE
    height = TOP + ROW * len(bars) + 10
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<text class="title" x="8" y="20">{escape(title)}</text>',
        f'<text class="quiet" x="8" y="40">{escape(", ".join([unit, *_legend(legend)]))}; less is better</text>',
        f'<line class="axis" x1="{LABEL}" y1="{TOP - 6}" x2="{LABEL}" y2="{height - 6}"/>',
    ]
    for row, ((label, parts), total) in enumerate(zip(bars, totals, strict=True)):
        y = TOP + ROW * row
        own = ' class="own"' if label.startswith("fastgw") else ""
        out.append(f'<text{own} x="{LABEL - 8}" y="{y + 12}" text-anchor="end">{escape(label)}</text>')
        x = float(LABEL)
        shrink = scale / total if total > scale else 1.0
        for kind, part in zip("ab", parts, strict=False):
            width = part * shrink / scale * room if scale else 0.0
            out.append(f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}"/>')
            x += width
        cut = " (cut)" if total > scale else ""
        out.append(f'<text x="{x + 6:.1f}" y="{y + 12}">{total:,.{decimals}f}{cut}</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"


def _legend(names: Sequence[str]) -> list[str]:
    return [f"{shade} {name}" for shade, name in zip(("dark", "light"), names, strict=False)]


def _scale(totals: Sequence[float]) -> float:
    """The value at the right end."""
    if not totals:
        return 1.0
    ordered = sorted(totals)
    limit = 8 * ordered[len(ordered) // 2]
    return max((total for total in totals if total <= limit), default=ordered[-1]) or 1.0
