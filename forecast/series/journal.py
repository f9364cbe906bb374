"""Reads the series of a queue from the journal's tables. The series' door to the database, for reading what the house itself saw.

A caller belongs to the interval in which he entered the queue, as in `v_interval_volume`. Only who is on the line counts: a callback is no
call that came. Whatever `forecast.series.outages` knows of is not known, and neither is the time before the house, or the queue, began.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from forecast.series.calls import Calls
from forecast.series.counts import Counts, Floats
from forecast.series.intervals import BASE_MIN, Seconds, by_day, every_interval, lost
from forecast.series.outages import Outages, Span
from forecast.series.redials import WINDOW_S
from forecast.series.zones import to_local, to_utc
from hotline.codec import Undecodable, decode_fact
from hotline.hours import Hours
from hotline.store.pool import Row, Store
from hotline.store.queries import load

PART_S = 31 * 86_400.0
"""So much is asked for at once: a statement must end in time, however long the history is."""
CALLS_PART_S = 86_400.0
"""The same for single calls, of which there are many."""
LOOK_BACK_S = 30 * 86_400.0
"""An outage that began longer before the history than this is not seen."""

_sql = load("forecast.series", "journal.sql")


@dataclass(frozen=True, kw_only=True, eq=False)
class Intervals:
    """What the journal counted of one queue, interval by interval; the arrays have one element for each interval in which anybody came."""

    began: Seconds
    """Seconds since 1970, ascending."""
    offered: Floats
    redials: Floats
    answered: Floats
    abandoned: Floats
    """The short ones too."""
    short_abandoned: Floats
    wait_s: Floats
    """Of all whose wait is over: over the abandons, it is their patience (`forecast.series.patience`)."""


async def read_counts(
    store: Store,
    queue_id: str,
    *,
    hours: Hours,
    begin: float,
    end: float,
    step_min: int = BASE_MIN,
    fresh: bool = False,
    redial_window_s: float = WINDOW_S,
) -> Counts | None:
    """Return the offered calls of a queue from `begin` to `end` (now, at most), or None when nobody ever waited in it.

    `hours` are those of the queue, and their time zone is that of the counts. `fresh` leaves redials out. Raises the store's errors.
    """
    begun = await _begun(store, queue_id, hours.timezone)
    if begun is None or begun >= end:
        return None
    begin = max(begin, begun)
    rows = await read_intervals(store, queue_id, begin=begin, end=end, redial_window_s=redial_window_s)
    outages = await read_outages(store, queue_id, begin=begin, end=end)
    offered = rows.offered - (rows.redials if fresh else 0.0)

    def counted() -> Counts:
        every = every_interval(begin, end, zone=hours.timezone)
        values = np.zeros(len(every))
        values[np.searchsorted(every, rows.began)] = offered
        values[(every < begin) | (every + BASE_MIN * 60 > end)] = np.nan
        values[lost(every, outages)] = np.nan
        return by_day(every, values, hours=hours, queue=queue_id, step_min=step_min)

    return await asyncio.to_thread(counted)  # ten years are a second's work: nothing else shall wait for it


async def read_intervals(
    store: Store, queue_id: str, *, begin: float, end: float, redial_window_s: float = WINDOW_S
) -> Intervals:
    """Return five-minute counts of a queue. Raises the store's errors."""
    rows: list[Row] = []
    async for first, last in _parts(begin, end):
        rows += await store.fetch(_sql.volumes, queue_id, _moment(first), _moment(last), BASE_MIN * 60, redial_window_s)

    def column(name: str) -> Floats:
        return np.array([row[name] for row in rows], dtype=np.float64)

    return Intervals(
        began=np.array([row["began"] for row in rows], dtype=np.int64),
        offered=column("offered"),
        redials=column("redials"),
        answered=column("answered"),
        abandoned=column("abandoned"),
        short_abandoned=column("short_abandoned"),
        wait_s=column("wait_s"),
    )


async def read_calls(store: Store, queue_id: str, *, zone: str, begin: float, end: float) -> Calls:
    """Return each call of a queue: what handling times, patience and redials are measured from. Raises the store's errors."""
    rows: list[Row] = []
    async for first, last in _parts(begin, end, CALLS_PART_S):
        rows += await store.fetch(_sql.calls, queue_id, _moment(first), _moment(last))
    return await asyncio.to_thread(_calls, rows, zone)


def _calls(rows: list[Row], zone: str) -> Calls:
    def column(name: str) -> Floats:
        return np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=np.float64)

    entered = np.array([int(row["entered"]) for row in rows], dtype=np.int64).astype("datetime64[s]")
    abandoned: NDArray[np.bool_] = np.array([row["abandoned"] for row in rows], dtype=np.bool_)
    return Calls(
        entered=to_local(entered, zone),
        wait_s=column("wait_s"),
        handled_s=column("handled_s"),
        abandoned=abandoned,
        callers=tuple(row["caller_number"] for row in rows),
        zone=zone,
    )


async def read_outages(store: Store, queue_id: str, *, begin: float, end: float) -> tuple[Span, ...]:
    """Return when calls of a queue could not be counted. Raises the store's errors."""
    outages = Outages()
    last_at: float | None = None
    for row in await store.fetch(_sql.house, _moment(begin - LOOK_BACK_S), _moment(end)):
        try:
            fact = decode_fact(row["type"], row["version"], row["body"])
        except Undecodable:
            continue  # of a newer program; what it says of outages only that one knows
        known = [at for at in (last_at, row["last_at"] and row["last_at"].timestamp()) if at is not None]
        outages.take(fact, last_at=max(known, default=None))
        last_at = fact.at
    return tuple(span for span in outages.spans(end, queue_id) if span[1] > begin)


async def _begun(store: Store, queue_id: str, zone: str) -> float | None:
    """Return from when on an interval without a call in the queue means that nobody called.

    That is the midnight before its first caller, if the house was there already: who opens a queue does so for a day.
    """
    row = await store.fetchrow(_sql.begun, queue_id)
    if row is None or row["queue"] is None:
        return None
    first = np.array([int(row["queue"].timestamp())], dtype="datetime64[s]")
    midnight = to_local(first, zone)[0].astype("datetime64[D]").astype("datetime64[s]").astype(datetime)
    return max(float(row["house"].timestamp()), to_utc(midnight, zone))


async def _parts(begin: float, end: float, part_s: float = PART_S) -> AsyncIterator[tuple[float, float]]:
    """Yield parts of a stretch of time, cut between intervals."""
    step_s = BASE_MIN * 60.0
    first = begin // step_s * step_s
    while first < end:
        last = min(first + part_s, end)
        yield first, last
        first = last


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
