"""Policies side by side as a picture: bars with their intervals, as SVG, or as a page that also has the numbers. Pure.

What is drawn is a list of shapes, so that other files can draw it too (`png`).
"""

from collections.abc import Iterator, Sequence
from html import escape

import msgspec

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
INK = "#222222"
_WIDTH, _LABEL, _BAR, _GAP, _TITLE = 760, 150, 16, 10, 34
_PLOT = _WIDTH - _LABEL - 150


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A filled rectangle, in pixels from the top left."""

    x: float
    y: float
    width: float
    height: float
    colour: str


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """A line of text; `y` is its base line."""

    x: float
    y: float
    text: str
    bold: bool = False
    to_the_left: bool = False
    """Whether it ends at `x` instead of beginning there."""


Shape = Box | Words


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be drawn, the later above the earlier."""

    width: int
    height: int
    shapes: tuple[Shape, ...]


def picture(results: Sequence[Result]) -> Picture:
    """Return a picture: for each number a panel, in it for each queue a bar of each policy with its 95 % interval."""
    queues = list(results[0].queues)
    panel = _TITLE + len(queues) * (len(results) * _BAR + _GAP)
    legend = [shape for number, r in enumerate(results) for shape in _entry(number, r.policy.name)]
    tops = ((name, 40.0 + 24 * len(results) + panel * number) for number, name in enumerate(SHOWN))
    panels = [shape for name, top in tops for shape in _panel(results, queues, name, top)]
    return Picture(width=_WIDTH, height=50 + 24 * len(results) + panel * len(SHOWN), shapes=(*legend, *panels))


def _entry(number: int, name: str) -> tuple[Shape, Shape]:
    y = 20 + 24 * number
    return Box(x=16, y=y, width=14, height=14, colour=_colour(number)), Words(x=38, y=y + 12, text=name)


def _panel(results: Sequence[Result], queues: list[str], name: str, top: float) -> Iterator[Shape]:
    title, factor, unit = SHOWN[name]
    found = [result.queues[queue].get(name) for queue in queues for result in results]
    most = max((e.mean + (e.half_width or 0.0) for e in found if e is not None), default=0.0) or 1.0
    yield Words(x=16, y=top + 14, text=title, bold=True)
    y = top + _TITLE - 8
    for queue in queues:
        middle = y + len(results) * _BAR / 2 + 4
        yield Words(x=_LABEL - 8, y=middle, text="all queues" if queue == TOTAL else queue, to_the_left=True)
        for number, result in enumerate(results):
            shown = result.queues[queue].get(name)
            if shown is not None:
                yield from _bar(shown, most, y, _colour(number), factor, unit)
            y += _BAR
        y += _GAP


def _bar(shown: Estimate, most: float, y: float, colour: str, factor: float, unit: str) -> Iterator[Shape]:
    half = shown.half_width or 0.0
    length, low, high = (_LABEL + _x(value, most) for value in (shown.mean, shown.mean - half, shown.mean + half))
    middle = y + _BAR / 2
    yield Box(x=_LABEL, y=y + 2, width=length - _LABEL, height=_BAR - 4, colour=colour)
    yield Box(x=low, y=middle - 0.5, width=high - low, height=1, colour=INK)
    yield from (Box(x=end - 0.5, y=middle - 4, width=1, height=8, colour=INK) for end in (low, high))
    yield Words(x=max(length, high) + 6, y=middle + 4, text=text_of(shown, factor, unit))


def _x(value: float, most: float) -> float:
    return max(0.0, min(value / most, 1.0)) * _PLOT


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def text_of(shown: Estimate | None, factor: float = 1.0, unit: str = "", *, signed: bool = False) -> str:
    """Return an estimate for people: `81.2 ± 0.4 %`."""
    if shown is None:
        return "-"
    mean = round(shown.mean * factor, 1) + 0.0  # so that nothing is "-0.0"
    number = f"{mean:+.1f}" if signed else f"{mean:.1f}"
    spread = "" if shown.half_width is None else f" ± {shown.half_width * factor:.1f}"
    return f"{number}{spread} {unit}".strip()


# --- as SVG --------------------------------------------------------------------------------------------------------------


def svg(results: Sequence[Result]) -> str:
    """Return the picture as SVG."""
    drawn = picture(results)
    size = f'width="{drawn.width}" height="{drawn.height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {drawn.width} {drawn.height}" font-family="sans-serif" font-size="12">',
            f'<rect {size} fill="white"/>',
            *(_box(shape) if isinstance(shape, Box) else _words(shape) for shape in drawn.shapes),
            "</svg>\n",
        ]
    )


def _box(shape: Box) -> str:
    place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" width="{shape.width:.1f}" height="{shape.height:.1f}"'
    return f'<rect {place} fill="{shape.colour}"/>'


def _words(shape: Words) -> str:
    how = (' font-weight="bold"' if shape.bold else "") + (' text-anchor="end"' if shape.to_the_left else "")
    return f'<text x="{shape.x:.1f}" y="{shape.y:.1f}"{how}>{escape(shape.text)}</text>'


# --- as a page -----------------------------------------------------------------------------------------------------------


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
