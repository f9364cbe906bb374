"""From a plan to a roster: who works when, with the least cost and a bound that says how much better it could be at most.

Small plans are one exact program. Large ones go three steps:

1. **Classes**: people who are alike are counted, not named (`counts`). This program is small, and what it costs is a bound for the whole.
2. **People**: within each class every person gets shifts so that the numbers of the classes come out (`dealing`); breaks are placed.
3. **Search**: days, then people, are planned anew while all else stays (`search`), until the gap to the bound is as wished or the time is over. When it
   finds nothing more, the program of the classes is branched on: that raises the bound, and may give better numbers to deal out.

Plans of several weeks go week by week in this way (`rolling`); the classes of the whole plan give the bound for all of it, and how the hours of a
month are best spread over its weeks. What time is left goes into the search over all days and people.

Every roster on the way keeps every rule: what can be short is only the need. Deterministic but for the time limit, which counts from the call on. Who
gives no time at all still gets a roster: dealing to everybody by himself takes as long as it takes.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from forecast.rosters.cost import account
from forecast.rosters.counts import branch, count, relax
from forecast.rosters.dealing import deal
from forecast.rosters.explain import check_possible
from forecast.rosters.frames import frames
from forecast.rosters.mip import Stop, never
from forecast.rosters.model import Duty, Plan, roster
from forecast.rosters.outcome import Limits, Progress, Solved, Tell, gap_of
from forecast.rosters.part import Hint, Part, guide_of
from forecast.rosters.rolling import roll
from forecast.rosters.search import anew, search, take_breaks
from forecast.rosters.standing import Standing
from hotline.errors import Unavailable
from hotline.runtime.clock import stopwatch

SMALL = 1_200
"""Plans of at most so many possible shifts of people are solved as one program."""
SMALL_LONG = 500
"""The same for plans of several weeks."""
CLASSES_SHARE = 0.55
"""Part of the time for the classes."""
CLASSES_GAP = 0.4
"""Part of the wished gap for the classes."""
ROUNDS = 2
"""So many rounds of the search without anything found are enough, before something else is tried."""
BRANCH_SHARE = 0.5
"""Part of the time that is left then for branching on the classes."""
WEEKS_SHARE = 0.8
"""Part of the time for making week by week."""
BOUND_SHARE = 0.4
"""At most so much of it for the bound of all weeks."""


def make(
    plan: Plan,
    limits: Limits | None = None,
    *,
    start: Sequence[Duty] = (),
    tell: Tell = lambda _progress: None,
    stop: Stop = never,
) -> Solved:
    """Return the best roster of a plan that is found within the limits.

    `start` is a roster to begin with; it must keep the rules. `stop` is asked now and then whether to give up. Raises
    `forecast.rosters.explain.Infeasible` when rules collide, and Unavailable when there was no time for a first roster.
    """
    watch = stopwatch()
    check_possible(plan)
    standing = Standing(plan, frames(plan), limits or Limits(), watch, tell, stop)
    possible = _possible(standing)
    if start:
        take_breaks(standing, list(start))
    steps = 0
    weekly: Sequence[float] = ()
    if len(plan.weeks) > 1 and possible > SMALL_LONG:
        weekly = _weeks(standing, start)
        steps = search(standing)
    elif possible <= SMALL:
        _whole(standing)
    else:
        steps = _one_week(standing)
        steps += _thoroughly(standing)
    return _solved(standing, steps, weekly)


def _possible(standing: Standing) -> int:
    """Return how many shifts people could have."""
    return sum(len(day) for frame in standing.frames for day in frame.allowed)


def _solved(standing: Standing, steps: int, weekly: Sequence[float]) -> Solved:
    if not standing.begun:
        raise Unavailable("there was no time for a first roster; allow more")
    return Solved(
        roster=roster(standing.plan, standing.duties),
        cost=standing.cost,
        bound=min(standing.bound, standing.cost),
        gap=gap_of(standing.cost, standing.bound),
        seconds=standing.watch(),
        ending="optimal" if standing.reached else "stopped",
        steps=steps,
        weekly=tuple(weekly),
        pay=standing.pay,
    )


def _whole(standing: Standing) -> None:
    """Make a small plan at once; without the time for that, deal to everybody by himself."""
    standing.stage = "whole"
    gap = standing.limits.gap
    anew(standing, standing.duties, standing.frames, seconds=standing.left(), gap=gap, stop=standing.stop)
    if not standing.begun:
        standing.stage = "people"
        take_breaks(standing, deal(standing, [(tuple(standing.frames), {})], gap * CLASSES_GAP))


def _one_week(standing: Standing, hints: Sequence[Hint] = ()) -> int:
    """Make a week by classes, and search on until nothing more is found soon. Returns the number of steps."""
    gap = standing.limits.gap * CLASSES_GAP
    counts = count(standing, standing.left() * CLASSES_SHARE, gap, hints)
    standing.stage = "people"
    take_breaks(standing, deal(standing, counts, gap))
    return search(standing, ROUNDS)


def _thoroughly(standing: Standing) -> int:
    """Use what time is left of a week: better numbers and a better bound by branching, then the search again. Returns the number of steps."""
    if standing.over:
        return 0
    standing.stage = "classes"
    counts = branch(standing, standing.left() * BRANCH_SHARE)
    if counts and not standing.over:
        standing.stage = "people"
        take_breaks(standing, deal(standing, counts, 0.0))
    return search(standing)


def _weeks(standing: Standing, start: Sequence[Duty]) -> list[float]:
    """Make week after week. Returns the gap of each by itself."""
    plan, weeks = standing.plan, standing.plan.weeks
    standing.stage = "bound"
    standing.report()
    hints = relax(standing, standing.left() * BOUND_SHARE)
    weekly: list[float] = []

    def make_week(part: Part, number: int, begin: Sequence[Duty]) -> Sequence[Duty]:
        seconds = max(standing.left() * WEEKS_SHARE / (len(weeks) - number), 0.0)
        own = _standing_of_week(standing, part, number, seconds)
        first = weeks[number].begin
        if begin:
            take_breaks(own, list(begin))
        if _possible(own) <= SMALL:
            _whole(own)
        else:
            _one_week(own, [{(day - first, s): n for (day, s), n in hint.items() if day >= first} for hint in hints])
        weekly.append(gap_of(own.cost, own.bound))
        return own.duties

    duties = roll(plan, standing.frames, guide_of(plan, hints), make_week, start)
    standing.stage = "search"
    standing.take(duties, account(plan, duties).cost)
    return weekly


def _standing_of_week(standing: Standing, part: Part, number: int, seconds: float) -> Standing:
    """Return the standing of one week of a longer plan, with so many seconds; what it tells has its place in the plan."""
    watch, weeks = stopwatch(), len(standing.plan.weeks)
    tell = _tell_week(standing, number, weeks)
    limits = replace(standing.limits, seconds=seconds)
    return Standing(part.plan, part.frames, limits, watch, tell, standing.stop)


def _tell_week(standing: Standing, number: int, weeks: int) -> Callable[[Progress], None]:
    return lambda now: standing.tell(replace(now, seconds=standing.watch(), week=number + 1, weeks=weeks))
