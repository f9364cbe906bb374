"""Which messages there should be, and when each is collected. Pure.

    recording --over, late--> settling --rests--> collecting --stored, missed--> closed
                              settling <--grown-- collecting --no room--> stuck --due--> collecting

A message is over when the caller is back in our hands, or gone. Then its file is looked at until its size rests and nobody has it
open. Every message that was asked for ends as left or as missed. The fallback queue of Asterisk asks for messages by itself and
tells nobody: a call that ended there may have left one, and if there is no file, nothing was asked. A file that nobody knows, because
we were dead when its caller left it, is taken up when it has rested for long.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Literal

import msgspec

from hotline.facts import (
    CallAdopted,
    CallCameBack,
    CallEnded,
    CallFellBack,
    Fact,
    Record,
    SnapshotTaken,
    VoicemailBegan,
    VoicemailLeft,
    VoicemailMissed,
)
from hotline.ids import CallId, NodeId, QueueId, VoicemailId, is_safe_id

SETTLE_S = 0.3
"""Between two looks at a file that should be complete."""
LATE_S = 30.0
"""A message whose end nobody told this long after it must be over is looked at."""
MISSING_AFTER_S = 3.0
STILL_OPEN_S = 10.0
"""A file whose size rests but that somebody still has open is collected after this time."""
RETRY_S = 30.0
"""Between two tries when there is no room."""
SHORTEST_S = 1.0
"""What is shorter is no message."""
STRAY_AFTER_S = 300.0
"""A file that nobody has written to for so long, and that nobody told us of, is a stray."""
FALLEN_BACK = 10_000
"""So many calls in the fallback queue are followed."""
REMEMBERED = 10_000

State = Literal["recording", "settling", "collecting", "stuck"]
Suffix = Literal[".sln", ".wav"]
KINDS: tuple[type[Record], ...] = (
    VoicemailBegan, CallCameBack, CallEnded, CallFellBack, CallAdopted, SnapshotTaken,
)  # fmt: skip


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message that is not closed yet. Survives our own death."""

    message_id: VoicemailId
    call_id: CallId
    queue_id: QueueId
    at: float
    """When it was begun: chooses the directory."""
    state: State = "recording"
    suffix: Suffix = ".sln"
    expected: bool = True
    """Whether it was asked for, so that a missing file must be told."""
    since: float = 0.0
    """When it began to settle."""
    size_bytes: int | None = None
    due: float | None = None
    missed: bool = False
    """Whether it was told as missed because there was no room; it is tried again all the same."""


class Stray(msgspec.Struct, frozen=True, kw_only=True):
    """A file in the spool that rests."""

    message_id: VoicemailId
    suffix: Suffix
    at: float
    """When it was written to last."""

    @property
    def call_id(self) -> CallId:
        """The call it is of: a message is named after its call, and by `.m` and a time if the call could have several."""
        return CallId(self.message_id.rpartition(".m")[0] or self.message_id)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """See how large the file is and whether somebody has it open; answer with `looked`."""

    entry: Entry


class Collect(msgspec.Struct, frozen=True, kw_only=True):
    """Move the message into the store; answer with `collected`."""

    entry: Entry


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """Remember this entry across our death."""

    entry: Entry


class Forget(msgspec.Struct, frozen=True, kw_only=True):
    """The entry is closed."""

    message_id: VoicemailId


Action = Look | Collect | Keep | Forget | Fact


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """It lies complete in the store."""

    file: str
    sha256: str
    size_bytes: int
    duration_s: float


class Nothing(msgspec.Struct, frozen=True, kw_only=True):
    """There is no message in it, or no file."""

    problem: Literal["empty", "missing"]


class Grown(msgspec.Struct, frozen=True, kw_only=True):
    """Asterisk was still writing."""


class NoRoom(msgspec.Struct, frozen=True, kw_only=True):
    """The store cannot take it now; the file is where it was."""

    detail: str


Result = Stored | Nothing | Grown | NoRoom


class Policy:
    """The messages of one node."""

    def __init__(self, node: NodeId, entries: Iterable[Entry] = (), *, now: float) -> None:
        self._node = node
        self.entries: dict[VoicemailId, Entry] = {}
        self._fallen_back: OrderedDict[CallId, None] = OrderedDict()
        self._closed: OrderedDict[VoicemailId, None] = OrderedDict()
        for entry in entries:  # looks and collections of our former life do not come back: begin them again
            self.entries[entry.message_id] = msgspec.structs.replace(entry, state="settling", since=now, due=now)

    def next_deadline(self) -> float | None:
        """Return when `wake` wants to be called."""
        return min((e.due for e in self.entries.values() if e.due is not None), default=None)

    def wake(self, now: float) -> list[Action]:
        """Return what is due."""
        actions: list[Action] = []
        for entry in [e for e in self.entries.values() if e.due is not None and e.due <= now]:
            if entry.state == "stuck":
                actions += self._collect(entry)
            else:
                begins = entry.since if entry.state == "settling" else now
                looked_at = self._put(entry, state="settling", since=begins, due=None)
                actions.append(Look(entry=looked_at))
        return actions

    def handle(self, record: Record, now: float) -> list[Action]:
        """Take a fact or signal into account."""
        match record:
            case VoicemailBegan() if record.node == self._node and is_safe_id(record.message_id):
                return self._began(record)
            case CallCameBack(errand="message", call_id=call_id):
                return self._over(call_id, now)
            case CallFellBack(call_id=call_id) | CallAdopted(phase="fallback", call_id=call_id):
                self._fallen_back[call_id] = None
                if len(self._fallen_back) > FALLEN_BACK:
                    self._fallen_back.popitem(last=False)
                return self._over(call_id, now)
            case CallEnded(call_id=call_id):
                return [*self._over(call_id, now), *self._left_in_fallback(record, now)]
            case SnapshotTaken() if record.node == self._node:
                gone = {e.call_id for e in self.entries.values()} - set(record.living)
                return [action for call_id in sorted(gone) for action in self._over(call_id, now)]
            case _:
                return []

    def _began(self, fact: VoicemailBegan) -> list[Action]:
        if fact.message_id in self.entries or fact.message_id in self._closed:
            return []
        entry = Entry(
            message_id=fact.message_id,
            call_id=fact.call_id,
            queue_id=fact.queue_id,
            at=fact.at,
            due=fact.at + fact.max_s + LATE_S,
        )
        self.entries[entry.message_id] = entry
        return [Keep(entry=entry)]

    def _over(self, call_id: CallId, now: float) -> list[Action]:
        for entry in [e for e in self.entries.values() if e.call_id == call_id and e.state == "recording"]:
            self._put(entry, state="settling", since=now, due=now + SETTLE_S)
        return []

    def _left_in_fallback(self, fact: CallEnded, now: float) -> list[Action]:
        if fact.call_id not in self._fallen_back:
            return []
        del self._fallen_back[fact.call_id]
        entry = Entry(
            message_id=VoicemailId(fact.call_id),
            call_id=fact.call_id,
            queue_id=QueueId(""),
            at=fact.at,
            state="settling",
            suffix=".wav",
            expected=False,
            since=now,
            due=now + SETTLE_S,
        )
        if not is_safe_id(entry.message_id) or entry.message_id in self._closed:
            return []
        self.entries[entry.message_id] = entry
        return [Keep(entry=entry)]

    def strayed(self, found: Iterable[Stray], now: float) -> list[Action]:
        """Take up files of which we were told nothing. Those in work are no strays."""
        actions: list[Action] = []
        for stray in found:
            if stray.message_id in self.entries or stray.message_id in self._closed:
                continue
            entry = Entry(
                message_id=stray.message_id,
                call_id=stray.call_id,
                queue_id=QueueId(""),
                at=stray.at,
                state="settling",
                suffix=stray.suffix,
                expected=False,
                since=now,
                due=now,
            )
            self.entries[entry.message_id] = entry
            actions.append(Keep(entry=entry))
        return actions

    # --- answers of the door ----------------------------------------------------------------------------------------------

    def looked(self, message_id: VoicemailId, size_bytes: int | None, *, is_open: bool, now: float) -> list[Action]:
        """Take what a look showed into account; `size_bytes` None: there is no file."""
        entry = self.entries.get(message_id)
        if entry is None or entry.state != "settling":
            return []
        waited_s = now - entry.since
        absent = size_bytes is None and (waited_s >= MISSING_AFTER_S or not entry.expected)
        rests = size_bytes is not None and size_bytes == entry.size_bytes
        if absent or (rests and (not is_open or waited_s >= STILL_OPEN_S)):
            return self._collect(entry)
        self._put(entry, size_bytes=size_bytes, due=now + SETTLE_S)
        return []

    def look_failed(self, message_id: VoicemailId, now: float) -> list[Action]:
        """The directory could not be read: look again later."""
        entry = self.entries.get(message_id)
        if entry is not None and entry.state == "settling":
            self._put(entry, due=now + RETRY_S)
        return []

    def collected(self, message_id: VoicemailId, result: Result, now: float) -> list[Action]:
        """Take the result of a collection into account."""
        entry = self.entries.get(message_id)
        if entry is None or entry.state != "collecting":
            return []
        match result:
            case Stored():
                return [_left(entry, result, now), *self._close(entry)]
            case Nothing():
                told = [_missed(entry, result.problem, "", now)] if entry.expected and not entry.missed else []
                return [*told, *self._close(entry)]
            case Grown():
                self._put(entry, state="settling", size_bytes=None, due=now + SETTLE_S)
                return []
            case NoRoom():
                told = [] if entry.missed else [_missed(entry, "store_failed", result.detail, now)]
                stuck = self._put(entry, state="stuck", missed=True, due=now + RETRY_S)
                return [*told, Keep(entry=stuck)]

    def _collect(self, entry: Entry) -> list[Action]:
        return [Collect(entry=self._put(entry, state="collecting", due=None))]

    def _put(self, entry: Entry, **changes: object) -> Entry:
        changed = msgspec.structs.replace(entry, **changes)
        self.entries[entry.message_id] = changed
        return changed

    def _close(self, entry: Entry) -> list[Action]:
        del self.entries[entry.message_id]
        self._closed[entry.message_id] = None
        if len(self._closed) > REMEMBERED:
            self._closed.popitem(last=False)
        return [Forget(message_id=entry.message_id)]


def _left(entry: Entry, stored: Stored, now: float) -> VoicemailLeft:
    return VoicemailLeft(
        at=now,
        call_id=entry.call_id,
        message_id=entry.message_id,
        queue_id=entry.queue_id,
        file=stored.file,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
        duration_s=stored.duration_s,
    )


def _missed(
    entry: Entry, problem: Literal["empty", "missing", "store_failed"], detail: str, now: float
) -> VoicemailMissed:
    return VoicemailMissed(
        at=now,
        call_id=entry.call_id,
        message_id=entry.message_id,
        queue_id=entry.queue_id,
        problem=problem,
        detail=detail,
    )
