"""What supervisors have begun, kept across the router's death: supervisions and surge modes.

The keys stand in `acd.office.replica`, so that who stands by keeps the same.
"""

from collections.abc import Mapping

import msgspec

from acd.core.agents import surging
from acd.core.agents.surge import Surge
from acd.core.floor import Floor
from acd.core.talks import supervising
from acd.core.talks.supervisions import Supervision
from acd.office.keeping import read
from acd.office.replica import SUPERVISION_KEY, SURGE_KEY


def restore(floor: Floor, values: Mapping[str, bytes]) -> list[str]:
    """Take up what was kept, before agents are; return the keys of what cannot be read any more."""
    supervisions, unread = read(values, SUPERVISION_KEY, Supervision)
    surges, unread_surges = read(values, SURGE_KEY, Surge)
    supervising.restore(floor, supervisions)
    surging.restore(floor, surges)
    return [*unread, *unread_surges]


def changed(floor: Floor) -> dict[str, bytes | None]:
    """Return what is to be kept anew, or forgotten (None)."""
    found: dict[str, bytes | None] = {}
    for supervision_id, supervision in floor.supervisions.take_changed():
        found[SUPERVISION_KEY + supervision_id] = None if supervision is None else msgspec.msgpack.encode(supervision)
    for queue_id, surge in floor.agents.surges.take_changed():
        found[SURGE_KEY + queue_id] = None if surge is None else msgspec.msgpack.encode(surge)
    return found
