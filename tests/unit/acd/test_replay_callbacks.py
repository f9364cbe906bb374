"""Callbacks of a day are in its journal: played again by the same policy it is the same day, and other policies change what they should."""

from math import inf
from typing import Any

import pytest

from acd.simulation.again import WHOEVER_ASKED, Again, Way, replay
from acd.simulation.day import Day, Dialled, Duty, Visitor, Wish
from acd.simulation.engine import Engine
from acd.simulation.streams import Streams
from hotline import facts as f
from hotline.ids import AgentId, CallbackId, CallId, QueueId
from hotline.settings.queues import CallbackPolicy, Queue
from tests.unit.acd.test_replay import HOUR, worker

Q = QueueId("q")
END = HOUR * 4


def queue(**policy: Any) -> Queue:
    return Queue(id="q", ring_timeout_s=10, wrap_up_s=60, callback=CallbackPolicy(retry_after_s=120, **policy))


def visitor(name: str, at: float, **more: Any) -> Visitor:
    return Visitor(**{"call_id": CallId(name), "at": at, "queue_id": Q, "talk_s": 60.0, "ring_s": 2.0, **more})


def wish(
    name: str, at: float, *dialled: Dialled, entered_at: float | None = None, of_call: str | None = None, **more: Any
) -> Wish:
    asked = f.CallbackRequested(
        at=at, callback_id=CallbackId(name), queue_id=Q, number=f"139{abs(hash_of(name)):08}",
        entered_at=at if entered_at is None else entered_at, of_call=CallId(of_call) if of_call else None,
    )  # fmt: skip
    answered = (*dialled, Dialled(result="answered", rings_s=6.0))
    return Wish(**{"asked": asked, "dialled": answered, "talk_s": 90.0, "wrap_up_s": 5.0, "ring_s": 2.0, **more})


def hash_of(name: str) -> int:
    return sum(ord(c) * 7**n for n, c in enumerate(name)) % 10**8


def by_key(name: str, came: float, after_s: float, *dialled: Dialled, **more: Any) -> Wish:
    """A caller who came then leaves his number after so many seconds, which takes him ten more."""
    left = came + after_s
    return wish(f"w-{name}", left + 10, *dialled, entered_at=came, of_call=name, left_at=left, left_by_key=True, **more)


def day(visitors: list[Visitor], wishes: list[Wish], *, agents: int = 1, from_: float = 0.0) -> Day:
    workers = tuple(worker(str(1001 + n)) for n in range(agents))
    duties = tuple(Duty(at=HOUR + from_ + n, agent_id=w.profile.id, ask="ready") for n, w in enumerate(workers))
    ordered = tuple(sorted(visitors, key=lambda v: v.at))
    return Day(visitors=ordered, workers=workers, duties=duties, wishes=tuple(sorted(wishes, key=lambda w: w.asked.at)))


def journal(played: Day, of: Queue) -> list[f.Fact]:
    told: list[f.Fact] = [
        f.AgentAdded(at=HOUR, agent_id=w.profile.id, name="", extension=w.profile.extension) for w in played.workers
    ]

    class Reporter(Engine):
        def give(self, record: f.Record) -> None:
            if isinstance(record, f.Fact):
                told.append(record)
            super().give(record)

    engine = Reporter(
        (of,), played, begin=HOUR, count_from=HOUR, ring_again=lambda _v: 2.0, outbound=WHOEVER_ASKED,
        told=lambda o: isinstance(o, f.Fact) and told.append(o),
    )  # fmt: skip
    engine.run(until=END)
    return told


def again(facts: list[f.Fact], *queues: Queue, begin: float = HOUR) -> Again:
    ways = tuple(Way(name=str(n), queues=(of,)) for n, of in enumerate(queues))
    return replay(facts, ways, begin=begin, end=END, seed=1)


def called(facts: list[f.Fact]) -> list[str]:
    return [x.callback_id for x in facts if isinstance(x, f.CallbackAttempted)]


BUSY, NOBODY = Dialled(result="busy", rings_s=3.0), Dialled(result="no_answer", rings_s=20.0)


# --- the engine ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["agent", "customer"])
def test_a_caller_leaves_his_number_is_called_in_his_turn_and_talks_as_long_as_he_did(first: str) -> None:
    of = queue(first=first, ahead_s=0)
    busy = visitor("a", HOUR + 5, talk_s=300.0)
    facts = journal(day([busy, visitor("b", HOUR + 20), visitor("c", HOUR + 25)], [by_key("b", HOUR + 20, 15)]), of)
    (ended,) = (x for x in facts if isinstance(x, f.CallbackEnded))
    assert (ended.result, ended.attempts) == ("reached", 1)
    order = [x.call_id for x in facts if isinstance(x, f.OfferAccepted)]
    assert order == ["a", "w-b.1", "c"], "he came before the caller who stayed on the line"
    (talk,) = (x for x in facts if isinstance(x, f.TalkEnded) and x.call_id == "w-b.1")
    dialled = next(x for x in facts if isinstance(x, f.CustomerDialled))
    accepted = next(x for x in facts if isinstance(x, f.OfferAccepted) and x.call_id == "w-b.1")
    assert talk.at - max(dialled.at, accepted.at) == pytest.approx(90)


def test_who_is_served_before_he_would_have_left_leaves_no_number() -> None:
    facts = journal(day([visitor("b", HOUR + 20)], [by_key("b", HOUR + 20, 15)]), queue())
    assert not [x for x in facts if isinstance(x, f.CallbackRequested)]


def test_a_customer_who_is_busy_is_called_again_later() -> None:
    facts = journal(day([visitor("z", HOUR + 3)], [wish("w", HOUR + 10, BUSY, NOBODY)]), queue(attempts=5))
    results = [x.result for x in facts if isinstance(x, f.CustomerDialled)]
    assert results == ["busy", "no_answer", "answered"]
    assert [x.result for x in facts if isinstance(x, f.CallbackEnded)] == ["reached"]


def test_a_phone_that_would_be_answered_too_late_is_not() -> None:
    slow = Dialled(result="answered", rings_s=25.0)
    facts = journal(day([], [wish("w", HOUR + 10, slow)]), queue(ring_timeout_s=20, attempts=1))
    assert [x.result for x in facts if isinstance(x, f.CustomerDialled)] == ["no_answer"]


def test_who_answers_and_finds_no_agent_hangs_up_after_as_long_as_he_did() -> None:
    """Customer first: he is on the line, but the agent who was kept for him does not answer his phone."""
    waits = Dialled(result="answered", rings_s=2.0, holds_s=7.0)
    asked = day([], [wish("w", HOUR + 10, waits, ring_s=60.0)])
    facts = journal(asked, queue(first="customer", ahead_s=0))
    assert [(x.result, x.reason, x.held_s) for x in facts if isinstance(x, f.CallbackEnded)] == [
        ("failed", "hung_up", pytest.approx(7.0))
    ]


def test_a_cancelled_callback_is_cancelled_when_it_was() -> None:
    played = day([visitor("a", HOUR + 5, talk_s=900.0)], [wish("w", HOUR + 10, cancelled_at=HOUR + 100)])
    facts = journal(played, queue())
    (ended,) = (x for x in facts if isinstance(x, f.CallbackEnded))
    assert (ended.result, ended.at) == ("cancelled", HOUR + 100)
    assert called(facts) == []


def test_a_queue_that_lets_callers_out_has_those_leave_a_number_who_did() -> None:
    overflow = ({"when": "waited", "over": 40, "to": "callback"},)
    of = Queue.model_validate({**queue().model_dump(), "overflow": overflow})
    left = wish("w-b", HOUR + 70, entered_at=HOUR + 20, of_call="b", left_at=HOUR + 60)
    callers = [visitor("a", HOUR + 5, talk_s=300.0), visitor("b", HOUR + 20), visitor("c", HOUR + 21)]
    facts = journal(day(callers, [left]), of)
    out = {x.call_id: x.treatment for x in facts if isinstance(x, f.CallFlowedOut)}
    assert out == {"b": "callback", "c": "callback"}
    assert [x.of_call for x in facts if isinstance(x, f.CallbackRequested)] == ["b"]


# --- the same day again -------------------------------------------------------------------------------------------------


def random_day(seed: int, *, agents: int = 3, calls: int = 80) -> Day:
    luck = Streams(seed, 0).of("day")
    at, visitors, wishes = HOUR, [], []
    for number in range(calls):
        at += luck.expovariate(1 / 25)
        patience = luck.expovariate(1 / 200)
        name = f"c{number:03}"
        caller = visitor(
            name, at, patience_s=patience, talk_s=luck.expovariate(1 / 70), wrap_up_s=luck.expovariate(1 / 10),
            ring_s=1 + 3 * luck.random(), priority=int(luck.random() < 0.2),
        )  # fmt: skip
        visitors.append(caller)
        if luck.random() < 0.4:
            times = int(luck.random() * 3)
            dialled = [luck_of_phone(luck) for _ in range(times)]
            wishes.append(by_key(name, at, patience * luck.random(), *dialled, talk_s=luck.expovariate(1 / 80)))
    return day(visitors, wishes, agents=agents)


def luck_of_phone(luck: Any) -> Dialled:
    return Dialled(result="busy" if luck.random() < 0.5 else "no_answer", rings_s=2 + 20 * luck.random())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("first", ["agent", "customer"])
def test_the_day_played_again_by_the_same_policy_is_the_day(seed: int, first: str) -> None:
    """Every wish, ringing and result as it was; waits and shares within 2 %, counts within one caller."""
    of = queue(first=first, ahead_s=0)
    report = again(journal(random_day(seed), of), of)
    assert report.callbacks >= 5
    real, played = report.real_callbacks["q"], report.ways_callbacks["0"]["q"]
    for name in real:
        assert played[name] == pytest.approx(real[name], rel=0.02, abs=1.0), name
    for name in ("offered", "answered", "abandoned", "flowed_out", "service_level", "asa_s", "wait_p90_s", "occupancy"):
        assert report.ways["0"]["q"][name] == pytest.approx(report.real["q"][name], rel=0.02, abs=1.0), name
    assert report.skipped == 0


def test_another_policy_for_callbacks_changes_what_becomes_of_them() -> None:
    of, strict = queue(), queue(attempts=1)
    report = again(journal(random_day(2), of), of, strict)
    assert report.ways_callbacks["1"]["q"]["failed"] > report.ways_callbacks["0"]["q"]["failed"]
    assert report.ways_callbacks["1"]["q"]["attempts"] < report.ways_callbacks["0"]["q"]["attempts"]


def test_a_callback_that_was_open_when_the_stretch_begins_is_played_at_its_place() -> None:
    """Asked for before; the agent comes only in the stretch. He is called before the caller who came later."""
    of = queue()
    facts = journal(day([visitor("late", HOUR * 2 + 30)], [wish("w", HOUR + 60)], from_=HOUR + 60), of)
    report = again(facts, of, begin=HOUR * 2)
    assert report.callbacks == 1
    assert report.real_callbacks["q"]["wait_s"] == pytest.approx(report.ways_callbacks["0"]["q"]["wait_s"], rel=0.02)
    assert report.ways_callbacks["0"]["q"]["wait_s"] > HOUR


def test_a_day_of_callbacks_alone_can_be_replayed() -> None:
    of = queue()
    report = again(journal(day([], [wish("w", HOUR + 60, BUSY)]), of), of)
    assert (report.callers, report.callbacks) == (0, 1)
    assert report.ways_callbacks["0"]["total"]["reached"] == 1
    assert report.ways["0"]["q"]["offered"] == 0


def test_what_nobody_can_know_is_drawn_from_others_of_the_queue() -> None:
    """One was never called in the time; with more agents he is, and his talk is one of those that there were."""
    of = queue()
    told = journal(day([], [wish("w", HOUR + 60), wish("v", END - 60, talk_s=5_000.0)]), of)
    assert called(told) == ["w", "v"]
    kept = [x for x in told if not (isinstance(x, f.CallbackFact) and x.callback_id == "v" and x.at > END - 60)]
    kept = [x for x in kept if not (isinstance(x, f.CallFact) and x.call_id.startswith("v"))]
    report = again(kept, of)
    assert report.real_callbacks["q"]["open"] == 1
    assert report.ways_callbacks["0"]["q"]["reached"] == 2
    assert report.ways["0"]["q"]["handling_s"] == pytest.approx(95, abs=1)


def test_without_any_attempt_in_the_journal_phones_are_taken_as_answered() -> None:
    asked = wish("w", HOUR + 60).asked
    facts: list[f.Fact] = [
        f.AgentAdded(at=HOUR, agent_id=AgentId("1001"), name="", extension="1001"),  # type: ignore[arg-type]
        f.AgentStateChanged(at=HOUR, agent_id=AgentId("1001"), previous="offline", state="ready"),
        asked,
    ]
    report = again(facts, queue())
    assert report.ways_callbacks["0"]["q"]["reached"] == 1
    assert inf > (report.ways_callbacks["0"]["q"]["wait_s"] or inf)
