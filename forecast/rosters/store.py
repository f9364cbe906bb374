"""The door to the tables of rosters: drafts, publications, changes and requests, each whole or not at all."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from forecast.rosters.adherence import Span, spans_of
from forecast.rosters.model import Duty, Plan
from forecast.rosters.requests import Change
from forecast.rosters.table_file import local
from hotline.errors import Rejected
from hotline.store.pool import Connection, Store
from hotline.store.pool import Row as Record
from hotline.store.queries import load

_sql = load("forecast.rosters", "rosters.sql")


@dataclass(frozen=True, kw_only=True)
class KeptRoster:
    """A roster as it is kept."""

    roster_id: str
    status: str
    version: int
    plan: Plan
    duties: tuple[Duty, ...]
    head: Record


class RosterStore:
    """Rosters in PostgreSQL."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, plan: Plan, duties: Sequence[Duty], *, by: str, note: str = "") -> str:
        """Keep a new draft and return its id."""
        roster_id = uuid.uuid4().hex[:12]
        body = msgspec.json.encode(plan).decode()
        async with self._store.transaction() as connection:
            await connection.execute(_sql.add, roster_id, plan.first, plan.days, plan.zone, body, note, by)
            await _put(connection, roster_id, plan, duties)
        return roster_id

    async def page(self, first: date | None, last: date | None, limit: int) -> list[Record]:
        """Return the heads of rosters, newest first."""
        return await self._store.fetch(_sql.page, first, last, limit)

    async def get(self, roster_id: str) -> KeptRoster:
        """Return a roster. Raises Rejected("not_found")."""
        async with self._store.transaction() as connection:
            head = await connection.fetchrow(_sql.one, roster_id)
            if head is None:
                raise Rejected("not_found", f"there is no roster {roster_id}")
            shifts = await connection.fetch(_sql.shifts, roster_id)
        duties = tuple(
            Duty(person=r["person_id"], day=r["day"], shift=r["shift"], breaks=tuple(r["breaks"])) for r in shifts
        )
        plan = msgspec.json.decode(head["plan"], type=Plan)
        return KeptRoster(
            roster_id=roster_id, status=head["status"], version=head["version"], plan=plan, duties=duties, head=head
        )

    async def publish(self, roster_id: str, *, by: str) -> int:
        """Let a draft count for its days; rosters of some of these days before it do no more. Returns the version.

        Raises Rejected("conflict") for no draft.
        """
        async with self._store.transaction() as connection:
            await connection.execute(_sql.replaced, roster_id, by)
            version = await connection.fetchval(_sql.publish, roster_id, by)
            if version is None:
                raise Rejected("conflict", f"roster {roster_id} is no draft")
        return int(version)

    async def change(self, kept: KeptRoster, duties: Sequence[Duty], *, by: str) -> int:
        """Keep changed duties and return the new version. Raises Rejected("conflict") when somebody was faster."""
        async with self._store.transaction() as connection:
            return await _change(connection, kept, duties, by)

    async def ask(self, roster_id: str, change: Change, reasons: Iterable[str], *, by: str) -> str:
        """Keep what somebody asks for and return its id."""
        request_id = uuid.uuid4().hex[:12]
        await self._store.execute(
            _sql.ask, request_id, roster_id, change.kind, change.person, change.day, change.other, change.other_day, change.shift,
            list(reasons), by,
        )  # fmt: skip
        return request_id

    async def requests(self, roster_id: str | None, status: str | None, limit: int) -> list[Record]:
        """Return what people ask for, newest first."""
        return await self._store.fetch(_sql.requests, roster_id, status, limit)

    async def request(self, request_id: str) -> Record:
        """Return one request. Raises Rejected("not_found")."""
        found = await self._store.fetchrow(_sql.request, request_id)
        if found is None:
            raise Rejected("not_found", f"there is no request {request_id}")
        return found

    async def accept(self, request_id: str, kept: KeptRoster, duties: Sequence[Duty], *, by: str) -> int:
        """Accept a request and keep what it changes, both or neither. Returns the roster's new version."""
        async with self._store.transaction() as connection:
            await _decide(connection, request_id, "accepted", (), by)
            return await _change(connection, kept, duties, by)

    async def refuse(self, request_id: str, reasons: Iterable[str], *, by: str) -> None:
        """Refuse a request. Raises Rejected("conflict") when it was decided already."""
        async with self._store.transaction() as connection:
            await _decide(connection, request_id, "refused", reasons, by)

    async def spans(self, first: date, last: date) -> dict[str, list[Span]]:
        """Return the stretches of all published shifts of these days, by person; of a day in several rosters, those of the newest."""
        found: dict[str, list[Span]] = {}
        open_days = {first + timedelta(days=n) for n in range((last - first).days + 1)}
        for row in await self._store.fetch(_sql.published, first, last):
            own = {row["first_day"] + timedelta(days=n) for n in range(row["days"])} & open_days
            open_days -= own
            if not own:
                continue
            kept = await self.get(row["roster_id"])
            for person, spans in spans_of(kept.plan, [d for d in kept.duties if d.day in own]).items():
                found.setdefault(person, []).extend(spans)
        return {person: sorted(spans, key=lambda span: span.begin) for person, spans in found.items()}

    async def check_counts(self, roster_id: str, days: Iterable[date]) -> None:
        """Raise Rejected("conflict") where a published roster does not count any more for one of these days: a newer one has it."""
        for day in days:
            newer = await self._store.fetchval(_sql.overtaken, roster_id, day)
            if newer is not None:
                raise Rejected(
                    "conflict", f"{day} is in roster {newer} now, which was published later; change that one"
                )

    async def states(self, since: datetime) -> list[Record]:
        """Return what was told of agents' states since then, in order."""
        return await self._store.fetch(_sql.states, since)


async def _put(connection: Connection, roster_id: str, plan: Plan, duties: Iterable[Duty]) -> None:
    kinds, zone = plan.type_of(), ZoneInfo(plan.zone)
    rows: list[tuple[Any, ...]] = []
    for duty in duties:
        kind = kinds[duty.shift]
        starts, ends = (local(duty.day, at).replace(tzinfo=zone) for at in (kind.start_min, kind.end_min))
        rows.append((roster_id, duty.person, duty.day, duty.shift, starts, ends, list(duty.breaks)))
    await connection.executemany(_sql.put_shift, rows)


async def _change(connection: Connection, kept: KeptRoster, duties: Sequence[Duty], by: str) -> int:
    version = await connection.fetchval(_sql.changed, kept.roster_id, kept.version, by)
    if version is None:
        raise Rejected("conflict", "the roster was changed meanwhile; look at it again")
    await connection.execute(_sql.drop_shifts, kept.roster_id)
    await _put(connection, kept.roster_id, kept.plan, duties)
    return int(version)


async def _decide(connection: Connection, request_id: str, status: str, reasons: Iterable[str], by: str) -> None:
    if await connection.fetchval(_sql.decide, request_id, status, list(reasons), by) is None:
        raise Rejected("conflict", "this request was decided already")
