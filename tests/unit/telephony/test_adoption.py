"""What a snapshot tells after a restart or a lost link."""

import pytest

from hotline.commands import CancelRing, Release
from hotline.facts import (
    CallAdopted,
    CallArrived,
    CallEnded,
    CallFellBack,
    CallReturned,
    OfferAccepted,
    OfferRang,
    OfferRescinded,
    Place,
    Record,
    SnapshotTaken,
    TalkEnded,
)
from telephony import actions
from telephony.adoption import reconcile, survey
from telephony.ami import messages as m
from telephony.ami.messages import ChannelStatus
from telephony.lines import Lines
from telephony.performance import plan
from tests.unit.telephony.test_lines import (
    CALL,
    CALLER,
    OFFER,
    SEAT,
    agi,
    arrive,
    bridge,
    packed,
    ring,
    ringing,
    talking,
)

PLACE = Place(flow="main", flow_version="abc", step="line", queue_id="service", entered_at=77.5, priority=3)


def status(
    channel: str, application: str = "AGI", context: str = "hotline-arrive", bridge: str = "", **variables: str
) -> ChannelStatus:
    return ChannelStatus(
        channel=channel,
        uniqueid=channel,
        state=6,
        context=context,
        exten="s",
        application=application,
        bridge_id=bridge,
        seconds=5,
        variables={"HOTLINE_CALL": CALL} | variables,
    )


def caller(**changes: str) -> ChannelStatus:
    packed_place = actions.remember("x", PLACE).headers["Value"]
    variables = {"HOTLINE_NUMBER": "4000", "HOTLINE_ARRIVED": "70", "HOTLINE_PLACE": packed_place}
    return status(CALLER, **(variables | changes))


FALLEN = caller(application="Queue", context="hotline-fallback", HOTLINE_REASON="lease_expired")


def fresh() -> Lines:
    return Lines("n", ["1001"])  # type: ignore[arg-type]


def ask_snapshot(lines: Lines) -> None:
    """From here on the snapshot shows what commands did before."""
    lines.moved.clear()


def without_snapshot(records: list[Record]) -> list[Record]:
    assert isinstance(records[-1], SnapshotTaken)
    return records[:-1]


def test_a_waiting_call_is_adopted_with_its_place() -> None:
    (adopted, taken) = reconcile(fresh(), [caller(HOTLINE_FROM=packed('"Li" <sip:555@h>'))], now=100.0)
    assert adopted == CallAdopted(
        at=100.0,
        call_id=CALL,
        node="n",
        leg=CALLER,
        phase="session",
        number="4000",
        caller_number="555",
        caller_name="Li",
        arrived_at=70.0,
        place=PLACE,
    )
    assert taken == SnapshotTaken(at=100.0, node="n", living=(CALL,))


def test_a_conversation_is_adopted_with_its_offer_and_its_end_is_told() -> None:
    lines = fresh()
    seat = status(SEAT, "AppDial", "hotline-ring", "b1", HOTLINE_OFFER=OFFER)
    found = reconcile(lines, [caller(HOTLINE_OFFER=OFFER, application="Dial", bridge="b1"), seat], now=100.0)
    (adopted,) = without_snapshot(found)
    assert isinstance(adopted, CallAdopted)
    assert (adopted.phase, adopted.offer_id) == ("talking", OFFER)
    told = lines.end(lines.by_call[CALL], 120.0, cause=16)  # type: ignore[index]
    assert isinstance(told[0], TalkEnded)


def test_a_call_whose_place_is_damaged_is_adopted_without_one() -> None:
    (adopted,) = without_snapshot(reconcile(fresh(), [caller(HOTLINE_PLACE="%%%")], now=1.0))
    assert isinstance(adopted, CallAdopted)
    assert adopted.place is None


def test_a_call_still_on_its_way_to_us_is_living_but_not_adopted() -> None:
    (taken,) = reconcile(fresh(), [caller(application="Answer")], now=1.0)
    assert taken == SnapshotTaken(at=1.0, node="n", living=(CALL,))


def test_channels_of_others_are_ignored() -> None:
    foreign = status("PJSIP/1001-00000009", HOTLINE_CALL="")
    assert without_snapshot(reconcile(fresh(), [foreign], now=1.0)) == []


def test_the_same_snapshot_twice_tells_nothing_new() -> None:
    lines = fresh()
    reconcile(lines, [caller()], now=1.0)
    assert without_snapshot(reconcile(lines, [caller()], now=2.0)) == []


def test_a_known_call_that_asterisk_does_not_know_is_over() -> None:
    lines = fresh()
    ringing(lines)
    assert without_snapshot(reconcile(lines, [], now=50.0)) == [
        OfferRescinded(at=50.0, call_id=CALL, offer_id=OFFER, reason="caller_left"),
        CallEnded(at=50.0, call_id=CALL, reconciled=True),
    ]


def test_an_answer_that_we_missed_is_told() -> None:
    lines = fresh()
    ringing(lines)
    ask_snapshot(lines)
    seat = status(SEAT, "AppDial", "hotline-ring", "b1", HOTLINE_OFFER=OFFER)
    told = reconcile(lines, [caller(HOTLINE_OFFER=OFFER, application="Dial", bridge="b1"), seat], now=50.0)
    assert without_snapshot(told) == [OfferAccepted(at=50.0, call_id=CALL, offer_id=OFFER)]


def test_an_end_of_conversation_that_we_missed_is_told() -> None:
    lines = fresh()
    talking(lines)
    ask_snapshot(lines)
    told = without_snapshot(reconcile(lines, [caller(HOTLINE_OFFER=OFFER)], now=50.0))
    assert [type(r) for r in told] == [TalkEnded, CallReturned]
    assert isinstance(told[1], CallReturned)
    assert told[1].answered


def test_a_fall_to_the_fallback_queue_that_we_missed_is_told() -> None:
    lines = fresh()
    arrive(lines)
    told = reconcile(lines, [FALLEN], now=50.0)
    assert without_snapshot(told) == [CallFellBack(at=50.0, call_id=CALL, reason="lease_expired")]


def test_a_call_found_in_the_fallback_queue_is_told_as_fallen_back() -> None:
    adopted, fell_back = without_snapshot(reconcile(fresh(), [FALLEN], now=50.0))
    assert isinstance(adopted, CallAdopted)
    assert adopted.phase == "fallback"
    assert fell_back == CallFellBack(at=50.0, call_id=CALL, reason="lease_expired")


def test_calls_are_adopted_in_the_order_of_their_arrival() -> None:
    lines = fresh()
    older = caller(HOTLINE_CALL="b", HOTLINE_ARRIVED="10")
    newer = caller(HOTLINE_CALL="a", HOTLINE_ARRIVED="20")
    adopted = without_snapshot(reconcile(lines, [newer, older], now=50.0))
    assert [a.call_id for a in adopted if isinstance(a, CallAdopted | CallArrived)] == ["b", "a"]
    assert not [r for r in adopted if isinstance(r, OfferRang)]


RINGING = {"application": "Dial", "context": "hotline-ring", "HOTLINE_OFFER": OFFER}


def test_an_answer_after_a_gap_is_recognised_though_nobody_told_which_channel_is_the_seat() -> None:
    lines = fresh()
    arrive(lines)
    plan(ring(), lines)  # the link is lost before DialBegin
    ask_snapshot(lines)
    seat = status(SEAT, "AppDial", "hotline-ring", HOTLINE_OFFER=OFFER)
    assert without_snapshot(reconcile(lines, [caller(**RINGING), seat], now=50.0)) == []
    lines.handle(bridge(m.BridgeEntered, SEAT), now=51.0)
    told = lines.handle(bridge(m.BridgeEntered, CALLER), now=51.0)
    assert [type(r) for r in told.records] == [OfferAccepted]


def test_a_conversation_that_began_and_ended_while_nobody_looked_is_told() -> None:
    lines = fresh()
    ringing(lines)
    ask_snapshot(lines)
    told = without_snapshot(reconcile(lines, [caller(HOTLINE_OFFER=OFFER, DIALSTATUS="ANSWER")], now=50.0))
    assert [type(r) for r in told] == [OfferAccepted, TalkEnded, CallReturned]
    assert isinstance(told[-1], CallReturned)
    assert told[-1].answered


def test_after_a_restart_a_caller_who_was_served_meanwhile_does_not_wait_again() -> None:
    lines = fresh()
    told = without_snapshot(reconcile(lines, [caller(HOTLINE_OFFER=OFFER, DIALSTATUS="ANSWER")], now=50.0))
    assert [type(r) for r in told] == [CallAdopted, TalkEnded, CallReturned]
    adopted = told[0]
    assert isinstance(adopted, CallAdopted)
    assert (adopted.phase, adopted.offer_id) == ("talking", OFFER)
    assert lines.by_call[CALL].phase == "session"  # type: ignore[index]


def test_a_caller_who_came_back_without_an_answer_waits_again() -> None:
    (adopted,) = without_snapshot(reconcile(fresh(), [caller(HOTLINE_OFFER=OFFER, DIALSTATUS="NOANSWER")], now=50.0))
    assert isinstance(adopted, CallAdopted)
    assert adopted.phase == "session"


def test_an_answered_caller_whose_bridge_is_not_there_yet_or_any_more_is_talking() -> None:
    (adopted,) = without_snapshot(reconcile(fresh(), [caller(**RINGING, DIALSTATUS="ANSWER")], now=50.0))
    assert isinstance(adopted, CallAdopted)
    assert adopted.phase == "talking"


def test_a_snapshot_says_nothing_about_a_call_that_was_rung_after_it_was_asked_for() -> None:
    lines = fresh()
    arrive(lines)
    ask_snapshot(lines)
    plan(ring(), lines)
    assert without_snapshot(reconcile(lines, [caller()], now=50.0)) == []
    assert lines.by_call[CALL].phase == "ringing"  # type: ignore[index]


def test_a_call_found_with_a_seat_that_we_know_nothing_of_is_adopted_anew() -> None:
    lines = fresh()
    arrive(lines)
    seat = status(SEAT, "AppDial", "hotline-ring", "b1", HOTLINE_OFFER=OFFER)
    found = [caller(HOTLINE_OFFER=OFFER, application="Dial", bridge="b1"), seat]
    (adopted,) = without_snapshot(reconcile(lines, found, now=50.0))
    assert isinstance(adopted, CallAdopted)
    assert (adopted.phase, adopted.offer_id) == ("talking", OFFER)
    assert without_snapshot(reconcile(lines, found, now=51.0)) == []


# --- two nodes ---


PEER = "PJSIP/peer-b-00000002"


def test_a_conversation_with_a_seat_of_another_node_is_adopted_where_the_caller_is() -> None:
    lines = fresh()
    there = status(PEER, "AppDial", "hotline-ring", "b1", HOTLINE_OFFER=OFFER)
    found = [caller(HOTLINE_OFFER=OFFER, application="Dial", bridge="b1"), there]
    (adopted,) = without_snapshot(reconcile(lines, found, now=100.0))
    assert isinstance(adopted, CallAdopted)
    assert (adopted.phase, adopted.offer_id) == ("talking", OFFER)
    lines.handle(m.ChannelHungUp(channel=PEER, uniqueid="2", cause=16), now=110.0)
    assert lines.by_call[CALL].offer.ended  # type: ignore[index,union-attr]


def test_at_the_node_of_the_seat_that_conversation_is_nobodys() -> None:
    from_peer = status("PJSIP/peer-a-00000001", "Dial", "hotline-peer-ring", "b1", HOTLINE_CALL="")
    seat = status("PJSIP/1001-00000002", "AppDial", "hotline-peer-ring", "b1", HOTLINE_CALL="")
    lines = fresh()
    (taken,) = reconcile(lines, [from_peer, seat], now=100.0)
    assert taken == SnapshotTaken(at=100.0, node="n", living=())
    assert survey(lines, [from_peer, seat], epoch=7, now=100.0).calls == ()


# --- everything, told to somebody who knows nothing ---


def surveyed(lines: Lines, channel: ChannelStatus, *more: ChannelStatus) -> CallAdopted:
    reconcile(lines, [channel, *more], now=99.0)
    (told,) = survey(lines, [channel, *more], epoch=7, now=100.0).calls
    return told


def test_a_call_that_we_know_is_told_as_if_it_were_found() -> None:
    lines = fresh()
    arrive(lines)
    waiting = caller(HOTLINE_FROM=packed('"Li" <sip:555@h>'))
    assert surveyed(lines, waiting) == reconcile(fresh(), [waiting], now=100.0)[0]


def test_a_known_ring_and_a_known_conversation_are_told_with_their_offer() -> None:
    lines = fresh()
    ringing(lines)
    told = surveyed(lines, caller(**RINGING), status(SEAT, "AppDial", "hotline-ring", HOTLINE_OFFER=OFFER))
    assert (told.phase, told.offer_id, told.place) == ("ringing", OFFER, PLACE)
    lines = fresh()
    talking(lines)
    seat = status(SEAT, "AppDial", "hotline-ring", "b1", HOTLINE_OFFER=OFFER)
    told = surveyed(lines, caller(HOTLINE_OFFER=OFFER, application="Dial", bridge="b1"), seat)
    assert (told.phase, told.offer_id) == ("talking", OFFER)


def test_a_ring_that_was_sent_after_the_snapshot_was_asked_for_is_told_as_a_ring() -> None:
    lines = fresh()
    arrive(lines)
    ask_snapshot(lines)
    plan(ring(), lines)
    told = surveyed(lines, caller())
    assert (told.phase, told.offer_id) == ("ringing", OFFER)


def test_a_ring_that_we_take_back_is_one_until_the_caller_is_back() -> None:
    lines = fresh()
    ringing(lines)
    ask_snapshot(lines)
    plan(CancelRing(node="n", call_id=CALL, offer_id=OFFER), lines)  # type: ignore[arg-type]
    assert surveyed(lines, caller(**RINGING)).phase == "ringing"
    lines.handle(agi("return", CALL, OFFER, "RESCINDED", "0"), now=12.0)
    told = surveyed(lines, caller(HOTLINE_OFFER=OFFER))
    assert (told.phase, told.offer_id) == ("session", None)


def test_a_caller_whom_we_let_go_is_told_as_fallen_back() -> None:
    lines = fresh()
    arrive(lines)
    plan(Release(node="n", call_id=CALL, reason="full"), lines)  # type: ignore[arg-type]
    assert surveyed(lines, caller()).phase == "fallback"


def test_a_served_caller_whose_place_still_is_in_a_line_is_not_told_as_waiting() -> None:
    told = surveyed(fresh(), caller(HOTLINE_OFFER=OFFER, DIALSTATUS="ANSWER"))
    assert told.phase == "session"
    assert told.place is not None
    assert (told.place.queue_id, told.place.served) == (None, True)


@pytest.mark.parametrize(
    ("context", "offer", "status", "phase"),
    [
        ("hotline-arrive", "", "", "session"),
        ("hotline-ring", OFFER, "NOANSWER", "ringing"),
        ("hotline-back", OFFER, "", "ringing"),
        ("hotline-ring", OFFER, "ANSWER", "talking"),
    ],
)
def test_a_call_on_its_way_to_us_lives_and_is_told_by_where_it_comes_from(
    context: str, offer: str, status: str, phase: str
) -> None:
    variables = {k: v for k, v in {"HOTLINE_OFFER": offer, "DIALSTATUS": status}.items() if v}
    lines = fresh()
    told = surveyed(lines, caller(application="StopMixMonitor", context=context, **variables))
    assert (told.phase, told.offer_id) == (phase, offer or None)
    assert lines.by_call == {}
