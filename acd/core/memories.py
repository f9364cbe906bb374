"""What the router must know across its own death: one table. Pure.

Each line of `MEMORIES` names a memory, says of what kind its values are, how those that changed are taken from their book, and how
they are taken up again in another life. Everything else goes by the table: what a process keeps, what those who stand by keep, and
what a router begins with. To have something more remembered, write a book with `take_changed` and add a line.

Values travel as bytes under keys of their own, `acd/NAME/ID`; what can no longer be read is dropped, never guessed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from acd.callbacks import gaps
from acd.callbacks.book import Callback
from acd.core import adoption
from acd.core.agents import surging
from acd.core.agents.roster import Agent
from acd.core.agents.surge import Surge
from acd.core.callers import standing, steering
from acd.core.callers.opening import Switch
from acd.core.callers.resuming import LeftPlace
from acd.core.floor import Floor
from acd.core.matching.served import Bucket, Known
from acd.core.offers.book import Offer
from acd.core.talks import outside, supervising
from acd.core.talks.outside_consults import OutsideConsult
from acd.core.talks.supervisions import Supervision
from acd.estimates.learnt import Learnt
from hotline.dialling import OutgoingCall

T = TypeVar("T")
Kept = Mapping[str, Mapping[str, Any]]
"""Name of a memory -> id -> what an earlier life had remembered; a name may be missing."""


@dataclass(frozen=True)
class Memory(Generic[T]):
    """One kind of thing that is remembered."""

    name: str
    kind: type[T]
    """What one value is read as."""
    take: Callable[[Floor, float], Iterable[tuple[str, T | None]]]
    """Returns by id what changed since the last time; None for what is to be forgotten."""
    restore: Callable[[Floor, Mapping[str, T], float], None]
    """Takes up what an earlier life had remembered, once, before the first event; called even when that is nothing."""

    @property
    def prefix(self) -> str:
        """What its keys begin with."""
        return f"acd/{self.name}/"


MEMORIES: tuple[Memory[Any], ...] = (
    Memory("estimate", Learnt, lambda floor, now: floor.estimates.take_changed(now), lambda floor, kept, _: floor.estimates.restore(kept)),
    Memory("supervision", Supervision, lambda floor, _: floor.supervisions.take_changed(), supervising.restore),
    Memory("outside", OutsideConsult, lambda floor, _: floor.outside_consults.take_changed(), outside.restore),
    Memory("surge", Surge, lambda floor, _: floor.agents.surges.take_changed(), surging.restore),
    Memory("switch", Switch, lambda floor, _: floor.openings.take_changed(), steering.restore_switches),
    Memory("place", LeftPlace, lambda floor, _: floor.left_places.take_changed(), steering.restore_places),
    Memory("served", Bucket, lambda floor, _: floor.served_by.take_changed(), lambda floor, kept, _: floor.served_by.restore(kept.values())),
    Memory("outgoing", OutgoingCall, lambda floor, now: floor.callbacks.ledger.take_changed(now), lambda floor, kept, now: floor.callbacks.ledger.restore(kept, now)),
    Memory("known", Known, lambda floor, _: floor.known.take_changed(), standing.restore),
    Memory("agent", Agent, lambda floor, _: floor.take_changed_agents(), adoption.restore_agents),
    Memory("offer", Offer, lambda floor, _: floor.take_changed_offers(), adoption.restore_offers),
    Memory("callback", Callback, lambda floor, _: floor.callbacks.take_changed(), gaps.restore),
)  # fmt: skip
"""All of them, in the order in which they are taken up: agents need to know where they are called in, offers their agents and the outgoing calls."""

KEYS = tuple(memory.prefix for memory in MEMORIES)
"""What all keys of a router begin with."""


def key(name: str, of: str) -> str:
    """Return the key of one value."""
    return f"acd/{name}/{of}"


def take_changed(floor: Floor, now: float) -> dict[str, bytes | None]:
    """Return by key what changed since the last time; None for what is to be forgotten."""
    return {
        memory.prefix + of: None if value is None else msgspec.msgpack.encode(value)
        for memory in MEMORIES
        for of, value in memory.take(floor, now)
    }


def read(values: Mapping[str, bytes]) -> tuple[Kept, list[str]]:
    """Return what was remembered, and the keys of what cannot be read any more. Other keys are nothing of ours."""
    kept: dict[str, dict[str, Any]] = {memory.name: {} for memory in MEMORIES}
    unread: list[str] = []
    for full, value in values.items():
        memory = next((m for m in MEMORIES if full.startswith(m.prefix)), None)
        if memory is None:
            continue
        try:
            kept[memory.name][full.removeprefix(memory.prefix)] = msgspec.msgpack.decode(value, type=memory.kind)
        except msgspec.MsgspecError:
            unread.append(full)
    return kept, unread


def restore(floor: Floor, kept: Kept, now: float) -> None:
    """Take up what an earlier life had remembered."""
    for memory in MEMORIES:
        memory.restore(floor, kept.get(memory.name, {}), now)
