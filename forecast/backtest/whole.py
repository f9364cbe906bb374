"""A whole backtest of one queue and horizon: every candidate, the automatic choice, their scores. Pure but for the stopwatch.

What is decided here: how many origins are scored where nobody said, and how many warm the choice up. How forecasts are made, scored and chosen
is decided in `runner`, `scores` and `choice`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from forecast.backtest.choice import AUTOMATIC, Rule, automatic
from forecast.backtest.picks import Pick
from forecast.backtest.protocol import Protocol, each_period, weekly
from forecast.backtest.runner import Material, Progress, Stopwatch, Track, actual, tracks
from forecast.backtest.scores import Scores, floor, score
from forecast.days.calendar import Calendar
from forecast.horizons.plan import Histories
from forecast.models import table
from forecast.models.guard import MakeModel
from forecast.series.counts import Counts, Floats, Unit
from hotline.errors import Misuse

Horizon = Literal["half-hour", "day", "month"]
UNITS: dict[Horizon, Unit] = {"half-hour": "slot", "day": "day", "month": "month"}

LEAST = {"slot": 25, "day": 56, "month": 24}
"""So many periods must be known before the first origin."""


@dataclass(frozen=True, kw_only=True)
class Amount:
    """How many origins there are."""

    origins: int | None
    """Scored ones: days for half hours, weeks for days, months for months. None: as many of the default ones as the history bears."""
    warmup: int
    leads: int = 1
    refit_every: int = 1


DEFAULTS: dict[Horizon, Amount] = {
    "half-hour": Amount(origins=60, warmup=30, leads=5, refit_every=5),
    "day": Amount(origins=26, warmup=12),
    "month": Amount(origins=24, warmup=12),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Backtest:
    """What came out; all origins of it are scored ones."""

    horizon: str
    counts: Counts
    protocol: Protocol
    tracks: dict[str, Track]
    """Of every candidate, and of the automatic choice."""
    picks: tuple[Pick, ...]
    scores: tuple[Scores, ...]
    """The best first; the automatic choice is among them."""
    came: Floats
    """(O, L, S)"""
    floor: float
    """The WAPE left to somebody who knows the true rates, if the automatic choice's means were they."""
    whole: tuple[Protocol, Track]
    """All origins, the warm-up too, and what the automatic choice said from them."""

    def automatic(self) -> Scores:
        """Return the scores of the automatic choice."""
        return next(one for one in self.scores if one.model == AUTOMATIC)


def backtest(
    histories: Histories,
    calendar: Calendar,
    horizon: Horizon,
    *,
    watch: Stopwatch,
    names: Sequence[str] | None = None,
    amount: Amount | None = None,
    protocol: Protocol | None = None,
    rule: Rule | None = None,
    progress: Progress | None = None,
    make: MakeModel = table.make,
) -> Backtest:
    """Return forecasts and scores of every candidate and of the automatic choice over rolling origins.

    Args:
        histories: of the queue. Days and months are summed up where they are not given.
        calendar: of all its years.
        horizon: what is forecast.
        watch: seconds since some moment.
        names: the candidates; None: the default set. The baseline is always among them.
        amount: how many origins; None: those of `DEFAULTS`, as far as the history bears them.
        protocol: other origins than those of `amount`.
        rule: of the automatic choice.
        progress: told after each origin.
        make: how a name becomes a model.

    Raises:
        Misuse: the history is too short, has no such unit, or a model is not known.
    """
    unit, filled = UNITS[horizon], histories.filled()
    counts = counts_of(filled, horizon)
    plan = protocol or planned(counts, horizon, amount)
    chosen = tuple(dict.fromkeys((*(names or table.candidates(unit)), table.BASELINES[unit])))
    made = tracks(
        Material(counts=counts, calendar=calendar, days=filled.days),
        plan,
        chosen,
        watch=watch,
        progress=progress,
        make=make,
    )
    return assembled(counts, plan, made, horizon=horizon, rule=rule)


def counts_of(histories: Histories, horizon: Horizon) -> Counts:
    """Return what a horizon forecasts. Raises Misuse where the history has no such unit."""
    unit, filled = UNITS[horizon], histories.filled()
    counts = {"slot": filled.slots, "day": filled.days, "month": filled.months}[unit]
    if counts is None or not len(counts.periods):
        raise Misuse(f"the history has no {unit}s to forecast")
    return counts


def assembled(
    counts: Counts, protocol: Protocol, made: dict[str, Track], *, horizon: Horizon, rule: Rule | None = None
) -> Backtest:
    """Return the backtest of forecasts that were made already."""
    unit = UNITS[horizon]
    auto, picks = automatic(
        made, counts, protocol, preferred=table.PREFERRED[unit], baseline=table.BASELINES[unit], rule=rule
    )
    scored, stop = protocol.scored(), len(protocol.origins)
    parts = {name: one.part(protocol.warmup, stop) for name, one in {**made, AUTOMATIC: auto}.items()}
    found = [score(one, counts, scored) for one in parts.values()]
    return Backtest(
        horizon=horizon,
        counts=counts,
        protocol=scored,
        tracks=parts,
        picks=picks,
        scores=tuple(sorted(found, key=lambda one: (one.wape != one.wape, one.wape))),
        came=actual(counts, scored),
        floor=floor(parts[AUTOMATIC].mean),
        whole=(protocol, auto),
    )


def planned(counts: Counts, horizon: Horizon, amount: Amount | None = None) -> Protocol:
    """Return the origins: as many as asked for, or the default ones as far as the history bears them. Raises Misuse."""
    usual, least = DEFAULTS[horizon], LEAST[counts.unit]
    periods = len(counts.periods)
    weekwise = horizon == "day"
    if weekwise:
        spare = (int((counts.periods[-1] - counts.periods[0]).astype(int)) + 1 - least) // 7
    else:
        spare = periods - least
    asked = amount or usual
    origins = (amount and amount.origins) or min(usual.origins or 1, max(1, spare * 2 // 3))
    if origins > spare:
        raise Misuse(f"{periods} {counts.unit}s are not enough for {origins} origins: {max(spare, 0)} are possible")
    warmup = min(asked.warmup, spare - origins)
    if weekwise:
        return weekly(counts, origins, warmup=warmup, refit_every=asked.refit_every, least=14)
    return each_period(counts, origins, leads=asked.leads, warmup=warmup, refit_every=asked.refit_every)
