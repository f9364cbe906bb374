"""Who hung up while he waited and calls again soon gets his old place back. Pure.

That he gave up stays true, and the new call is one of its own: its wait, and the clock of the service level, begin when it joins
the line. Only its place goes by the old time. A place is given back once, to a call from the same number, in the queue where it was or in
one that had let its caller out to that; who hides his number has none. What is remembered is bounded, and survives the router's death.
"""

from collections.abc import Iterator

import msgspec

from hotline.ids import CallId, QueueId

PLACES = 10_000
"""So many places are kept; beyond, those left longest ago are forgotten."""


class LeftPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a line whose caller hung up."""

    call_id: CallId
    queue_id: QueueId
    number: str
    since: float
    """Since when he had waited."""
    until: float
    """How long it is kept for him."""
    before: tuple[QueueId, ...] = ()
    """The queues in which he had waited before, where he has a claim to it too."""

    @property
    def claims(self) -> list[tuple[QueueId, str]]:
        """Where it is given back, and to whom."""
        return [(queue_id, self.number) for queue_id in dict.fromkeys((self.queue_id, *self.before))]


class LeftPlaces:
    """All of them."""

    def __init__(self) -> None:
        self._by_call: dict[CallId, LeftPlace] = {}
        self._by_number: dict[tuple[QueueId, str], CallId] = {}
        self.changed: dict[CallId, None] = {}
        """Those that must be remembered anew, or forgotten."""

    def __len__(self) -> int:
        return len(self._by_call)

    def __iter__(self) -> Iterator[LeftPlace]:
        return iter(self._by_call.values())

    def keep(self, place: LeftPlace) -> None:
        """Keep a place; of two with the same number in one queue, the one that was waited for longer."""
        for claim in place.claims:
            known = self._by_call.get(self._by_number.get(claim, place.call_id))
            if known is not None:
                place = msgspec.structs.replace(place, since=min(place.since, known.since))
                self.drop(known.call_id)
        self._by_call[place.call_id] = place
        self._by_number.update(dict.fromkeys(place.claims, place.call_id))
        self.changed[place.call_id] = None
        while len(self._by_call) > PLACES:
            self.drop(next(iter(self._by_call)))

    def drop(self, call_id: CallId) -> None:
        """Forget a place; nothing happens if there is none."""
        place = self._by_call.pop(call_id, None)
        if place is not None:
            for claim in place.claims:
                del self._by_number[claim]
            self.changed[call_id] = None

    def take(self, queue_id: QueueId, number: str, now: float) -> LeftPlace | None:
        """Give a place back to a caller from `number`; None when there is none, or no longer."""
        call_id = self._by_number.get((queue_id, number)) if number else None
        place = self._by_call.get(call_id) if call_id is not None else None
        if place is None:
            return None
        self.drop(place.call_id)
        return place if now <= place.until else None

    def take_changed(self) -> list[tuple[CallId, LeftPlace | None]]:
        """Return the places that changed since the last time; None for those to forget."""
        changed, self.changed = self.changed, {}
        return [(call_id, self._by_call.get(call_id)) for call_id in changed]
