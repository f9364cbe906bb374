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
from tests.unit.acd.test_replay_callbacks import BUSY, queue, visitor, wish
from tests.unit.acd.test_replay_callbacks import day as callback_day
from tests.unit.acd.test_replay_callbacks import journal as callback_journal

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


async def test_callbacks_are_read_with_what_became_of_them_and_those_that_were_open_before(store: Store) -> None:
    of = queue()
    played = callback_day(
        [visitor("late", HOUR * 2 + 30)], [wish("w", HOUR + 60), wish("v", HOUR + 90, BUSY)], from_=HOUR
    )
    kept = callback_journal(played, of)
    await Ledger(store, Tally()).append(told(*kept))
    begin = HOUR * 1.5
    facts = await read(store, begin, HOUR * 4)
    before = [fact.callback_id for fact in facts if isinstance(fact, f.CallbackRequested) and fact.at < begin]
    assert before == ["w", "v"]
    later = await read(store, HOUR * 3, HOUR * 4)
    assert not [fact for fact in later if isinstance(fact, f.CallbackRequested)], "they are over"
    report = replay(facts, (Way(name="0", queues=(of,)),), begin=begin, end=HOUR * 4, seed=1)
    real, again = report.real_callbacks["q"], report.ways_callbacks["0"]["q"]
    assert (real["asked"], real["reached"], real["attempts"]) == (2.0, 2.0, 3.0)
    assert again == {name: pytest.approx(value, rel=0.02) for name, value in real.items()}
