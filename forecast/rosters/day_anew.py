"""One step of the search: the shifts of one day are chosen anew for those who work on it, breaks and all, while everything else stays."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta

from forecast.rosters.cost import change
from forecast.rosters.cover import Amount, Cover, Serves, hand_out
from forecast.rosters.frames import Frame, keeps_hours
from forecast.rosters.mip import Mip, Stop, solve
from forecast.rosters.model import DAY_MIN, Duty, Plan
from forecast.rosters.pay import shift_price
from forecast.rosters.window import window
from forecast.rosters.wishes import fulfilled


def day_anew(
    plan: Plan,
    frame_of: Mapping[str, Frame],
    duties: Sequence[Duty],
    number: int,
    *,
    seconds: float,
    gap: float,
    stop: Stop,
) -> tuple[list[Duty], float] | None:
    """Return the roster in which those who work on a day have what is best for it, with how much more it costs; None: there was no time.

    Nights stay nights, so only rest and hours have to be looked at.
    """
    day = plan.day(number)
    rest = [duty for duty in duties if duty.day != day]
    groups: dict[tuple[Serves, tuple[tuple[int, float], ...]], list[str]] = defaultdict(list)
    for duty in duties:
        if duty.day == day:
            frame = frame_of[duty.person]
            groups[frame.serves, tuple(_choices(plan, frame, duties, number, duty))].append(duty.person)
    mip = Mip()
    found: dict[tuple[Serves, int, int], Amount] = defaultdict(Amount)
    chosen: list[tuple[list[str], dict[int, int]]] = []
    has = {duty.person: duty.shift for duty in duties if duty.day == day}
    start: dict[int, float] = {}
    for (serves, choices), names in groups.items():
        columns = {s: mip.column(0, len(names), price, whole=True) for s, price in choices}
        mip.row([(c, 1.0) for c in columns.values()], len(names), len(names))
        for s, column in columns.items():
            found[serves, 0, s].terms.append((column, 1.0))
            start[column] = float(sum(has[name] == plan.types[s].id for name in names))
        chosen.append((names, columns))
    near = window(plan, number, number + 2)  # nights reach into the next day
    given = [duty for duty in (*plan.before, *rest) if near.first - timedelta(days=1) <= duty.day <= near.last]
    cover = Cover(mip, near, found, given=given, whole_breaks=True)
    answer = solve(mip, seconds=seconds, gap=gap, start=start, stop=stop)
    if not len(answer.x):
        return None
    dealt = []
    for names, columns in chosen:
        shifts = [s for s, column in columns.items() for _ in range(round(float(answer.x[column])))]
        dealt += [Duty(person=name, day=day, shift=plan.types[s].id) for name, s in zip(names, shifts, strict=True)]
    serves_of = {name: frame.serves for name, frame in frame_of.items()}
    after = [*rest, *hand_out(near, dealt, serves_of, cover.breaks, answer.x)]
    return after, change(plan, duties, after, number, number + 2)


def _choices(plan: Plan, frame: Frame, duties: Sequence[Duty], number: int, duty: Duty) -> list[tuple[int, float]]:
    """Return the shift types that a person could have instead, with what they cost in pay and wishes."""
    kinds = plan.type_of()
    now = kinds[duty.shift]
    others = {d.day: kinds[d.shift] for d in duties if d.person == duty.person and d.day != duty.day}
    hours = {(day - plan.first).days: kind.hours for day, kind in others.items()}
    before, after = others.get(plan.day(number - 1)), others.get(plan.day(number + 1))
    wishes = [w for w in plan.people[frame.person].wishes if w.day == duty.day]
    return [
        (
            s,
            shift_price(plan, number, kind)
            + plan.costs.wish * sum(w.weight for w in wishes if not fulfilled(w, kind.id)),
        )
        for s, kind in ((s, plan.types[s]) for s in frame.allowed[number])
        if kind.night == now.night
        and keeps_hours(frame, {**hours, number: kind.hours})
        and (before is None or before.end_min - DAY_MIN + frame.rest_min <= kind.start_min)
        and (after is None or kind.end_min + frame.rest_min <= after.start_min + DAY_MIN)
    ]
