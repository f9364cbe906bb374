"""The journal writer on a real PostgreSQL."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from crm.api.calls import get_call, read_rows
from crm.fold.projections import fold_call
from crm.journal.ledger import Cache, Ledger, read_call
from crm.journal.writer import JournalWriter
from crm.rebuild.rebuilding import rebuild
from hotline.errors import Unavailable
from hotline.facts import AgentAdded, AgentStateChanged, BreakOverran, CallFact, Envelope
from hotline.ids import AgentId, CallId, Extension
from hotline.runtime.clock import ManualClock, SteadyClock
from hotline.runtime.tasks import TaskGroup
from hotline.spool import Spool
from hotline.store.pool import Store
from hotline.tally import Tally
from tests.support.envelopes import CALL, OFFER, T0, answered_call, arrived, ended, many_calls, queued, told
from tests.support.postgres15 import BOTH
from tests.support.wait import eventually

pytestmark = [pytest.mark.real, BOTH]


async def write(store: Store, envelopes: list[Envelope], batch: int = 50) -> Tally:
    tally = Tally()
    ledger = Ledger(store, tally)
    for start in range(0, len(envelopes), batch):
        await ledger.append(envelopes[start : start + batch])
    return tally


async def all_rows(store: Store) -> dict[CallId, object]:
    ids = [CallId(r["call_id"]) for r in await store.fetch("SELECT call_id FROM call")]
    async with store.transaction() as connection:
        return dict(await read_rows(connection, ids))


async def test_what_is_read_back_is_exactly_the_fold(store: Store) -> None:
    envelopes = told(*answered_call())
    await write(store, envelopes, batch=3)
    assert await get_call(store, CALL) == fold_call(envelopes)


async def test_facts_read_back_equal_the_facts_written(store: Store) -> None:
    envelopes = told(*answered_call())
    await write(store, envelopes)
    assert await read_call(store, CALL) == sorted(envelopes, key=lambda e: (e.fact.at, e.fact_id))


async def test_repeated_and_shuffled_delivery_changes_nothing(store: Store) -> None:
    envelopes = told(*many_calls(40))
    shuffled = envelopes + envelopes[::3]
    random.Random(7).shuffle(shuffled)
    await write(store, shuffled, batch=17)
    assert await store.fetchval("SELECT count(*) FROM journal") == len(envelopes)
    by_call: dict[CallId, list[Envelope]] = {e.fact.call_id: [] for e in envelopes if isinstance(e.fact, CallFact)}
    for e in envelopes:
        assert isinstance(e.fact, CallFact)
        by_call[e.fact.call_id].append(e)
    assert await all_rows(store) == {call: fold_call(facts) for call, facts in by_call.items()}


async def test_a_rebuild_finds_the_rows_as_they_must_be(store: Store) -> None:
    await write(store, told(*many_calls(40)))
    report = await rebuild(store)
    assert (report.calls, report.facts, report.differing) == (40, len(many_calls(40)), 0)


async def test_a_rebuild_puts_right_what_somebody_changed_and_says_so(store: Store) -> None:
    await write(store, told(*many_calls(5), agent_added("Li", T0), state("ready", "offline", T0 + 1)))
    before = await all_rows(store)
    await store.execute("UPDATE call SET talk_s = 1 WHERE call_id = 'call-000000'")
    await store.execute("DELETE FROM segment WHERE call_id = 'call-000001' AND n = 0")
    await store.execute("INSERT INTO call SELECT (c).* FROM (SELECT jsonb_populate_record(call, '{\"call_id\":\"x\"}') AS c "
                        "FROM call LIMIT 1) AS t")  # fmt: skip
    await store.execute("UPDATE agent SET name = 'Wang'")
    checked = await rebuild(store, write=False)
    report = await rebuild(store)
    assert checked == report
    assert sorted((d.table, d.key, d.kind, d.columns) for d in report.differences) == [
        ("agent", "1001", "changed", ["name"]),
        ("call", "call-000000", "changed", ["talk_s"]),
        ("call", "x", "foreign", []),
        ("segment", "call-000001/0", "missing", []),
    ]
    assert await all_rows(store) == before
    assert (await rebuild(store)).differing == 0


async def test_facts_evicted_from_the_cache_are_read_back(store: Store) -> None:
    ledger = Ledger(store, Tally(), Cache(limit=4))
    envelopes = told(*many_calls(10))
    for envelope in envelopes:
        await ledger.append([envelope])
    assert (await rebuild(store)).differing == 0


async def test_two_writers_with_parts_of_one_call_agree(store: Store) -> None:
    envelopes = told(*many_calls(20))
    writers = [Ledger(store, Tally()), Ledger(store, Tally())]

    async def carry(ledger: Ledger, mine: list[Envelope]) -> None:
        for start in range(0, len(mine), 7):
            await ledger.append(mine[start : start + 7])

    await asyncio.gather(carry(writers[0], envelopes[::2]), carry(writers[1], envelopes[1::2]))
    assert (await rebuild(store)).differing == 0


async def test_a_month_gets_its_partition_on_demand(store: Store) -> None:
    await write(store, told(arrived(), arrived(40 * 86_400.0, CallId("later"))))
    found = {
        r["tableoid"] for r in await store.fetch("SELECT DISTINCT tableoid::regclass::text AS tableoid FROM journal")
    }
    assert found == {"journal_2026_11", "journal_2026_12"}


async def test_partitions_are_made_ahead(store: Store) -> None:
    await Ledger(store, Tally()).prepare(T0)
    count = await store.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'journal'::regclass")
    assert count == 3


def agent_added(name: str, at: float) -> AgentAdded:
    return AgentAdded(
        at=at, agent_id=AgentId("1001"), name=name, extension=Extension("1001"), skills={"zh": 3, "en": 1}
    )


def state(now: str, previous: str, at: float) -> AgentStateChanged:
    return AgentStateChanged(at=at, agent_id=AgentId("1001"), state=now, previous=previous, by="seat")  # type: ignore[arg-type]


async def test_the_last_word_about_an_agent_counts_in_any_order(store: Store) -> None:
    await write(store, told(agent_added("new", T0 + 10), agent_added("old", T0)), batch=1)
    assert await store.fetchval("SELECT name FROM agent") == "new"


async def test_agent_states_become_intervals_even_when_they_come_late(store: Store) -> None:
    facts = [state("ready", "offline", T0), state("break", "ready", T0 + 60), state("reserved", "ready", T0 + 30)]
    await write(store, told(*facts), batch=1)
    rows = await store.fetch("SELECT state, duration_s FROM v_agent_state ORDER BY began_at")
    assert [(r["state"], r["duration_s"]) for r in rows] == [("ready", 30.0), ("reserved", 30.0), ("break", None)]


async def test_holding_orders_and_breaks_that_last_too_long_stand_in_the_log_and_a_rebuild_agrees(store: Store) -> None:
    ids = {"agent_id": AgentId("1001"), "queues": ()}
    facts = [
        AgentStateChanged(at=T0, state="talking", previous="ringing", call_id=CALL, **ids),  # type: ignore[arg-type]
        AgentStateChanged(at=T0 + 10, state="holding", previous="talking", call_id=CALL, **ids),  # type: ignore[arg-type]
        AgentStateChanged(at=T0 + 40, state="break", previous="holding", reason="lunch", by="boss", until=T0 + 100, forced=True, **ids),  # type: ignore[arg-type]
        BreakOverran(at=T0 + 100, reason="lunch", limit_s=60, **ids),  # type: ignore[arg-type]
        AgentStateChanged(at=T0 + 115, state="break", previous="break", reason="training", by="seat", until=T0 + 500, **ids),  # type: ignore[arg-type]
        AgentStateChanged(at=T0 + 130, state="ready", previous="break", by="seat", **ids),  # type: ignore[arg-type]
    ]  # fmt: skip
    await write(store, told(*facts), batch=2)
    rows = await store.fetch(
        "SELECT state, duration_s, changed_by, forced, overran_s, call_id FROM v_agent_state ORDER BY began_at"
    )
    assert [tuple(r) for r in rows] == [
        ("talking", 10, "system", False, None, CALL), ("holding", 30, "system", False, None, CALL),
        ("break", 75, "boss", True, 15, None), ("break", 15, "seat", False, 0, None), ("ready", None, "seat", False, None, None),
    ]  # fmt: skip
    assert (await rebuild(store, write=False)).differing == 0
    await store.execute("UPDATE agent_state SET forced = NOT forced WHERE state = 'break'")
    assert (await rebuild(store)).differing == 2
    assert (await rebuild(store, write=False)).differing == 0


# --- the writer's loop -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def running(store: Store, spool: Spool, tally: Tally) -> AsyncIterator[JournalWriter]:
    writer = JournalWriter(store, spool, SteadyClock(), tally)
    tasks = TaskGroup("test")
    tasks.spawn(writer.run(), name="journal")
    yield writer
    await tasks.close()


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
def spool(tmp_path: Path, tally: Tally) -> Iterator[Spool]:
    opened = Spool.open(tmp_path / "spool.db", source="test", max_facts=100_000, clock=ManualClock(T0), tally=tally)
    yield opened
    opened.close()


async def test_facts_leave_the_spool_for_the_journal(store: Store, spool: Spool, tally: Tally) -> None:
    async with running(store, spool, tally) as writer:
        spool.keep(answered_call())
        assert await writer.drain(10)
    assert spool.count == 0
    assert await store.fetchval("SELECT count(*) FROM journal") == len(answered_call())
    assert tally.levels["database_up", ()] == 1
    assert tally.observations["journal_lag_seconds", ()]


async def test_while_the_database_is_away_facts_wait_and_then_arrive(dsn: str, spool: Spool, tally: Tally) -> None:
    store = await Store.open(dsn, size=2, command_timeout_s=0.3)
    try:
        async with running(store, spool, tally):
            async with store.transaction() as blocker:
                await blocker.execute("LOCK TABLE journal")
                spool.keep(answered_call())
                await eventually(lambda: tally.levels.get(("database_up", ())) == 0)
                assert spool.count == len(answered_call())
            await eventually(lambda: spool.count == 0)
        assert tally.levels["database_up", ()] == 1
        assert (await get_call(store, CALL)).call.outcome == "answered"
    finally:
        await store.close()


async def test_a_drain_ends_in_time_and_leaves_the_rest_in_the_spool(dsn: str, spool: Spool, tally: Tally) -> None:
    nowhere = await Store.open(dsn.replace("?host=/", "?host=/nowhere/"), size=1, command_timeout_s=0.2)
    async with running(nowhere, spool, tally) as writer:
        spool.keep(answered_call())
        assert not await writer.drain(0.3)
    assert spool.count == len(answered_call())
    await nowhere.close()


async def test_a_poison_fact_is_put_aside_with_the_reason_and_the_rest_flows(store: Store) -> None:
    good = told(*many_calls(6))
    poison = told(arrived(1, CallId("bad"), caller_name="nul\0byte"), source="poison")
    late = told(arrived(float("inf"), CallId("never")), source="clock")
    tally = Tally()
    writer = JournalWriter(store, NoSpool(), ManualClock(T0), tally)
    await writer.write([*good[:20], *poison, *late, *good[20:]])
    dead = await store.fetch("SELECT fact_id, reason FROM journal_dead ORDER BY fact_id")
    assert [r["fact_id"] for r in dead] == ["clock-000001", "poison-000001"]
    assert all(r["reason"] for r in dead)
    assert await store.fetchval("SELECT count(*) FROM journal") == len(good)
    assert tally.counts["journal_dead", ()] == 2


async def test_a_broken_schema_is_not_blamed_on_the_facts(store: Store) -> None:
    await store.execute("ALTER TABLE segment RENAME TO segment_gone")
    writer = JournalWriter(store, NoSpool(), ManualClock(T0), Tally())
    with pytest.raises(Exception, match="segment"):
        await writer.write(told(*answered_call()))
    assert await store.fetchval("SELECT count(*) FROM journal_dead") == 0


async def test_writing_twice_after_an_unknown_outcome_is_harmless(store: Store) -> None:
    writer = JournalWriter(store, NoSpool(), ManualClock(T0), Tally())
    await writer.write(told(arrived(), queued()))
    await writer.write(told(arrived(), queued()))
    await writer.write(told(ended(30), source="later"))
    assert (await get_call(store, CALL)).call.outcome == "abandoned"


async def test_a_closed_store_is_unavailable_not_a_reason_to_drop(store: Store) -> None:
    writer = JournalWriter(store, NoSpool(), ManualClock(T0), Tally())
    await store.close()
    with pytest.raises(Unavailable):
        await writer.write(told(arrived()))


class NoSpool:
    def peek(self, limit: int) -> list[tuple[int, Envelope]]:
        return []

    def remove(self, up_to: int) -> None:
        raise AssertionError("nothing was peeked")

    async def wait(self) -> None:
        await asyncio.Event().wait()


async def test_views_answer_and_their_identity_holds(store: Store) -> None:
    await write(store, told(*many_calls(40)))
    rows = await store.fetch("SELECT * FROM v_interval_volume")
    assert sum(r["offered"] for r in rows) == 40
    assert all(r["offered"] == r["answered"] + r["abandoned"] + r["flowed_out"] + r["waiting"] for r in rows)
    for view in ("v_call", "v_segment", "v_offer", "v_recording", "v_agent_state"):
        await store.fetch(f"SELECT * FROM {view}")


async def test_numbers_of_offers_may_be_shared_by_two_calls(store: Store) -> None:
    facts = [*answered_call(CallId("a"), OFFER), *answered_call(CallId("b"), OFFER, 100)]
    await write(store, told(*facts))
    assert await store.fetchval("SELECT count(*) FROM offer") == 2
    assert (await get_call(store, CallId("b"))).recordings[0].call_id == "b"
