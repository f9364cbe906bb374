"""Queues, processes and routers: what happens to the house itself."""

from typing import Literal

from hotline.facts.base import Fact
from hotline.ids import NodeId, QueueId


class QueueSwitched(Fact, frozen=True, kw_only=True):
    """A supervisor closed or opened a queue, or switched its emergency announcement."""

    queue_id: QueueId
    closed: bool
    emergency: str = ""
    """The announcement that its callers hear; empty: none."""
    then: str = ""
    """What follows the announcement: `stay`, `hang_up` or `fallback`."""
    by: str


class SurgeSwitched(Fact, frozen=True, kw_only=True):
    """The agents whom a queue calls in from other departments were told to serve it, or not to any more."""

    queue_id: QueueId
    on: bool
    by: str


class LinkChanged(Fact, frozen=True, kw_only=True):
    """The AMI link to an Asterisk came up (and its snapshot was taken) or went down."""

    node: NodeId
    up: bool
    reason: str = ""


class ServiceStarted(Fact, frozen=True, kw_only=True):
    """A service of ours began to work."""

    service: str
    build: str = ""


class RouterTermBegan(Fact, frozen=True, kw_only=True):
    """From now on this process distributes the calls; only told where several processes could."""

    router: str
    epoch: int
    """The term of office; greater than every one before."""
    before: str = ""
    """The process whose term was the last before; it may be the same."""
    reason: Literal["free", "silence"]
    """Nobody had the office, or the one who had it told nothing any more."""


class RouterTermEnded(Fact, frozen=True, kw_only=True):
    """This process distributes no calls any more. A process that was killed cannot tell it; the next term says it then."""

    router: str
    epoch: int
    reason: Literal["newer_term", "stopped"]
    """Another router's term had begun, or the process was told to stop."""
