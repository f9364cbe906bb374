"""A list of calls, one row each: when they came, how long they waited and were served, who gave up. Pure.

It is what the measures of `forecast.series.handling`, `patience` and `redials` start from, whether it was read from a file or from the
journal.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.series.columns import Roles
from forecast.series.counts import Floats
from forecast.series.numbers import read_numbers
from forecast.series.text import Table
from forecast.series.zones import Moments

Flags = NDArray[np.bool_]

NO_CALLS = frozenset({"phantom", "test", "测试"})
"""Outcomes of rows that are no calls at all: the switch's own mistakes, and tests."""
_GAVE_UP = ("hang", "aband", "hung", "gave up", "放弃", "呼损", "未接", "挂断")
_NOT_SERVED = ("busy", "overflow", "noanswer", "no answer", "voicemail", "溢出", "留言")


@dataclass(frozen=True, kw_only=True, eq=False)
class Calls:
    """Calls in the order of their coming; all arrays have one element for each."""

    entered: Moments
    """Local time."""
    wait_s: Floats
    """In the queue; NaN is not known."""
    handled_s: Floats
    """NaN: nobody served them, or it is not known."""
    abandoned: Flags
    """They hung up while waiting."""
    callers: tuple[str, ...] = ()
    """Their numbers; empty when they are not known at all."""
    zone: str = "UTC"


def of_table(table: Table, roles: Roles, entered: Moments, *, zone: str) -> Calls:
    """Return the calls of a table whose times are read already. Raises Misuse, with the line, for what is no number."""
    ended = tuple(text.lower() for text in table.cells(roles.outcome)) if roles.outcome else ()
    unknown = np.full(len(entered), np.nan)
    wait_s = read_numbers(table.cells(roles.wait), table.lines) if roles.wait else unknown
    handled_s = read_numbers(table.cells(roles.handled), table.lines) if roles.handled else unknown
    abandoned = _are(ended, _gave_up) if ended else (~(handled_s > 0) & ~np.isnan(handled_s))
    served = (handled_s > 0) & ~abandoned
    order = np.argsort(entered, kind="stable")
    numbers = table.cells(roles.caller) if roles.caller else ()
    return Calls(
        entered=entered[order],
        wait_s=np.where(wait_s >= 0, wait_s, np.nan)[order],
        handled_s=np.where(served, handled_s, np.nan)[order],
        abandoned=abandoned[order],
        callers=tuple(numbers[n] for n in order) if numbers else (),
        zone=zone,
    )


def _are(ended: tuple[str, ...], kind: Callable[[str], bool]) -> Flags:
    known = {text: kind(text) for text in set(ended)}
    return np.array([known[text] for text in ended], dtype=np.bool_)


def _gave_up(text: str) -> bool:
    return any(word in text for word in _GAVE_UP) and not any(word in text for word in _NOT_SERVED)
