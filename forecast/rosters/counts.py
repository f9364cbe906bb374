"""People who are alike, counted and not named: how many of each class have which shift on which day, and the bound that follows from it.

What classes cost at best is a bound for every roster (see `crew`), and so is the relaxation of their program, in which half a person may have a shift.
"""

from collections import defaultdict
from collections.abc import Sequence

from forecast.rosters.cover import Cover
from forecast.rosters.crew import Class, Slot, add_class, amounts, classes
from forecast.rosters.dealing import Counts
from forecast.rosters.frames import Frame
from forecast.rosters.mip import Answer, Mip, dive, relaxation, solve
from forecast.rosters.part import Hint
from forecast.rosters.standing import Standing

LEAST_S = 0.5
"""With less time a program of classes is not even begun."""


def count(standing: Standing, seconds: float, gap: float, hints: Sequence[Hint]) -> Counts:
    """Return how many of each class have each shift, to a gap; without the time for whole numbers, what comes near.

    `hints` are taken where there was no time for anything. The bound goes to the standing.
    """
    if seconds < LEAST_S:
        groups = classes(standing.plan, standing.frames)
        return [(group, _hinted(group, hints)) for group in groups]
    mip, able = _program(standing)
    answer = dive(mip, seconds=seconds, gap=gap, tell=lambda _cost, bound: standing.hear(bound), stop=standing.stop)
    standing.hear(answer.bound)
    if len(answer.x):
        return _whole_numbers(able, answer)
    if answer.near is not None:
        return [(a.frames, {slot: float(answer.near[c]) for slot, c in a.columns.items()}) for a in able]
    return [(a.frames, _hinted(a.frames, hints)) for a in able]


def branch(standing: Standing, seconds: float) -> Counts:
    """Branch and cut on the program of classes: a better bound, and better numbers where some are found; it ends when the roster is near enough to it."""
    mip, able = _program(standing)
    answer = solve(
        mip,
        seconds=seconds,
        gap=0.0,
        tell=lambda _cost, bound: standing.hear(bound),
        stop=lambda: standing.over,
        barrier=True,
    )
    standing.hear(answer.bound)
    return _whole_numbers(able, answer) if len(answer.x) else []


def relax(standing: Standing, seconds: float) -> list[Hint]:
    """Hear the bound of the plan, and return the shifts that its relaxation gives to one of each class, by person."""
    hints: list[Hint] = [{} for _ in standing.plan.people]
    if seconds < LEAST_S:
        return hints
    mip, able = _program(standing)
    answer = relaxation(mip, seconds=seconds)
    standing.hear(answer.bound)
    for group in able if len(answer.x) else ():
        mean = {slot: float(answer.x[c]) / len(group.frames) for slot, c in group.columns.items()}
        for frame in group.frames:
            hints[frame.person] = mean
    return hints


def _whole_numbers(able: Sequence[Class], answer: Answer) -> Counts:
    return [(a.frames, {slot: round(float(answer.x[c])) for slot, c in a.columns.items()}) for a in able]


def _program(standing: Standing) -> tuple[Mip, list[Class]]:
    plan, mip = standing.plan, Mip()
    able = [add_class(mip, plan, group, standing.fair) for group in classes(plan, standing.frames)]
    Cover(mip, plan, amounts(plan, able, ()))
    return mip, able


def _hinted(group: Sequence[Frame], hints: Sequence[Hint]) -> dict[Slot, float]:
    """Return what the relaxation of a longer plan gives to these people in this one."""
    counts: dict[Slot, float] = defaultdict(float)
    for frame in group if hints else ():
        for slot, many in hints[frame.person].items():
            counts[slot] += many
    return counts
