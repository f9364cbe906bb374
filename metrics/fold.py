"""Folds facts into observations: the rules of counting. Pure.

* Counters begin at zero in each process, as Prometheus expects. A caller who was already waiting when this process began
  (adopted, or first heard of through an offer or an outcome) is counted as offered *by this process*, once, so that

      offered = answered + abandoned + flowed out + still waiting

  holds in every process from its first minute. A conversation that was already going on is not counted at all.
* A repeated fact changes nothing. A late one that fits nothing open is counted in `facts_unmatched` and changes nothing.
* Nothing is concluded from silence: an entry whose call ended although nobody told its outcome breaks the identity and is
  counted as a violation. That is what the check is for.
"""

from collections import Counter
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from hotline.facts import (
    AgentAdded,
    AgentStateChanged,
    BreakOverran,
    CallbackFact,
    CallFact,
    Fact,
    LinkChanged,
    OutcomeGiven,
)
from hotline.ids import QueueId
from hotline.settings import Settings
from metrics import callbacks_fold
from metrics.agents import AgentsFold
from metrics.board import Observation, see
from metrics.calls import CallBook
from metrics.calls_fold import CallsFold
from metrics.definitions import CALL_STATES
from metrics.ledger import Ledger

OUTCOME_GRACE_S = 5.0
"""After a call's end, how long its queue outcome may take to arrive before the identity counts as broken."""
NODE_LIMIT = 50


class Fold:
    """All that the numbers need to remember."""

    def __init__(self, settings: Settings) -> None:
        self._book = CallBook()
        self._ledger = Ledger(settings.queues, ZoneInfo(settings.ivr.timezone))
        self._agents = AgentsFold(q.id for q in settings.queues)
        self._calls = CallsFold(self._book, self._ledger, self._agents.talked)
        self._links: dict[str, bool] = {}

    def handle(self, fact: Fact, now: float) -> list[Observation]:
        """Return what `fact` adds to the counters and histograms. `now` only bounds implausible times and ages."""
        return [see("facts", fact=type(fact).__name__), *self._handle(fact, now)]

    def _handle(self, fact: Fact, now: float) -> Iterator[Observation]:
        if isinstance(fact, OutcomeGiven):
            yield from self._agents.outcome(fact)
        elif isinstance(fact, CallFact):
            yield from self._calls.handle(fact, now)
        elif isinstance(fact, CallbackFact):
            yield from callbacks_fold.count(fact)
        elif isinstance(fact, AgentAdded):
            yield from self._agents.added(fact, now)
        elif isinstance(fact, AgentStateChanged):
            yield from self._agents.changed(fact, now)
        elif isinstance(fact, BreakOverran):
            yield from self._agents.overran(fact, now)
        elif isinstance(fact, LinkChanged) and (fact.node in self._links or len(self._links) < NODE_LIMIT):
            self._links[fact.node] = fact.up

    def levels(self, now: float) -> list[Observation]:
        """Return the gauges of this moment."""
        return list(self._levels(now))

    def _levels(self, now: float) -> Iterator[Observation]:
        phases: Counter[str] = Counter(call.phase for call in self._book.live.values())
        phases["session"] = phases["ivr"] + phases["waiting"]
        for state in CALL_STATES:
            yield see("calls_active", phases[state], state=state)
        yield see("ivr_active", phases["ivr"])
        yield from self._ledger.levels(self._waiting(), now)
        yield from self._agents.levels(now)
        for node, up in self._links.items():
            yield see("ami_up", float(up), node=node)

    def _waiting(self) -> Iterator[tuple[QueueId, float]]:
        """Yield queue and time of entry of each living caller whose entry is open."""
        for call in self._book.live.values():
            if (entry := call.open_entry()) is not None:
                yield entry.queue_id, entry.since

    def check(self, now: float) -> list[Observation]:
        """Return a violation for each queue whose identity is newly broken; call it each minute."""
        self._book.forget_old(now)
        return [see("identity_violations", queue=q) for q in self._ledger.newly_broken(self._still_waiting(now))]

    def _still_waiting(self, now: float) -> Iterator[QueueId]:
        """Yield the queue of each caller who waits, or whose call ended so recently that the outcome may be on its way."""
        yield from (queue_id for queue_id, _ in self._waiting())
        for call in reversed(self._book.ended.values()):
            if (call.ended_at or 0.0) < now - OUTCOME_GRACE_S:
                return
            if (entry := call.open_entry()) is not None:
                yield entry.queue_id
