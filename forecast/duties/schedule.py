"""When what has to be done: intervals that end, the nightly fit, the weekly choice, a look at the gap. Pure.

Local hours are those of the house's zone; a moment that the clock change leaves out is the one it becomes, and one that comes twice is the first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Literal
from zoneinfo import ZoneInfo

from hotline.hours import DAYS
from hotline.settings.forecasting import Forecasting

Duty = Literal["turn", "interval", "follow", "look", "fit", "share", "choose"]
"""`turn`: see whose it is; `interval`: one has ended; `follow`: forecast the rest of the day (after an interval, and a fit); `look`: see whether people are missing; `fit`: learn anew; `share`: measure
what shared agents are worth; `choose`: compare the models anew."""

LATE_S = 0.5
"""So long after the end of an interval its last facts are waited for."""
TURN_S = 5.0
LOOK_S = 300.0
"""People come and go between two intervals: the gap is looked at so often."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """When each duty is due next."""

    turn: float
    interval: float
    look: float
    fit: float
    choose: float

    def next(self) -> float:
        """Return when the first of them is due."""
        return min(self.turn, self.interval, self.look, self.fit, self.choose)


def begin(now: float, settings: Forecasting, zone: str, *, shared: bool = False) -> Times:
    """Return the first times after `now`. `shared`: other processes may have the turn."""
    return Times(
        turn=now + TURN_S if shared else inf,
        interval=interval_end(now, settings.slot_min, zone) + LATE_S,
        look=now + LOOK_S,
        fit=local_hour(now, settings.fit_hour, zone),
        choose=local_hour(now, settings.choose_hour, zone, weekday=DAYS.index(settings.choose_weekday)),
    )


def due(
    times: Times, now: float, settings: Forecasting, zone: str, *, shared: bool = False
) -> tuple[Times, tuple[Duty, ...]]:
    """Return the times after what is due now, and what is due. What was missed (a machine that slept) is done once."""
    after = begin(now, settings, zone, shared=shared)
    duties = tuple(duty for duty, at in _pairs(times) if at <= now)
    kept = {duty: getattr(after if duty in duties else times, duty) for duty, _ in _pairs(times)}
    return Times(**kept), duties


def _pairs(times: Times) -> Iterator[tuple[Duty, float]]:
    yield "turn", times.turn
    yield "interval", times.interval
    yield "look", times.look
    yield "fit", times.fit
    yield "choose", times.choose


def interval_end(now: float, step_min: int, zone: str) -> float:
    """Return the end of the interval of the local day in which `now` lies."""
    local = datetime.fromtimestamp(now, ZoneInfo(zone))
    into_day_s = local.hour * 3600 + local.minute * 60 + local.second + local.microsecond / 1e6
    left_s = step_min * 60.0 - into_day_s % (step_min * 60.0)
    return now + left_s


def interval_start(now: float, step_min: int, zone: str) -> float:
    """Return the beginning of that interval."""
    return interval_end(now, step_min, zone) - step_min * 60.0


def local_hour(now: float, hour: int, zone: str, weekday: int | None = None) -> float:
    """Return the next time after `now` at which the local clock shows the full hour (on that day of the week)."""
    first = datetime.fromtimestamp(now, ZoneInfo(zone)).replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    for days in range(9):
        day = first + timedelta(days=days)
        at = day.astimezone(UTC).timestamp()
        if at > now and weekday in (None, day.weekday()):
            return at
    raise AssertionError("a week has every weekday")
