"""Supervisors' seats on the phone network: they ring, hear an agent's conversation in one mode or another, and end with it.

A supervisor's phone is no part of the conversation: it keeps no call alive, and nobody else notices when it is hung up.
"""

from dataclasses import dataclass
from typing import Any

from hotline import commands as c
from hotline import facts as f
from hotline.ids import CallId, NodeId, OfferId, SupervisionId
from tests.properties.phone_network import Call, Leg
from tests.simulation.consults import Asked, ConsultingNetwork


@dataclass
class Spy:
    """A supervisor's seat, and what it hears."""

    command: c.Supervise
    mode: str = ""
    """Empty while it rings."""

    @property
    def leg(self) -> Leg:
        return Leg(self.command.extension, self.command.seat_node or self.command.node)


class SupervisedNetwork(ConsultingNetwork):
    """A network on which supervisors join conversations."""

    spies: dict[SupervisionId, Spy]
    luck: Any

    def spy_rings(self, supervision: SupervisionId, spy: Spy) -> None:
        """A supervisor's phone rings."""
        raise NotImplementedError

    def _perform(self, command: c.CallCommand) -> c.Outcome:
        match command:
            case c.Supervise():
                return self._supervise(command)
            case c.ChangeSupervision(supervision_id=supervision, mode=mode) if self._hears(supervision):
                self.show(supervision, mode)
            case c.EndSupervision(supervision_id=supervision) if supervision in self.spies:
                self.spy_leaves(supervision)
            case c.ChangeSupervision() | c.EndSupervision():
                return c.Refused(reason="unknown_channel")
            case _:
                return super()._perform(command)
        return c.Done()

    def _hears(self, supervision: SupervisionId) -> bool:
        return supervision in self.spies and bool(self.spies[supervision].mode)

    def _supervise(self, command: c.Supervise) -> c.Outcome:
        call, spy = self.calls.get(command.call_id), Spy(command)
        if call is None or call.phase != "talking" or call.ring is None or call.ring.offer_id != command.offer_id:
            return c.Refused(reason="not_talking")
        if spy.leg.extension in self.busy or not self.is_there(spy.leg):
            why = "busy" if spy.leg.extension in self.busy else "refused"
            self._tell_of_spy(call, command.supervision_id, "unanswered", why)
            return c.Done()
        self.spies[command.supervision_id] = spy
        self.busy[spy.leg.extension] = call
        call.legs[OfferId(command.supervision_id)] = spy.leg
        self.tell_seat(spy.leg)
        self.spy_rings(command.supervision_id, spy)
        return c.Done()

    def _tell_of_spy(self, call: Call, supervision: SupervisionId, state: str, reason: str = "") -> None:
        seen = f.SupervisionSeen(at=self.now, node=call.node, supervision_id=supervision, state=state, reason=reason)  # type: ignore[arg-type]
        self.tell(call.node, seen)

    def show(self, supervision: SupervisionId, mode: str) -> None:
        """The seat hears the conversation in this mode now."""
        spy = self.spies[supervision]
        spy.mode = mode
        self._tell_of_spy(self.calls[spy.command.call_id], supervision, mode)

    def spy_leaves(self, supervision: SupervisionId, reason: str = "no_answer") -> None:
        """The seat is hung up, or rings no more."""
        spy = self.spies.pop(supervision)
        call = self.calls[spy.command.call_id]
        call.legs.pop(OfferId(supervision), None)
        if self.busy.get(spy.leg.extension) is call:
            del self.busy[spy.leg.extension]
            self.tell_seat(spy.leg)
        self._tell_of_spy(call, supervision, "over" if spy.mode else "unanswered", "" if spy.mode else reason)

    def _end_talk(self, call: Call) -> None:
        heard, early = self._spies_of(call.call_id), self.luck.random() < 0.5  # Asterisk says it in either order
        for supervision in heard if early else ():
            self.spy_leaves(supervision)
        super()._end_talk(call)
        for supervision in () if early else heard:
            self.spy_leaves(supervision)

    def hand_over(self, call: Call, asked: Asked) -> None:
        """Whoever supervised the first agent hears nobody any more."""
        for supervision in self._spies_of(call.call_id):
            self.spy_leaves(supervision)
        super().hand_over(call, asked)

    def _spies_of(self, call_id: CallId) -> list[SupervisionId]:
        return [s for s, spy in self.spies.items() if spy.command.call_id == call_id]

    def spies_at(self, node: NodeId) -> dict[str, Any]:
        """Return what a look at a node shows of supervisors, as fields of a snapshot or a survey."""
        there = {s: spy for s, spy in self.spies.items() if spy.command.node == node}
        heard = tuple((s, spy.mode) for s, spy in there.items() if spy.mode)
        return {"supervisions": tuple(there), "heard": heard}

    def _tell_snapshot(self, node: NodeId) -> None:
        living = tuple(call.call_id for call in self.living(node))
        self.tell(node, f.SnapshotTaken(at=self.now, node=node, living=living, **self.spies_at(node)))
        self.tell(node, f.LinkChanged(at=self.now, node=node, up=True))

    def _begin(self, call: Call, offer_id: OfferId, leg: Leg) -> None:
        with_supervisor = any(spy.leg.extension == leg.extension for spy in self.spies.values())
        if with_supervisor and self.is_there(leg):
            self.end_ring(call, f.OfferBusy, offer_id)  # the router may not have heard yet that he hears a conversation
        else:
            super()._begin(call, offer_id, leg)
