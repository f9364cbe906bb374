"""The life of a call as telephony reads it: messages in, facts and signals out."""

import base64

import pytest

from hotline.commands import CancelRing, Hangup, Play, Refused, Release, Remember, Ring, StartMusic
from hotline.facts import (
    CallArrived,
    CallEnded,
    CallFellBack,
    CallReturned,
    DigitPressed,
    FeatureCodeDialled,
    OfferAccepted,
    OfferBusy,
    OfferFailed,
    OfferRang,
    OfferRejected,
    OfferRescinded,
    OfferTimedOut,
    Place,
    PlayEnded,
    SeatChanged,
    TalkEnded,
)
from telephony.ami import messages as m
from telephony.lines import Lines, Told
from telephony.performance import Plan, plan

CALLER = "PJSIP/trunk-00000001"
SEAT = "PJSIP/1001-00000002"
CALL = "c0ffee00-0000-4000-8000-000000000001"
OFFER = f"{CALL}.1.1"


def packed(header: str | bytes) -> str:
    return base64.b64encode(header if isinstance(header, bytes) else header.encode()).decode()


def on(channel: str) -> dict[str, str]:
    return {"channel": channel, "uniqueid": channel.rpartition("-")[2]}


def agi(*args: str, channel: str = CALLER) -> m.AgiStarted:
    return m.AgiStarted(**on(channel), env={}, args=args)


def arrive(lines: Lines, name: str = "", caller: str = "13800138000") -> Told:
    return lines.handle(agi("arrive", CALL, "4000", caller, packed(name), "trunk"), now=10.0)


def ringing(lines: Lines) -> None:
    """An arrived call whose offer rings at the seat."""
    arrive(lines)
    assert isinstance(plan(ring(), lines), Plan)
    lines.handle(dial(m.DialBegun), now=11.0)
    lines.handle(dial(m.DialProgress, status="RINGING"), now=11.1)


def talking(lines: Lines) -> None:
    ringing(lines)
    lines.handle(dial(m.DialEnded, status="ANSWER"), now=12.0)
    lines.handle(bridge(m.BridgeEntered, SEAT), now=12.0)
    lines.handle(bridge(m.BridgeEntered, CALLER), now=12.0)


def ring(**changes: object) -> Ring:
    given: dict[str, object] = {"offer_id": OFFER, "agent_id": "1001", "extension": "1001", "ring_timeout_s": 15.0}
    return Ring(node="n", call_id=CALL, **(given | changes))  # type: ignore[arg-type]


def dial(kind: type, **fields: str):  # type: ignore[no-untyped-def]
    return kind(channel=CALLER, uniqueid="1", dest_channel=SEAT, dest_uniqueid="2", **fields)


def bridge(kind: type, channel: str):  # type: ignore[no-untyped-def]
    return kind(**on(channel), bridge_id="b1", channels=1)


def hang_up(channel: str, cause: int = 16) -> m.ChannelHungUp:
    return m.ChannelHungUp(**on(channel), cause=cause)


@pytest.fixture
def lines() -> Lines:
    return Lines("n", ["1001", "1002"])  # type: ignore[arg-type]


def test_an_arriving_call_is_told_with_clean_number_and_name(lines: Lines) -> None:
    (fact,) = arrive(lines, '"张伟 <script>" <sip:138@10.0.0.1>;tag=1').records
    assert fact == CallArrived(
        at=10.0,
        call_id=CALL,
        node="n",
        leg=CALLER,
        number="4000",
        caller_number="13800138000",
        caller_name="张伟 script",
    )


@pytest.mark.parametrize("header", [b"\xff\xfe\x00", "", '"unterminated', "<sip:x@y>", '"=HYPERLINK(1)" <sip:x@y>'])
def test_a_hostile_from_header_gives_a_harmless_name(lines: Lines, header: str | bytes) -> None:
    told = lines.handle(agi("arrive", CALL, "4000", "", packed(header), "trunk"), now=1.0)
    assert isinstance(told.records[0], CallArrived)
    assert told.records[0].caller_name in ("", "HYPERLINK(1)")


def test_a_repeated_arrival_changes_nothing(lines: Lines) -> None:
    arrive(lines)
    assert arrive(lines) == Told()


def test_a_session_with_foreign_arguments_asks_for_a_snapshot(lines: Lines) -> None:
    assert lines.handle(agi("arrive", CALL), now=1.0) == Told(unclear="foreign_session")


def test_a_digit_in_session_is_a_signal_and_one_that_we_sent_is_not(lines: Lines) -> None:
    arrive(lines)
    pressed = m.DigitEnded(**on(CALLER), digit="1", direction="received")
    assert lines.handle(pressed, now=2.0).records == [DigitPressed(at=2.0, call_id=CALL, digit="1")]
    assert lines.handle(m.DigitEnded(**on(CALLER), digit="1", direction="sent"), now=2.0) == Told()


def test_prompts_are_played_one_after_another_and_the_end_is_told_once(lines: Lines) -> None:
    arrive(lines)
    first = plan(Play(node="n", call_id=CALL, play_id="p1", sounds=("a", "b")), lines)
    assert isinstance(first, Plan)
    assert first.actions[0].headers["Command"] == 'STREAM FILE a "0123456789*#"'
    next_sound = lines.handle(agi_ended("p1/0", 0), now=2.0)
    assert [a.headers["Command"] for a in next_sound.actions] == ['STREAM FILE b "0123456789*#"']
    assert lines.handle(agi_ended("p1/1", 0), now=3.0).records == [
        PlayEnded(at=3.0, call_id=CALL, play_id="p1", result="finished")
    ]
    assert lines.handle(agi_ended("p1/1", 0), now=3.0) == Told()


def agi_ended(command_id: str, result: int | None) -> m.AgiCommandEnded:
    return m.AgiCommandEnded(**on(CALLER), command_id=command_id, code=200, result=result, raw="")


@pytest.mark.parametrize(("result", "word"), [(49, "interrupted"), (-1, "failed"), (None, "failed")])
def test_a_key_or_a_failure_ends_all_prompts(lines: Lines, result: int | None, word: str) -> None:
    arrive(lines)
    plan(Play(node="n", call_id=CALL, play_id="p1", sounds=("a", "b")), lines)
    (ended,) = lines.handle(agi_ended("p1/0", result), now=2.0).records
    assert isinstance(ended, PlayEnded)
    assert ended.result == word


def test_the_end_of_an_older_prompt_is_ignored(lines: Lines) -> None:
    arrive(lines)
    plan(Play(node="n", call_id=CALL, play_id="p1", sounds=("a",)), lines)
    plan(Play(node="n", call_id=CALL, play_id="p2", sounds=("b",)), lines)
    assert lines.handle(agi_ended("p1/0", 0), now=2.0) == Told()


def test_a_ringing_phone_is_told_once(lines: Lines) -> None:
    arrive(lines)
    plan(ring(), lines)
    lines.handle(dial(m.DialBegun), now=11.0)
    rang = dial(m.DialProgress, status="RINGING")
    assert lines.handle(rang, now=11.1).records == [OfferRang(at=11.1, call_id=CALL, offer_id=OFFER)]
    assert lines.handle(rang, now=11.2) == Told()


def test_the_offer_is_accepted_when_both_are_in_the_bridge(lines: Lines) -> None:
    ringing(lines)
    assert lines.handle(dial(m.DialEnded, status="ANSWER"), now=12.0) == Told()
    assert lines.handle(bridge(m.BridgeEntered, SEAT), now=12.1) == Told()
    told = lines.handle(bridge(m.BridgeEntered, CALLER), now=12.2)
    assert told.records == [OfferAccepted(at=12.2, call_id=CALL, offer_id=OFFER)]


@pytest.mark.parametrize(
    ("status", "cause", "rang", "kind"),
    [
        ("NOANSWER", 0, True, OfferTimedOut),
        ("BUSY", 17, True, OfferRejected),
        ("BUSY", 17, False, OfferBusy),
        ("CHANUNAVAIL", 21, True, OfferRejected),
        ("CHANUNAVAIL", 21, False, OfferBusy),
        ("NOANSWER", 19, True, OfferRejected),
        ("CHANUNAVAIL", 38, True, OfferFailed),
        ("CONGESTION", 34, False, OfferFailed),
    ],
)
def test_every_dial_status_has_its_ending(lines: Lines, status: str, cause: int, rang: bool, kind: type) -> None:
    arrive(lines)
    plan(ring(), lines)
    lines.handle(dial(m.DialBegun), now=11.0)
    if rang:
        lines.handle(dial(m.DialProgress, status="RINGING"), now=11.1)
    assert lines.handle(dial(m.DialEnded, status=status), now=12.0) == Told()
    ending, returned = lines.handle(agi("return", CALL, OFFER, status, str(cause)), now=12.1).records
    assert type(ending) is kind
    assert returned == CallReturned(at=12.1, call_id=CALL, offer_id=OFFER, answered=False)


def test_an_unregistered_phone_is_never_dialled_and_the_return_tells(lines: Lines) -> None:
    arrive(lines)
    plan(ring(), lines)
    told = lines.handle(agi("return", CALL, OFFER, "CHANUNAVAIL", "3"), now=11.0)
    assert told.records == [
        OfferFailed(at=11.0, call_id=CALL, offer_id=OFFER, reason="chanunavail"),
        CallReturned(at=11.0, call_id=CALL, offer_id=OFFER, answered=False),
    ]


@pytest.mark.parametrize(("first", "side"), [(SEAT, "agent"), (CALLER, "caller")])
def test_who_leaves_the_bridge_first_ended_the_conversation(lines: Lines, first: str, side: str) -> None:
    talking(lines)
    other = CALLER if first == SEAT else SEAT
    lines.handle(bridge(m.BridgeLeft, first), now=20.0)
    lines.handle(bridge(m.BridgeLeft, other), now=20.0)
    assert lines.handle(hang_up(SEAT), now=20.1).records == [
        TalkEnded(at=20.1, call_id=CALL, offer_id=OFFER, ended_by=side)
    ]


def test_after_the_agent_hung_up_the_caller_is_back_and_can_be_played_to(lines: Lines) -> None:
    talking(lines)
    lines.handle(bridge(m.BridgeLeft, SEAT), now=20.0)
    lines.handle(hang_up(SEAT), now=20.0)
    told = lines.handle(agi("return", CALL, OFFER, "ANSWER", "16"), now=20.1)
    assert told.records == [CallReturned(at=20.1, call_id=CALL, offer_id=OFFER, answered=True)]
    assert isinstance(plan(Play(node="n", call_id=CALL, play_id="p", sounds=("bye",)), lines), Plan)


def test_a_caller_who_hangs_up_while_it_rings_rescinds_the_offer_before_the_call_ends(lines: Lines) -> None:
    ringing(lines)
    assert lines.handle(hang_up(CALLER), now=13.0).records == [
        OfferRescinded(at=13.0, call_id=CALL, offer_id=OFFER, reason="caller_left"),
        CallEnded(at=13.0, call_id=CALL, cause=16, ended_by="caller"),
    ]
    assert lines.by_call == {}


def test_a_call_that_we_hang_up_is_ended_by_the_system_or_by_the_agent_who_hung_up_first(lines: Lines) -> None:
    talking(lines)
    lines.handle(bridge(m.BridgeLeft, SEAT), now=20.0)
    lines.handle(hang_up(SEAT), now=20.0)
    lines.handle(agi("return", CALL, OFFER, "ANSWER", "16"), now=20.1)
    plan(Hangup(node="n", call_id=CALL), lines)
    assert lines.handle(hang_up(CALLER), now=21.0).records == [
        CallEnded(at=21.0, call_id=CALL, cause=16, ended_by="agent")
    ]


def test_a_call_in_the_fallback_queue_is_no_longer_ours(lines: Lines) -> None:
    arrive(lines)
    event = m.UserEventSeen(name="HotlineFallback", fields={"Call": CALL, "Reason": "lease_expired"})
    assert lines.handle(event, now=5.0).records == [CallFellBack(at=5.0, call_id=CALL, reason="lease_expired")]
    assert lines.handle(event, now=6.0) == Told()
    assert plan(StartMusic(node="n", call_id=CALL), lines) == Refused(reason="not_in_session")


def test_only_a_waiting_caller_can_be_offered_and_only_a_ringing_offer_taken_back(lines: Lines) -> None:
    assert plan(ring(), lines) == Refused(reason="unknown_call")
    arrive(lines)
    assert plan(CancelRing(node="n", call_id=CALL, offer_id=OFFER), lines) == Refused(reason="not_ringing")
    plan(ring(), lines)
    assert plan(ring(offer_id="other"), lines) == Refused(reason="not_in_session")
    assert plan(CancelRing(node="n", call_id=CALL, offer_id="other"), lines) == Refused(reason="not_ringing")


def test_a_caller_on_the_way_to_the_fallback_queue_is_not_pulled_back_by_a_ring(lines: Lines) -> None:
    arrive(lines)
    [call_id] = lines.by_call
    released = plan(Release(node=lines.node, call_id=call_id, reason="no_router"), lines)
    assert isinstance(released, Plan)
    assert plan(ring(), lines) == Refused(reason="leaving")
    released.revert()
    assert isinstance(plan(ring(), lines), Plan)


def test_a_seat_of_another_node_is_rung_over_the_trunk_to_it(lines: Lines) -> None:
    arrive(lines)
    planned = plan(ring(seat_node="b", caller_name="Li"), lines, peers={"b"})
    assert isinstance(planned, Plan)
    asked, named, redirected = planned.actions
    assert asked.headers["Value"] == f"{OFFER},1001@peer-b,15,default,"
    assert (named.headers["Value"], redirected.headers["Context"]) == ("Li", "hotline-ring")
    there = "PJSIP/peer-b-00000002"
    lines.handle(m.DialBegun(channel=CALLER, uniqueid="1", dest_channel=there, dest_uniqueid="2"), now=11.0)
    lines.handle(bridge(m.BridgeEntered, there), now=12.0)
    assert [type(r) for r in lines.handle(bridge(m.BridgeEntered, CALLER), now=12.0).records] == [OfferAccepted]


def test_a_seat_of_our_own_node_needs_no_trunk(lines: Lines) -> None:
    arrive(lines)
    planned = plan(ring(seat_node="n"), lines)
    assert isinstance(planned, Plan)
    assert planned.actions[0].headers["Value"].split(",")[1] == "1001"


def test_a_node_to_which_there_is_no_trunk_is_refused_and_the_caller_stays(lines: Lines) -> None:
    arrive(lines)
    assert plan(ring(seat_node="c"), lines, peers={"b"}) == Refused(reason="no_such_peer")
    assert isinstance(plan(ring(), lines), Plan)


def test_a_call_between_two_seats_or_of_another_node_is_nobodys(lines: Lines) -> None:
    from_peer, seat = "PJSIP/peer-a-00000001", SEAT
    begun = m.DialBegun(channel=from_peer, uniqueid="1", dest_channel=seat, dest_uniqueid="2")
    for message in (begun, bridge(m.BridgeEntered, seat), bridge(m.BridgeEntered, from_peer), hang_up(from_peer)):
        assert lines.handle(message, now=1.0) == Told()


def test_a_ring_that_asterisk_refuses_leaves_the_caller_in_our_hands(lines: Lines) -> None:
    arrive(lines)
    planned = plan(ring(), lines)
    assert isinstance(planned, Plan)
    planned.revert()
    assert isinstance(plan(ring(), lines), Plan)


def test_an_offer_we_took_back_is_withdrawn_not_abandoned(lines: Lines) -> None:
    ringing(lines)
    plan(CancelRing(node="n", call_id=CALL, offer_id=OFFER), lines)
    lines.handle(dial(m.DialEnded, status="CANCEL"), now=12.0)
    ending, _ = lines.handle(agi("return", CALL, OFFER, "RESCINDED", "0"), now=12.0).records
    assert ending == OfferRescinded(at=12.0, call_id=CALL, offer_id=OFFER, reason="withdrawn")


@pytest.mark.parametrize(
    ("state", "reachable", "in_use"),
    [("NOT_INUSE", True, False), ("INUSE", True, True), ("RINGING", True, True), ("UNAVAILABLE", False, False)],
)
def test_a_device_state_says_whether_a_seat_can_be_rung(
    lines: Lines, state: str, reachable: bool, in_use: bool
) -> None:
    told = lines.handle(m.DeviceStateChanged(device="PJSIP/1001", state=state), now=1.0)
    changed = SeatChanged(at=1.0, extension="1001", reachable=reachable, in_use=in_use, node="n")
    assert told.records == [changed]
    assert lines.phones == {"1001": changed}
    assert lines.handle(m.DeviceStateChanged(device="PJSIP/trunk", state=state), now=1.0) == Told()


def test_a_feature_code_is_told_with_its_seat(lines: Lines) -> None:
    told = lines.handle(agi("feature", "1001", "41", channel=SEAT), now=1.0)
    assert told.records == [FeatureCodeDialled(at=1.0, session=SEAT, node="n", extension="1001", code="41")]
    assert lines.handle(agi("feature", "9999", "41", channel=SEAT), now=1.0).unclear


def test_a_prompt_that_never_began_before_the_ring_is_not_heard_after_it(lines: Lines) -> None:
    arrive(lines)
    plan(Play(node="n", call_id=CALL, play_id="p1", sounds=("hold",)), lines)
    plan(ring(), lines)
    again = lines.handle(agi("return", CALL, OFFER, "NOANSWER", "0"), now=20.0)
    assert again.records == []
    assert [a.headers["Context"] for a in again.actions] == ["hotline-back"]
    told = lines.handle(agi("return", CALL, OFFER, "RESCINDED", "0"), now=20.1)
    assert told.records == [
        OfferTimedOut(at=20.1, call_id=CALL, offer_id=OFFER),
        CallReturned(at=20.1, call_id=CALL, offer_id=OFFER, answered=False),
    ]


def test_a_prompt_that_the_ring_interrupted_needs_no_way_round(lines: Lines) -> None:
    arrive(lines)
    plan(Play(node="n", call_id=CALL, play_id="p1", sounds=("hold",)), lines)
    plan(ring(), lines)
    lines.handle(agi_ended("p1/0", -1), now=11.0)
    told = lines.handle(agi("return", CALL, OFFER, "NOANSWER", "0"), now=20.0)
    assert [type(r) for r in told.records] == [OfferTimedOut, CallReturned]


def test_what_is_learnt_late_of_a_ring_happened_before_its_time_was_over(lines: Lines) -> None:
    arrive(lines)
    plan(ring(), lines, now=10.0)
    lines.handle(dial(m.DialBegun), now=40.0)
    (rang,) = lines.handle(dial(m.DialProgress, status="RINGING"), now=40.0).records
    ending, back = lines.handle(agi("return", CALL, OFFER, "NOANSWER", "0"), now=40.0).records
    assert (rang.at, ending.at, back.at) == (26.0, 26.0, 40.0), "a ring of 15 s, and a second"


def test_a_ring_taken_back_before_the_dialplan_noted_its_id_is_concluded(lines: Lines) -> None:
    arrive(lines)
    plan(ring(), lines)
    plan(CancelRing(node="n", call_id=CALL, offer_id=OFFER), lines)
    told = lines.handle(agi("return", CALL, "", "RESCINDED", "0"), now=12.0)
    assert told.records == [
        OfferRescinded(at=12.0, call_id=CALL, offer_id=OFFER, reason="withdrawn"),
        CallReturned(at=12.0, call_id=CALL, offer_id=OFFER, answered=False),
    ]


def test_a_return_from_an_older_offer_does_not_end_the_present_one(lines: Lines) -> None:
    ringing(lines)
    assert lines.handle(agi("return", CALL, "older", "NOANSWER", "0"), now=12.0) == Told(unclear="late_return")
    lines.handle(bridge(m.BridgeEntered, SEAT), now=13.0)
    assert lines.handle(bridge(m.BridgeEntered, CALLER), now=13.0).records


def test_a_caller_who_waits_again_after_a_conversation_is_no_longer_under_its_offer(lines: Lines) -> None:
    place = Place(flow="main", flow_version="1", step="line", queue_id="service")  # type: ignore[arg-type]
    first = Remember(node="n", call_id=CALL, place=place)  # type: ignore[arg-type]
    arrive(lines)
    planned = plan(first, lines)
    assert isinstance(planned, Plan)
    assert [a.headers["Variable"] for a in planned.actions] == ["HOTLINE_PLACE"]
    ringing_line = lines.by_call[CALL]  # type: ignore[index]
    ringing_line.move("talking")
    ringing_line.move("session")
    planned = plan(first, lines)
    assert isinstance(planned, Plan)
    assert [a.headers["Variable"] for a in planned.actions] == ["HOTLINE_OFFER", "HOTLINE_PLACE"]
