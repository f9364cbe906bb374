"""What a benchmark hands back, and how it is shown. Pure but for `say`, which tells on standard error how far a long one is."""

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much time a run may take."""

    quick: bool = False

    def pick(self, normal: int, quick: int) -> int:
        """Return the number for this scale."""
        return quick if self.quick else normal


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of one benchmark."""

    name: str
    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers: dict[str, Any]
    """The same for programs, by name, unrounded where it matters."""
    goal: str = ""
    """What should hold; empty: nothing is promised."""
    reached: bool | None = None
    notes: Sequence[str] = ()

    def text(self) -> str:
        """Return the table with its goal and notes."""
        table = [self.head, *self.rows]
        widths = [max(len(row[column]) for row in table) for column in range(len(self.head))]
        lines = [f"{self.name}: {self.title}"]
        for row in table:
            first, *others = (
                cell.ljust(width) if column == 0 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            lines.append(f"  {'   '.join((first, *others))}".rstrip())
        if self.goal:
            lines.append(f"  goal: {self.goal}: {'reached' if self.reached else 'MISSED'}")
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        return {"title": self.title, "goal": self.goal, "reached": self.reached, **self.numbers}


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which `percent` of the values lie (nearest rank); NaN of nothing."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    rank = max(-(-len(ordered) * percent // 100), 1)
    return ordered[int(rank) - 1]


def median(values: Sequence[float]) -> float:
    """Return the median; NaN of nothing."""
    return statistics.median(values) if values else float("nan")


def milliseconds(seconds: float, digits: int = 1) -> str:
    """Return a time for a table."""
    return f"{seconds * 1000:,.{digits}f} ms"


def say(text: str) -> None:
    """Tell how far a long benchmark is: one line on a terminal, line by line elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)


def say_done() -> None:
    """Take the line of `say` away."""
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
