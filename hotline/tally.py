"""Counts and levels that parts of the house keep about themselves, read by the metrics service at each scrape.

This is how a service that may not import the Prometheus client still gets its numbers out. Names and labels are defined
in `metrics/`; a name that is not defined there is a bug that the metrics tests catch. No personal data in labels.
"""

from collections import defaultdict
from collections.abc import Callable

Labels = tuple[tuple[str, str], ...]


class Tally:
    """The counters and gauges of one process. Not thread safe: touched from the event loop only."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, Labels], float] = defaultdict(float)
        self.levels: dict[tuple[str, Labels], float] = {}
        self.observations: dict[tuple[str, Labels], list[float]] = defaultdict(list)
        self._probes: list[Callable[[], None]] = []

    def count(self, counter: str, amount: float = 1.0, /, **labels: str) -> None:
        """Add to a counter."""
        self.counts[counter, _key(labels)] += amount

    def level(self, gauge: str, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        self.levels[gauge, _key(labels)] = value

    def forget(self, gauge: str, /, **labels: str) -> None:
        """Take the levels of a gauge back that have these labels, all without any: nobody here can tell them any more."""
        asked = set(labels.items())
        for key in [key for key in self.levels if key[0] == gauge and asked <= set(key[1])]:
            del self.levels[key]

    OBSERVATION_LIMIT = 10_000

    def observe(self, histogram: str, value: float, /, **labels: str) -> None:
        """Add one observation to a histogram; kept until the metrics service takes it, the oldest dropped beyond the limit."""
        kept = self.observations[histogram, _key(labels)]
        if len(kept) >= self.OBSERVATION_LIMIT:
            del kept[: self.OBSERVATION_LIMIT // 10]
            self.count("limits_reached", limit="tally_observations")
        kept.append(value)

    def limit_reached(self, limit: str) -> None:
        """Count that a named limit was reached."""
        self.count("limits_reached", limit=limit)

    def probe(self, function: Callable[[], None]) -> None:
        """Have `function` called before each scrape, to set levels that are cheaper asked for than kept."""
        self._probes.append(function)

    def refresh(self) -> None:
        """Call all probes."""
        for function in self._probes:
            function()


def _key(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items()))
