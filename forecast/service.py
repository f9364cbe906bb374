"""The forecaster: hears what happens, knows when what is due, and has it done, one duty of a queue after the other.

The loop that every service lives in feeds `handle` and `wake`, which only note: facts go into the live series and the staff, duties into
two lists. Two tasks take them from there: `keep_up` does those of the day, which are quick and must be on time, `learn` does what takes minutes (fits,
comparisons). Both work through the pool, so the event loop is never held up, and a duty that fails is told and tried again at its next time.

With several processes one has the turn (`forecast.duties.turn`); the others hear everything and stand ready.
"""

import asyncio
from collections.abc import Awaitable, Container, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import structlog

from forecast.duties.daily import Daily
from forecast.duties.doors import Doors
from forecast.duties.gauges import DAYS_SCORED, Gauges
from forecast.duties.learning import Learning, today_of
from forecast.duties.schedule import Duty, Times, begin, due
from forecast.duties.sharing import Sharing
from forecast.duties.standing import Standing
from forecast.duties.turn import Turn
from forecast.duties.whatif import Asked
from forecast.of_settings import hours_of
from forecast.series.live import LiveSeries
from forecast.today.staff import Staff
from hotline.errors import HotlineError, Rejected, StandingBy
from hotline.facts import (
    AgentAdded,
    AgentStateChanged,
    Fact,
    ForecastReason,
    Record,
    RosterPublished,
    ShiftSwapped,
    SurgeSwitched,
)
from hotline.ids import QueueId
from hotline.runtime.clock import Clock
from hotline.settings import Settings

if TYPE_CHECKING:  # Erlang's formulas need SciPy: only the process that computes them loads it
    from forecast.staffing.whatif import Variant

FIRST: tuple[Duty, ...] = ("fit", "share", "choose")
"""What takes long, in the order in which it is done: without a forecast there is nothing to share, and a comparison can take an hour."""
AGAIN_S = 60.0
"""When the database was away at the start, it is tried again so soon."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Errand:
    """Something that takes long, to be done for a queue."""

    queue_id: QueueId
    duty: Duty
    reason: ForecastReason


class ForecastService:
    """See the module. The wiring runs `learn` and `keep_up` as tasks beside the service's own loop."""

    name: ClassVar[str] = "forecast"
    kinds: ClassVar[tuple[type[Record], ...]] = (Fact,)
    """What to subscribe it to."""

    def __init__(self, settings: Settings, clock: Clock, doors: Doors, turn: Turn) -> None:
        now = clock.now()
        self._settings = settings
        self._said = settings.forecast
        self._zone = settings.ivr.timezone
        self._clock = clock
        self._doors = doors
        self._turn = turn
        self._ours = False
        self._live = LiveSeries([q.id for q in settings.queues], now=now)
        self._staff = Staff(settings.queues, settings.all_agents())
        self._times: Times = begin(now, self._said, self._zone, shared=turn.shared)
        self._standings = {q.id: Standing(queue=q, hours=hours_of(settings, q)) for q in settings.queues}
        self._sharing = Sharing(settings, doors, self._staff, self._standings)
        self._learning = Learning(settings, doors, self._sharing)
        self._daily = Daily(settings, doors, self._staff, self._learning, self._sharing)
        self._gauges = Gauges(doors.tally)
        self._errands: dict[tuple[QueueId, Duty], Errand] = {}
        self._errand = asyncio.Event()
        self._quick: list[Duty] = []
        self._quick_due = asyncio.Event()
        self._under_way = 0
        self._rosters_changed = True

    # --- the service's own loop -----------------------------------------------------------------------------------------

    async def handle(self, record: Record, now: float) -> None:
        """Note a fact."""
        if isinstance(record, AgentAdded | AgentStateChanged | SurgeSwitched):
            self._staff.take(record)
        if isinstance(record, RosterPublished | ShiftSwapped):
            self._rosters_changed = True
        if isinstance(record, Fact):
            self._live.take(record, now=now)

    def next_deadline(self) -> float:
        """Return when a duty is due, or an interval of the series is over."""
        return min(self._times.next(), self._live.next_deadline())

    async def wake(self, now: float) -> None:
        """Note which duties are due."""
        self._live.advance(now)
        self._times, duties = due(self._times, now, self._said, self._zone, shared=self._turn.shared)
        for duty in duties:
            if duty in ("turn", "interval", "look"):
                self._quick_do(duty)
            else:
                self.ask(duty, "nightly" if duty == "fit" else "chosen")

    def ask(self, duty: Duty, reason: ForecastReason, queue_id: str | None = None) -> None:
        """Have something done that takes long, for a queue or all. Raises Rejected for one that there is not."""
        if queue_id is not None and queue_id not in self._standings:
            raise Rejected("not_found", f"there is no queue {queue_id}")
        for queue in self._standings if queue_id is None else (queue_id,):
            errand = Errand(queue_id=QueueId(queue), duty=duty, reason=reason)
            self._errands.setdefault((errand.queue_id, duty), errand)
        self._errand.set()

    # --- what takes long ------------------------------------------------------------------------------------------------

    async def learn(self) -> None:
        """Do what takes long, one errand after the other, for ever."""
        await self._begin()
        while True:
            if not self._errands:
                self._errand.clear()
            await self._errand.wait()
            errand = self._errands.pop(min(self._errands, key=lambda key: FIRST.index(key[1])))
            await self._guarded(self._run(errand), errand.duty)

    async def _begin(self) -> None:
        """Take over what is kept, and the turn, if it is free."""
        while True:
            if await self._restored():
                break
            await asyncio.sleep(AGAIN_S)
        await self._look_whose_turn()

    async def _restored(self) -> bool:
        try:
            await self._learning.restore(self._standings)
            self._staff.learn(await self._doors.tables.last_agents())
            self._staff.learn(await self._doors.tables.last_states(self._clock.now()))
            await self._sharing.restore()
        except HotlineError as exc:
            log.warning("the forecaster cannot begin yet", error=str(exc))
            return False
        return True

    async def _run(self, errand: Errand) -> None:
        if not self._ours:
            return
        standing, now = self._standings[errand.queue_id], self._clock.now()
        self._sharing.regroup()
        if errand.duty == "choose":
            if await self._learning.choose(standing, now):
                self.ask("fit", "chosen", standing.id)
            return
        if errand.duty == "share":
            if await self._sharing.measure(standing, now):
                await self._sharing.count([standing], now)
                self._quick_do("follow")
            return
        if not await self._learning.learn(standing, now, errand.reason):
            return
        await self._learning.rehearse(standing, now)
        self._quick_do("follow")
        if self._sharing.due(standing, now, errand.reason):
            self.ask("share", errand.reason, standing.group[0])
        if not standing.picks:
            self.ask("choose", "chosen", standing.id)
        if errand.reason in ("start", "nightly"):
            await self._score(standing, now)

    async def _score(self, standing: Standing, now: float) -> None:
        """Score what was said, forget what is too old, and tell how good it was."""
        await self._learning.score(standing, now)
        await self._doors.tables.forget(now, self._said.keep_days)
        today = today_of(now, self._zone)
        first = today - timedelta(days=DAYS_SCORED)
        self._gauges.accuracy(await self._doors.tables.accuracy(standing.id, None, first, today))

    # --- the day ----------------------------------------------------------------------------------------------------------

    def _quick_do(self, duty: Duty) -> None:
        self._quick.append(duty)
        self._quick_due.set()

    async def keep_up(self) -> None:
        """Do the duties of the day, for ever."""
        while True:
            await self._quick_due.wait()
            self._quick_due.clear()
            duties, self._quick = dict.fromkeys(self._quick), []
            await self._guarded(self._keep_up(duties), "interval")

    async def _keep_up(self, duties: Container[Duty]) -> None:
        await self._look_whose_turn()
        ended, follows = "interval" in duties, "interval" in duties or "follow" in duties
        if not self._ours or not (follows or "look" in duties):
            return
        self._sharing.regroup()
        if follows or self._rosters_changed:
            await self._read_rosters()
        for standing in self._standings.values():
            now = self._clock.now()
            if ended:
                await self._guarded(self._daily.end_interval(standing, now), "interval")
            if follows and standing.state == "ready":
                heard = self._live.intervals(standing.id)
                await self._guarded(self._daily.follow(standing, heard, now), "follow")
        groups = {standing.id: self._group(standing) for standing in self._standings.values()}
        if follows:
            ready = [standing for standing in self._standings.values() if standing.state == "ready"]
            await self._guarded(self._daily.staff(ready, groups, self._clock.now()), "follow")
        for standing in self._standings.values():
            now = self._clock.now()
            self._daily.look(standing, groups[standing.id], now)
            self._gauges.show(standing, now, self._daily.present(standing, groups[standing.id], now))

    def _group(self, standing: Standing) -> list[Standing]:
        """Return the queues with which a queue shares agents, itself among them."""
        return [self._standings[name] for name in standing.group]

    async def _read_rosters(self) -> None:
        try:
            await self._daily.read_rosters(self._standings.values(), self._clock.now())
            self._rosters_changed = False
        except HotlineError as exc:
            log.warning("the rosters cannot be read", error=str(exc))

    async def _look_whose_turn(self) -> None:
        before, self._ours = self._ours, await self._turn.ours()
        self._gauges.turn(ours=self._ours)
        if self._ours and not before:
            self.ask("fit", "start")

    async def _guarded(self, work: Awaitable[None], duty: Duty) -> None:
        """Do something; what goes wrong is told and ends here, for the next duty may go well."""
        self._under_way += 1
        try:
            await work
        except HotlineError as exc:
            self._doors.tally.count("forecast_failures", duty=duty)
            log.warning("a duty of the forecaster failed", duty=duty, error=str(exc))
        except Exception:
            self._doors.tally.count("service_errors", service=self.name)
            log.exception("a duty of the forecaster failed", duty=duty)
        finally:
            self._under_way -= 1

    # --- for the API and the end ------------------------------------------------------------------------------------------

    @property
    def standings(self) -> Mapping[str, Standing]:
        """Return how each queue stands."""
        return self._standings

    @property
    def idle(self) -> bool:
        """Whether no duty waits, and none is under way."""
        return not (self._errands or self._quick or self._under_way)

    @property
    def ours(self) -> bool:
        """Whether this process makes the forecasts."""
        return self._ours

    def present(self, queue_id: str) -> int | None:
        """Return who is on duty for a queue; None: nothing was told of anybody yet."""
        standing = self._standings[queue_id]
        return self._daily.present(standing, self._group(standing), self._clock.now())

    def now(self) -> float:
        """Return the present time."""
        return self._clock.now()

    def order(self, queue_id: str | None, *, choose: bool) -> None:
        """Have queues learnt (and their models compared) anew now. Raises Rejected, and StandingBy where another process does that."""
        if not self._ours:
            raise StandingBy("another process makes the forecasts")
        self.ask("choose" if choose else "fit", "asked", queue_id)

    async def what_if(self, queue_id: str | None, variant: "Variant", until: float) -> list[Asked]:
        """Return what a variant would mean from now until a time. Raises StandingBy where another process makes the forecasts, and Misuse."""
        if not self._ours:
            raise StandingBy("another process makes the forecasts")
        return await self._sharing.what_if(queue_id, variant, self._clock.now(), until)

    def close(self) -> None:
        """Let another process begin at once."""
        self._turn.let_go()
