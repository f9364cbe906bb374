"""The connect rate: the share of callers who reach an agent within T seconds, in every formula in use. Pure.

Formula B is the default (ICMI 3, Genesys); the others are what other systems print under the same name. T is the threshold,
S the short-abandon limit of the queue. The clock starts at the entry into the queue and stops at the bridge.
"""

from collections.abc import Callable, Iterable

import msgspec


class QueueCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the waits of one queue (or several) in a stretch of time."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    flowed_out: int = 0
    waiting: int = 0
    answered_in_threshold: int = 0
    abandoned_in_threshold: int = 0
    short_abandoned: int = 0

    def plus(self, other: "QueueCounts") -> "QueueCounts":
        """Return the sums of both."""
        return QueueCounts(**{f: getattr(self, f) + getattr(other, f) for f in self.__struct_fields__})


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """One formula and its value."""

    id: str
    formula: str
    value: float | None
    """Between 0 and 1; None when the denominator is 0."""
    used_by: str


Part = Callable[[QueueCounts], int]

FORMULAS: dict[str, tuple[str, str, Part, Part]] = {
    "B": (
        "answered <= T / (answered + abandoned)",
        "ICMI 3, Genesys default",
        lambda c: c.answered_in_threshold,
        lambda c: c.answered + c.abandoned,
    ),
    "A": ("answered <= T / answered", "Asterisk SL, Wazo", lambda c: c.answered_in_threshold, lambda c: c.answered),
    "C": (
        "answered <= T / (answered + abandoned > T)",
        "ICMI 4, Cisco with abandons ignored",
        lambda c: c.answered_in_threshold,
        lambda c: c.answered + c.abandoned - c.abandoned_in_threshold,
    ),
    "D": (
        "(answered <= T + abandoned <= T) / (answered + abandoned)",
        "ICMI 1, Asterisk SL2",
        lambda c: c.answered_in_threshold + c.abandoned_in_threshold,
        lambda c: c.answered + c.abandoned,
    ),
    "E": (
        "(answered <= T + abandoned <= S) / (answered + abandoned)",
        "ICMI 5",
        lambda c: c.answered_in_threshold + c.short_abandoned,
        lambda c: c.answered + c.abandoned,
    ),
    "F-flow": (
        "answered <= T / (answered + abandoned + flowed out)",
        "Genesys, flow-outs counted",
        lambda c: c.answered_in_threshold,
        lambda c: c.answered + c.abandoned + c.flowed_out,
    ),
    "F-short": (
        "answered <= T / (answered + abandoned > S)",
        "Genesys, without short abandons",
        lambda c: c.answered_in_threshold,
        lambda c: c.answered + c.abandoned - c.short_abandoned,
    ),
    "G": (
        "answered <= T / entered the queue",
        "Amazon Connect",
        lambda c: c.answered_in_threshold,
        lambda c: c.offered,
    ),
}
"""Id: formula, who uses it, numerator, denominator. (F without all abandons is A.)"""


def connect_rates(counts: QueueCounts) -> list[Rate]:
    """Return the connect rate by every formula, the default first."""
    return [
        Rate(id=name, formula=text, value=share(numerator(counts), denominator(counts)), used_by=used_by)
        for name, (text, used_by, numerator, denominator) in FORMULAS.items()
    ]


def share(part: float, whole: float) -> float | None:
    """Return `part / whole`, or None when the whole is 0."""
    return part / whole if whole else None


def total_counts(counts: Iterable[QueueCounts]) -> QueueCounts:
    """Return the sums over several queues."""
    result = QueueCounts()
    for one in counts:
        result = result.plus(one)
    return result


def identity_gap(counts: QueueCounts) -> int:
    """Return by how much offered differs from answered + abandoned + flowed out + waiting; anything but 0 is a fault."""
    return counts.offered - (counts.answered + counts.abandoned + counts.flowed_out + counts.waiting)
