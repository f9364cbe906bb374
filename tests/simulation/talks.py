"""What agents do with their callers besides talking, on the phone network: hold, take back, hand on.

A caller who is handed on comes back to his call flow, which leads him into the line of a queue anew, kept for one agent or for nobody; while
his node cannot be reached he waits for that.
"""

from hotline import commands as c
from hotline import facts as f
from hotline.ids import AgentId, QueueId
from tests.properties.phone_network import Call, PhoneNetwork


class TalkingNetwork(PhoneNetwork):
    """A network on which agents hold callers and hand them on."""

    held: set[str]

    def handed_on(self, call: Call, command: c.Transfer) -> None:
        """The call flow has a caller who was handed on."""
        raise NotImplementedError

    def _perform(self, command: c.CallCommand) -> c.Outcome:
        if not isinstance(command, c.Hold | c.Retrieve | c.Transfer):
            return super()._perform(command)
        call = self.calls.get(command.call_id)
        if call is None or call.phase != "talking" or call.ring is None or call.ring.offer_id != command.offer_id:
            return c.Refused(reason="not_talking")
        told = {"at": self.now, "call_id": call.call_id, "offer_id": command.offer_id}
        match command:
            case c.Hold() if call.call_id not in self.held:
                self.held.add(call.call_id)
                self.tell(call.node, f.HoldBegan(**told))  # type: ignore[arg-type]
            case c.Retrieve() if call.call_id in self.held:
                self.held.discard(call.call_id)
                self.tell(call.node, f.HoldEnded(**told))  # type: ignore[arg-type]
            case c.Transfer():
                self._hand_on(call, command)
            case _:
                return c.Refused(reason="not_so")
        return c.Done()

    def _hand_on(self, call: Call, command: c.Transfer) -> None:
        told = {"at": self.now, "call_id": call.call_id, "offer_id": command.offer_id}
        self.tell(call.node, f.TransferCompleted(**told, kind="blind", to=command.to))  # type: ignore[arg-type]
        self._end_talk(call)
        call.phase, call.ring = "session", None
        back = f.CallReturned(**told, answered=True, transfer=command.to, transferred_by=command.by)  # type: ignore[arg-type]
        self.tell(call.node, back)
        self._note_told(call)
        self.handed_on(call, command)

    def _end_talk(self, call: Call) -> None:
        self.held.discard(call.call_id)
        super()._end_talk(call)

    def join(self, call: Call, command: c.Transfer) -> None:
        """Let a caller who was handed on join the line."""
        kind, _, target = command.to.partition(":")
        call.waits, call.entered_at, call.since, call.before = True, self.now, None, ()
        call.wanted_agent = AgentId(target) if kind == "agent" else None
        call.queue_id = QueueId(target) if kind == "queue" else call.queue_id
        self.tell(
            call.node,
            f.CallQueued(
                at=self.now,
                call_id=call.call_id,
                queue_id=call.queue_id,
                entered_at=self.now,
                priority=call.priority,
                skills=call.skills,
                levels=call.levels,
                wanted_agent=call.wanted_agent,
                transferred_by=command.by if kind == "agent" else None,
            ),
        )
