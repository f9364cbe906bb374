"""Callers whom the dialplan leads by itself: messages and numbers outside."""

import pytest

from hotline.commands import CallCommand, DialOut, Hangup, Play, RecordMessage, Refused, Release, Ring
from hotline.facts import CallAdopted, CallCameBack, CallEnded, ForwardEnded
from hotline.ids import NodeId
from telephony.adoption import reconcile, survey
from telephony.ami import messages as m
from telephony.lines import Lines
from telephony.performance import Plan, plan
from tests.unit.telephony.test_adoption import caller
from tests.unit.telephony.test_lines import CALL, CALLER, agi, arrive, bridge, on

NODE = NodeId("n")


def message(message_id: str = f"{CALL}.m1") -> RecordMessage:
    return RecordMessage(node=NODE, call_id=CALL, message_id=message_id, max_s=90)  # type: ignore[arg-type]


def number(digits: str = "13900000001") -> DialOut:
    return DialOut(node=NODE, call_id=CALL, number=digits, timeout_s=20, music_class="jazz")  # type: ignore[arg-type]


def away(command: RecordMessage | DialOut) -> Lines:
    lines = Lines(NODE, ["1001"])
    arrive(lines)
    planned = plan(command, lines)
    assert isinstance(planned, Plan)
    assert lines.by_call[CALL].phase == "outside"  # type: ignore[index]
    lines.moved.clear()  # a snapshot was asked for since
    return lines


def kinds(records: list[object]) -> list[str]:
    return [type(record).__name__ for record in records]


@pytest.mark.parametrize(
    ("command", "context", "told"),
    [
        (message(), "hotline-message", f"{CALL}.m1,90"),
        (number(), "hotline-forward", "13900000001,20,jazz"),
    ],
)
def test_an_errand_is_a_variable_and_a_redirect(command: CallCommand, context: str, told: str) -> None:
    lines = Lines(NODE, [])
    arrive(lines)
    planned = plan(command, lines)
    assert isinstance(planned, Plan)
    variable, redirect = planned.actions
    assert variable.headers == {"Channel": CALLER, "Variable": "HOTLINE_ERRAND", "Value": told}
    assert (redirect.headers["Context"], redirect.headers["Channel"]) == (context, CALLER)


@pytest.mark.parametrize("command", [message("../../etc"), number("139,60,x)"), number("139&PJSIP/x"), number("")])
def test_nothing_strange_reaches_the_dialplan(command: CallCommand) -> None:
    lines = Lines(NODE, [])
    arrive(lines)
    assert isinstance(plan(command, lines), Refused)
    assert lines.by_call[CALL].phase == "session"  # type: ignore[index]


def test_on_an_errand_he_is_not_in_our_hands() -> None:
    lines = away(message())
    ids = {"node": NODE, "call_id": CALL}
    ring = Ring(**ids, offer_id="o", agent_id="1001", extension="1001", ring_timeout_s=5)  # type: ignore[arg-type]
    for command in (ring, Play(**ids, play_id="p", sounds=("a",)), Release(**ids, reason="x"), message()):  # type: ignore[arg-type]
        assert plan(command, lines) == Refused(reason="not_in_session")
    assert isinstance(plan(Hangup(**ids), lines), Plan)  # type: ignore[arg-type]


def test_a_refused_errand_leaves_him_where_he_was() -> None:
    lines = Lines(NODE, [])
    arrive(lines)
    planned = plan(message(), lines)
    assert isinstance(planned, Plan)
    planned.revert()
    assert lines.by_call[CALL].phase == "session"  # type: ignore[index]


@pytest.mark.parametrize(
    ("status", "result"),
    [("DTMF", "done"), ("SILENCE", "done"), ("TIMEOUT", "done"), ("ERROR", "failed"), ("", "failed")],
)
def test_from_a_message_he_comes_back(status: str, result: str) -> None:
    lines = away(message())
    (back,) = lines.handle(agi("errand", CALL, "message", status), now=20.0).records
    assert isinstance(back, CallCameBack)
    assert (back.errand, back.result) == ("message", result)
    assert lines.by_call[CALL].phase == "session"  # type: ignore[index]


def test_a_number_that_answered_is_told_with_how_long_they_talked() -> None:
    lines = away(number())
    lines.handle(bridge(m.BridgeEntered, CALLER), now=30.0)
    ended, back = lines.handle(agi("errand", CALL, "number", "ANSWER"), now=42.0).records
    assert isinstance(ended, ForwardEnded)
    assert (ended.number, ended.answered, ended.talked_s, ended.reason) == ("13900000001", True, 12.0, "")
    assert isinstance(back, CallCameBack)
    assert (back.errand, back.result) == ("number", "done")


def test_a_number_that_did_not_answer_is_told_with_why() -> None:
    lines = away(number())
    ended, back = lines.handle(agi("errand", CALL, "number", "BUSY"), now=42.0).records
    assert isinstance(ended, ForwardEnded)
    assert (ended.answered, ended.reason) == (False, "busy")
    assert isinstance(back, CallCameBack)
    assert back.result == "failed"


def test_who_hangs_up_in_a_conversation_outside_ends_it() -> None:
    lines = away(number())
    lines.handle(bridge(m.BridgeEntered, CALLER), now=30.0)
    records = lines.handle(m.ChannelHungUp(**on(CALLER), cause=16), now=35.0).records
    assert kinds(records) == ["ForwardEnded", "CallEnded"]
    assert isinstance(records[0], ForwardEnded)
    assert records[0].talked_s == 5.0


def test_an_errand_of_a_call_that_nobody_knows_asks_for_a_snapshot() -> None:
    assert Lines(NODE, []).handle(agi("errand", CALL, "message", "DTMF"), now=1.0).unclear == "unknown_return"


def test_after_a_restart_he_is_found_outside_and_comes_back() -> None:
    lines = Lines(NODE, [])
    found = caller(context="hotline-message", application="Record")
    adopted = reconcile(lines, [found], now=100.0)[0]
    assert isinstance(adopted, CallAdopted)
    assert (adopted.phase, adopted.offer_id) == ("outside", None)
    assert kinds(lines.handle(agi("errand", CALL, "message", "DTMF"), now=101.0).records) == ["CallCameBack"]


def test_a_conversation_outside_is_not_taken_for_one_with_an_agent() -> None:
    lines = Lines(NODE, [])
    talks = caller(
        context="hotline-forward", application="Dial", bridge="b1", DIALSTATUS="ANSWER", HOTLINE_ERRAND="139,20,x"
    )
    adopted = reconcile(lines, [talks], now=100.0)[0]
    assert isinstance(adopted, CallAdopted)
    assert adopted.phase == "outside"
    assert [c.phase for c in survey(lines, [talks], epoch=1, now=101.0).calls] == ["outside"]
    ended = lines.handle(agi("errand", CALL, "number", "ANSWER"), now=110.0).records[0]
    assert isinstance(ended, ForwardEnded)
    assert (ended.number, ended.answered) == ("139", True)


def test_who_came_back_while_nobody_looked_is_told_with_an_unknown_result() -> None:
    lines = away(number())
    records = reconcile(lines, [caller(context="hotline-forward")], now=100.0)
    back = next(r for r in records if isinstance(r, CallCameBack))
    assert (back.errand, back.result) == ("number", "unknown")


def test_who_fell_back_from_outside_is_told() -> None:
    lines = away(number())
    records = reconcile(lines, [caller(context="hotline-fallback", HOTLINE_REASON="no_heartbeat")], now=100.0)
    assert kinds(records)[:2] == ["ForwardEnded", "CallFellBack"]


def test_who_is_gone_from_outside_is_told() -> None:
    lines = away(message())
    assert any(isinstance(r, CallEnded) for r in reconcile(lines, [], now=100.0))
