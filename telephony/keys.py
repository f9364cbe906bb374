"""Keys that an agent presses while he talks: what they spell. Pure.

Only a complete code is told, never what else he keys in (that may be anything, a card number even).
"""

from hotline import transfers
from hotline.facts import AgentKeyed, Record
from hotline.ids import NodeId
from telephony.line import Line


def pressed(line: Line, channel: str, key: str, node: NodeId, now: float) -> list[Record]:
    """Take a key into account; return the code that it completes."""
    offer = line.offer
    if line.phase != "talking" or offer is None or offer.seat != channel or not offer.accepted or offer.ended:
        return []
    if now - line.keyed_at > transfers.KEYS_WITHIN_S:
        line.keyed = ""
    line.keyed_at = now
    line.keyed, code = transfers.press(line.keyed, key)
    if code is None:
        return []
    return [
        AgentKeyed(at=now, node=node, call_id=line.call_id, offer_id=offer.offer_id, step=code.step, digits=code.digits)
    ]
