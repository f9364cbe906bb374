"""What the recorder's policy remembers, asks for and is answered. Pure."""

from typing import Literal

import msgspec

from hotline.facts import Fact
from hotline.ids import CallId, OfferId, RecordingId

State = Literal["offered", "talking", "settling", "collecting", "stuck", "closed"]
Flaw = Literal["missing", "empty", "broken", "too_short", "store_failed"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One recording that is not closed yet."""

    recording_id: RecordingId
    call_id: CallId
    offer_id: OfferId
    others: tuple[OfferId, ...] = ()
    """While several phones ring for one caller: the other offers that may be answered. The recording is the same for all."""
    at: float
    """When it was first heard of: chooses the directory."""
    state: State = "offered"
    accepted_at: float | None = None
    """When the conversation began; None while unknown."""
    ended_at: float | None = None
    expected: bool = False
    """Whether we know that there was a conversation."""
    announced: bool = False
    """Whether `RecordingStarted` was told."""
    marked: bool = False
    """Whether it was marked already (no room), so that it is not marked at each try."""
    since: float = 0.0
    """When it began to settle."""
    size_bytes: int | None = None
    """The file's size at the last look."""
    due: float | None = None
    """When to look or to try again."""

    @property
    def talked_s(self) -> float | None:
        """How long the conversation was, None when we did not see both ends."""
        if self.accepted_at is None or self.ended_at is None:
            return None
        return max(self.ended_at - self.accepted_at, 0.0)


# --- what is to be done, and what came of it ----------------------------------------------------------------------------


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """See how large the file is and whether somebody has it open; answer with `looked`."""

    recording_id: RecordingId


class Collect(msgspec.Struct, frozen=True, kw_only=True):
    """Verify the file and move it into the store; answer with `collected`."""

    recording_id: RecordingId
    at: float
    """Chooses the directory."""
    talked_s: float | None


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """Remember this entry across our death."""

    entry: Entry


class Forget(msgspec.Struct, frozen=True, kw_only=True):
    """The entry is closed."""

    recording_id: RecordingId


Action = Look | Collect | Keep | Forget | Fact


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """It lies complete in the store."""

    file: str
    sha256: str
    size_bytes: int
    duration_s: float


class Flawed(msgspec.Struct, frozen=True, kw_only=True):
    """It is not as it should be; what there is was put aside."""

    problem: Flaw
    detail: str


class Grown(msgspec.Struct, frozen=True, kw_only=True):
    """Asterisk was still writing."""


class NoRoom(msgspec.Struct, frozen=True, kw_only=True):
    """The store cannot take it now; the file is where it was."""

    detail: str


Result = Stored | Flawed | Grown | NoRoom
