"""Every invariant that needs the database is noticed when it is broken; and the service that looks by itself counts each once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from crm.audit.auditing import audit
from crm.audit.periodic import CONFIRM_S, PeriodicAudit
from crm.audit.rules import KINDS, Finding
from crm.fold.rows import moment
from crm.journal.ledger import Ledger
from hotline.facts import (
    AgentAdded,
    AgentState,
    AgentStateChanged,
    CallAdopted,
    Envelope,
    Fact,
    LinkChanged,
    OfferAccepted,
    OfferRang,
    OfferRejected,
    OfferTimedOut,
    TalkEnded,
)
from hotline.ids import AgentId, CallId, Extension, FactId, LegId, NodeId, OfferId, QueueId
from hotline.runtime.clock import ManualClock, SteadyClock
from hotline.runtime.tasks import TaskGroup
from hotline.spool import Spool
from hotline.store.pool import Store
from hotline.tally import Tally
from tests.support.envelopes import (
    CALL,
    T0,
    answered_call,
    arrived,
    ended,
    many_calls,
    offered,
    on_offer,
    queued,
    told,
)
from tests.support.postgres15 import BOTH
from tests.support.wait import eventually

pytestmark = [pytest.mark.real, BOTH]
NOW = T0 + 3600


async def write(store: Store, *facts: Fact, source: str = "test") -> None:
    await append(store, told(*facts, source=source))


async def append(store: Store, envelopes: list[Envelope]) -> None:
    await Ledger(store, Tally()).append(envelopes)


async def found(store: Store, since: float = T0 - 600, until: float = NOW) -> list[Finding]:
    report = await audit(store, moment(since), moment(until), NOW)
    assert {f.kind for f in report.findings} <= set(KINDS)
    return report.findings


async def kinds(store: Store, **more: float) -> list[str]:
    return [f.kind for f in await found(store, **more)]


def state(
    agent: str, at: float, now: AgentState, previous: AgentState, call: CallId | None = None
) -> AgentStateChanged:
    return AgentStateChanged(at=T0 + at, agent_id=AgentId(agent), state=now, previous=previous, call_id=call)


async def test_proper_calls_have_no_findings(store: Store) -> None:
    await write(store, *many_calls(30, every_s=60))
    report = await audit(store, moment(0), moment(NOW), NOW)
    assert (report.calls, report.findings, report.complete) == (30, [], True)


# --- the journal ---------------------------------------------------------------------------------------------------------


async def test_a_call_without_a_row_is_noticed(store: Store) -> None:
    await write(store, *answered_call())
    await store.execute("DELETE FROM call")
    assert [(f.kind, f.call_id) for f in await found(store)] == [("no_row", CALL)]


async def test_a_fact_that_was_put_aside_is_noticed(store: Store) -> None:
    (late,) = told(arrived())
    await Ledger(store, Tally()).bury(late, b"{}", "no reason")
    assert [f.detail for f in await found(store)] == ["CallArrived test-000001: no reason"]


async def test_lost_numbers_are_noticed_and_those_put_aside_are_not(store: Store) -> None:
    envelopes = told(*answered_call())
    await append(store, [*envelopes[:3], *envelopes[6:]])
    await Ledger(store, Tally()).bury(envelopes[4], b"{}", "no reason")
    assert [f.detail for f in await found(store) if f.kind == "lost_facts"] == ["test: numbers 4 to 6"]
    await append(store, [envelopes[3], envelopes[5]])
    assert await kinds(store) == ["dead_fact"]


async def test_a_loss_before_the_first_fact_of_the_time_is_noticed(store: Store) -> None:
    envelopes = told(arrived(-4000, CallId("before")), ended(-3990, CallId("before")), *answered_call())
    await append(store, [*envelopes[:2], *envelopes[3:]])
    assert [f.detail for f in await found(store) if f.kind == "lost_facts"] == ["test: numbers 3 to 3"]


async def test_processes_count_each_for_itself(store: Store) -> None:
    await append(store, [e for pair in zip(told(*answered_call(), source="a"), told(*answered_call(CallId("c")), source="b"), strict=True)
                         for e in pair if e.fact_id != "b-000005"])  # fmt: skip
    assert [f.detail for f in await found(store) if f.kind == "lost_facts"] == ["b: numbers 5 to 5"]


async def test_a_fact_in_two_months_and_a_number_given_twice_are_noticed(store: Store) -> None:
    (first,) = told(arrived())
    month = 31 * 86_400.0
    again = Envelope(fact_id=first.fact_id, source="test", seq=2, fact=arrived(month, CallId("other")))
    twin = Envelope(fact_id=FactId("twin"), source="test", seq=1, fact=ended(4))
    await append(store, [first, again, twin])
    until = NOW + month + 86_400
    assert [f.detail for f in await found(store, until=until) if f.kind == "twice"] == [
        "fact test-000001",
        "test: numbers between 1 and 1",
    ]


async def test_a_wait_that_counts_as_nothing_breaks_the_identity(store: Store) -> None:
    await write(store, *answered_call())
    await store.execute("UPDATE segment SET outcome = 'done' WHERE kind = 'queue'")
    assert "queue service: 1 waits count as nothing" in [f.detail for f in await found(store) if f.kind == "identity"]


async def test_a_wait_that_no_row_has_breaks_the_identity(store: Store) -> None:
    await write(store, *answered_call())
    await store.execute("DELETE FROM segment WHERE kind = 'queue'")
    assert await kinds(store) == ["identity"]


async def test_something_that_is_open_after_the_end_is_noticed(store: Store) -> None:
    await write(store, *answered_call())
    await store.execute("UPDATE segment SET ended_at = NULL WHERE kind = 'talk'; UPDATE offer SET talk_ended_at = NULL")
    assert [(f.kind, f.detail) for f in await found(store) if f.kind == "open_after_end"] == [
        ("open_after_end", "segment 2 (talk)"),
        ("open_after_end", "offer offer-1"),
    ]


# --- agents --------------------------------------------------------------------------------------------------------------


async def test_an_agent_with_two_live_offers_is_noticed(store: Store) -> None:
    await write(store, *answered_call(CallId("a"), OfferId("o1")), *answered_call(CallId("b"), OfferId("o2"), 3))
    assert [(f.kind, f.call_id) for f in await found(store)] == [("two_offers", "b")]


async def test_an_agent_who_is_reserved_in_wrap_up_is_noticed(store: Store) -> None:
    await write(
        store, *answered_call(), state("1001", 6, "reserved", "wrap_up", CALL), state("1001", 40, "ready", "talking")
    )
    assert [(f.kind, f.detail) for f in await found(store)] == [
        ("unready_agent", "offer offer-1: agent 1001 was wrap_up")
    ]


def agent(name: str, **skills: int) -> AgentAdded:
    queues = (QueueId("service"),)
    return AgentAdded(
        at=T0 - 60, agent_id=AgentId(name), name=name, extension=Extension(name), skills=skills, queues=queues
    )


RUNG_AGAIN = [
    agent("1001", zh=1),
    *answered_call()[:3],
    offered(6),
    on_offer(OfferRang, 7),
    on_offer(OfferRejected, 8),
    offered(20, offer=OfferId("again"), recording_id=None),
    on_offer(OfferAccepted, 22, offer=OfferId("again")),
    on_offer(TalkEnded, 40, offer=OfferId("again")),
    ended(41),
]


@pytest.mark.parametrize(
    ("other", "ready_at", "kinds_found"),
    [
        (agent("1002", zh=1, en=1), 10, ["rung_again"]),
        (agent("1002", en=1), 10, []),
        (agent("1002", zh=1), 19, []),
        (agent("1002", zh=1), 30, []),
    ],
)
async def test_who_rejected_a_caller_is_not_rung_again_while_another_is_ready(
    store: Store, other: AgentAdded, ready_at: float, kinds_found: list[str]
) -> None:
    await write(
        store, *RUNG_AGAIN, other, state("1002", -60, "break", "offline"), state("1002", ready_at, "ready", "break")
    )
    assert await kinds(store) == kinds_found


async def test_who_rejected_a_caller_may_be_rung_again_when_the_other_did_too(store: Store) -> None:
    second = OfferId("second")
    await write(
        store, *RUNG_AGAIN, agent("1002", zh=1), state("1002", -60, "ready", "offline"),
        offered(9, offer=second, agent_id=AgentId("1002"), extension=Extension("1002")), on_offer(OfferRang, 10, offer=second),
        on_offer(OfferRejected, 11, offer=second),
    )  # fmt: skip
    assert await kinds(store) == []


# --- the line --------------------------------------------------------------------------------------------------------------


def waiting(name: str, start: float, until: float, **more: Any) -> list[Fact]:
    call = CallId(name)
    return [arrived(start, call), queued(start + 1, call, **more), ended(until, call, reconciled=True)]


def served(name: str, start: float, at: float, agent: str = "1001", **more: Any) -> list[Fact]:
    call, offer = CallId(name), OfferId(f"offer-{name}")
    return [
        arrived(start, call), queued(start + 1, call, **more),
        offered(at, call, offer, entered=start + 1, agent_id=AgentId(agent), recording_id=None),
        on_offer(OfferAccepted, at + 2, call, offer), on_offer(TalkEnded, at + 20, call, offer), ended(at + 21, call),
    ]  # fmt: skip


async def test_who_is_served_before_somebody_older_is_noticed(store: Store) -> None:
    await write(store, *waiting("old", 0, 90), *served("new", 10, 30))
    (finding,) = await found(store)
    assert (finding.kind, finding.call_id) == ("out_of_turn", "new")
    assert finding.detail == "offer offer-new to agent 1001; call old had waited for longer"


@pytest.mark.parametrize(
    "more",
    [
        [LinkChanged(at=T0 + 20, node=NodeId("node1"), up=True)],
        [CallAdopted(at=T0 + 29, call_id=CallId("old"), node=NodeId("node1"), leg=LegId("x"), phase="session")],
    ],
)
async def test_the_order_is_not_judged_while_the_house_is_disturbed(store: Store, more: list[Fact]) -> None:
    await write(store, *waiting("old", 0, 90), *served("new", 10, 30), *more)
    assert await kinds(store) == []


async def test_who_asks_for_other_skills_is_in_another_order(store: Store) -> None:
    await write(store, *waiting("old", 0, 90, skills=("english",)), *served("new", 10, 30))
    assert await kinds(store) == []


# --- routers ---------------------------------------------------------------------------------------------------------------


async def terms(store: Store, *holders: tuple[str, float]) -> None:
    for epoch, (holder, at) in enumerate(holders, start=1):
        await store.execute("INSERT INTO office_term VALUES ('router', $1, $2, $3)", epoch, holder, moment(T0 + at))


async def test_an_offer_of_a_router_whose_term_is_over_binds_nobody(store: Store) -> None:
    void = OfferId("void")
    await terms(store, ("old", -100), ("new", 5))
    await write(store, arrived(), queued(), source="hotline@node")
    await write(store, offered(6, offer=void, entered=5), source="hotline@old")
    await write(store, *answered_call()[3:], source="hotline@new")
    assert await kinds(store) == []


async def test_a_phone_that_rings_for_a_router_whose_term_is_over_is_noticed(store: Store) -> None:
    await terms(store, ("old", -100), ("new", 5))
    await write(store, *answered_call(), source="hotline@old")
    assert [(f.kind, f.detail) for f in await found(store)] == [("old_term", "offer offer-1")]


async def test_offers_of_the_router_in_office_are_judged_as_ever(store: Store) -> None:
    await terms(store, ("old", -100), ("new", 5))
    await write(store, *answered_call(CallId("a"), OfferId("o1")), source="hotline@new")
    more = [*answered_call(CallId("b"), OfferId("o2"), 3), arrived(0, CALL), offered(6)]
    await append(store, told(*more, source="hotline@new", first=11))
    assert await kinds(store) == ["late_offer", "two_offers", "two_offers"]


# --- by itself -------------------------------------------------------------------------------------------------------------


class Watch:
    """A periodic audit that is told the time."""

    def __init__(self, store: Store, spools: list[Path], interval_s: float = 60.0) -> None:
        self.tally = Tally()
        self.clock = ManualClock(NOW)
        self.audit = PeriodicAudit(store, self.clock, self.tally, interval_s=interval_s, spools=spools)
        self.pause_s = 0.0

    async def look(self) -> None:
        """Let the pause pass, and look."""
        self.clock.advance(self.pause_s)
        self.pause_s = await self.audit.look(self.clock.now())

    def counted(self) -> dict[str, float]:
        return {dict(labels)["kind"]: n for (name, labels), n in self.tally.counts.items() if name == "audit_findings"}

    @property
    def completed(self) -> float | None:
        return self.tally.levels.get(("audit_completed_timestamp_seconds", ()))


@pytest.fixture
async def tasks() -> AsyncIterator[TaskGroup]:
    group = TaskGroup("test")
    yield group
    await group.close()


@pytest.fixture
def watch(store: Store, tmp_path: Path) -> Watch:
    return Watch(store, [tmp_path / "spool.db"])


RECENT = 3000.0
"""After T0: within the hour that the first look goes back."""


def late_offer(name: str, start: float) -> list[Fact]:
    """An offer that outlives its timer."""
    call, offer = CallId(name), OfferId(f"offer-{name}")
    return [
        arrived(start, call), queued(start + 5, call), offered(start + 6, call, offer, entered=start + 5, ring_timeout_s=3.0),
        on_offer(OfferTimedOut, start + 20, call, offer), ended(start + 21, call),
    ]  # fmt: skip


async def test_what_is_found_twice_counts_once(store: Store, watch: Watch) -> None:
    await write(store, *late_offer("a", RECENT))
    await watch.look()
    assert (watch.counted(), watch.completed) == ({}, NOW)
    for _ in range(4):
        await watch.look()
    assert watch.counted() == {"late_offer": 1}
    assert watch.clock.now() > NOW + 3 * 60


async def test_a_suspicion_is_looked_at_again_soon(store: Store) -> None:
    watch = Watch(store, [], interval_s=3600.0)
    await write(store, *late_offer("a", RECENT))
    await watch.look()
    await watch.look()
    assert (watch.clock.now(), watch.counted()) == (NOW + CONFIRM_S, {"late_offer": 1})
    await watch.look()
    assert (watch.clock.now(), watch.counted()) == (NOW + CONFIRM_S + 3600, {"late_offer": 1})


async def test_facts_that_are_only_on_their_way_are_no_finding(store: Store, watch: Watch) -> None:
    envelopes = told(*answered_call(CallId("a"), OfferId("offer-a"), RECENT))
    await append(store, [*envelopes[:5], *envelopes[6:]])
    await watch.look()
    await append(store, envelopes[5:6])
    await watch.look()
    await watch.look()
    assert watch.counted() == {}


async def test_a_call_that_ends_long_after_its_arrival_is_looked_at_when_it_does(store: Store, watch: Watch) -> None:
    call = CallId("long")
    await write(store, arrived(-20_000, call))
    for _ in range(3):
        await watch.look()
    over = watch.clock.now() - T0 + 30
    await write(store, queued(over + 10, call), ended(over, call), source="late")
    for _ in range(3):
        await watch.look()
    assert watch.counted() == {"time_order": 1, "after_end": 1}


async def test_while_the_database_is_away_the_audit_waits_and_then_catches_up(store: Store, dsn: str) -> None:
    slow = await Store.open(dsn, size=1, command_timeout_s=0.2)
    watch = Watch(slow, [])
    await watch.look()
    async with store.transaction() as blocker:
        await blocker.execute("LOCK TABLE call")
        for _ in range(3):
            await watch.look()
    assert watch.completed == NOW
    away = watch.clock.now()
    assert away < NOW + 120
    watch.clock.advance(4000)
    await write(store, *late_offer("a", away + 10 - T0))
    await watch.look()
    await watch.look()
    assert (watch.completed or 0) > NOW
    assert watch.counted() == {"late_offer": 1}
    await slow.close()


async def test_an_audit_that_breaks_is_counted_and_tried_again(store: Store, watch: Watch) -> None:
    await store.execute("ALTER TABLE offer RENAME TO offer_gone")
    await watch.look()
    assert watch.tally.counts["service_errors", (("service", "audit"),)] == 1
    await store.execute("ALTER TABLE offer_gone RENAME TO offer")
    await watch.look()
    assert watch.completed is not None


async def test_facts_that_wait_in_the_spool_are_noticed_each_time_anew(
    store: Store, watch: Watch, tmp_path: Path
) -> None:
    spool = Spool.open(tmp_path / "spool.db", source="t", max_facts=9, clock=ManualClock(NOW - 100), tally=Tally())
    spool.keep([arrived()])
    spool.flush()
    await watch.look()
    await watch.look()
    assert watch.counted() == {"late_facts": 1}
    spool.remove(1)
    await watch.look()
    spool.keep([ended(3)])
    spool.flush()
    for _ in range(3):
        await watch.look()
    assert watch.counted() == {"late_facts": 2}
    spool.close()


async def test_it_looks_by_itself(store: Store, tasks: TaskGroup) -> None:
    tally = Tally()
    tasks.spawn(PeriodicAudit(store, SteadyClock(), tally, interval_s=0.01).run(), name="audit")
    completed = ("audit_completed_timestamp_seconds", ())
    await eventually(lambda: completed in tally.levels)
    first = tally.levels[completed]
    await eventually(lambda: tally.levels[completed] > first)
