"""AMI events as typed records: the good ones from real transcripts, the bad ones as poison."""

from pathlib import Path
from urllib.parse import quote

import pytest

from telephony.ami import messages as m
from telephony.ami.codec import Decoder, Message, Poison

DATA = Path(__file__).parents[3] / "data" / "ami"
CHANNEL = "Channel: PJSIP/1001-00000001\r\nUniqueid: 17.1\r\nLinkedid: 17.0\r\n"
WHO = {"channel": "PJSIP/1001-00000001", "uniqueid": "17.1", "linkedid": "17.0"}
DIAL = "DestChannel: PJSIP/1001-2\r\nDestUniqueid: 17.2\r\n"
DIALLED = {"channel": "", "uniqueid": "", "dest_channel": "PJSIP/1001-2", "dest_uniqueid": "17.2"}


def typed(name: str, rest: str = "", *, channel: str = CHANNEL) -> m.AmiMessage | Poison | None:
    data = f"Event: {name}\r\nPrivilege: all\r\n{channel}{rest}\r\n".encode()
    (item,) = Decoder(required=m.REQUIRED, expect_banner=False).feed(data)
    return m.parse(item) if isinstance(item, Message) else item


def transcript(name: str) -> list[m.AmiMessage]:
    items = Decoder(required=m.REQUIRED).feed((DATA / f"{name}.ami").read_bytes())
    parsed = [m.parse(item) for item in items if isinstance(item, Message)]
    return [p for p in parsed if isinstance(p, m.AmiMessage)]


def env(*lines: str) -> str:
    usual = ("agi_request: async", "agi_uniqueid: 17.1", *lines)
    return "Env: " + quote("\n".join((*usual, "", "")), safe="") + "\r\n"


@pytest.mark.parametrize(
    ("event", "rest", "expected"),
    [
        ("Hangup", "Cause: 16\r\nCause-txt: Normal Clearing\r\n", m.ChannelHungUp(**WHO, cause=16)),
        ("AsyncAGIEnd", "", m.AgiEnded(**WHO)),
        ("DTMFEnd", "Digit: #\r\nDirection: Received\r\n", m.DigitEnded(**WHO, digit="#", direction="received")),
        ("DTMFEnd", "Digit: A\r\nDirection: Sent\r\n", m.DigitEnded(**WHO, digit="A", direction="sent")),
        (
            "BridgeEnter",
            "BridgeUniqueid: b1\r\nBridgeNumChannels: 2\r\n",
            m.BridgeEntered(**WHO, bridge_id="b1", channels=2),
        ),
        (
            "BridgeLeave",
            "BridgeUniqueid: b1\r\nBridgeNumChannels: 0\r\n",
            m.BridgeLeft(**WHO, bridge_id="b1", channels=0),
        ),
    ],
)
def test_a_channel_event_becomes_its_record(event: str, rest: str, expected: m.AmiMessage) -> None:
    assert typed(event, rest) == expected


def test_dial_events_name_the_far_channel_and_need_no_near_one() -> None:
    assert typed("DialBegin", DIAL + "DialString: 1001\r\n", channel="") == m.DialBegun(**DIALLED, dial_string="1001")
    assert typed("DialState", DIAL + "DialStatus: RINGING\r\n", channel="") == m.DialProgress(
        **DIALLED, status="RINGING"
    )
    ended = typed("DialEnd", DIAL + "DialStatus: NOANSWER\r\n")
    assert isinstance(ended, m.DialEnded)
    assert (ended.channel, ended.status) == (WHO["channel"], "NOANSWER")


def test_a_device_state_needs_no_channel() -> None:
    assert typed("DeviceStateChange", "Device: PJSIP/1001\r\nState: INUSE\r\n", channel="") == m.DeviceStateChanged(
        device="PJSIP/1001", state="INUSE"
    )


def test_a_user_event_carries_its_own_headers_only() -> None:
    seen = typed("UserEvent", "CallerIDName: x\r\nUserEvent: HotlineFallback\r\nCall: c1\r\nReason: lease_expired\r\n")
    assert seen == m.UserEventSeen(
        name="HotlineFallback",
        fields={"Call": "c1", "Reason": "lease_expired"},
        channel=WHO["channel"],
        uniqueid=WHO["uniqueid"],
    )


def test_events_we_have_no_use_for_and_responses_are_nothing() -> None:
    assert typed("Newexten") is None
    (response,) = Decoder(expect_banner=False).feed(b"Response: Hangup\r\n\r\n")
    assert isinstance(response, Message)
    assert m.parse(response) is None


@pytest.mark.parametrize(
    ("event", "rest"),
    [
        ("Hangup", "Cause: sixteen\r\n"),
        ("Hangup", "Cause: -1\r\n"),
        ("Hangup", "Cause: 99999999999\r\n"),
        ("Hangup", "Cause: ١\r\n"),
        ("DTMFEnd", "Digit: 12\r\nDirection: Received\r\n"),
        ("DTMFEnd", "Digit: x\r\nDirection: Received\r\n"),
        ("DTMFEnd", "Digit: \r\nDirection: Received\r\n"),
        ("DTMFEnd", "Digit: 1\r\nDirection: Sideways\r\n"),
        ("BridgeEnter", "BridgeUniqueid: \r\nBridgeNumChannels: 2\r\n"),
        ("UserEvent", "UserEvent: X\r\nCall: a\nb\r\n"),
        ("UserEvent", "UserEvent: X\r\nCall: " + "x" * 2000 + "\r\n"),
        ("AsyncAGIStart", env("agi_arg_1: x", "agi_threadid: 1")),
        ("AsyncAGIStart", env("agi_threadid: 1", "agi_arg_2: x")),
        ("AsyncAGIStart", env("agi_threadid: 1", "agi_arg_1: x", "agi_arg_1: y")),
        ("AsyncAGIStart", env("agi_callerid: x", "agi_callerid: y", "agi_threadid: 1")),
        ("AsyncAGIStart", env("agi_threadid: 1", "agi_arg_1: x\x07")),
    ],
)
def test_a_value_that_cannot_be_true_is_poison(event: str, rest: str) -> None:
    poison = typed(event, rest)
    assert isinstance(poison, Poison)
    assert poison.reason == "bad_value"
    assert poison.detail.startswith(event)


def test_a_channel_name_with_control_characters_is_poison() -> None:
    poison = typed("AsyncAGIEnd", channel="Channel: PJSIP/1\x1b[2J\r\nUniqueid: 1\r\n")
    assert isinstance(poison, Poison)


def test_agi_arguments_come_in_order_and_nothing_of_the_caller_with_them() -> None:
    started = typed(
        "AsyncAGIStart",
        env(
            "agi_callerid: +4912",
            "agi_calleridname: Eve",
            "agi_rdnis: 1",
            "agi_threadid: 9",
            "agi_arg_1: arrive",
            "agi_arg_2: c1",
        ),
    )
    assert isinstance(started, m.AgiStarted)
    assert started.args == ("arrive", "c1")
    assert not {"agi_callerid", "agi_calleridname", "agi_rdnis"} & started.env.keys()
    assert "Eve" not in repr(started)
    assert started.env["agi_threadid"] == "9"


def test_a_line_feed_in_a_callers_name_forges_no_argument() -> None:
    forged = typed(
        "AsyncAGIStart", env("agi_calleridname: x", "agi_arg_1: forged", "agi_threadid: 9", "agi_arg_1: arrive")
    )
    assert isinstance(forged, Poison)
    harmless = typed(
        "AsyncAGIStart", env("agi_calleridname: x", "Exten: forged\r", "agi_threadid: 9", "agi_arg_1: arrive")
    )
    assert isinstance(harmless, m.AgiStarted)
    assert harmless.args == ("arrive",)


@pytest.mark.parametrize(
    ("reply", "code", "result"),
    [
        ("200 result=0\n", 200, 0),
        ("200 result=-1 endpos=0\n", 200, -1),
        ("200 result=49 endpos=1234\n", 200, 49),
        ("200 result=1 (a value)\n", 200, 1),
        ("200 result= (timeout)\n", 200, None),
        ("510 Invalid or unknown command\n", 510, None),
        ("511 Command Not Permitted on a dead channel\n", 511, None),
        ("520-Invalid command syntax.\n520 End", 520, None),
        ("HANGUP\n", None, None),
        ("", None, None),
        ("2000 result=1", None, None),
    ],
)
def test_an_agi_reply_is_read_without_its_english(reply: str, code: int | None, result: int | None) -> None:
    ended = typed("AsyncAGIExec", f"Result: {quote(reply, safe='')}\r\nCommandId: c9\r\n")
    assert isinstance(ended, m.AgiCommandEnded)
    assert (ended.command_id, ended.code, ended.result) == ("c9", code, result)
    assert ended.raw.isprintable()


STATUS = (
    "ChannelState: 6\r\nContext: hotline-arrive\r\nExten: 4000\r\nApplication: AGI\r\nBridgeID: \r\nSeconds: 12\r\n"
)


def test_a_listed_channel_shows_the_variables_that_are_set() -> None:
    status = typed(
        "Status", STATUS + "Variable: HOTLINE_CALL=c1\r\nVariable: HOTLINE_OFFER=(null)\r\nVariable: X=a=b\r\n"
    )
    assert isinstance(status, m.ChannelStatus)
    assert status.variables == {"HOTLINE_CALL": "c1", "X": "a=b"}
    assert (status.state, status.context, status.application, status.seconds) == (6, "hotline-arrive", "AGI", 12)


@pytest.mark.parametrize("variable", ["A=1\r\nVariable: A=2", "A", "A=\x07"])
def test_a_variable_that_is_odd_or_told_twice_is_poison(variable: str) -> None:
    assert isinstance(typed("Status", STATUS + f"Variable: {variable}\r\n"), Poison)


def test_a_real_call_reads_as_its_story() -> None:
    story = [
        type(x).__name__ for x in transcript("call-filtered") if not isinstance(x, m.DeviceStateChanged | m.DigitEnded)
    ]
    assert story[:4] == ["DialBegun", "DialEnded", "AgiStarted", "ChannelStatus"]
    assert story[-5:] == ["DialBegun", "DialProgress", "DialEnded", "BridgeEntered", "BridgeEntered"]
    (started,) = [x for x in transcript("call-filtered") if isinstance(x, m.AgiStarted)]
    assert started.args[0] == "arrive"
    assert started.args[2:] == ("4000", "客户")
    assert [(x.code, x.result) for x in transcript("call-filtered") if isinstance(x, m.AgiCommandEnded)] == [
        (200, 0),
        (200, 1),
        (510, None),
        (200, -1),
    ]


def test_a_forged_agi_environment_of_a_real_asterisk_is_poison() -> None:
    items = Decoder(required=m.REQUIRED).feed((DATA / "forged.ami").read_bytes())
    poison = [p for p in (m.parse(i) for i in items if isinstance(i, Message)) if isinstance(p, Poison)]
    assert [p.detail for p in poison] == ["AsyncAGIStart.Env"]
