"""Whether a node may still carry out a command. Pure.

Two things can make a command stale: its sender stopped waiting for it, or its sender was replaced while it was on its way
(a process that was suspended and goes on does not know that). The second is a fencing token (M. Kleppmann, "How to do
distributed locking", 2016): epochs only grow, and whoever has seen a newer one refuses older ones.
"""

from hotline.commands import Refused


class Fence:
    """What one node remembers about epochs."""

    def __init__(self) -> None:
        self.newest = 0

    def heard(self, epoch: int) -> None:
        """Learn of a router's term: from its own word, before its first command comes."""
        self.newest = max(self.newest, epoch)

    def why_not(self, *, epoch: int, deadline: float | None, now: float) -> Refused | None:
        """Return the refusal of a stale command, or None. `deadline` and `now` are on the same clock, in seconds."""
        if epoch and epoch < self.newest:
            return Refused(reason=f"epoch {epoch} is over, {self.newest} rules", newer_epoch=self.newest)
        self.heard(epoch)
        if deadline is not None and now >= deadline:
            return Refused(
                reason=f"too old by {now - deadline:.1f} s (if always: are the clocks of the machines alike?)"
            )
        return None
