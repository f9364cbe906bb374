"""What Asterisk's messages mean for a caller on hold, and for the agents who ask each other."""

import msgspec
import pytest

from hotline import commands as c
from hotline.facts import (
    CallAdopted,
    CallEnded,
    CallReturned,
    ConferenceBegan,
    HoldBegan,
    HoldEnded,
    OfferAccepted,
    OfferRang,
    OfferRejected,
    OfferRescinded,
    OfferTimedOut,
    Record,
    TalkEnded,
    TransferCompleted,
)
from hotline.ids import AgentId
from telephony import holds
from telephony.adoption import reconcile, survey
from telephony.ami import messages as m
from telephony.lines import Lines
from telephony.performance import Plan, plan
from tests.unit.telephony.test_adoption import PLACE, caller, fresh, status, without_snapshot
from tests.unit.telephony.test_lines import CALL, CALLER, OFFER, SEAT, agi, bridge, hang_up, on, talking

NEXT = f"{CALL}.1.2"
SECOND = "PJSIP/1002-00000003"
AT = {"node": "n", "call_id": CALL}
HOLD = c.Hold(**AT, offer_id=OFFER)  # type: ignore[arg-type]
RETRIEVE = c.Retrieve(**AT, offer_id=OFFER)  # type: ignore[arg-type]
CONSULT = c.Consult(
    **AT, offer_id=OFFER, next_offer=NEXT, agent_id="1002", extension="1002", ring_timeout_s=10.0, recording_id=NEXT
)  # type: ignore[arg-type]
COMPLETE = c.EndConsult(**AT, offer_id=OFFER, next_offer=NEXT, hand_on=True)  # type: ignore[arg-type]
CANCEL = msgspec.structs.replace(COMPLETE, hand_on=False)
SWAP = c.Swap(**AT, offer_id=OFFER, next_offer=NEXT)  # type: ignore[arg-type]
CONFERENCE = c.Conference(**AT, offer_id=OFFER, next_offer=NEXT)  # type: ignore[arg-type]
TRANSFER = c.Transfer(**AT, offer_id=OFFER, to="agent:1002", by="1001", queue_id="service")  # type: ignore[arg-type]


@pytest.fixture
def lines() -> Lines:
    """A caller who talks with the first agent."""
    made = Lines("n", ["1001", "1002"])  # type: ignore[arg-type]
    talking(made)
    return made


def kinds(records: list[Record]) -> list[str]:
    return [type(r).__name__ for r in records]


def does(lines: Lines, command: c.CallCommand) -> list[str]:
    """Return where a command sends channels, or how it is refused."""
    planned = plan(command, lines)
    if isinstance(planned, c.Refused):
        return [planned.reason]
    return [
        f"{a.name} {a.headers.get('Context', '')} {a.headers.get('ExtraContext', '')}".rstrip()
        for a in planned.actions
        if a.name != "Setvar"
    ]


def hear(lines: Lines, *messages: object) -> list[Record]:
    return [record for message in messages for record in lines.handle(message, now=20.0).records]


def dial(kind: type, **fields: str):  # type: ignore[no-untyped-def]
    return kind(channel=SEAT, uniqueid="2", dest_channel=SECOND, dest_uniqueid="3", **fields)


def told_by(channel: str, name: str, **fields: str) -> m.UserEventSeen:
    return m.UserEventSeen(name=name, fields={"Call": CALL, **fields}, **on(channel))


HANDED_ON = told_by(CALLER, "HotlineTransferred", Offer=NEXT, Recording=NEXT)
LEFT = (bridge(m.BridgeLeft, CALLER), bridge(m.BridgeLeft, SEAT))
BACK = bridge(m.BridgeEntered, CALLER)


def held(lines: Lines, *, second: bool = False) -> None:
    hold = msgspec.structs.replace(HOLD, offer_id=NEXT) if second else HOLD
    assert does(lines, hold) == ["Redirect hotline-held hotline-hold"]
    assert kinds(hear(lines, *LEFT)) == ["HoldBegan"]


def asked(lines: Lines) -> None:
    assert does(lines, CONSULT) == ["Redirect hotline-held hotline-consult"]
    heard = hear(lines, *LEFT, dial(m.DialBegun), dial(m.DialProgress, status="RINGING"))
    assert kinds(heard) == ["HoldBegan", "OfferRang"]
    assert isinstance(heard[1], OfferRang)
    assert heard[1].offer_id == NEXT


def consulting(lines: Lines) -> None:
    asked(lines)
    (accepted,) = hear(lines, bridge(m.BridgeEntered, SECOND), bridge(m.BridgeEntered, SEAT))
    assert isinstance(accepted, OfferAccepted)
    assert accepted.offer_id == NEXT


def test_hold_and_retrieve_end_no_conversation(lines: Lines) -> None:
    held(lines)
    assert does(lines, HOLD) == ["on_hold"]
    assert does(lines, RETRIEVE) == ["Redirect hotline-rejoin"]
    assert kinds(hear(lines, bridge(m.BridgeEntered, SEAT), BACK)) == ["HoldEnded"]
    assert does(lines, RETRIEVE) == ["not_on_hold"]
    (ended,) = hear(lines, bridge(m.BridgeLeft, SEAT), bridge(m.BridgeLeft, CALLER), hang_up(SEAT))
    assert isinstance(ended, TalkEnded)
    assert ended.ended_by == "agent"


def test_the_hold_key_of_the_agents_phone_is_told_and_that_of_the_caller_is_not(lines: Lines) -> None:
    assert kinds(hear(lines, m.ChannelHeld(**on(SEAT)), m.ChannelHeld(**on(SEAT)))) == ["HoldBegan"]
    assert kinds(hear(lines, m.ChannelUnheld(**on(SEAT)), m.ChannelUnheld(**on(SEAT)))) == ["HoldEnded"]
    assert hear(lines, m.ChannelHeld(**on(CALLER)), m.ChannelUnheld(**on(CALLER))) == []


@pytest.mark.parametrize(("agent", "confirmed"), [("1002", "1"), ("", "0")])
def test_an_agent_at_an_external_number_has_to_confirm_and_anybody_else_outside_does_not(
    lines: Lines, agent: str, confirmed: str
) -> None:
    planned = plan(msgspec.structs.replace(CONSULT, agent_id=AgentId(agent), number="13800138000"), lines)
    assert isinstance(planned, Plan)
    (told,) = [a.headers["Value"] for a in planned.actions if a.headers.get("Variable") == "HOTLINE_CONSULT"]
    assert told == f"{NEXT},13800138000@hotline-out,10,{confirmed}"


def test_who_answers_outside_and_does_not_confirm_did_not_answer(lines: Lines) -> None:
    asked(lines)
    (ended,) = hear(lines, told_by(SEAT, "HotlineConsult", Offer=NEXT, Status="ANSWER", Cause="16"))
    assert isinstance(ended, OfferTimedOut)
    assert ended.offer_id == NEXT


def test_a_refused_hold_leaves_everything_as_it_was(lines: Lines) -> None:
    planned = plan(HOLD, lines)
    assert isinstance(planned, Plan)
    planned.revert()
    (ended,) = hear(lines, bridge(m.BridgeLeft, CALLER), bridge(m.BridgeLeft, SEAT), hang_up(SEAT))
    assert isinstance(ended, TalkEnded)
    assert ended.ended_by == "caller"


@pytest.mark.parametrize("command", [HOLD, RETRIEVE, TRANSFER, CONSULT, COMPLETE, SWAP, CONFERENCE])
def test_without_a_conversation_nothing_of_it_is_done(command: c.CallCommand) -> None:
    lines = Lines("n", ["1001"])  # type: ignore[arg-type]
    assert does(lines, command) == ["unknown_call"]
    talking(lines)
    other = msgspec.structs.replace(command, offer_id="older")
    assert does(lines, other) == ["not_talking"]


def test_the_first_agent_leaves_and_the_second_has_the_caller(lines: Lines) -> None:
    consulting(lines)
    assert does(lines, COMPLETE) == ["Hangup"]
    completed, ended = hear(lines, bridge(m.BridgeLeft, SEAT), bridge(m.BridgeLeft, SECOND), HANDED_ON)
    assert isinstance(completed, TransferCompleted)
    assert (completed.offer_id, completed.next_offer, completed.recording_id) == (OFFER, NEXT, NEXT)
    assert isinstance(ended, TalkEnded)
    assert ended.offer_id == OFFER
    assert hear(lines, hang_up(SEAT), bridge(m.BridgeEntered, SECOND), BACK) == []
    (over,) = hear(lines, bridge(m.BridgeLeft, SECOND), hang_up(SECOND))
    assert isinstance(over, TalkEnded)
    assert (over.offer_id, over.ended_by) == (NEXT, "agent")
    (back,) = hear(lines, agi("return", CALL, NEXT, "ANSWER", "16"))
    assert isinstance(back, CallReturned)
    assert (back.offer_id, back.answered) == (NEXT, True)


def test_the_first_agents_hang_up_may_be_heard_before(lines: Lines) -> None:
    consulting(lines)
    assert kinds(hear(lines, hang_up(SEAT), HANDED_ON, BACK)) == ["TalkEnded", "TransferCompleted"]


def test_a_second_agent_who_is_gone_when_he_should_have_the_caller_is_known_to_be(lines: Lines) -> None:
    consulting(lines)
    assert kinds(hear(lines, hang_up(SEAT), hang_up(SECOND), HANDED_ON)) == [
        "TalkEnded",
        "TalkEnded",
        "TransferCompleted",
    ]
    (back,) = hear(lines, agi("return", CALL, NEXT, "ANSWER", "16"))
    assert isinstance(back, CallReturned)


def test_the_second_agent_leaves_and_the_first_is_back_with_the_caller(lines: Lines) -> None:
    consulting(lines)
    assert does(lines, CANCEL) == ["Hangup"]
    heard = hear(lines, hang_up(SECOND), told_by(SEAT, "HotlineConsult", Offer=NEXT, Status="ANSWER", Cause="16"), BACK)
    assert kinds(heard) == ["TalkEnded", "HoldEnded"]
    assert isinstance(heard[0], TalkEnded)
    assert heard[0].offer_id == NEXT


def test_a_refusal_is_told_of_the_second_offer(lines: Lines) -> None:
    asked(lines)
    heard = hear(
        lines, hang_up(SECOND, 21), told_by(SEAT, "HotlineConsult", Offer=NEXT, Status="BUSY", Cause="17"), BACK
    )
    assert kinds(heard) == ["OfferRejected", "HoldEnded"]
    assert isinstance(heard[0], OfferRejected)


def test_the_first_agent_hangs_up_while_the_second_phone_rings(lines: Lines) -> None:
    asked(lines)
    ended, rescinded, back = hear(lines, hang_up(SEAT), agi("return", CALL, OFFER, "ANSWER", "16"))
    assert isinstance(ended, TalkEnded)
    assert isinstance(rescinded, OfferRescinded)
    assert (rescinded.offer_id, rescinded.reason) == (NEXT, "agent_left")
    assert isinstance(back, CallReturned)


def test_a_caller_who_hangs_up_ends_the_talk_of_his_agents(lines: Lines) -> None:
    consulting(lines)
    told = lines.handle(hang_up(CALLER), now=30.0)
    assert kinds(told.records) == ["TalkEnded", "TalkEnded", "CallEnded"]
    assert [a.headers["Channel"] for a in told.actions] == [SEAT, SECOND]


def test_a_caller_who_is_handed_on_comes_back_with_whom_to(lines: Lines) -> None:
    assert does(lines, TRANSFER) == ["Redirect hotline-transfer"]
    heard = hear(lines, *LEFT, hang_up(SEAT), agi("transfer", CALL, OFFER, "agent:1002", "1001", "service"))
    assert kinds(heard) == ["TalkEnded", "TransferCompleted", "CallReturned"]
    assert isinstance(heard[0], TalkEnded)
    assert heard[0].ended_by == "agent"
    assert isinstance(heard[2], CallReturned)
    assert (heard[2].transfer, heard[2].transferred_by, heard[2].transfer_queue) == ("agent:1002", "1001", "service")
    remembered = plan(c.Remember(**AT, place=PLACE), lines)  # type: ignore[arg-type]
    assert isinstance(remembered, Plan)
    assert [a.headers["Variable"] for a in remembered.actions][-1] == "HOTLINE_TRANSFER"  # it is done, and said no more


def test_those_who_talk_change_by_turns(lines: Lines) -> None:
    consulting(lines)
    assert does(lines, SWAP) == ["Redirect hotline-aside hotline-rejoin"]
    heard = hear(lines, bridge(m.BridgeLeft, SEAT), bridge(m.BridgeLeft, SECOND), bridge(m.BridgeEntered, SEAT), BACK)
    assert kinds(heard) == ["HoldEnded"]
    assert does(lines, SWAP) == ["Redirect hotline-held hotline-meet"]
    assert kinds(hear(lines, *LEFT)) == ["HoldBegan"]


def test_all_three_talk_and_the_first_leaves(lines: Lines) -> None:
    consulting(lines)
    assert does(lines, CONFERENCE) == [
        "Redirect hotline-conference-agent hotline-conference-agent",
        "Redirect hotline-conference",
    ]
    held_over, began = hear(lines, bridge(m.BridgeLeft, SEAT), bridge(m.BridgeLeft, SECOND), BACK)
    assert isinstance(held_over, HoldEnded)
    assert isinstance(began, ConferenceBegan)
    led_out = (bridge(m.BridgeLeft, CALLER), bridge(m.BridgeLeft, SECOND), HANDED_ON)
    assert kinds(hear(lines, hang_up(SEAT), *led_out)) == ["TalkEnded", "TransferCompleted"]
    assert hear(lines, bridge(m.BridgeEntered, SECOND), BACK) == []
    held(lines, second=True)  # who has him now is his agent like any other
    assert kinds(hear(lines, hang_up(SECOND))) == ["TalkEnded"]


def test_a_caller_who_talks_with_the_first_meanwhile_joins_together_with_him(lines: Lines) -> None:
    consulting(lines)
    does(lines, SWAP)
    hear(lines, bridge(m.BridgeLeft, SEAT), bridge(m.BridgeLeft, SECOND), bridge(m.BridgeEntered, SEAT), BACK)
    assert does(lines, CONFERENCE) == [
        "Redirect hotline-conference hotline-conference-agent",
        "Redirect hotline-conference-agent",
    ]
    assert kinds(hear(lines, *LEFT, BACK)) == ["ConferenceBegan"]


def test_all_three_talk_and_the_second_leaves(lines: Lines) -> None:
    consulting(lines)
    does(lines, CONFERENCE)
    hear(lines, BACK)
    assert kinds(hear(lines, hang_up(SECOND))) == ["TalkEnded"]
    assert does(lines, HOLD) == ["Redirect hotline-held hotline-hold"]
    _, ended, _ = hear(lines, *LEFT, hang_up(SEAT), hang_up(CALLER))
    assert isinstance(ended, TalkEnded)
    assert ended.ended_by == "agent"


def test_a_caller_who_hangs_up_on_hold_ended_the_conversation(lines: Lines) -> None:
    held(lines)
    ended, over = hear(lines, hang_up(CALLER))
    assert isinstance(ended, TalkEnded)
    assert isinstance(over, CallEnded)
    assert ended.ended_by == "caller"


# --- after a gap --------------------------------------------------------------------------------------------------------

IN_CONSULT = {
    "HOTLINE_OFFER": OFFER,
    "HOTLINE_FIRST": SEAT,
    "HOTLINE_SECOND": SECOND,
    "HOTLINE_NEXT": f"{NEXT},{NEXT},1002",
}


def snapshot(*, answered: bool = True, first: bool = True, second: bool = True) -> list[m.ChannelStatus]:
    both = "b2" if answered else ""
    found = [caller(application="MusicOnHold", context="hotline-held", DIALSTATUS="ANSWER", **IN_CONSULT)]
    found += [status(SEAT, "Dial", "hotline-consult", both)] if first else []
    return found + ([status(SECOND, "AppDial", "hotline-seat", both)] if second else [])


@pytest.mark.parametrize("answered", [False, True])
def test_a_consult_is_adopted_with_both_offers(answered: bool) -> None:
    lines = fresh()
    (adopted,) = without_snapshot(reconcile(lines, snapshot(answered=answered), now=100.0))
    assert isinstance(adopted, CallAdopted)
    assert (adopted.phase, adopted.offer_id, adopted.held) == ("talking", OFFER, True)
    assert (adopted.second_offer, adopted.second_agent, adopted.second_answered) == (NEXT, "1002", answered)
    assert survey(lines, snapshot(answered=answered), epoch=1, now=100.0).calls == (adopted,)
    assert kinds(hear(lines, hang_up(SEAT), HANDED_ON)) == ["TalkEnded", "TransferCompleted"]


THREE = {
    "together": (("hotline-conference", "b3"), ("hotline-conference-agent", "b3"), ("hotline-conference-agent", "b3")),
    "aside": (("hotline-talk", "b3"), ("hotline-rejoin", "b3"), ("hotline-aside", "b4")),
}


def three(how: str) -> list[m.ChannelStatus]:
    """Return how a snapshot shows a caller with both agents, none of whom has him on hold."""
    (context, bridge_id), (first, at_first), (second, at_second) = THREE[how]
    return [
        caller(application="x", context=context, bridge=bridge_id, DIALSTATUS="ANSWER", **IN_CONSULT),
        status(SECOND, "x", second, at_second),
        status(SEAT, "x", first, at_first),
    ]


@pytest.mark.parametrize("how", ["together", "aside"])
def test_three_who_are_found_are_known_as_what_they_are(how: str) -> None:
    lines = fresh()
    (adopted,) = without_snapshot(reconcile(lines, three(how), now=100.0))
    assert isinstance(adopted, CallAdopted)
    assert (adopted.phase, adopted.offer_id, adopted.held) == ("talking", OFFER, False)
    assert (adopted.second_offer, adopted.second_answered) == (NEXT, True)
    line = lines.by_call[CALL]
    assert (line.aside, line.together) == (how == "aside", "yes" if how == "together" else "")
    assert without_snapshot(reconcile(lines, three(how), now=101.0)) == []
    assert kinds(hear(lines, hang_up(SEAT), HANDED_ON)) == ["TalkEnded", "TransferCompleted"]


@pytest.mark.parametrize(("how", "more"), [("together", ["HoldEnded", "ConferenceBegan"]), ("aside", ["HoldEnded"])])
def test_three_who_found_each_other_unseen_are_told(lines: Lines, how: str, more: list[str]) -> None:
    consulting(lines)
    lines.moved.clear()
    assert kinds(without_snapshot(reconcile(lines, three(how), now=50.0))) == more
    assert without_snapshot(reconcile(lines, three(how), now=51.0)) == []
    assert kinds(hear(lines, hang_up(SECOND))) == ["TalkEnded"]


def test_when_a_caller_was_handed_on_while_nobody_looked_his_channel_tells() -> None:
    with_second = caller(
        application="Bridge", context="hotline-talk", bridge="b3", DIALSTATUS="ANSWER", HOTLINE_OFFER=NEXT, HOTLINE_LED=f"{NEXT},90"
    )  # fmt: skip
    found = [with_second, status(SECOND, "BridgeWait", "hotline-take", "b3")]
    (adopted,) = without_snapshot(reconcile(fresh(), found, now=100.0))
    assert isinstance(adopted, CallAdopted)
    assert (adopted.offer_id, adopted.led_on_at) == (NEXT, 90.0)


def test_who_got_the_caller_and_keeps_him_on_hold_asks_nobody() -> None:
    mine = IN_CONSULT | {"HOTLINE_OFFER": NEXT, "HOTLINE_FIRST": SECOND}
    found = [
        caller(application="MusicOnHold", context="hotline-held", DIALSTATUS="ANSWER", **mine),
        status(SECOND, "BridgeWait", "hotline-hold", "b2"),
    ]
    (adopted,) = without_snapshot(reconcile(fresh(), found, now=100.0))
    assert isinstance(adopted, CallAdopted)
    assert (adopted.offer_id, adopted.held, adopted.second_offer) == (NEXT, True, None)


def test_a_caller_on_hold_without_agents_is_on_his_way_to_us() -> None:
    assert without_snapshot(reconcile(fresh(), snapshot(first=False, second=False), now=100.0)) == []


def test_a_lost_link_is_caught_up_with(lines: Lines) -> None:
    consulting(lines)
    lines.moved.clear()
    together = [
        caller(application="Bridge", context="hotline-talk", bridge="b3", DIALSTATUS="ANSWER", **IN_CONSULT | {"HOTLINE_OFFER": NEXT}),
        status(SECOND, "BridgeWait", "hotline-take", "b3"),
    ]  # fmt: skip
    assert kinds(without_snapshot(reconcile(lines, together, now=50.0))) == ["TransferCompleted", "TalkEnded"]
    assert without_snapshot(reconcile(lines, together, now=51.0)) == []


def test_a_consult_that_ended_unseen_is_over(lines: Lines) -> None:
    consulting(lines)
    lines.moved.clear()
    with_first = [
        caller(application="Bridge", context="hotline-talk", bridge="b3", DIALSTATUS="ANSWER", **IN_CONSULT),
        status(SEAT, "BridgeWait", "hotline-rejoin", "b3"),
    ]
    assert kinds(without_snapshot(reconcile(lines, with_first, now=50.0))) == ["TalkEnded", "HoldEnded"]


def test_a_hold_that_began_unseen_is_told(lines: Lines) -> None:
    lines.moved.clear()
    told = without_snapshot(reconcile(lines, snapshot(second=False), now=50.0))
    assert [type(r) for r in told] == [HoldBegan]


def test_a_caller_who_was_handed_on_while_nobody_looked_is_led_on(lines: Lines) -> None:
    lines.moved.clear()
    handed_on = caller(
        context="hotline-transfer",
        HOTLINE_OFFER=OFFER,
        DIALSTATUS="ANSWER",
        HOTLINE_TRANSFER="queue:sales,1001,service",
    )
    *_, back = without_snapshot(reconcile(lines, [handed_on], now=50.0))
    assert isinstance(back, CallReturned)
    assert (back.transfer, back.transferred_by) == ("queue:sales", "1001")


def test_a_call_that_is_over_is_no_more_asked_about(lines: Lines) -> None:
    consulting(lines)
    lines.moved.clear()
    told = without_snapshot(reconcile(lines, [], now=50.0))
    assert [type(r) for r in told] == [TalkEnded, TalkEnded, CallEnded]


# --- the phone's own hold key -------------------------------------------------------------------------------------------

PHONE_HOLDS, PHONE_TALKS = m.ChannelHeld(**on(SEAT)), m.ChannelUnheld(**on(SEAT))


def muted(lines: Lines, message: object) -> list[str]:
    """Return how the recording is muted or goes on because of a message."""
    return [a.headers["State"] for a in lines.handle(message, now=20.0).actions if a.name == "MixMonitorMute"]


def with_agent(onhold: str, **variables: str) -> list[m.ChannelStatus]:
    """Return how a snapshot shows a caller who is in the bridge with his agent."""
    told = {"DIALSTATUS": "ANSWER", "HOTLINE_OFFER": OFFER, "CHANNEL(onhold)": onhold} | variables
    return [caller(application="Dial", bridge="b1", **told), status(SEAT, "AppDial", "hotline-seat", "b1")]


def test_only_a_hold_by_the_phone_is_told_as_one(lines: Lines) -> None:
    (by_phone,) = hear(lines, PHONE_HOLDS)
    assert isinstance(by_phone, HoldBegan)
    assert by_phone.by_phone
    hear(lines, PHONE_TALKS)
    does(lines, HOLD)
    (by_us,) = hear(lines, *LEFT)
    assert isinstance(by_us, HoldBegan)
    assert not by_us.by_phone


def test_held_by_both_he_is_back_when_neither_holds_him(lines: Lines) -> None:
    assert kinds(hear(lines, PHONE_HOLDS)) == ["HoldBegan"]
    assert does(lines, RETRIEVE) == ["held_by_phone"]
    assert does(lines, HOLD) == ["Redirect hotline-held hotline-hold"]
    assert hear(lines, *LEFT) == []
    assert does(lines, RETRIEVE) == ["Redirect hotline-rejoin"]
    assert hear(lines, BACK) == []
    assert kinds(hear(lines, PHONE_TALKS)) == ["HoldEnded"]
    assert does(lines, HOLD) == ["Redirect hotline-held hotline-hold"]
    assert kinds(hear(lines, *LEFT, PHONE_HOLDS, PHONE_TALKS)) == ["HoldBegan"]
    assert kinds(hear(lines, BACK)) == ["HoldEnded"]
    assert kinds(hear(lines, PHONE_HOLDS)) == ["HoldBegan"]  # as if nothing had been before


def test_what_is_heard_while_the_phone_holds_is_not_recorded(lines: Lines) -> None:
    assert muted(lines, PHONE_HOLDS) == ["1"]
    assert muted(lines, PHONE_HOLDS) == []
    assert muted(lines, PHONE_TALKS) == ["0"]
    assert muted(lines, PHONE_HOLDS) == ["1"]
    assert muted(lines, hang_up(SEAT)) == []  # the recording is over


def test_who_hangs_up_while_his_phone_holds_ended_the_conversation(lines: Lines) -> None:
    hear(lines, PHONE_HOLDS)
    (ended,) = hear(lines, bridge(m.BridgeLeft, SEAT), bridge(m.BridgeLeft, CALLER), hang_up(SEAT))
    assert isinstance(ended, TalkEnded)
    assert ended.ended_by == "agent"


def test_in_a_conference_a_phone_that_holds_leaves_the_others_talking(lines: Lines) -> None:
    consulting(lines)
    does(lines, CONFERENCE)
    hear(lines, bridge(m.BridgeLeft, SEAT), bridge(m.BridgeLeft, SECOND), BACK)
    assert hear(lines, PHONE_HOLDS) == []
    assert kinds(hear(lines, hang_up(SECOND))) == ["TalkEnded", "HoldBegan"]  # now the caller is with that phone alone


def test_a_second_agent_whose_phone_holds_has_the_caller_on_hold_when_he_gets_him(lines: Lines) -> None:
    consulting(lines)
    assert hear(lines, m.ChannelHeld(**on(SECOND))) == []
    told = hear(lines, hang_up(SEAT), HANDED_ON)
    assert kinds(told) == ["TalkEnded", "TransferCompleted", "HoldBegan"]
    assert isinstance(told[2], HoldBegan)
    assert (told[2].offer_id, told[2].by_phone) == (NEXT, True)
    assert kinds(hear(lines, BACK, m.ChannelUnheld(**on(SECOND)))) == ["HoldEnded"]


def test_a_hold_by_the_phone_is_adopted_and_its_recording_muted() -> None:
    lines = fresh()
    (adopted,) = without_snapshot(reconcile(lines, with_agent("1"), now=100.0))
    assert isinstance(adopted, CallAdopted)
    assert (adopted.phase, adopted.held) == ("talking", True)
    assert [a.headers["State"] for a in holds.mute(lines.by_call[CALL])[:1]] == ["1"]
    assert kinds(hear(lines, PHONE_TALKS)) == ["HoldEnded"]


def test_a_recording_that_nobody_was_there_to_unmute_goes_on() -> None:
    lines = fresh()
    (adopted,) = without_snapshot(reconcile(lines, with_agent("0", HOTLINE_MUTED="1"), now=100.0))
    assert isinstance(adopted, CallAdopted)
    assert not adopted.held
    assert [a.headers.get("State") for a in holds.mute(lines.by_call[CALL])] == ["0", None]
    assert holds.mute(lines.by_call[CALL]) == []


def test_what_the_phone_did_behind_a_lost_link_is_told(lines: Lines) -> None:
    lines.moved.clear()
    assert kinds(without_snapshot(reconcile(lines, with_agent("1"), now=50.0))) == ["HoldBegan"]
    assert without_snapshot(reconcile(lines, with_agent("1"), now=51.0)) == []
    assert kinds(without_snapshot(reconcile(lines, with_agent("0"), now=52.0))) == ["HoldEnded"]
    assert without_snapshot(reconcile(lines, with_agent("(unknown)"), now=53.0)) == []
