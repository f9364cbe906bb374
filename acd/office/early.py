"""What comes too early for a router that has just begun, and when it is told. Pure.

It knows no call until the nodes are surveyed. Two things would go wrong if it heard everything as it comes:

* Callers of one node would be offered before older ones of another are known. So everything waits until each node that the router
  before us knew has been surveyed, but not longer than `GATHER_S`; then all surveys are handled together.
* A caller of whom only his place in the line is told could just be guessed to be at our own node. So the news of a call of an unknown
  node waits on for the survey that names it, until `WINDOW_S` are over: then it is taken as any other.

Nothing is lost and nothing changes its order, but that what came between the surveys comes after them; they are the newer news, and
routers ignore the older.
"""

from collections.abc import Callable

from hotline.facts import CallAdopted, CallArrived, CallFact, NodeSurveyed, Record
from hotline.ids import CallId, NodeId

GATHER_S = 0.5
WINDOW_S = 5.0
LIMIT = 10_000
"""How many records may wait."""

_TELLS_ITS_NODE = (CallArrived, CallAdopted)


class Early:
    """The window of one term; `knows` says whether the router knows the node of a call."""

    def __init__(self, nodes: frozenset[NodeId], knows: Callable[[CallId], bool], *, now: float) -> None:
        self._missing = set(nodes)
        self._knows = knows
        self._gather_until = now + GATHER_S
        self._window_until = now + WINDOW_S
        self._waiting: list[Record] = []
        self._later: list[Record] = []
        """What came after the first survey, and comes after what waited for it."""
        self.gathers = bool(nodes)
        """Whether everything waits."""

    @property
    def due(self) -> float:
        """When `ripe` is to be asked even if nothing comes."""
        return self._gather_until if self.gathers else self._window_until

    def is_over(self, now: float) -> bool:
        """Return whether nothing comes too early any more."""
        return not self.gathers and now >= self._window_until

    def keeps(self, record: Record, now: float) -> bool:
        """Keep a record that comes too early; return whether it was kept. With too many waiting, nothing is waited for."""
        if isinstance(record, NodeSurveyed):
            self._missing.discard(record.node)
        is_full = len(self._waiting) >= LIMIT
        if self.gathers and is_full:
            self._gather_until = now
        if self.gathers or (not is_full and now < self._window_until and self._is_nowhere(record)):
            self._waiting.append(record)
            return True
        return False

    def _is_nowhere(self, record: Record) -> bool:
        return (
            isinstance(record, CallFact) and not isinstance(record, _TELLS_ITS_NODE) and not self._knows(record.call_id)
        )

    def ripe(self, now: float) -> list[list[Record]]:
        """Return what need not wait any longer; to be asked again until nothing is left.

        Each list is to be handled together; a single record is to be offered to `keeps` before that.
        """
        if self.gathers:
            return self._gathered() if not self._missing or now >= self._gather_until else []
        over = now >= self._window_until
        ripe = [r for r in self._waiting if over or not self._is_nowhere(r)]
        self._waiting = [r for r in self._waiting if not over and self._is_nowhere(r)]
        later, self._later = self._later, []
        return [[record] for record in (*ripe, *later)]

    def _gathered(self) -> list[list[Record]]:
        self.gathers = False
        waited, self._waiting = self._waiting, []
        surveys = [r for r in waited if isinstance(r, NodeSurveyed)]
        first = waited.index(surveys[0]) if surveys else len(waited)
        self._later = [r for r in waited[first:] if not isinstance(r, NodeSurveyed)]
        together: list[list[Record]] = [[*surveys]] if surveys else []
        return [*([record] for record in waited[:first]), *together]
