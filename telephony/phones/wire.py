"""How we talk with a running SIPp. Pure.

SIPp tells us what happens to a call by its log, which is a pipe to us: one line an event. We tell SIPp what to do with a
call by sending it a request of an invented method with the call's Call-ID, which its scenario waits for: the phone answers,
hangs up or presses a digit *now*, at any moment, and the timing of a call lives in our program rather than in the scenario.
"""

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["calling", "ringing", "answered", "refused", "over", "registered", "unregistered", "denied", "referred"]
"""`calling … over`: the life of a call; `referred`: what became of a `REFER`; `registered`, `unregistered`, `denied`: what the registrar said."""

Verb = Literal[
    "ANSWER",
    "REJECT-480",
    "REJECT-486",
    "REJECT-603",
    "HANGUP",
    "DIGIT",
    "SOUND",
    "HOLD",
    "UNHOLD",
    "TRANSFER",
    "RENEW",
    "OFF",
    "LEAVE",
]
"""What a phone can be told. `DIGIT` and `SOUND` name a file; `RENEW` and `LEAVE` are for registrations.
`HOLD`, `UNHOLD` and `TRANSFER` (which names a number) are for seats, once in a call."""

FILE_HEADER = "File"
_KINDS = frozenset(get_args(Kind))


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a call or registration of a SIPp process."""

    kind: Kind
    key: str
    """Whose: the key of a caller's line, or the extension of a seat."""
    call_id: str
    """SIP's Call-ID."""
    detail: str = ""
    """A response code (`refused`, `denied`, `referred`), `us` or `them` (`over`), the From header (`ringing` at a seat)."""


def log_line(kind: Kind, key: str, detail: str = "") -> str:
    """Return the text of a scenario's log action that `parse` understands; `key` and `detail` may hold SIPp keywords."""
    return f"{kind} {key} [call_id] {detail}".rstrip()


def parse(line: bytes) -> Event | None:
    """Return the event in one line of SIPp's log, or None when it is not one of ours."""
    kind, _, rest = line.decode("utf-8", errors="replace").strip().partition(" ")
    key, _, rest = rest.partition(" ")
    call_id, _, detail = rest.partition(" ")
    if kind not in _KINDS or not key or not call_id:
        return None
    return Event(kind=kind, key=key, call_id=call_id, detail=detail.strip())  # type: ignore[arg-type]  # checked above


def request(verb: Verb, call_id: str, serial: int, file: str = "") -> bytes:
    """Return the datagram that tells a phone what to do; `serial` must differ each time, or SIPp takes it for a repetition."""
    lines = [
        f"{verb} sip:phone SIP/2.0",
        f"Via: SIP/2.0/UDP steering;branch=z9hG4bKsteer{serial}",
        f"From: <sip:steering>;tag={serial}",
        "To: <sip:phone>",
        f"Call-ID: {call_id}",
        f"CSeq: {serial} {verb}",
        *([f"{FILE_HEADER}: {file}"] if file else []),
        "Content-Length: 0",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
