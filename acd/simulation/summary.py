"""From the books of many replications to numbers with confidence intervals. Pure.

Method: independent replications (Law, Simulation Modeling and Analysis, ch. 9). Every replication is a day of its own and gives one value of
each number; the mean of these values is reported with the interval mean +/- t * s / sqrt(n) of Student's t with n - 1 degrees of freedom,
which covers the true mean in 95 % of all cases. Within a day callers depend on one another, so single callers would give intervals that are too
narrow. One replication has no interval.

Two policies are compared by the differences within each replication: both met the same callers, so most of the luck cancels.

Shares are of all callers of a replication; a number that a replication cannot have (the mean wait of nobody) is left out of the mean.
"""

from collections.abc import Iterable, Mapping
from math import sqrt
from statistics import NormalDist, fmean, stdev

import msgspec

from acd.simulation.books import Books, Stay
from hotline.ids import QueueId
from hotline.settings.queues import Queue

TOTAL = "total"
QUANTILES = (0.5, 0.9, 0.95, 0.99)
_T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""97.5 % quantiles of Student's t with 1 to 30 degrees of freedom."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A number from replications."""

    mean: float
    half_width: float | None = None
    """The 95 % interval is `mean` plus and minus this; None: one replication tells nothing about it."""

    def holds(self, value: float) -> bool:
        """Return whether a value lies within the interval."""
        return self.half_width is not None and abs(value - self.mean) <= self.half_width


NAMES = {
    "offered": "callers",
    "answered": "answered",
    "abandoned": "hung up",
    "flowed_out": "sent elsewhere",
    "waiting": "still waiting at the end",
    "service_level": "service level (B)",
    "abandonment": "share that hung up",
    "short_abandoned": "hung up within the short limit",
    "asa_s": "mean wait of the answered",
    "wait_p50_s": "50 % of them waited at most",
    "wait_p90_s": "90 %",
    "wait_p95_s": "95 %",
    "wait_p99_s": "99 %",
    "longest_wait_s": "longest wait of anybody",
    "handling_s": "mean of talk and wrap-up",
    "occupancy": "occupancy",
    "overtakes": "passed over",
    "no_answer": "rings that nobody answered",
}
"""What is reported, in words; docs/simulation.md defines each."""

Values = dict[str, float | None]
"""One replication's numbers for one queue."""


def values_of(books: Books, queues: Iterable[Queue]) -> dict[str, Values]:
    """Return the numbers of one replication, for each queue and all together."""
    queues = tuple(queues)
    stays: dict[str, list[Stay]] = {q.id: [] for q in queues}
    last: dict[str, Stay] = {}
    for stay in books.stays:
        stays.setdefault(stay.queue_id, []).append(stay)
        last[stay.call_id] = stay
    limits = {q.id: (q.threshold_s, q.short_abandon_s) for q in queues}
    found = {q.id: _values(stays[q.id], limits, books, {QueueId(q.id)}) for q in queues}
    found[TOTAL] = _values(list(last.values()), limits, books, {QueueId(q.id) for q in queues})
    return found


def _values(stays: list[Stay], limits: Mapping[str, tuple[float, float]], books: Books, queues: set[QueueId]) -> Values:
    answered = [s for s in stays if s.end == "answered"]
    abandoned = [s for s in stays if s.end == "abandoned"]
    waits = sorted(s.wait_s for s in answered)
    in_time = sum(s.wait_s <= limits[s.queue_id][0] for s in answered)
    short = sum(s.wait_s < limits[s.queue_id][1] for s in abandoned)
    handled = sum(books.handled[q] for q in queues)
    offers = sum(books.offers[q] for q in queues)
    return {
        "offered": float(len(stays)),
        "answered": float(len(answered)),
        "abandoned": float(len(abandoned)),
        "flowed_out": float(sum(s.end == "flowed_out" for s in stays)),
        "waiting": float(sum(s.end == "waiting" for s in stays)),
        "service_level": _share(in_time, len(answered) + len(abandoned)),
        "abandonment": _share(len(abandoned), len(stays)),
        "short_abandoned": float(short),
        "asa_s": fmean(waits) if waits else None,
        **{f"wait_p{round(q * 100)}_s": quantile(waits, q) for q in QUANTILES},
        "longest_wait_s": max((s.wait_s for s in stays), default=None),
        "handling_s": _share(sum(books.handled_s[q] for q in queues), handled),
        "occupancy": _occupancy(books, queues),
        "overtakes": float(sum(books.overtakes[q] for q in queues)),
        "no_answer": _share(sum(books.unanswered[q] for q in queues), offers),
    }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _occupancy(books: Books, queues: set[QueueId]) -> float | None:
    times = [books.states[agent] for agent, serves in books.agents.items() if serves & queues]
    work = sum(t[state] for t in times for state in ("talking", "wrap_up"))
    return _share(work, work + sum(t["ready"] for t in times))


def quantile(ordered: list[float], share: float) -> float | None:
    """Return the least value that at least `share` of them do not exceed."""
    if not ordered:
        return None
    return ordered[min(max(int(-(-share * len(ordered) // 1)) - 1, 0), len(ordered) - 1)]


def estimate(values: Iterable[float | None]) -> Estimate | None:
    """Return mean and 95 % interval of the values of independent replications; None if there are none."""
    known = [v for v in values if v is not None]
    if not known:
        return None
    if len(known) < 2:
        return Estimate(mean=known[0])
    return Estimate(mean=fmean(known), half_width=student(len(known) - 1) * stdev(known) / sqrt(len(known)))


def student(degrees: int) -> float:
    """Return the 97.5 % quantile of Student's t; beyond the table by Cornish and Fisher's expansion (Abramowitz, Stegun 26.7.5)."""
    if degrees <= len(_T_975):
        return _T_975[degrees - 1]
    z = NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


def together(replications: list[dict[str, Values]]) -> dict[str, dict[str, Estimate | None]]:
    """Return the estimates of each number, for each queue and all together."""
    return {
        queue: {name: estimate(r[queue][name] for r in replications) for name in NAMES}
        for queue in (replications[0] if replications else ())
    }


def differences(ours: list[dict[str, Values]], base: list[dict[str, Values]]) -> dict[str, dict[str, Estimate | None]]:
    """Return by how much one policy's numbers differ from another's, replication by replication."""
    pairs = list(zip(ours, base, strict=True))
    return {
        queue: {name: estimate(_minus(a[queue][name], b[queue][name]) for a, b in pairs) for name in NAMES}
        for queue in (ours[0] if ours else ())
        if queue in base[0]
    }


def _minus(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right
