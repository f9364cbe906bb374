"""What the outside sees of supervisors. Pure."""

import msgspec

from acd.core.talks.supervisions import Supervision
from hotline.facts import SupervisionMode
from hotline.ids import AgentId, CallId, Extension, SupervisionId


class SupervisionView(msgspec.Struct, frozen=True, kw_only=True):
    """A supervisor who is with an agent's conversation, or whose seat is rung for it."""

    id: SupervisionId
    agent_id: AgentId
    call_id: CallId
    seat: Extension
    mode: SupervisionMode
    by: str
    """Who asked for it."""
    asked_at: float
    begun: bool
    """Whether he hears it already."""
    ending: str = ""
    """Why his seat is just being hung up: `stopped` or `taken_over`."""


def supervision_view(supervision: Supervision) -> SupervisionView:
    """Return a supervision as it is shown."""
    return SupervisionView(
        id=supervision.id,
        agent_id=supervision.agent_id,
        call_id=supervision.call_id,
        seat=supervision.extension,
        mode=supervision.mode,
        by=supervision.by,
        asked_at=supervision.asked_at,
        begun=supervision.begun,
        ending=supervision.ending,
    )
