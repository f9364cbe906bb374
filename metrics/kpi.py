"""The formulas of the numbers that operators compare: connect rate in its variants. Pure.

The connect rate (service level) is the share of callers who reach an agent within T seconds. Every house computes it a
little differently; the letters are those of docs/metrics.md, and the formula is always shown beside the number. Sources:
ICMI, *Call Center Management on Fast Forward* (variants 1 to 5); Asterisk `app_queue` (`ServicelevelPerf`,
`ServicelevelPerf2`); Amazon Connect `SERVICE_LEVEL`; Genesys Cloud service-level options.

It decides nothing about which calls belong to a window: that is `metrics/window.py`.
"""

from typing import Literal, get_args

import msgspec

Formula = Literal["A", "B", "C", "D", "E", "F", "G"]
FORMULAS: tuple[Formula, ...] = get_args(Formula)
DEFAULT_FORMULA: Formula = "B"

FORMULA_TEXT: dict[Formula, str] = {
    "A": "answered <= T / answered",
    "B": "answered <= T / (answered + abandoned)",
    "C": "answered <= T / (answered + abandoned > T)",
    "D": "(answered <= T + abandoned <= T) / (answered + abandoned)",
    "E": "(answered <= T + short abandons) / (answered + abandoned)",
    "F": "answered <= T / (answered + abandoned without short ones + flowed out)",
    "G": "answered <= T / entered the queue",
}
"""Each formula in words, to be printed beside its number. F is shown with its default switches."""


class Counts(msgspec.Struct, kw_only=True):
    """What became of the callers who entered a queue in some span of time."""

    entered: int = 0
    answered: int = 0
    answered_in_t: int = 0
    """Answered after at most T seconds."""
    abandoned: int = 0
    """All who gave up, the short ones too."""
    abandoned_in_t: int = 0
    abandoned_short: int = 0
    """Gave up within the short-abandon limit S."""
    flowed_out: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{f: getattr(self, f) + getattr(other, f) for f in self.__struct_fields__})


class Switches(msgspec.Struct, frozen=True, kw_only=True):
    """What formula F puts into the denominator beside the answered callers (the options of Genesys)."""

    flowed_out: bool = True
    abandoned: bool = True
    short_abandoned: bool = False
    """Counts only where `abandoned` does."""


def connect_rate(counts: Counts, formula: Formula = DEFAULT_FORMULA, switches: Switches | None = None) -> float | None:
    """Return the connect rate between 0 and 1, or None when nobody stands in the denominator.

    `switches` matter for formula F only.
    """
    above, below = _fraction(counts, formula, switches or Switches())
    return above / below if below > 0 else None


def _fraction(c: Counts, formula: Formula, switches: Switches) -> tuple[int, int]:
    both = c.answered + c.abandoned
    fractions: dict[Formula, tuple[int, int]] = {
        "A": (c.answered_in_t, c.answered),
        "B": (c.answered_in_t, both),
        "C": (c.answered_in_t, c.answered + c.abandoned - c.abandoned_in_t),
        "D": (c.answered_in_t + c.abandoned_in_t, both),
        "E": (c.answered_in_t + c.abandoned_short, both),
        "F": (c.answered_in_t, _denominator_f(c, switches)),
        "G": (c.answered_in_t, c.entered),
    }
    return fractions[formula]


def _denominator_f(c: Counts, switches: Switches) -> int:
    gave_up = c.abandoned if switches.short_abandoned else c.abandoned - c.abandoned_short
    return c.answered + (gave_up if switches.abandoned else 0) + (c.flowed_out if switches.flowed_out else 0)
