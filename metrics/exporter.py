"""The door to prometheus-client: writes everything down in the text that Prometheus scrapes.

At each scrape it asks the tally (probes first), takes its observations into histograms, computes the gauges, and lists all
series in the order of the definitions. It keeps its own registry; nothing is registered globally.

A name in the tally without a fitting definition is exported nowhere; `hotline_metrics_undefined` counts such names and
`undefined` lists them.
"""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping

import structlog
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from hotline import __version__
from hotline.tally import Labels, Tally
from metrics.board import SERIES_LIMIT, Board, LabelValues, Observation
from metrics.definitions import OTHER, Kind, Metric, by_name

log = structlog.get_logger(__name__)

Levels = dict[str, dict[LabelValues, float]]


def undefined(tally: Tally) -> list[str]:
    """Return what the tally holds that no definition fits: unknown names, wrong kinds, wrong labels, counters that are folded."""
    told: list[tuple[Kind, str, Labels]] = [
        *(("counter", name, labels) for name, labels in tally.counts),
        *(("gauge", name, labels) for name, labels in tally.levels),
        *(("histogram", name, labels) for name, labels in tally.observations),
    ]
    known = by_name()
    return sorted(
        {_describe(kind, name, labels) for kind, name, labels in told if not _fits(known, kind, name, labels)}
    )


def _fits(known: Mapping[str, Metric], kind: Kind, name: str, labels: Labels) -> bool:
    metric = known.get(name)
    if metric is None or metric.kind != kind or metric.source == "exporter":
        return False
    may_be_told = metric.source == "tally" or kind == "gauge"
    return may_be_told and {label for label, _ in labels} == {label.name for label in metric.labels}


def _describe(kind: Kind, name: str, labels: Labels) -> str:
    return f"{kind} {name}{{{','.join(label for label, _ in labels)}}}"


class Exporter:
    """Gives out the numbers of one process."""

    def __init__(
        self,
        board: Board,
        tally: Tally,
        *,
        levels: Callable[[float], Iterable[Observation]],
        now: Callable[[], float],
        owners_word: bool = True,
    ) -> None:
        """`owners_word`: whether what a part of this process tells about a folded gauge wins over the fold.

        It must not where parts of other processes are folded too.
        """
        self._owners_word = owners_word
        self._board = board
        self._tally = tally
        self._levels = levels
        self._now = now
        self._complained: set[str] = set()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def exposition(self) -> tuple[bytes, str]:
        """Return the body and the content type of an answer to `GET /metrics`."""
        return self.render(), CONTENT_TYPE_PLAIN_0_0_4

    def render(self) -> bytes:
        """Return all series in the Prometheus text format 0.0.4."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Family]:
        """Yield every family that has series; called by the registry."""
        self._refresh()
        self.drain()
        levels = self._gauges()
        for metric in self._board.definitions:
            family = self._family(metric, levels)
            if family.samples:
                yield family

    def drain(self) -> None:
        """Take what the tally observed since last time into the histograms; call it now and then even if nobody scrapes."""
        known = by_name()
        for (name, labels), values in self._tally.observations.items():
            if _fits(known, "histogram", name, labels):
                for value in values:
                    self._board.record(known[name], dict(labels), value)
                values.clear()
        self._complain()

    def _refresh(self) -> None:
        try:
            self._tally.refresh()
        except Exception:
            self._tally.count("service_errors", service="metrics")
            log.exception("probe failed")

    def _complain(self) -> None:
        for what in set(undefined(self._tally)) - self._complained:
            self._complained.add(what)
            log.error("metric without a definition", metric=what)

    def _family(self, metric: Metric, levels: Levels) -> Family:
        names = [label.name for label in metric.labels]
        if metric.kind == "histogram":
            histograms = HistogramMetricFamily(metric.full_name, metric.help, labels=names)
            for key, histogram in self._board.histograms(metric):
                histograms.add_metric(key, histogram.cumulative(), histogram.total)
            return histograms
        if metric.kind == "counter":
            counters = CounterMetricFamily(metric.full_name, metric.help, labels=names)
            for key, value in self._counter(metric).items():
                counters.add_metric(key, value)
            return counters
        gauges = GaugeMetricFamily(metric.full_name, metric.help, labels=names)
        for key, value in levels.get(metric.name, {}).items():
            gauges.add_metric(key, value)
        return gauges

    def _counter(self, metric: Metric) -> dict[LabelValues, float]:
        """Return what was folded and what was told, together."""
        series = dict(self._board.counts(metric))
        if metric.source == "tally":
            for (name, labels), value in self._tally.counts.items():
                if name == metric.name and _fits({name: metric}, "counter", name, labels):
                    _add(series, self._board.vocabulary.bound(metric, dict(labels)), value)
        if metric.name == "limits_reached" and self._board.overflowed:
            _add(series, ("metric_series",), float(self._board.overflowed))
        return series

    def _gauges(self) -> Levels:
        """Return all gauges; a gauge that its owner tells is not taken from the fold (see `owners_word`)."""
        folded: Levels = {}
        known = by_name()
        for seen in self._levels(self._now()):
            metric = known[seen.metric]
            _add(folded.setdefault(seen.metric, {}), self._board.vocabulary.bound(metric, seen.labels), seen.value)
        told: Levels = {}
        for (name, labels), value in self._tally.levels.items():
            if _fits(known, "gauge", name, labels) and (self._owners_word or known[name].source == "tally"):
                _add(told.setdefault(name, {}), self._board.vocabulary.bound(known[name], dict(labels)), value)
        own: Levels = {
            "build_info": {(__version__, platform.python_version()): 1.0},
            "metrics_undefined": {(): float(len(undefined(self._tally)))},
        }
        return {**folded, **told, **own}


def _add(series: dict[LabelValues, float], key: LabelValues, value: float) -> None:
    """Add to a series; beyond the limit of series everything goes under `other`."""
    if key not in series and len(series) >= SERIES_LIMIT:
        key = (OTHER,) * len(key)
    series[key] = series.get(key, 0.0) + value
