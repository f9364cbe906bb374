"""One week of a longer plan, while the days around it stand: a plan of its own, and what everybody can do in it. Pure.

What stands before is carried along as the past of every person. What stands after, or is fixed there, limits the last days. Of the hours of
a month the week gets so much that the other weeks can have what the relaxation of the whole plan gives them (`Guide`), and that nobody is left
with more to do than he can.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from forecast.rosters.frames import Frame, WeekFrame, allowed_on, hours_fit, longest
from forecast.rosters.hours import NO_LIMIT, Hours
from forecast.rosters.model import DAY_MIN, Duty, Need, Past, Person, Plan
from forecast.rosters.weeks import WEEK_DAYS

Shifts = Mapping[int, int]
"""One person's shifts: number of the day -> number of the shift type."""
Hint = Mapping[tuple[int, int], float]
"""How often one person of a class has each shift (day, type) in the relaxation of a plan."""


@dataclass(frozen=True, kw_only=True)
class Guide:
    """What people like somebody have in the relaxation of the whole plan: person by person, day by day."""

    hours: Sequence[Sequence[float]]
    works: Sequence[Sequence[float]]
    """How often he works."""
    nights: Sequence[Sequence[float]]


def guide_of(plan: Plan, hints: Sequence[Hint]) -> Guide:
    """Return what these shifts, one mapping for each person, mean for the weeks of a plan."""
    hours, works, nights = ([[0.0] * plan.days for _ in hints] for _ in range(3))
    for n, hint in enumerate(hints):
        for (day, s), many in hint.items():
            hours[n][day] += many * plan.types[s].hours
            works[n][day] += many
            nights[n][day] += many * plan.types[s].night
    return Guide(hours=hours, works=works, nights=nights)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A week, ready to be made."""

    plan: Plan
    frames: list[Frame]


def part_of(plan: Plan, whole: Sequence[Frame], number: int, has: Sequence[Shifts], guide: Guide | None = None) -> Part:
    """Return the week of a number, for those of whom there are frames.

    `whole` are their frames of the plan, `has` what everybody has on the days that are planned already. Without a guide all other weeks stand:
    who has nothing there on a day is off.
    """
    week = plan.weeks[number]
    morning = _has_morning(plan, week.end)
    people = tuple(
        replace(person, past=_with_later(plan, carried(plan, person, _until(has[n], week.begin), week.begin), n, week.end, has[n], guide))
        for n, person in enumerate(plan.people)
    )  # fmt: skip
    part = replace(
        plan,
        first=plan.day(week.begin),
        days=week.days + morning,
        people=people,
        needs=tuple(_need(plan, need, week.begin, week.end, morning=morning) for need in plan.needs),
        before=plan.before if number == 0 else _nights_before(plan, has, week.begin),
        luckiest=plan.fewest(),
    )
    frames = [
        _frame(plan, part, frame, number, has[frame.person], None if guide is None else guide.hours[frame.person])
        for frame in whole
    ]
    return Part(plan=part, frames=frames)


def _until(has: Shifts, day: int) -> Shifts:
    return {d: s for d, s in has.items() if d < day}


def _with_later(plan: Plan, past: Past, person: int, end: int, has: Shifts, guide: Guide | None) -> Past:
    """Return a past that also counts the nights, weekend days and holidays after a week: one more costs as much as it will in all of the plan."""
    if guide is None:
        works = {d: 1.0 for d in has if d >= end}
        nights = float(sum(plan.types[s].night for d, s in has.items() if d >= end))
    else:
        works = {d: guide.works[person][d] for d in range(end, plan.days)}
        nights = sum(guide.nights[person][end:])
    return replace(
        past,
        nights=past.nights + round(nights),
        weekend_days=past.weekend_days + round(sum(many for d, many in works.items() if plan.is_weekend(plan.day(d)))),
        holidays=past.holidays + round(sum(many for d, many in works.items() if plan.is_holiday(plan.day(d)))),
    )


def carried(plan: Plan, person: Person, has: Shifts, day: int) -> Past:
    """Return what a person brings along to a day of the plan, with what he has had in it."""
    past = person.past
    if day == 0:
        return past
    nights = {d for d, s in has.items() if plan.types[s].night}
    run, nights_run = _run(set(has), day), _run(nights, day)
    busy = None if past.busy_until_min is None else past.busy_until_min - day * DAY_MIN
    if has:
        last = max(has)
        busy = plan.types[has[last]].end_min - (day - last) * DAY_MIN
    since = None if past.days_since_night is None else past.days_since_night + day
    return replace(
        past,
        nights=past.nights + len(nights),
        weekend_days=past.weekend_days + sum(plan.is_weekend(plan.day(d)) for d in has),
        holidays=past.holidays + sum(plan.is_holiday(plan.day(d)) for d in has),
        days_in_row=run + (past.days_in_row if run == day else 0),
        nights_in_row=nights_run + (past.nights_in_row if nights_run == day else 0),
        days_since_night=day - max(nights) if nights else since,
        busy_until_min=busy,
    )


def _run(days: set[int], end: int) -> int:
    run = 0
    while end - run - 1 in days:
        run += 1
    return run


# --- the plan -------------------------------------------------------------------------------------------------------------


def _has_morning(plan: Plan, end: int) -> bool:
    """Return whether nights of the week reach into a day of the plan after it."""
    return end < plan.days and any(kind.end_min > DAY_MIN for kind in plan.types)


def _need(plan: Plan, need: Need, begin: int, end: int, *, morning: bool) -> Need:
    """Return a week's need. Of the morning after it there is what only nights can meet: until the first shift of that day begins."""
    agents = need.agents[begin:end]
    if not morning:
        return replace(need, agents=agents)
    starts = (kind.start_min for kind in plan.types if not kind.night and plan.has_type(kind, plan.day(end)))
    until = min(starts, default=DAY_MIN) // plan.step_min
    left = tuple(value if slot < until else 0.0 for slot, value in enumerate(need.agents[end]))
    return replace(need, agents=(*agents, left))


def _nights_before(plan: Plan, has: Sequence[Shifts], begin: int) -> tuple[Duty, ...]:
    """Return the duties of the day before that reach into the week."""
    yesterday = ((person, own.get(begin - 1)) for person, own in zip(plan.people, has, strict=True))
    return tuple(
        Duty(person=person.id, day=plan.day(begin - 1), shift=plan.types[s].id)
        for person, s in yesterday
        if s is not None and plan.types[s].end_min > DAY_MIN
    )


# --- what a person can do -------------------------------------------------------------------------------------------------


def _frame(plan: Plan, part: Plan, whole: Frame, number: int, has: Shifts, guide: Sequence[float] | None) -> Frame:
    """Return what a person can do in the week."""
    person, week = part.people[whole.person], whole.weeks[number]
    days = range(week.begin, week.end)
    ahead = _ahead(plan, plan.people[whole.person], has, week.end)
    allowed = tuple(
        tuple(s for s in allowed_on(part, person, day - week.begin) if _can_go_on(plan, whole, day, s, ahead))
        for day in days
    )
    limits = tuple(_hours(plan, whole, number, limit, has, guide) for limit in whole.hours if _touches(limit, week))
    limits += tuple(
        Hours(begin=begin - week.begin, end=end - week.begin, low=0.0, high=normal + _overtime_left(plan, o.weeks, o.most, begin, has))
        for o in whole.overtime
        for begin, end, normal in o.weeks
        if begin == week.begin
    )  # fmt: skip
    run_ahead = next((n for n in range(plan.days - week.end) if ahead.get(week.end + n) is None), plan.days - week.end)
    possible = sum(1 << d for d, types in enumerate(allowed) if types)
    weekly = [limit for limit in limits if (limit.begin, limit.end) == (0, len(days))]

    def fits(pattern: int) -> bool:
        working = [bool(pattern >> d & 1) for d in range(len(days))]
        return (
            not pattern & ~possible
            and longest([*working, *[True] * run_ahead], True, person.past.days_in_row) <= whole.days_in_row_max
            and all(hours_fit(part, allowed, pattern, limit.low, limit.high) for limit in weekly)
        )

    patterns = tuple(p for p in (pattern >> week.begin for pattern in week.patterns) if fits(p))
    return replace(
        whole,
        allowed=(*allowed, *[()] * (part.days - len(days))),
        weeks=(WeekFrame(begin=0, end=len(days), patterns=patterns, nights_max=week.nights_max),),
        hours=limits,
        overtime=(),
        days_before=person.past.days_in_row,
        nights_before=person.past.nights_in_row if whole.nights_in_row_max < WEEK_DAYS else 0,
    )


def _ahead(plan: Plan, person: Person, has: Shifts, end: int) -> dict[int, int]:
    """Return the shifts after the week that stand already, or are fixed."""
    numbers = {kind.id: n for n, kind in enumerate(plan.types)}
    fixed = {(f.day - plan.first).days: numbers[f.shift] for f in person.fixed if f.shift}
    return {day: s for day, s in {**fixed, **has}.items() if end <= day < plan.days}


def _can_go_on(plan: Plan, whole: Frame, day: int, s: int, ahead: Shifts) -> bool:
    """Return whether a shift leaves the rest, and the days off after a night, before what stands after the week."""
    kind = plan.types[s]
    for later, next_s in ahead.items():
        after = plan.types[next_s]
        if kind.end_min + whole.rest_min > (later - day) * DAY_MIN + after.start_min:
            return False
        if kind.night and not after.night and later - day <= whole.off_after_nights:
            return False
    return True


def _touches(limit: Hours, week: WeekFrame) -> bool:
    return limit.begin < week.end and week.begin < limit.end


def _hours(plan: Plan, whole: Frame, number: int, limit: Hours, has: Shifts, guide: Sequence[float] | None) -> Hours:
    """Return what a limit leaves for the days of the week that it is about."""
    week = whole.weeks[number]
    begin, end = max(limit.begin, week.begin), min(limit.end, week.end)
    others = [d for d in range(limit.begin, limit.end) if not week.begin <= d < week.end]
    done = sum(plan.types[has[d]].hours for d in others if d in has)
    later = [d for d in others if d >= week.end and d not in has]
    low, high = limit.low - done, limit.high - done
    if later and guide is not None:
        most = {
            d: max((plan.types[s].hours for s in whole.allowed[d]), default=0.0) for d in (*later, *range(begin, end))
        }
        now, then = (
            _could(whole, most, begin, end),
            sum(_could(whole, most, w.begin, w.end) for w in whole.weeks[number + 1 :]),
        )
        longest_shift = max(most.values(), default=0.0)
        share = low * now / max(now + then, 1e-9) - longest_shift
        low = max(min(share, now), low - then)
        wanted = sum(guide[d] for d in later if whole.allowed[d]) - longest_shift / 2
        needed = sum(h.low for h in whole.hours if h.begin >= week.end and h.end <= limit.end)
        high = max(high - max(wanted, needed), low)
    return Hours(begin=begin - week.begin, end=end - week.begin, low=max(low, 0.0), high=max(high, 0.0))


def _could(whole: Frame, most: Mapping[int, float], begin: int, end: int) -> float:
    """Return the most hours that a person could have on some days of a week, by its patterns and its limit."""
    week = next((w for w in whole.weeks if w.begin <= begin and end <= w.end), None)
    if week is None:
        return 0.0
    best = max((sum(most.get(d, 0.0) for d in range(begin, end) if p >> d & 1) for p in week.patterns), default=0.0)
    own = [h.high for h in whole.hours if (h.begin, h.end) == (week.begin, week.end)]
    return min(best, *own, NO_LIMIT)


def _overtime_left(plan: Plan, weeks: Sequence[tuple[int, int, float]], most: float, begin: int, has: Shifts) -> float:
    """Return how much overtime the other weeks leave."""
    return most - sum(
        max(sum(plan.types[s].hours for d, s in has.items() if first <= d < end) - normal, 0.0)
        for first, end, normal in weeks
        if first != begin
    )
