"""Whom a caller can be handed on to: one word, in commands, facts and on his channel; and the keys by which an agent asks. Pure.

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


# --- keys pressed while talking ------------------------------------------------------------------------------------------

Step = Literal["hold", "consult", "transfer", "swap", "conference", "complete", "cancel", "feature"]
STEP_KEYS: dict[str, Step] = {"1": "hold", "5": "swap", "6": "conference", "8": "complete", "9": "cancel"}
"""What a star and one key ask for. `hold` also takes back from hold."""
TARGET_KEYS: dict[str, Step] = {"2": "consult", "3": "transfer", "4": "feature"}
"""The same, followed by digits and `#`. `feature` is for codes like `*431`, which are dialled when there is no conversation: `*431#`."""
KEYS_WITHIN_S = 5.0
"""A code that is not finished so long after its last key is forgotten."""
_MAX_KEYS = 24


class Keyed(msgspec.Struct, frozen=True):
    """A code that was keyed in."""

    step: Step
    digits: str = ""


def press(so_far: str, key: str) -> tuple[str, Keyed | None]:
    """Return what is keyed in of a code after one more key, and the code when it is complete. What is no code is nothing."""
    if key == "*":
        return "*", None
    if not so_far:
        return "", None
    if so_far == "*":
        if key in STEP_KEYS:
            return "", Keyed(STEP_KEYS[key])
        return ("*" + key if key in TARGET_KEYS else ""), None
    if key == "#":
        digits = so_far[2:]
        return "", Keyed(TARGET_KEYS[so_far[1]], digits) if digits else None
    return (so_far + key if key.isdecimal() and len(so_far) < _MAX_KEYS else ""), None
