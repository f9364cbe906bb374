"""The codec: what is a message, what is poison, what may be sent; and that reads may be cut anywhere."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.errors import Misuse
from telephony.ami.codec import SENT_LINE_LIMIT, Decoder, Limits, Message, Poison, encode_action
from telephony.ami.messages import REQUIRED

DATA = Path(__file__).parents[3] / "data" / "ami"
BANNER = b"Asterisk Call Manager/11.0.0\r\n"
SMALL = Limits(message_bytes=200, line_characters=60, headers=6, banner_bytes=40)


def decode(data: bytes, *, limits: Limits | None = None, banner: bool = False) -> list[Message | Poison]:
    return Decoder(required=REQUIRED, limits=limits, expect_banner=banner).feed(data)


def only(data: bytes, **kwargs: Limits) -> Message | Poison:
    items = decode(data, **kwargs)
    assert len(items) == 1
    return items[0]


def reasons(items: list[Message | Poison]) -> list[str]:
    return [i.reason for i in items if isinstance(i, Poison)]


# --- messages ----------------------------------------------------------------------------------------------------------


def test_headers_keep_order_and_are_found_whatever_their_case() -> None:
    message = only(b"Event: Ring\r\nCallerIDName: \r\nVariable: A=1\r\nVariable: B=2\r\n\r\n")
    assert isinstance(message, Message)
    assert message.is_event
    assert message.name == "Ring"
    assert message.pairs == (("Event", "Ring"), ("CallerIDName", ""), ("Variable", "A=1"), ("Variable", "B=2"))
    assert message.get("VARIABLE") == "A=1"
    assert message.all("variable") == ["A=1", "B=2"]
    assert "calleridname" in message
    assert "Exten" not in message
    assert message.get("Exten", "none") == "none"


def test_a_value_keeps_colons_and_inner_blanks() -> None:
    message = only(b"Event: X\r\nData: a: b:  c \r\n\r\n")
    assert isinstance(message, Message)
    assert message.get("Data") == "a: b:  c "


def test_an_event_with_a_response_header_is_an_event_and_a_response_a_response() -> None:
    event, response = decode(
        b"Event: OriginateResponse\r\nResponse: Failure\r\n\r\nResponse: Success\r\nActionID: 7\r\n\r\n"
    )
    assert isinstance(event, Message)
    assert event.is_event
    assert isinstance(response, Message)
    assert not response.is_event
    assert response.action_id == "7"


def test_the_same_message_is_the_same_the_second_time_when_its_shape_is_known() -> None:
    data = "Event: UserEvent\r\nUserEvent: X\r\nName: 王小明\r\nEmpty: \r\n\r\n".encode()
    first, second = decode(data + data)
    assert first == second
    assert isinstance(second, Message)
    assert second.get("Name") == "王小明"


def test_a_known_shape_does_not_hide_a_duplicate_or_a_missing_header() -> None:
    good = b"Event: Hangup\r\nChannel: a\r\nUniqueid: 1\r\nCause: 16\r\n\r\n"
    twice = b"Event: Hangup\r\nChannel: a\r\nUniqueid: 1\r\nChannel: b\r\nCause: 16\r\n\r\n"
    without = b"Event: Hangup\r\nChannel: a\r\nCause: 16\r\n\r\n"
    items = decode(good + twice + without + good)
    assert reasons(items) == ["duplicate_header", "missing_header"]
    assert items[0] == items[3]


def test_a_bare_line_feed_is_part_of_the_value_so_it_forges_no_header() -> None:
    message = only(b"Event: X\r\nData: a\nChannel: forged\r\nChannel: true\r\n\r\n")
    assert isinstance(message, Message)
    assert message.get("Channel") == "true"
    assert message.get("Data") == "a\nChannel: forged"


def test_a_bare_line_feed_in_a_message_of_known_shape_is_part_of_the_value_too() -> None:
    items = decode(b"Event: X\r\nData: a\r\n\r\nEvent: X\r\nData: a\n\nb\r\n\r\n")
    assert isinstance(items[1], Message)
    assert items[1].get("Data") == "a\n\nb"


def test_bytes_that_are_not_utf8_become_replacement_characters() -> None:
    message = only(b"Event: X\r\nName: \xe4\xbd\r\nOther: \xff\xfe\r\n\r\n")
    assert isinstance(message, Message)
    assert message.get("Name") == "�"
    assert message.get("Other") == "��"


def test_a_utf8_character_split_across_reads_is_whole() -> None:
    data = "Event: X\r\nName: 王小明\r\n\r\n".encode()
    decoder = Decoder(expect_banner=False)
    items = [item for byte in data for item in decoder.feed(bytes([byte]))]
    assert [m.get("Name") for m in items if isinstance(m, Message)] == ["王小明"]


def test_empty_lines_too_many_are_no_messages() -> None:
    items = decode(b"\r\n\r\n\r\nEvent: A\r\n\r\n\r\nEvent: B\r\n\r\n\r\n\r\n")
    assert [m.name for m in items if isinstance(m, Message)] == ["A", "B"]
    assert not reasons(items)


# --- poison ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"Event: X\r\nChannel: a\r\nChannel: b\r\n\r\n", "duplicate_header"),
        (b"Event: X\r\nChannel: a\r\ncHANNEL: a\r\n\r\n", "duplicate_header"),
        (b"Event: X\r\nEvent: Y\r\n\r\n", "duplicate_header"),
        (b"Event: Hangup\r\nChannel: a\r\nUniqueid: 1\r\n\r\n", "missing_header"),
        (b"Channel: a\r\nEvent: Hangup\r\n\r\n", "not_a_message"),
        (b"Event: \r\n\r\n", "not_a_message"),
        (b"Event:\r\n\r\n", "not_a_message"),
        (b"Event: X\r\nnonsense\r\n\r\n", "bad_line"),
        (b"\x00\x01\x02\r\n\r\n", "bad_line"),
        (b"Event: X\r\nA: " + b"x" * 60 + b"\r\n\r\n", "line_too_long"),
        (b"Event: X\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\nF: 1\r\n\r\n", "too_many_headers"),
    ],
)
def test_a_message_that_cannot_be_trusted_is_poison_and_the_next_one_is_fine(data: bytes, reason: str) -> None:
    items = decode(data + b"Event: Next\r\n\r\n", limits=SMALL)
    assert reasons(items) == [reason]
    assert isinstance(items[-1], Message)
    assert items[-1].name == "Next"


def test_a_poisonous_response_names_its_action_but_an_event_never_does() -> None:
    response = only(b"Response: Success\r\nActionID: 5\r\nValue: a\r\nValue: b\r\n\r\n")
    event = only(b"Event: X\r\nActionID: 5\r\nValue: a\r\nValue: b\r\n\r\n")
    assert isinstance(response, Poison)
    assert response.action_id == "5"
    assert isinstance(event, Poison)
    assert event.action_id == ""


def test_poison_never_shows_a_value() -> None:
    item = only(b"Event: X\r\nSecret: hunter2\r\nSecret: hunter3\r\n\r\n")
    assert "hunter" not in repr(item)


def test_ten_megabytes_without_an_end_are_one_fatal_poison_in_bounded_memory() -> None:
    decoder = Decoder(expect_banner=False)
    decoder.feed(b"Event: X\r\nData: ")
    items: list[Message | Poison] = []
    largest = 0
    for _ in range(160):
        items += decoder.feed(b"x" * 65_536)
        largest = max(largest, decoder.buffered_bytes)
    assert items == [Poison(reason="message_too_long", fatal=True)]
    assert largest < 1_200_000
    assert decoder.buffered_bytes == 0
    assert decoder.feed(b"\r\n\r\nEvent: A\r\n\r\n") == []


@pytest.mark.parametrize("length", [199, 200, 201, 204, 400])
def test_the_length_limit_is_the_same_whether_the_end_comes_at_once_or_not(length: int) -> None:
    data = b"Event: " + b"x" * (length - 7) + b"\r\n\r\n"
    whole = decode(data, limits=Limits(message_bytes=200))
    decoder = Decoder(limits=Limits(message_bytes=200), expect_banner=False)
    assert [i for b in data for i in decoder.feed(bytes([b]))] == whole
    assert bool(reasons(whole)) == (length > 200)


# --- the banner --------------------------------------------------------------------------------------------------------


def test_the_banner_gives_the_version_and_nothing_else() -> None:
    decoder = Decoder()
    assert decoder.feed(BANNER + b"Event: A\r\n\r\n")[0] == only(b"Event: A\r\n\r\n")
    assert decoder.version == "11.0.0"


@pytest.mark.parametrize("data", [b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n", b"Asterisk Call Manager/" + b"1" * 300, b"S"])
def test_something_else_than_asterisk_is_noticed_at_its_first_wrong_byte(data: bytes) -> None:
    assert decode(data, banner=True) == [Poison(reason="not_asterisk", fatal=True)]


# --- cut anywhere ------------------------------------------------------------------------------------------------------

_pieces = st.sampled_from(
    [
        b"Event: Hangup\r\nChannel: PJSIP/1-1\r\nUniqueid: 1.1\r\nCause: 16\r\n\r\n",
        "Event: UserEvent\r\nUserEvent: 客户\r\n\r\n".encode(),
        b"Response: Success\r\nActionID: 1\r\n\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"\r\n\r\n",
        b"Event: X",
        b": ",
        b"Channel: a\r\n",
        b"\xe4",
        b"\xff",
        b"\x00",
        b"x" * 70,
        b"Asterisk Call Manager/",
    ]
)
streams = st.lists(st.one_of(_pieces, st.binary(max_size=12)), max_size=24).map(b"".join)


@given(data=streams, banner=st.booleans(), cuts=st.lists(st.integers(0, 800), max_size=12))
def test_what_comes_out_does_not_depend_on_where_reads_are_cut(data: bytes, banner: bool, cuts: list[int]) -> None:
    data = BANNER + data if banner else data
    whole = decode(data, limits=SMALL, banner=banner)
    edges = sorted({0, len(data), *(c % (len(data) + 1) for c in cuts)})
    for parts in (
        [data[a:b] for a, b in itertools.pairwise(edges)],
        [data[i : i + 1] for i in range(len(data))],
    ):
        decoder = Decoder(required=REQUIRED, limits=SMALL, expect_banner=banner)
        assert [item for part in parts for item in decoder.feed(part)] == whole
        assert decoder.buffered_bytes <= SMALL.message_bytes + 4 + len(data)


@given(data=streams)
def test_a_decoder_that_knows_shapes_reads_like_a_fresh_one(data: bytes) -> None:
    messages = [m + b"\r\n\r\n" for m in data.split(b"\r\n\r\n")]
    for message in messages:
        known = Decoder(required=REQUIRED, expect_banner=False)
        known.feed(b"Event: X\r\nChannel: a\r\n\r\n" + data + b"\r\n\r\n")
        assert known.feed(message) == decode(message)


@pytest.mark.parametrize("name", ["call-filtered", "call-all-events", "forged"])
def test_a_real_transcript_reads_the_same_whole_and_byte_by_byte(name: str) -> None:
    data = (DATA / f"{name}.ami").read_bytes()
    decoder = Decoder(required=REQUIRED)
    whole = decode(data, banner=True)
    assert [item for i in range(len(data)) for item in decoder.feed(data[i : i + 1])] == whole
    assert len(whole) == len([m for m in data.split(b"\r\n\r\n") if m.strip()])


def test_a_real_filtered_call_holds_no_poison() -> None:
    assert reasons(decode((DATA / "call-filtered.ami").read_bytes(), banner=True)) == []


def test_in_a_real_transcript_with_line_ends_in_variables_the_forged_messages_are_poison_and_no_other() -> None:
    items = decode((DATA / "forged.ami").read_bytes(), banner=True)
    assert [(i.reason, i.detail) for i in items if isinstance(i, Poison)] == [
        ("duplicate_header", "channel"),
        ("duplicate_header", "uniqueid"),
    ]


# --- what we send ------------------------------------------------------------------------------------------------------


def test_an_action_is_its_lines_in_order_and_an_empty_one() -> None:
    wire = encode_action("Originate", {"Channel": "Local/1", "Variable": ["A=1", "B=客"], "Application": ""})
    assert (
        wire
        == "Action: Originate\r\nChannel: Local/1\r\nVariable: A=1\r\nVariable: B=客\r\nApplication: \r\n\r\n".encode()
    )


@pytest.mark.parametrize("bad", ["a\r\nAction: Originate", "a\nb", "a\rb", "a\0b", "\ud800"])
def test_nothing_that_ends_a_line_can_be_sent_in_a_value(bad: str) -> None:
    with pytest.raises(Misuse):
        encode_action("Setvar", {"Value": bad})
    with pytest.raises(Misuse):
        encode_action("Setvar", {"Variable": ["good", bad]})
    with pytest.raises(Misuse):
        encode_action(bad, {})


@pytest.mark.parametrize("bad", ["", " ", "A: b\r\nC", "A\n", "A:", "A ", " A", "Ä", "A\0"])
def test_nothing_odd_can_be_sent_as_a_header_name(bad: str) -> None:
    with pytest.raises(Misuse):
        encode_action("Setvar", {bad: "x"})


def test_a_header_is_given_once_and_never_a_second_action() -> None:
    with pytest.raises(Misuse):
        encode_action("Setvar", [("Value", "1"), ("value", "2")])
    with pytest.raises(Misuse):
        encode_action("Setvar", {"ACTION": "Originate"})


def test_a_line_that_asterisk_would_dump_is_refused_and_the_longest_it_reads_is_not() -> None:
    longest = "x" * (SENT_LINE_LIMIT - len("Value: "))
    assert longest.encode() in encode_action("Setvar", {"Value": longest})
    with pytest.raises(Misuse):
        encode_action("Setvar", {"Value": longest + "x"})
    with pytest.raises(Misuse):
        encode_action("Setvar", {"Value": "客" * 340})


def test_headers_that_asterisk_would_ignore_are_refused() -> None:
    assert encode_action("Setvar", {"Variable": ["x"] * 127})
    with pytest.raises(Misuse):
        encode_action("Setvar", {"Variable": ["x"] * 128})


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=30), max_size=5))
def test_what_we_send_is_one_message_with_those_headers_or_refused(headers: dict[str, str]) -> None:
    try:
        wire = encode_action("Setvar", headers)
    except Misuse:
        return
    assert wire.count(b"\r\n\r\n") == 1
    assert len(wire.split(b"\r\n")) == len(headers) + 3
