"""Supervisors who join conversations."""

from typing import Literal

from hotline.facts.base import CallFact
from hotline.ids import AgentId, Extension, SupervisionId

SupervisionMode = Literal["listen", "whisper", "barge"]
"""`listen`: nobody hears the supervisor; `whisper`: the agent alone does; `barge`: the caller does too."""


class SupervisionFact(CallFact, frozen=True, kw_only=True, tag=True):
    """A fact about a supervisor who is with an agent's conversation, or wants to be."""

    supervision_id: SupervisionId
    agent_id: AgentId
    """The agent who is supervised."""
    extension: Extension
    """The supervisor's seat."""
    by: str
    """Who asked for it: a user's or token's name."""


class SupervisionAsked(SupervisionFact, frozen=True, kw_only=True):
    """Somebody wants to supervise a conversation; the seat that he named is rung."""

    mode: SupervisionMode


class SupervisionBegan(SupervisionFact, frozen=True, kw_only=True):
    """The supervisor hears the conversation. Told anew when the mode changes; then `by` is who changed it."""

    mode: SupervisionMode


class SupervisionEnded(SupervisionFact, frozen=True, kw_only=True):
    """The supervisor does not hear the conversation any more, or never came to."""

    reason: str
    """`call_over`, `hung_up` (the supervisor), `stopped` (by order), `taken_over`, `no_answer`, `busy`, `refused`, `lost`."""
