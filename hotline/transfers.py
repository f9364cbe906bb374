"""Whom a caller can be handed on to: one word, in commands, facts and on his channel. Pure.

`agent:1002` for an agent, `queue:sales` for the line of a queue, `number:13800138000` for a number outside.
"""

import re
from typing import Literal, get_args

import msgspec

from hotline.errors import Misuse
from hotline.ids import is_safe_id

Kind = Literal["agent", "queue", "number"]
_NUMBER = re.compile(r"[0-9]{1,20}")
ACCEPTED = "agent:ID, queue:ID or number:DIGITS"


class Destination(msgspec.Struct, frozen=True):
    """Whom to, read."""

    kind: Kind
    target: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.target}"


def parse(text: str) -> Destination:
    """Return the destination that `text` names. Raises Misuse with what is accepted."""
    kind, _, target = text.partition(":")
    fits = bool(_NUMBER.fullmatch(target)) if kind == "number" else is_safe_id(target)
    if kind not in get_args(Kind) or not fits:
        raise Misuse(f"{text[:40]!r} is nobody a caller can be handed on to; use {ACCEPTED}")
    return Destination(kind, target)  # type: ignore[arg-type]  # checked above
