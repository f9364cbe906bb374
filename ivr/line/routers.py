"""Whether there is a router that distributes callers: judged by how long none was heard, in ticks of our own timer. Pure.

A tick is a record that goes through the inbox in which the routers' signs of life arrive, so whatever was told before it has
been heard when it comes out. Neither a stop of our own process (one tick, however long it lasted) nor a backlog of records
is taken for silence.
"""

from hotline.facts import Record

TICKS = 12
"""So many ticks without a sign of life, and there is no router; the next one says so."""


class Tick(Record, frozen=True, kw_only=True):
    """Our timer came round. Put into our own inbox only; it never travels."""


class RouterWatch:
    """Counts ticks since any router was heard. At the beginning one is taken to be there."""

    def __init__(self, silent_s: float) -> None:
        """`silent_s`: how long a silence must last at least."""
        self.tick_s = silent_s / TICKS
        self._silent = 0

    @property
    def lost(self) -> bool:
        """Whether there is no router."""
        return self._silent > TICKS

    def heard(self) -> bool:
        """Note a sign of life; return whether that ends a loss."""
        was_lost, self._silent = self.lost, 0
        return was_lost

    def ticked(self) -> bool:
        """Note a tick; return whether the router is lost by it."""
        was_lost = self.lost
        self._silent = min(self._silent + 1, TICKS + 1)
        return self.lost and not was_lost
