"""From numbers to names: within each class of people who are alike everybody gets shifts so that the numbers of the class come out, as far as they can.

Wishes and fairness are as good as can be. What a person must and may do stays exact; only the numbers of a class can be missed.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from forecast.rosters.cover import Floats
from forecast.rosters.crew import Member, Slot, add_member
from forecast.rosters.frames import Frame
from forecast.rosters.mip import Answer, Mip, Stop, never, solve
from forecast.rosters.model import Duty, Plan
from forecast.rosters.standing import Standing

Counts = Sequence[tuple[tuple[Frame, ...], Mapping[Slot, float]]]
"""Classes of people, each with how many of them have which shift on which day."""

CLASS_S, CLASS_SHARE = 10.0, 0.2
"""For the people of one class: so many seconds, or such a part of what is left where that is more (a machine may be busy)."""
ALONE_S = 10.0
"""For one person when there is no time for a class: it takes some hundredths, and has to be done."""
OFF_COUNT = 100.0
"""What a shift more or less than the class has costs while people get theirs."""


def deal(standing: Standing, counts: Counts, gap: float) -> list[Duty]:
    """Return everybody's duties, breaks not placed. `gap` is how near to the best each class has to come."""
    duties: list[Duty] = []
    for group, wanted in counts:
        duties += _of_class(standing, group, wanted, gap)
        standing.report()
    return duties


def duties_of(plan: Plan, members: Sequence[Member], x: Floats) -> list[Duty]:
    """Return the duties that a program of this plan gives to its members, breaks not placed."""
    return [
        Duty(person=plan.people[member.frame.person].id, day=plan.day(day), shift=plan.types[s].id)
        for member in members
        for (day, s), column in member.columns.items()
        if x[column] > 0.5
    ]


def _of_class(standing: Standing, group: Sequence[Frame], wanted: Mapping[Slot, float], gap: float) -> list[Duty]:
    """Return duties for a class; when there is no time for all at once, person after person."""
    plan, left_s = standing.plan, standing.left()
    seconds = min(max(CLASS_S, left_s * CLASS_SHARE), left_s)
    if seconds > 0:
        answer, members = _solved(standing, group, wanted, seconds, gap, standing.stop)
        if len(answer.x):
            return duties_of(plan, members, answer.x)
    left, duties = dict(wanted), []
    for frame in group:
        answer, members = _solved(standing, [frame], left, ALONE_S, gap, never)
        own = duties_of(plan, members, answer.x)
        duties += own
        for duty in own:
            slot = (duty.day - plan.first).days, standing.numbers[duty.shift]
            left[slot] = left.get(slot, 0) - 1
    return duties


def _solved(
    standing: Standing, group: Sequence[Frame], wanted: Mapping[Slot, float], seconds: float, gap: float, stop: Stop
) -> tuple[Answer, list[Member]]:
    mip = Mip()
    members = [add_member(mip, standing.plan, frame, standing.fair) for frame in group]
    having: dict[Slot, list[int]] = defaultdict(list)
    for member in members:
        for slot, column in member.columns.items():
            having[slot].append(column)
    for slot, columns in having.items():
        count = max(wanted.get(slot, 0), 0)
        more, less = mip.column(cost=OFF_COUNT), mip.column(cost=OFF_COUNT)
        mip.row([*((c, 1.0) for c in columns), (more, -1.0), (less, 1.0)], count, count)
    return solve(mip, seconds=seconds, gap=gap, stop=stop), members
