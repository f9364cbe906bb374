"""What can be done with a caller instead of letting him wait: one word, in settings, facts and screens. Pure.

A treatment is written `fallback`, `voicemail`, `callback`, `hang_up`, `queue:sales`, `number:13800138000` or
`announce:emergency` (say something, then hang up).
"""

import re
from typing import Literal, get_args

import msgspec

from hotline.errors import Misuse
from hotline.ids import is_safe_id

Kind = Literal["fallback", "voicemail", "callback", "hang_up", "queue", "number", "announce"]
_WITH_TARGET: tuple[Kind, ...] = ("queue", "number", "announce")
_NUMBER = re.compile(r"[0-9]{1,20}")
ACCEPTED = "fallback, voicemail, callback, hang_up, queue:ID, number:DIGITS or announce:NAME"


class Treatment(msgspec.Struct, frozen=True):
    """One treatment, read."""

    kind: Kind
    target: str = ""
    """The queue, the number or the announcement."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.target}" if self.target else self.kind


def parse(text: str) -> Treatment:
    """Return the treatment that `text` names. Raises Misuse with what is accepted."""
    kind, _, target = text.partition(":")
    needs = kind in _WITH_TARGET
    fits = bool(_NUMBER.fullmatch(target)) if kind == "number" else is_safe_id(target)
    if kind not in get_args(Kind) or needs != bool(target) or (needs and not fits):
        raise Misuse(f"{text!r} is not something that can be done with a caller; use {ACCEPTED}")
    return Treatment(kind, target)  # type: ignore[arg-type]  # checked above
