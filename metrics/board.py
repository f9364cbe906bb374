"""The numbers of one process before they are written down: counters and histograms, with bounded labels. Pure.

An observation names a metric and its labels; the board checks it against the definitions (a wrong name is a bug of ours and
raises Misuse) and bounds the label values (a strange value is the world's fault and becomes `other`). Series whose labels
come from closed sets start at zero, so that a rate sees their first increase.
"""

import itertools
import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from hotline.errors import Misuse
from hotline.settings import Settings
from metrics.definitions import DEFINITIONS, OTHER, Label, Metric, by_name, edges

LabelValues = tuple[str, ...]
"""Values in the order of the metric's labels."""

SERIES_LIMIT = 2_000
"""Most label combinations of one metric; what comes later is counted under `other` for every label."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,47}")
_HASH = re.compile(r"(?=[0-9]*[a-f])[0-9a-f]{12}")
"""The version of a call flow; with a letter, so that it is no telephone number."""
_IDENTITY = re.compile(r"[0-9]{6}|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}")
"""Looks like a telephone number, a card number or a UUID: never a label."""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """A counter's increase, a histogram's value or a gauge's level, according to the metric's kind."""

    metric: str
    value: float = 1.0
    labels: Mapping[str, str] = {}


def see(metric: str, value: float = 1.0, /, **labels: str) -> Observation:
    """Return an observation."""
    return Observation(metric=metric, value=value, labels=labels)


class Vocabulary:
    """Decides which label values may appear. Words are remembered: the first ones win, later ones become `other`."""

    def __init__(self, queues: Iterable[str]) -> None:
        self.queues = frozenset(queues)
        self._words: dict[tuple[str, str], set[str]] = {}

    def bound(self, metric: Metric, labels: Mapping[str, str]) -> LabelValues:
        """Return the values of `metric`'s labels, each bounded; a missing label becomes `other`."""
        return tuple(self._value(metric, label, labels.get(label.name, OTHER)) for label in metric.labels)

    def closed_set(self, label: Label) -> tuple[str, ...] | None:
        """Return all values of a closed label (without `other`), or None when its words are open."""
        if label.name == "queue":
            return tuple(sorted(self.queues))
        return label.values or None

    def _value(self, metric: Metric, label: Label, value: str) -> str:
        if label.name == "queue":
            return value if value in self.queues else OTHER
        if label.values:
            return value if value in label.values else OTHER
        seen = self._words.setdefault((metric.name, label.name), set())
        if value in seen:
            return value
        if len(seen) >= label.words or not _is_word(value, label):
            return OTHER
        seen.add(value)
        return value


def _is_word(value: str, label: Label) -> bool:
    if label.is_version and _HASH.fullmatch(value):
        return True
    return _WORD.fullmatch(value) is not None and _IDENTITY.search(value) is None


class Histogram:
    """Counts of values per bucket, with their sum."""

    __slots__ = ("_counts", "edges", "total")

    def __init__(self, edges_s: tuple[float, ...]) -> None:
        self.edges = edges_s
        self.total = 0.0
        self._counts = [0] * (len(edges_s) + 1)

    def observe(self, value: float) -> None:
        """Count `value`; a bucket holds the values up to and including its edge."""
        self._counts[bisect_left(self.edges, value)] += 1
        self.total += value

    def cumulative(self) -> list[tuple[str, float]]:
        """Return (upper edge, values up to it) pairs, the last edge being +Inf."""
        names = [*(f"{e:g}" if e % 1 else f"{e:.1f}" for e in self.edges), "+Inf"]
        return list(zip(names, (float(n) for n in itertools.accumulate(self._counts)), strict=True))


class Board:
    """Counters and histograms of this process."""

    def __init__(self, settings: Settings, definitions: tuple[Metric, ...] = DEFINITIONS) -> None:
        self.vocabulary = Vocabulary(q.id for q in settings.queues)
        self.definitions = definitions
        self._by_name = by_name()
        self._thresholds_s = thresholds_in_use(settings)
        self._counts: dict[str, dict[LabelValues, float]] = {}
        self._histograms: dict[str, dict[LabelValues, Histogram]] = {}
        self.overflowed = 0
        """Observations that went under `other` because a metric had reached SERIES_LIMIT."""
        for metric in definitions:
            self._start_at_zero(metric)

    def _start_at_zero(self, metric: Metric) -> None:
        sets = [self.vocabulary.closed_set(label) for label in metric.labels]
        known = [] if any(s is None for s in sets) else list(itertools.product(*(s or () for s in sets)))
        if metric.kind == "counter":
            self._counts[metric.name] = dict.fromkeys(known, 0.0)
        elif metric.kind == "histogram":
            self._histograms[metric.name] = {labels: self._histogram(metric) for labels in known}

    def _histogram(self, metric: Metric) -> Histogram:
        assert metric.scale is not None
        return Histogram(edges(metric.scale, self._thresholds_s))

    def apply(self, observation: Observation) -> None:
        """Add a counter's increase or a histogram's value. Not finite or (for counters) negative values are ignored.

        Raises Misuse for a metric that is not defined, or that is a gauge.
        """
        metric = self._by_name.get(observation.metric)
        if metric is None or metric.kind == "gauge" or not set(observation.labels) <= {x.name for x in metric.labels}:
            raise Misuse(
                f"metrics: {observation.metric} {sorted(observation.labels)} is not a defined counter or histogram"
            )
        self.record(metric, observation.labels, observation.value)

    def record(self, metric: Metric, labels: Mapping[str, str], value: float) -> None:
        """Add `value` to a counter or histogram whose definition the caller has looked up."""
        if not math.isfinite(value) or value < 0:
            return
        key = self.vocabulary.bound(metric, labels)
        if metric.kind == "counter":
            counts = self._counts[metric.name]
            key = self._within_limit(key, counts)
            counts[key] = counts.get(key, 0.0) + value
            return
        histograms = self._histograms[metric.name]
        key = self._within_limit(key, histograms)
        if key not in histograms:
            histograms[key] = self._histogram(metric)
        histograms[key].observe(value)

    def _within_limit(self, key: LabelValues, known: Mapping[LabelValues, object]) -> LabelValues:
        if key in known or len(known) < SERIES_LIMIT:
            return key
        self.overflowed += 1
        return (OTHER,) * len(key)

    def counts(self, metric: Metric) -> Mapping[LabelValues, float]:
        """Return a counter's series."""
        return self._counts[metric.name]

    def histograms(self, metric: Metric) -> Iterator[tuple[LabelValues, Histogram]]:
        """Yield a histogram's series."""
        yield from self._histograms[metric.name].items()

    def count_of(self, name: str, **labels: str) -> float:
        """Return a counter's value, or how many values a histogram has seen; 0 when there is no such series."""
        metric = self._by_name[name]
        key = tuple(labels.get(x.name, OTHER) for x in metric.labels)
        if metric.kind == "counter":
            return self._counts[name].get(key, 0.0)
        histogram = self._histograms[name].get(key)
        return histogram.cumulative()[-1][1] if histogram else 0.0


def thresholds_in_use(settings: Settings) -> tuple[float, ...]:
    """Return every limit in seconds that somebody may want to read a share for: service level, short abandon, ring, wrap-up."""
    others = {v for q in settings.queues for v in (q.ring_timeout_s, q.wrap_up_s)}
    return tuple(sorted({*settings.thresholds_s(), *others}))
