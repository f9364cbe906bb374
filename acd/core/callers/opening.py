"""Which queues are open, and what supervisors switched: a queue closed by hand, an emergency announcement. Pure.

A queue is open by its hours, unless somebody closed it. Whoever joined its line while it was open is served, however late: what
happens to those who wait at closing time is said by `at_closing` (see `overflow`).

An emergency announcement is heard by those who wait, at once, and by those who come, first of all. What follows it is one of
`stay` (they wait on), `hang_up` and `fallback`. Switches survive the router's death.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from hotline.hours import Hours
from hotline.ids import QueueId
from hotline.settings.queues import Queue

Then = Literal["stay", "hang_up", "fallback"]
DEFAULT_ANNOUNCEMENT = "emergency"
LOOK_AGAIN_S = 7 * 86_400.0
"""After so long it is looked again when a queue closes that does not within a week."""


class Switch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was switched at one queue. Survives our own death."""

    queue_id: QueueId
    closed_at: float | None = None
    """Since when it is closed by hand."""
    emergency: str = ""
    """The announcement; empty: none."""
    then: Then = "stay"
    by: str = ""
    """Who switched it last."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is switched, so that it can be forgotten."""
        return self.closed_at is None and not self.emergency


class Openings:
    """The hours and switches of all queues."""

    def __init__(self, queues: Mapping[QueueId, Queue], hours: Mapping[str, Hours]) -> None:
        named = {queue_id: hours.get(queue.opening or "") for queue_id, queue in queues.items()}
        self._hours = {queue_id: found for queue_id, found in named.items() if found is not None}
        self._switches = {queue_id: Switch(queue_id=queue_id) for queue_id in queues}
        self.changed: dict[QueueId, None] = {}
        """The switches that must be remembered anew."""

    def switch(self, queue_id: QueueId) -> Switch:
        """Return what is switched at a queue."""
        return self._switches.get(queue_id) or Switch(queue_id=queue_id)

    def put(self, switch: Switch) -> None:
        """Switch something."""
        self._switches[switch.queue_id] = switch
        self.changed[switch.queue_id] = None

    def take_changed(self) -> list[tuple[QueueId, Switch | None]]:
        """Return the switches that changed since the last time; None for those to forget."""
        changed, self.changed = self.changed, {}
        found = [self.switch(queue_id) for queue_id in changed]
        return [(s.queue_id, None if s.is_idle else s) for s in found]

    def closed_by(self, queue_id: QueueId, at: float) -> Literal["", "hours", "supervisor"]:
        """Return what keeps a queue closed for somebody who joins its line at `at`."""
        closed_at = self.switch(queue_id).closed_at
        if closed_at is not None and at >= closed_at:
            return "supervisor"
        hours = self._hours.get(queue_id)
        return "" if hours is None or hours.is_open(at) else "hours"

    def hours_of(self, queue_id: QueueId) -> Hours | None:
        """Return the hours of a queue; None: it never closes by itself."""
        return self._hours.get(queue_id)
