"""What supervisors order, what is kept for later, and breaks that last too long."""

import pytest

from acd.core.requests import AgentRequest
from acd.core.views import agent_view
from hotline import facts as f
from hotline.ids import AgentId
from tests.unit.acd.play import Play

LIMITS = {"lunch": 1800.0, "training": 3600.0}


def order(play: Play, ask: str, reason: str = "") -> list[str]:
    request = AgentRequest(at=play.now, agent_id=AgentId("1001"), ask=ask, reason=reason, by="boss")  # type: ignore[arg-type]
    return play.give(request)


def changes(play: Play) -> list[f.AgentStateChanged]:
    return [o for o in play.out if isinstance(o, f.AgentStateChanged)]


def in_phase(phase: str, **queue: object) -> Play:
    play = Play("1001", "1002", **{"wrap_up_s": 10, **queue})
    if phase != "offline":
        play.ready("1001")
    if phase == "break":
        play.ask("1001", "not_ready")
    if phase in ("reserved", "ringing", "talking", "wrap_up"):
        play.queued("A")
    for kind in {"ringing": [f.OfferRang], "talking": [f.OfferAccepted], "wrap_up": [f.OfferAccepted, f.TalkEnded]}.get(
        phase, []
    ):
        play.told(kind, "A")
    assert play.state("1001") == phase
    return play


@pytest.mark.parametrize("phase", ["ready", "break", "wrap_up"])
def test_a_supervisor_sends_an_agent_off_at_once(phase):
    play = in_phase(phase)
    assert order(play, "force_offline", "went home") == [f"1001 {phase} -> offline (went home)"]
    assert [c.by for c in changes(play)] == ["boss"]


def test_what_a_supervisor_ordered_is_told_as_that_and_what_the_agent_asked_for_is_not():
    play = in_phase("ready")
    order(play, "force_break")
    assert [c.forced for c in changes(play)] == [True]
    play.ask("1001", "ready")
    assert [c.forced for c in changes(play)] == [False]


@pytest.mark.parametrize("ask", ["force_offline", "offline_after_call"])
def test_an_order_that_was_kept_is_told_as_one_when_it_takes_effect_after_our_death_too(ask):
    play = in_phase("talking")
    order(play, ask)
    (told,) = (o for o in play.out if isinstance(o, f.AgentWishChanged))
    assert told.forced
    heir = play.reborn()
    heir.surveyed(heir.found("A", "talking", offer=play.last_offer("A")))
    heir.told(f.TalkEnded, "A", play.last_offer("A"))
    heir.after(10)
    (changed,) = (o for o in heir.out if isinstance(o, f.AgentStateChanged) and o.state == "offline")
    assert (changed.forced, changed.by) == (True, "boss")


def test_a_wish_of_his_own_instead_of_an_order_is_no_order():
    play = in_phase("talking")
    order(play, "force_offline")
    play.ask("1001", "not_ready", "lunch")
    play.told(f.TalkEnded, "A")
    play.after(10)
    assert [c.forced for c in changes(play) if c.state == "break"] == [False]


@pytest.mark.parametrize("phase", ["reserved", "ringing"])
@pytest.mark.parametrize(("ask", "state"), [("force_offline", "offline"), ("force_break", "break")])
def test_a_forced_agent_has_his_ring_taken_back(phase, ask, state):
    play = in_phase(phase)
    play.ready("1002")
    lines = order(play, ask)
    assert lines[-1] == "cancel A"
    assert play.told(f.OfferRescinded, "A", reason="withdrawn")[0].startswith(f"1001 {phase} -> {state}")
    assert play.returned("A")[0] == "offer A 1002"


@pytest.mark.parametrize("ask", ["offline_after_call", "break_after_call"])
def test_an_order_for_after_the_call_lets_the_phone_ring(ask):
    play = in_phase("ringing")
    assert not any("cancel" in said for said in order(play, ask))
    assert play.told(f.OfferAccepted, "A") == ["1001 ringing -> talking"]


def test_no_conversation_is_cut_and_who_ordered_it_is_kept():
    play = in_phase("talking")
    assert order(play, "force_offline", "went home") == ["1001 then offline (went home)"]
    assert play.told(f.TalkEnded, "A") == ["1001 talking -> offline (went home)"]
    assert [c.by for c in changes(play)] == ["boss"]


def test_an_order_for_after_the_call_waits_for_the_end_of_wrap_up():
    play = in_phase("wrap_up")
    assert order(play, "offline_after_call") == ["1001 then offline"]
    assert play.after(10) == ["1001 wrap_up -> offline"]


@pytest.mark.parametrize("phase", ["offline", "break", "wrap_up"])
def test_a_supervisor_makes_an_agent_ready(phase):
    assert order(in_phase(phase), "force_ready") == [f"1001 {phase} -> ready"]


@pytest.mark.parametrize("phase", ["reserved", "ringing", "talking", "wrap_up"])
def test_what_was_kept_for_later_can_be_called_off(phase):
    play = in_phase(phase)
    play.ask("1001", "not_ready", "lunch")
    assert order(play, "call_off") == ["1001 then nothing"]
    assert play.state("1001") == phase


def test_what_is_kept_is_shown_with_who_asked_for_it():
    play = in_phase("talking")
    order(play, "break_after_call", "lunch")
    view = agent_view(play.router.floor, play.router.floor.agents[AgentId("1001")])
    assert (view.wish, view.wish_reason, view.wish_by) == ("break", "lunch", "boss")


def test_what_is_kept_survives_our_death_with_who_asked_for_it():
    play = in_phase("talking")
    order(play, "break_after_call", "lunch")
    offer = play.last_offer("A")
    heir = play.reborn()
    heir.told(f.TalkEnded, "A", offer)
    assert heir.after(10) == ["1001 wrap_up -> break (lunch)"]
    assert [c.by for c in changes(heir)] == ["boss"]


def test_an_order_with_a_reason_that_does_not_exist_is_refused():
    assert order(in_phase("ready"), "force_break", "golf") == ["refused 1001 unknown_reason"]


def on_break(reason: str = "lunch") -> Play:
    play = Play("1001", house={"break_limit_s": LIMITS})
    play.ready("1001")
    play.ask("1001", "not_ready", reason)
    return play


def shown(play: Play) -> tuple[str, bool]:
    view = agent_view(play.router.floor, play.router.floor.agents[AgentId("1001")])
    return view.state, view.overran


def test_a_break_that_lasts_too_long_is_told_once_and_he_is_not_moved():
    play = on_break()
    assert play.after(1_799) == []
    assert play.after(1_000) == ["1001 overran lunch"]
    assert shown(play) == ("break", True)
    assert play.after(10_000) == []


def test_who_comes_back_has_not_overrun():
    play = on_break()
    play.after(3_000)
    play.ask("1001", "ready")
    assert shown(play) == ("ready", False)


def test_another_reason_has_another_limit():
    play = on_break()
    play.after(1_000)
    play.ask("1001", "not_ready", "training")
    assert play.after(3_599) == []
    assert play.after(1) == ["1001 overran training"]


def test_a_break_whose_reason_has_no_limit_may_last():
    assert on_break("break").after(100_000) == []


def test_the_limit_of_a_break_survives_our_death():
    heir = on_break().reborn()
    assert heir.after(1_800) == ["1001 overran lunch"]
    again = heir.reborn("e3")
    assert again.after(10_000) == []
    assert shown(again) == ("break", True)


def test_a_break_that_was_kept_during_a_call_has_its_limit_from_its_beginning():
    play = Play("1001", wrap_up_s=0, house={"break_limit_s": LIMITS})
    play.ready("1001")
    play.queued("A")
    play.answered("A")
    play.ask("1001", "not_ready", "lunch")
    play.after(5_000)
    assert play.told(f.TalkEnded, "A") == ["1001 talking -> break (lunch)"]
    assert play.after(1_799) == []
    assert play.after(1) == ["1001 overran lunch"]
