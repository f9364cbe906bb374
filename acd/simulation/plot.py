"""Policies side by side as a picture: bars with their intervals, as SVG or as a page that also has the numbers. Pure."""

from collections.abc import Sequence
from html import escape

from acd.simulation.run import Result
from acd.simulation.summary import NAMES, TOTAL, Estimate

SHOWN = {
    "service_level": ("Answered within the threshold", 100.0, "%"),
    "abandonment": ("Hung up", 100.0, "%"),
    "asa_s": ("Mean wait of the answered", 1.0, "s"),
    "wait_p90_s": ("Wait of 90 % of the answered, at most", 1.0, "s"),
    "occupancy": ("Occupancy", 100.0, "%"),
    "overtakes": ("Passed over", 1.0, ""),
}
"""What is drawn: title, factor, unit."""
COLOURS = ("#2f6db3", "#d9822b", "#3d9a63", "#a3479c", "#b5433c", "#6b7480")
_WIDTH, _LABEL, _BAR, _GAP, _TITLE = 760, 150, 16, 10, 34
_PLOT = _WIDTH - _LABEL - 150


def svg(results: Sequence[Result]) -> str:
    """Return a picture: for each number a panel, in it for each queue a bar of each policy with its 95 % interval."""
    queues = list(results[0].queues)
    panel = _TITLE + len(queues) * (len(results) * _BAR + _GAP)
    height = 50 + 24 * len(results) + panel * len(SHOWN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]
    for number, result in enumerate(results):
        y = 20 + 24 * number
        parts.append(f'<rect x="16" y="{y}" width="14" height="14" fill="{_colour(number)}"/>')
        parts.append(f'<text x="38" y="{y + 12}">{escape(result.policy.name)}</text>')
    top = 40.0 + 24 * len(results)
    for name in SHOWN:
        parts += _panel(results, queues, name, top)
        top += panel
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(results: Sequence[Result], queues: list[str], name: str, top: float) -> list[str]:
    title, factor, unit = SHOWN[name]
    found = [result.queues[queue].get(name) for queue in queues for result in results]
    most = max((e.mean + (e.half_width or 0.0) for e in found if e is not None), default=0.0) or 1.0
    parts = [f'<text x="16" y="{top + 14}" font-weight="bold">{escape(title)}</text>']
    y = top + _TITLE - 8
    for queue in queues:
        middle = y + len(results) * _BAR / 2 + 4
        label = "all queues" if queue == TOTAL else queue
        parts.append(f'<text x="{_LABEL - 8}" y="{middle}" text-anchor="end">{escape(label)}</text>')
        for number, result in enumerate(results):
            shown = result.queues[queue].get(name)
            if shown is not None:
                parts += _bar(shown, most, y, _colour(number), factor, unit)
            y += _BAR
        y += _GAP
    return parts


def _bar(shown: Estimate, most: float, y: float, colour: str, factor: float, unit: str) -> list[str]:
    length = _x(shown.mean, most)
    half = shown.half_width or 0.0
    low, high = _x(shown.mean - half, most), _x(shown.mean + half, most)
    middle = y + _BAR / 2
    return [
        f'<rect x="{_LABEL}" y="{y + 2:g}" width="{length:.1f}" height="{_BAR - 4}" fill="{colour}"/>',
        f'<path d="M{_LABEL + low:.1f} {middle:g}H{_LABEL + high:.1f}M{_LABEL + low:.1f} {middle - 4:g}v8M{_LABEL + high:.1f} {middle - 4:g}v8" stroke="#222"/>',
        f'<text x="{_LABEL + max(length, high) + 6:.1f}" y="{middle + 4:g}">{text_of(shown, factor, unit)}</text>',
    ]


def _x(value: float, most: float) -> float:
    return max(0.0, min(value / most, 1.0)) * _PLOT


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def text_of(shown: Estimate | None, factor: float = 1.0, unit: str = "", *, signed: bool = False) -> str:
    """Return an estimate for people: `81.2 ± 0.4 %`."""
    if shown is None:
        return "-"
    number = f"{shown.mean * factor:+.1f}" if signed else f"{shown.mean * factor:.1f}"
    spread = "" if shown.half_width is None else f" ± {shown.half_width * factor:.1f}"
    return f"{number}{spread} {unit}".strip()


def html(results: Sequence[Result], title: str) -> str:
    """Return a page with the picture and every number below it; nothing in it is loaded from elsewhere."""
    tables = "\n".join(_table(results, queue) for queue in results[0].queues)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>body{{font-family:sans-serif;margin:2em}}"
        "table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;padding:.2em .6em;text-align:right}"
        "td:first-child,th:first-child{text-align:left}</style></head><body>"
        f"<h1>{escape(title)}</h1><p>{results[0].replications} replications; ± is half of the 95 % interval.</p>\n"
        f"{svg(results)}\n{tables}\n</body></html>\n"
    )


def _table(results: Sequence[Result], queue: str) -> str:
    head = "".join(f"<th>{escape(r.policy.name)}</th>" for r in results)
    rows = "\n".join(
        f"<tr><td>{escape(meaning)}</td>"
        + "".join(f"<td>{_cell(name, r.queues[queue].get(name))}</td>" for r in results)
        + "</tr>"
        for name, meaning in NAMES.items()
    )
    name = "All queues" if queue == TOTAL else queue
    return f"<h2>{escape(name)}</h2><table><tr><th></th>{head}</tr>{rows}</table>"


SHARES = frozenset({"service_level", "abandonment", "occupancy", "no_answer"})
"""The numbers that are shown in per cent."""


def _cell(name: str, shown: Estimate | None) -> str:
    return text_of(shown, *units(name))


def units(name: str) -> tuple[float, str]:
    """Return the factor and the unit in which a number is shown."""
    if name in SHARES:
        return 100.0, "%"
    return 1.0, "s" if name.endswith("_s") else ""
