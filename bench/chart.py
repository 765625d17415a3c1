"""A bar chart of how fast it is, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

WIDTH, LEFT, ROW, BAR = 720, 330, 22, 14
COLOURS = {"reuse": "#2a6f97", "race": "#e07a5f"}
TITLES = {
    "reuse": "Times as fast as the network alone on every frame (upconv_7)",
    "race": "Times as fast as other ways with the same network",
}


def draw(results: Mapping[str, Any]) -> str:
    """Return the chart of the tables that are there, one group of bars for each."""
    lines, y = [], 10
    for kind, title in TITLES.items():
        bars = list(_bars(kind, results.get(kind, {}).get("tables", [])))
        if not bars:
            continue
        y += ROW
        lines.append(f'<text x="10" y="{y}" font-weight="bold">{escape(title)}</text>')
        most = max(value for _, value in bars)
        for label, value in bars:
            y += ROW
            length = round((WIDTH - LEFT - 60) * value / most, 1)
            fill = f'fill="{COLOURS[kind]}"'
            lines += [
                f'<text x="{LEFT - 8}" y="{y}" text-anchor="end">{escape(label)}</text>',
                f'<rect x="{LEFT}" y="{y - BAR + 3}" width="{length}" height="{BAR}" {fill}/>',
                f'<text x="{LEFT + length + 6}" y="{y}">{value:.2f}</text>',
            ]
        y += ROW // 2
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 10}" '
        'font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *lines, "</svg>\n"])


def _bars(kind: str, tables: list[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    for row in (dict(zip(t["columns"], r, strict=True)) for t in tables for r in t["rows"]):
        clip = row["clip"].removesuffix(".mp4").removesuffix("_360p")
        if kind == "reuse":
            yield f"{clip}, {row['reuse']}", float(row["median"])
        else:
            network = "upconv_7" if "upconv" in row["network"] else "animevideov3"
            yield f"{clip}, {network}, {row['other']}", float(row["median"])
