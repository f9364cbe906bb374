"""The callbacks that are not over, and the calls that are made for them. Pure.

A callback stands in the line as a *virtual caller*: under its own id, at the place that the caller had. For his turn a call is made, named
after it (`ID.1`, `ID.2` …), and no two calls of one callback live at once. `Callback` is all that must be known of it beyond our
own death.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from hotline.dialling import Ledger
from hotline.facts import CallbackRequested
from hotline.ids import AgentId, CallbackId, CallId, NodeId, OfferId

OVER_S = 3600.0
"""So long a callback is remembered that is over, by us and those who come after us: a wish that is told again begins nothing."""

Phase = Literal["waiting", "calling", "dialling", "ahead", "live"]
"""`waiting`: he is in the line. `calling`: an agent is reserved, and the call asked for. `dialling`: the customer's phone rings while an agent
is reserved. `ahead`: the same, or the call is asked for, without an agent: he stands in the line until one is free. `live`: the call
is a caller in the line like any other, or talks."""


class Callback(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One callback. What is encoded of it survives our own death."""

    wish: CallbackRequested
    node: NodeId
    """Which node calls him, or did last."""
    expires_at: float
    tier: str = ""
    agent_id: AgentId | None = None
    """What kind of customer he is, and his customer manager, as far as it was known of the call that he gave up."""
    phase: Phase = "waiting"
    calls: int = 0
    """Calls that were made, each with a name of its own."""
    attempts: int = 0
    """Those of them in which the customer was dialled: they count."""
    retry_at: float = 0.0
    first: Literal["agent", "customer"] = "agent"
    """Who is rung first in the present call."""
    begun_at: float = 0.0
    """When the present call was asked for."""
    there: bool = False
    """Whether it has arrived."""
    there_at: float = 0.0
    """When we learnt that a call of ours had arrived, for the last time: an older look at its node does not say that it is gone."""
    due_at: float = 0.0
    """Until when we wait to be told that it has arrived, or what came of dialling the customer."""
    offer_id: OfferId | None = None
    """The offer that reserves an agent until the call, or the customer, is there."""
    counted: bool = False
    """Whether the present call counts as an attempt already."""
    result: str = ""
    """What came of dialling the customer in the present call; or the last one."""
    met_at: float | None = None
    """When the customer answered the present call."""
    talked: bool = False
    """Whether an agent has."""
    away_since: float | None = None
    """Since when nobody can tell whether the call lives: its node cannot be seen, or we have just begun."""
    over_at: float | None = None
    """When it was over."""

    @property
    def callback_id(self) -> CallbackId:
        """Its id."""
        return self.wish.callback_id

    @property
    def virtual_id(self) -> CallId:
        """The id under which it stands in the line."""
        return CallId(self.wish.callback_id)

    @property
    def call_id(self) -> CallId:
        """The present call, or the last one."""
        return CallId(f"{self.wish.callback_id}.{self.calls}")

    @property
    def met(self) -> bool:
        """Whether the customer has answered the present call."""
        return self.met_at is not None

    @property
    def is_under_way(self) -> bool:
        """Whether a call for it lives, or is asked for."""
        return self.phase != "waiting"


class Callbacks:
    """All callbacks that are not over."""

    def __init__(self) -> None:
        self._kept: dict[CallbackId, Callback] = {}
        self._over: dict[CallbackId, Callback] = {}
        self._by_number: dict[str, dict[CallbackId, Callback]] = {}
        self._changed: dict[CallbackId, None] = {}
        self.ledger = Ledger()
        """The outgoing calls of the last hour, and those that live."""

    def __iter__(self) -> Iterator[Callback]:
        return iter(self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, callback_id: str) -> Callback | None:
        """Return a callback that is not over."""
        return self._kept.get(CallbackId(callback_id))

    def of_call(self, call_id: CallId) -> Callback | None:
        """Return the callback whose present call this is; None for older calls of it."""
        if not self._kept:
            return None
        callback = self._kept.get(CallbackId(call_id.rpartition(".")[0]))
        return callback if callback is not None and callback.calls and callback.call_id == call_id else None

    def of_number(self, number: str) -> list[Callback]:
        """Return the callbacks for a number, in the form in which it is dialled."""
        return list(self._by_number.get(number, {}).values())

    def awaits(self, call_id: CallId) -> bool:
        """Return whether this is a call that is not let into the line yet: the customer, or the agent for him, is to be there first."""
        callback = self.of_call(call_id)
        return callback is not None and callback.phase in ("calling", "dialling", "ahead")

    def concerns(self, call_id: CallId) -> bool:
        """Return whether this is a virtual caller, or a call made for one in which the customer has not answered: nobody is on the line."""
        callback = self.of_call(call_id)
        return CallbackId(call_id) in self._kept or (callback is not None and not callback.met)

    def is_made_for_one(self, call_id: CallId) -> bool:
        """Return whether a call was made for a callback of which we know, the present or an older one, over or not."""
        return self.is_known(CallbackId(call_id.rpartition(".")[0]))

    def is_known(self, callback_id: CallbackId) -> bool:
        """Return whether a callback is kept, or over."""
        return callback_id in self._kept or callback_id in self._over

    def waiting(self, queue_id: str) -> int:
        """Return how many callbacks a queue has."""
        return sum(callback.wish.queue_id == queue_id for callback in self)

    def standing(self, queue_id: str) -> int:
        """Return how many virtual callers stand in the line of a queue."""
        return sum(c.wish.queue_id == queue_id and c.phase in ("waiting", "ahead") for c in self)

    def keep(self, callback: Callback) -> None:
        """Take one in."""
        self._kept[callback.callback_id] = callback
        self._by_number.setdefault(callback.wish.number, {})[callback.callback_id] = callback
        self.touch(callback)

    def drop(self, callback: Callback, now: float) -> None:
        """One is over. Those that have been for long are forgotten."""
        del self._kept[callback.callback_id]
        alike = self._by_number[callback.wish.number]
        del alike[callback.callback_id]
        if not alike:
            del self._by_number[callback.wish.number]
        callback.over_at = now
        self.bury(callback)
        for old in [c for c in self._over.values() if c.over_at is not None and c.over_at < now - OVER_S]:
            del self._over[old.callback_id]
            self.touch(old)

    def bury(self, callback: Callback) -> None:
        """Remember that one is over."""
        self._over[callback.callback_id] = callback
        self.touch(callback)

    def touch(self, callback: Callback) -> None:
        """Have a change remembered."""
        self._changed[callback.callback_id] = None

    def take_changed(self) -> list[tuple[CallbackId, Callback | None]]:
        """Return those that changed since the last time, to be remembered; None for those to forget."""
        changed, self._changed = self._changed, {}
        return [(callback_id, self._kept.get(callback_id) or self._over.get(callback_id)) for callback_id in changed]
