"""The small books: timers, bounded memory, reasons, obstacles."""

from acd.core.agents.roster import Agent
from acd.core.callers.line import Caller
from acd.core.matching.eligibility import TEXTS, why_not
from acd.core.recent import Recent
from acd.core.timers import Timers
from acd.core.views import queue_view, waiting_views, why_view
from tests.unit.acd.play import START, Play, profile


def caller(**more: object) -> Caller:
    return Caller(call_id="A", node="n", queue_id="q", entered_at=0.0, priority=0, rank=(0, 0.0, "A"), **more)  # type: ignore[arg-type]


def agent(state: str = "ready", **more: object) -> Agent:
    return Agent(profile=profile("1001", skills=("card",)), state=state, **more)  # type: ignore[arg-type]


def codes(found: Agent, waiting: Caller, serves: tuple[str, ...] = ("q",)) -> list[str]:
    return [reason.code for reason in why_not(found, waiting, serves)]  # type: ignore[arg-type]


def test_no_reason_means_yes():
    assert why_not(agent(), caller(needs=(("card", 1),)), ("q",)) == []


def test_every_state_but_ready_is_a_reason():
    states = ["offline", "reserved", "ringing", "talking", "wrap_up", "rest", "break", "unreachable"]
    assert [codes(agent(state), caller()) for state in states] == [
        *(["not_logged_in"], ["in_call"], ["in_call"], ["in_call"]),
        *(["in_wrap_up"], ["resting"], ["on_break"], ["unreachable"]),
    ]


def test_all_reasons_are_told_together():
    found = codes(
        agent(held="phone_in_use"), caller(needs=(("card", 1), ("english", 1)), barred=frozenset({"1001"})), ("other",)
    )
    assert found == ["phone_in_use", "other_queues", "lacks_skill", "refused_caller"]


def test_every_reason_has_words_in_both_languages():
    assert all(english and chinese for english, chinese in TEXTS.values())


def test_a_reason_names_its_detail():
    [reason] = why_not(agent("break", reason="lunch"), caller(), ("q",))
    assert (reason.text(), reason.text("zh")) == ("is on a break (lunch)", "示忙(小休) (lunch)")


def test_the_earliest_deadline_comes_first_and_a_new_one_replaces_the_old():
    timers = Timers()
    timers.set("offer", "x", 5)
    timers.set("agent", "y", 3)
    timers.set("offer", "x", 1)
    assert timers.next() == 1
    assert [timers.take_due(4), timers.take_due(4), timers.take_due(9)] == [("offer", "x"), ("agent", "y"), None]
    assert timers.next() is None


def test_a_cleared_deadline_does_not_come():
    timers = Timers()
    timers.set("offer", "x", 5)
    timers.clear("offer", "x")
    assert timers.take_due(9) is None


def test_replaced_deadlines_do_not_pile_up():
    timers = Timers()
    for at in range(5_000):
        timers.set("offer", "x", at)
    assert len(timers._heap) < 1_100
    assert timers.next() == 4_999


def test_a_bounded_memory_forgets_what_is_oldest():
    recent: Recent[str, int] = Recent(2)
    for number, key in enumerate(["a", "b", "a", "c"]):
        recent.put(key, number)
    assert [recent.get(key) for key in "abc"] == [2, None, 3]


def test_the_supervisor_sees_who_waits_and_why():
    play = Play("1001", profile("1002", skills=("english",)), "1003")
    play.ready("1001")
    play.ask("1002", "log_in")
    play.queued("A", skills=("english",))
    play.after(10)
    [view] = waiting_views(play.router.floor, "q", play.now, limit=10)
    assert (view.position, view.call_id, view.waited_s, view.whereabouts) == (1, "A", 10.0, "here")
    assert [(o.code, o.detail, o.agents) for o in view.why_nobody] == [
        ("lacks_skill", "english", 2),
        ("not_logged_in", "", 1),
        ("on_break", "logged_in", 1),
    ]


def test_a_caller_being_rung_for_has_no_obstacles():
    play = Play("1001")
    play.ready("1001")
    play.queued("A")
    view = why_view(play.router.floor, "A", play.now)
    assert view.waiting is not None
    assert (view.waiting.whereabouts, view.waiting.why_nobody, view.waiting.offer_id) == ("ringing", (), "A.e1.1")
    assert view.decisions[0].decision.agent_id == "1001"


def test_a_queue_tells_its_length_longest_wait_and_agents():
    play = Play("1001", "1002")
    play.ready("1001")
    for call in "AB":
        play.queued(call)
        play.now += 4
    view = queue_view(play.router.floor, "q", play.now)
    assert (view.waiting, view.longest_wait_s, view.on_duty) == (2, play.now - START - 1, 1)
    assert (view.agents["reserved"], view.agents["offline"], view.agents["ready"]) == (1, 1, 0)
