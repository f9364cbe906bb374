"""What agents and supervisors ask of the router, and its refusals. Pure."""

from typing import Literal

import msgspec

from acd.core.agents import Profile
from acd.core.states import Ask
from hotline.facts import Signal
from hotline.ids import AgentId


class AgentRequest(Signal, frozen=True, kw_only=True):
    """An agent, or somebody for him, asks for a change of his state."""

    agent_id: AgentId
    ask: Ask
    reason: str = ""
    """Why not ready: one of the configured reasons; empty means the first of them."""
    by: str = "api"


class AgentDefinition(Signal, frozen=True, kw_only=True):
    """A supervisor adds an agent or changes one."""

    profile: Profile
    by: str = "api"


class RequestRefused(msgspec.Struct, frozen=True, kw_only=True):
    """The router's answer to a request that it did not fulfil; nothing changed."""

    agent_id: AgentId
    reason: str
    """`no_such_agent`, `not_logged_in`, `not_in_wrap_up`, `unknown_reason`, `seat_taken`, `seat_busy`, `unknown_queue`, `limit`."""


Sound = Literal["logged-in", "ready", "not-ready", "logged-out", "done", "refused"]

SOUNDS: dict[Ask, Sound] = {
    "log_in": "logged-in",
    "ready": "ready",
    "not_ready": "not-ready",
    "log_out": "logged-out",
    "end_wrap_up": "done",
}
"""What the seat hears when a request was fulfilled."""

_ASKS: dict[str, Ask] = {"41": "log_in", "42": "ready", "44": "log_out", "45": "end_wrap_up"}


def ask_of_code(code: str, break_reasons: tuple[str, ...]) -> tuple[Ask, str] | None:
    """Return what a feature code asks for, and the reason of a break; None when the code means nothing.

    `43` is a break with the first reason, `431` … `439` name one of `break_reasons` by its number.
    """
    if code in _ASKS:
        return _ASKS[code], ""
    if code == "43":
        return "not_ready", ""
    if len(code) == 3 and code.startswith("43") and code[2] in "123456789":
        number = int(code[2])
        return ("not_ready", break_reasons[number - 1]) if number <= len(break_reasons) else None
    return None
