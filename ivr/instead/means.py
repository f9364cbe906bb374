"""What a call flow has at hand for callers who are treated otherwise than by waiting. Pure."""

from collections.abc import Mapping

import msgspec

from hotline.dialling import Policy
from hotline.ids import QueueId
from hotline.settings.queues import Comfort
from ivr.flow.model import Prompt

NO_CALLS_OUT = Policy(trunk=False)


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """The same for all calls of a node."""

    announcements: Mapping[str, Prompt] = {}
    """Name -> what is played; the flow's own go before."""
    outbound: Policy = NO_CALLS_OUT
    """Which numbers may be dialled at all; whether another one may be now, the router knows."""
    message_max_s: float = 180.0
    """How long a message may be."""
    forward_s: float = 30.0
    """How long a number outside is rung."""
    comfort: Mapping[QueueId, Comfort] = {}
    """What callers of a queue hear and can press while they wait."""
    grace_s: float = 0.0
    """How long a caller who joins a line hears nothing yet: if an agent is free, the ring is there before."""


NO_MEANS = Means()
