"""Records survive the wire; their format does not change by accident; strange bytes are refused with a reason.

The golden files hold one line for each type. A new type: run this file as a program (`python -m tests.unit.hotline.test_codec`); it adds
what is missing and changes nothing else. A line that no longer fits is a change of format: raise `version`, add an upcaster.
"""

import json
from pathlib import Path

import pytest

from hotline import codec
from hotline.codec import COMMANDS, FACTS, Undecodable, decode, decode_command, decode_fact, encode, encode_command
from hotline.facts import CallEnded, Envelope, Fact, Place
from hotline.ids import CallId, FactId
from tests.support.record_samples import sample

GOLDEN = Path(__file__).parents[2] / "data" / "golden"


def fact_line(kind: type[Fact]) -> bytes:
    fact_id = FactId("018bcfe5-6a00-7000-8000-000000000001")
    return encode(Envelope(fact_id=fact_id, source="node1", seq=7, fact=sample(kind)))


def lines(file: str) -> dict[str, str]:
    return {json.loads(line)["type"]: line for line in (GOLDEN / file).read_text().splitlines()}


@pytest.mark.parametrize("name", sorted(FACTS))
def test_a_golden_fact_is_read_and_written_as_ever(name: str) -> None:
    line = lines("facts.jsonl")[name]
    envelope = decode(line)
    assert isinstance(envelope.fact, FACTS[name])
    assert json.loads(encode(envelope)) == json.loads(line)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_golden_command_is_read_and_written_as_ever(name: str) -> None:
    line = lines("commands.jsonl")[name]
    command = decode_command(line)
    assert isinstance(command, COMMANDS[name])
    assert json.loads(encode_command(command)) == json.loads(line)


def test_no_golden_line_has_lost_its_type() -> None:
    assert lines("facts.jsonl").keys() == FACTS.keys()
    assert lines("commands.jsonl").keys() == COMMANDS.keys()


def test_every_old_version_has_an_upcaster() -> None:
    kinds = {**FACTS, **COMMANDS}
    needed = {(name, v) for name, kind in kinds.items() for v in range(1, getattr(kind, "version", 1))}
    assert needed == codec.upcasters.keys()


def test_the_wire_form_has_what_a_reader_needs_without_the_body() -> None:
    fact = CallEnded(at=1.5, call_id=CallId("c1"), cause=16)
    frame = json.loads(encode(Envelope(fact_id=FactId("f1"), source="node1", seq=3, fact=fact)))
    assert frame == {
        "id": "f1",
        "source": "node1",
        "seq": 3,
        "type": "CallEnded",
        "v": 1,
        "at": 1.5,
        "call": "c1",
        "body": {"type": "CallEnded", "at": 1.5, "call_id": "c1", "cause": 16},
    }


def test_a_fact_of_the_house_has_no_call() -> None:
    assert json.loads(fact_line(FACTS["ServiceStarted"]))["call"] is None


def changed(**fields: object) -> bytes:
    return json.dumps({**json.loads(fact_line(CallEnded)), **fields}).encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "damaged"),
        (b"{", "damaged"),
        (b"[]", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b'{"x":' * 20_000, "damaged"),
        (b'{"body":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "damaged"),
        (changed(seq="x"), "damaged"),
        (changed(body={"type": "CallEnded"}), "damaged"),
        (changed(body={"type": "CallArrived", "at": 1.0, "call_id": "c"}), "damaged"),
        (changed(body={"type": "CallEnded", "at": None, "call_id": "c"}), "damaged"),
        (changed(body=7), "damaged"),
        (changed(type="CallTeleported"), "unknown_type"),
        (changed(type="Fact"), "unknown_type"),
        (changed(type="DigitPressed"), "unknown_type"),
        (changed(v=2), "newer_version"),
        (changed(v=0), "unknown_type"),
    ],
)
def test_strange_bytes_are_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(Undecodable) as caught:
        decode(data)
    assert caught.value.reason == reason


def test_strange_commands_are_refused_too() -> None:
    with pytest.raises(Undecodable):
        decode_command(b"{}")
    with pytest.raises(Undecodable) as caught:
        decode_command(b'{"type":"Explode","v":1,"node":"n","call":null,"body":{}}')
    assert caught.value.reason == "unknown_type"


def test_fields_that_a_newer_program_added_are_ignored() -> None:
    fact = decode_fact("CallEnded", 1, b'{"type":"CallEnded","at":1,"call_id":"c","mood":{"level":9}}')
    assert fact == CallEnded(at=1.0, call_id=CallId("c"))


def test_old_versions_climb_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CallEnded, "version", 3)
    monkeypatch.setitem(codec.upcasters, ("CallEnded", 1), lambda b: {**b, "reason": b["reason"] + 1})
    monkeypatch.setitem(codec.upcasters, ("CallEnded", 2), lambda b: {**b, "cause": b["reason"] * 10})
    fact = decode_fact("CallEnded", 1, b'{"type":"CallEnded","at":1,"call_id":"c","reason":4}')
    assert fact == CallEnded(at=1.0, call_id=CallId("c"), cause=50)
    assert decode_fact("CallEnded", 3, codec.encode_fact(fact)) == fact


def test_a_body_that_breaks_its_upcaster_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CallEnded, "version", 2)
    monkeypatch.setitem(codec.upcasters, ("CallEnded", 1), lambda b: {**b, "cause": b["reason"]})
    with pytest.raises(Undecodable) as caught:
        decode_fact("CallEnded", 1, b'{"type":"CallEnded","at":1,"call_id":"c"}')
    assert caught.value.reason == "damaged"


def test_a_nested_place_survives() -> None:
    adopted = sample(FACTS["CallAdopted"])
    assert isinstance(adopted.place, Place)
    assert decode_fact("CallAdopted", 1, codec.encode_fact(adopted)) == adopted


def add_missing_golden_lines() -> None:
    for file, kinds, line_of in (
        ("facts.jsonl", FACTS, fact_line),
        ("commands.jsonl", COMMANDS, lambda kind: encode_command(sample(kind))),
    ):
        known = lines(file) if (GOLDEN / file).exists() else {}
        fresh = {name: line_of(kind).decode() for name, kind in kinds.items() if name not in known}  # type: ignore[arg-type]
        text = "".join(f"{line}\n" for _, line in sorted({**known, **fresh}.items()))
        (GOLDEN / file).write_text(text)


if __name__ == "__main__":
    add_missing_golden_lines()
