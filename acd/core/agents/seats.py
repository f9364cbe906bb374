"""What the nodes say about the phone of one seat, and what follows: at which node it can be rung. Pure.

Every node knows every seat; a phone is registered at one of them and cannot be reached at the others. When it moves, its
old node may take it for registered for a while, and repeats that at every snapshot. So the node counts that was the last to
find it there, not the last to speak.
"""

import msgspec

from hotline.facts import SeatChanged
from hotline.ids import NodeId


class Phone(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last word of one node about a phone."""

    reachable: bool
    in_use: bool = False
    told_at: float = 0.0
    """When the node said so, so that late news are known as such."""
    found_at: float = 0.0
    """Since when it has been reachable there, or the node has said that it is not."""


Phones = dict[NodeId, Phone]
"""What each node that said something says about the phone of one seat."""


def hear(phones: Phones, change: SeatChanged) -> bool:
    """Note a node's word; return False, with nothing noted, when it came late."""
    known = phones.get(change.node)
    if known is not None and change.at < known.told_at:
        return False
    goes_on = known is not None and known.reachable == change.reachable
    phones[change.node] = Phone(
        reachable=change.reachable,
        in_use=change.in_use,
        told_at=change.at,
        found_at=known.found_at if known is not None and goes_on else change.at,
    )
    return True


def registered_at(phones: Phones) -> NodeId | None:
    """Return the node at which the phone is rung; None when no node can reach it."""
    found = [(phone.found_at, node) for node, phone in phones.items() if phone.reachable]
    return max(found)[1] if found else None


def recalled(phones: Phones) -> Phones:
    """Return what is believed of it after our own death, until the nodes speak: where the phone was, not what it did.

    Every new word counts as later, wherever the clock was set to meanwhile; only the order is kept.
    """
    in_order = sorted(phones, key=lambda node: phones[node].found_at)
    return {node: Phone(reachable=phones[node].reachable, found_at=float(place)) for place, node in enumerate(in_order)}
