"""People as columns and rows of a program: one by one (exact), or as classes of people who are alike (a bound, and a goal for the exact one).

Of a class the program says only how many have each shift on each day. Every rule of its members becomes a rule about such numbers that
holds whenever each member keeps his (sums of hours and nights, rest between two days, patterns of working days), and every cost becomes what
it is at least. So the best that classes can do is a bound for what people can do.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from forecast.rosters.cover import Amount, Serves
from forecast.rosters.fairness import Fair, add_fairness
from forecast.rosters.frames import Frame, conflicts
from forecast.rosters.hours import NO_LIMIT, Hours, Overtime
from forecast.rosters.mip import Mip, Term
from forecast.rosters.model import Duty, Plan, Wish
from forecast.rosters.pay import add_overtime, rest_days_price, shift_price

Slot = tuple[int, int]
"""Day and shift type, by number."""
Patterns = Sequence[Sequence[tuple[int, int]]]
"""Week by week: patterns of working days, each with the column that says how many have it; the same one may come for several groups."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One person in a program."""

    frame: Frame
    columns: Mapping[Slot, int]
    """Whether he has the shift."""
    patterns: Mapping[tuple[int, int], int]
    """(number of the week among those of the frame, pattern) -> whether he works on just these days of it."""


@dataclass(frozen=True, kw_only=True)
class Class:
    """People who are alike."""

    frames: tuple[Frame, ...]
    columns: Mapping[Slot, int]
    """How many of them have the shift."""


# --- one by one -----------------------------------------------------------------------------------------------------------


def add_member(mip: Mip, plan: Plan, frame: Frame, fair: Fair) -> Member:
    """Write one person with all his rules and costs into a program."""
    columns = {
        (day, s): mip.column(0, 1, shift_price(plan, day, plan.types[s]), whole=True)
        for week in frame.weeks
        for day in range(week.begin, week.end)
        for s in frame.allowed[day]
    }
    patterns: dict[tuple[int, int], int] = {}
    for number, week in enumerate(frame.weeks):
        price = day_prices(plan, frame, number, fair)
        own = {pattern: mip.column(0, 1, price[pattern], whole=True) for pattern in week.patterns}
        mip.row([(c, 1.0) for c in own.values()], 1.0, 1.0)
        for day in range(week.begin, week.end):
            works = [(c, -1.0) for pattern, c in own.items() if pattern >> day & 1]
            mip.row([*((columns[day, s], 1.0) for s in frame.allowed[day]), *works], 0.0, 0.0)
        patterns.update({(number, pattern): column for pattern, column in own.items()})
    for limit in frame.hours:
        _hours(mip, plan, columns, limit)
    for overtime in frame.overtime:
        _overtime(mip, plan, columns, overtime, 1)
    chosen = [[(p, c) for (at, p), c in patterns.items() if at == number] for number in range(len(frame.weeks))]
    _rest(mip, plan, frame, columns, chosen, 1)
    _nights(mip, plan, frame, columns, chosen, 1)
    for days, most in frame.windows():
        mip.row(_worked(chosen, days), upper=float(most))
    for wish in plan.people[frame.person].wishes:
        _wish(mip, plan, wish, columns)
    add_fairness(mip, plan, columns, [frame], fair)
    add_overtime(mip, plan, columns, chosen, [frame])
    return Member(frame=frame, columns=columns, patterns=patterns)


def _hours(mip: Mip, plan: Plan, columns: Mapping[Slot, int], limit: Hours) -> None:
    terms = [(c, plan.types[s].hours) for (day, s), c in columns.items() if limit.begin <= day < limit.end]
    mip.row(terms, limit.low, limit.high)


def _overtime(mip: Mip, plan: Plan, columns: Mapping[Slot, int], overtime: Overtime, many: int) -> None:
    beyond = []
    for begin, end, normal in overtime.weeks:
        more = mip.column()
        terms = [(c, plan.types[s].hours) for (day, s), c in columns.items() if begin <= day < end]
        mip.row([*terms, (more, -1.0)], upper=normal * many)
        beyond.append((more, 1.0))
    mip.row(beyond, upper=overtime.most * many)


def _rest(mip: Mip, plan: Plan, frame: Frame, columns: Mapping[Slot, int], patterns: Patterns, many: int) -> None:
    """Of two days in a row, everybody has one late shift or one early one at most; and who works on neither day has none."""
    for day in range(plan.days - 1):
        for late, early in conflicts(plan, frame, day):
            terms = [(columns[day, s], 1.0) for s in late] + [(columns[day + 1, s], 1.0) for s in early]
            _limit(mip, frame, terms, patterns, 1, (day, day + 1), many)


def _limit(
    mip: Mip, frame: Frame, terms: Sequence[Term], patterns: Patterns, most: int, days: Sequence[int], many: int
) -> None:
    """Let nobody have more than `most` of these shifts of these days; who works on fewer of them has as many fewer, within a week."""
    weeks = {frame.week_of(day) for day in days}
    if len(weeks) == 1:
        mip.row([*terms, *_at_most(patterns[weeks.pop()], most, *days)], upper=0.0)
    else:
        mip.row(terms, upper=float(most * many))


def _at_most(patterns: Sequence[tuple[int, int]], most: int, *days: int) -> list[Term]:
    """Return what is to be taken off a sum of shifts of these days of a week of which nobody can have more than `most`."""
    mask = sum(1 << day for day in days)
    return [(column, -float(min((pattern & mask).bit_count(), most))) for pattern, column in patterns]


def _worked(patterns: Patterns, days: Iterable[int]) -> list[Term]:
    """Return how many of these days are worked."""
    mask = sum(1 << day for day in days)
    return [(column, float((pattern & mask).bit_count())) for week in patterns for pattern, column in week]


def day_prices(plan: Plan, frame: Frame, number: int, fair: Fair) -> dict[int, float]:
    """Return what each pattern of a week costs a person: days that he wished off, rest days and, where one week is all, his share of weekends."""
    week = frame.weeks[number]
    weekend = sum(1 << day for day in range(week.begin, week.end) if plan.is_weekend(plan.day(day)))
    steps = fair.weekends(plan, frame) if len(frame.weeks) == 1 else [0.0] * plan.days
    wished: dict[int, float] = defaultdict(float)
    for wish in plan.people[frame.person].wishes:
        day = (wish.day - plan.first).days
        if wish.kind == "off" and week.begin <= day < week.end:
            wished[day] += plan.costs.wish * wish.weight
    rest_days = rest_days_price(plan, plan.people[frame.person], week)
    return {
        pattern: sum(steps[: (pattern & weekend).bit_count()])
        + rest_days[pattern]
        + sum(cost for day, cost in wished.items() if pattern >> day & 1)
        for pattern in week.patterns
    }


def _nights(mip: Mip, plan: Plan, frame: Frame, columns: Mapping[Slot, int], patterns: Patterns, many: int) -> None:
    """Write the rules of nights, for people whose limits are those of `frame`."""
    nights: list[list[Term]] = [[] for _ in range(plan.days)]
    days: list[list[Term]] = [[] for _ in range(plan.days)]
    for (day, s), column in columns.items():
        (nights if plan.types[s].night else days)[day].append((column, 1.0))
    for number, week in enumerate(frame.weeks):
        span = range(week.begin, week.end)
        if week.nights_max < len(span):
            every = [term for day in span for term in nights[day]]
            mip.row([*every, *_at_most(patterns[number], week.nights_max, *span)], upper=0.0)
    _nights_in_row(mip, frame, nights, patterns, many)
    for day in range(plan.days):
        for later in range(day + 1, min(day + 1 + frame.off_after_nights, plan.days)):
            if nights[day] and days[later]:
                _limit(mip, frame, [*nights[day], *days[later]], patterns, 1, (day, later), many)


def _nights_in_row(mip: Mip, frame: Frame, nights: Sequence[Sequence[Term]], patterns: Patterns, many: int) -> None:
    """Let nobody have more nights in a row than his limit; `nights` are the shifts, day by day."""
    window = frame.nights_in_row_max + 1
    for end in range(len(nights)):
        begin = max(end + 1 - window, 0)
        before = min(max(window - 1 - end, 0), frame.nights_before)
        if end + 1 - begin + before >= window and all(nights[begin : end + 1]):
            among = [term for day in range(begin, end + 1) for term in nights[day]]
            most = max(frame.nights_in_row_max - before, 0)
            _limit(mip, frame, among, patterns, most, range(begin, end + 1), many)


def _wish(mip: Mip, plan: Plan, wish: Wish, columns: Mapping[Slot, int]) -> None:
    """Let a wish for a shift that is not fulfilled cost what it weighs; those for days off are in `day_prices`."""
    day, cost = (wish.day - plan.first).days, plan.costs.wish * wish.weight
    if wish.kind == "off" or not 0 <= day < plan.days:
        return
    for (at, s), column in columns.items():
        if at == day and plan.types[s].id in wish.shifts:
            mip.cost[column] += -cost if wish.kind == "shift" else cost
    if wish.kind == "shift":
        mip.offset += cost


# --- classes --------------------------------------------------------------------------------------------------------------


def classes(plan: Plan, frames: Iterable[Frame]) -> list[tuple[Frame, ...]]:
    """Return people in classes of those who may have the same shifts under the same rules."""
    found: dict[object, list[Frame]] = defaultdict(list)
    for frame in frames:
        person = plan.people[frame.person]
        usual = frozenset(s for day in frame.allowed for s in day)
        contract = person.contract
        hours = (contract.hours_week_min, contract.hours_week_max, contract.hours_month_min, contract.hours_month_max)
        found[frame.like, usual, hours, person.id if person.fixed else None].append(frame)
    return [tuple(group) for group in found.values()]


def add_class(mip: Mip, plan: Plan, frames: tuple[Frame, ...], fair: Fair) -> Class:
    """Write a class into a program; see the module for what that means."""
    if len(frames) == 1:
        member = add_member(mip, plan, frames[0], fair)
        return Class(frames=frames, columns=member.columns)
    columns: dict[Slot, int] = {}
    for day in range(plan.days):
        for s in sorted({s for frame in frames for s in frame.allowed[day]}):
            most = sum(s in frame.allowed[day] for frame in frames)
            columns[day, s] = mip.column(0, most, shift_price(plan, day, plan.types[s]), whole=True)
    _early_of_class(mip, plan, frames, columns)
    patterns = _days_of_class(mip, plan, frames, columns, fair)
    _hours_of_class(mip, plan, frames, columns)
    widest = max(frames, key=lambda frame: sum(map(len, frame.allowed)))
    _rest(mip, plan, widest, columns, patterns, len(frames))
    _nights(mip, plan, widest, columns, patterns, len(frames))
    for days, most in widest.windows():
        mip.row(_worked(patterns, days), upper=float(most * len(frames)))
    _wishes_of_class(mip, plan, frames, columns)
    add_fairness(mip, plan, columns, frames, fair)
    add_overtime(mip, plan, columns, patterns, frames)
    return Class(frames=frames, columns=columns)


def _early_of_class(mip: Mip, plan: Plan, frames: Sequence[Frame], columns: Mapping[Slot, int]) -> None:
    """Of the shifts that begin by some time there are no more than people who can have one of them: who worked late the day before cannot."""
    for day in range(plan.days):
        able = [frame.allowed[day] for frame in frames if frame.allowed[day]]
        if len(set(able)) < 2:
            continue
        firsts = [min(plan.types[s].start_min for s in types) for types in able]
        own = sorted({(plan.types[s].start_min, c) for (at, s), c in columns.items() if at == day})
        for begin in sorted({start for start, _ in own}):
            many = sum(first <= begin for first in firsts)
            if many < len(frames):
                mip.row([(c, 1.0) for start, c in own if start <= begin], upper=float(many))


def _hours_of_class(mip: Mip, plan: Plan, frames: Sequence[Frame], columns: Mapping[Slot, int]) -> None:
    """Let the class have as many hours as its members together; a limit that not all have is none of the class."""
    limits: dict[tuple[int, int], list[Hours]] = defaultdict(list)
    for frame in frames:
        for limit in frame.hours:
            limits[limit.begin, limit.end].append(limit)
    for (begin, end), own in limits.items():
        most = sum(limit.high for limit in own) if len(own) == len(frames) else NO_LIMIT
        _hours(mip, plan, columns, Hours(begin=begin, end=end, low=sum(limit.low for limit in own), high=most))
    if len({frame.overtime for frame in frames}) == 1:
        for overtime in frames[0].overtime:
            _overtime(mip, plan, columns, overtime, len(frames))


def _days_of_class(mip: Mip, plan: Plan, frames: Sequence[Frame], columns: Mapping[Slot, int], fair: Fair) -> Patterns:
    """Let the numbers of every day be those of patterns of working days, and return these."""
    found: list[list[tuple[int, int]]] = []
    for number, week in enumerate(frames[0].weeks):
        alike: dict[tuple[tuple[int, float], ...], int] = defaultdict(int)
        for frame in frames:
            alike[tuple(day_prices(plan, frame, number, fair).items())] += 1
        own: list[tuple[int, int]] = []
        for prices, many in alike.items():
            chosen = [(pattern, mip.column(0, many, price)) for pattern, price in prices]
            mip.row([(c, 1.0) for _, c in chosen], many, many)
            own += chosen
        for day in range(week.begin, week.end):
            works = [(c, -1.0) for pattern, c in own if pattern >> day & 1]
            mip.row([*((c, 1.0) for (at, _), c in columns.items() if at == day), *works], 0.0, 0.0)
        found.append(own)
    return found


def _wishes_of_class(mip: Mip, plan: Plan, frames: Sequence[Frame], columns: Mapping[Slot, int]) -> None:
    """Wishes for the same thing: at least so many are not fulfilled as there are shifts beyond those who did not wish it."""
    wishes: dict[tuple[int, str, tuple[str, ...]], list[float]] = defaultdict(list)
    for frame in frames:
        for wish in plan.people[frame.person].wishes:
            day = (wish.day - plan.first).days
            if wish.kind != "off" and 0 <= day < plan.days and frame.allowed[day]:
                wishes[day, wish.kind, wish.shifts].append(plan.costs.wish * wish.weight)
    for (day, kind, shifts), costs in wishes.items():
        terms = [(c, 1.0) for (at, s), c in columns.items() if at == day and plan.types[s].id in shifts]
        if kind == "shift":
            mip.offset += sum(costs)
            mip.row([*terms, *((mip.column(0, 1, cost=-cost), -1.0) for cost in costs)], lower=0.0)
        else:
            others = sum(bool(frame.allowed[day]) for frame in frames) - len(costs)
            mip.row([*terms, *((mip.column(0, 1, cost=cost), -1.0) for cost in costs)], upper=others)


# --- amounts and duties ---------------------------------------------------------------------------------------------------


def amounts(
    plan: Plan, parts: Iterable[Class | Member], settled: Iterable[tuple[Frame, Duty]]
) -> dict[tuple[Serves, int, int], Amount]:
    """Return how many people have each shift: columns of the program, and duties that are settled."""
    found: dict[tuple[Serves, int, int], Amount] = defaultdict(Amount)
    for part in parts:
        serves = part.frame.serves if isinstance(part, Member) else part.frames[0].serves
        for (day, s), column in part.columns.items():
            found[serves, day, s].terms.append((column, 1.0))
    numbers = {kind.id: n for n, kind in enumerate(plan.types)}
    for frame, duty in settled:
        found[frame.serves, (duty.day - plan.first).days, numbers[duty.shift]].settled += 1
    return found
