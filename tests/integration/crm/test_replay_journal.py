"""A replay reads what it needs from a real journal: who the agents were before, then every fact, in order, page by page."""

import pytest

from acd.simulation import journal as door
from acd.simulation.again import Way, replay
from crm.journal.ledger import Ledger
from hotline import facts as f
from hotline.store.pool import Store
from hotline.tally import Tally
from tests.support.envelopes import told
from tests.unit.acd.test_replay import HOUR, QUEUE, day, journal

pytestmark = pytest.mark.real


async def read(store: Store, begin: float, end: float) -> list[f.Fact]:
    return [fact async for fact in door.read_facts(store, begin, end)]


async def test_what_was_kept_is_played_again_and_decided_alike(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = journal(day())
    await Ledger(store, Tally()).append(told(*kept))
    monkeypatch.setattr(door, "PAGE", 100)
    first = await door.span(store)
    assert first is not None
    facts = await read(store, HOUR, HOUR * 3)
    wanted = [fact for fact in kept if type(fact).__name__ in door.KINDS]
    assert len(facts) == len(wanted)
    assert {repr(fact) for fact in facts} == {repr(fact) for fact in wanted}
    report = replay(facts, (Way(name="as set now", queues=(QUEUE,)),), begin=HOUR, end=HOUR * 3, seed=1)
    assert report.callers == len([v for v in wanted if isinstance(v, f.CallQueued)])
    assert report.decided.share == 1.0


async def test_a_stretch_in_the_middle_knows_who_was_there_when_it_began(store: Store) -> None:
    await Ledger(store, Tally()).append(told(*journal(day())))
    begin = HOUR * 1.5
    facts = await read(store, begin, HOUR * 3)
    before = [fact for fact in facts if fact.at < begin]
    assert {type(fact) for fact in before} == {f.AgentAdded, f.AgentStateChanged}
    states = [fact.agent_id for fact in before if isinstance(fact, f.AgentStateChanged)]
    assert sorted(states) == ["1001", "1002", "1003", "1004"], "the last word about each, once"
    report = replay(facts, (Way(name="as set now", queues=(QUEUE,)),), begin=begin, end=HOUR * 3, seed=1)
    assert report.decided.decisions > 20
    assert report.decided.share is not None
    assert report.decided.share > 0.9
