"""Adherence, live: hears states of agents and changes of rosters, and knows who should be where. What counts as adherence is in `adherence`."""

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar, get_args
from zoneinfo import ZoneInfo

import structlog

from forecast.rosters.adherence import Adherence, Kept, Kind, Place
from forecast.rosters.store import RosterStore
from hotline.errors import HotlineError
from hotline.facts import AgentStateChanged, Record, RosterPublished, ShiftSwapped
from hotline.tally import Tally

TICK_S = 15.0
RELOAD_S = 3_600.0
"""The schedule is read again so often, and at once when a roster changes."""
RETRY_S = 10.0
"""After a database that did not answer."""
DAYS_BEFORE, DAYS_AHEAD = 1, 2
STATES_SINCE = timedelta(days=3)

log = structlog.get_logger(__name__)


class RosterService:
    """See the module."""

    name: ClassVar[str] = "rosters"
    kinds: ClassVar[tuple[type[Record], ...]] = (AgentStateChanged, RosterPublished, ShiftSwapped)

    def __init__(
        self, rosters: RosterStore, tally: Tally, zone: ZoneInfo, now: float, *, tolerance_s: float = 180.0
    ) -> None:
        self._rosters, self._tally, self._zone = rosters, tally, zone
        self._adherence = Adherence(tolerance_s)
        self._tick_at = now
        self._reload_at = now
        self._begun = False

    async def handle(self, record: Record, now: float) -> None:
        """Take what happened."""
        match record:
            case AgentStateChanged():
                self._adherence.changed(record.agent_id, record.state, record.at, now)
            case _:
                self._reload_at = now  # read by the next `wake`, however many changes come at once

    def next_deadline(self) -> float:
        """Return when sums are due, or the schedule."""
        return min(self._tick_at, self._reload_at)

    async def wake(self, now: float) -> None:
        """Read the schedule when it is time, and renew sums and gauges."""
        if now >= self._reload_at:
            await self._reload(now)
        if now >= self._tick_at:
            self._tick_at = now + TICK_S
            self._adherence.settle(now)
            self._measure(now)

    def today(self, now: float) -> date:
        """Return the local day."""
        return datetime.fromtimestamp(now, self._zone).date()

    def places(self, now: float) -> list[Place]:
        """Return who should be where now."""
        return self._adherence.places(now)

    def sums(self, day: date, now: float) -> dict[str, Kept]:
        """Return what everybody kept of a day's shifts until now."""
        self._adherence.settle(now)
        return self._adherence.sums(day)

    async def _reload(self, now: float) -> None:
        today = self.today(now)
        try:
            spans = await self._rosters.spans(today - timedelta(days=DAYS_BEFORE), today + timedelta(days=DAYS_AHEAD))
            if not self._begun:
                await self._catch_up(today)
        except HotlineError as exc:
            self._reload_at = now + RETRY_S
            log.warning("the schedule could not be read", error=str(exc))
            return
        self._reload_at = now + RELOAD_S
        self._adherence.schedule(spans, now)

    async def _catch_up(self, today: date) -> None:
        """Fold what was told of agents before this process began, from yesterday's midnight on."""
        since = datetime.combine(today - timedelta(days=DAYS_BEFORE), datetime.min.time(), self._zone)
        fresh = Adherence(self._adherence.tolerance_s)
        fresh.schedule(await self._rosters.spans(since.date(), today + timedelta(days=DAYS_AHEAD)), since.timestamp())
        for row in await self._rosters.states(since.astimezone(UTC) - STATES_SINCE):
            at = row["began_at"].timestamp()
            fresh.changed(row["agent_id"], row["state"], at, at)
        for person, state, since_s in self._adherence.states():  # told while the database was asked, or not in it yet
            fresh.changed(person, state, since_s, max(since_s, since.timestamp()))
        self._adherence, self._begun = fresh, True

    def _measure(self, now: float) -> None:
        kept = self._adherence.sums(self.today(now)).values()
        scheduled_s = sum(k.scheduled_s for k in kept)
        if scheduled_s:
            self._tally.level("adherence_ratio", sum(k.kept_s for k in kept) / scheduled_s)
        else:
            self._tally.forget("adherence_ratio")
        places = self._adherence.places(now)
        self._tally.level("staff_scheduled", sum(place.scheduled == "work" for place in places))
        self._tally.level("staff_astray", sum(not place.adheres for place in places))
        found = Counter((place.scheduled, place.actual) for place in places)
        for scheduled, actual in itertools.product(get_args(Kind), repeat=2):
            if (scheduled, actual) != ("off", "off"):
                self._tally.level("staff_places", found[scheduled, actual], scheduled=scheduled, actual=actual)
