"""Staffing: how fast Erlang's formulas are asked, and what callers get when agents are chosen from the whole forecast instead of its middle.

* **Speed**: the least agents for a target of 80 % within 20 seconds, for every half hour of a week (336) of 20 queues, without and with patience;
  a whole plan for the rest of a day, as it is made after each interval, and what queues that share agents cost beside their plans. Processor time. Beside it the scalar formulas of `hotline.erlang`, one half hour
  after the other.
* **Level**: each of the last days of the US bank is forecast from the days before it; agents are planned for 80 % within 30 seconds, from the
  point forecast, from its distribution, and as somebody would who knows the day's counts beforehand. Then the real counts come (each as the
  rate of its half hour) and Erlang says what share of all callers was answered in time. The model was chosen before these days were looked at.

The real counts are no part of this repository: they lie in the directory that HOTLINE_BENCH_DATA names, by default `../shared/data`.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.base import LEVELS, Forecast
from forecast.models.slots.factor import Factor
from forecast.series.counts import Counts, Dates, Floats
from forecast.series.files import read_counts
from forecast.staffing.erlang import Ints, guess_of, least, lines
from forecast.staffing.plan import plan
from forecast.staffing.pooling import Line, Point, together
from forecast.staffing.rates import rates_of
from forecast.staffing.rules import Rules, Targets, Work
from hotline.erlang import agents_needed
from hotline.runtime.clock import processor_seconds
from tests.bench.report import Report, Scale, milliseconds, say

QUEUES, HALF_HOURS = 20, 336
GOAL_C_S, GOAL_A_S, GOAL_TODAY_S, GOAL_SHARED_S = 0.010, 0.300, 0.010, 0.050
SHARING = 4
"""So many queues share agents."""
DATA = Path("../shared/data")
BANK = "us_bank_calls_30min_2003.csv"
DAYS = 60
REFIT_EVERY = 5
TARGETS = Targets(share=0.8, threshold_s=30)
WORK = Work(handling_s=180)
MORE_AGENTS = 0.042
"""So many more agents than with perfect information the level may cost."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to choose agents, and what it led to."""

    name: str
    level: float
    """The share of all callers who are answered in time."""
    more: float
    """Agents against perfect information."""


async def run(scale: Scale) -> Report:
    """Measure speeds and levels."""
    say("staffing: speeds")
    speeds = await asyncio.to_thread(measure_speeds, scale.pick(15, 5))
    numbers: dict[str, object] = dict(speeds)
    alone = await asyncio.to_thread(measure_one_at_a_time, scale.pick(60, 20))
    numbers["one at a time"] = alone
    rows = [
        (
            name,
            milliseconds(seconds)
            + (f", {alone[name] / seconds:,.0f} x as fast as one at a time" if name in alone else ""),
        )
        for name, seconds in speeds.items()
    ]
    reached = all(
        seconds <= goal
        for seconds, goal in zip(speeds.values(), (GOAL_C_S, GOAL_A_S, GOAL_TODAY_S, GOAL_SHARED_S), strict=True)
    )
    notes = []
    counts = bank()
    if counts is None:
        notes.append(f"{BANK} is not in {directory()}: set HOTLINE_BENCH_DATA to compare levels on real counts")
    else:
        say("staffing: forecasting the US bank")
        for patience_s in (inf, 300.0):
            ways = await asyncio.to_thread(measure_levels, counts, patience_s, scale.pick(DAYS, 30))
            kind = "Erlang C" if patience_s == inf else f"Erlang A, patience {patience_s:g} s"
            rows += [
                (f"{kind}: {way.name}", f"{100 * way.level:.1f} %, {100 * way.more:+.1f} % agents") for way in ways
            ]
            numbers[kind] = {way.name: {"level": way.level, "more_agents": way.more} for way in ways}
            chosen = ways[1]
            reached = reached and chosen.level >= (TARGETS.share or 0) and chosen.more <= MORE_AGENTS
    return Report(
        name="staffing",
        title="agents from forecasts; levels are shares of callers answered within 30 s, agents against perfect information",
        head=("what", "result"),
        rows=rows,
        numbers=numbers,
        goal=f"a week of Erlang C for 20 queues < {milliseconds(GOAL_C_S, 0)}, of Erlang A < {milliseconds(GOAL_A_S, 0)}, the rest of a day < "
        f"{milliseconds(GOAL_TODAY_S, 0)}, of queues that share agents < {milliseconds(GOAL_SHARED_S, 0)} more; 80 % reached for at most {100 * MORE_AGENTS:.1f} % more agents than with perfect information",
        reached=reached,
        notes=notes,
    )


# --- speeds --------------------------------------------------------------------------------------------------------------


def measure_speeds(times: int) -> dict[str, float]:
    """Return the best of some times in seconds: other work on the machine only makes it slower."""
    loads = 10 ** np.random.default_rng(1).uniform(0, 2.5, QUEUES * HALF_HOURS)
    today = made_up(np.linspace(60, 240, 28))
    rules = Rules(work=replace(WORK, patience_s=300.0), targets=TARGETS)
    sharing = [line_of(today, rules, f"queue {number}") for number in range(SHARING)]
    return {
        "Erlang C, a week of 20 queues": best(lambda: fewest(loads, inf), times),
        "Erlang A, a week of 20 queues": best(lambda: fewest(loads, 300.0), max(times // 3, 2)),
        "plan for the rest of a day": best(lambda: plan(today, rules), times),
        f"the same for {SHARING} queues that share agents, beside their plans": best(
            lambda: together(sharing, [Point(load=10.0, pooling=0.5)], 1_800.0), times
        ),
    }


def line_of(day: Forecast, rules: Rules, name: str) -> Line:
    """Return a queue of a group over one day."""
    made, nodes = plan(day, rules), rates_of(day).nodes[:, 0]
    return Line(name=name, rules=rules, calls=nodes, alone=made.agents[0], low=made.low[0], high=made.high[0])


def measure_one_at_a_time(sample: int) -> dict[str, float]:
    """Return how long the scalar formulas of `hotline.erlang` would take for the same week, from some of its half hours."""
    loads = 10 ** np.random.default_rng(1).uniform(0, 2.5, sample)
    found = {}
    for name, patience_s in (("Erlang C, a week of 20 queues", inf), ("Erlang A, a week of 20 queues", 300.0)):
        some = loads if patience_s == inf else loads[::6]
        begin = processor_seconds()
        for load in some:
            agents_needed(
                arrivals=float(load) / 180, service_s=180.0, threshold_s=20.0, target=0.8, patience_s=patience_s
            )
        found[name] = (processor_seconds() - begin) / len(some) * QUEUES * HALF_HOURS
    return found


def fewest(loads: Floats, patience_s: float) -> Ints:
    """Return the least agents for 80 % within 20 s."""

    def enough(which: Ints, agents: Ints) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        level = lines(load=loads[which], agents=agents, service_s=180.0, threshold_s=20.0, patience_s=patience_s)
        return level.answered_within >= 0.8

    return least(enough, guess_of(loads))


def best(what: Callable[[], object], times: int) -> float:
    """Return the shortest of so many times."""
    seconds = []
    for _ in range(times):
        begin = processor_seconds()
        what()
        seconds.append(processor_seconds() - begin)
    return min(seconds)


def made_up(mean: Floats) -> Forecast:
    """Return a forecast of one day with quantiles as wide as those of a real one."""
    shape = 1 + 0.1 * np.array([-1.96, -1.64, -1.28, -0.67, 0, 0.67, 1.28, 1.64, 1.96])
    return Forecast(
        periods=np.array(["2026-03-02"], dtype="datetime64[D]"),
        mean=mean[None],
        quantiles=shape[:, None, None] * mean,
        starts_min=tuple(480 + 30 * n for n in range(len(mean))),
        step_min=30,
    )


# --- levels --------------------------------------------------------------------------------------------------------------


def directory() -> Path:
    """Return where the real counts are."""
    return Path(os.environ.get("HOTLINE_BENCH_DATA", DATA))


def bank() -> Counts | None:
    """Return the half hours of the US bank, or None where they are not."""
    path = directory() / BANK
    return read_counts(path) if path.exists() else None


def measure_levels(counts: Counts, patience_s: float, days: int) -> tuple[Way, Way, Way]:
    """Return what the point forecast, the distribution and perfect information lead to on the last days."""
    first = len(counts.periods) - days
    asked, actual = forecast_days(counts, first), counts.values[first:]
    work = replace(WORK, patience_s=patience_s)
    rules = Rules(work=work, targets=TARGETS)
    known = plan(certain(asked.periods, actual, asked), rules).agents
    chosen = {
        "point forecast": plan(certain(asked.periods, asked.mean, asked), rules).agents,
        "its distribution": plan(asked, rules).agents,
        "perfect information": known,
    }
    point, spread, perfect = (
        Way(name=name, level=level_of(actual, agents, work), more=float(agents.sum() / known.sum()) - 1)
        for name, agents in chosen.items()
    )
    return point, spread, perfect


def forecast_days(counts: Counts, first: int) -> Forecast:
    """Return the forecast of each day from number `first` on, made from the days before it."""
    fitted, parts = Factor().fit(counts.cut(0, first), Calendar(country="US")), []
    for day in range(first, len(counts.periods)):
        if day > first:
            again = (day - first) % REFIT_EVERY == 0
            fitted = (
                Factor().fit(counts.cut(0, day), Calendar(country="US"))
                if again
                else fitted.update(counts.cut(day - 1, day))
            )
        parts.append(fitted.predict(counts.periods[day : day + 1]))
    return replace(
        parts[0],
        periods=counts.periods[first:],
        mean=np.concatenate([part.mean for part in parts]),
        quantiles=np.concatenate([part.quantiles for part in parts], axis=1),
    )


def certain(periods: Dates, rates: Floats, like: Forecast) -> Forecast:
    """Return a forecast of somebody who is sure of himself."""
    return replace(like, periods=periods, mean=rates, quantiles=np.repeat(rates[None], len(LEVELS), axis=0))


def level_of(actual: Floats, agents: Ints, work: Work) -> float:
    """Return the share of callers who are answered in time when the counts are the rates of their half hours."""
    found = lines(
        load=actual * work.handling_s / 1_800,
        agents=agents,
        service_s=work.handling_s,
        threshold_s=TARGETS.threshold_s,
        patience_s=work.patience_s,
    )
    return float((found.answered_within * actual).sum() / actual.sum())
