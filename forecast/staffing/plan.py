"""How many agents each interval needs, from a forecast and rules; and what callers meet with a given number. Pure.

The number is chosen so that the **expected** level over the distribution of the rate meets the target (`forecast.staffing.levels`). To staff for the
point forecast is too little in the long run: a level falls faster when more call than it rises when fewer do. On the banks of
tests/bench/staffing.py the best point forecast reached two thirds where four fifths were asked for.

Several targets at once must all be met; `decided_by` names those that one agent less would miss.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast.models.base import Forecast
from forecast.series.counts import Dates, Floats
from forecast.staffing.erlang import Bools, Ints, guess_of, least
from forecast.staffing.levels import FIELDS, Levels, expected, summed
from forecast.staffing.rates import LONG, WEIGHTS, Rates, carried_over, rates_of
from forecast.staffing.rules import GOALS, Rules
from hotline.errors import Misuse

LOW, HIGH = -1.2815515655446004, 1.2815515655446004
"""Normal scores of 10 % and 90 %."""
_BITS = 2 ** np.arange(len(GOALS))
_REASONS = np.array(
    ["+".join(goal for bit, goal in enumerate(GOALS) if mask >> bit & 1) for mask in range(2 ** len(GOALS))]
)
"""The names of missed targets, by the sum of their bits."""
_FUZZ = 1e-9
"""So much a level may be below its target for the rounding of the last digits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Staffing:
    """A plan: agents per interval. All arrays are (H, S), H days and S intervals of a day."""

    periods: Dates
    starts_min: tuple[int, ...]
    step_min: int
    calls: Floats
    """The expected calls."""
    load: Floats
    """The expected work in erlangs: so many agents would always be busy."""
    agents: Ints
    """Who must be there. 0 where the queue is closed."""
    low: Ints
    """Who would be needed if so few call as in one of ten cases, and"""
    high: Ints
    """if so many call as in one of ten."""
    paid: Ints
    """`agents` with shrinkage: who must be scheduled."""
    expected: Levels
    """What callers meet with `agents`, over the distribution of the rate."""
    decided_by: NDArray[np.str_]
    """The targets that one agent less would miss, joined by `+` (of GOALS), `least` for the least staff, empty where closed."""

    def total(self) -> dict[str, float]:
        """Return the expected levels of the whole plan: weighted by calls (those answered for the mean wait), occupancy by agents' time."""
        return summed(self.expected, self.calls, self.agents)


def plan(
    forecast: Forecast, rules: Rules, *, handling_s: ArrayLike | None = None, is_open: ArrayLike | None = None
) -> Staffing:
    """Return the least agents with which the targets are expected to be met in each interval.

    `handling_s`, if given, is the handling time of each interval, (H, S) or what broadcasts to it, instead of the rules' one; `is_open` the same as
    booleans: nobody is planned where it is False. Raises Misuse for a forecast of whole days, or when even `rules.most_agents` are too few.
    """
    asked = Asked.of(forecast, rules, handling_s, is_open)
    few, many = asked.rates.at(LOW), asked.rates.at(HIGH)
    high = asked.search(many[None], np.ones(1)).agents
    between = ((many - few) * asked.handling_s / asked.step_s).astype(np.int64)
    low = asked.search(few[None], np.ones(1), guess=high - between).agents
    need = asked.search(asked.nodes, WEIGHTS, guess=low + (high - low) * 7 // 10)
    return asked.staffing(need, low, high)


def reached(
    forecast: Forecast,
    rules: Rules,
    agents: ArrayLike,
    *,
    handling_s: ArrayLike | None = None,
    is_open: ArrayLike | None = None,
) -> Levels:
    """Return what callers are expected to meet with these agents, (H, S) or what broadcasts to it."""
    asked = Asked.of(forecast, rules, handling_s, is_open)
    given = np.broadcast_to(np.asarray(agents, dtype=np.int64), asked.shape)
    if (given < 0).any():
        raise Misuse("there cannot be fewer than 0 agents")
    return asked.levels(given)


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """A forecast and rules, ready to be asked about numbers of agents."""

    forecast: Forecast
    rules: Rules
    rates: Rates
    """The rates that Erlang's formulas are asked with."""
    handling_s: Floats
    """(H, S)"""
    is_open: Bools
    """(H, S)"""

    @classmethod
    def of(cls, forecast: Forecast, rules: Rules, handling_s: ArrayLike | None, is_open: ArrayLike | None) -> "Asked":
        """Return them, with every array in the forecast's shape."""
        shape = forecast.mean.shape
        try:
            service = np.broadcast_to(
                np.asarray(rules.work.handling_s if handling_s is None else handling_s, float), shape
            )
            there = np.broadcast_to(np.asarray(True if is_open is None else is_open, dtype=bool), shape)
        except ValueError as exc:
            raise Misuse(
                f"handling times and opening hours must fit the forecast's {shape[0]} days of {shape[1]} intervals"
            ) from exc
        if not (np.isfinite(service).all() and (service > 0).all()):
            raise Misuse("handling times must be more than 0 s")
        rates = rates_of(forecast).times(rules.volumes)
        if _carries(rules, service, forecast.step_min):
            rates = carried_over(
                rates,
                handling_s=service,
                handling_cv=rules.work.handling_cv,
                periods=forecast.periods,
                starts_min=forecast.starts_min,
                step_min=forecast.step_min,
            )
        return cls(forecast=forecast, rules=rules, rates=rates, handling_s=service, is_open=there)

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (H, S)."""
        return self.forecast.mean.shape

    @property
    def step_s(self) -> float:
        """Return the length of an interval."""
        return self.forecast.step_min * 60.0

    @property
    def nodes(self) -> Floats:
        """Return the possible calls of each interval, (NODES, H, S)."""
        return self.rates.nodes

    def search(self, calls: Floats, weights: Floats, guess: Ints | None = None) -> "Found":
        """Return the least agents for possible calls (K, H, S) of these weights (K,); a good guess (H, S) makes it faster."""
        which = np.flatnonzero(self.is_open.ravel())
        calls = calls.reshape(len(weights), -1)[:, which]
        service = self.handling_s.ravel()[which]
        begin = guess_of(weights @ calls * service / self.step_s) if guess is None else guess.ravel()[which]
        levels, missed = np.empty((len(FIELDS), len(which))), np.zeros((len(GOALS), len(which)), dtype=bool)

        def enough(some: Ints, agents: Ints) -> Bools:
            """Whether it is; what is met with the fewest that are, and missed with the most that are not, is noted by the way."""
            found = expected(calls[:, some], service[some], agents, weights, self.rules, self.step_s)
            met = self._met(found)
            good = np.asarray(met.all(axis=0))
            levels[:, some[good]] = [getattr(found, name)[good] for name in FIELDS]
            missed[:, some[~good]] = ~met[:, ~good]
            return good

        agents = least(enough, begin, floor=self.rules.least_agents, most=self.rules.most_agents)
        if (agents > self.rules.most_agents).any():
            raise Misuse(f"more than {self.rules.most_agents} agents would be needed for these targets")
        reasons = np.where(agents > self.rules.least_agents, _REASONS[_BITS @ missed], "least")
        return Found(
            agents=self._whole(agents, which, 0),
            expected=Levels(**{name: self._whole(levels[row], which, np.nan) for row, name in enumerate(FIELDS)}),
            decided_by=self._whole(reasons, which, ""),
        )

    def _whole(self, values: NDArray[Any], which: Ints, closed: object) -> NDArray[Any]:
        """Return values of the open intervals in the forecast's shape."""
        full = np.full(self.is_open.size, closed, dtype=values.dtype)
        full[which] = values
        return full.reshape(self.shape)

    def _met(self, levels: Levels) -> Bools:
        """Return for each of GOALS whether it is met, or not asked for."""
        targets = self.rules.targets
        within = (
            (targets.share, levels.service_level >= (targets.share or 0) - _FUZZ),
            (targets.wait_s, levels.asa_s <= (targets.wait_s or 0) + _FUZZ),
            (targets.abandoned, levels.abandoned <= (targets.abandoned or 0) + _FUZZ),
            (targets.occupancy, levels.occupancy <= (targets.occupancy or 0) + _FUZZ),
        )
        return np.stack([met if limit is not None else np.ones_like(met) for limit, met in within])

    def levels(self, agents: Ints) -> Levels:
        """Return the expected levels (H, S) with these agents."""
        which = np.flatnonzero(self.is_open.ravel())
        calls = self.nodes.reshape(len(WEIGHTS), -1)[:, which]
        service, given = self.handling_s.ravel()[which], agents.ravel()[which]
        some = expected(calls, service, given, WEIGHTS, self.rules, self.step_s)

        return Levels(**{name: self._whole(getattr(some, name), which, np.nan) for name in FIELDS})

    def staffing(self, need: "Found", low: Ints, high: Ints) -> Staffing:
        """Return the plan."""
        calls = np.where(self.is_open, self.forecast.mean * self.rules.volumes, 0.0)
        return Staffing(
            periods=self.forecast.periods,
            starts_min=self.forecast.starts_min,
            step_min=self.forecast.step_min,
            calls=calls,
            load=np.where(self.is_open, self.rates.mean, 0.0) * self.handling_s / self.step_s,
            agents=need.agents,
            low=np.minimum(low, need.agents),
            high=np.maximum(high, need.agents),
            paid=with_shrinkage(need.agents, self.rules.shrinkage),
            expected=need.expected,
            decided_by=need.decided_by,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What a search found, (H, S)."""

    agents: Ints
    expected: Levels
    decided_by: NDArray[np.str_]


def with_shrinkage(agents: Ints, shrinkage: float) -> Ints:
    """Return who must be paid so that `agents` are there."""
    return np.asarray(np.ceil(agents / (1 - shrinkage) - _FUZZ), dtype=np.int64)


def _carries(rules: Rules, handling_s: Floats, step_min: int) -> bool:
    if rules.carry_over is not None:
        return rules.carry_over
    return bool(step_min * 60 < LONG * handling_s.max(initial=0.0))
