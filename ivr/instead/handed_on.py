"""What becomes of a caller whom his agent handed on. Pure; each function moves one `Call`.

Blind: he is back in our hands and joins a line anew, that of a queue, or, kept for one agent, that of the queue in which he was
served; or a number outside is dialled for him. Attended: he talks on, under the offer of the second agent.
"""

from hotline import transfers
from hotline.errors import Misuse
from hotline.facts import CallAdopted, CallReturned, TransferCompleted
from hotline.ids import AgentId, QueueId
from ivr.instead import treatments
from ivr.line.stay import Stay
from ivr.sessions.call import Call

REASON = "transferred"


def led_on(call: Call, event: TransferCompleted) -> None:
    """He talks with the second agent: the end of that conversation is the one to wait for."""
    if event.kind != "attended" or event.next_offer is None or call.stay is None:
        call.ignore(event)
        return
    call.stay.begins(event.next_offer)
    call.deadline = None


def is_to_be_led(event: CallReturned | CallAdopted) -> bool:
    """Return whether the caller came back to be handed on to somebody who exists."""
    try:
        return bool(event.transfer) and bool(transfers.parse(event.transfer))
    except Misuse:
        return False


def lead_on(call: Call, event: CallReturned | CallAdopted) -> None:
    """Lead a caller who is back in our hands where his agent wants him."""
    wanted = transfers.parse(event.transfer)
    before = call.stay
    queue_id = event.transfer_queue or (before.queue_id if before is not None else QueueId(""))
    priority = before.priority if before is not None else 0
    call.stay = Stay(queue_id=queue_id, entered_at=call.now, priority=priority, past=call.past_offers)
    call.play_id, call.leave = None, None
    match wanted.kind:
        case "number":
            call.stay.left, call.stay.treatment, call.stay.left_at = REASON, str(wanted), call.now
            treatments.perform(call)
        case "queue":
            call.stay.queue_id = QueueId(wanted.target)
            _join(call)
        case "agent":
            call.stay.wanted_agent, call.stay.transferred_by = AgentId(wanted.target), event.transferred_by
            _join(call)


def _join(call: Call) -> None:
    assert call.stay is not None
    call.remember()
    call.line_up(call.stay)
    call.tell(REASON)
    call.wait()
