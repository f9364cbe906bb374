"""People as columns and rows of a program: one by one (exact), or as classes of people who are alike (a bound, and a goal for the exact one).

Of a class the program says only how many have each shift on each day. Every rule of its members becomes a rule about such numbers that
holds whenever each member keeps his (sums of hours and nights, rest between two days, patterns of working days), and every cost becomes what
it is at least. So the best that classes can do is a bound for what people can do.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from forecast.rosters.cover import Amount, Serves
from forecast.rosters.frames import Frame, conflicts
from forecast.rosters.mip import Mip, Term
from forecast.rosters.model import Duty, Plan, Wish

Slot = tuple[int, int]
"""Day and shift type, by number."""
Patterns = Sequence[tuple[int, int]]
"""Patterns of working days, each with the column that says how many people have it; the same one may come for several groups."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One person in a program."""

    frame: Frame
    columns: Mapping[Slot, int]
    """Whether he has the shift."""
    patterns: Mapping[int, int]
    """Whether he works on just these days."""


@dataclass(frozen=True, kw_only=True)
class Class:
    """People who are alike."""

    frames: tuple[Frame, ...]
    columns: Mapping[Slot, int]
    """How many of them have the shift."""


# --- one by one -----------------------------------------------------------------------------------------------------------


def add_member(mip: Mip, plan: Plan, frame: Frame, fair: "Fair") -> Member:
    """Write one person with all his rules and costs into a program."""
    columns = {
        (day, s): mip.column(0, 1, plan.costs.hour * plan.types[s].hours, whole=True)
        for day in range(plan.days)
        for s in frame.allowed[day]
    }
    price = day_prices(plan, frame, fair)
    patterns = {pattern: mip.column(0, 1, price[pattern], whole=True) for pattern in frame.patterns}
    mip.row([(c, 1.0) for c in patterns.values()], 1.0, 1.0)
    for day in range(plan.days):
        works = [(c, -1.0) for pattern, c in patterns.items() if pattern >> day & 1]
        mip.row([*((columns[day, s], 1.0) for s in frame.allowed[day]), *works], 0.0, 0.0)
    hours = [(c, plan.types[s].hours) for (_, s), c in columns.items()]
    mip.row(hours, frame.hours_min, frame.hours_max)
    chosen = list(patterns.items())
    _rest(mip, plan, frame, columns, chosen)
    _nights(mip, plan, frame, columns, chosen)
    for wish in plan.people[frame.person].wishes:
        _wish(mip, plan, wish, columns)
    _share_out(mip, _night_terms(plan, columns), fair.nights(plan, frame))
    return Member(frame=frame, columns=columns, patterns=patterns)


def _rest(mip: Mip, plan: Plan, frame: Frame, columns: Mapping[Slot, int], patterns: Patterns) -> None:
    """Of two days in a row, everybody has one late shift or one early one at most; and who works on neither day has none."""
    for day in range(plan.days - 1):
        working = _at_most(patterns, 1, day, day + 1)
        for late, early in conflicts(plan, frame, day):
            terms = [(columns[day, s], 1.0) for s in late] + [(columns[day + 1, s], 1.0) for s in early]
            mip.row([*terms, *working], upper=0.0)


def _at_most(patterns: Patterns, most: int, *days: int) -> list[Term]:
    """Return what is to be taken off a sum of shifts of these days of which nobody can have more than `most`."""
    mask = sum(1 << day for day in days)
    return [(column, -float(min((pattern & mask).bit_count(), most))) for pattern, column in patterns]


def _night_terms(plan: Plan, columns: Mapping[Slot, int]) -> list[Term]:
    return [(c, 1.0) for (_, s), c in columns.items() if plan.types[s].night]


def day_prices(plan: Plan, frame: Frame, fair: "Fair") -> dict[int, float]:
    """Return what each pattern of working days costs a person: days that he wished off, and his share of weekends."""
    weekend = sum(1 << day for day in range(plan.days) if plan.is_weekend(plan.day(day)))
    steps = fair.weekends(plan, frame)
    wished: dict[int, float] = defaultdict(float)
    for wish in plan.people[frame.person].wishes:
        day = (wish.day - plan.first).days
        if wish.kind == "off" and 0 <= day < plan.days:
            wished[day] += plan.costs.wish * wish.weight
    return {
        pattern: sum(steps[: (pattern & weekend).bit_count()])
        + sum(cost for day, cost in wished.items() if pattern >> day & 1)
        for pattern in frame.patterns
    }


def _nights(mip: Mip, plan: Plan, frame: Frame, columns: Mapping[Slot, int], patterns: Patterns) -> None:
    """Write the rules of nights, for people whose limits are those of `frame`."""
    nights: list[list[Term]] = [[] for _ in range(plan.days)]
    days: list[list[Term]] = [[] for _ in range(plan.days)]
    for (day, s), column in columns.items():
        (nights if plan.types[s].night else days)[day].append((column, 1.0))
    every = [term for day in nights for term in day]
    if not every:
        return
    if frame.nights_max < plan.days:
        mip.row([*every, *_at_most(patterns, frame.nights_max, *range(plan.days))], upper=0.0)
    window = frame.nights_in_row_max + 1
    for end in range(plan.days):
        begin = max(end + 1 - window, 0)
        before = min(max(window - 1 - end, 0), frame.nights_before)
        if end + 1 - begin + before >= window:
            among = [term for day in range(begin, end + 1) for term in nights[day]]
            most = max(frame.nights_in_row_max - before, 0)
            mip.row([*among, *_at_most(patterns, most, *range(begin, end + 1))], upper=0.0)
    for day in range(plan.days):
        for later in range(day + 1, min(day + 1 + frame.off_after_nights, plan.days)):
            mip.row([*nights[day], *days[later], *_at_most(patterns, 1, day, later)], upper=0.0)


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


def _share_out(mip: Mip, terms: Sequence[Term], prices: Iterable[float]) -> None:
    """Let the first cost the first price, the second the second …; prices do not fall."""
    priced = sorted(prices)
    if not terms or not priced:
        return
    steps: dict[float, int] = defaultdict(int)
    for price in priced:
        steps[price] += 1
    steps.pop(0.0, None)
    free = sum(1 for price in priced if price == 0.0)
    parts = [(mip.column(0.0, many, cost=price), -1.0) for price, many in steps.items()]
    if parts:
        mip.row([*terms, *parts], upper=float(free))


class Fair:
    """Prices of nights and weekend days, by what everybody has had."""

    def __init__(self, plan: Plan) -> None:
        self._nights = min((p.past.nights for p in plan.people), default=0)
        self._weekends = min((p.past.weekend_days for p in plan.people), default=0)

    def nights(self, plan: Plan, frame: Frame) -> list[float]:
        """Return what each further night of a person costs in fairness."""
        had = plan.people[frame.person].past.nights - self._nights
        return [plan.costs.night * (had + k) / frame.share for k in range(1, plan.days + 1)]

    def weekends(self, plan: Plan, frame: Frame) -> list[float]:
        """Return what each further weekend day of a person costs in fairness."""
        had = plan.people[frame.person].past.weekend_days - self._weekends
        return [plan.costs.weekend * (had + k) / frame.share for k in range(1, plan.days + 1)]


# --- classes --------------------------------------------------------------------------------------------------------------


def classes(plan: Plan, frames: Iterable[Frame]) -> list[tuple[Frame, ...]]:
    """Return people in classes of those who may have the same shifts under the same rules."""
    found: dict[object, list[Frame]] = defaultdict(list)
    for frame in frames:
        person = plan.people[frame.person]
        usual = frozenset(s for day in frame.allowed for s in day)
        hours = (person.contract.hours_week_min, person.contract.hours_week_max)
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
            columns[day, s] = mip.column(0, most, plan.costs.hour * plan.types[s].hours, whole=True)
    patterns = _days_of_class(mip, plan, frames, columns, fair)
    hours = [(c, plan.types[s].hours) for (_, s), c in columns.items()]
    mip.row(hours, sum(f.hours_min for f in frames), sum(f.hours_max for f in frames))
    widest = max(frames, key=lambda frame: sum(map(len, frame.allowed)))
    _rest(mip, plan, widest, columns, patterns)
    _nights(mip, plan, widest, columns, patterns)
    _wishes_of_class(mip, plan, frames, columns)
    _share_out(mip, _night_terms(plan, columns), (price for frame in frames for price in fair.nights(plan, frame)))
    return Class(frames=frames, columns=columns)


def _days_of_class(
    mip: Mip, plan: Plan, frames: Sequence[Frame], columns: Mapping[Slot, int], fair: "Fair"
) -> Patterns:
    """Let the numbers of every day be those of patterns of working days, and return these."""
    alike: dict[tuple[tuple[int, float], ...], int] = defaultdict(int)
    for frame in frames:
        alike[tuple(day_prices(plan, frame, fair).items())] += 1
    found: list[tuple[int, int]] = []
    for prices, many in alike.items():
        chosen = [(pattern, mip.column(0, many, price)) for pattern, price in prices]
        mip.row([(c, 1.0) for _, c in chosen], many, many)
        found += chosen
    for day in range(plan.days):
        works = [(c, -1.0) for pattern, c in found if pattern >> day & 1]
        mip.row([*((c, 1.0) for (at, _), c in columns.items() if at == day), *works], 0.0, 0.0)
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
