"""A forecaster in virtual time: its jobs run at once and in this process, its tables are lists, its clock is set by hand."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self, TypeVar

import numpy as np

from forecast.backtest.picks import Pick
from forecast.books.kept_choice import choice_of
from forecast.books.made import Made
from forecast.books.reading import Known
from forecast.books.tables import Choice, Need, Pooling, Tables
from forecast.duties.doors import Doors
from forecast.duties.jobs import HORIZONS
from forecast.duties.pooled import Points, ToMeasure
from forecast.duties.scoring import Said, Score
from forecast.duties.turn import Turn
from forecast.horizons.plan import Histories
from forecast.models import table
from forecast.processes.pool import JobFailed, Runner
from forecast.rosters.adherence import Span
from forecast.series.counts import Counts
from forecast.service import ForecastService
from hotline.errors import Unavailable
from hotline.facts import AgentAdded, AgentStateChanged, CallQueued, Fact, Horizon
from hotline.ids import AgentId, CallId, QueueId
from hotline.runtime.clock import ManualClock
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Settings
from hotline.settings.queues import Queue
from hotline.tally import Tally
from tests.support.wait import eventually
from tests.unit.forecast import generator

T = TypeVar("T")
ZONE = "Asia/Shanghai"
QUEUE = QueueId("service")
CARDS = QueueId("cards")
"""A second queue, for those who ask for it."""
FIRST = "2023-01-02"
"""The first day of the history, a Monday."""
DAYS = 70
TODAY = date(2023, 3, 13)
"""The day after the history, a Monday."""


def at(clock: str, day: date = TODAY) -> float:
    """Return the moment at which the clock of Shanghai shows this."""
    hours, minutes = (int(part) for part in clock.split(":"))
    local = datetime(day.year, day.month, day.day, hours, minutes, tzinfo=UTC)
    return (local - timedelta(hours=8)).timestamp()


def settings(**forecast: Any) -> Settings:
    said = {
        "country": "", "slot_min": 60, "models": ["weekday-mean", "seasonal-naive"], "gap_intervals": 1,
        "choose_weekday": "tue", **forecast,
    }  # fmt: skip
    return Settings(  # type: ignore[call-arg] # the settings read themselves
        queues=[{"id": "service", "opening": "desk", "surge_agents": []}],
        hours={"desk": {"timezone": ZONE, "weekly": {"mon-sun": ["08:00-14:00"]}}},
        forecast=said,
    )


class Inline:
    """Runs jobs here and now.

    `breaks` maps the name of a function to what goes wrong, once for each entry; `stalls` has the models (unit, name) over which every job stalls that
    comes to them.
    """

    def __init__(self) -> None:
        self.breaks: dict[str, list[Exception]] = {}
        self.stalls: set[tuple[str, str]] = set()
        self.ran: list[str] = []

    async def run(self, function: Callable[..., T], *arguments: Any, limit_s: float, tells: bool = False) -> T:
        assert limit_s > 0
        self.ran.append(function.__name__)
        if self.breaks.get(function.__name__):
            raise self.breaks[function.__name__].pop(0)
        return function(*arguments, self._told) if tells else function(*arguments)

    def _told(self, *words: str) -> None:
        if words in self.stalls:
            raise stalled(words)


def stalled(at: tuple[str, ...] = ()) -> JobFailed:
    return JobFailed("timeout", "learn took longer than 300 s", at)


class Past:
    """A reader of one history."""

    def __init__(self, slots: Counts | None) -> None:
        self.slots = slots
        self.today: dict[int, float] = {}
        """Minute of the slot -> calls of the present day."""
        self.away = False

    async def read(self, queue: Queue, now: float) -> Known:
        if self.away:
            raise Unavailable("database: it is away")
        assert queue.id in (QUEUE, CARDS)
        return Known(histories=Histories(slots=self.slots), until=now)

    async def read_since(self, queue: Queue, since: float, now: float) -> Counts | None:
        assert queue.id in (QUEUE, CARDS)
        assert since < now
        if self.away:
            raise Unavailable("database: it is away")
        if self.slots is None or not self.today:
            return None
        values = [self.today.get(start, np.nan) for start in self.slots.starts_min]
        return replace(self.slots, periods=np.array([TODAY], dtype="datetime64[D]"), values=np.array([values]))


class Lists(Tables):
    """Tables in memory."""

    def __init__(self) -> None:
        self.made: list[Made] = []
        self.needs: dict[tuple[QueueId, float], Need] = {}
        self.presence: dict[float, tuple[int | None, int | None]] = {}
        self.kept: dict[tuple[QueueId, Horizon], Choice] = {}
        self.scored: list[Score] = []
        self.forgotten: list[float] = []
        self.pooled: dict[tuple[str, ...], Pooling] = {}
        self.away = False

    def _look(self) -> None:
        if self.away:
            raise Unavailable("database: it is away")

    async def save(self, made: Iterable[Made]) -> None:
        self._look()
        self.made += made

    async def said(self, queue: QueueId, horizons: Sequence[Horizon], since: float, until: float) -> list[Said]:
        return [
            Said(
                queue_id=made.queue_id, horizon=made.horizon, model=made.model, made_at=made.made_at, period=row.period,
                starts_at=row.starts_at, mean=row.mean, quantiles=row.quantiles,
            )
            for made in self.made
            for row in made.rows
            if made.queue_id == queue and made.horizon in horizons and since <= row.starts_at < until
            and made.made_at <= (row.ends_at if made.horizon == "day" else row.starts_at)
        ]  # fmt: skip

    async def save_scores(self, scores: Iterable[Score]) -> None:
        self.scored += scores

    async def accuracy(self, queue: str | None, horizon: str | None, first: date, last: date) -> list[Any]:
        assert first < last
        return []

    async def save_needs(self, queue: QueueId, made_at: float, needs: Iterable[Need], *, whole: bool = False) -> None:
        self.needs.update({(queue, need.starts_at): need for need in needs})

    async def note_present(
        self, queue: QueueId, starts_at: float, present: int | None, scheduled: int | None = None
    ) -> None:
        self._look()
        self.presence[starts_at] = (present, scheduled)

    async def last_states(self, now: float) -> list[AgentStateChanged]:
        return []

    async def last_agents(self) -> list[AgentAdded]:
        return []

    async def poolings(self) -> list[Pooling]:
        return list(self.pooled.values())

    async def save_pooling(self, pooling: Pooling) -> None:
        self.pooled[pooling.queues] = pooling

    async def choices(self) -> list[Choice]:
        return list(self.kept.values())

    async def save_choice(self, choice: Choice) -> None:
        self.kept[choice.queue_id, choice.horizon] = choice

    async def forget(self, now: float, keep_days: int) -> None:
        self.forgotten.append(now)


class Shifts:
    """Rosters: whoever works, works from `work` on, without a break."""

    def __init__(self) -> None:
        self.work: dict[str, tuple[float, float]] = {}

    async def spans(self, first: date, last: date) -> dict[str, list[Span]]:
        assert first < TODAY + timedelta(days=30)
        return {p: [Span(begin=a, end=b, kind="work", day=TODAY)] for p, (a, b) in self.work.items()}


class Whose(Turn):
    """A turn that the test gives and takes."""

    def __init__(self, *, ours: bool = True) -> None:
        super().__init__(None)
        self.is_ours = ours
        self.is_shared = not ours

    @property
    def shared(self) -> bool:
        return self.is_shared

    async def ours(self) -> bool:
        return self.is_ours

    def let_go(self) -> None:
        self.is_ours = False


class House:
    """The forecaster and what is around it."""

    def __init__(
        self,
        said: Settings | None = None,
        *,
        slots: Counts | None = None,
        clock: str = "07:00",
        ours: bool = True,
        chosen: bool = True,
        tables: Lists | None = None,
    ) -> None:
        """`chosen`: whether models were chosen before; otherwise that is the first thing it does."""
        self.clock = ManualClock(at(clock))
        self.runner, self.quick = Inline(), Inline()
        self.past, self.turn, self.tally = Past(slots), Whose(ours=ours), Tally()
        self.tables = Lists() if tables is None else tables
        self.rosters = Shifts()
        self.facts: list[Fact] = []
        self.measured: list[ToMeasure] = []
        self.points: Points = ((10.0, 0.5),)
        if chosen:
            picks = (Pick(unit=unit, model=table.BASELINES[unit], why="as before") for unit in HORIZONS)
            choices = [choice_of(queue, pick, 0.0) for pick in picks for queue in (QUEUE, CARDS)]
            self.tables.kept = {(choice.queue_id, choice.horizon): choice for choice in choices}
        self._said = said or settings()
        self.service = self.service_with(self.runner)
        self._tasks = TaskGroup("test")

    def service_with(self, slow: Runner) -> ForecastService:
        """Return a forecaster that does here what takes long."""
        doors = Doors(
            reader=self.past, tables=self.tables, rosters=self.rosters, slow=slow, quick=self.quick, measure=self.measure, publish=self.facts.append, tally=self.tally,
        )  # fmt: skip
        return ForecastService(self._said, self.clock, doors, self.turn)

    async def __aenter__(self) -> Self:
        self._tasks.spawn(self.service.learn(), name="learn")
        self._tasks.spawn(self.service.keep_up(), name="keep up")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.close()

    @property
    def standing(self) -> Any:
        return self.service.standings[QUEUE]

    def told(self, kind: type[T], /, **fields: object) -> list[T]:
        """Return the facts of a kind with these fields."""
        return [
            f for f in self.facts if isinstance(f, kind) and all(getattr(f, name) == v for name, v in fields.items())
        ]

    async def wait_told(self, kind: type[T], count: int = 1, /, **fields: object) -> list[T]:
        """Wait until so many facts of a kind with these fields are told."""
        return await eventually(
            lambda: found if len(found := self.told(kind, **fields)) >= count else None,
            every_s=0.002,
            what=f"{count} {kind.__name__} {fields}; state {self.standing.state} {self.standing.why}; {self.tally.counts}",
        )

    async def settled(self) -> None:
        """Wait until everything that was to be done at the start is done."""
        await eventually(
            lambda: self.service.idle and self.standing.state != "starting", every_s=0.0, what="the first duties"
        )

    async def go_to(self, clock: str, day: date = TODAY) -> None:
        """Let time pass up to a moment, and every deadline on the way come."""
        end = at(clock, day)
        while (deadline := self.service.next_deadline()) <= end:
            self.clock.advance(max(deadline - self.clock.now(), 0.0))
            await self.service.wake(self.clock.now())
            await eventually(lambda: self.service.idle, every_s=0.0, what="the duties of a moment")
        self.clock.advance(end - self.clock.now())

    def measure(self, task: ToMeasure) -> Points:
        """Say what the test wants to hear of shared agents."""
        self.measured.append(task)
        return self.points

    async def agent(self, name: str, state: Any, *queues: QueueId) -> None:
        """Let an agent change his state, of one queue if none is said."""
        fact = AgentStateChanged(
            at=self.clock.now(), agent_id=AgentId(name), state=state, previous="offline", queues=queues or (QUEUE,)
        )
        await self.service.handle(fact, self.clock.now())

    async def callers(self, count: int) -> None:
        """Let so many callers enter the queue now."""
        now = self.clock.now()
        for number in range(count):
            call = CallQueued(at=now, call_id=CallId(f"{now}-{number}"), queue_id=QUEUE, entered_at=now)
            await self.service.handle(call, now)


def history(days: int = DAYS, level: float = 60) -> Counts:
    """Return counts of the days before TODAY."""
    first = np.datetime64(TODAY) - days
    return replace(generator.slots(first=str(first), count=days, level=level), zone=ZONE)
