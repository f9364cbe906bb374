"""Counts as CSV that `forecast.series.files` reads back, and any spreadsheet. Pure."""

import math
from collections.abc import Iterator

from forecast.series.counts import Counts

HEADERS = {"slot": "ts,calls", "day": "date,calls", "month": "month,calls"}


def lines_of(counts: Counts) -> Iterator[str]:
    """Yield the header and a line for each interval, day or month, in local time; what is not known has an empty cell."""
    yield HEADERS[counts.unit]
    periods = [str(period) for period in counts.periods]
    clocks = [f" {start // 60:02d}:{start % 60:02d}:00" if counts.unit == "slot" else "" for start in counts.starts_min]
    for period, row in zip(periods, counts.values.tolist(), strict=True):
        for clock, calls in zip(clocks, row, strict=True):
            yield f"{period}{clock},{'' if math.isnan(calls) else f'{calls:.10g}'}"
