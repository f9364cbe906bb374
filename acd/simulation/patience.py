"""How long callers would have waited: from those who hung up and those who were answered before they did. Pure.

Who was answered after 40 s would have waited *at least* 40 s; nobody knows how much longer (his patience is right-censored). The estimator of
Kaplan and Meier (JASA 53, 1958) uses both kinds: at each moment at which somebody hung up, the share of those still waiting who did.
Beyond the longest wait at which anybody hung up, patience is taken as exponential with the mean rate of hanging up per second waited, which is
what callers' patience is like in the long run (Mandelbaum, Zeltyn, "Data-stories about (im)patient customers in tele-queues", 2013).
"""

from bisect import bisect_right
from collections.abc import Iterable
from math import inf

from acd.simulation.streams import Stream


class Patience:
    """The patience of the callers of one queue. `waits`: how long each waited, and whether he hung up."""

    def __init__(self, waits: Iterable[tuple[float, bool]]) -> None:
        ordered = sorted(waits)
        gave_up = sum(left for _, left in ordered)
        waited = sum(wait for wait, _ in ordered)
        self._mean_s = waited / gave_up if gave_up and waited else inf
        self._times: list[float] = []
        self._survival: list[float] = []
        survival, present = 1.0, len(ordered)
        for wait, left in ordered:
            if left and present > 0:
                survival *= 1 - 1 / present
                self._times.append(wait)
                self._survival.append(survival)
            present -= 1

    def survival(self, wait_s: float) -> float:
        """Return the share of callers who are still there after a wait."""
        index = bisect_right(self._times, wait_s)
        return self._survival[index - 1] if index else 1.0

    def beyond(self, wait_s: float, stream: Stream) -> float:
        """Draw the patience of a caller who was still there after `wait_s`."""
        target = self.survival(wait_s) * (1 - stream.random())
        for time, left in zip(self._times, self._survival, strict=True):
            if left <= target and time > wait_s:
                return time
        last = max(wait_s, self._times[-1] if self._times else 0.0)
        return last + stream.expovariate(1 / self._mean_s) if self._mean_s < inf else inf
