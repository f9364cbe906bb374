"""Make the projections anew from the journal, and tell what differed: the proof that they follow from it.

Works through the calls in slices, each in a transaction of its own under the writer's lock, so that the hotline may go on
meanwhile. A check (`write=False`) changes nothing.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from crm.calls import as_row, read_rows
from crm.ledger import WRITER_LOCK, envelope_of, project, put_agent_states, put_agents, read_calls
from crm.projections import agent_state_row, fold_call, latest_agents
from crm.rows import AgentRow, AgentStateRow, CallRows, Row
from hotline.facts import Envelope
from hotline.ids import CallId
from hotline.store.pool import Connection, Store
from hotline.store.pool import Row as Record
from hotline.store.queries import load
from hotline.tally import Tally

CALLS_PER_SLICE = 200
FACTS_PER_SLICE = 5000
DIFFERENCES_LISTED = 100
STATEMENT_TIMEOUT_S = 600.0

_sql = load("crm", "journal.sql")
_calls_sql = load("crm", "calls.sql")


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One row that was not what the journal says."""

    table: str
    key: str
    columns: list[str]
    """Which columns differed; empty when the whole row was missing or too many."""
    kind: str
    """`changed`, `missing` (in the projection) or `foreign` (not in the journal)."""


class RebuildReport(msgspec.Struct, kw_only=True):
    """What a rebuild found."""

    facts: int = 0
    calls: int = 0
    rows: int = 0
    differing: int = 0
    """How many rows differed; the first of them are listed."""
    differences: list[Difference] = []

    def add(self, differences: Iterable[Difference]) -> None:
        """Count differences, and list them while there is room."""
        for difference in differences:
            self.differing += 1
            if len(self.differences) < DIFFERENCES_LISTED:
                self.differences.append(difference)


async def rebuild(store: Store, tally: Tally | None = None, *, write: bool = True) -> RebuildReport:
    """Fold the whole journal, compare every row, and (with `write`) put right what differs."""
    tally = tally or Tally()
    report = RebuildReport(facts=await store.fetchval(_sql.facts, timeout_s=STATEMENT_TIMEOUT_S))
    after = ""
    while True:
        async with store.transaction() as connection:
            await connection.execute(_sql.lock, WRITER_LOCK)
            records = await connection.fetch(_sql.call_ids, after, CALLS_PER_SLICE, timeout_s=STATEMENT_TIMEOUT_S)
            call_ids = [CallId(r["call_id"]) for r in records]
            if not call_ids:
                break
            await _calls(connection, call_ids, report, tally, write=write)
            after = call_ids[-1]
    await _agents(store, report, write=write)
    return report


@asynccontextmanager
async def _slice(store: Store) -> AsyncIterator[Connection]:
    """A transaction with more patience than the call path has, as the only writer."""
    async with store.transaction() as connection:
        await connection.execute(_sql.be_patient)
        await connection.execute(_sql.lock, WRITER_LOCK)
        yield connection


async def _calls(
    connection: Connection, call_ids: Sequence[CallId], report: RebuildReport, tally: Tally, *, write: bool
) -> None:
    before = await read_rows(connection, call_ids)
    facts = await read_calls(connection, call_ids)
    after = {call_id: fold_call(list(known.values())) for call_id, known in facts.items()}
    report.calls += len(after)
    differing: list[CallId] = []
    for call_id in call_ids:
        old, new = _flat(before.get(call_id)), _flat(after.get(call_id))
        report.rows += len(new)
        found = list(_compare(old, new))
        report.add(found)
        if found:
            differing.append(call_id)
    if write and differing:
        for sql in (
            _calls_sql.drop_calls,
            _calls_sql.drop_segments,
            _calls_sql.drop_offers,
            _calls_sql.drop_recordings,
        ):
            await connection.execute(sql, differing)
        await project(connection, {c: facts[c] for c in differing if c in facts}, (), tally)


async def _agents(store: Store, report: RebuildReport, *, write: bool) -> None:
    async with _slice(store) as connection:
        told = await _agent_facts(connection)
        agents = latest_agents(told)
        states = [r for r in map(agent_state_row, told) if r is not None]
        old_agents = [as_row(AgentRow, _with_json(r)) for r in await connection.fetch(_calls_sql.agents)]
        differences = list(_compare(_agent_keys(old_agents), _agent_keys(agents.values())))
        differences += _compare(_state_keys(await _old_states(connection)), _state_keys(states))
        report.rows += len(agents) + len(states)
        report.add(differences)
        if write and differences:
            await connection.execute(_calls_sql.drop_agents)
            await connection.execute(_calls_sql.drop_agent_states)
            await put_agents(connection, list(agents.values()))
            for start in range(0, len(states), FACTS_PER_SLICE):
                await put_agent_states(connection, states[start : start + FACTS_PER_SLICE])


async def _agent_facts(connection: Connection) -> list[Envelope]:
    told: list[Envelope] = []
    after = ""
    while records := await connection.fetch(_sql.of_agents, after, FACTS_PER_SLICE):
        told += [e for e in map(envelope_of, records) if e is not None]
        after = records[-1]["fact_id"]
    return told


async def _old_states(connection: Connection) -> list[AgentStateRow]:
    rows: list[AgentStateRow] = []
    after = ""
    while records := await connection.fetch(_calls_sql.agent_states, after, FACTS_PER_SLICE):
        rows += [as_row(AgentStateRow, r) for r in records]
        after = records[-1]["fact_id"]
    return rows


# --- comparing ---------------------------------------------------------------------------------------------------------

Key = tuple[str, str]
"""Table and key of a row."""


def _flat(rows: CallRows | None) -> dict[Key, Row]:
    if rows is None:
        return {}
    call_id = rows.call.call_id
    flat: dict[Key, Row] = {("call", call_id): rows.call}
    flat.update({("segment", f"{call_id}/{s.n}"): s for s in rows.segments})
    flat.update({("offer", f"{call_id}/{o.offer_id}"): o for o in rows.offers})
    flat.update({("recording", f"{call_id}/{r.recording_id}"): r for r in rows.recordings})
    return flat


def _agent_keys(rows: Iterable[AgentRow]) -> dict[Key, Row]:
    return {("agent", r.agent_id): r for r in rows}


def _state_keys(rows: Iterable[AgentStateRow]) -> dict[Key, Row]:
    return {("agent_state", r.fact_id): r for r in rows}


def _compare(old: dict[Key, Row], new: dict[Key, Row]) -> Iterable[Difference]:
    for table, key in sorted(old.keys() | new.keys()):
        before, after = old.get((table, key)), new.get((table, key))
        if before is None or after is None:
            yield Difference(table=table, key=key, columns=[], kind="missing" if before is None else "foreign")
        elif before != after:
            columns = [f for f in after.__struct_fields__ if getattr(before, f) != getattr(after, f)]
            yield Difference(table=table, key=key, columns=columns, kind="changed")


def _with_json(record: Record) -> dict[str, Any]:
    """Return a row of `agent` with its JSON columns, which the driver gives as text, decoded."""
    return {k: msgspec.json.decode(v) if k in ("skills", "queues") else v for k, v in dict(record).items()}
