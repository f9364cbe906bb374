"""Local time and its clock changes. Pure.

Counts are kept by local intervals, and twice a year a local day is no row of 24 hours: in spring an hour does not exist, in autumn one
comes twice. An hour that does not exist has no count (NaN, never 0); the two passes of a doubled hour count as one interval of the usual
length, with their mean, so that no model takes the change of the clock for load.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from forecast.series.counts import DAY_MINUTES, Dates, Floats
from hotline.errors import Misuse

Moments = NDArray[np.datetime64]
"""Unit s."""
_DAY_S = 86_400


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """Return the time zone. Raises Misuse for a name that is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise Misuse(f"`{name}` is no time zone; write one like Asia/Shanghai") from exc


def to_local(utc: Moments, zone: str) -> Moments:
    """Return the local time of moments of UTC, without its offset."""
    tz = zone_of(zone)
    seconds = utc.astype("datetime64[s]").astype(np.int64)
    if not len(seconds):
        return seconds.astype("datetime64[s]")
    first, last = int(seconds.min()) // _DAY_S, int(seconds.max()) // _DAY_S + 1
    at_midnight = np.array([_offset_s(day * _DAY_S, tz) for day in range(first, last + 1)], dtype=np.int64)
    day = seconds // _DAY_S - first
    offsets = at_midnight[day]
    changes = np.flatnonzero(at_midnight[1:] != at_midnight[:-1])
    for n in np.flatnonzero(np.isin(day, changes)) if changes.size else ():
        offsets[n] = _offset_s(int(seconds[n]), tz)
    local: Moments = (seconds + offsets).astype("datetime64[s]")
    return local


def _offset_s(utc_s: int, tz: ZoneInfo) -> int:
    offset = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=utc_s)).astimezone(tz).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def to_utc(local: datetime, zone: str) -> float:
    """Return the moment (seconds since 1970) of a local time; of a doubled hour the first pass, of a missing one the moment of the change or after."""
    return local.replace(tzinfo=zone_of(zone)).timestamp()


def real_minutes(days: Dates, starts_min: tuple[int, ...], step_min: int, zone: str) -> Floats:
    """Return how many minutes really pass in each local interval (days, slots): 0 where it does not exist, twice as many where it comes twice."""
    real = np.full((len(days), len(starts_min)), float(step_min))
    starts = np.array(starts_min)
    for n in _changing(days, zone):
        passed = _minutes_of(days[n], zone)
        sums = np.concatenate(([0.0], np.cumsum(passed)))
        real[n] = sums[np.minimum(starts + step_min, DAY_MINUTES)] - sums[starts]
    return real


def _changing(days: Dates, zone: str) -> list[int]:
    """Return the numbers of the days that have not 24 hours."""
    tz = zone_of(zone)
    found = []
    for n, day in enumerate(days.astype("datetime64[D]").tolist()):
        today = datetime(day.year, day.month, day.day, tzinfo=tz)
        tomorrow = today + timedelta(days=1)
        if today.utcoffset() != tomorrow.utcoffset():
            found.append(n)
    return found


def _minutes_of(day: np.datetime64, zone: str) -> Floats:
    """Return, for each minute of the local clock of this day, how often it passes."""
    first = day.astype("datetime64[m]")
    around = np.arange(first - np.timedelta64(15, "h"), first + np.timedelta64(40, "h"), dtype="datetime64[m]")
    local = to_local(around.astype("datetime64[s]"), zone).astype("datetime64[m]")
    minutes = (local - first).astype(np.int64)
    inside = minutes[(minutes >= 0) & (minutes < DAY_MINUTES)]
    return np.bincount(inside, minlength=DAY_MINUTES).astype(np.float64)
