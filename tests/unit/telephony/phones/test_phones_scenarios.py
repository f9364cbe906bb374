"""The scenarios are sound: well-formed, every jump has a target, every state takes every request; values stay in files."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise
from typing import get_args

import pytest

from hotline.errors import Misuse
from telephony.phones import injection, registration, scenarios
from telephony.phones.injection import Account, Line
from telephony.phones.wire import Verb

ALL = {
    "caller": scenarios.caller_scenario(),
    "hostile caller": scenarios.caller_scenario(from_fields=3),
    "seat that calls": scenarios.caller_scenario(account=True),
    "seat": scenarios.seat_scenario(),
    "registration": registration.register_scenario(),
}


def steps(name: str) -> list[ET.Element]:
    return list(ET.fromstring(ALL[name]))


def waits(name: str) -> list[list[ET.Element]]:
    """Return the groups of `recv` at which a call can stand: optional ones up to the first that is not."""
    groups: list[list[ET.Element]] = []
    group: list[ET.Element] = []
    for step in steps(name):
        if step.tag != "recv":
            assert not group, f"optional messages with nothing mandatory after them: {[dict(g.attrib) for g in group]}"
            continue
        group.append(step)
        if step.get("optional") is None:
            groups.append(group)
            group = []
    return groups


@pytest.mark.parametrize("name", ALL)
def test_every_jump_has_a_target_and_every_target_one_name(name: str) -> None:
    labels = [s.get("id") for s in steps(name) if s.tag == "label"]
    jumps = {s.get(how) for s in steps(name) for how in ("next", "ontimeout") if s.get(how)}
    assert len(labels) == len(set(labels))
    assert jumps <= set(labels)


@pytest.mark.parametrize("name", ALL)
def test_every_label_is_reached(name: str) -> None:
    found = steps(name)
    jumps = {s.get("next") for s in found}
    for before, step in pairwise(found):
        if step.tag == "label":
            assert step.get("id") in jumps or before.get("next") is None, step.get("id")


@pytest.mark.parametrize("name", ["caller", "seat that calls", "seat"])
def test_every_state_that_can_last_takes_every_request_of_ours(name: str) -> None:
    lasting = [g for g in waits(name) if g[-1].get("request") == "NOTHING"]
    assert len(lasting) >= 3
    for group in lasting:
        assert {g.get("request") for g in group} >= set(get_args(Verb))


def sends(name: str, target: str) -> bool:
    """Return whether a jump leads to something that is sent."""
    found = steps(name)
    at = next(n for n, step in enumerate(found) if step.tag == "label" and step.get("id") == target)
    return next(step.tag for step in found[at:] if step.tag != "label") == "send"


@pytest.mark.parametrize("name", ALL)
def test_while_sipp_repeats_a_message_no_request_of_ours_leads_to_another_one(name: str) -> None:
    """It would neither be sent, nor would the answer be heard that ends the repetition."""
    repeating = False
    for step in steps(name):
        if step.tag == "send":
            repeating = step.get("retrans") is not None
        elif repeating and step.get("request") in get_args(Verb) and (target := step.get("next")) is not None:
            assert not sends(name, target), dict(step.attrib)
        if step.tag == "recv" and step.get("optional") is None:
            repeating = False


@pytest.mark.parametrize("name", ["caller", "seat"])
def test_a_state_with_a_time_limit_is_left_or_begun_anew_by_every_request_of_ours(name: str) -> None:
    timed = [g for g in waits(name) if g[0].get("timeout") and g[0].get("ontimeout") != "talking"]  # that ends a wait
    assert timed
    for group in timed:
        assert all(s.get("timeout") is None for s in group[1:]), "only the first one's limit counts"
        assert all(s.get("next") for s in group if s.get("request") in get_args(Verb))


@pytest.mark.parametrize("name", ["caller", "seat that calls", "seat"])
def test_a_phone_that_hangs_up_takes_a_bye_that_crosses_its_own(name: str) -> None:
    leaving = [g for g in waits(name) if any(s.get("response_txn") == "bye" for s in g)]
    assert len(leaving) == 1
    assert "BYE" in {s.get("request") for s in leaving[0]}


def test_a_caller_who_cancels_takes_an_answer_that_crosses() -> None:
    cancelling = [g for g in waits("caller") if any(s.get("response_txn") == "cancel" for s in g)]
    assert len(cancelling) == 1
    late = [s for s in cancelling[0] if s.get("response") == "200" and s.get("response_txn") == "invite"]
    assert [s.get("next") for s in late] == ["too late"]


def test_cancel_and_the_ack_of_a_refusal_repeat_the_branch_of_the_invite() -> None:
    sent = [s.text or "" for s in steps("caller") if s.tag == "send"]
    branch = {m.split()[0]: re.search(r"branch=(\S+)", m) for m in sent if m.split()[0] in ("INVITE", "CANCEL")}
    assert branch["INVITE"] is not None
    assert branch["CANCEL"] is not None
    assert branch["INVITE"][1] == branch["CANCEL"][1]
    acks = [m for m in sent if m.split()[0] == "ACK" and m.split()[1].startswith("sip:")]
    assert [re.search(r"branch=(\S+)", m)[1] for m in acks] == [branch["INVITE"][1]]  # type: ignore[index]


def test_a_session_description_offers_audio_and_digits() -> None:
    invite = next(s.text or "" for s in steps("caller") if s.tag == "send")
    assert "m=audio [rtpstream_audio_port] RTP/AVP 0 101" in invite
    assert "a=rtpmap:101 telephone-event/8000" in invite


# --- values ------------------------------------------------------------------------------------------------------------


def test_names_and_numbers_stand_in_a_file_one_line_per_call() -> None:
    lines = [Line(key="a", number="4000", caller_number="139", caller_name="Li"), Line(key="b", number="4001")]
    table = injection.lines_file(lines, local_ip="127.0.0.2").decode().splitlines()
    assert table == [
        "SEQUENTIAL",
        'a;4000;"Li" <sip:139@127.0.0.2>',
        'b;4001;"" <sip:13800000001@127.0.0.2>',
    ]


def test_a_hostile_from_header_keeps_every_byte() -> None:
    raw = b'"<script>alert(1)</script>;=cmd|\xff\xfe ${SHELL(id)} ]]> [call_id]" <sip:a%0d%0ab@x>'
    line = Line(key="a", number="4000", from_raw=raw)
    row = injection.lines_file([line], local_ip="127.0.0.2").splitlines()[1]
    width = injection.from_width([line])
    assert width == raw.count(b";") + 1
    assert b";".join(row.split(b";")[2 : 2 + width]) == raw
    assert "[field2];[field3]" in scenarios.caller_scenario(from_fields=width)


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b"])
def test_line_ends_cannot_be_smuggled_into_a_file(bad: str) -> None:
    with pytest.raises(Misuse):
        injection.lines_file([Line(key="a", number="4000", from_raw=bad)], local_ip="127.0.0.2")


@pytest.mark.parametrize(("key", "number"), [("#a", "4000"), ("", "4000"), ("a;b", "4000"), ("a", "40;00")])
def test_a_key_or_number_that_would_shift_the_fields_is_refused(key: str, number: str) -> None:
    with pytest.raises(Misuse):
        injection.lines_file([Line(key=key, number=number)], local_ip="127.0.0.2")


def test_callers_with_different_numbers_of_semicolons_need_processes_of_their_own() -> None:
    with pytest.raises(Misuse, match="semicolons"):
        injection.from_width([Line(key="a", number="1"), Line(key="b", number="1", from_raw="x;y")])


def test_a_password_may_hold_anything_but_the_separator_of_lines() -> None:
    assert injection.accounts_file([Account(extension="1001", password="p[a]<&>")]).splitlines()[1] == b"1001;p[a]<&>"
    with pytest.raises(Misuse):
        injection.accounts_file([Account(extension="1001", password="a;b")])
