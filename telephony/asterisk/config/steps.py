"""The dialplan's grammar: contexts, extensions, steps, and the expressions that more than one context needs. Pure."""

from collections.abc import Iterable, Sequence

from telephony.seats import IN_USE

BUSY_CAUSE = 17
NO_ANSWER_CAUSE = 18
"""Q.850: the called one is busy; he does not respond."""
HANG_UP_AS_DIALLED = f"Hangup(${{IF($[${{HANGUPCAUSE}}]?${{HANGUPCAUSE}}:{NO_ANSWER_CAUSE})}})"
"""End with the cause that the dialled phone gave; it is 0, which Asterisk warns of, when nothing was dialled any more."""


def context(name: str, *lines: str) -> str:
    """Return one context."""
    return "\n".join((f"[{name}]", *lines)) + "\n"


def extension(name: str, *steps: str) -> list[str]:
    """Return the lines of one extension; a step may start with a `(label)`."""
    first, *others = steps
    return [f"exten = {name},1,{first}", *(f"same = n{s}" if s.startswith("(") else f"same = n,{s}" for s in others)]


def lines(extensions: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of several extensions."""
    return [line for one in extensions for line in one]


def state(seat: str) -> str:
    """Return the expression of a phone's device state."""
    return f"${{DEVICE_STATE(PJSIP/{seat})}}"


def in_use(seat: str) -> str:
    """Return the condition "this phone rings or is in a call". What is no seat of this node is never in use."""
    return f'$["{state(seat)}" =~ "^({"|".join(sorted(IN_USE))})$"]'
