"""A caller's stay in the line of a queue, and which offer is the current one. Pure."""

from collections import deque
from typing import Self

import msgspec

from hotline.facts import Place
from hotline.ids import OfferId, QueueId

PAST_OFFERS = 16
"""How many ended offers are remembered, so that what comes late about them is known for late."""


def no_past() -> deque[OfferId]:
    """Return the memory of a call that had no offer yet."""
    return deque(maxlen=PAST_OFFERS)


class Stay(msgspec.Struct, kw_only=True):
    """From the entry into the line to the end of the conversation."""

    queue_id: QueueId
    """Empty: adopted while an offer rang, and nothing was kept about the line."""
    entered_at: float = 0.0
    priority: int = 0
    skills: tuple[str, ...] = ()
    offer_id: OfferId | None = None
    left: str = ""
    """Why the router let the caller leave the line, once it did."""
    past: deque[OfferId]
    """Offers of this call that ended, those of earlier stays included."""

    @classmethod
    def of(cls, place: Place, entered_at: float, offer_id: OfferId | None, past: deque[OfferId]) -> Self:
        """Return the stay that was kept on the channel."""
        return cls(
            queue_id=place.queue_id or QueueId(""),
            entered_at=entered_at,
            priority=place.priority,
            skills=place.skills,
            offer_id=offer_id,
            past=past,
        )

    def begins(self, offer_id: OfferId) -> bool:
        """Take the news that an offer was made or accepted; return whether it is the current one, not one that ended."""
        if offer_id in self.past:
            return False
        if self.offer_id is not None and self.offer_id != offer_id:
            self.past.append(self.offer_id)
        self.offer_id = offer_id
        return True

    def is_current(self, offer_id: OfferId) -> bool:
        """Return whether this is the offer that rings or talks."""
        return self.offer_id is None or offer_id == self.offer_id

    def ends(self, offer_id: OfferId) -> bool:
        """Take the news that the caller came back from an offer; return whether it was the current one (or was not told yet)."""
        if offer_id in self.past:
            return False
        self.past.append(offer_id)
        return self.is_current(offer_id)
