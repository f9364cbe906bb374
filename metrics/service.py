"""The metrics service: feeds facts to the fold, checks the books each minute, measures the lateness of its own timer."""

from collections import deque
from collections.abc import Iterator
from typing import ClassVar

from hotline.facts import Fact, Record
from hotline.runtime.clock import Clock
from hotline.settings import Settings
from hotline.tally import Tally
from metrics.board import Board, Observation, see
from metrics.exporter import Exporter
from metrics.fold import Fold

TICK_S = 0.5
CHECK_S = 60.0
DRAIN_S = 10.0
LAG_TICKS = 30
"""Ticks whose worst lateness is shown: 15 seconds."""


class MetricsService:
    """Turns what happens into numbers; `exposition` is what the web server answers `GET /metrics` with.

    The lateness of the timer includes what the service's own inbox holds it up, so under a flood of facts it is an upper
    bound of the event loop's lag.
    """

    name: ClassVar[str] = "metrics"
    kinds: ClassVar[tuple[type[Record], ...]] = (Fact,)
    """What to subscribe it to."""

    def __init__(self, settings: Settings, tally: Tally, clock: Clock) -> None:
        now = clock.now()
        self._board = Board(settings)
        self._fold = Fold(settings)
        self._exporter = Exporter(self._board, tally, levels=self._levels, now=clock.now)
        self._tick_at = now + TICK_S
        self._check_at = now + CHECK_S
        self._drain_at = now + DRAIN_S
        self._lags: deque[float] = deque(maxlen=LAG_TICKS)

    async def handle(self, record: Record, now: float) -> None:
        """Fold one fact."""
        if isinstance(record, Fact):
            self._apply(self._fold.handle(record, now))

    def next_deadline(self) -> float:
        """Return the next tick of the timer."""
        return self._tick_at

    async def wake(self, now: float) -> None:
        """Note how late the timer is; check the books and take the tally's observations when it is time."""
        self._lags.append(max(now - self._tick_at, 0.0))
        self._tick_at = now + TICK_S
        if now >= self._check_at:
            self._check_at = now + CHECK_S
            self._apply(self._fold.check(now))
        if now >= self._drain_at:
            self._drain_at = now + DRAIN_S
            self._exporter.drain()

    def exposition(self) -> tuple[bytes, str]:
        """Return the body and the content type of an answer to `GET /metrics`."""
        return self._exporter.exposition()

    def _apply(self, observations: list[Observation]) -> None:
        for observation in observations:
            self._board.apply(observation)

    def _levels(self, now: float) -> Iterator[Observation]:
        yield from self._fold.levels(now)
        yield see("event_loop_lag_seconds", max(self._lags, default=0.0))
