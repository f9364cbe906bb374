"""When a node tells a router everything it knows. Pure.

A router that has just begun its term knows no call and no phone; its signs of life (`RouterActive`) say which nodes it has heard.
A node that is not among them answers with a survey: once, and again only if that seems to have been lost. A newer term is
a new question; a router of an older one is told nothing any more.
"""

from hotline.facts import RouterActive
from hotline.ids import NodeId

AGAIN_S = 1.0
"""A router that does not list us so long after our answer has not got it."""

Term = tuple[int, str]
"""Which router asks: its epoch, and its name where there are no epochs."""


class Surveys:
    """The question that is open, and the one that was answered."""

    def __init__(self, node: NodeId) -> None:
        self._node = node
        self._newest = 0
        self._open: Term | None = None
        self._answered: Term | None = None
        self._answered_at = 0.0

    def hear(self, beat: RouterActive, now: float) -> bool:
        """Take note of a router's sign of life; return whether a survey is to be made for it now."""
        if beat.epoch < self._newest:
            return False
        self._newest = beat.epoch
        term = (beat.epoch, beat.router)
        if self._node in beat.surveyed:
            self._open = None
            return False
        if self._open == term or (self._answered == term and now - self._answered_at < AGAIN_S):
            return False
        self._open = term
        return True

    def answer(self, now: float) -> int | None:
        """Return the epoch of the router that waits for the survey which has just been made, or None; it is answered now."""
        if self._open is None:
            return None
        self._answered, self._answered_at, self._open = self._open, now, None
        return self._answered[0]

    def give_up(self) -> None:
        """Drop the question: nothing can be seen now. It will be asked again."""
        self._open = None
