"""Seats as Asterisk sees them: what a phone's device state means, and how a phone at another node is addressed. Pure."""

from hotline.ids import NodeId

UNREACHABLE = frozenset({"UNAVAILABLE", "INVALID", "UNKNOWN"})
"""Device states of a phone that cannot be rung."""
IN_USE = frozenset({"INUSE", "BUSY", "ONHOLD", "RINGING", "RINGINUSE"})
"""Device states of a phone that rings or is in a call."""


def peer_name(node: str) -> str:
    """Return the name of another node's endpoint, which is also the user name it shows and proves (`peer-node2`)."""
    return f"peer-{node}"


def address(extension: str, at: NodeId | None = None) -> str:
    """Return what `Dial(PJSIP/…)` is given for a seat: of this node, or of another one."""
    return extension if at is None else f"{extension}@{peer_name(at)}"
