"""Makes the rows of one agent anew from the journal, and tells what differed. Rows that follow from archived facts stay as they are."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from crm.api.calls import as_row
from crm.fold.projections import agent_state_row, latest_agents
from crm.fold.rows import AgentRow, AgentStateRow, moment
from crm.journal.ledger import WRITER_LOCK, envelope_of, put_agent_states, put_agents
from crm.journal.months import month_of
from crm.rebuild.report import Key, RebuildReport, compare
from hotline.facts import Envelope
from hotline.store.pool import Connection, Store
from hotline.store.pool import Row as Record
from hotline.store.queries import load

FACTS_PER_PAGE = 5000
COLUMNS = {"agent": AgentRow.__struct_fields__, "agent_state": AgentStateRow.__struct_fields__}

_sql = load("crm.rebuild", "rebuild.sql")

Rows = dict[Key, AgentRow | AgentStateRow]


async def rebuild_agent(store: Store, agent_id: str, *, write: bool) -> RebuildReport:
    """Compare the rows of an agent with what follows from the journal, and (with `write`) put right what differs."""
    report = RebuildReport()
    async with store.transaction() as connection:
        await connection.execute(_sql.snapshot)
        old, new = await _read(connection, agent_id)
        report.rows = len(new)
        report.add(_differences(old, new))
    if write and report.differing:
        async with store.transaction() as connection:
            await connection.execute(_sql.be_patient)
            await connection.execute(_sql.share, WRITER_LOCK)
            await _renew(connection, *await _read(connection, agent_id))
    return report


async def _read(connection: Connection, agent_id: str) -> tuple[Rows, Rows]:
    """Return the rows that are there and those that must be, without those that follow from archived facts."""
    archived = [r["month"] for r in await connection.fetch(_sql.archived)]
    old, new = await _old(connection, agent_id, archived), await _new(connection, agent_id)
    key = ("agent", agent_id)
    known, told = old.get(key), new.get(key)
    if isinstance(known, AgentRow) and month_of(known.told_at) in archived and not _is_later(told, known):
        old.pop(key)
        new.pop(key, None)
    return old, new


def _is_later(told: object, known: AgentRow) -> bool:
    return isinstance(told, AgentRow) and (told.told_at, told.fact_id) > (known.told_at, known.fact_id)


def _differences(old: Rows, new: Rows) -> Iterable[Any]:
    before = {key: msgspec.structs.astuple(row) for key, row in old.items()}
    return compare(before, {key: msgspec.structs.astuple(row) for key, row in new.items()}, COLUMNS)


async def _new(connection: Connection, agent_id: str) -> Rows:
    told = await _told(connection, agent_id)
    rows: Rows = {("agent", row.agent_id): row for row in latest_agents(told).values()}
    rows.update({("agent_state", row.fact_id): row for row in map(agent_state_row, told) if row is not None})
    return rows


async def _told(connection: Connection, agent_id: str) -> list[Envelope]:
    told: list[Envelope] = []
    after: tuple[datetime, str] = (moment(0.0), "")
    while records := await connection.fetch(_sql.facts_of_agent, agent_id, *after, FACTS_PER_PAGE):
        told += [e for e in map(envelope_of, records) if e is not None]
        after = records[-1]["at"], records[-1]["fact_id"]
    return told


async def _old(connection: Connection, agent_id: str, archived: Sequence[date]) -> Rows:
    states = [as_row(AgentStateRow, r) for r in await connection.fetch(_sql.agent_states, agent_id, archived)]
    rows: Rows = {("agent_state", row.fact_id): row for row in states}
    for record in await connection.fetch(_sql.agent_row, agent_id):
        rows["agent", agent_id] = as_row(AgentRow, _with_json(record))
    return rows


async def _renew(connection: Connection, old: Rows, new: Rows) -> None:
    gone = [key for key, row in old.items() if new.get(key) != row]
    await connection.execute(_sql.drop_agent_states, [k for table, k in gone if table == "agent_state"])
    for agent_id in (k for table, k in gone if table == "agent"):
        await connection.execute(_sql.drop_agent, agent_id)
    await put_agents(connection, [row for row in new.values() if isinstance(row, AgentRow)])
    states = [row for row in new.values() if isinstance(row, AgentStateRow)]
    for start in range(0, len(states), FACTS_PER_PAGE):
        await put_agent_states(connection, states[start : start + FACTS_PER_PAGE])


def _with_json(record: Record) -> dict[str, Any]:
    """Return a row of `agent` with its JSON columns, which the driver gives as text, decoded."""
    return {k: msgspec.json.decode(v) if k in ("skills", "queues") else v for k, v in dict(record).items()}
