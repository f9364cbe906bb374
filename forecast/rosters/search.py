"""Better rosters from a roster: some of it is planned anew, exactly, while all else stays, as long as there is time.

Large neighbourhood search: P. Shaw, "Using constraint programming and local search methods to solve vehicle routing problems", CP 1998. Three steps take turns:
a day is chosen anew for those who work on it (`day_anew`); some people are planned anew for a week; breaks are placed. Each program has only the days that
can feel the change. What a step finds is taken when it costs less and the checker, which knows nothing of how it was made, has nothing against it.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from forecast.rosters.check import violations
from forecast.rosters.cost import change
from forecast.rosters.cover import Cover, hand_out
from forecast.rosters.crew import Member, add_member, amounts
from forecast.rosters.day_anew import day_anew
from forecast.rosters.dealing import duties_of
from forecast.rosters.fairness import Fair
from forecast.rosters.frames import Frame, WeekFrame
from forecast.rosters.mip import Answer, Mip, Stop, never, solve
from forecast.rosters.model import Duty, Plan
from forecast.rosters.part import Part, part_of
from forecast.rosters.standing import Standing
from forecast.rosters.window import window
from forecast.rosters.wishes import personal

AT_ONCE = 700
"""So many possible shifts are planned anew in one step."""
STEP_S, STEP_SHARE = 4.0, 0.02
"""For a step: so many seconds, or such a part of what is left where that is more; after two rounds that found nothing twice as long, up to"""
STEP_LONGEST_S = 60.0
BREAKS_SHARE = 1 / 3
"""At most so much of the time is for placing the breaks of all."""
BREAKS_S = 4.0
"""But so much there is for it in any case: a roster needs them."""
CLOSER = 0.1
"""A step comes nearer to its best than was wished of the whole."""


def search(standing: Standing, rounds: float = math.inf) -> int:
    """Plan days, then people, anew until the gap is as wished, the time is over, or so many rounds (a step for each day) found nothing.

    Returns the number of steps.
    """
    standing.stage = "search"
    steps, idle = 0, 0
    days = standing.frames[0].weeks[-1].end
    while not standing.over and idle < rounds * days:
        before = standing.cost
        longest = max(STEP_S, standing.left() * STEP_SHARE) * 2 ** min(idle // (2 * days), 4)
        seconds = min(standing.left(), longest, STEP_LONGEST_S)
        if idle < days:
            _day_anew(standing, steps % days, seconds)
        else:
            _people_anew(standing, seconds)
        idle = 0 if standing.cost < before - 1e-6 else idle + 1
        standing.report()
        steps += 1
    return steps


def take_breaks(standing: Standing, duties: list[Duty]) -> None:
    """Place the breaks of all, and take that as the roster if it is better."""
    standing.stage = "breaks"
    seconds = max(standing.left() * BREAKS_SHARE, BREAKS_S)
    anew(standing, duties, (), seconds=seconds, gap=standing.limits.gap * CLOSER, stop=never)


def anew(
    standing: Standing, duties: Sequence[Duty], free: Sequence[Frame], *, seconds: float, gap: float, stop: Stop
) -> Answer:
    """Plan some people anew while all others keep their duties, but for the times of breaks; take what comes out if it is better."""
    plan = standing.plan
    names = {plan.people[frame.person].id for frame in free}
    stay = [duty for duty in duties if duty.person not in names]
    mip = Mip()
    members = [add_member(mip, plan, frame, standing.fair) for frame in free]
    settled = [(standing.frame_of[duty.person], duty) for duty in stay]
    cover = Cover(mip, plan, amounts(plan, members, settled), whole_breaks=True)
    everybody = len(names) == len(standing.frames)
    answer = solve(
        mip,
        seconds=seconds,
        gap=gap,
        start=present(plan, members, standing.duties) if standing.begun else None,
        stop=stop,
        # the solver completes a start by a smaller program, and tells of that one's bound too: it is none of ours
        tell=(lambda _cost, bound: standing.hear(bound)) if everybody and not standing.begun else None,
    )
    if everybody:
        standing.hear(answer.bound)
    if len(answer.x):
        others = [person for person in plan.people if person.id not in names]
        found = hand_out(plan, [*stay, *duties_of(plan, members, answer.x)], standing.serves, cover.breaks, answer.x)
        standing.take(found, answer.objective + personal(plan, stay, others).cost)
    return answer


def present(plan: Plan, members: Sequence[Member], duties: Sequence[Duty]) -> dict[int, float]:
    """Return what members do by these duties, for a program to begin with."""
    numbers = {kind.id: n for n, kind in enumerate(plan.types)}
    has: dict[str, dict[int, int]] = defaultdict(dict)
    for duty in duties:
        has[duty.person][(duty.day - plan.first).days] = numbers[duty.shift]
    values: dict[int, float] = {}
    for member in members:
        own = has[plan.people[member.frame.person].id]
        values.update({column: float(own.get(day) == s) for (day, s), column in member.columns.items()})
        for (number, pattern), column in member.patterns.items():
            week = member.frame.weeks[number]
            now = sum(1 << day for day in own if week.begin <= day < week.end)
            values[column] = float(pattern == now)
    return values


# --- steps ----------------------------------------------------------------------------------------------------------------


def _day_anew(standing: Standing, number: int, seconds: float) -> None:
    """Choose the shifts of one day anew for those who work on it."""
    found = day_anew(
        standing.plan,
        standing.frame_of,
        standing.duties,
        number,
        seconds=seconds,
        gap=standing.limits.gap * CLOSER,
        stop=standing.stop,
    )
    if found is not None:
        _take(standing, *found)


def _people_anew(standing: Standing, seconds: float) -> None:
    """Plan some people, chosen by lot, anew for a week."""
    plan, weeks = standing.plan, standing.frames[0].weeks
    number = standing.dice.randrange(len(weeks))
    week = weeks[number]
    some = _some(standing, week)
    if len(weeks) == 1:
        part = Part(plan=plan, frames=some)
    else:
        part = part_of(plan, some, number, _has(standing))
        near = window(plan, week.begin, week.begin + part.plan.days)
        part = Part(plan=replace(part.plan, needs=near.needs), frames=part.frames)
    names = {plan.people[frame.person].id for frame in some}

    def stays(duty: Duty) -> bool:
        return duty.person not in names or not week.begin <= (duty.day - plan.first).days < week.end

    stay = [duty for duty in standing.duties if stays(duty)]
    mip = Mip()
    members = [add_member(mip, part.plan, frame, Fair(part.plan)) for frame in part.frames]
    given = [duty for duty in stay if part.plan.first <= duty.day <= part.plan.last]
    cover = Cover(mip, part.plan, amounts(part.plan, members, ()), given=given, whole_breaks=True)
    start = present(part.plan, members, standing.duties)
    answer = solve(mip, seconds=seconds, gap=standing.limits.gap * CLOSER, start=start, stop=standing.stop)
    if len(answer.x):
        own = hand_out(part.plan, duties_of(part.plan, members, answer.x), standing.serves, cover.breaks, answer.x)
        after = [*stay, *own]
        _take(standing, after, change(plan, standing.duties, after, week.begin, week.end + 1))


def _take(standing: Standing, duties: list[Duty], more: float) -> None:
    """Take a roster that costs so much more than the present one, if that is less and it breaks no rule."""
    if more < -1e-6 and math.isfinite(standing.cost):
        plan = standing.plan
        names = {duty.person for duty in set(duties) ^ set(standing.duties)}
        people = tuple(person for person in plan.people if person.id in names)
        alone = replace(plan, people=people, needs=(), before=())
        if not violations(alone, [duty for duty in duties if duty.person in names]):
            standing.take(duties, standing.cost + more)


def _has(standing: Standing) -> list[dict[int, int]]:
    """Return the shifts that everybody has."""
    place = {person.id: n for n, person in enumerate(standing.plan.people)}
    has: list[dict[int, int]] = [{} for _ in standing.plan.people]
    for duty in standing.duties:
        has[place[duty.person]][(duty.day - standing.plan.first).days] = standing.numbers[duty.shift]
    return has


def _some(standing: Standing, week: WeekFrame) -> list[Frame]:
    """Return some people by lot: so many that what they could have in a week is not too much."""
    order = list(standing.frames)
    standing.dice.shuffle(order)
    chosen: list[Frame] = []
    size = 0
    for frame in order:
        size += sum(len(day) for day in frame.allowed[week.begin : week.end])
        if chosen and size > AT_ONCE:
            break
        chosen.append(frame)
    return chosen
