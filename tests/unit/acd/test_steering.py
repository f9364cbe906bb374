"""What supervisors do with those who wait, and with queues."""

import msgspec
import pytest

from acd.core.agents.roster import Profile
from acd.core.callers import steering
from acd.core.callers.demand import Needs
from acd.core.requests import CallerRequest, QueueRequest
from hotline import facts as f
from hotline.dialling import Policy
from hotline.ids import CallbackId, CallId, QueueId
from hotline.settings.queues import Queue, Relax
from tests.unit.acd.play import START, Play, profile


def steer(play: Play, call: str, **what: object) -> list[str]:
    return play.give(CallerRequest(at=play.now, call_id=CallId(call), by="mei", **what))  # type: ignore[arg-type]


def switch(play: Play, queue: str = "q", **what: object) -> list[str]:
    return play.give(QueueRequest(at=play.now, queue_id=QueueId(queue), by="mei", **what))  # type: ignore[arg-type]


def in_order(play: Play, queue: str = "q") -> list[str]:
    return [caller.call_id for caller in play.router.floor.line.waiting(QueueId(queue))]


def two_queues() -> Play:
    return Play("1", profile("2", queues=("other",)), queues=(Queue(id="q"), Queue(id="other", max_waiting=2)))


# --- one caller -------------------------------------------------------------------------------------------------------------


def test_a_new_priority_changes_his_place_and_is_told_with_who_did_it() -> None:
    play = Play("1")
    play.queued("A")
    play.queued("B")
    assert steer(play, "B", priority=5) == ["priority B 0 -> 5 by mei"]
    assert in_order(play) == ["B", "A"]
    assert play.ready("1")[1] == "offer B 1"


def test_the_same_priority_once_more_is_told_once() -> None:
    play = Play("1")
    play.queued("A")
    assert len(steer(play, "A", priority=5)) == 1
    assert steer(play, "A", priority=5) == []


def test_the_priority_of_one_who_is_rung_for_can_be_changed_too() -> None:
    play = Play("1")
    play.ready("1")
    play.queued("A")
    assert steer(play, "A", priority=5) == ["priority A 0 -> 5 by mei"]
    assert play.answered("A")[-1] == "1 ringing -> talking"


def test_a_move_keeps_the_time_waited() -> None:
    play = two_queues()
    play.queued("A")
    play.after(30)
    assert steer(play, "A", treatment="queue:other") == [
        "flowed out A moved -> queue:other",
        "moved A q -> other by mei",
    ]
    moved = play.router.floor.line.get(CallId("A"))
    assert moved is not None
    assert (moved.queue_id, moved.waits_since) == ("other", START)


def test_a_supervisor_may_move_back_what_overflow_would_not() -> None:
    play = two_queues()
    play.queued("A")
    steer(play, "A", treatment="queue:other")
    play.after(1)
    assert steer(play, "A", treatment="queue:q")[-1] == "moved A other -> q by mei"


def skilled(*agents: Profile, other: Queue = Queue(id="other")) -> Play:  # noqa: B008 - frozen
    """A waits in `q` for somebody who speaks English at level 3; `other` is served by these agents, none of whom is logged in."""
    play = Play("1", *agents, queues=(Queue(id="q"), other))
    play.define(profile("1", queues=("q",)))
    play.queued("A", skills=("card",), levels=(("english", 3),))
    return play


def knows(agent: str, *queues: str, **skills: int) -> Profile:
    return msgspec.structs.replace(profile(agent, queues=queues or ("other",)), skills=skills)


@pytest.mark.parametrize(
    ("crew", "missing"),
    [
        ((), (("card", 1), ("english", 3))),
        ((knows("2", card=1),), (("english", 3),)),
        ((knows("2", card=1, english=2),), (("english", 3),)),
        ((knows("2", card=1), knows("3", english=5)), (("card", 1), ("english", 3))),
        ((knows("2", "q", card=1, english=5), knows("3", card=9)), (("english", 3),)),
    ],
)
def test_nobody_is_moved_to_where_nobody_could_ever_serve_him(crew: tuple[Profile, ...], missing: Needs) -> None:
    play = skilled(*crew)
    assert steer(play, "A", treatment="queue:other") == ["refused  nobody_able"]
    caller = play.router.floor.line.get(CallId("A"))
    assert caller is not None
    assert (caller.queue_id, steering.lacking(play.router.floor, caller, QueueId("other"))) == ("q", missing)
    assert steer(play, "A", treatment="queue:other", force=True)[-1] == "moved A q -> other by mei"


def test_that_those_who_could_serve_him_are_logged_out_does_not_matter() -> None:
    play = skilled(knows("2", card=1, english=3))
    assert play.state("2") == "offline"
    assert steer(play, "A", treatment="queue:other")[-1] == "moved A q -> other by mei"


def test_who_can_be_called_in_counts_and_what_a_queue_asks_for_only_at_first_does_not() -> None:
    called_in = skilled(knows("2", "q", card=1, english=3), other=Queue(id="other", surge_agents=("2",)))
    assert steer(called_in, "A", treatment="queue:other")[-1] == "moved A q -> other by mei"
    patient = Queue(id="other", skills={"law": 2}, relax=(Relax(after_s=60, skills={"law": 0, "english": 1}),))
    less = skilled(knows("2", card=1, english=1), other=patient)
    assert steer(less, "A", treatment="queue:other")[-1] == "moved A q -> other by mei"


def test_what_the_queue_itself_asks_for_counts() -> None:
    play = skilled(knows("2", card=1, english=3), other=Queue(id="other", skills={"law": 2}))
    assert steer(play, "A", treatment="queue:other") == ["refused  nobody_able"]


def test_who_asks_for_nothing_may_be_moved_to_any_line() -> None:
    play = Play(profile("1", queues=("q",)), queues=(Queue(id="q"), Queue(id="other")))
    play.queued("A")
    assert steer(play, "A", treatment="queue:other")[-1] == "moved A q -> other by mei"


def test_pulled_out_he_is_treated_as_asked() -> None:
    play = Play("1")
    play.queued("A")
    assert steer(play, "A", treatment="voicemail") == ["flowed out A pulled -> voicemail"]
    assert next(o for o in play.out if isinstance(o, f.CallFlowedOut)).by == "mei"


def test_refusals_have_names_and_change_nothing() -> None:
    play = two_queues()
    assert steer(play, "A", treatment="hang_up") == ["refused  not_waiting"]
    play.ready("1")
    play.queued("A")
    assert steer(play, "A", treatment="hang_up") == ["refused  not_in_our_hands"]
    play.queued("B")
    assert steer(play, "B", treatment="queue:nowhere") == ["refused  unknown_queue"]
    assert steer(play, "B", treatment="queue:q") == ["refused  already_there"]
    play.queued("X", "other")
    play.queued("Y", "other")
    assert steer(play, "B", treatment="queue:other") == ["refused  queue_full"]
    assert in_order(play) == ["A", "B"]


def test_a_callback_is_not_treated_like_one_who_is_on_the_line() -> None:
    play = Play("1", house={"outbound": Policy(trunk=True, allow=("1",))})
    play.give(
        f.CallbackRequested(
            at=play.now, callback_id=CallbackId("w"), queue_id=QueueId("q"), number="13800138000", entered_at=play.now,
            dialled="4", flow="main", flow_version="1", step="queue",
        )
    )  # fmt: skip
    assert in_order(play) == ["w"]
    assert steer(play, "w", treatment="hang_up", priority=5) == ["refused  callback"]
    assert in_order(play) == ["w"]


def test_an_announcement_of_the_queue_that_he_left_is_not_said_in_the_next() -> None:
    play = two_queues()
    play.ready("1")
    play.queued("A")
    switch(play, emergency=True)  # his agent's phone rings: he hears it when he is back
    play.queued("A", "other", entered_at=play.now + 1)
    assert "announce A emergency" not in play.unanswered("A")


# --- a queue ----------------------------------------------------------------------------------------------------------------------


def test_a_queue_closed_by_hand_takes_nobody_and_serves_who_is_there() -> None:
    play = Play("1", when_closed="voicemail")
    play.queued("A")
    assert switch(play, closed=True) == ["switched q closed=True"]
    play.now += 1
    assert play.queued("B") == ["flowed out B closed -> voicemail"]
    assert play.ready("1")[1] == "offer A 1"
    assert switch(play, closed=False) == ["switched q closed=False"]
    assert play.queued("C") == []


def test_who_joined_before_it_was_closed_is_let_in_although_he_is_told_late() -> None:
    play = Play("1", when_closed="voicemail")
    switch(play, closed=True)
    assert play.queued("A", entered_at=play.now - 1) == []
    assert in_order(play) == ["A"]


def test_a_queue_that_sends_everybody_away_takes_nobody_over() -> None:
    play = two_queues()
    switch(play, queue="other", emergency=True, then="hang_up")
    play.queued("A")
    assert steer(play, "A", treatment="queue:other") == ["refused  queue_emergency"]


def test_closed_by_hand_it_does_at_once_what_it_does_at_closing_time() -> None:
    play = Play("1", at_closing="hang_up")
    play.queued("A")
    assert switch(play, closed=True) == ["switched q closed=True", "flowed out A closing -> hang_up"]


def test_an_emergency_announcement_is_heard_by_those_who_wait_and_by_those_who_come() -> None:
    play = Play("1")
    play.queued("A")
    assert switch(play, emergency=True) == ["switched q closed=False emergency stay", "announce A emergency"]
    play.queued("B")
    assert play.after(0) == ["announce B emergency"]
    assert in_order(play) == ["A", "B"]


def test_an_emergency_that_sends_away_lets_everybody_hear_it_first() -> None:
    play = Play("1")
    play.queued("A")
    assert switch(play, emergency=True, announce="flood", then="hang_up") == [
        "switched q closed=False flood hang_up",
        "flowed out A emergency -> hang_up after flood",
    ]
    assert play.queued("B") == ["flowed out B emergency -> hang_up after flood"]
    switch(play, emergency=False)
    assert play.queued("C") == []


def test_who_is_rung_for_hears_it_when_he_is_back() -> None:
    play = Play("1")
    play.ready("1")
    play.queued("A")
    assert switch(play, emergency=True) == ["switched q closed=False emergency stay"]
    assert play.unanswered("A")[-1] == "announce A emergency"


def test_an_emergency_can_lead_to_the_fallback_queue() -> None:
    play = Play("1")
    switch(play, emergency=True, then="fallback")
    assert play.queued("A") == ["flowed out A emergency -> fallback after emergency"]


def test_a_switch_that_changes_nothing_is_not_told() -> None:
    play = Play("1")
    switch(play, closed=True)
    play.now += 1
    assert switch(play, closed=True) == []
    again = QueueRequest(at=play.now, queue_id=QueueId("q"), closed=True, by="somebody else")
    assert play.give(again) == []
    assert switch(play, queue="nowhere", closed=True) == ["refused  unknown_queue"]


def test_switches_survive_the_routers_death() -> None:
    play = Play("1", when_closed="voicemail")
    switch(play, closed=True)
    switch(play, emergency=True, announce="flood")
    heir = play.reborn()
    heir.now += 1
    assert heir.queued("A") == ["flowed out A closed -> voicemail"]
    assert heir.router.floor.openings.switch(QueueId("q")).emergency == "flood"


def test_a_router_that_takes_over_announces_to_who_comes_and_not_once_more_to_who_waits() -> None:
    play = Play("1")
    play.queued("A")
    switch(play, emergency=True)
    heir = play.reborn()
    heir.adopted("A", "session")
    assert heir.after(1) == []
    heir.queued("B")
    assert heir.after(1) == ["announce B emergency"]


def test_a_switch_that_is_off_is_forgotten() -> None:
    play = Play("1")
    switch(play, closed=True)
    assert [s is not None for s in play.taken("switch").values()] == [True]
    switch(play, closed=False)
    assert play.taken("switch") == {"q": None}


def test_who_had_hung_up_before_he_was_moved_gives_up_no_earlier_than_he_joined() -> None:
    """Found by the seeded stories: his end was told late, and his wait in the new line ended before it had begun."""
    play = two_queues()
    play.queued("A")
    hung_up_at = play.now + 1
    play.after(2)
    steer(play, "A", treatment="queue:other")
    play.give(f.CallEnded(at=hung_up_at, call_id=CallId("A")))
    (abandoned,) = (out for out in play.out if isinstance(out, f.CallAbandoned))
    assert abandoned.at == abandoned.entered_at == play.now


def test_a_router_that_takes_over_rings_nobody_for_those_whom_it_lets_out() -> None:
    """Found by the seeded stories (seed 56 of 2026-11-22): the phones of the free agents rang first, and then the callers were sent away."""
    play = Play("1")
    play.ready("1")
    switch(play, emergency=True, then="hang_up")
    assert play.reborn().adopted("A", "session") == ["flowed out A emergency -> hang_up after emergency"]


def test_after_closing_by_hand_a_router_that_takes_over_rings_nobody_either() -> None:
    play = Play("1", at_closing="hang_up")
    play.ready("1")
    switch(play, closed=True)
    assert play.reborn().adopted("A", "session") == ["flowed out A closing -> hang_up"]
