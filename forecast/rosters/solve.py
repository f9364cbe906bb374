"""From a plan to a roster: who works when, with the least cost and a bound that says how much better it could be at most.

Small plans are one exact program. Large ones go three steps:

1. **Classes**: people who are alike are counted, not named (`crew`). This program is small, and what it costs is a bound for the whole.
2. **People**: within each class every person gets shifts so that the numbers of the classes come out, wishes and fairness as good as can be.
3. **Search**: breaks are placed for the people as they are; then some people at a time are planned anew, exactly, while all others stay
   (large neighbourhood search: P. Shaw, "Using constraint programming and local search methods to solve vehicle routing problems", CP 1998),
   until the gap to the bound is as wished or the time is over.

Plans of several weeks go week by week in this way (`rolling`); the classes of the whole plan give the bound for all of it, and how the hours of a
month are best spread over its weeks. What time is left goes into the search over all days and people.

Every roster on the way keeps every rule: what can be short is only the need. Deterministic but for the time limit.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

from forecast.rosters.cost import account
from forecast.rosters.cover import Cover, Floats, hand_out
from forecast.rosters.crew import Member, Slot, add_class, add_member, amounts, classes
from forecast.rosters.day_anew import day_anew
from forecast.rosters.explain import check_possible
from forecast.rosters.fairness import Fair
from forecast.rosters.frames import Frame, frames
from forecast.rosters.mip import Answer, Mip, Stop, dive, never, relaxation, solve
from forecast.rosters.model import Duty, Plan, roster
from forecast.rosters.outcome import Limits, Progress, Solved, Stage, Tell, gap_of
from forecast.rosters.part import Guide, Part
from forecast.rosters.rolling import roll
from forecast.rosters.wishes import personal
from hotline.errors import Unavailable
from hotline.runtime.clock import stopwatch

SMALL = 1_200
"""Plans of at most so many possible shifts of people are solved as one program."""
CLASSES_SHARE = 0.55
"""Part of the time for the classes."""
CLASSES_GAP = 0.4
"""Part of the wished gap for the classes."""
AT_ONCE = 700
"""So many possible shifts are planned anew in one step of the search."""
STEP_S = 4.0
SMALL_LONG = 500
"""The same for plans of several weeks."""
WEEKS_SHARE = 0.9
"""Part of the time for making week by week."""
BOUND_SHARE = 0.4
"""At most so much of it for the bound of all weeks."""
PEOPLE_S = 10.0
"""For the people of one class."""
OFF_COUNT = 100.0
"""What a shift more or less than the class has costs while people get theirs."""


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
    check_possible(plan)
    return _Making(plan, limits or Limits(), tell, stop, frames(plan)).make(start)


Hint = Mapping[Slot, float]
"""How often one person of a class has each shift in the relaxation of the whole plan."""


def _guide(plan: Plan, hints: Sequence[Hint]) -> Guide:
    """Return the hours of these shifts, day by day."""
    guide = [[0.0] * plan.days for _ in hints]
    for hours, hint in zip(guide, hints, strict=True):
        for (day, s), many in hint.items():
            hours[day] += many * plan.types[s].hours
    return guide


class _Making:
    """One run."""

    def __init__(
        self, plan: Plan, limits: Limits, tell: Tell, stop: Stop, able: Sequence[Frame], hints: Sequence[Hint] = ()
    ) -> None:
        self._plan, self._limits, self._tell, self._stop = plan, limits, tell, stop
        self._watch = stopwatch()
        self._frames = list(able)
        self._frame_of = {plan.people[f.person].id: f for f in self._frames}
        self._serves = {name: frame.serves for name, frame in self._frame_of.items()}
        self._numbers = {kind.id: n for n, kind in enumerate(plan.types)}
        self._fair = Fair(plan)
        self._dice = Random(limits.seed)  # noqa: S311 - luck for a search, not a secret
        self._stage: Stage = "classes"
        self._bound = 0.0
        self._cost = math.inf
        self._duties: list[Duty] = []
        self._weekly: list[float] = []
        self._hints = hints

    def make(self, start: Sequence[Duty]) -> Solved:
        possible = sum(len(day) for frame in self._frames for day in frame.allowed)
        weeks = max(len(frame.weeks) for frame in self._frames)
        if start:
            self._take_breaks(list(start))
        steps = 0
        if weeks > 1 and possible > SMALL_LONG:
            self._weeks(start)
            steps = self._search()
        elif possible <= SMALL:
            self._stage = "whole"
            self._anew(self._frames, self._left(), self._limits.gap)
            if not math.isfinite(self._cost):
                self._people([(tuple(self._frames), {})])
        else:
            counts = self._classes()
            self._people(counts)
            steps = self._search()
        if not math.isfinite(self._cost):
            raise Unavailable("there was no time for a first roster; allow more")
        gap = gap_of(self._cost, self._bound)
        return Solved(
            roster=roster(self._plan, self._duties),
            cost=self._cost,
            bound=min(self._bound, self._cost),
            gap=gap,
            seconds=self._watch(),
            ending="optimal" if gap <= self._limits.gap + 1e-9 else "stopped",
            steps=steps,
            weekly=tuple(self._weekly),
            pay=self._plan.costs.hour * personal(self._plan, self._duties).hours,
        )

    # --- several weeks ----------------------------------------------------------------------------------------------------

    def _weeks(self, start: Sequence[Duty]) -> None:
        """Make week after week."""
        plan, many = self._plan, len(self._plan.weeks)
        hints = self._relaxed()

        def make_week(part: Part, number: int, begin: Sequence[Duty]) -> Sequence[Duty]:
            seconds = self._left() * WEEKS_SHARE / (many - number)
            limits = Limits(seconds=max(seconds, 0.0), gap=self._limits.gap, seed=self._limits.seed)

            def tell(now: Progress) -> None:
                self._tell(replace(now, seconds=self._watch(), week=number + 1, weeks=many))

            first = plan.weeks[number].begin
            own = [{(day - first, s): n for (day, s), n in hint.items() if day >= first} for hint in hints]
            solved = _Making(part.plan, limits, tell, self._stop, part.frames, own).make(begin)
            self._weekly.append(solved.gap)
            return solved.roster.duties

        duties = roll(plan, self._frames, _guide(plan, hints), make_week, start)
        self._stage = "search"
        self._take(duties, account(plan, duties).cost)

    def _relaxed(self) -> list[Hint]:
        """Hear the bound of the whole plan, and return the shifts that it gives to one of each class."""
        self._stage = "bound"
        self._report()
        mip = Mip()
        groups = [add_class(mip, self._plan, group, self._fair) for group in classes(self._plan, self._frames)]
        Cover(mip, self._plan, amounts(self._plan, groups, ()))
        answer = relaxation(mip, seconds=self._left() * BOUND_SHARE)
        self._hear(answer.bound)
        hints: list[Hint] = [{} for _ in self._plan.people]
        for group in groups if len(answer.x) else ():
            mean = {slot: float(answer.x[c]) / len(group.frames) for slot, c in group.columns.items()}
            for frame in group.frames:
                hints[frame.person] = mean
        return hints

    # --- the bound --------------------------------------------------------------------------------------------------------

    def _classes(self) -> list[tuple[tuple[Frame, ...], dict[Slot, float]]]:
        """Return how many of each class have each shift; without the time for whole numbers, what comes near."""
        mip = Mip()
        groups = [add_class(mip, self._plan, group, self._fair) for group in classes(self._plan, self._frames)]
        Cover(mip, self._plan, amounts(self._plan, groups, ()))
        answer = dive(
            mip,
            seconds=self._left() * CLASSES_SHARE,
            gap=self._limits.gap * CLASSES_GAP,
            tell=lambda _cost, bound: self._hear(bound),
            stop=self._stop,
        )
        self._hear(answer.bound)
        if len(answer.x):
            return [
                (group.frames, {slot: round(float(answer.x[c])) for slot, c in group.columns.items()})
                for group in groups
            ]
        if answer.near is not None:
            return [
                (group.frames, {slot: float(answer.near[c]) for slot, c in group.columns.items()}) for group in groups
            ]
        return [(group.frames, self._hinted(group.frames)) for group in groups]

    def _hinted(self, group: Sequence[Frame]) -> dict[Slot, float]:
        """Return what the relaxation of a longer plan gives to these people in this one."""
        counts: dict[Slot, float] = defaultdict(float)
        for frame in group if self._hints else ():
            for slot, many in self._hints[frame.person].items():
                counts[slot] += many
        return counts

    # --- people -----------------------------------------------------------------------------------------------------------

    def _people(self, counts: Sequence[tuple[tuple[Frame, ...], Mapping[Slot, float]]]) -> None:
        """Give every person shifts so that the counts come out, as far as they can."""
        self._stage = "people"
        duties: list[Duty] = []
        for group, wanted in counts:
            duties += self._deal(group, wanted)
            self._report()
        self._stage = "breaks"
        self._take_breaks(duties)

    def _deal(self, group: Sequence[Frame], wanted: Mapping[Slot, float]) -> list[Duty]:
        """Return duties for a class; when there is no time for all at once, person after person."""
        answer, members = self._dealt(group, wanted, min(PEOPLE_S, self._left()))
        if len(answer.x):
            return self._duties_of(members, answer.x)
        left, duties = dict(wanted), []
        for frame in group:
            answer, members = self._dealt([frame], left, PEOPLE_S, stop=never)
            own = self._duties_of(members, answer.x)
            duties += own
            for duty in own:
                slot = (duty.day - self._plan.first).days, self._numbers[duty.shift]
                left[slot] = left.get(slot, 0) - 1
        return duties

    def _dealt(
        self, group: Sequence[Frame], wanted: Mapping[Slot, float], seconds: float, stop: Stop | None = None
    ) -> tuple[Answer, list[Member]]:
        mip = Mip()
        members = [add_member(mip, self._plan, frame, self._fair) for frame in group]
        having: dict[Slot, list[int]] = defaultdict(list)
        for member in members:
            for slot, column in member.columns.items():
                having[slot].append(column)
        for slot, columns in having.items():
            count = max(wanted.get(slot, 0), 0)
            more, less = mip.column(cost=OFF_COUNT), mip.column(cost=OFF_COUNT)
            mip.row([*((c, 1.0) for c in columns), (more, -1.0), (less, 1.0)], count, count)
        return solve(mip, seconds=seconds, gap=self._limits.gap * CLASSES_GAP, stop=stop or self._stop), members

    def _duties_of(self, members: Sequence[Member], x: Floats) -> list[Duty]:
        return [
            Duty(
                person=self._plan.people[member.frame.person].id,
                day=self._plan.day(day),
                shift=self._plan.types[s].id,
            )
            for member in members
            for (day, s), column in member.columns.items()
            if x[column] > 0.5
        ]

    # --- search -----------------------------------------------------------------------------------------------------------

    def _take_breaks(self, duties: list[Duty]) -> None:
        """Place the breaks of all, and take that as the roster if it is better."""
        kept = self._duties, self._cost
        self._duties, self._cost = duties, math.inf
        self._anew((), max(self._left() / 3, STEP_S), self._limits.gap / 10, stop=never)
        if kept[1] < self._cost:
            self._duties, self._cost = kept

    def _search(self) -> int:
        """Plan days, then people, anew until the gap is as wished or the time is over. Returns the number of steps."""
        self._stage = "search"
        steps, idle = 0, 0
        while self._left() > 0 and gap_of(self._cost, self._bound) > self._limits.gap and not self._stop():
            before = self._cost
            if idle < self._plan.days:
                self._day_anew(steps % self._plan.days, min(self._left(), STEP_S))
            else:
                self._anew(self._some(), min(self._left(), STEP_S), self._limits.gap / 10)
            idle = 0 if self._cost < before - 1e-6 else idle + 1
            self._report()
            steps += 1
        return steps

    def _day_anew(self, number: int, seconds: float) -> None:
        """Choose the shifts of one day anew for those who work on it."""
        found = day_anew(
            self._plan,
            self._frame_of,
            self._duties,
            number,
            seconds=seconds,
            gap=self._limits.gap / 10,
            stop=self._stop,
        )
        if found is not None:
            self._take(*found)

    def _some(self) -> list[Frame]:
        """Return some people by lot."""
        order = list(self._frames)
        self._dice.shuffle(order)
        chosen: list[Frame] = []
        size = 0
        for frame in order:
            size += sum(len(day) for day in frame.allowed)
            if chosen and size > AT_ONCE:
                break
            chosen.append(frame)
        return chosen

    def _anew(self, free: Sequence[Frame], seconds: float, gap: float, stop: Stop | None = None) -> Answer:
        """Plan some people anew while all others stay; take what comes out if it is better."""
        names = {self._plan.people[frame.person].id for frame in free}
        stay = [duty for duty in self._duties if duty.person not in names]
        mip = Mip()
        members = [add_member(mip, self._plan, frame, self._fair) for frame in free]
        settled = [(self._frame_of[duty.person], duty) for duty in stay]
        cover = Cover(mip, self._plan, amounts(self._plan, members, settled), whole_breaks=True)
        everybody = len(names) == len(self._frames)
        begun = math.isfinite(self._cost)
        answer = solve(
            mip,
            seconds=seconds,
            gap=gap,
            start=self._present(members) if begun else None,
            stop=stop or self._stop,
            # the solver completes a start by a smaller program, and tells of that one's bound too: it is none of ours
            tell=(lambda _cost, bound: self._hear(bound)) if everybody and not begun else None,
        )
        if everybody:
            self._hear(answer.bound)
        if not len(answer.x):
            return answer
        others = [person for person in self._plan.people if person.id not in names]
        cost = answer.objective + personal(self._plan, stay, others).cost
        duties = [*stay, *self._duties_of(members, answer.x)]
        self._take(hand_out(self._plan, duties, self._serves, cover.breaks, answer.x), cost)
        return answer

    def _take(self, duties: list[Duty], cost: float) -> None:
        """Take a roster if it is better."""
        if cost < self._cost - 1e-9:
            self._duties, self._cost = duties, cost
            self._report()

    def _present(self, members: Sequence[Member]) -> dict[int, float]:
        """Return what members do now, for a program to begin with."""
        has: dict[str, dict[int, int]] = defaultdict(dict)
        for duty in self._duties:
            has[duty.person][(duty.day - self._plan.first).days] = self._numbers[duty.shift]
        values: dict[int, float] = {}
        for member in members:
            own = has[self._plan.people[member.frame.person].id]
            values.update({column: float(own.get(day) == s) for (day, s), column in member.columns.items()})
            for (number, pattern), column in member.patterns.items():
                week = member.frame.weeks[number]
                now = sum(1 << day for day in own if week.begin <= day < week.end)
                values[column] = float(pattern == now)
        return values

    # --- telling ----------------------------------------------------------------------------------------------------------

    def _left(self) -> float:
        return self._limits.seconds - self._watch()

    def _hear(self, bound: float) -> None:
        if math.isfinite(bound):
            self._bound = max(self._bound, bound)
        self._report()

    def _report(self) -> None:
        self._tell(
            Progress(
                stage=self._stage,
                seconds=self._watch(),
                cost=self._cost,
                bound=self._bound,
                gap=gap_of(self._cost, self._bound),
            )
        )
