"""A day that the simulation played is a journal: played again, it is the same day, and every decision is the same."""

from collections.abc import Iterable

import pytest

from acd.core.agents.roster import Profile
from acd.simulation.again import Way, replay
from acd.simulation.day import Day, Duty, Visitor, Worker
from acd.simulation.engine import Engine
from acd.simulation.patience import Patience
from acd.simulation.streams import Streams
from hotline import facts as f
from hotline.errors import Misuse
from hotline.ids import AgentId, CallId, Extension, QueueId
from hotline.settings.queues import Queue

Q = QueueId("q")
QUEUE = Queue(id="q", ring_timeout_s=10, wrap_up_s=600, rest_after_no_answer_s=5, no_answers_before_break=3)
HOUR = 3_600.0


def worker(agent: str, *skills: str) -> Worker:
    return Worker(profile=Profile(id=AgentId(agent), extension=Extension(agent), skills=dict.fromkeys(skills, 5)))


def day(*, calls: int = 120, agents: int = 4, no_answer: float = 0.05) -> Day:
    streams = Streams(3, 0)
    luck, gaps = streams.of("luck"), streams.of("gaps")
    at, visitors = HOUR, []
    for number in range(calls):
        at += gaps.expovariate(1 / 25)
        visitors.append(
            Visitor(
                call_id=CallId(f"c{number:03}"),
                at=at,
                queue_id=Q,
                priority=int(luck.random() < 0.2),
                skills=("card",) if luck.random() < 0.3 else (),
                patience_s=luck.expovariate(1 / 90),
                talk_s=luck.expovariate(1 / 70),
                wrap_up_s=luck.expovariate(1 / 15),
                ring_s=None if luck.random() < no_answer else 1 + 3 * luck.random(),
            )
        )
    workers = tuple(worker(str(1001 + n), *(("card",) if n % 2 else ())) for n in range(agents))
    duties = [Duty(at=HOUR + n, agent_id=w.profile.id, ask="ready") for n, w in enumerate(workers)]
    duties += [
        Duty(at=HOUR + 900, agent_id=AgentId("1001"), ask="not_ready"),
        Duty(at=HOUR + 1_500, agent_id=AgentId("1001"), ask="ready"),
    ]
    return Day(visitors=tuple(visitors), workers=workers, duties=tuple(duties))


def journal(played: Day) -> list[f.Fact]:
    """Play a day and return what a journal would have of it."""
    told: list[f.Fact] = [
        f.AgentAdded(at=HOUR, agent_id=w.profile.id, name="", extension=w.profile.extension, skills=w.profile.skills)
        for w in played.workers
    ]

    class Reporter(Engine):
        def give(self, record: f.Record) -> None:
            if isinstance(record, f.Fact):
                told.append(record)
            super().give(record)

    engine = Reporter(
        (QUEUE,),
        played,
        begin=HOUR,
        count_from=HOUR,
        ring_again=lambda _v: 2.0,
        told=lambda o: isinstance(o, f.Fact) and told.append(o),
    )
    engine.run()
    return told


@pytest.fixture(scope="module")
def facts() -> list[f.Fact]:
    return journal(day())


def again(facts: list[f.Fact], *ways: Way) -> object:
    return replay(facts, ways or (Way(name="as set now", queues=(QUEUE,)),), begin=HOUR, end=HOUR * 3, seed=1)


def test_every_decision_is_the_same_in_the_situation_as_it_was(facts: list[f.Fact]) -> None:
    decided = again(facts).decided
    assert decided.decisions > 80
    assert decided.examples == []
    assert decided.share == 1.0


def test_the_day_played_again_is_the_day(facts: list[f.Fact]) -> None:
    report = again(facts)
    real, played = report.real["q"], report.ways["as set now"]["q"]
    for name in ("offered", "answered", "abandoned", "service_level", "asa_s", "wait_p90_s", "overtakes"):
        assert played[name] == pytest.approx(real[name], rel=0.02, abs=1.0), name


def test_a_changed_decision_is_found_and_named(facts: list[f.Fact]) -> None:
    """As if the journal said that another agent had been chosen once."""
    made = [o for o in facts if isinstance(o, f.OfferMade)]
    changed = [_with_agent(x, "1004" if made[5].agent_id != "1004" else "1002") if x is made[5] else x for x in facts]
    decided = again(changed).decided
    assert decided.counts["same"] < decided.decisions
    assert decided.examples[0].call_id == made[5].call_id
    assert decided.examples[0].why in ("other_agent", "nobody")


def _with_agent(fact: f.Fact, agent: str) -> f.Fact:
    assert isinstance(fact, f.OfferMade)
    return f.OfferMade(**{**{n: getattr(fact, n) for n in fact.__struct_fields__}, "agent_id": AgentId(agent)})


def test_another_policy_leads_to_other_waits(facts: list[f.Fact]) -> None:
    """Without skills nobody has to wait for an expert: a policy that asks for one that few have is worse."""
    strict = QUEUE.model_copy(update={"skills": {"card": 1}})
    report = again(facts, Way(name="now", queues=(QUEUE,)), Way(name="experts only", queues=(strict,)))
    assert report.ways["experts only"]["q"]["abandonment"] > report.ways["now"]["q"]["abandonment"]


def test_a_queue_that_is_not_set_any_more_is_named(facts: list[f.Fact]) -> None:
    with pytest.raises(Misuse, match="no queue q"):
        again(facts, Way(name="now", queues=(Queue(id="other"),)))


def test_nobody_called_is_said(facts: list[f.Fact]) -> None:
    with pytest.raises(Misuse, match="nobody waited"):
        replay(facts, (Way(name="now", queues=(QUEUE,)),), begin=HOUR * 50, end=HOUR * 60, seed=1)


# --- patience ----------------------------------------------------------------------------------------------------------


def survivals(waits: Iterable[tuple[float, bool]], *at: float) -> list[float]:
    patience = Patience(waits)
    return [round(patience.survival(t), 4) for t in at]


def test_patience_without_answers_is_the_share_of_those_still_there() -> None:
    assert survivals([(10, True), (20, True), (30, True), (40, True)], 5, 10, 25, 40) == [1.0, 0.75, 0.5, 0.0]


def test_who_was_answered_counts_as_long_as_he_waited() -> None:
    """The textbook case: of five, one was answered after 15 s and leaves those at risk then."""
    assert survivals([(10, True), (15, False), (20, True), (30, True), (40, True)], 10, 20, 30) == [0.8, 0.5333, 0.2667]


def test_a_caller_who_was_still_there_is_given_more_patience_than_that() -> None:
    patience = Patience([(10, True), (20, True), (30, True), (60, False)])
    luck = Streams(1, 0).of("patience")
    assert all(patience.beyond(20, luck) > 20 for _ in range(200))


def test_where_nobody_hangs_up_patience_is_endless() -> None:
    assert Patience([(5, False)]).beyond(5, Streams(1, 0).of("x")) == float("inf")
