"""The metrics services: one that folds facts into numbers, and one for processes that fold none.

What is folded from facts is true for the whole hotline, so exactly one process may export it (the one that runs `metrics`):
twice, it would count twice in every sum. What parts tell about themselves is exported by the process they are in.
"""

from collections import deque
from collections.abc import Iterator
from typing import ClassVar

from hotline.facts import Fact, Record
from hotline.runtime.clock import Clock
from hotline.settings import Settings
from hotline.tally import Tally
from metrics.board import Board, Observation, see
from metrics.definitions import DEFINITIONS
from metrics.exporter import Exporter
from metrics.fold import Fold

TICK_S = 0.5
CHECK_S = 60.0
DRAIN_S = 10.0
LAG_TICKS = 30
"""Ticks whose worst lateness is shown: 15 seconds."""


class _Ticker:
    """A timer, how late it was lately, and which round of it is one for taking the tally's observations."""

    def __init__(self, now: float) -> None:
        self.at = now + TICK_S
        self._drain_at = now + DRAIN_S
        self._lags: deque[float] = deque(maxlen=LAG_TICKS)

    def tick(self, now: float) -> bool:
        """Note how late it is; return whether the tally's observations are to be taken."""
        self._lags.append(max(now - self.at, 0.0))
        self.at = now + TICK_S
        drains = now >= self._drain_at
        if drains:
            self._drain_at = now + DRAIN_S
        return drains

    def lag(self) -> Observation:
        """Return the worst lateness of late."""
        return see("event_loop_lag_seconds", max(self._lags, default=0.0))


class ProcessMetrics:
    """The numbers that a process has about itself: what its parts tell, its event loop, the process and the build."""

    name: ClassVar[str] = "metrics"
    kinds: ClassVar[tuple[type[Record], ...]] = ()
    """It asks for no records; its inbox only ends it."""

    def __init__(self, settings: Settings, tally: Tally, clock: Clock) -> None:
        told = tuple(metric for metric in DEFINITIONS if metric.source != "facts")
        self._ticker = _Ticker(clock.now())
        self._exporter = Exporter(Board(settings, told), tally, levels=lambda _now: [self._ticker.lag()], now=clock.now)

    async def handle(self, record: Record, now: float) -> None:
        """Ignore a record that was not asked for."""

    def next_deadline(self) -> float:
        """Return the next tick of the timer."""
        return self._ticker.at

    async def wake(self, now: float) -> None:
        """Note how late the timer is; take the tally's observations when it is time."""
        if self._ticker.tick(now):
            self._exporter.drain()

    def exposition(self) -> tuple[bytes, str]:
        """Return the body and the content type of an answer to `GET /metrics`."""
        return self._exporter.exposition()


class MetricsService:
    """Turns what happens into numbers; `exposition` is what the web server answers `GET /metrics` with.

    The lateness of the timer includes what the service's own inbox holds it up, so under a flood of facts it is an upper
    bound of the event loop's lag.
    """

    name: ClassVar[str] = "metrics"
    kinds: ClassVar[tuple[type[Record], ...]] = (Fact,)
    """What to subscribe it to."""

    def __init__(self, settings: Settings, tally: Tally, clock: Clock, *, whole: bool = True) -> None:
        """`whole`: whether all of the hotline is in this process, so that its parts know its gauges better than the fold."""
        now = clock.now()
        self._board = Board(settings)
        self._fold = Fold(settings)
        self._exporter = Exporter(self._board, tally, levels=self._levels, now=clock.now, owners_word=whole)
        self._ticker = _Ticker(now)
        self._check_at = now + CHECK_S

    async def handle(self, record: Record, now: float) -> None:
        """Fold one fact."""
        if isinstance(record, Fact):
            self._apply(self._fold.handle(record, now))

    def next_deadline(self) -> float:
        """Return the next tick of the timer."""
        return self._ticker.at

    async def wake(self, now: float) -> None:
        """Note how late the timer is; check the books and take the tally's observations when it is time."""
        drains = self._ticker.tick(now)
        if now >= self._check_at:
            self._check_at = now + CHECK_S
            self._apply(self._fold.check(now))
        if drains:
            self._exporter.drain()

    def exposition(self) -> tuple[bytes, str]:
        """Return the body and the content type of an answer to `GET /metrics`."""
        return self._exporter.exposition()

    def _apply(self, observations: list[Observation]) -> None:
        for observation in observations:
            self._board.apply(observation)

    def _levels(self, now: float) -> Iterator[Observation]:
        yield from self._fold.levels(now)
        yield self._ticker.lag()
