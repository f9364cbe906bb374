"""The door to what is known of a queue: its series and what its calls cost, read from the journal and the imported history."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from forecast.horizons.plan import Histories
from forecast.of_settings import hours_of
from forecast.series import handling, patience
from forecast.series.counts import Counts
from forecast.series.history import read_days, read_months, read_series
from forecast.series.intervals import well_known
from forecast.series.journal import read_calls
from hotline.settings import Settings
from hotline.settings.queues import Queue
from hotline.store.pool import Store

DAY_S = 86_400.0
DAYS_BACK_S = 10 * 366 * DAY_S
"""Whole days are few numbers: they are looked at for so long, whatever the setting says of intervals."""
MEASURED_BACK_S = 28 * DAY_S
"""How long calls take and how long callers wait is measured over the last weeks."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Known:
    """What is known of a queue."""

    histories: Histories
    until: float
    """Up to when."""
    handling_s: float | None = None
    """How long a call takes; None: too few were measured."""
    handling_cv: float = 1.0
    patience_s: float | None = None
    """None: too few gave up to measure it."""

    @property
    def days(self) -> int:
        """Return how many days have a count."""
        return max(_known(self.histories.slots), _known(self.histories.days))

    @property
    def months(self) -> int:
        """Return how many imported months have a count."""
        return _known(self.histories.months)


def _known(counts: Counts | None) -> int:
    return 0 if counts is None else int(np.isfinite(counts.values).any(axis=1).sum())


class Reader(Protocol):
    """Whoever knows histories: the database, or a test."""

    async def read(self, queue: Queue, now: float) -> Known:
        """Return what is known of a queue up to `now`. Raises the store's errors, and Misuse for history that does not fit the settings."""

    async def read_since(self, queue: Queue, since: float, now: float) -> Counts | None:
        """Return the intervals from `since` until `now`. Raises as `read`."""


class Archive:
    """The reader of the database."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def read(self, queue: Queue, now: float) -> Known:
        """See `Reader`."""
        said, hours = self._settings.forecast, hours_of(self._settings, queue)
        slots = await read_series(
            self._store, queue.id, hours=hours, begin=now - said.history_days * DAY_S, end=now, step_min=said.slot_min
        )
        days = await read_days(self._store, queue.id, hours=hours, begin=now - DAYS_BACK_S, end=now)
        months = await read_months(self._store, queue.id)
        calls = await read_calls(self._store, queue.id, zone=hours.timezone, begin=now - MEASURED_BACK_S, end=now)
        handled = handling.measure(calls.handled_s)
        patient = patience.measure(calls.wait_s, calls.abandoned, short_s=queue.short_abandon_s)
        return Known(
            histories=Histories(slots=None if slots is None else well_known(slots), days=days, months=months),
            until=now,
            handling_s=None if handled is None else handled.mean_s,
            handling_cv=1.0 if handled is None else handled.cv,
            patience_s=None if patient is None else patient.mean_s,
        )

    async def read_since(self, queue: Queue, since: float, now: float) -> Counts | None:
        """See `Reader`."""
        return await read_series(
            self._store,
            queue.id,
            hours=hours_of(self._settings, queue),
            begin=since,
            end=now,
            step_min=self._settings.forecast.slot_min,
        )
