"""What is kept on the channel of a waiting caller."""

import msgspec

from hotline.ids import AgentId, QueueId


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is needed to go on with a call after we died; kept in a channel variable by `commands.Remember`."""

    flow: str
    flow_version: str
    step: str
    language: str = ""
    queue_id: QueueId | None = None
    """Set once the caller waits."""
    entered_at: float = 0.0
    priority: int = 0
    skills: tuple[str, ...] = ()
    levels: tuple[tuple[str, int], ...] = ()
    wanted_agent: AgentId | None = None
    wanted_s: float | None = None
    transferred_by: AgentId | None = None
    since: float | None = None
    before: tuple[QueueId, ...] = ()
    treatment: str = ""
    """What was being done with him instead of letting him wait, in the words of `hotline.treatments`."""
    treated_queue: QueueId | None = None
    """The queue that let him out for it."""
    callback: bool = False
    """Whether we called him, and not he us."""
    served: bool = False
    """Whether an agent has answered: an adopted caller who is back then goes on with the flow and not into the line."""
