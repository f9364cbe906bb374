"""Calls of ours for callbacks: made once, told as they go, dialled on when an agent has answered."""

import pytest

from hotline.commands import CallOut, Refused
from hotline.errors import Misuse
from hotline.facts import CallAdopted, CallArrived, CustomerDialled, Place, Record
from hotline.ids import CallId, LegId, NodeId, OfferId
from telephony import callouts
from telephony.actions import recall
from telephony.adoption import reconcile, survey
from telephony.ami.messages import AgiStarted, BridgeEntered, ChannelStatus, UserEventSeen
from telephony.line import Line, Offer
from telephony.lines import Lines, Told
from telephony.performance import Plan, plan

CALL = CallId("wish.1")
LEG = "Local/s@hotline-callout-1;1"
OTHER = "Local/s@hotline-callout-1;2"
PLACE = Place(flow="main", flow_version="1", step="line", callback=True)


def command(first: str = "agent", number: str = "13800138000") -> CallOut:
    return CallOut(
        node=NodeId("n"), call_id=CALL, number=number, first=first, ring_timeout_s=29.6, dialled="4000", place=PLACE  # type: ignore[arg-type]
    )  # fmt: skip


def arrived(lines: Lines) -> Told:
    started = AgiStarted(
        channel=LEG, uniqueid="u", env={}, args=("arrive", CALL, "4000", "13800138000", "", "callback")
    )
    return lines.handle(started, now=5.0)


def told_of(lines: Lines, status: str, cause: str = "0") -> list[Record]:
    fields = {"Call": CALL, "Status": status, "Cause": cause}
    return lines.handle(UserEventSeen(name="HotlineCallout", fields=fields), now=6.0).records


def test_the_action_names_its_channels_and_carries_everything_in_one_variable() -> None:
    action = callouts.originate(command())
    assert action.name == "Originate"
    assert (action.headers["ChannelId"], action.headers["OtherChannelId"]) == (CALL, f"{CALL};2")
    made, _, kept = action.headers["Variable"].partition(",")
    assert made == "HOTLINE_CALLOUT=agent~wish.1~13800138000~30~4000"
    assert recall(kept.removeprefix("HOTLINE_PLACE=")) == PLACE


@pytest.mark.parametrize("number", ["", "+86138", "1&PJSIP/1001", "1~2", "1\r\nAction: x"])
def test_a_number_in_another_form_is_never_dialled(number: str) -> None:
    with pytest.raises(Misuse):
        callouts.originate(command(number=number))


def test_a_call_is_made_once() -> None:
    lines = Lines(NodeId("n"), ())
    assert isinstance(plan(command(), lines), Plan)
    assert plan(command(), lines) == Refused(reason="called_already")
    arrived(lines)
    assert plan(command(), lines) == Refused(reason="called_already")


def test_a_call_that_asterisk_refused_may_be_made_again() -> None:
    lines = Lines(NodeId("n"), ())
    first = plan(command(), lines)
    assert isinstance(first, Plan)
    first.revert()
    assert isinstance(plan(command(), lines), Plan)


def test_it_arrives_with_the_place_that_was_given_to_it() -> None:
    lines = Lines(NodeId("n"), ())
    plan(command(), lines)
    (record,) = arrived(lines).records
    assert isinstance(record, CallArrived)
    assert (record.origin, record.number, record.caller_number, record.place) == (
        "callback",
        "4000",
        "13800138000",
        PLACE,
    )


def test_the_customer_is_dialled_when_an_agent_has_answered_and_only_then() -> None:
    lines = Lines(NodeId("n"), ())
    plan(command(), lines)
    arrived(lines)
    line = lines.by_call[CALL]
    line.offer = Offer(offer_id=OfferId("o"), seat=LegId("PJSIP/1001-1"))
    line.move("ringing")
    lines.add(line)
    assert not lines.handle(BridgeEntered(channel=LEG, uniqueid="u", bridge_id="b", channels=1), now=6.0).actions
    entered = BridgeEntered(channel="PJSIP/1001-1", uniqueid="v", bridge_id="b", channels=2)
    (action,) = lines.handle(entered, now=6.0).actions
    assert (action.name, action.headers["Channel"]) == ("Redirect", OTHER)
    assert (action.headers["Context"], action.headers["Exten"]) == ("hotline-callout", "dial")
    assert not callouts.after_answer(line)


@pytest.mark.parametrize(
    ("status", "cause", "result"),
    [
        ("ANSWER", "16", "answered"),
        ("BUSY", "17", "busy"),
        ("NOANSWER", "0", "no_answer"),
        ("CHANUNAVAIL", "21", "busy"),
        ("CHANUNAVAIL", "19", "no_answer"),
        ("CONGESTION", "34", "failed"),
        ("CHANUNAVAIL", "3", "failed"),
        ("<script>", "99999999", "failed"),
        ("", "x", "failed"),
    ],
)
def test_what_came_of_dialling_is_told_once(status: str, cause: str, result: str) -> None:
    lines = Lines(NodeId("n"), ())
    plan(command("customer"), lines)
    arrived(lines)
    (record,) = told_of(lines, status, cause)
    assert isinstance(record, CustomerDialled)
    assert record.result == result
    assert told_of(lines, status, cause) == []


def test_news_of_a_call_that_is_not_ours_mean_nothing() -> None:
    assert told_of(Lines(NodeId("n"), ()), "ANSWER") == []


def half(**fields: str) -> ChannelStatus:
    known = {"context": "hotline-callout", "exten": "dial", "application": "Dial", "bridge_id": ""}
    return ChannelStatus(channel=OTHER, uniqueid="w", state=6, seconds=9, variables={}, **known | fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "dialled", "met"),
    [
        (half(exten="s", application="Wait"), False, False),
        (half(), True, False),
        (half(bridge_id="b"), True, True),
        (None, True, False),
    ],
)
def test_a_look_shows_what_the_customers_half_does(other: ChannelStatus | None, dialled: bool, met: bool) -> None:
    line = Line(call_id=CALL, leg=LegId(LEG))
    records = callouts.adopt(line, "agent~wish.1~13800138000~30~4000", other, 9.0)
    assert line.callout is not None
    assert line.callout.dialled is dialled
    assert [type(r) for r in records] == ([CustomerDialled] if met else [])


def test_other_calls_are_no_callouts() -> None:
    line = Line(call_id=CALL, leg=LegId(LEG))
    assert callouts.adopt(line, "", None, 9.0) == []
    assert line.callout is None


def snapshot(*, customer: ChannelStatus, agent: bool = False) -> list[ChannelStatus]:
    """Return the channels of our call: with its agent, if there is one, and the customer's half."""
    variables = {
        "HOTLINE_CALL": CALL,
        "HOTLINE_NUMBER": "4000",
        "HOTLINE_CALLOUT": "customer~wish.1~13800138000~30~4000",
    }
    if agent:
        variables |= {
            "HOTLINE_OFFER": "o",
            "DIALSTATUS": "ANSWER",
            "HOTLINE_CALLOUT": "agent~wish.1~13800138000~30~4000",
        }
    call = ChannelStatus(
        channel=LEG, uniqueid="u", state=6, seconds=9, context="hotline-ring" if agent else "hotline-callback", exten="s",
        application="Dial" if agent else "AGI", bridge_id="b1" if agent else "", variables=variables,
    )  # fmt: skip
    seat = ChannelStatus(
        channel="PJSIP/1001-1", uniqueid="v", state=6, seconds=3, context="hotline-seat", exten="s", application="AppDial",
        bridge_id="b1", variables={"HOTLINE_CALL": CALL},
    )  # fmt: skip
    return [call, customer, *([seat] if agent else [])]


@pytest.mark.parametrize(("bridge", "known"), [("", "dialled"), ("b2", "answered")])
def test_a_router_that_begins_is_told_what_is_known_of_the_customer(bridge: str, known: str) -> None:
    lines = Lines(NodeId("n"), ())
    channels = snapshot(customer=half(bridge_id=bridge))
    adopted = next(r for r in reconcile(lines, channels, now=9.0) if isinstance(r, CallAdopted))
    assert (adopted.customer, adopted.caller_number) == (known, "13800138000")
    assert [call.customer for call in survey(lines, channels, epoch=1, now=9.0).calls] == [known]


def test_an_answer_that_came_while_the_link_was_down_is_told_by_the_next_look_once() -> None:
    lines = Lines(NodeId("n"), ())
    plan(command("customer"), lines)
    arrived(lines)
    channels = snapshot(customer=half(bridge_id="b2"))
    looks = [[r for r in reconcile(lines, channels, now=9.0) if isinstance(r, CustomerDialled)] for _ in range(2)]
    assert [[r.result for r in told] for told in looks] == [["answered"], []]


def test_an_agent_who_answered_while_nobody_looked_is_not_left_alone() -> None:
    lines = Lines(NodeId("n"), ())
    reconcile(lines, snapshot(customer=half(exten="s", application="Wait"), agent=True), now=9.0)
    line = lines.by_call[CALL]
    assert callouts.customer_of(line) == "waits"
    (action,) = callouts.after_answer(line)
    assert (action.name, action.headers["Channel"], action.headers["Exten"]) == ("Redirect", OTHER, "dial")
    assert callouts.customer_of(line) == "dialled"
