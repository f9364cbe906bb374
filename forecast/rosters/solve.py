"""From a plan to a roster: who works when, with the least cost and a bound that says how much better it could be at most.

Small plans are one exact program. Large ones go three steps:

1. **Classes**: people who are alike are counted, not named (`crew`). This program is small, and what it costs is a bound for the whole.
2. **People**: within each class every person gets shifts so that the numbers of the classes come out, wishes and fairness as good as can be.
3. **Search**: breaks are placed for the people as they are; then some people at a time are planned anew, exactly, while all others stay
   (large neighbourhood search: P. Shaw, "Using constraint programming and local search methods to solve vehicle routing problems", CP 1998),
   until the gap to the bound is as wished or the time is over.

Every roster on the way keeps every rule: what can be short is only the need. Deterministic but for the time limit.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random

import numpy as np

from forecast.rosters.cover import Amount, Cover, Floats, Serves, hand_out
from forecast.rosters.crew import Fair, Member, Slot, add_class, add_member, amounts, classes
from forecast.rosters.explain import check_possible
from forecast.rosters.frames import EPSILON, Frame, frames
from forecast.rosters.mip import Answer, Mip, Stop, dive, never, solve
from forecast.rosters.model import DAY_MIN, Duty, Plan, roster
from forecast.rosters.outcome import Limits, Progress, Solved, Stage, Tell, gap_of
from forecast.rosters.wishes import fulfilled, personal
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
    return _Making(plan, limits or Limits(), tell, stop).make(start)


class _Making:
    """One run."""

    def __init__(self, plan: Plan, limits: Limits, tell: Tell, stop: Stop) -> None:
        self._plan, self._limits, self._tell, self._stop = plan, limits, tell, stop
        self._watch = stopwatch()
        self._frames = frames(plan)
        self._frame_of = {plan.people[f.person].id: f for f in self._frames}
        self._serves = {name: frame.serves for name, frame in self._frame_of.items()}
        self._numbers = {kind.id: n for n, kind in enumerate(plan.types)}
        self._fair = Fair(plan)
        self._dice = Random(limits.seed)  # noqa: S311 - luck for a search, not a secret
        self._stage: Stage = "classes"
        self._bound = 0.0
        self._cost = math.inf
        self._duties: list[Duty] = []

    def make(self, start: Sequence[Duty]) -> Solved:
        possible = sum(len(day) for frame in self._frames for day in frame.allowed)
        if start:
            self._take_breaks(list(start))
        steps = 0
        if possible <= SMALL:
            self._stage = "whole"
            answer = self._anew(self._frames, self._left(), self._limits.gap)
            self._hear(answer.bound)
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
        )

    # --- the bound --------------------------------------------------------------------------------------------------------

    def _classes(self) -> list[tuple[tuple[Frame, ...], dict[Slot, int]]]:
        """Return how many of each class have each shift."""
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
        if not len(answer.x):
            return [(group.frames, {}) for group in groups]
        return [
            (group.frames, {slot: round(float(answer.x[c])) for slot, c in group.columns.items()}) for group in groups
        ]

    # --- people -----------------------------------------------------------------------------------------------------------

    def _people(self, counts: Sequence[tuple[tuple[Frame, ...], Mapping[Slot, int]]]) -> None:
        """Give every person shifts so that the counts come out, as far as they can."""
        self._stage = "people"
        duties: list[Duty] = []
        for group, wanted in counts:
            duties += self._deal(group, wanted)
            self._report()
        self._stage = "breaks"
        self._take_breaks(duties)

    def _deal(self, group: Sequence[Frame], wanted: Mapping[Slot, int]) -> list[Duty]:
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
        self, group: Sequence[Frame], wanted: Mapping[Slot, int], seconds: float, stop: Stop | None = None
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
        """Choose the shifts of one day anew for those who work on it; nights stay nights, so only rest and hours have to be looked at."""
        plan, day = self._plan, self._plan.day(number)
        own = [duty for duty in self._duties if duty.day == day]
        rest = [duty for duty in self._duties if duty.day != day]
        groups: dict[tuple[Serves, tuple[tuple[int, float], ...]], list[str]] = defaultdict(list)
        for duty in own:
            frame = self._frame_of[duty.person]
            groups[frame.serves, tuple(self._choices(frame, number, duty))].append(duty.person)
        mip = Mip()
        found: dict[tuple[Serves, int, int], Amount] = defaultdict(Amount)
        chosen: list[tuple[list[str], dict[int, int]]] = []
        for (serves, choices), names in groups.items():
            columns = {s: mip.column(0, len(names), price, whole=True) for s, price in choices}
            mip.row([(c, 1.0) for c in columns.values()], len(names), len(names))
            for s, column in columns.items():
                found[serves, number, s].terms.append((column, 1.0))
            chosen.append((names, columns))
        prices = list(mip.cost)
        cover = Cover(mip, plan, found, given=rest, whole_breaks=True)
        answer = solve(mip, seconds=seconds, gap=self._limits.gap / 10, stop=self._stop)
        if not len(answer.x):
            return
        dealt = []
        for names, columns in chosen:
            shifts = [s for s, column in columns.items() for _ in range(round(float(answer.x[column])))]
            dealt += [Duty(person=name, day=day, shift=plan.types[s].id) for name, s in zip(names, shifts, strict=True)]
        duties = [*rest, *hand_out(plan, dealt, self._serves, cover.breaks, answer.x)]
        paid = float(np.dot(prices, answer.x[: len(prices)]))
        self._take(duties, answer.objective - paid + personal(plan, duties).cost)

    def _choices(self, frame: Frame, number: int, duty: Duty) -> list[tuple[int, float]]:
        """Return the shift types that a person could have instead, with what they cost in pay and wishes."""
        plan, now = self._plan, self._plan.types[self._numbers[duty.shift]]
        others = {
            d.day: plan.types[self._numbers[d.shift]]
            for d in self._duties
            if d.person == duty.person and d.day != duty.day
        }
        hours = sum(kind.hours for kind in others.values())
        before, after = others.get(plan.day(number - 1)), others.get(plan.day(number + 1))
        wishes = [w for w in plan.people[frame.person].wishes if w.day == duty.day]
        return [
            (
                s,
                plan.costs.hour * kind.hours
                + plan.costs.wish * sum(w.weight for w in wishes if not fulfilled(w, kind.id)),
            )
            for s, kind in ((s, plan.types[s]) for s in frame.allowed[number])
            if kind.night == now.night
            and frame.hours_min - EPSILON <= hours + kind.hours <= frame.hours_max + EPSILON
            and (before is None or before.end_min - DAY_MIN + frame.rest_min <= kind.start_min)
            and (after is None or kind.end_min + frame.rest_min <= after.start_min + DAY_MIN)
        ]

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
        answer = solve(
            mip,
            seconds=seconds,
            gap=gap,
            start=self._present(members) if math.isfinite(self._cost) else None,
            stop=stop or self._stop,
            tell=(lambda _cost, bound: self._hear(bound)) if everybody else None,
        )
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
            pattern = sum(1 << day for day in own)
            values.update({column: float(p == pattern) for p, column in member.patterns.items()})
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
