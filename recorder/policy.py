"""Which recordings there should be, and when each is collected. Pure.

    offered    --accepted--> talking      --over--> settling
    settling   --quiet-----> collecting   --stored, flawed--> closed
    settling   --nothing---> closed
    collecting --grown-----> settling,    --no_room--> stuck --due--> collecting

A recording is *offered* with the offer, because Asterisk starts it before the agent's phone rings; it has audio only once both
are bridged. After the conversation Asterisk needs a moment to finish the file: it is *settling* until its size rests and nobody
has it open. An offer that was never answered leaves no audio and no trace; if there is audio all the same, the news of the
answer was lost and the recording is kept. Every conversation that was to be recorded ends as stored or as marked.

Late and repeated inputs find no entry in the table and change nothing. The same recording is collected once.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

import msgspec

from hotline.facts import (
    CallAdopted,
    CallArrived,
    CallEnded,
    CallReturned,
    HoldBegan,
    LinkChanged,
    OfferAccepted,
    OfferBusy,
    OfferFailed,
    OfferMade,
    OfferRejected,
    OfferRescinded,
    OfferTimedOut,
    Record,
    RecordingMarked,
    RecordingStarted,
    RecordingStored,
    SnapshotTaken,
    TalkEnded,
    TransferCompleted,
)
from hotline.ids import CallId, NodeId, OfferId, RecordingId, is_safe_id
from recorder.records import (
    Action,
    Collect,
    Entry,
    Flaw,
    Flawed,
    Forget,
    Grown,
    Keep,
    Look,
    NoRoom,
    Result,
    State,
    Stored,
)

T = TypeVar("T")

SETTLE_S = 0.3
"""Between two looks at a file that should be complete."""
STILL_OPEN_S = 10.0
"""A file whose size rests but that somebody still has open is collected after this time."""
MISSING_AFTER_S = 3.0
"""A file that has not appeared by then does not exist."""
RETRY_S = 30.0
"""Between two tries when there is no room."""
REMEMBERED = 10_000
"""So many closed recordings are remembered, so that a repeated fact does not open one again."""
FOREIGN_CALLS = 100_000

Input = Literal["accepted", "over", "quiet", "grown", "stored", "flawed", "nothing", "no_room", "due"]

NEXT: Mapping[tuple[State, Input], State] = {
    ("offered", "accepted"): "talking",
    ("offered", "over"): "settling",
    ("talking", "over"): "settling",
    ("settling", "quiet"): "collecting",
    ("settling", "nothing"): "closed",
    ("collecting", "grown"): "settling",
    ("collecting", "stored"): "closed",
    ("collecting", "flawed"): "closed",
    ("collecting", "nothing"): "closed",
    ("collecting", "no_room"): "stuck",
    ("stuck", "due"): "collecting",
}
"""Everything that may happen to a recording."""

KINDS: tuple[type[Record], ...] = (
    CallArrived, CallAdopted, OfferMade, OfferAccepted, OfferTimedOut, OfferRejected, OfferBusy, OfferFailed,
    OfferRescinded, TalkEnded, CallReturned, CallEnded, SnapshotTaken, LinkChanged, HoldBegan, TransferCompleted,
)  # fmt: skip
_OVER = (OfferTimedOut, OfferRejected, OfferBusy, OfferFailed, OfferRescinded, TalkEnded, CallReturned)


class Policy:
    """The recordings of one node."""

    def __init__(self, node: NodeId, entries: Iterable[Entry] = (), *, now: float) -> None:
        self._node = node
        self.entries: dict[RecordingId, Entry] = {}
        self._by_offer: dict[OfferId, RecordingId] = {}
        self._closed: OrderedDict[RecordingId, None] = OrderedDict()
        self._foreign: OrderedDict[CallId, None] = OrderedDict()
        self._restored: set[RecordingId] = set()
        for entry in entries:
            self._restored.add(entry.recording_id)
            # Looks and collections of our former life are not coming back: begin them again.
            again = entry.state in ("settling", "collecting", "stuck")
            self._put(msgspec.structs.replace(entry, state="settling", since=now, due=now) if again else entry)

    def next_deadline(self) -> float | None:
        """Return when `wake` wants to be called."""
        return min((e.due for e in self.entries.values() if e.due is not None), default=None)

    def wake(self, now: float) -> list[Action]:
        """Return what is due."""
        actions: list[Action] = []
        for entry in [e for e in self.entries.values() if e.due is not None and e.due <= now]:
            if entry.state == "settling":
                self._put(msgspec.structs.replace(entry, due=None))
                actions.append(Look(recording_id=entry.recording_id))
            else:
                actions += self._advance(entry, "due")
        return actions

    def handle(self, record: Record, now: float) -> list[Action]:
        """Take a fact or signal into account."""
        match record:
            case CallArrived() | CallAdopted() if record.node != self._node:
                _remember(self._foreign, record.call_id, FOREIGN_CALLS)
                return []
            case OfferMade(kind="consult") | HoldBegan() | TransferCompleted():
                return self._led_on(record)
            case OfferMade():
                return self._offered(record)
            case OfferAccepted():
                return self._answered(record)
            case CallAdopted():
                return self._adopted(record, now)
            case CallEnded():
                self._foreign.pop(record.call_id, None)
                return self._all_over([e for e in self.entries.values() if e.call_id == record.call_id], record.at, now)
            case SnapshotTaken() if record.node == self._node:
                return self._snapshot(record, now)
            case LinkChanged() if record.node == self._node:
                return self._lost_sight()
            case _ if isinstance(record, _OVER):
                return self._offer_over(record.offer_id, record.at, now)
            case _:
                return []

    # --- facts ------------------------------------------------------------------------------------------------------------

    def _offered(self, fact: OfferMade) -> list[Action]:
        recording_id = fact.recording_id
        if recording_id is not None and (early := self._turned_up_before(fact, recording_id)):
            return early
        if recording_id is None:
            _remember(self._closed, RecordingId(fact.offer_id), REMEMBERED)
            return []
        if not is_safe_id(recording_id) or fact.call_id in self._foreign or recording_id in self._closed:
            return []
        if (known := self.entries.get(recording_id)) is not None:
            return self._one_more(known, fact.offer_id) if known.offer_id != fact.offer_id else self._expect(known)
        entry = Entry(recording_id=recording_id, call_id=fact.call_id, offer_id=fact.offer_id, at=fact.at)
        self._put(entry)
        return [Keep(entry=entry)]

    def _one_more(self, known: Entry, offer_id: OfferId) -> list[Action]:
        """Learn of another offer that rings for the same caller: whoever answers, the recording is this one."""
        if known.state != "offered" or offer_id in known.others:
            return []
        entry = msgspec.structs.replace(known, others=(*known.others, offer_id))
        self._put(entry)
        return [Keep(entry=entry)]

    def _turned_up_before(self, fact: OfferMade, recording_id: RecordingId) -> list[Action]:
        """Learn under which name a conversation is recorded that we took for one of a single phone."""
        early = self._of(fact.offer_id)
        if early is None or early.recording_id == recording_id or early.state == "collecting" or early.others:
            return []
        self._close(early)
        entry = msgspec.structs.replace(early, recording_id=recording_id, expected=True)
        self._put(entry)
        return [Forget(recording_id=early.recording_id), Keep(entry=entry)]

    def _is_news(self, call_id: CallId, offer_id: OfferId) -> bool:
        """Whether nothing was heard of an offer yet: it was made in another process, and that may reach us last."""
        return call_id not in self._foreign and self._of(offer_id) is None and RecordingId(offer_id) not in self._closed

    def _answered(self, fact: OfferAccepted) -> list[Action]:
        if self._is_news(fact.call_id, fact.offer_id):
            return self._turned_up(fact, accepted_at=fact.at)
        return self._accepted(fact, fact.offer_id)

    def _offer_over(self, offer_id: OfferId, at: float, now: float) -> list[Action]:
        entry = self._of(offer_id)
        if entry is not None and entry.others:
            return self._one_less(entry, offer_id)
        if entry is not None:
            return self._all_over([entry], at, now) if entry.offer_id == offer_id else []
        _remember(self._closed, RecordingId(offer_id), REMEMBERED)  # if its offer is heard of later, it begins nothing
        return []

    def _led_on(self, fact: OfferMade | HoldBegan | TransferCompleted) -> list[Action]:
        """Take into account what an agent does with his caller besides talking."""
        if isinstance(fact, TransferCompleted):
            return self._handed_on(fact)
        # Of a consult nobody knows yet whether a caller will come of it, and only that is recorded.
        return self._held(fact.offer_id) if isinstance(fact, HoldBegan) else []

    def _held(self, offer_id: OfferId) -> list[Action]:
        """A caller on hold may not be recorded: nobody can say any more how long the recording should be."""
        entry = self._of(offer_id)
        if entry is None or entry.accepted_at is None:
            return []
        entry = msgspec.structs.replace(entry, accepted_at=None)
        self._put(entry)
        return [Keep(entry=entry)]

    def _handed_on(self, fact: TransferCompleted) -> list[Action]:
        """The caller talks with the agent who was asked about him: from now on that is recorded."""
        entry = self._of(fact.next_offer) if fact.next_offer is not None else None
        if fact.recording_id is None or fact.next_offer is None or fact.call_id in self._foreign:
            return []
        if entry is None:
            if fact.recording_id in self._closed:
                return []
            entry = Entry(
                recording_id=fact.recording_id, call_id=fact.call_id, offer_id=fact.next_offer, at=fact.at,
                state="talking",
            )  # fmt: skip
        announced = entry.announced
        accepted_at = None if fact.reconciled else fact.at
        entry = msgspec.structs.replace(entry, accepted_at=accepted_at, expected=True, announced=True)
        self._put(entry)
        started = RecordingStarted(
            at=fact.at, call_id=fact.call_id, recording_id=entry.recording_id, offer_id=fact.next_offer
        )
        return [Keep(entry=entry)] if announced else [started, Keep(entry=entry)]

    def _one_less(self, entry: Entry, offer_id: OfferId) -> list[Action]:
        """One of several offers is over, and another may still be answered."""
        left = [o for o in (entry.offer_id, *entry.others) if o != offer_id]
        entry = msgspec.structs.replace(entry, offer_id=left[0], others=tuple(left[1:]))
        self._by_offer.pop(offer_id)
        self._put(entry)
        return [Keep(entry=entry)]

    def _turned_up(self, record: OfferAccepted | CallAdopted, accepted_at: float | None = None) -> list[Action]:
        """Follow a conversation of which we do not know whether it is recorded: its file will tell."""
        offer_id = record.offer_id
        assert offer_id is not None
        entry = Entry(
            recording_id=RecordingId(offer_id), call_id=record.call_id, offer_id=offer_id, at=record.at,
            state="talking", accepted_at=accepted_at,
        )  # fmt: skip
        self._put(entry)
        return [Keep(entry=entry)]

    def _expect(self, entry: Entry) -> list[Action]:
        """Learn that a conversation we follow is recorded: if there is no file, that must be told."""
        if entry.expected or entry.state == "offered":
            return []
        entry = msgspec.structs.replace(entry, expected=True)
        self._put(entry)
        return [Keep(entry=entry)]

    def _accepted(self, record: OfferAccepted | CallAdopted, offer_id: OfferId) -> list[Action]:
        entry = self._of(offer_id)
        if entry is None or "accepted" not in _inputs(entry.state):
            return []
        # An adopted conversation began before we saw it: its length stays unknown.
        accepted_at = record.at if isinstance(record, OfferAccepted) else None
        for other in (entry.offer_id, *entry.others):
            self._by_offer.pop(other, None)
        entry = msgspec.structs.replace(
            entry, offer_id=offer_id, others=(), accepted_at=accepted_at, expected=True, announced=True
        )
        started = RecordingStarted(
            at=record.at, call_id=entry.call_id, recording_id=entry.recording_id, offer_id=entry.offer_id
        )
        return [started, *self._advance(entry, "accepted")]

    def _adopted(self, fact: CallAdopted, now: float) -> list[Action]:
        """After a gap: what the call does now tells which of its recordings are over."""
        actions: list[Action] = []
        present = fact.offer_id if fact.phase in ("ringing", "talking") else None
        past = [
            e
            for e in self.entries.values()
            if e.call_id == fact.call_id and present not in (e.offer_id, *e.others, e.recording_id)
        ]
        actions += self._all_over(past, None, now)
        if present is None or fact.phase != "talking":
            return actions
        if self._is_news(fact.call_id, present):
            return actions + self._turned_up(fact)
        return actions + self._accepted(fact, present)

    def _lost_sight(self) -> list[Action]:
        """Around a gap (told by its two ends) answers and ends are heard too late to know how long a conversation was."""
        blind = [e for e in self.entries.values() if e.state in ("talking", "settling") and e.accepted_at is not None]
        for entry in blind:
            self._put(msgspec.structs.replace(entry, accepted_at=None))
        return [Keep(entry=self.entries[e.recording_id]) for e in blind]

    def _snapshot(self, fact: SnapshotTaken, now: float) -> list[Action]:
        """The calls of our former life that are not among the living ended while we were away."""
        gone = [e for i, e in self.entries.items() if i in self._restored and e.call_id not in fact.living]
        return self._all_over(gone, None, now)

    def _all_over(self, entries: Iterable[Entry], ended_at: float | None, now: float) -> list[Action]:
        actions: list[Action] = []
        for entry in entries:
            if "over" in _inputs(entry.state):
                settling = msgspec.structs.replace(
                    entry, ended_at=ended_at, since=now, due=now + SETTLE_S, size_bytes=None
                )
                actions += self._advance(settling, "over")
        return actions

    # --- answers of the door ----------------------------------------------------------------------------------------------

    def looked(self, recording_id: RecordingId, size_bytes: int | None, *, is_open: bool, now: float) -> list[Action]:
        """Take what a look showed into account; `size_bytes` None: there is no file."""
        entry = self.entries.get(recording_id)
        if entry is None or entry.state != "settling":
            return []
        waited_s = now - entry.since
        restored = recording_id in self._restored
        if size_bytes is None and not entry.expected and not restored:
            return self._advance(entry, "nothing")
        if size_bytes is None and (restored or waited_s >= MISSING_AFTER_S):
            return self._advance(entry, "quiet")  # it does not exist, or our former life stored it: collecting tells
        rests = size_bytes is not None and size_bytes == entry.size_bytes
        if rests and (not is_open or waited_s >= STILL_OPEN_S):
            return self._advance(entry, "quiet")
        self._put(msgspec.structs.replace(entry, size_bytes=size_bytes, due=now + SETTLE_S))
        return []

    def look_failed(self, recording_id: RecordingId, now: float) -> list[Action]:
        """The directory could not be read: look again later."""
        entry = self.entries.get(recording_id)
        if entry is not None and entry.state == "settling":
            self._put(msgspec.structs.replace(entry, due=now + RETRY_S))
        return []

    def collected(self, recording_id: RecordingId, result: Result, now: float) -> list[Action]:
        """Take the result of a collection into account."""
        entry = self.entries.get(recording_id)
        if entry is None or entry.state != "collecting":
            return []
        match result:
            case Stored():
                return [*self._announce(entry, now), _stored(entry, result, now), *self._advance(entry, "stored")]
            case Flawed(problem="empty" | "missing") if not entry.expected:
                return self._advance(entry, "nothing")
            case Flawed():
                marks = self._mark(entry, result.problem, result.detail, now)
                return [*self._announce(entry, now), *marks, *self._advance(entry, "flawed")]
            case Grown():
                return self._advance(msgspec.structs.replace(entry, size_bytes=None, due=now + SETTLE_S), "grown")
            case NoRoom():
                marks = [] if entry.marked else self._mark(entry, "store_failed", result.detail, now)
                stuck = msgspec.structs.replace(entry, marked=True, announced=True, due=now + RETRY_S)
                return [*self._announce(entry, now), *marks, *self._advance(stuck, "no_room")]

    # --- moving -----------------------------------------------------------------------------------------------------------

    def _advance(self, entry: Entry, happened: Input) -> list[Action]:
        """Move an entry along the table. What must survive our death is kept."""
        state = NEXT.get((entry.state, happened))
        if state is None:
            return []
        if state == "closed":
            self._close(entry)
            return [Forget(recording_id=entry.recording_id)]
        entry = msgspec.structs.replace(entry, state=state)
        if state != "collecting":
            self._put(entry)
            return [Keep(entry=entry)]
        entry = msgspec.structs.replace(entry, due=None)
        self._put(entry)
        return [Collect(recording_id=entry.recording_id, at=entry.at, talked_s=entry.talked_s)]

    def _put(self, entry: Entry) -> None:
        self.entries[entry.recording_id] = entry
        for offer_id in (entry.offer_id, *entry.others):
            self._by_offer[offer_id] = entry.recording_id

    def _close(self, entry: Entry) -> None:
        self.entries.pop(entry.recording_id, None)
        for offer_id in (entry.offer_id, *entry.others):
            self._by_offer.pop(offer_id, None)
        self._restored.discard(entry.recording_id)
        _remember(self._closed, entry.recording_id, REMEMBERED)

    def _of(self, offer_id: OfferId) -> Entry | None:
        recording_id = self._by_offer.get(offer_id)
        return None if recording_id is None else self.entries.get(recording_id)

    def _announce(self, entry: Entry, now: float) -> list[Action]:
        """Tell of a recording that turned up without an answer that we saw."""
        if entry.announced:
            return []
        return [
            RecordingStarted(at=now, call_id=entry.call_id, recording_id=entry.recording_id, offer_id=entry.offer_id)
        ]

    def _mark(self, entry: Entry, problem: Flaw, detail: str, now: float) -> list[Action]:
        return [
            RecordingMarked(
                at=now,
                call_id=entry.call_id,
                recording_id=entry.recording_id,
                offer_id=entry.offer_id,
                problem=problem,
                detail=detail,
            )
        ]


def _stored(entry: Entry, result: Stored, now: float) -> RecordingStored:
    return RecordingStored(
        at=now,
        call_id=entry.call_id,
        recording_id=entry.recording_id,
        offer_id=entry.offer_id,
        file=result.file,
        sha256=result.sha256,
        size_bytes=result.size_bytes,
        duration_s=result.duration_s,
    )


def _inputs(state: State) -> set[Input]:
    return {happened for before, happened in NEXT if before == state}


def _remember(kept: OrderedDict[T, None], key: T, limit: int) -> None:
    kept[key] = None
    while len(kept) > limit:
        kept.popitem(last=False)
