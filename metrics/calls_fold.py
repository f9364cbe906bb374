"""What each fact about a call means for the numbers: entries and their outcomes, offers, conversations. Pure.

The rules of counting stand in `metrics/fold.py`. Times inside durations are those of the facts; where a call was adopted as
talking while we thought it was waiting, the moment of adoption stands in for the missed answer.
"""

import math
from collections.abc import Callable, Generator, Iterator
from typing import Any

from hotline.facts import (
    OFFER_ENDINGS,
    CallAbandoned,
    CallAdopted,
    CallArrived,
    CallEnded,
    CallFact,
    CallFellBack,
    CallFlowedOut,
    CallQueued,
    CallResumed,
    Fact,
    ForwardEnded,
    HoldBegan,
    HoldEnded,
    IvrStepTaken,
    OfferAccepted,
    OfferFact,
    OfferMade,
    OfferRang,
    OfferUnknown,
    RecordingMarked,
    RecordingStored,
    ScreenPopped,
    TalkEnded,
    TransferCompleted,
    TransferFailed,
    VoicemailLeft,
    VoicemailMissed,
)
from hotline.ids import AgentId, QueueId
from metrics import transfers_fold
from metrics.board import Observation, see
from metrics.calls import Call, CallBook, Entry, Offer
from metrics.ledger import Ledger
from metrics.window import plausible

BEGINS_A_CALL = (CallArrived, CallAdopted, CallQueued, OfferMade)
"""Facts that only a living call can cause; any other fact of an unknown call speaks of one that is over."""

Observations = Iterator[Observation]


class CallsFold:
    """All calls."""

    def __init__(self, book: CallBook, ledger: Ledger, talked: Callable[[AgentId, QueueId], None]) -> None:
        self._book = book
        self._ledger = ledger
        self._talked = talked
        self._reactions: dict[type[Fact], Callable[[Call, Any, float], Observations]] = {
            CallAdopted: self._adopted,
            CallQueued: self._queued,
            CallAbandoned: self._abandoned,
            CallFlowedOut: self._flowed_out,
            CallFellBack: self._fell_back,
            CallEnded: self._ended,
            OfferMade: self._offer_made,
            OfferRang: self._offer_rang,
            OfferAccepted: self._offer_accepted,
            TalkEnded: self._talk_ended,
            HoldBegan: transfers_fold.held,
            HoldEnded: transfers_fold.retrieved,
            TransferCompleted: transfers_fold.completed,
            TransferFailed: transfers_fold.failed,
            ScreenPopped: self._screen_popped,
            **dict.fromkeys(OFFER_ENDINGS, self._offer_closed),
        }

    def handle(self, fact: CallFact, now: float) -> Observations:
        """Yield what a fact about a call adds. A repeated fact adds nothing."""
        call, forgotten = self._book.open(fact.call_id, now, living=isinstance(fact, BEGINS_A_CALL))
        if forgotten is not None:
            yield see("limits_reached", limit="metrics_calls")
            if (entry := forgotten.open_entry()) is not None:
                yield from self._flow_out(entry, "lost", now)
        if call.is_repeated(fact):
            return
        react = self._reactions.get(type(fact))
        yield from _told_alone(fact) if react is None else react(call, fact, now)

    # --- the line ------------------------------------------------------------------------------------------------------

    def _adopted(self, call: Call, fact: CallAdopted, now: float) -> Observations:
        yield see("calls_adopted", phase=fact.phase)
        if fact.phase == "talking":
            yield from self._adopted_talking(call, fact, now)
        elif fact.phase == "fallback":
            yield from self._to_fallback(call, now)
        elif fact.place is not None and fact.place.queue_id is not None:
            call.is_callback = fact.place.callback
            entered_at = fact.place.entered_at or fact.arrived_at or fact.at
            yield from self._adopted_waiting(call, fact, fact.place.queue_id, entered_at, now)

    def _adopted_waiting(
        self, call: Call, fact: CallAdopted, queue_id: QueueId, entered_at: float, now: float
    ) -> Observations:
        entry = yield from self._enter(call, queue_id, entered_at, now)
        if fact.phase == "ringing" and fact.offer_id is not None and fact.offer_id not in call.offers:
            call.add_offer(fact.offer_id, Offer(queue_id, plausible(fact.at, now), entry=entry))
            call.phase = "ringing"

    def _adopted_talking(self, call: Call, fact: CallAdopted, now: float) -> Observations:
        offer = call.offers.get(fact.offer_id) if fact.offer_id is not None else None
        if offer is not None:
            yield from self._accept(call, offer, fact.at, now)
        elif fact.offer_id is not None:
            queue_id = fact.place.queue_id if fact.place is not None and fact.place.queue_id else QueueId("")
            call.add_offer(fact.offer_id, Offer(queue_id, plausible(fact.at, now), is_open=False))
        call.phase = "talking"

    def _queued(self, call: Call, fact: CallQueued, now: float) -> Observations:
        call.is_callback = fact.kind == "callback"
        yield from self._enter(call, fact.queue_id, fact.entered_at, now)

    def _enter(
        self, call: Call, queue_id: QueueId, entered_at: float, now: float
    ) -> Generator[Observation, None, Entry]:
        """Return the entry, opened unless it is known. Of two entries that would be open, the earlier was left for the later."""
        entered_at = entered_at if math.isfinite(entered_at) else 0.0
        known = call.find_entry(queue_id, entered_at)
        if known is not None:
            return known
        entry = Entry(queue_id, entered_at, plausible(entered_at, now), is_open=not call.is_callback)
        if call.is_callback:
            call.add_entry(entry)
            return entry
        self._ledger.entered(queue_id, entry.since, now)
        yield see("calls_offered", queue=queue_id)
        other = call.open_entry()
        call.add_entry(entry)
        if call.entries[-1] is entry and call.ended_at is None:
            call.phase = "waiting"
        if other is not None:
            yield from self._flow_out(min(other, entry, key=lambda e: e.entered_at), "moved", now)
        return entry

    def _abandoned(self, call: Call, fact: CallAbandoned, now: float) -> Observations:
        entry = yield from self._enter(call, fact.queue_id, fact.entered_at, now)
        if not entry.is_open:
            if not call.is_callback:
                yield _unmatched(fact)
            return
        entry.is_open = False
        wait = self._ledger.abandoned(entry.queue_id, entry.since, plausible(fact.at, now), now, short=fact.short)
        yield see("calls_abandoned", queue=entry.queue_id, short=str(fact.short).lower())
        yield see("abandon_wait_seconds", wait, queue=entry.queue_id)

    def _flowed_out(self, call: Call, fact: CallFlowedOut, now: float) -> Observations:
        entry = yield from self._enter(call, fact.queue_id, fact.entered_at, now)
        if entry.is_open:
            yield from self._flow_out(entry, fact.reason, now)
            call.phase = "ivr" if call.phase in ("waiting", "ringing") else call.phase

    def _flow_out(self, entry: Entry, reason: str, now: float) -> Observations:
        entry.is_open = False
        self._ledger.flowed_out(entry.queue_id, entry.since, now)
        yield see("calls_flowed_out", queue=entry.queue_id, reason=reason)

    def _fell_back(self, call: Call, fact: CallFellBack, now: float) -> Observations:
        yield see("calls_fell_back", reason=fact.reason)
        yield from self._to_fallback(call, now)

    def _to_fallback(self, call: Call, now: float) -> Observations:
        call.phase = "fallback"
        if (entry := call.open_entry()) is not None:
            yield from self._flow_out(entry, "fallback", now)

    def _ended(self, call: Call, fact: CallEnded, now: float) -> Observations:
        if call.ended_at is not None:
            yield _unmatched(fact)
            return
        yield see("calls_ended", ended_by=fact.ended_by)
        self._book.end(fact.call_id, now)

    # --- offers ----------------------------------------------------------------------------------------------------------

    def _offer_made(self, call: Call, fact: OfferMade, now: float) -> Observations:
        if fact.offer_id in call.offers:
            return
        if fact.kind == "consult":
            transfers_fold.asked(call, fact, now)
            return
        call.is_callback = call.is_callback or fact.kind == "callback"
        entry = yield from self._enter(call, fact.queue_id, fact.entered_at, now)
        call.add_offer(fact.offer_id, Offer(fact.queue_id, plausible(fact.at, now), fact.agent_id, entry))
        if call.ended_at is None:
            call.phase = "ringing"

    def _offer_rang(self, call: Call, fact: OfferRang, now: float) -> Observations:
        offer = call.offers.get(fact.offer_id)
        if offer is None or not offer.is_open:
            yield _unmatched(fact)
        elif offer.rang_at is None:
            offer.rang_at = plausible(fact.at, now)

    def _offer_accepted(self, call: Call, fact: OfferAccepted, now: float) -> Observations:
        offer = call.offers.get(fact.offer_id)
        if offer is None or not (offer.is_open or offer.doubted):
            yield _unmatched(fact)
            return
        yield from self._accept(call, offer, fact.at, now)

    def _accept(self, call: Call, offer: Offer, at: float, now: float) -> Observations:
        """Close an open offer as answered, and its entry with it. One that was doubted has been counted as `unknown` and stays so."""
        if not (offer.is_open or offer.doubted):
            return
        offer.doubted = False
        if offer.consult:
            offer.is_open = False
            return
        if offer.is_open:
            yield from self._close_offer(offer, "answered", at, now)
        offer.accepted_at = plausible(at, now)
        if offer.agent_id is not None:
            self._talked(offer.agent_id, offer.queue_id)
        if call.ended_at is None:
            call.phase = "talking"
        entry = offer.entry
        if entry is None or not entry.is_open:
            return
        entry.is_open = False
        wait, in_threshold = self._ledger.answered(entry.queue_id, entry.since, offer.accepted_at, now)
        yield see("calls_answered", queue=entry.queue_id)
        yield see("answer_wait_seconds", wait, queue=entry.queue_id)
        if in_threshold:
            yield see("calls_answered_in_threshold", queue=entry.queue_id)

    def _offer_closed(self, call: Call, fact: OfferFact, now: float) -> Observations:
        offer = call.offers.get(fact.offer_id)
        if offer is None or not offer.is_open:
            yield _unmatched(fact)
            return
        yield from self._close_offer(offer, OFFER_ENDINGS[type(fact)], fact.at, now)
        offer.doubted = isinstance(fact, OfferUnknown)
        if call.current_offer == fact.offer_id and call.phase == "ringing":
            call.phase = "waiting" if call.open_entry() is not None else "ivr"

    def _close_offer(self, offer: Offer, result: str, at: float, now: float) -> Observations:
        offer.is_open = False
        if offer.consult:
            return
        yield see("offers", queue=offer.queue_id, result=result)
        if offer.rang_at is not None:
            yield see("ring_seconds", max(plausible(at, now) - offer.rang_at, 0.0), queue=offer.queue_id)

    def _talk_ended(self, call: Call, fact: OfferFact, now: float) -> Observations:
        offer = call.offers.get(fact.offer_id)
        if offer is None or offer.is_open or offer.talk_ended:
            yield _unmatched(fact)
            return
        offer.talk_ended = True
        yield from transfers_fold.close_hold(offer, plausible(fact.at, now))
        with_another = call.current_offer != fact.offer_id and call.current_offer in call.offers
        if call.ended_at is None and call.phase == "talking" and not offer.consult and not with_another:
            call.phase = "ivr"
        if offer.accepted_at is not None:
            talked_s = plausible(fact.at, now) - offer.accepted_at - offer.held_s
            yield see("talk_seconds", max(talked_s, 0.0), queue=offer.queue_id)

    def _screen_popped(self, call: Call, fact: ScreenPopped, now: float) -> Observations:
        offer = call.offers.get(fact.offer_id)
        if offer is None:
            yield _unmatched(fact)
            return
        yield see("screen_pop_seconds", max(plausible(fact.at, now) - offer.made_at, 0.0))


def _told_alone(fact: CallFact) -> Observations:
    """Yield what is counted as it comes; it needs nothing but protection from repetition."""
    match fact:
        case CallArrived():
            yield see("calls_arrived", origin=fact.origin)
        case IvrStepTaken():
            yield see("ivr_steps", flow=fact.flow, version=fact.flow_version, step=fact.step, result=fact.result)
        case RecordingStored():
            yield see("recordings", result="stored")
        case RecordingMarked():
            yield see("recordings", result=fact.problem)
        case CallResumed():
            yield see("calls_resumed", queue=fact.queue_id)
        case VoicemailLeft():
            yield see("voicemails", queue=fact.queue_id, result="left")
        case VoicemailMissed():
            yield see("voicemails", queue=fact.queue_id, result=fact.problem)
        case ForwardEnded():
            yield see("calls_forwarded", result="answered" if fact.answered else "unanswered")


def _unmatched(fact: Fact) -> Observation:
    return see("facts_unmatched", fact=type(fact).__name__)
