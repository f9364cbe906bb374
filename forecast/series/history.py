"""Imported counts in the database, and the series of a queue with them: what `hotline forecast import` brings in and forecasts learn from.

A series is the journal's own counts where it has any, and the imported ones where it has not. Imported days keep the step that they had.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from math import lcm

import numpy as np

from forecast.series.counts import DAY_MINUTES, Counts, Unit
from forecast.series.grid import coarser
from forecast.series.intervals import BASE_MIN, in_hours, merged
from forecast.series.journal import read_counts
from forecast.series.unusual import unusual, whole_days, without
from forecast.series.zones import zone_of
from hotline.errors import Misuse
from hotline.hours import Hours
from hotline.store.pool import Row, Store
from hotline.store.queries import load

DAYS_AT_ONCE = 200
DAYS_FROM_MIN = 30
"""Days are summed from intervals of this length, in which what cannot be believed shows best."""
Progress = Callable[[int, int], None]
"""Is told how many of how many days are done."""

_sql = load("forecast.series", "journal.sql")
_FIRST, _LAST = date(1800, 1, 1), date(2200, 12, 31)


async def write_history(
    store: Store, queue_id: str, counts: Counts, *, source: str, now: float, progress: Progress = lambda *_: None
) -> int:
    """Import counts in place of those that were imported for the same days, and return how many days or months. All of them or none."""
    at = datetime.fromtimestamp(now, UTC)
    slots = _evenly(counts)
    days = slots.periods.astype("datetime64[D]").tolist()
    rows = [
        (queue_id, counts.unit, day, slots.starts_min[0], slots.step_min, row, counts.zone, source[:200], at)
        for day, row in zip(days, slots.values.tolist(), strict=True)
    ]
    async with store.transaction() as connection:
        for first in range(0, len(rows), DAYS_AT_ONCE):
            await connection.executemany(_sql.put_history, rows[first : first + DAYS_AT_ONCE])
            progress(min(first + DAYS_AT_ONCE, len(rows)), len(rows))
    return len(rows)


async def read_history(
    store: Store, queue_id: str, unit: Unit, *, first: date = _FIRST, end: date = _LAST
) -> Counts | None:
    """Return what was imported, or None when nothing was. Days of several steps come in the finest that all of them can be summed to."""
    rows = await store.fetch(_sql.history, queue_id, unit, first, end)
    if not rows:
        return None
    steps = sorted({row["step_min"] for row in rows})
    together = lcm(*steps)
    if together > DAY_MINUTES or DAY_MINUTES % together:
        raise Misuse(
            f"the imported days of {queue_id} have steps of {steps} minutes, which no step sums up; import them anew"
        )
    parts = [_counts([row for row in rows if row["step_min"] == step], unit, queue_id) for step in steps]
    whole = parts[0] if len(parts) == 1 else coarser(parts[0], step_min=together)
    for part in parts[1:]:
        whole = merged(whole, coarser(part, step_min=together))
    return whole


async def drop_history(store: Store, queue_id: str, unit: Unit | None = None) -> int:
    """Forget what was imported, and return how many days or months it was."""
    return int(await store.fetchval(_sql.drop_history, queue_id, unit or ""))


async def list_history(store: Store) -> Sequence[Row]:
    """Return what is imported: queue_id, unit, first, last, days, imported_at, sources."""
    return await store.fetch(_sql.imported)


async def read_series(
    store: Store,
    queue_id: str,
    *,
    hours: Hours,
    begin: float,
    end: float,
    step_min: int = 30,
    fresh: bool = False,
    clean: bool = True,
) -> Counts | None:
    """Return a queue's intervals from `begin` to `end`: the journal's counts, before and between them the imported ones; None: there are none.

    The hours are those of the queue as they are set now; imported hours outside of them are left out, and so are
    imported days whose step does not sum up to `step_min` (they serve `read_days`). `clean` takes out what is certainly wrong by the rules of
    `forecast.series.unusual`. Raises Misuse for a step that is no multiple of five minutes, and the store's errors.
    """
    own = await read_counts(
        store, queue_id, hours=hours, begin=begin, end=end, step_min=_own_step(step_min), fresh=fresh
    )
    first, stop = _local_days(begin, end, hours.timezone)
    older = await read_history(store, queue_id, "slot", first=first, end=stop)

    def together() -> Counts | None:
        whole = own
        if older is not None and step_min % older.step_min == 0:
            old = coarser(older, step_min=step_min)
            whole = in_hours(old if own is None else merged(old, own), hours)
        return without(whole, unusual(whole)) if clean and whole is not None else whole

    return await asyncio.to_thread(together)


def _local_days(begin: float, end: float, zone: str) -> tuple[date, date]:
    """Return the first local day of a stretch of time, and the first one after it."""
    first, last = (datetime.fromtimestamp(at, zone_of(zone)).date() for at in (begin, end))
    return first, last + timedelta(days=1)


def _own_step(step_min: int) -> int:
    if step_min % BASE_MIN:
        raise Misuse(f"the journal is counted by {BASE_MIN} minutes; a step of {step_min} is no multiple of them")
    return step_min


async def read_days(
    store: Store, queue_id: str, *, hours: Hours, begin: float, end: float, fresh: bool = False, clean: bool = True
) -> Counts | None:
    """Return a queue's days: the sums of its intervals, before and between them the imported days; None: there are none.

    A day with a hole is scaled up or not known (`forecast.series.unusual.whole_days`). For the rest see `read_series`.
    """
    first, stop = _local_days(begin, end, hours.timezone)
    own = await read_counts(store, queue_id, hours=hours, begin=begin, end=end, step_min=DAYS_FROM_MIN, fresh=fresh)
    parts = [
        await read_history(store, queue_id, "day", first=first, end=stop),
        await read_history(store, queue_id, "slot", first=first, end=stop),
        own,
    ]

    def together() -> Counts | None:
        found = [without(part, unusual(part)) if clean else part for part in parts if part is not None]
        days = [whole_days(part) if part.unit == "slot" else part for part in found]
        return in_hours(reduce(merged, days), hours) if days else None

    return await asyncio.to_thread(together)


async def read_months(store: Store, queue_id: str) -> Counts | None:
    """Return the imported months of a queue, or None. Months that the house saw itself are the sums of its days (`forecast.horizons`)."""
    return await read_history(store, queue_id, "month")


def _evenly(counts: Counts) -> Counts:
    """Return the same counts with a slot for every step between the first and the last."""
    if counts.unit != "slot":
        return counts
    starts = tuple(range(counts.starts_min[0], counts.starts_min[-1] + 1, counts.step_min))
    if starts == counts.starts_min:
        return counts
    values = np.full((len(counts.periods), len(starts)), np.nan)
    values[:, np.searchsorted(starts, counts.starts_min)] = counts.values
    return replace(counts, values=values, starts_min=starts)


def _counts(rows: Sequence[Row], unit: Unit, queue_id: str) -> Counts:
    step = rows[0]["step_min"]
    first = min(row["first_min"] for row in rows)
    stop = max(row["first_min"] + step * len(row["calls"]) for row in rows)
    starts = tuple(range(first, stop, step))
    values = np.full((len(rows), len(starts)), np.nan)
    for n, row in enumerate(rows):
        at = (row["first_min"] - first) // step
        values[n, at : at + len(row["calls"])] = row["calls"]
    known = ~np.isnan(values).all(axis=0)
    if known.any():
        values, starts = values[:, known], tuple(s for s, keep in zip(starts, known, strict=True) if keep)
    return Counts(
        unit=unit,
        periods=np.array([row["day"] for row in rows], dtype="datetime64[D]"),
        values=values,
        starts_min=starts,
        step_min=step,
        queue=queue_id,
        zone=rows[-1]["zone"],
    )
