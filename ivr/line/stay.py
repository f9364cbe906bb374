"""A caller's stay in the line of a queue, and which offer is the current one. Pure."""

from collections import deque
from typing import Literal, Self

import msgspec

from hotline.facts import Place, WaitEstimated
from hotline.ids import AgentId, OfferId, QueueId

PAST_OFFERS = 16
"""How many ended offers are remembered, so that what comes late about them is known for late."""


def no_past() -> deque[OfferId]:
    """Return the memory of a call that had no offer yet."""
    return deque(maxlen=PAST_OFFERS)


class Heard(msgspec.Struct, frozen=True):
    """The latest estimate of the router, and when it was heard."""

    estimate: WaitEstimated
    at: float


class Comforted(msgspec.Struct, kw_only=True):
    """What a caller was told of his wait in this line."""

    heard: Heard | None = None
    least_before: int | None = None
    """The smallest number of callers before him that was said."""


class Stay(msgspec.Struct, kw_only=True):
    """From the entry into the line to the end of the conversation."""

    queue_id: QueueId
    """Empty: adopted while an offer rang, and nothing was kept about the line."""
    entered_at: float = 0.0
    priority: int = 0
    skills: tuple[str, ...] = ()
    levels: tuple[tuple[str, int], ...] = ()
    offer_id: OfferId | None = None
    since: float | None = None
    """Since when he waits, if that is longer than in this line."""
    before: tuple[QueueId, ...] = ()
    """The queues that let him out to others, oldest first."""
    wanted_agent: AgentId | None = None
    """The only agent who may serve him: he was handed on to this one."""
    transferred_by: AgentId | None = None
    """By whom."""
    callback: bool = False
    """Whether we called him, and not he us."""
    met: bool = False
    """Whether he has answered then."""
    left: str = ""
    """Why the router let the caller leave the line, once it did."""
    left_at: float = 0.0
    treatment: str = ""
    """What is done with him then, in the words of `hotline.treatments`; empty: the router does it."""
    announce: str = ""
    """The announcement that he hears before."""
    must_hear: bool = False
    """Whether that announcement is all that he gets, so that it must not fail."""
    saying: str = ""
    """What is being said to him: `announcement`, `request`, `forwarding`, `farewell`; `permission`: nothing, while the router is asked."""
    outside: Literal["", "asked", "granted"] = ""
    """What the router says to the number outside that he is led to."""
    asked: int = 0
    """How often it was asked."""
    comforted: Comforted = msgspec.field(default_factory=Comforted)
    past: deque[OfferId]
    """Offers of this call that ended, those of earlier stays included."""

    @property
    def kept_treatment(self) -> str:
        """The treatment in one word, for the channel: who adopts him says the announcement once more."""
        if self.announce and self.treatment == "hang_up":
            return f"announce:{self.announce}"
        return self.treatment or "fallback"

    @classmethod
    def of(cls, place: Place, entered_at: float, offer_id: OfferId | None, past: deque[OfferId]) -> Self:
        """Return the stay that was kept on the channel."""
        return cls(
            queue_id=place.queue_id or QueueId(""),
            entered_at=entered_at,
            priority=place.priority,
            skills=place.skills,
            levels=place.levels,
            wanted_agent=place.wanted_agent,
            transferred_by=place.transferred_by,
            since=place.since,
            before=place.before,
            callback=place.callback,
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
