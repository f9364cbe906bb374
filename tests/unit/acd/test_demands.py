"""What callers ask of agents: skills with levels, languages, and less of it with time."""

import msgspec
import pytest

from acd.core.agents.roster import Profile
from acd.core.callers.demand import asked, relaxed, step_at, tokens
from acd.core.callers.heads import EMPTY, Alike, Heads
from acd.core.views import why_nobody
from hotline import facts as f
from hotline.settings.queues import Queue, Relax
from tests.unit.acd.play import Play, profile


def able(agent: str, **skills: int) -> Profile:
    return msgspec.structs.replace(profile(agent), skills=skills)


def reasons(play: Play, call: str) -> list[str]:
    caller = play.router.floor.line.get(call)
    return [obstacle.text_en for obstacle in why_nobody(play.router.floor, caller)]


def test_a_level_below_the_one_that_is_asked_for_is_not_enough():
    play = Play(able("1001", english=3), able("1002", english=5))
    play.ready("1001", "1002")
    assert play.queued("A", skills=("english",), levels=(("english", 5),))[0] == "offer A 1002"
    assert play.queued("B", skills=("english",), levels=(("english", 3),))[0] == "offer B 1001"


def test_the_level_that_is_missing_is_named():
    play = Play(able("1001", english=3))
    play.ready("1001")
    play.queued("A", skills=("english",), levels=(("english", 5),))
    assert reasons(play, "A") == ["lacks the skill (english 5 (has 3))"]
    play.queued("B", levels=(("card", 2),))
    assert reasons(play, "B") == ["lacks the skill (card 2)"]


def test_the_queue_asks_for_levels_and_the_higher_of_both_counts():
    queue = Queue(id="q", skills={"english": 4, "card": 1})
    assert asked(queue, ("english", "sales"), (("card", 3),), "") == (("card", 3), ("english", 4), ("sales", 1))


def test_the_language_is_a_skill_where_the_queue_says_so():
    play = Play(able("1001", en=5), able("1002", zh=5), language_skill=True)
    play.ready("1001", "1002")
    assert play.queued("A", language="zh")[0] == "offer A 1002"
    assert play.queued("B", language="")[0] == "offer B 1001"


def test_the_language_is_none_elsewhere():
    play = Play("1001")
    play.ready("1001")
    assert play.queued("A", language="zh")[0] == "offer A 1001"


STEPS = (Relax(after_s=20, skills={"english": 3}), Relax(after_s=60, skills={"english": 0, "card": 1}))


def test_a_demand_relaxes_in_steps():
    queue = Queue(id="q", skills={"english": 5, "card": 2}, relax=STEPS)
    needs = asked(queue, (), (), "")
    found = [relaxed(needs, queue, 500.0, 500.0 + waited_s) for waited_s in (0, 19.9, 20, 60)]
    assert found == [needs, needs, (("card", 2), ("english", 3)), (("card", 1),)]
    assert [step_at(queue, 500.0, 500.0 + waited_s) for waited_s in (0, 20, 59, 60)] == [0, 1, 1, 2]


def test_relaxing_never_asks_for_more():
    queue = Queue(id="q", skills={"english": 2}, relax=(Relax(after_s=5, skills={"english": 9, "card": 9}),))
    assert relaxed(asked(queue, (), (), ""), queue, 0.0, 100.0) == (("english", 2),)


def test_a_caller_is_matched_anew_when_less_is_asked():
    play = Play(able("1001", english=3), skills={"english": 5}, relax=STEPS)
    play.ready("1001")
    play.queued("A")
    assert play.after(19) == []
    assert "offer A 1001" in play.after(1.5)
    [decision] = play.router.why("A")
    assert decision.relaxed == 1
    assert "After this wait less was asked of agents (step 1)." in decision.sentence()


def test_a_relaxed_caller_keeps_his_place():
    play = Play(able("1001", card=1), skills={"english": 5}, relax=(Relax(after_s=10, skills={"english": 0}),))
    play.queued("A")
    play.after(5)
    play.queued("B")
    play.after(20)
    assert "offer A 1001" in play.ready("1001")


def test_steps_go_by_the_whole_wait_of_who_comes_from_another_queue():
    play = Play(able("1001", english=3), skills={"english": 5}, relax=STEPS)
    play.ready("1001")
    assert "offer A 1001" in play.queued("A", since=play.now - 30)


def test_less_is_asked_of_a_caller_whose_phone_rings_only_for_the_next_offer():
    play = Play(able("1001", english=5), able("1002", english=3), skills={"english": 5}, relax=STEPS)
    play.ready("1001", "1002")
    play.queued("A")
    assert play.after(14) == []
    play.now += 7
    play.told(f.OfferRejected, "A")
    play.router.wake(now=play.now)
    assert "offer A 1002" in play.returned("A")


@pytest.mark.parametrize("level", [1, 4, 10])
def test_an_agent_has_every_level_up_to_his_own(level):
    has = tokens({"english": 4})
    assert (("english", level) in has) == (level <= 4)


def test_waiting_callers_of_one_demand_stand_in_one_order():
    play = Play()
    for number in range(10):
        play.queued(f"A{number}", skills=("english",), levels=(("english", 1 + number % 2),))
    line = play.router.floor.line
    last = line.get("A9")
    assert [call_id for call_id, _ in line.before(last, 5)] == ["A0", "A1"]
    assert [call_id for call_id, _ in line.before(last, 1)] == ["A0"]


def come_and_go(heads: Heads, skill: str) -> Alike:
    rank = (0.0, 1.0, "B")
    alike = heads.put(rank, ((skill, 1),))
    heads.drop(rank, alike)
    return alike


def test_an_order_in_which_nobody_stands_is_kept_for_the_next_who_asks_the_same_but_not_for_ever():
    heads = Heads("q")
    waiting = heads.put((0.0, 0.0, "A"), (("german", 1),))
    english = come_and_go(heads, "english")
    assert come_and_go(heads, "english") is english
    for number in range(EMPTY):
        come_and_go(heads, f"skill{number}")
    assert come_and_go(heads, "english") is not english
    assert heads.put((0.0, 2.0, "C"), (("german", 1),)) is waiting
    assert heads.first(tokens({"german": 1}), {"A": "A", "C": "C"}, lambda _: True) == "A"
    assert heads.size == 2
