"""How those who stand by keep what the active router must know across its death. Pure.

The active router tells every change before the commands that follow from it, numbered without gaps (`Original`). Who stands by says
again and again whose changes it has and up to which number (`Copy`); when that shows that it has none, or missed some, it is told
everything. Keys and values are those given to the memory of a process: a takeover finds what a restart would find.
"""

import itertools
from collections.abc import Iterable, Mapping

import msgspec

from acd.core.memories import KEYS
from hotline.facts import RouterRemembered, RouterStandsBy

PART = 200
"""How many values travel at once: agents take some 300 bytes each."""
WHOLE_EVERY_S = 1.0
"""How often everything is told at the most, however many ask."""
LISTENER_S = 5.0
"""So long after its last sign of life somebody who stands by counts as there."""
LISTENERS = 100


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """One who stands by, as the active router sees him."""

    heard_at: float
    follows: bool
    """Whether he said that he has our changes, and has missed none."""
    due: int
    """The change that he must have when he is heard next: it was told before he was heard last."""


class Original:
    """The active router's side."""

    def __init__(self, router: str, epoch: int, values: Mapping[str, bytes]) -> None:
        self._router = router
        self._epoch = epoch
        self._values = dict(values)
        self._revision = 0
        self._listeners: dict[str, Listener] = {}
        self._told_whole_at: float | None = None

    def changed(self, values: Mapping[str, bytes | None], now: float) -> list[RouterRemembered]:
        """Note changes; return what to tell of them: nothing while nobody listens."""
        for key, value in values.items():
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = value
        self._revision += 1
        if not any(now - x.heard_at < LISTENER_S for x in self._listeners.values()):
            return []
        return [self._remembered(now, values)]

    def heard(self, signal: RouterStandsBy, now: float) -> list[RouterRemembered]:
        """Somebody stands by; return everything if he needs it."""
        before = self._listeners.pop(signal.router, None)
        was_there = before is not None and now - before.heard_at < LISTENER_S
        due = before.due if before is not None and was_there else self._revision
        follows = signal.follows == self._router and due <= signal.revision <= self._revision
        self._listeners[signal.router] = Listener(heard_at=now, follows=follows, due=self._revision)
        if len(self._listeners) > LISTENERS:
            del self._listeners[next(iter(self._listeners))]
        just_told = self._told_whole_at is not None and now - self._told_whole_at < WHOLE_EVERY_S
        if follows or just_told:
            return []
        self._told_whole_at = now
        return self._whole(now)

    def is_followed(self, now: float) -> bool:
        """Return whether somebody stands by who has everything."""
        return any(x.follows and now - x.heard_at < LISTENER_S for x in self._listeners.values())

    def _whole(self, now: float) -> list[RouterRemembered]:
        parts = [dict(part) for part in _batched(self._values.items(), PART)] or [{}]
        return [
            self._remembered(now, values, whole=True, part=number, parts=len(parts))
            for number, values in enumerate(parts)
        ]

    def _remembered(
        self, now: float, values: Mapping[str, bytes | None], *, whole: bool = False, part: int = 0, parts: int = 1
    ) -> RouterRemembered:
        return RouterRemembered(
            at=now,
            router=self._router,
            epoch=self._epoch,
            revision=self._revision,
            whole=whole,
            part=part,
            parts=parts,
            values=dict(values),
        )


def _batched(items: Iterable[tuple[str, bytes]], size: int) -> Iterable[list[tuple[str, bytes]]]:
    rest = iter(items)
    while batch := list(itertools.islice(rest, size)):
        yield batch


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What to remember; if it is `whole`, everything else is to be forgotten."""

    values: dict[str, bytes | None]
    whole: bool


class Copy:
    """The side of one who stands by."""

    def __init__(self) -> None:
        self._router = ""
        self._epoch = 0
        self._revision = 0
        self._parts: list[dict[str, bytes | None]] = []
        self.is_complete = False
        """Whether we have everything that the router we follow has told."""

    def follow(self, router: str, epoch: int) -> None:
        """Follow this router's term, unless we follow a newer one; another than before: begin anew."""
        if epoch >= self._epoch and (router, epoch) != (self._router, self._epoch):
            self._router, self._epoch = router, epoch
            self._lose()

    def _lose(self) -> None:
        self._parts, self.is_complete = [], False

    def take(self, told: RouterRemembered) -> Update | None:
        """Return what is new; None if that is nothing, or cannot be used because something before it is missing."""
        self.follow(told.router, told.epoch)
        if (told.router, told.epoch) != (self._router, self._epoch):
            return None
        values = {key: value for key, value in told.values.items() if key.startswith(KEYS)}
        return self._take_part(told, values) if told.whole else self._take_change(told, values)

    def _take_change(self, told: RouterRemembered, values: dict[str, bytes | None]) -> Update | None:
        if not self.is_complete or told.revision <= self._revision:
            return None
        if told.revision != self._revision + 1:
            self._lose()
            return None
        self._revision = told.revision
        return Update(values=values, whole=False)

    def _take_part(self, told: RouterRemembered, values: dict[str, bytes | None]) -> Update | None:
        """Collect the parts of everything. They are told without a pause, so that whatever does not fit shows a loss."""
        if told.part == 0:
            self._parts, self._revision = [], told.revision
        if told.revision != self._revision or told.part != len(self._parts):
            self._lose()
            return None
        self._parts.append(values)
        if len(self._parts) < told.parts:
            self.is_complete = False
            return None
        everything = {key: value for part in self._parts for key, value in part.items()}
        self._parts, self.is_complete = [], True
        return Update(values=everything, whole=True)

    def says(self, router: str, now: float) -> RouterStandsBy:
        """Return our sign of life, with what we have."""
        if not self.is_complete:
            return RouterStandsBy(at=now, router=router)
        return RouterStandsBy(at=now, router=router, follows=self._router, revision=self._revision)
