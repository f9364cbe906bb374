"""When callers come. Pure: rates, counts or the callers themselves go in, times come out.

Within an interval, callers come as a Poisson process. Real half hours vary more than that (variance by mean 5.8 and 7.5 in the two banks of
the forecasts' test data): with a `dispersion` above 1 the rate of each interval is first multiplied by a gamma number of mean 1, so that the
count has that variance by mean (a negative binomial count: Jongbloed, Koole, "Managing uncertainty in call centres using Poisson
mixtures", 2001).
"""

from collections.abc import Iterable, Iterator

import msgspec

from acd.simulation.streams import Stream


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time, in seconds since the simulation's beginning, and how many callers are expected in it."""

    start_s: float
    length_s: float
    calls: float


def intervals_of(counts: Iterable[float], *, start_s: float, length_s: float) -> tuple[Interval, ...]:
    """Return intervals that follow one another."""
    return tuple(
        Interval(start_s=start_s + number * length_s, length_s=length_s, calls=count)
        for number, count in enumerate(counts)
    )


def poisson(intervals: Iterable[Interval], stream: Stream, *, dispersion: float = 1.0) -> Iterator[float]:
    """Yield times of arrival, in order, at the rates of the intervals."""
    for interval in intervals:
        expected = interval.calls
        if dispersion > 1 and expected > 0:
            shape = expected / (dispersion - 1)
            expected *= stream.gammavariate(shape, 1 / shape)
        if expected <= 0:
            continue
        rate = expected / interval.length_s
        at = stream.expovariate(rate)
        while at < interval.length_s:
            yield interval.start_s + at
            at += stream.expovariate(rate)


def as_counted(intervals: Iterable[Interval], stream: Stream) -> Iterator[float]:
    """Yield exactly the counted callers, in order, each anywhere in his interval."""
    for interval in intervals:
        number = round(interval.calls)
        for share in sorted(stream.random() for _ in range(number)):
            yield interval.start_s + share * interval.length_s
