"""The audit that runs by itself, every `crm.audit_interval_s`, and counts what it finds.

It looks at what happened since its last clean look, and a little before: calls that arrived, ended or are open, in stretches, so that
no look is long. What is seen for the first time may only be on its way (facts of one process come before those of another), so a
finding counts when it is seen again half a minute later, and then once. While the database is away it waits; afterwards it catches up.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import structlog

from crm.audit.auditing import audit, spool_findings
from crm.audit.rules import Finding
from crm.fold.rows import moment
from hotline.errors import OutcomeUnknown, Unavailable
from hotline.runtime.clock import Clock
from hotline.store.pool import Store
from hotline.tally import Tally

FIRST_WINDOW_S = 3600.0
"""How far the first look goes back: what happened while we were dead is looked at too."""
OVERLAP_S = 180.0
"""Longer than anything is given time for (`RECORDING_GRACE_S`), and than facts are on their way."""
WINDOW_MAX_S = 86_400.0
"""After an outage no look goes back further; `hotline audit --since` does."""
STRETCH_S = 900.0
CONFIRM_S = 30.0
RETRY_S = 15.0
PATIENCE_S = 5.0
"""No statement may take longer."""
KNOWN_LIMIT = 10_000
"""So many findings are remembered, to count each once."""

log = structlog.get_logger(__name__)


class PeriodicAudit:
    """`run` it in a task of its own. `spools`: files of spools on this machine, of this process or of others."""

    def __init__(
        self, store: Store, clock: Clock, tally: Tally, *, interval_s: float, spools: Sequence[Path] = ()
    ) -> None:  # fmt: skip
        self._store = store
        self._clock = clock
        self._tally = tally
        self._interval_s = interval_s
        self._spools = spools
        self._until: float | None = None
        """Up to here everything was looked at."""
        self._suspected: dict[Finding, tuple[float, float]] = {}
        """What was seen once: when, and where its stretch begins."""
        self._known: OrderedDict[Finding, None] = OrderedDict()
        self._away = False

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            pause_s = await self.look(self._clock.now())
            await asyncio.sleep(pause_s)

    async def look(self, now: float) -> float:
        """Audit what is new at `now`; return how long to pause then."""
        try:
            await self._audit(now)
        except (Unavailable, OutcomeUnknown) as exc:
            if not self._away:
                log.info("the audit waits for the database", error=str(exc))
            self._away = True
            return min(self._interval_s, RETRY_S)
        except Exception:
            self._tally.count("service_errors", service="audit")
            log.exception("the audit failed")
            return self._interval_s
        self._away = False
        self._tally.level("audit_completed_timestamp_seconds", now)
        return min(self._interval_s, CONFIRM_S) if self._suspected else self._interval_s

    async def _audit(self, now: float) -> None:
        """Look at everything since the last clean look, one stretch after the other."""
        until = self._until if self._until is not None else now - FIRST_WINDOW_S
        begin = min([until - OVERLAP_S, *(began for _, began in self._suspected.values())])
        begin = max(begin, now - WINDOW_MAX_S)
        seen = set(await asyncio.to_thread(spool_findings, self._spools, now))
        self._note(seen, now, now)
        self._forget_conditions(seen)
        while begin < now:
            end = min(begin + STRETCH_S, now)
            report = await audit(self._store, moment(begin), moment(end), now, touched=True, patience_s=PATIENCE_S)
            self._note(report.findings, begin, now)
            seen.update(report.findings)
            self._until = begin = end
        self._suspected = {finding: first for finding, first in self._suspected.items() if finding in seen}

    def _note(self, findings: Iterable[Finding], began: float, now: float) -> None:
        """Suspect what is new, and count what was suspected for long enough."""
        for finding in findings:
            if finding in self._known:
                self._known.move_to_end(finding)
            elif now - self._suspected.setdefault(finding, (now, began))[0] >= CONFIRM_S:
                del self._suspected[finding]
                self._count(finding)

    def _count(self, finding: Finding) -> None:
        self._known[finding] = None
        if len(self._known) > KNOWN_LIMIT:
            self._known.popitem(last=False)
        self._tally.count("audit_findings", kind=finding.kind)
        log.error("an invariant is broken", kind=finding.kind, call_id=finding.call_id, detail=finding.detail)

    def _forget_conditions(self, seen: AbstractSet[Finding]) -> None:
        """A spool that was late and is not any more counts again when it is late again."""
        for finding in [f for f in self._known if f.kind == "late_facts" and f not in seen]:
            del self._known[finding]
