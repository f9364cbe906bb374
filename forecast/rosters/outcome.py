"""How long a solver may work, how far it is, and what came of it. Pure."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from forecast.rosters.model import Roster

Stage = Literal["bound", "classes", "people", "breaks", "search", "whole"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a solver stops."""

    seconds: float = 60.0
    gap: float = 0.01
    """So near to the bound is near enough: a part of the cost,"""
    gap_without_pay: float = math.inf
    """and of what is not simply the price of the hours; infinite: that is not asked."""
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a solver is."""

    stage: Stage
    seconds: float
    cost: float
    """Of the best roster so far; infinite: none yet."""
    bound: float
    gap: float
    """(cost - bound) / cost; 1 while there is no roster."""
    week: int = 0
    """Of a plan of several weeks that are made one after the other: which one this is about, from 1 on; 0: all of them."""
    weeks: int = 1


@dataclass(frozen=True, kw_only=True)
class Solved:
    """A roster and how good it is."""

    roster: Roster
    cost: float
    bound: float
    gap: float
    seconds: float
    ending: Literal["optimal", "stopped"]
    """`optimal`: to the gap that was wished."""
    steps: int = 0
    """Steps of the search."""
    pay: float = 0.0
    """What the hours cost, of `cost`."""
    weekly: tuple[float, ...] = ()
    """Of several weeks: the gap of each by itself, when it was made."""

    @property
    def gap_without_pay(self) -> float:
        """The gap as a part of what is not simply the price of the hours."""
        return gap_without_pay(self.cost, self.bound, self.pay)


Tell = Callable[[Progress], None]


def gap_of(cost: float, bound: float) -> float:
    """Return how much better a roster of this cost could be at most, as a part of it."""
    if not math.isfinite(cost):
        return 1.0
    return max(cost - bound, 0.0) / cost if cost > 1e-6 else 0.0


def gap_without_pay(cost: float, bound: float, pay: float) -> float:
    """Return how much better a roster could be at most, as a part of what is not simply the price of its hours."""
    if not math.isfinite(cost):
        return 1.0
    rest = cost - pay
    return max(cost - bound, 0.0) / rest if rest > 1e-6 else 0.0
