"""Will enough people be there for the rest of the day? Compares what is required with who will be there, and raises an alarm. Pure.

An alarm **opens** when, in the time that is looked at, several intervals in a row lack as many agents as the rules say. It **closes** when
nothing of the kind has been seen in several looks, one after the other; and while it is open already half of that lack keeps it open. The
two thresholds and the looks are the hysteresis: a forecast that moves to and fro by one agent, or somebody who logs off for a moment, neither
raises an alarm and takes it back nor raises it anew (a Schmitt trigger with a delay).

"Too many" is judged by what is required when *many* call (the 90 % quantile), so that nobody is sent home on a mere expectation. It is an
alarm of its own that never stands beside "too few", which is the graver one: where people will be missing, it ends at once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from forecast.today.advice import Means, advise
from hotline.facts import GapKind, StaffingGapClosed, StaffingGapOpened
from hotline.ids import QueueId

CALM_LOOKS = 3
"""An alarm closes after so many looks without what keeps it open."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """One interval of the rest of the day in which the queue is open."""

    start: float
    end: float
    required: int
    """Agents, on the predictive distribution."""
    high: int
    """Agents if many call (with a chance of 10 %)."""
    expected: int | None
    """Who will be there, as far as it is known; None: nobody knows."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """When it is an alarm; see the settings `[forecast] gap_…`."""

    agents: int = 1
    share: float = 0.1
    intervals: int = 2
    ahead_s: float = 7_200.0
    over_agents: int = 3


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What is remembered of a queue between two looks."""

    kind: GapKind | None = None
    """The alarm that is open."""
    opened_at: float = 0.0
    calm: int = 0
    """Looks in a row without anything that keeps it open."""


Told = StaffingGapOpened | StaffingGapClosed


def look(
    watch: Watch, intervals: Sequence[Interval], rules: Rules, *, now: float, queue_id: QueueId, means: Means
) -> tuple[Watch, Told | None]:
    """Return what to remember, and the alarm that begins or ends now.

    `intervals` are those of the rest of the day, ascending, the present one first.
    """
    seen = [i for i in intervals if i.end > now and i.start < now + rules.ahead_s]
    if watch.kind is not None:
        return _keep(watch, watch.kind, seen, rules, now=now, queue_id=queue_id)
    for kind, lacks in _kinds(rules, share=1.0):
        run = _longest(seen, lacks, rules.intervals)
        if run:
            told = _opened(kind, run, now=now, queue_id=queue_id, means=means)
            return Watch(kind=kind, opened_at=now), told
    return Watch(), None


def missing(interval: Interval) -> int:
    """Return how many agents are missing; negative: so many more are there than are required. 0 where nobody knows."""
    return 0 if interval.expected is None else interval.required - interval.expected


def _spare(interval: Interval) -> int:
    return 0 if interval.expected is None else interval.expected - interval.high


def _kinds(rules: Rules, *, share: float) -> Iterator[tuple[GapKind, Callable[[Interval], bool]]]:
    """Yield each kind of alarm with its test; `share` of the threshold is enough."""

    def short(i: Interval) -> bool:
        needed = max(rules.agents, rules.share * i.required) * share
        return missing(i) > 0 and missing(i) >= needed

    def over(i: Interval) -> bool:
        return _spare(i) > 0 and _spare(i) >= rules.over_agents * share

    yield "short", short
    yield "over", over


def _longest(seen: Sequence[Interval], lacks: Callable[[Interval], bool], least: int) -> list[Interval]:
    """Return the first run of at least so many intervals in a row; all there are, where fewer are left of the day."""
    least = max(min(least, len(seen)), 1)
    run: list[Interval] = []
    for interval in seen:
        if lacks(interval) and (not run or interval.start == run[-1].end):
            run.append(interval)
        elif len(run) >= least:
            return run
        else:
            run = [interval] if lacks(interval) else []
    return run if len(run) >= least else []


def _opened(
    kind: GapKind, run: Sequence[Interval], *, now: float, queue_id: QueueId, means: Means
) -> StaffingGapOpened:
    worst = max(run, key=missing if kind == "short" else _spare)
    return StaffingGapOpened(
        at=now, queue_id=queue_id, kind=kind, first=run[0].start, last=run[-1].end, worst_at=worst.start,
        required=worst.required, expected=worst.expected or 0, advice=advise(kind, means),
    )  # fmt: skip


def _keep(
    watch: Watch, kind: GapKind, seen: Sequence[Interval], rules: Rules, *, now: float, queue_id: QueueId
) -> tuple[Watch, Told | None]:
    if not seen:
        return Watch(), StaffingGapClosed(
            at=now, queue_id=queue_id, kind=kind, opened_at=watch.opened_at, reason="day_over"
        )
    lacks = dict(_kinds(rules, share=0.5))[kind]
    turned = kind == "over" and bool(_longest(seen, dict(_kinds(rules, share=1.0))["short"], rules.intervals))
    if any(lacks(i) for i in seen) and not turned:
        return replace(watch, calm=0), None
    if watch.calm + 1 < CALM_LOOKS and not turned:
        return replace(watch, calm=watch.calm + 1), None
    known = any(i.expected is not None for i in seen)
    return Watch(), StaffingGapClosed(
        at=now, queue_id=queue_id, kind=kind, opened_at=watch.opened_at, reason="covered" if known else "not_known"
    )
