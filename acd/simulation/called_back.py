"""Callbacks of a simulated day: callers who leave a number, and customers whose phones are rung. Pure.

The router decides when somebody is called, by which agent, and when again. Here is decided what the others do: a caller leaves the line
when he did, if he still waits then; a customer's phone is answered, or not, as long and as often as `Wish.dialled` says; a call that the router
makes is there after `ARRIVES_S`. Who is called more often than he has answers for has failed.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from math import inf
from typing import TYPE_CHECKING, Any

import msgspec

from acd.callbacks.requests import CallbackCancel
from acd.simulation.day import Dialled, Visitor, Wish
from hotline.commands import CallOut, Hangup
from hotline.facts import (
    CallArrived,
    CallbackAttempted,
    CallbackEnded,
    CallbackPutOff,
    CallbackRefused,
    CallEnded,
    CallFlowedOut,
    CustomerDialled,
    TalkEnded,
)
from hotline.ids import CallbackId, CallId, LegId, OfferId

if TYPE_CHECKING:
    from acd.simulation.engine import Case, Engine, Phone

ARRIVES_S = 0.2
"""How long Asterisk takes to make a call."""
LATER_S = 1.0
"""Who wants to leave the line while an agent's phone rings for him looks again after this."""
NOMINAL_TALK_S = 180.0


class Outgoing(msgspec.Struct, kw_only=True):
    """A call that is made for a callback."""

    wish: Wish
    command: CallOut
    dialled: Dialled
    met: bool = False
    """Whether the customer is on the line."""
    phone: Any = None
    """The agent's phone, once he has answered: an `engine.Phone`."""


class CalledBack:
    """The customers of one day."""

    def __init__(self, engine: "Engine", wishes: tuple[Wish, ...]) -> None:
        self._engine = engine
        self._wishes = {wish.asked.callback_id: wish for wish in wishes}
        self._of_caller = {wish.asked.of_call: wish for wish in wishes if wish.left_at is not None}
        self._times: Counter[CallbackId] = Counter()
        self._calls: dict[CallId, Outgoing] = {}

    def begin(self) -> None:
        """Plan what does not follow from a caller."""
        engine = self._engine
        for wish in self._wishes.values():
            if wish.left_at is None:
                engine.at(max(wish.asked.at, engine.now), self._ask, (wish, None))

    # --- callers who leave a number -------------------------------------------------------------------------------------

    def arrived(self, case: "Case") -> None:
        """A caller is there who will leave the line by himself, if he still waits then."""
        wish = self._of_caller.get(case.visitor.call_id)
        if wish is not None and wish.left_by_key and wish.left_at is not None:
            self._engine.at(wish.left_at, self._leave, (case, wish))

    def _leave(self, whose: "tuple[Case, Wish]") -> None:
        case, wish = whose
        engine = self._engine
        if case.phase == "ringing":
            engine.at(engine.now + LATER_S, self._leave, whose)
        if case.phase != "waiting":
            return
        caller = engine.router.floor.line.get(case.visitor.call_id)
        if caller is None:
            return
        case.phase = "gone"
        engine.books.left(case.visitor.call_id, "flowed_out", engine.now, "callback")
        engine.give(
            CallFlowedOut(
                at=engine.now,
                call_id=caller.call_id,
                queue_id=caller.queue_id,
                entered_at=caller.entered_at,
                reason="key",
                treatment="callback",
            )
        )
        self._say(wish, case.visitor.call_id)

    def let_out(self, fact: CallFlowedOut) -> None:
        """The queue lets a caller out to be called back: he leaves his number, if he did so then."""
        wish = self._of_caller.get(fact.call_id)
        if wish is not None and fact.treatment == "callback":
            self._say(wish, fact.call_id)

    def _say(self, wish: Wish, call_id: CallId) -> None:
        """He is asked for his number, and says it as fast as he did."""
        assert wish.left_at is not None
        self._engine.at(self._engine.now + max(wish.asked.at - wish.left_at, 0.0), self._ask, (wish, call_id))

    def _ask(self, what: tuple[Wish, CallId | None]) -> None:
        (wish, of_call), engine = what, self._engine
        at = wish.asked.at if of_call is None else engine.now
        asked = msgspec.structs.replace(wish.asked, at=at, node=None)
        engine.books.callbacks.asked(asked)
        engine.give(asked)
        if of_call is not None:
            engine.give(CallEnded(at=engine.now, call_id=of_call, ended_by="caller"))
        if wish.cancelled_at is not None:
            engine.at(max(wish.cancelled_at, engine.now), self._cancel, asked.callback_id)

    def _cancel(self, callback_id: CallbackId) -> None:
        engine = self._engine
        engine.give(CallbackCancel(at=engine.now, callback_id=callback_id, by="simulation"))

    # --- customers who are called ---------------------------------------------------------------------------------------

    def has(self, call_id: CallId) -> bool:
        """Return whether a call was made for a callback, and lives."""
        return call_id in self._calls

    def call_out(self, command: CallOut) -> None:
        """The router has a call made."""
        wish = self._wishes[CallbackId(command.call_id.rpartition(".")[0])]
        time = self._times[wish.asked.callback_id]
        dialled = wish.dialled[time] if time < len(wish.dialled) else Dialled(result="failed", rings_s=0.0)
        self._calls[command.call_id] = Outgoing(wish=wish, command=command, dialled=dialled)
        self._engine.at(self._engine.now + ARRIVES_S, self._arrive, command.call_id)

    def _arrive(self, call_id: CallId) -> None:
        call, engine = self._calls.get(call_id), self._engine
        if call is None:
            return
        wish = call.wish
        visitor = Visitor(
            call_id=call_id,
            at=engine.now,
            queue_id=wish.asked.queue_id,
            patience_s=inf,
            talk_s=NOMINAL_TALK_S if wish.talk_s is None else wish.talk_s,
            wrap_up_s=wish.wrap_up_s,
            ring_s=wish.ring_s,
        )
        engine.case(visitor)
        engine.give(
            CallArrived(
                at=engine.now,
                call_id=call_id,
                node=call.command.node,
                leg=LegId(f"Local/{call_id};1"),
                number=call.command.dialled,
                origin="callback",
                place=call.command.place,
            )
        )
        if call.command.first == "customer":
            self._dial(call_id, call)

    def accepted(self, phone: "Phone") -> None:
        """An agent has answered for a callback: they talk, or the customer is dialled now."""
        call_id = phone.case.visitor.call_id
        call = self._calls[call_id]
        call.phone = phone
        if call.met:
            self._talk(call_id, call)
        elif call.command.first == "agent":
            self._dial(call_id, call)

    def _dial(self, call_id: CallId, call: Outgoing) -> None:
        self._times[call.wish.asked.callback_id] += 1
        rings_s, result = call.dialled.rings_s, call.dialled.result
        if rings_s >= call.command.ring_timeout_s:
            rings_s, call.dialled = call.command.ring_timeout_s, Dialled(result="no_answer", rings_s=rings_s)
            result = "no_answer"
        self._engine.at(self._engine.now + rings_s, self._tell, (call_id, result))

    def _tell(self, what: tuple[CallId, Any]) -> None:
        (call_id, result), engine = what, self._engine
        call = self._calls.get(call_id)
        if call is None:
            return
        engine.give(CustomerDialled(at=engine.now, call_id=call_id, result=result))
        if result != "answered":
            self._over(call_id)
            return
        call.met = True
        if call.phone is not None:
            self._talk(call_id, call)
        elif call.dialled.holds_s < inf:
            engine.at(engine.now + call.dialled.holds_s, self._lose_patience, call_id)

    def _talk(self, call_id: CallId, call: Outgoing) -> None:
        del self._calls[call_id]
        self._engine.talk(call.phone)

    def _lose_patience(self, call_id: CallId) -> None:
        call = self._calls.get(call_id)
        if call is not None and call.phone is None:
            self._over(call_id)

    def hang_up(self, command: Hangup) -> None:
        """The router has a call hung up in which nobody talks."""
        if command.call_id in self._calls:
            self._engine.at(self._engine.now, self._over, command.call_id)  # the router is told after it has spoken

    def _over(self, call_id: CallId) -> None:
        """A call is over before both were there."""
        call, engine = self._calls.pop(call_id, None), self._engine
        if call is None:
            return
        engine.hush(call_id)
        if call.phone is not None:
            offer_id: OfferId = call.phone.offer_id
            engine.give(TalkEnded(at=engine.now, call_id=call_id, offer_id=offer_id))
        engine.give(CallEnded(at=engine.now, call_id=call_id, ended_by="caller"))


def _told(engine: "Engine", fact: CallbackAttempted | CallbackPutOff | CallbackRefused | CallbackEnded) -> None:
    engine.books.callbacks.told(fact)


REACTIONS: Mapping[type[Any], "Callable[[Engine, Any], None]"] = {
    CallOut: lambda engine, command: engine.customers.call_out(command),
    Hangup: lambda engine, command: engine.customers.hang_up(command),
    CallbackAttempted: _told,
    CallbackPutOff: _told,
    CallbackRefused: _told,
    CallbackEnded: _told,
}
"""What the router wants or tells, and what follows."""
