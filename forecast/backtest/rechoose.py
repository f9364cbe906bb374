"""The weekly choice of a queue: a rolling backtest over its last weeks, and what follows from it. Pure but for the stopwatch that it is given.

It fits every candidate many times and takes up to some minutes: it belongs into the process pool, once a week.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from forecast.backtest.choice import Rule, choose, past_of, ranking, stretch_of
from forecast.backtest.picks import Pick
from forecast.backtest.protocol import Protocol, each_period, weekly
from forecast.backtest.runner import Material, Progress, Stopwatch, actual, tracks
from forecast.days.calendar import Calendar
from forecast.horizons.plan import Histories
from forecast.models import table
from forecast.models.guard import MakeModel, Trying
from forecast.series.counts import Counts, Unit
from hotline.errors import Misuse


@dataclass(frozen=True, kw_only=True)
class Look:
    """How far back the choice looks, and how much work it may make of it."""

    slot_days: int = 30
    day_weeks: int = 12
    months: int = 18
    refits: int = 6
    """So many fits of each candidate of slots and days; in between it is updated. Months are fitted at each origin: they are cheap."""


def rechoose(
    histories: Histories,
    calendar: Calendar,
    unit: Unit,
    *,
    previous: Pick | None,
    watch: Stopwatch,
    candidates: Sequence[str] | None = None,
    look: Look | None = None,
    rule: Rule | None = None,
    progress: Progress | None = None,
    make: MakeModel = table.make,
    without: Collection[str] = (),
    trying: Trying | None = None,
) -> Pick:
    """Return the pick for the time after the histories.

    Args:
        histories: of the queue; the unit's own history is made from the finer ones where it is missing.
        calendar: of the past.
        unit: whose model is chosen.
        previous: the pick that serves now; None: the preferred model does.
        watch: seconds since some moment.
        candidates: names; None: the default set of `forecast.models.table`. The baseline is always among them.
        look: how far back.
        rule: how it is chosen.
        progress: told after each origin.
        make: how a name becomes a model.
        without: candidates that are not tried: they stalled.
        trying: told before each.

    Returns:
        A pick. With too little history for any backtest it is the previous one (or the preferred model), and says so.
    """
    rule = rule or Rule()
    serving = previous or Pick(unit=unit, model=table.PREFERRED[unit], why="preferred at first")
    filled = histories.filled()
    counts = {"slot": filled.slots, "day": filled.days, "month": filled.months}[unit]
    baseline = table.BASELINES[unit]
    wanted = dict.fromkeys((*(table.candidates(unit) if candidates is None else candidates), serving.model, baseline))
    names = tuple(name for name in wanted if name not in without)
    try:
        protocol = recent(counts, look or Look())
    except Misuse as exc:
        return replace(serving, why=f"{serving.model} serves on: {exc}")
    assert counts is not None
    found = tracks(
        Material(counts=counts, calendar=calendar, days=filled.days),
        protocol,
        names,
        watch=watch,
        progress=progress,
        make=make,
        trying=trying,
    )
    came, end = actual(counts, protocol), len(counts.periods)
    past = past_of(found, came, protocol, end, rule)
    model, why = choose(past, serving=serving.model, baseline=baseline, rule=rule)
    day = counts.periods[-1].item()
    return Pick(
        unit=unit,
        model=model,
        stretch=stretch_of(found[model], came, protocol, end, rule) if model in found else serving.stretch,
        since=serving.since if model == serving.model else cast("date", day),
        wapes=ranking(past),
        why=why,
    )


def recent(counts: Counts | None, look: Look) -> Protocol:
    """Return the protocol of the last weeks of a history. Raises Misuse where it is too short."""
    if counts is None or not len(counts.periods):
        raise Misuse("nothing is known")
    if counts.unit == "month":
        return each_period(counts, min(look.months, max(1, len(counts.periods) - 14)), least=14)
    if counts.unit == "slot":
        last = min(look.slot_days, max(1, len(counts.periods) - 20))
        return each_period(counts, last, leads=5, refit_every=-(-last // look.refits), least=20)
    weeks = min(look.day_weeks, max(1, (len(counts.periods) - 28) // 7))
    return weekly(counts, weeks, refit_every=-(-weeks // look.refits))
