"""The only reader of clocks.

Services live on a *steady* time: seconds since 1970 that advance with the monotonic clock, so that a wall clock that is set
forward or back neither fires timers nor bends durations. It is anchored to the wall clock once, at start.
"""

import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Tells the time in seconds since 1970, UTC; never goes back."""

    def now(self) -> float:
        """Return the present time."""


class SteadyClock:
    """The real clock."""

    def __init__(self) -> None:
        self._anchor = time.time() - time.monotonic()

    def now(self) -> float:
        return self._anchor + time.monotonic()

    def wall_drift_s(self) -> float:
        """Return how far the machine's wall clock has moved away from ours since the start, in seconds."""
        return time.time() - self.now()


def wall_time() -> float:
    """Return the machine's wall clock: only for what other programs on the machine compare with theirs."""
    return time.time()


class ManualClock:
    """A clock that tests and simulations set by hand."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> float:
        """Move forward by `seconds` (not negative) and return the new time."""
        if seconds < 0:
            raise ValueError("a clock does not go back")
        self._now += seconds
        return self._now


def stopwatch() -> Callable[[], float]:
    """Start measuring; the returned function tells the seconds since."""
    start = time.perf_counter()
    return lambda: time.perf_counter() - start


def processor_seconds() -> float:
    """Return the processor time this process has used, in seconds."""
    return time.process_time()
