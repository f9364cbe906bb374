"""What the digits that a caller typed mean to a menu or a code entry. Pure, without time or state."""

from typing import Literal

import msgspec

from ivr.flow.model import Asking, MenuStep

KEYS = frozenset("0123456789*#")
"""Keys of a telephone. A network can also send A to D; they mean nothing here."""


class Chosen(msgspec.Struct, frozen=True):
    """The digits lead to a step."""

    target: str
    result: str
    """For the journal: a menu's digit, or how many digits a code had; never the code, it may be secret."""


Meaning = Chosen | Literal["more", "invalid", "nothing"]
"""`more` digits are needed; `invalid` ones were typed; `nothing` was typed at all."""


def meaning(step: Asking, typed: str, *, ended: bool = False) -> Meaning:
    """Return what `typed` means to `step`; `ended` says that the caller has had the time to type more."""
    if isinstance(step, MenuStep):
        return _menu(step, typed)
    code, terminator, _ = typed.partition(step.terminator)
    if not terminator and len(code) < step.max_digits and not ended:
        return "more"
    if not typed:
        return "nothing"
    if not step.min_digits <= len(code) <= step.max_digits:
        return "invalid"
    target = step.codes.get(code, step.otherwise)
    return Chosen(target, f"digits:{len(code)}") if target else "invalid"


def _menu(step: MenuStep, typed: str) -> Meaning:
    if not typed:
        return "nothing"
    target = step.keys.get(typed[0])
    return Chosen(target, f"digit:{typed[0]}") if target is not None else "invalid"


def typed_ahead(step: Asking, digits: str) -> tuple[str, str]:
    """Split digits typed before `step` asked: those that answer it, and those left for what comes next.

    A menu takes the first one that it knows; what stands before was typed without knowing the choices and counts for nothing.
    """
    if not isinstance(step, MenuStep):
        return digits, ""
    for position, digit in enumerate(digits):
        if digit in step.keys:
            return digit, digits[position + 1 :]
    return "", ""
