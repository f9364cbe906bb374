"""Calls of ours to customers who asked to be called back, on the phone network.

The customer is dialled at once, or when an agent has answered; he answers, or his call ends. One thing is checked here: no customer is called
while a call to him lives that the router can know of.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from hotline import commands as c
from hotline import facts as f
from hotline.ids import CallId, LegId
from tests.properties.phone_network import Call
from tests.simulation.supervised import SupervisedNetwork

ANSWERS = ("answered", "answered", "answered", "busy", "no_answer")


@dataclass
class CallOut:
    """What a call of ours was made for."""

    command: c.CallOut
    customer: str = "waits"
    """`waits`, `dialled` or `answered`."""


class CallingNetwork(SupervisedNetwork):
    """A network on which customers are called."""

    made: dict[CallId, CallOut]
    luck: Any
    patient: bool

    def later(self, seconds: float, act: Any, *what: object) -> None:
        """Do something after a time."""
        raise NotImplementedError

    def is_seen(self, call: Call) -> bool:
        """Return whether a router can know of a call."""
        return self.nodes[call.node].up

    def _perform(self, command: c.CallCommand) -> c.Outcome:
        call = self.calls.get(command.call_id)
        match command:
            case c.CallOut() if call is not None:
                return c.Refused(reason="such_a_call_lives")
            case c.CallOut():
                return self._call_out(command)
            case c.Hangup() if call is not None and call.phase != "gone":
                self.caller_hangs_up(call)
                return c.Done()
            case c.Release() if call is not None and call.call_id in self.made and call.phase == "session":
                self.caller_hangs_up(call)  # no fallback queue for somebody who did not call
                return c.Done()
        return super()._perform(command)

    def _call_out(self, command: c.CallOut) -> c.Outcome:
        wish = command.call_id.rpartition(".")[0]
        others = [x for x in self.made if x.rpartition(".")[0] == wish and self.calls[x].phase != "gone"]
        assert not any(self.is_seen(self.calls[x]) for x in others), f"{command.number} is called twice at once"
        place = command.place
        assert place.queue_id is not None
        call = Call(command.call_id, command.node, place.queue_id, place.entered_at, place.priority, place.skills)
        self.calls[call.call_id] = call
        self.made[call.call_id] = CallOut(command)
        self.tell(
            call.node,
            f.CallArrived(
                at=self.now,
                call_id=call.call_id,
                node=call.node,
                leg=LegId(f"leg-{call.call_id}"),
                number="4000",
                origin="callback",
                place=place,
            ),
        )
        if command.first == "customer":
            self._dial(call)
        return c.Done()

    def _dial(self, call: Call) -> None:
        self.made[call.call_id].customer = "dialled"
        result = "answered" if self.patient else self.luck.choice(ANSWERS)
        self.later(self.luck.uniform(0.5, 4.0), self._customer, call, result)

    def _customer(self, call: Call, result: str) -> None:
        """The customer's phone says what becomes of it."""
        if call.phase == "gone":
            return
        self.tell(call.node, f.CustomerDialled(at=self.now, call_id=call.call_id, result=result))  # type: ignore[arg-type]
        if result == "answered":
            self.made[call.call_id].customer = "answered"
        else:
            self.caller_hangs_up(call)

    def answer(self, call: Call, which: int = 0) -> None:
        super().answer(call, which)
        made = self.made.get(call.call_id)
        if made is not None and made.customer == "waits":
            self._dial(call)

    def _adoption(self, call: Call) -> f.CallAdopted:
        found, made = super()._adoption(call), self.made.get(call.call_id)
        if made is None:
            return found
        place = made.command.place if call.waits else msgspec.structs.replace(made.command.place, queue_id=None)
        return msgspec.structs.replace(found, place=place, customer=made.customer)  # type: ignore[arg-type]
