"""What SIPp tells us and what we tell SIPp."""

import pytest

from telephony.phones.wire import Event, log_line, parse, request


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (b"calling c1 ab-1\n", Event(kind="calling", key="c1", call_id="ab-1")),
        (b"refused c1 ab-1 486\n", Event(kind="refused", key="c1", call_id="ab-1", detail="486")),
        (
            b'ringing 1001 uuid "Li Si" <sip:139@127.0.0.1>;tag=x\r\n',
            Event(kind="ringing", key="1001", call_id="uuid", detail='"Li Si" <sip:139@127.0.0.1>;tag=x'),
        ),
        (b"over c1 ab-1 us\n", Event(kind="over", key="c1", call_id="ab-1", detail="us")),
    ],
)
def test_a_line_of_the_log_is_an_event(line: bytes, event: Event) -> None:
    assert parse(line) == event


@pytest.mark.parametrize("line", [b"", b"\n", b"calling\n", b"calling c1\n", b"exploded c1 ab-1\n", b"\xff\xfe\n"])
def test_anything_else_is_no_event(line: bytes) -> None:
    assert parse(line) is None


def test_what_a_scenario_logs_is_what_is_parsed() -> None:
    line = log_line("registered", "1001").replace("[call_id]", "xy-7")
    assert parse(line.encode()) == Event(kind="registered", key="1001", call_id="xy-7")


def test_a_request_names_its_call_and_differs_each_time() -> None:
    first, second = request("DIGIT", "ab-1", 1, "digit-5.te"), request("DIGIT", "ab-1", 2, "digit-5.te")
    assert first.startswith(b"DIGIT sip:phone SIP/2.0\r\n")
    assert b"\r\nCall-ID: ab-1\r\n" in first
    assert b"\r\nFile: digit-5.te\r\n" in first
    assert first.endswith(b"\r\n\r\n")
    assert first != second


def test_a_request_without_a_file_has_no_such_header() -> None:
    assert b"File:" not in request("HANGUP", "ab-1", 1)
