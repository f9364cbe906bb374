"""The summary of a stretch of time: what became of the callers, by queue, with the connect rate in every formula."""

from datetime import datetime

import msgspec

from crm.api import callbacks
from crm.api.callbacks import CallbackSummary
from hotline.kpi import DEFAULT_FORMULA, FORMULAS, QueueCounts, Rate, connect_rates, share
from hotline.store.pool import Row as Record
from hotline.store.pool import Store
from hotline.store.queries import load

_sql = load("crm.api", "calls.sql")


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How long something took, in seconds; None when there was nothing."""

    mean_s: float | None
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None


class QueueSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One queue."""

    queue_id: str
    threshold_s: float
    short_abandon_s: float
    counts: QueueCounts
    connect_rate: float | None
    """By the default formula, B."""


class HandleTime(msgspec.Struct, frozen=True, kw_only=True):
    """AHT and its parts, means per handled call in seconds. Talk is without hold."""

    formula: str
    handled: int
    ring_s: float | None
    talk_s: float | None
    hold_s: float | None
    wrap_up_s: float | None
    aht_s: float | None


class Promises(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the ranges that were said to callers while they waited."""

    said: int
    kept: int
    """Answered before the upper end."""
    early: int
    """Of those, answered before the lower end."""
    late: int
    kept_share: float | None
    """kept / (kept + late)"""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the callers who entered a queue in a stretch of time (whenever it came)."""

    since: datetime
    until: datetime
    counts: QueueCounts
    connect_rates: list[Rate]
    """The default formula first; T and S are each queue's own."""
    abandon_rate: float | None
    """abandoned / offered"""
    asa_s: float | None
    """Average speed of answer: sum of the waits of answered callers / answered."""
    answered_waits: Spread
    abandoned_waits: Spread
    handle_time: HandleTime
    promises: Promises
    callbacks: CallbackSummary
    queues: list[QueueSummary]
    outcomes: dict[str, int]
    """All calls that arrived in the time, by outcome; also those that never entered a queue."""


async def summary(store: Store, since: datetime, until: datetime, queue: str | None = None) -> Summary:
    """Return the summary of the waits that began from `since` to before `until`, of one queue or all."""
    async with store.transaction() as connection:
        queues = [_queue(r) for r in await connection.fetch(_sql.waits, since, until, queue)]
        durations = await connection.fetchrow(_sql.durations, since, until, queue)
        outcomes = await connection.fetch(_sql.outcomes, since, until)
        promises = await connection.fetchrow(_sql.promises, since, until, queue)
        called_back = await callbacks.summary(connection, since, until, queue)
    assert durations is not None  # an aggregate always returns a row
    assert promises is not None
    counts = sum((q.counts for q in queues), QueueCounts())
    answered = _spread(durations["answered_wait_s"], durations["answered_waits"])
    return Summary(
        since=since,
        until=until,
        counts=counts,
        connect_rates=connect_rates(counts),
        abandon_rate=share(counts.abandoned, counts.offered),
        asa_s=answered.mean_s,
        answered_waits=answered,
        abandoned_waits=_spread(durations["abandoned_wait_s"], durations["abandoned_waits"]),
        handle_time=_handle_time(durations),
        promises=_promises(promises),
        callbacks=called_back,
        queues=queues,
        outcomes={r["outcome"]: r["calls"] for r in outcomes},
    )


def _queue(record: Record) -> QueueSummary:
    counts = QueueCounts(**{f: record[f] for f in QueueCounts.__struct_fields__})
    return QueueSummary(
        queue_id=record["queue_id"],
        threshold_s=record["threshold_s"],
        short_abandon_s=record["short_abandon_s"],
        counts=counts,
        connect_rate=FORMULAS[DEFAULT_FORMULA].rate(counts),
    )


def _spread(mean: float | None, quantiles: list[float | None] | None) -> Spread:
    p50, p95, p99 = quantiles or (None, None, None)
    return Spread(mean_s=mean, p50_s=p50, p95_s=p95, p99_s=p99)


def _promises(record: Record) -> Promises:
    kept, late = record["kept"], record["late"]
    return Promises(
        said=record["said"], kept=kept, early=record["early"], late=late, kept_share=share(kept, kept + late)
    )


def _handle_time(record: Record) -> HandleTime:
    handled = record["handled"]
    return HandleTime(
        formula="(talk + hold + wrap-up) / handled",
        handled=handled,
        ring_s=record["ring_s"],
        talk_s=share(record["talk_s"], handled),
        hold_s=share(record["hold_s"], handled),
        wrap_up_s=share(record["wrap_up_s"], handled),
        aht_s=share(record["talk_s"] + record["hold_s"] + record["wrap_up_s"], handled),
    )
