"""When calls could not be counted, told from facts: dead links, no router, programs that were not running, closed queues. Pure.

While a link to an Asterisk is down its callers are led by the dialplan and reach no queue; while nobody distributes, no queue is entered;
while a supervisor has closed a queue, nobody shows that he wanted it. A model must take none of this for few calls: such a time is not
known. A node that is down for more than `GIVEN_UP_S` is taken out of service, and its calls come elsewhere, unless it was the last one.
"""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field

from hotline.facts import Fact, LinkChanged, QueueSwitched, RouterTermBegan, RouterTermEnded, ServiceStarted

HOUSE = (LinkChanged, QueueSwitched, RouterTermBegan, RouterTermEnded, ServiceStarted)
"""The facts that tell of outages."""
COUNTING = frozenset({"acd", "telephony"})
"""The services without which nothing is counted."""
GIVEN_UP_S = 4 * 3_600.0
SILENCE_S = 60.0
"""A program that starts again after less silence than this has missed nothing worth a gap."""
UNKNOWN_SHARE = 0.1
"""An interval of which more than this was lost is not known."""
MAX_SPANS = 10_000

Span = tuple[float, float]
"""From (included) until (not included), seconds since 1970."""


@dataclass(kw_only=True)
class _Node:
    down_since: float | None = None
    downs: list[Span] = field(default_factory=list)


class Outages:
    """Collects outages; facts come in any order that is roughly that of time, and may come twice."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._silences: list[Span] = []
        self._unrouted_since: float | None = None
        self._unrouted: list[Span] = []
        self._epoch = -1
        self._closed_since: dict[str, float] = {}
        self._closed: dict[str, list[Span]] = {}

    def take(self, fact: Fact, *, last_at: float | None = None) -> None:
        """Learn from a fact. `last_at` is when anything was told before it, for the gap before a start; None: nothing ever was."""
        match fact:
            case LinkChanged():
                self._link(self._nodes.setdefault(fact.node, _Node()), fact)
            case RouterTermBegan() if fact.epoch > self._epoch:
                self._epoch = fact.epoch
                if self._unrouted_since is not None:
                    _add(self._unrouted, (self._unrouted_since, fact.at))
                    self._unrouted_since = None
            case RouterTermEnded() if fact.epoch >= self._epoch and self._unrouted_since is None:
                self._epoch = fact.epoch
                self._unrouted_since = fact.at
            case ServiceStarted() if fact.service in COUNTING and last_at is not None and fact.at - last_at > SILENCE_S:
                _add(self._silences, (last_at, fact.at))
            case QueueSwitched():
                self._switched(fact)

    def spans(self, until: float, queue_id: str = "") -> tuple[Span, ...]:
        """Return when the calls of a queue could not be counted, up to `until`: ascending, apart from each other."""
        found = [*self._silences, *self._unrouted, *self._closed.get(queue_id, ())]
        if self._unrouted_since is not None:
            found.append((self._unrouted_since, until))
        if queue_id in self._closed_since:
            found.append((self._closed_since[queue_id], until))
        downs = [self._downs(node, until) for node in self._nodes.values()]
        found += [(begin, min(end, begin + GIVEN_UP_S)) for spans in downs for begin, end in spans]
        return merged([*found, *_common(downs)])

    def forget(self, before: float) -> None:
        """Drop what ended before a moment."""
        lists = [self._silences, self._unrouted, *self._closed.values(), *(n.downs for n in self._nodes.values())]
        for spans in lists:
            spans[:] = [span for span in spans if span[1] >= before]

    def _link(self, node: _Node, fact: LinkChanged) -> None:
        if not fact.up:
            node.down_since = fact.at if node.down_since is None else node.down_since
        elif node.down_since is not None:
            _add(node.downs, (node.down_since, fact.at))
            node.down_since = None

    def _switched(self, fact: QueueSwitched) -> None:
        since = self._closed_since.get(fact.queue_id)
        if fact.closed and since is None:
            self._closed_since[fact.queue_id] = fact.at
        elif not fact.closed and since is not None:
            _add(self._closed.setdefault(fact.queue_id, []), (since, fact.at))
            del self._closed_since[fact.queue_id]

    @staticmethod
    def _downs(node: _Node, until: float) -> list[Span]:
        return node.downs if node.down_since is None else [*node.downs, (node.down_since, until)]


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans in order, those that touch made one."""
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if begin >= end:
            continue
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return tuple(joined)


def lost_s(spans: Iterable[Span], begin: float, end: float) -> float:
    """Return how many seconds between two moments lie in spans that are apart from each other."""
    return sum(max(0.0, min(end, last) - max(begin, first)) for first, last in spans)


def _common(downs: list[list[Span]]) -> list[Span]:
    """Return when every node was down."""
    if not downs:
        return []
    common = list(merged(downs[0]))
    for spans in downs[1:]:
        common = [(max(a, c), min(b, d)) for a, b in common for c, d in merged(spans) if max(a, c) < min(b, d)]
    return common


def _add(spans: list[Span], span: Span) -> None:
    if span[0] < span[1] and span not in spans:
        insort(spans, span)
        del spans[:-MAX_SPANS]
