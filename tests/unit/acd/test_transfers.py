"""Hold, consult and transfer in the router: who is told what, and where it leaves agents and callers."""

import msgspec
import pytest

from hotline import commands as c
from hotline import facts as f
from hotline.dialling import Policy
from hotline.ids import AgentId, CallId
from hotline.settings.queues import Queue
from tests.unit.acd.play import Play


def served(*agents: str, **queue: object) -> Play:
    """A caller A who talks with the first agent; the others are ready."""
    play = Play(*(agents or ("1", "2")), **queue)
    play.ready(*(agents or ("1", "2")))
    play.queued("A")
    play.answered("A")
    assert play.state("1") == "talking"
    return play


def asked(*agents: str, **queue: object) -> Play:
    """The same, and the first agent asks the second one, whose phone rings."""
    play = served(*agents, **queue)
    play.wants("1", "consult", "agent:2")
    play.told(f.HoldBegan, "A")
    play.told(f.OfferRang, "A", play.consulted("A"))
    return play


def consulting(*agents: str, **queue: object) -> Play:
    """The same, and he answered."""
    play = asked(*agents, **queue)
    play.told(f.OfferAccepted, "A", play.consulted("A"))
    assert (play.state("1"), play.state("2")) == ("holding", "talking")
    return play


def completed(play: Play) -> list[str]:
    first, second = play.last_offer("A"), play.consulted("A")
    fact = f.TransferCompleted(at=play.now, call_id=CallId("A"), offer_id=first, kind="attended", next_offer=second)
    return play.give(fact) + play.told(f.TalkEnded, "A", first)


# --- what can be asked --------------------------------------------------------------------------------------------------


def test_hold_and_retrieve_are_sent_and_told_by_the_network() -> None:
    play = served()
    assert play.wants("1", "hold") == ["hold A"]
    assert play.state("1") == "talking"
    assert play.told(f.HoldBegan, "A") == ["1 talking -> holding"]
    assert play.wants("1", "retrieve") == ["retrieve A"]
    assert play.told(f.HoldEnded, "A") == ["1 holding -> talking"]


@pytest.mark.parametrize("ask", ["hold", "retrieve", "transfer", "consult", "complete", "cancel"])
def test_an_agent_who_talks_with_nobody_can_do_nothing_of_it(ask: str) -> None:
    play = Play("1", "2")
    play.ready("1")
    assert play.wants("1", ask, "agent:2") == ["refused 1 not_talking"]
    play.queued("A")
    assert play.wants("1", ask, "agent:2") == ["refused 1 not_talking"]


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("agent:9", "unknown_agent"),
        ("agent:1", "himself"),
        ("queue:nowhere", "unknown_queue"),
        ("number:13800138000", "no_trunk"),
        ("somewhere", "bad_destination"),
        ("number:1;2", "bad_destination"),
    ],
)
def test_a_destination_that_is_none_is_refused_and_nothing_happens(to: str, reason: str) -> None:
    play = served()
    assert play.wants("1", "transfer", to) == [f"refused 1 {reason}"]
    assert play.state("1") == "talking"


def test_a_number_outside_goes_by_the_rules_of_dialling() -> None:
    play = served()
    play.router.floor.outbound = Policy(trunk=True, allow=("1",))
    assert play.wants("1", "transfer", "number:0033123") == ["refused 1 not_allowed"]
    assert play.wants("1", "transfer", "number:13800138000") == [
        "blind transfer of A to number:13800138000",
        "transfer A number:13800138000",
    ]


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [("break", "agent_not_free"), ("busy", "agent_not_free"), ("queue", "only_agents"), ("again", "consulting")],
)
def test_only_an_agent_who_can_be_rung_is_asked_and_only_one_at_a_time(prepare: str, reason: str) -> None:
    play = served("1", "2", "3")
    to = "agent:2"
    if prepare == "break":
        play.ask("2", "not_ready")
    elif prepare == "busy":
        play.seat("2", in_use=True)
    elif prepare == "queue":
        to = "queue:q"
    else:
        play.wants("1", "consult", "agent:3")
    assert play.wants("1", "consult", to) == [f"refused 1 {reason}"]


# --- blind --------------------------------------------------------------------------------------------------------------


def handed_on(play: Play, *, to: str = "2", by: str = "1") -> list[str]:
    """The caller has left his agent, and joins the line for another one."""
    play.wants(by, "transfer", f"agent:{to}")
    lines = play.told(f.TalkEnded, "A") + play.returned("A", answered=True)
    play.now += 1
    return lines + play.queued("A", wanted_agent=AgentId(to), transferred_by=AgentId(by))


def test_a_caller_who_was_handed_on_to_one_agent_rings_nobody_else() -> None:
    play = served("1", "2", "3")
    assert handed_on(play)[-3:] == ["offer A 2", "2 ready -> reserved", "ring A 2"]


def test_a_caller_whom_that_agent_does_not_take_goes_back_to_who_handed_him_on_and_then_to_all() -> None:
    play = served("1", "2", "3", transfer_timeout_s=10, wrap_up_s=0)
    play.ask("2", "not_ready")
    assert "offer A 3" not in handed_on(play)
    assert play.after(9) == []
    assert "offer A 1" in play.after(1.5)
    assert "offer A 3" in play.unanswered("A", f.OfferRejected)


def test_a_caller_whom_nobody_wants_back_is_for_everybody_when_the_time_is_over() -> None:
    play = served("1", "2", "3", transfer_timeout_s=10)
    play.ask("2", "not_ready")
    play.wants("1", "transfer", "agent:2")
    play.told(f.TalkEnded, "A")
    play.returned("A", answered=True)
    play.ask("1", "log_out")
    play.now += 1
    play.queued("A", wanted_agent=AgentId("2"), transferred_by=AgentId("1"))
    assert "offer A 3" in play.after(11)


def test_a_refused_transfer_is_told_and_leaves_the_conversation() -> None:
    play = served()
    play.wants("1", "transfer", "agent:2")
    assert play.outcome(c.Transfer, c.Refused(reason="not_talking")) == ["not transferred A refused"]
    assert play.state("1") == "talking"


# --- attended -----------------------------------------------------------------------------------------------------------


def test_a_consult_reserves_the_other_agent_beside_the_callers_own() -> None:
    play = served()
    assert play.wants("1", "consult", "agent:2") == [
        "attended transfer of A to agent:2",
        "offer A 2",
        "2 ready -> reserved",
        "consult A 2",
    ]
    made = next(o for o in play.out if isinstance(o, f.OfferMade))
    assert (made.kind, made.recording_id) == ("consult", None)
    play.queued("B")
    assert play.state("2") == "reserved"  # and nobody else is rung for B


def test_a_completed_transfer_leaves_the_caller_with_the_second_agent() -> None:
    play = consulting()
    assert play.wants("1", "complete") == ["end consult A by handing on"]
    assert completed(play)[0] == "1 holding -> wrap_up"
    assert play.state("2") == "talking"
    second = play.router.floor.offers.of_call(CallId("A"))
    assert second is not None
    assert (second.agent_id, second.kind) == ("2", "main")
    assert play.told(f.TalkEnded, "A", second.offer_id)[0] == "2 talking -> wrap_up"


def test_the_first_agent_who_hangs_up_may_be_told_of_before_the_transfer() -> None:
    play = consulting()
    first, second = play.last_offer("A"), play.consulted("A")
    assert play.told(f.TalkEnded, "A", first)[0] == "1 holding -> wrap_up"
    play.give(f.TransferCompleted(at=play.now, call_id=CallId("A"), offer_id=first, kind="attended", next_offer=second))
    assert (play.state("1"), play.state("2")) == ("wrap_up", "talking")
    assert play.ended("A")[0] == "2 talking -> wrap_up"


def test_a_consult_that_is_called_off_leaves_the_second_agent_free_and_without_wrap_up() -> None:
    play = consulting()
    assert play.wants("1", "cancel") == ["end consult A"]
    assert play.told(f.TalkEnded, "A", play.consulted("A")) == ["2 talking -> ready", "not transferred A called_off"]
    assert play.told(f.HoldEnded, "A") == ["1 holding -> talking"]


@pytest.mark.parametrize(
    ("kind", "reason", "state"),
    [
        (f.OfferTimedOut, "no_answer", "rest"),
        (f.OfferRejected, "rejected", "ready"),
        (f.OfferBusy, "busy", "rest"),
    ],
)
def test_an_agent_who_is_asked_in_vain_is_treated_as_after_any_ring(
    kind: type[f.OfferFact], reason: str, state: str
) -> None:
    play = asked()
    assert f"not transferred A {reason}" in play.told(kind, "A", play.consulted("A"))
    assert (play.state("1"), play.state("2")) == ("holding", state)


def test_a_caller_who_hangs_up_ends_both() -> None:
    play = consulting()
    lines = play.ended("A")
    assert "2 talking -> ready" in lines
    assert "1 holding -> wrap_up" in lines
    assert len(play.router.floor.offers) == 0


def test_a_caller_who_hangs_up_while_the_second_phone_rings_frees_it_by_its_last_word() -> None:
    play = asked()
    second = play.consulted("A")
    assert play.ended("A") == ["1 holding -> wrap_up"]
    lines = play.told(f.OfferRescinded, "A", second, reason="caller_left")
    assert lines == ["not transferred A caller_left", "2 ringing -> ready (caller_left)"]


def test_a_second_phone_of_which_nobody_tells_is_given_up_by_its_clock() -> None:
    play = asked(ring_timeout_s=10)
    lines = play.after(12)
    assert lines[:3] == ["unknown A", "end consult A", "not transferred A unknown"]
    assert play.state("2") == "rest"


def test_a_refused_consult_leaves_both_agents_where_they_were() -> None:
    play = served()
    play.wants("1", "consult", "agent:2")
    lines = play.outcome(c.Consult, c.Refused(reason="not_talking"))
    assert lines[:2] == ["failed A not_talking", "not transferred A refused"]
    assert (play.state("1"), play.state("2")) == ("talking", "rest")


def test_a_step_without_a_consult_or_too_early_is_refused() -> None:
    play = served()
    assert play.wants("1", "complete") == ["refused 1 not_consulting"]
    assert play.wants("1", "cancel") == ["refused 1 not_consulting"]
    play = asked()
    assert play.wants("1", "complete") == ["refused 1 not_answered"]
    assert play.wants("1", "hold") == ["refused 1 consulting"]
    assert play.wants("1", "transfer", "agent:2") == ["refused 1 consulting"]
    assert play.wants("2", "transfer", "agent:1") == ["refused 2 not_talking"]


def test_those_who_talk_can_change_once_the_other_agent_has_answered() -> None:
    assert asked().wants("1", "conference") == ["refused 1 not_answered"]
    play = consulting()
    assert play.wants("1", "swap") == ["swap A"]
    assert play.told(f.HoldEnded, "A") == ["1 holding -> talking"]
    assert play.wants("1", "conference") == ["conference A"]


def test_news_of_a_consult_that_is_over_change_nothing() -> None:
    play = consulting()
    first, second = play.last_offer("A"), play.consulted("A")
    play.told(f.TalkEnded, "A", second)
    states = play.state("1"), play.state("2")
    late = f.TransferCompleted(at=play.now, call_id=CallId("A"), offer_id=first, kind="attended", next_offer=second)
    assert play.give(late) == []
    assert play.told(f.OfferAccepted, "A", second) == []
    assert (play.state("1"), play.state("2")) == states
    assert play.router.floor.ignored["late_transfer"] == 1


# --- after a gap --------------------------------------------------------------------------------------------------------


def test_a_new_router_knows_main_and_consult_and_learns_what_became_of_them() -> None:
    play = consulting()
    first, second = play.last_offer("A"), play.consulted("A")
    heir = play.reborn()
    assert (heir.state("1"), heir.state("2")) == ("holding", "talking")
    found = heir.found("A", "talking", offer=first)
    heir.surveyed(msgspec.structs.replace(found, second_offer=second, held=True))
    assert (heir.state("1"), heir.state("2")) == ("holding", "talking")


def test_a_new_router_learns_that_the_caller_was_handed_on_meanwhile() -> None:
    play = consulting()
    second = play.consulted("A")
    heir = play.reborn()
    heir.surveyed(heir.found("A", "talking", offer=second))
    assert (heir.state("1"), heir.state("2")) == ("wrap_up", "talking")
    found = heir.router.floor.offers.of_call(CallId("A"))
    assert found is not None
    assert found.offer_id == second


def test_a_new_router_learns_that_the_consult_was_called_off_meanwhile() -> None:
    play = consulting()
    first = play.last_offer("A")
    heir = play.reborn()
    heir.surveyed(heir.found("A", "talking", offer=first))
    assert (heir.state("1"), heir.state("2")) == ("talking", "ready")


def test_a_new_router_learns_that_the_call_is_over() -> None:
    heir = consulting().reborn()
    heir.surveyed()
    assert (heir.state("1"), heir.state("2")) == ("wrap_up", "ready")
    assert len(heir.router.floor.offers) == 0


def test_a_caller_who_waits_for_one_agent_is_found_with_his_wish() -> None:
    heir = Play("1", "2", "3", queues=(Queue(id="q", transfer_timeout_s=10),))
    heir.ready("1", "3")
    found = heir.found("A", "session", entered_at=heir.now, wanted_agent=AgentId("2"), transferred_by=AgentId("1"))
    assert not any(line.startswith("offer") for line in heir.surveyed(found))
    assert "offer A 1" in heir.after(11)
