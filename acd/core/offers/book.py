"""Offers: one attempt each to connect one caller to one agent. Pure.

An offer is a lease: it has an id that is never used again, it reserves its agent, and it ends by its own clock if nobody
tells how it ended. The book holds the live ones; whatever the phone network says about another id came late or from
elsewhere and is ignored.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from hotline.ids import AgentId, CallId, Extension, NodeId, OfferId, QueueId

GRACE_S = 1.0
"""How long after its ring time an offer may remain without an ending before we end it ourselves."""

RESTORED_S = 1.0
"""How long at least an offer from before our own death remains once its node has told what it sees."""
UNSEEN_S = 30.0
"""How long it remains while its node has told nothing: who answered meanwhile must not be rung. A busy machine starts slowly."""

RETURN_S = 2.0
"""How long a caller may take to come back after a ring before we ask for him."""

RECALLS = 5
"""How often we ask for a caller who does not come back before we give him up."""

BAD_RING_REST_S = 2.0
"""How long an agent rests whose phone was busy or could not be rung."""

REFUSED_RING_PAUSE_S = 1.0
"""How long a caller waits before he is offered again when the network refused to ring for him."""

REFUSED_RINGS = 3
"""How often in a row the network may refuse to ring for a caller before we give him up."""

REFUSAL_S = 5.0
"""How long an agent who rejected a caller is spared that caller even when nobody else can serve him."""

NOT_RINGING = "not_ringing"
"""The reason with which telephony refuses to cancel a ring that it knows to be over. Other refusals (a link that is down, a
call it does not know) say nothing about the ring."""

Phase = Literal["made", "ringing", "talking"]


class Offer(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One live offer. What is encoded of it survives our own death."""

    offer_id: OfferId
    call_id: CallId
    agent_id: AgentId
    extension: Extension
    queue_id: QueueId
    node: NodeId
    made_at: float
    ring_timeout_s: float
    entered_at: float
    named: bool = False
    """Whether the caller's name is shown on the ringing phone."""
    phase: Phase = "made"
    caller_left: bool = False
    """Whether the caller hung up or was sent elsewhere; only the phone's last word is missing."""
    caller_back: bool = False
    """Whether the caller is already in our hands again; only the phone's last word is missing."""
    closes_at: float | None = None
    """An earlier end than by its ring time, once the caller left or came back."""
    kind: Literal["main", "consult", "callback"] = "main"
    """`consult`: an agent asks this one while his caller holds. A call may have one beside its other offer."""
    asked_by: OfferId | None = None
    """Of a consult: the offer of the agent who asks."""
    group: OfferId | None = None
    """The first of the offers that ring for this caller at once; None: it rings alone."""
    restored: bool = False
    """Whether it comes from before our own death and the phone network has not confirmed it yet."""

    @property
    def ring(self) -> OfferId:
        """The id of the ring it is part of: what a returning caller and a `CancelRing` name."""
        return self.group or self.offer_id

    @property
    def deadline(self) -> float:
        """When it is over even if nobody says so (while it is not answered)."""
        last = self.made_at + self.ring_timeout_s + GRACE_S
        return last if self.closes_at is None else min(last, self.closes_at)


def offer_id_of(call_id: CallId, epoch: str, number: int) -> OfferId:
    """Return the id of an offer: the `number`th in the router's life named `epoch`."""
    return OfferId(f"{call_id}.{epoch}.{number}")


class Offers:
    """The live offers: at most one of each agent, and of each call one, besides one of the kind `consult`; or several that ring at once."""

    def __init__(self) -> None:
        self._by_id: dict[OfferId, Offer] = {}
        self._by_agent: dict[AgentId, Offer] = {}
        self._by_call: dict[CallId, Offer] = {}
        self._beside: dict[CallId, list[Offer]] = {}
        """The other offers of a call that ring together with it."""
        self._consults: dict[CallId, Offer] = {}

    def __iter__(self) -> Iterator[Offer]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, offer_id: OfferId) -> Offer | None:
        """Return a live offer, or None."""
        return self._by_id.get(offer_id)

    def of_agent(self, agent_id: AgentId) -> Offer | None:
        """Return the live offer of an agent."""
        return self._by_agent.get(agent_id)

    def of_call(self, call_id: CallId) -> Offer | None:
        """Return the live offer of a call; not that by which an agent asks another one.

        Of several that ring at once it is the answered one, or the first.
        """
        return self._by_call.get(call_id)

    def consult_of(self, call_id: CallId) -> Offer | None:
        """Return the live offer of a call by which an agent asks another one."""
        return self._consults.get(call_id)

    def hand_on(self, consult: Offer) -> None:
        """Let the consulted agent's offer be that of the call, which has no other one any more."""
        late = self._by_call.get(
            consult.call_id
        )  # a phone that rang with the answered one, and has not said its last word
        assert late is None or late.caller_left
        del self._consults[consult.call_id]
        consult.kind = "main"
        self._by_call[consult.call_id] = consult
        if late is not None:
            self._beside.setdefault(consult.call_id, []).append(late)

    def ring_of(self, offer: Offer) -> list[Offer]:
        """Return the live offers that ring, or rang, together with a live one, itself included."""
        if offer.kind == "consult":
            return [offer]
        beside = self._beside.get(offer.call_id)
        if beside is None:
            return [offer]
        return [o for o in (self._by_call[offer.call_id], *beside) if o.ring == offer.ring]

    def ring(self, call_id: CallId, ring: OfferId) -> list[Offer]:
        """Return the live offers of a ring of a call; none when it is over."""
        first = self._by_call.get(call_id)
        return self.ring_of(first) if first is not None and first.ring == ring else []

    def lead(self, offer: Offer) -> None:
        """Let the answered one of several offers be that of its call."""
        first = self._by_call.get(offer.call_id)
        if first is not None and first is not offer and offer.kind != "consult":
            beside = self._beside[offer.call_id]
            beside[beside.index(offer)] = first
            self._by_call[offer.call_id] = offer

    def _book(self, offer: Offer) -> dict[CallId, Offer]:
        return self._consults if offer.kind == "consult" else self._by_call

    def open(self, offer: Offer) -> None:
        """Take a new offer in. Its agent must have none, and its call none but those that it rings together with."""
        assert offer.agent_id not in self._by_agent
        book = self._book(offer)
        first = book.get(offer.call_id)
        assert first is None or (offer.group is not None and first.ring == offer.ring)
        self._by_id[offer.offer_id] = offer
        self._by_agent[offer.agent_id] = offer
        if first is None:
            book[offer.call_id] = offer
        else:
            self._beside.setdefault(offer.call_id, []).append(offer)

    def close(self, offer: Offer) -> None:
        """Take an offer out."""
        del self._by_id[offer.offer_id]
        del self._by_agent[offer.agent_id]
        book, beside = self._book(offer), self._beside.get(offer.call_id)
        if beside is None:
            del book[offer.call_id]
            return
        if book[offer.call_id] is offer:
            book[offer.call_id] = beside.pop(0)
        else:
            beside.remove(offer)
        if not beside:
            del self._beside[offer.call_id]
