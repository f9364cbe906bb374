"""The connect rate: the share of callers who reach an agent within T seconds, by every formula in use. Pure.

T is the threshold of the queue, S its short-abandon limit. The clock starts at the entry into the queue and stops at the
bridge. Every house computes the number a little differently, so the formula is always shown beside it; all of them are views
of the same counts. Sources: ICMI, *Call Center Management on Fast Forward* (variants 1 to 5); Asterisk `app_queue`
(`ServicelevelPerf`, `ServicelevelPerf2`); Amazon Connect `SERVICE_LEVEL`; Genesys Cloud service-level options.

Which calls belong to a stretch of time is decided by whoever counts them.
"""

from collections.abc import Callable
from typing import Literal

import msgspec


class QueueCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the waits of one queue (or several) in a stretch of time."""

    offered: int = 0
    """All who entered the queue."""
    answered: int = 0
    abandoned: int = 0
    """All who gave up, the short ones too."""
    flowed_out: int = 0
    """Left otherwise: to the fallback queue, to another queue, by a callback."""
    waiting: int = 0
    answered_in_threshold: int = 0
    """Answered after at most T seconds."""
    abandoned_in_threshold: int = 0
    short_abandoned: int = 0
    """Gave up within S seconds."""

    def __add__(self, other: "QueueCounts") -> "QueueCounts":
        return QueueCounts(**{f: getattr(self, f) + getattr(other, f) for f in self.__struct_fields__})


def identity_gap(counts: QueueCounts) -> int:
    """Return by how much offered differs from answered + abandoned + flowed out + waiting; anything but 0 is a fault."""
    return counts.offered - (counts.answered + counts.abandoned + counts.flowed_out + counts.waiting)


def share(part: float, whole: float) -> float | None:
    """Return `part / whole`, or None when the whole is 0."""
    return part / whole if whole else None


# --- formulas ----------------------------------------------------------------------------------------------------------

Formula = Literal["A", "B", "C", "D", "E", "F", "G"]
DEFAULT_FORMULA: Formula = "B"
Part = Callable[[QueueCounts], int]


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """One way to compute the connect rate."""

    text: str
    """The formula in words, to be printed beside its number."""
    used_by: str
    """Who prints it under this or another name."""
    above: Part
    below: Part

    def rate(self, counts: QueueCounts) -> float | None:
        """Return the connect rate between 0 and 1, or None when nobody stands in the denominator."""
        return share(self.above(counts), self.below(counts))


class Switches(msgspec.Struct, frozen=True, kw_only=True):
    """What formula F puts into the denominator beside the answered callers (the options of Genesys)."""

    flowed_out: bool = True
    abandoned: bool = True
    short_abandoned: bool = False
    """Counts only where `abandoned` does."""


def genesys(switches: Switches, used_by: str = "Genesys") -> Definition:
    """Return formula F as its switches make it."""
    parts: list[tuple[str, Part]] = [("answered", lambda c: c.answered)]
    if switches.abandoned and switches.short_abandoned:
        parts.append(("abandoned", lambda c: c.abandoned))
    elif switches.abandoned:
        parts.append(("abandoned > S", lambda c: c.abandoned - c.short_abandoned))
    if switches.flowed_out:
        parts.append(("flowed out", lambda c: c.flowed_out))
    return Definition(
        text=f"answered <= T / ({' + '.join(text for text, _ in parts)})",
        used_by=used_by,
        above=lambda c: c.answered_in_threshold,
        below=lambda c: sum(count(c) for _, count in parts),
    )


FORMULAS: dict[Formula, Definition] = {
    "A": Definition(
        text="answered <= T / answered",
        used_by="Asterisk SL, Wazo",
        above=lambda c: c.answered_in_threshold,
        below=lambda c: c.answered,
    ),
    "B": Definition(
        text="answered <= T / (answered + abandoned)",
        used_by="ICMI 3, Genesys default",
        above=lambda c: c.answered_in_threshold,
        below=lambda c: c.answered + c.abandoned,
    ),
    "C": Definition(
        text="answered <= T / (answered + abandoned > T)",
        used_by="ICMI 4, Cisco with abandons ignored",
        above=lambda c: c.answered_in_threshold,
        below=lambda c: c.answered + c.abandoned - c.abandoned_in_threshold,
    ),
    "D": Definition(
        text="(answered <= T + abandoned <= T) / (answered + abandoned)",
        used_by="ICMI 1, Asterisk SL2",
        above=lambda c: c.answered_in_threshold + c.abandoned_in_threshold,
        below=lambda c: c.answered + c.abandoned,
    ),
    "E": Definition(
        text="(answered <= T + abandoned <= S) / (answered + abandoned)",
        used_by="ICMI 5",
        above=lambda c: c.answered_in_threshold + c.short_abandoned,
        below=lambda c: c.answered + c.abandoned,
    ),
    "F": genesys(Switches()),
    "G": Definition(
        text="answered <= T / entered the queue",
        used_by="Amazon Connect",
        above=lambda c: c.answered_in_threshold,
        below=lambda c: c.offered,
    ),
}
"""The formulas of docs/metrics.md; F with its default switches."""


# --- a report ----------------------------------------------------------------------------------------------------------

REPORTED: dict[str, Definition] = {
    "B": FORMULAS["B"],
    "A": FORMULAS["A"],
    "C": FORMULAS["C"],
    "D": FORMULAS["D"],
    "E": FORMULAS["E"],
    "F-flow": genesys(Switches(short_abandoned=True), "Genesys, flow-outs counted"),
    "F-short": genesys(Switches(flowed_out=False), "Genesys, without short abandons"),
    "G": FORMULAS["G"],
}
"""What a report lists: the default first, F with one switch turned at a time. (F without all abandons is A.)"""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """One formula and its value."""

    id: str
    formula: str
    value: float | None
    """Between 0 and 1; None when the denominator is 0."""
    used_by: str


def connect_rates(counts: QueueCounts) -> list[Rate]:
    """Return the connect rate by every formula of `REPORTED`, in its order."""
    return [
        Rate(id=name, formula=definition.text, value=definition.rate(counts), used_by=definition.used_by)
        for name, definition in REPORTED.items()
    ]
