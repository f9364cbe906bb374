"""Which forecasts a backtest makes: from which origins, of which periods. Pure.

An **origin** is a period from which on nothing is known; a forecast made there is scored on its **targets**. Origins roll forward (Tashman
2000, "Out-of-sample tests of forecasting accuracy"): one lucky month proves nothing. The first origins are a **warm-up**: the automatic
choice learns from them which model is good, and only the later ones are scored, so that nothing is chosen on the days of the test.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.series.counts import Counts, Unit
from hotline.errors import Misuse

Integers = NDArray[np.int64]

NO_TARGET = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class Protocol:
    """A plan of origins and targets over the periods of one history."""

    unit: Unit
    origins: Integers
    """(O,): the number of the first period that is not known, ascending."""
    targets: Integers
    """(O, L): the numbers of the periods that are forecast, `NO_TARGET` where there is none."""
    warmup: int = 0
    """So many origins are not scored."""
    refit_every: int = 1
    """Origins between two fits; in between models are updated."""
    memory: int | None = None
    """Only so many last periods are learnt; None: all."""

    @property
    def leads(self) -> int:
        """How many periods ahead the furthest target is."""
        return int(self.targets.shape[1])

    def scored(self) -> "Protocol":
        """Return the origins after the warm-up."""
        return self.part(self.warmup, len(self.origins))

    def part(self, start: int, stop: int) -> "Protocol":
        """Return the origins number `start` to `stop` (not included), without a warm-up."""
        return Protocol(
            unit=self.unit,
            origins=self.origins[start:stop],
            targets=self.targets[start:stop],
            refit_every=self.refit_every,
            memory=self.memory,
        )


def each_period(
    counts: Counts,
    last: int,
    *,
    leads: int = 1,
    warmup: int = 0,
    refit_every: int = 1,
    memory: int | None = None,
    least: int = 10,
) -> Protocol:
    """Return one origin for each of the last periods; targets are the next `leads` periods, as far as they are known.

    Args:
        counts: the history with the days of the test at its end.
        last: how many of the last periods are origins of the test.
        leads: how many periods ahead are forecast.
        warmup: how many origins before those; fewer where the history is short.
        refit_every: origins between two fits.
        memory: how many periods are learnt at most.
        least: so many periods must be known before the first origin. Raises Misuse when they are not.
    """
    total = len(counts.periods)
    first = max(total - last - warmup, least)
    if total - last < least:
        raise Misuse(f"{total} periods are not enough: {last} origins need {last + least}")
    origins = np.arange(first, total)
    targets = origins[:, None] + np.arange(leads)[None, :]
    return Protocol(
        unit=counts.unit,
        origins=origins,
        targets=np.where(targets < total, targets, NO_TARGET),
        warmup=total - last - first,
        refit_every=refit_every,
        memory=memory,
    )


def weekly(
    counts: Counts, weeks: int, *, warmup: int = 0, refit_every: int = 1, leads_days: int = 7, least: int = 28
) -> Protocol:
    """Return one origin a week, the weeks counted back from the last day; the targets are the days known of the next `leads_days`.

    Raises Misuse when fewer than `least` periods are known before the first week of the test.
    """
    numbers = counts.periods.astype("datetime64[D]").astype(np.int64)
    starts = [int(numbers[-1]) + 1 - 7 * back for back in range(weeks + warmup, 0, -1)]
    rows = []
    for start in starts:
        origin = int(np.searchsorted(numbers, start))
        stop = int(np.searchsorted(numbers, start + leads_days))
        if origin >= least and stop > origin:
            rows.append((origin, range(origin, stop)))
    scored = [origin for origin, _ in rows if numbers[origin] >= starts[warmup]]
    if not scored:
        raise Misuse(f"{len(numbers)} days are not enough for a test of {weeks} weeks")
    targets = np.full((len(rows), max(len(row) for _, row in rows)), NO_TARGET, dtype=np.int64)
    for number, (_, row) in enumerate(rows):
        targets[number, : len(row)] = row
    return Protocol(
        unit=counts.unit,
        origins=np.array([origin for origin, _ in rows], dtype=np.int64),
        targets=targets,
        warmup=len(rows) - len(scored),
        refit_every=refit_every,
    )
