"""The door to the tables of forecasts: what was said, what it was worth, who is needed, which models serve."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from forecast.books.made import Made
from forecast.duties.scoring import Said, Score
from forecast.models.base import LEVELS
from hotline.codec import Undecodable, decode_fact
from hotline.facts import AgentAdded, AgentStateChanged, Horizon, StaffingMethod
from hotline.ids import QueueId
from hotline.store.pool import Row as Record
from hotline.store.pool import Store
from hotline.store.queries import load

TODAY_KEPT = timedelta(days=35)
"""Forecasts of the rest of a day are many; what they were worth is kept longer."""
STATES_SINCE = timedelta(days=3)
"""An agent whose state did not change for so long is not on duty."""

_sql = load("forecast.books", "tables.sql")


@dataclass(frozen=True, kw_only=True)
class Need:
    """What an interval needs."""

    starts_at: float
    ends_at: float
    calls: float
    handling_s: float
    required: int
    low: int
    high: int
    to_schedule: int
    service_level: float | None
    method: StaffingMethod = "erlang"
    shares_with: tuple[str, ...] = ()
    """The other queues of its group, with which it shares agents."""
    together: int | None = None
    """What the group needs; None: it shares agents with nobody."""
    pooling: float | None = None
    """Of `pooled`: which part of the saving of one queue counts, see `forecast.staffing.pooling`."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which model serves, and why."""

    queue_id: QueueId
    horizon: Horizon
    model: str
    chosen_at: float
    reason: str
    wape: float | None
    state: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Pooling:
    """What it is worth that the queues of a group share agents."""

    queues: tuple[str, ...]
    measured_at: float
    points: tuple[tuple[float, float], ...]
    """Load of the group in erlangs -> pooling, see `forecast.staffing.pooling`."""


def moment(at: float) -> datetime:
    """Return a time as the database has it."""
    return datetime.fromtimestamp(at, UTC)


class Tables:
    """See the module. Every method raises the store's errors."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # --- forecasts ----------------------------------------------------------------------------------------------------

    async def save(self, made: Iterable[Made]) -> None:
        """Keep forecasts; one that is there already (the same queue, horizon and time) stays as it is."""
        async with self._store.transaction() as connection:
            for one in made:
                run_id = await connection.fetchval(
                    _sql.add_run, one.queue_id, one.horizon, moment(one.made_at), one.model, one.reason,
                    None if one.history_until is None else moment(one.history_until), one.step_min, list(LEVELS),
                )  # fmt: skip
                if run_id is None:
                    continue
                await connection.copy_records(
                    "forecast_value",
                    columns=("run_id", "period", "starts_at", "ends_at", "mean", "quantiles"),
                    records=[
                        (run_id, r.period, moment(r.starts_at), moment(r.ends_at), r.mean, list(r.quantiles))
                        for r in one.rows
                    ],
                )

    async def latest(
        self, queue: str | None, horizon: str | None, since: float, until: float, limit: int
    ) -> list[Record]:
        """Return the newest forecast of each interval that begins from `since` to before `until`."""
        return await self._store.fetch(_sql.latest, queue, horizon, moment(since), moment(until), limit)

    async def said(self, queue: QueueId, horizons: Sequence[Horizon], since: float, until: float) -> list[Said]:
        """Return everything that was said, ahead of it, about intervals that began in the time."""
        records = await self._store.fetch(_sql.said, queue, list(horizons), moment(since), moment(until))
        return [
            Said(
                queue_id=r["queue_id"], horizon=r["horizon"], model=r["model"], made_at=r["made_at"].timestamp(),
                period=r["period"], starts_at=r["starts_at"].timestamp(), mean=r["mean"], quantiles=tuple(r["quantiles"]),
            )
            for r in records
        ]  # fmt: skip

    # --- what they were worth -----------------------------------------------------------------------------------------

    async def save_scores(self, scores: Iterable[Score]) -> None:
        """Keep scores; a period that is scored again is replaced."""
        rows = [
            (s.queue_id, s.horizon, s.lead, s.period, s.model, s.intervals, s.calls, s.error, s.absolute, s.inside80, s.inside95)
            for s in scores
        ]  # fmt: skip
        async with self._store.transaction() as connection:
            await connection.executemany(_sql.put_score, rows)

    async def accuracy(self, queue: str | None, horizon: str | None, first: date, last: date) -> list[Record]:
        """Return accuracy by queue, horizon and lead over the periods from `first` to before `last`."""
        return await self._store.fetch(_sql.accuracy, queue, horizon, first, last)

    # --- staff --------------------------------------------------------------------------------------------------------

    async def save_needs(self, queue: QueueId, made_at: float, needs: Iterable[Need], *, whole: bool = False) -> None:
        """Keep what intervals need. `whole`: they are all intervals to come; what was said of others is forgotten."""
        rows = [
            (
                queue, moment(n.starts_at), moment(n.ends_at), moment(made_at), n.calls, n.handling_s,
                n.required, n.low, n.high, n.to_schedule, n.service_level, n.method, list(n.shares_with), n.together, n.pooling,
            )
            for n in needs
        ]  # fmt: skip
        async with self._store.transaction() as connection:
            await connection.executemany(_sql.put_staffing, rows)
            if whole:
                await connection.execute(_sql.drop_staffing, queue, moment(made_at))

    async def note_present(
        self, queue: QueueId, starts_at: float, present: int | None, scheduled: int | None = None
    ) -> None:
        """Keep who was there in an interval, and who was scheduled."""
        await self._store.fetch(_sql.note_present, queue, moment(starts_at), present, scheduled)

    async def staffing(self, queue: str | None, since: float, until: float, limit: int) -> list[Record]:
        """Return what the intervals of a time need, and who was there."""
        return await self._store.fetch(_sql.staffing, queue, moment(since), moment(until), limit)

    async def last_states(self, now: float) -> list[AgentStateChanged]:
        """Return the state of every agent, as the journal has it."""
        records = await self._store.fetch(_sql.last_states, moment(now) - STATES_SINCE)
        found = []
        for record in records:
            try:
                fact = decode_fact(record["type"], record["version"], record["body"])
            except Undecodable:
                continue  # a newer program told it; its next change will be heard
            if isinstance(fact, AgentStateChanged):
                found.append(fact)
        return found

    async def last_agents(self) -> list[AgentAdded]:
        """Return every agent as he was added or changed last, those who are gone included."""
        return [
            AgentAdded(
                at=r["told_at"].timestamp(), agent_id=r["agent_id"], name=r["name"], extension=r["extension"],
                skills=json.loads(r["skills"]), queues=tuple(json.loads(r["queues"])),
            )
            for r in await self._store.fetch(_sql.last_agents)
        ]  # fmt: skip

    async def poolings(self) -> list[Pooling]:
        """Return what was measured of queues that share agents."""
        return [
            Pooling(queues=tuple(r["queues"]), measured_at=r["measured_at"].timestamp(), points=tuple((load, share) for load, share in json.loads(r["points"])))
            for r in await self._store.fetch(_sql.poolings)
        ]  # fmt: skip

    async def save_pooling(self, pooling: Pooling) -> None:
        """Keep what was measured."""
        points = json.dumps([list(point) for point in pooling.points])
        await self._store.fetch(_sql.put_pooling, list(pooling.queues), moment(pooling.measured_at), points)

    # --- choices ------------------------------------------------------------------------------------------------------

    async def choices(self) -> list[Choice]:
        """Return which models serve."""
        records = await self._store.fetch(_sql.choices)
        return [
            Choice(
                queue_id=r["queue_id"], horizon=r["horizon"], model=r["model"], chosen_at=r["chosen_at"].timestamp(),
                reason=r["reason"], wape=r["wape"], state=json.loads(r["state"]),
            )
            for r in records
        ]  # fmt: skip

    async def save_choice(self, choice: Choice) -> None:
        """Keep which model serves."""
        c = choice
        await self._store.fetch(
            _sql.put_choice, c.queue_id, c.horizon, c.model, moment(c.chosen_at), c.reason, c.wape, json.dumps(c.state)
        )

    # --- the end ------------------------------------------------------------------------------------------------------

    async def forget(self, now: float, keep_days: int) -> None:
        """Forget what is older than it is to be kept."""
        before = moment(now) - timedelta(days=keep_days)
        await self._store.fetch(_sql.forget_runs, before, max(before, moment(now) - TODAY_KEPT))
        await self._store.fetch(_sql.forget_scores, before.date())
        await self._store.fetch(_sql.forget_staffing, before)
