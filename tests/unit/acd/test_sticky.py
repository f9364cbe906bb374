"""Whom callers are kept for: the agent who served them last, their customer manager, one whom they were transferred to."""

import pytest

from acd.core.matching.served import BUCKETS, CUSTOMERS, ServedBy
from acd.core.requests import CallerRequest
from acd.core.views import why_nobody
from hotline import facts as f
from hotline.ids import CallId
from hotline.settings.queues import Overflow, Queue
from tests.unit.acd.play import Play, profile


def had(play: Play, call: str, **customer: object) -> None:
    """Let a customer talk with whoever is rung for him."""
    play.arrived(call)
    play.identified(call, **customer)
    play.queued(call)
    play.answered(call)
    play.after(5)
    play.told(f.TalkEnded, call)
    play.ended(call)


def knows(**queue: object) -> Play:
    """Return a floor on which 1001 served the customer, and 1002 is free longer."""
    play = Play("1001", "1002", wrap_up_s=0, **{"sticky": "last_agent", **queue})
    play.ready("1001", "1002")
    had(play, "A")
    play.after(60)
    return play


def again(play: Play, call: str = "B", **more: object) -> list[str]:
    play.arrived(call)
    play.identified(call)
    return play.queued(call, **more)


def test_who_served_a_customer_last_is_rung_first():
    play = knows()
    assert again(play)[0] == "offer B 1001"
    [decision] = play.router.why("B")
    assert decision.kept
    assert "he was kept for this agent" in decision.sentence()


def test_elsewhere_the_longest_idle_is():
    assert again(knows(sticky="none"))[0] == "offer B 1002"


def test_a_stranger_is_kept_for_nobody():
    play = knows()
    assert play.queued("B")[0] == "offer B 1002"


def test_customers_are_known_by_their_number_where_the_crm_knows_none():
    play = Play("1001", "1002", wrap_up_s=0, sticky="last_agent")
    play.ready("1001", "1002")
    for call in "AB":
        play.give(f.CallArrived(at=play.now, call_id=call, node="node1", leg="x", number="4", caller_number="138"))
        assert play.queued(call)[0] == f"offer {call} 1001"
        play.answered(call)
        play.after(5)
        play.told(f.TalkEnded, call)


def test_he_is_kept_for_a_busy_agent_for_a_while_then_for_nobody():
    play = knows(sticky_s=8)
    play.queued("X", wanted_agent="1001")
    play.answered("X")
    assert again(play) == []
    assert play.after(7.5) == []
    assert "offer B 1002" in play.after(1)


def test_others_say_that_he_is_kept_for_another():
    play = knows()
    play.queued("X", wanted_agent="1001")
    play.answered("X")
    again(play)
    [waiting] = play.router.floor.line.waiting("q")
    assert waiting.wanted_agent == "1001"
    texts = [obstacle.text_en for obstacle in why_nobody(play.router.floor, waiting)]
    assert "was not rung because the caller is kept for another agent (1001)" in texts


def test_the_agent_gets_him_as_soon_as_he_is_free():
    play = knows()
    play.queued("X", wanted_agent="1001")
    play.answered("X")
    again(play)
    play.now += 3
    assert "offer B 1001" in play.told(f.TalkEnded, "X")


@pytest.mark.parametrize("ask", ["not_ready", "log_out"])
def test_the_wish_is_void_when_that_agent_is_not_on_duty(ask):
    play = knows()
    play.ask("1001", ask)
    assert again(play)[0] == "offer B 1002"


def test_the_wish_is_void_when_that_agent_goes():
    play = knows(sticky_s=60)
    play.queued("X", wanted_agent="1001")
    play.answered("X")
    again(play)
    play.ask("1001", "log_out")
    assert "offer B 1002" in play.told(f.TalkEnded, "X")


def test_a_void_wish_does_not_come_back_with_another_priority():
    play = knows(sticky_s=60)
    play.ask("1001", "log_out")
    play.ask("1002", "not_ready")
    again(play)
    play.seat("1001", in_use=True)
    play.ready("1001")
    play.give(CallerRequest(at=play.now, call_id=CallId("B"), by="mei", priority=5))
    assert "offer B 1002" in play.ready("1002")


def test_the_wish_is_void_when_that_agent_refuses():
    play = knows()
    again(play)
    assert "offer B 1002" in play.told(f.OfferRejected, "B") + play.returned("B")
    assert play.router.floor.line.get("B").wanted_agent is None


def test_the_wish_is_void_when_that_agent_lacks_a_skill():
    play = Play(profile("1001"), profile("1002", skills=("card",)), wrap_up_s=0, sticky="last_agent")
    play.ready("1001", "1002")
    had(play, "A")
    assert again(play, skills=("card",))[0] == "offer B 1002"


def test_a_customer_manager_comes_first_where_the_queue_says_so():
    play = Play("1001", "1002", sticky="personal_agent")
    play.ready("1001", "1002")
    play.arrived("A")
    play.identified("A", agent_id="1002")
    assert play.queued("A")[0] == "offer A 1002"


def test_a_customer_manager_who_is_learnt_late_counts_while_time_is_left():
    play = Play("1001", "1002", sticky="personal_agent", sticky_s=10)
    play.queued("A")
    play.after(3)
    play.identified("A", agent_id="1002")
    assert play.ready("1001") == ["1001 offline -> ready", "offer A 1001", "1001 ready -> reserved", "ring A 1001"]
    heir = Play("1001", "1002", sticky="personal_agent", sticky_s=10)
    heir.ask("1002", "ready")
    heir.queued("X")
    heir.queued("A")
    heir.after(3)
    heir.identified("A", agent_id="1002")
    assert heir.ready("1001") == ["1001 offline -> ready"]


def test_one_who_was_transferred_by_name_waits_for_that_agent_alone_whatever_his_queues_and_skills():
    queues = (Queue(id="a", skills={"card": 5}), Queue(id="b"))
    play = Play(profile("1001", queues=("b",)), profile("1002", skills=("card",)), queues=queues)
    play.ready("1002")
    assert play.queued("A", "a", wanted_agent="1001") == []
    play.now += 5
    assert "offer A 1001" in play.ready("1001")


def test_a_wish_for_an_agent_whom_nobody_knows_is_void():
    play = Play("1001")
    play.ready("1001")
    assert play.queued("A", wanted_agent="nobody")[0] == "offer A 1001"


def test_who_served_whom_outlives_us():
    heir = knows().reborn()
    heir.ask("1001", "ready")
    heir.ask("1002", "ready")
    heir.after(60)
    assert again(heir)[0] == "offer B 1001"


def test_only_so_many_customers_are_remembered_and_a_change_is_small():
    served = ServedBy()
    for number in range(CUSTOMERS * 2):
        served.note(f"k{number}", "1001")
    changed = served.take_changed()
    assert len(changed) == BUCKETS
    assert sum(len(bucket) for _, bucket in changed) <= CUSTOMERS
    assert served.get(f"k{CUSTOMERS * 2 - 1}") == "1001"
    served.note("k7", "1002")
    [(_, bucket)] = served.take_changed()
    assert bucket["k7"] == "1002"
    assert served.take_changed() == []
    served.note("", "1002")
    assert (served.get(""), served.take_changed()) == (None, [])


def test_who_is_moved_to_another_line_is_not_kept_anew():
    queues = (Queue(id="a", overflow=(Overflow(when="waited", over=5, to="queue:b"),)), Queue(id="b"))
    play = Play("1001", "1002", queues=queues)
    play.ready("1001")
    play.queued("X", "b")
    play.answered("X")
    play.ready("1002")
    play.queued("A", "a", wanted_agent="1001", wanted_s=10.0)
    assert play.after(9) == ["flowed out A overflow -> queue:b"]
    assert "offer A 1002" in play.after(1.1), "10 s since he came, not since he was moved"


def test_who_was_handed_on_by_name_is_that_agents_next_caller_however_long_others_wait():
    play = Play("1001", "1002", wrap_up_s=0)
    play.ready("1001", "1002")
    for call in "AB":
        play.queued(call)
        play.answered(call)
    play.queued("C")
    play.after(60)
    play.queued("X", wanted_agent="1001")
    assert "offer X 1001" in play.told(f.TalkEnded, "A")
    [decision] = play.router.why("X")
    assert [(p.call_id, [r.code for r in p.reasons]) for p in decision.callers_passed] == [("C", ["takes_over"])]
    assert play.router.floor.agents["1001"].awaits is None
    assert "offer C 1002" in play.told(f.TalkEnded, "B")
