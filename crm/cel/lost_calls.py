"""The service that closes calls which ended while nobody looked, some time after each snapshot of a node.

It waits, so that the journal has taken what was on its way and CEL had the chance to tell the true end.
"""

from collections.abc import Callable, Iterable
from typing import ClassVar

import structlog

from crm.cel.reconcile import close_lost_calls, close_nameless_calls
from hotline.errors import HotlineError
from hotline.facts import Fact, Record, SnapshotTaken
from hotline.ids import NodeId
from hotline.store.pool import Store
from hotline.tally import Tally

PATIENCE_S = 10.0
RETRY_S = 30.0

log = structlog.get_logger(__name__)


class LostCallsService:
    """Compares the open calls of the database with the last snapshot of each node."""

    name: ClassVar[str] = "lost_calls"
    kinds: ClassVar[tuple[type[Record], ...]] = (SnapshotTaken,)

    def __init__(self, store: Store, keep: Callable[[Iterable[Fact]], None], tally: Tally) -> None:
        self._store = store
        self._keep = keep
        self._tally = tally
        self._due: dict[NodeId, tuple[float, SnapshotTaken]] = {}
        self._seen: dict[NodeId, SnapshotTaken] = {}
        """The last snapshot of each node that was compared."""

    async def handle(self, record: Record, now: float) -> None:
        """Note a snapshot. It replaces an older one of the same node but does not put it off: snapshots may come in a row."""
        if isinstance(record, SnapshotTaken):
            due, _ = self._due.get(record.node, (now + PATIENCE_S, record))
            self._due[record.node] = (due, record)

    def next_deadline(self) -> float | None:
        """Return when the next snapshot is old enough."""
        return min((at for at, _ in self._due.values()), default=None)

    async def wake(self, now: float) -> None:
        """Close what the due snapshots do not show; try again later while the database is away."""
        for node, (at, snapshot) in list(self._due.items()):
            if at > now:
                continue
            try:
                closed = await close_lost_calls(self._store, snapshot, self._keep)
                self._seen[node] = snapshot
                closed += await close_nameless_calls(self._store, self._seen, self._keep)
            except HotlineError as exc:
                log.warning("lost calls cannot be looked for", node=node, error=str(exc))
                self._due[node] = (now + RETRY_S, snapshot)
                continue
            del self._due[node]
            if closed:
                log.warning("calls ended while nobody looked", node=node, calls=closed)
                self._tally.count("calls_reconciled", closed)
