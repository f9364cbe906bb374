"""When something is said to those who wait: at fixed times from the entry into the line. Pure.

Nothing has to be remembered for it: who adopts the call finds the next time from the time of entry alone.
"""

import math

from hotline.settings.queues import Comfort


def speaks(comfort: Comfort) -> bool:
    """Return whether anything is ever said to those who wait."""
    return comfort.position or comfort.expected_wait or bool(comfort.messages)


def turn(comfort: Comfort, entered_at: float, at: float) -> int:
    """Return the number of the last announcement that was due at a time: 0 the first, -1 when none was yet."""
    late_s = at - entered_at - comfort.first_after_s
    return math.floor(late_s / comfort.every_s + 1e-6) if late_s >= -1e-6 else -1


def next_due(comfort: Comfort, entered_at: float, now: float) -> float:
    """Return when the next announcement is due, later than now."""
    return entered_at + comfort.first_after_s + comfort.every_s * (turn(comfort, entered_at, now) + 1)
