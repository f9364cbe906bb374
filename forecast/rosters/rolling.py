"""Plans of several weeks: week after week, each with the borders and the sums that the weeks before it leave.

A person for whom a week has become impossible through what he has before it is planned anew by himself, over as many of the weeks before as it
takes: `explain.check_possible` has made sure that all of them together can be kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from forecast.rosters.crew import add_member
from forecast.rosters.explain import can_be_kept
from forecast.rosters.fairness import Fair
from forecast.rosters.frames import Frame
from forecast.rosters.mip import Mip, solve
from forecast.rosters.model import Duty, Plan
from forecast.rosters.part import Guide, Part, part_of
from hotline.errors import Unavailable

REPAIR_S = 20.0
"""For one person who is planned anew."""

MakeWeek = Callable[[Part, int, Sequence[Duty]], Sequence[Duty]]
"""Gets a week with its number and a roster of it to begin with (or none), and returns its duties."""


def roll(
    plan: Plan, whole: Sequence[Frame], guide: Guide, make_week: MakeWeek, start: Sequence[Duty] = ()
) -> list[Duty]:
    """Return the duties of all weeks. `start` is a roster that keeps the rules: weeks begin with it while it fits to what is before."""
    return _Rolling(plan, whole, guide, start).roll(make_week)


class _Rolling:
    """One run."""

    def __init__(self, plan: Plan, whole: Sequence[Frame], guide: Guide, start: Sequence[Duty]) -> None:
        self._plan, self._whole, self._guide, self._start = plan, whole, guide, start
        self._numbers = {kind.id: n for n, kind in enumerate(plan.types)}
        self._place = {person.id: n for n, person in enumerate(plan.people)}
        self._duties: dict[tuple[int, int], Duty] = {}
        """(person, day) -> duty."""
        self._known: dict[Frame, bool] = {}

    def roll(self, make_week: MakeWeek) -> list[Duty]:
        for number, week in enumerate(self._plan.weeks):
            part = self._part(number)
            inside = [d for d in self._start if week.begin <= self._day(d) < week.end]
            begin = inside if fits_frames(part, inside) else ()
            for duty in make_week(part, number, begin):
                if week.begin <= self._day(duty) < week.end:
                    self._duties[self._place[duty.person], self._day(duty)] = duty
        return list(self._duties.values())

    def _day(self, duty: Duty) -> int:
        return (duty.day - self._plan.first).days

    def _has(self) -> list[dict[int, int]]:
        has: list[dict[int, int]] = [{} for _ in self._plan.people]
        for (person, day), duty in self._duties.items():
            has[person][day] = self._numbers[duty.shift]
        return has

    def _part(self, number: int) -> Part:
        """Return a week that is possible for everybody; for whom it is not, it is settled by planning him anew."""
        part = part_of(self._plan, self._whole, number, self._has(), self._guide)
        stuck = [n for n, frame in enumerate(part.frames) if not self._possible(part.plan, frame)]
        if not stuck:
            return part
        settled = {n: self._anew(n, number) for n in stuck}
        part = part_of(self._plan, self._whole, number, self._has(), self._guide)
        week = self._plan.weeks[number]
        frames = [
            _settled(frame, {d - week.begin: s for d, s in settled[n].items()}) if n in settled else frame
            for n, frame in enumerate(part.frames)
        ]
        return Part(plan=part.plan, frames=frames)

    def _possible(self, plan: Plan, frame: Frame) -> bool:
        like = replace(frame, serves=(), person=0)
        if like not in self._known:
            self._known[like] = can_be_kept(plan, frame)
        return self._known[like]

    def _anew(self, person: int, number: int) -> dict[int, int]:
        """Plan one person anew from as late a week as possible on, keep what is before this week, and return what he has in it."""
        plan, frame = self._plan, self._whole[person]
        has = self._has()[person]
        for first in range(number, -1, -1):
            free_from = plan.weeks[first].begin
            found = self._alone(_standing(frame, has, free_from))
            if found is not None:
                break
        else:
            raise Unavailable(f"there was no time to plan {plan.people[person].called} anew")
        week = plan.weeks[number]
        for day in range(free_from, week.begin):
            self._duties.pop((person, day), None)
            if day in found:
                kind = plan.types[found[day]]
                breaks = tuple(pause.earliest_min for pause in kind.breaks)
                who = plan.people[person].id
                self._duties[person, day] = Duty(person=who, day=plan.day(day), shift=kind.id, breaks=breaks)
        return {day: s for day, s in found.items() if week.begin <= day < week.end}

    def _alone(self, frame: Frame) -> dict[int, int] | None:
        if not frame.possible:
            return None
        mip = Mip()
        member = add_member(mip, self._plan, frame, Fair(self._plan))
        answer = solve(mip, seconds=REPAIR_S)
        if not len(answer.x):
            return None
        return {day: s for (day, s), column in member.columns.items() if answer.x[column] > 0.5}


def fits_frames(part: Part, duties: Sequence[Duty]) -> bool:
    """Return whether duties are a roster to begin a week with: a pattern and shift types that everybody can have."""
    if not duties:
        return False
    numbers = {kind.id: n for n, kind in enumerate(part.plan.types)}
    has: dict[str, dict[int, int]] = {person.id: {} for person in part.plan.people}
    for duty in duties:
        has[duty.person][(duty.day - part.plan.first).days] = numbers[duty.shift]
    people = ((frame, has[part.plan.people[frame.person].id]) for frame in part.frames)
    return all(can_be_kept(part.plan, _settled(frame, own)) for frame, own in people)


def _settled(frame: Frame, has: dict[int, int]) -> Frame:
    """Return the frame of a week in which a person has just these shifts; they need not keep the limits that are only good sense."""
    pattern = sum(1 << day for day in has)
    if any(s not in frame.allowed[day] for day, s in has.items()):
        pattern = -1
    week = frame.weeks[0]
    return replace(
        frame,
        allowed=tuple((has[day],) if day in has else () for day in range(len(frame.allowed))),
        weeks=(replace(week, patterns=(pattern,) if pattern >= 0 else ()),),
        hours=(),
    )


def _standing(frame: Frame, has: dict[int, int], until: int) -> Frame:
    """Return the frame of the whole plan in which what stands before a day stays."""
    mask, now = (1 << until) - 1, sum(1 << day for day in has if day < until)
    return replace(
        frame,
        allowed=tuple(
            types if day >= until else (has[day],) if day in has else () for day, types in enumerate(frame.allowed)
        ),
        weeks=tuple(
            replace(w, patterns=tuple(p for p in w.patterns if p & mask == now & (1 << w.end) - (1 << w.begin)))
            if w.begin < until
            else w
            for w in frame.weeks
        ),
    )
