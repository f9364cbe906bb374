"""Estimates that estimate nothing, for days on which no decision asks for them. Pure.

The router's estimates of waits cost more than all its decisions together. They decide something only where a queue overflows by the expected wait;
elsewhere they are said to callers and shown on screens, and nobody listens here.
"""

from collections.abc import Iterable
from typing import Any

from acd.estimates.estimates import Estimates
from acd.estimates.wait import Estimate
from hotline.ids import QueueId
from hotline.settings.queues import Queue


def asked_for(queues: Iterable[Queue], *, calls_back: bool = False) -> bool:
    """Return whether an estimate can change what becomes of a caller. `calls_back`: whether customers are called, perhaps ahead of their turn."""
    return any(
        any(overflow.when == "expected_wait" for overflow in queue.overflow)
        or (calls_back and queue.callback.first == "customer" and queue.callback.ahead_s > 0)
        for queue in queues
    )


class Quiet(Estimates):
    """Knows nothing, and wants to know nothing."""

    def hear(self, record: Any, now: float) -> None:
        """Nothing is learnt."""

    def told(self, out: Any, now: float) -> None:
        """Nothing is learnt."""

    def tick(self, now: float) -> None:
        """Nobody is looked after."""

    def of(self, queue_id: QueueId, position: int, now: float) -> Estimate | None:  # noqa: ARG002 - nothing is known of any
        """Return None: nothing is known."""
        return None
