"""Facts and commands as bytes, for the spool, the journal and the broker, and back.

The wire form is JSON. Of a fact: `{"id", "source", "seq", "type", "v", "at", "call", "body"}`; of a command:
`{"type", "v", "node", "call", "body"}`; of a signal: `{"source", "after", "type", "v", "body"}`. `body` is the whole record; the rest is there so that a reader can route, order and
store what it cannot decode. Unknown fields are ignored (a newer program added them); unknown types and newer versions are
refused with `Undecodable`, so that the caller puts the bytes aside instead of losing them.

A record whose meaning changes raises its `version` and adds an upcaster, which turns a body of that version into the next.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeVar

import msgspec

from hotline import commands, facts
from hotline.commands import Command
from hotline.errors import Rejected
from hotline.facts import Envelope, Fact, Signal
from hotline.ids import FactId

Body = dict[str, Any]
Problem = Literal["damaged", "unknown_type", "newer_version"]
R = TypeVar("R")


class Undecodable(Rejected):
    """These bytes are not a record that this program knows; `reason` is one of `Problem`. Keep them aside for a newer program."""

    def __init__(self, reason: Problem, message: str) -> None:
        super().__init__(reason, f"codec: {message}")


upcasters: dict[tuple[str, int], Callable[[Body], Body]] = {}
"""(type, version) -> function that turns a body of that version into one of the next."""


def _leaves(root: type[R]) -> Iterator[type[R]]:
    """Return the classes below `root` that are records of their own, not groups."""
    for child in root.__subclasses__():
        yield from _leaves(child) if child.__subclasses__() else (child,)


def _version(kind: type) -> int:
    return int(getattr(kind, "version", 1))


FACTS: dict[str, type[Fact]] = {k.__name__: k for k in _leaves(facts.Fact)}
"""Every type of fact by its name on the wire."""

COMMANDS: dict[str, type[Command]] = {k.__name__: k for k in _leaves(commands.Command)}
"""Every type of command by its name on the wire."""

SIGNALS: dict[str, type[Signal]] = {k.__name__: k for k in _leaves(facts.Signal) if k is not commands.CommandEnded}
"""Every type of signal by its name on the wire; an outcome is told to whoever asked and never travels."""

_encoder = msgspec.json.Encoder()
_decoders: Mapping[type, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in (*FACTS.values(), *COMMANDS.values(), *SIGNALS.values())
}


class _FactFrame(msgspec.Struct, frozen=True, kw_only=True):
    id: FactId
    source: str
    seq: int
    type: str
    v: int
    at: float
    call: str | None
    body: msgspec.Raw


class _CommandFrame(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    v: int
    node: str
    call: str | None
    body: msgspec.Raw


class SentSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A signal with what is needed to keep its place between the facts of its source."""

    source: str
    after: dict[str, int]
    """Type of fact -> number of the last one of that type that the source told before, for the types it told lately."""
    signal: Signal


class _SignalFrame(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    after: dict[str, int]
    type: str
    v: int
    body: msgspec.Raw


_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, ValueError)
"""What msgspec raises for bytes that are not JSON, not UTF-8, not our record, or nested too deeply; and upcasters for odd bodies."""

_fact_frames = msgspec.json.Decoder(_FactFrame)
_command_frames = msgspec.json.Decoder(_CommandFrame)
_signal_frames = msgspec.json.Decoder(_SignalFrame)


def encode(envelope: Envelope) -> bytes:
    """Return the wire form of a fact in its envelope."""
    fact = envelope.fact
    frame = _FactFrame(
        id=envelope.fact_id,
        source=envelope.source,
        seq=envelope.seq,
        type=type(fact).__name__,
        v=fact.version,
        at=fact.at,
        call=getattr(fact, "call_id", None),
        body=msgspec.Raw(_encoder.encode(fact)),
    )
    return _encoder.encode(frame)


def decode(data: bytes | str) -> Envelope:
    """Return the envelope of a wire form. Raises Undecodable."""
    try:
        frame = _fact_frames.decode(data)
    except _BROKEN as exc:
        raise Undecodable("damaged", f"not a fact: {exc}") from exc
    fact = decode_fact(frame.type, frame.v, bytes(frame.body))
    return Envelope(fact_id=frame.id, source=frame.source, seq=frame.seq, fact=fact)


def encode_fact(fact: Fact) -> bytes:
    """Return the body alone, as the journal stores it beside type and version."""
    return _encoder.encode(fact)


def decode_fact(kind: str, version: int, body: bytes | str) -> Fact:
    """Return the fact of a body of any version up to ours. Raises Undecodable."""
    fact: Fact = _decode_body(FACTS, kind, version, body)
    return fact


def encode_command(command: Command) -> bytes:
    """Return the wire form of a command."""
    frame = _CommandFrame(
        type=type(command).__name__,
        v=_version(type(command)),
        node=command.node,
        call=getattr(command, "call_id", None),
        body=msgspec.Raw(_encoder.encode(command)),
    )
    return _encoder.encode(frame)


def decode_command(data: bytes | str) -> Command:
    """Return the command of a wire form. Raises Undecodable."""
    try:
        frame = _command_frames.decode(data)
    except _BROKEN as exc:
        raise Undecodable("damaged", f"not a command: {exc}") from exc
    command: Command = _decode_body(COMMANDS, frame.type, frame.v, bytes(frame.body))
    return command


def encode_signal(sent: SentSignal) -> bytes:
    """Return the wire form of a signal."""
    kind = type(sent.signal)
    body = msgspec.Raw(_encoder.encode(sent.signal))
    return _encoder.encode(
        _SignalFrame(source=sent.source, after=sent.after, type=kind.__name__, v=_version(kind), body=body)
    )


def decode_signal(data: bytes | str) -> SentSignal:
    """Return the signal of a wire form. Raises Undecodable."""
    try:
        frame = _signal_frames.decode(data)
    except _BROKEN as exc:
        raise Undecodable("damaged", f"not a signal: {exc}") from exc
    signal: Signal = _decode_body(SIGNALS, frame.type, frame.v, bytes(frame.body))
    return SentSignal(source=frame.source, after=frame.after, signal=signal)


def _decode_body(table: Mapping[str, type], name: str, version: int, body: bytes | str) -> Any:
    kind = table.get(name)
    if kind is None:
        raise Undecodable("unknown_type", f"no record is called {name[:100]!r}")
    current = _version(kind)
    if version > current:
        raise Undecodable("newer_version", f"{name} of version {version}; this program knows {current}")
    try:
        if version == current:
            return _decoders[kind].decode(body)
        return msgspec.convert(_upcast(name, version, current, msgspec.json.decode(body, type=Body)), kind)
    except _BROKEN as exc:
        raise Undecodable("damaged", f"{name}: {exc}") from exc


def _upcast(name: str, version: int, current: int, body: Body) -> Body:
    for step in range(version, current):
        upcaster = upcasters.get((name, step))
        if upcaster is None:
            raise Undecodable("unknown_type", f"{name} of version {step} has no upcaster")
        body = upcaster(body)
    return body
