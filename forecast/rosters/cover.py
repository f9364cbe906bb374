"""Need, shifts and breaks as columns and rows of a program. Pure but for the program that it writes.

Breaks are modelled implicitly (S. E. Bechtold and L. W. Jacobs, "Implicit modeling of flexible break assignments in optimal shift
scheduling", Management Science 36, 1990): not who has his break when, but how many begin one at each time. Breaks of one kind (length and
window) have windows that begin and end in the same order as their shifts; then counts can be handed out to the shifts exactly if, up to every
time, at least as many have begun as there are windows that ended, and at most as many as there are windows that began. Written with
running sums these rows have two entries each.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forecast.rosters.mip import Mip, Term
from forecast.rosters.model import DAY_MIN, Duty, Person, Plan

Serves = tuple[int, ...]
"""The needs that somebody helps to meet."""
Kind = tuple[int, int, int, int]
"""Length, earliest and latest beginning of a break, and where its windows begin within the grain."""
Floats = NDArray[np.float64]


@dataclass(kw_only=True)
class Amount:
    """How many people have a shift: some columns, and a number that is settled."""

    terms: list[Term] = field(default_factory=list)
    settled: float = 0.0


Amounts = Mapping[tuple[Serves, int, int], Amount]
"""(whom they serve, day, shift type) -> how many."""


@dataclass(frozen=True, kw_only=True)
class BreakColumns:
    """Where the running sum of the breaks of a kind stands in the program: one column for each time at which one may begin."""

    serves: Serves
    day: int
    kind: Kind
    times: tuple[int, ...]
    """In minutes after the midnight of the day."""
    columns: tuple[int, ...]


def presence(plan: Plan, day: int, start_min: int, length_min: int) -> list[tuple[int, float]]:
    """Return the slots of the plan, counted from its first midnight on, with the part of each that a stretch of time covers."""
    begin = day * DAY_MIN + start_min
    end, step = begin + length_min, plan.step_min
    slots = range(max(begin // step, 0), min(-(-end // step), plan.days * plan.slots))
    return [(slot, (min(end, (slot + 1) * step) - max(begin, slot * step)) / step) for slot in slots]


def serves_of(plan: Plan, person: Person) -> Serves:
    """Return the needs that a person helps to meet."""
    return tuple(n for n, need in enumerate(plan.needs) if not need.skill or need.skill in person.skills)


def needed(plan: Plan) -> Floats:
    """Return (needs, slots of the whole plan): the agents who are needed."""
    return np.array([need.agents for need in plan.needs], dtype=float).reshape(len(plan.needs), plan.days * plan.slots)


class Cover:
    """Writes need, shifts and breaks into a program: `columns` of its amounts first."""

    def __init__(
        self, mip: Mip, plan: Plan, amounts: Amounts, *, given: Sequence[Duty] = (), whole_breaks: bool = False
    ) -> None:
        """`given`: duties that stay as they are, with their breaks. `whole_breaks`: only whole numbers of people may begin a break."""
        self._mip, self._plan, self._whole = mip, plan, whole_breaks
        self.breaks: list[BreakColumns] = []
        self._present: dict[Serves, list[Amount]] = {}
        self._count(amounts)
        for (serves, day, kind_), rows in _by_kind(plan, amounts).items():
            self._place(serves, day, kind_, rows)
        self._settle((*plan.before, *given))
        self._meet()

    def _count(self, amounts: Amounts) -> None:
        """Count who is there in each slot: those of the slot before, and what has changed. So a shift stands in two rows and not in all."""
        slots = self._plan.days * self._plan.slots
        changes: dict[Serves, list[Amount]] = {}
        for (serves, day, number), amount in amounts.items():
            change = changes.setdefault(serves, [Amount() for _ in range(slots)])
            kind, last = self._plan.types[number], (0, 0.0)
            for slot, part in presence(self._plan, day, kind.start_min, kind.length_min):
                _add(change[slot], amount, part - last[1])
                last = slot, part
            if last[0] + 1 < slots:
                _add(change[last[0] + 1], amount, -last[1])
        for serves, change in changes.items():
            present = self._present[serves] = []
            for slot, amount in enumerate(change):
                there = self._mip.column()
                before = [(column, -1.0) for column, _ in present[-1].terms] if slot else []
                self._mip.row([(there, 1.0), *before, *_negative(amount)], amount.settled, amount.settled)
                present.append(Amount(terms=[(there, 1.0)]))

    def _place(self, serves: Serves, day: int, kind: Kind, rows: Sequence[tuple[int, Amount]]) -> None:
        """Let the breaks of a kind begin within their windows; `rows` are the beginnings of the windows with how many there are."""
        step = self._plan.step_min
        length, earliest, latest, _ = kind
        width = latest - earliest
        windows: dict[int, Amount] = defaultdict(Amount)
        for begin, amount in rows:
            _add(windows[begin], amount, 1.0)
        opens = sorted(windows)
        times = sorted({begin + ahead for begin in opens for ahead in range(0, width + 1, step)})
        most = sum(amount.settled + sum(self._mip.upper[c] * v for c, v in amount.terms) for amount in windows.values())
        sums = [self._mip.column(0.0, most, whole=self._whole) for _ in times]
        for number in range(1, len(times)):
            self._mip.row([(sums[number], 1.0), (sums[number - 1], -1.0)], lower=0.0)
        opened = Amount()
        for begin in opens:
            before = [(sums[at], 1.0) for at in range(len(times)) if times[at] < begin][-1:]
            if before:  # until this window opens, only breaks of earlier ones may have begun
                self._mip.row(before + _negative(opened), upper=opened.settled)
            opened = self._running(opened, windows[begin])
            close = max(at for at in range(len(times)) if times[at] <= begin + width)
            self._mip.row([(sums[close], 1.0), *_negative(opened)], lower=opened.settled)
        self._mip.row([(sums[-1], 1.0), *_negative(opened)], upper=opened.settled)
        self.breaks.append(BreakColumns(serves=serves, day=day, kind=kind, times=tuple(times), columns=tuple(sums)))
        for number, time in enumerate(times):
            for slot, part in presence(self._plan, day, time, length):
                terms = self._present[serves][slot].terms
                terms.append((sums[number], -part))
                if number:
                    terms.append((sums[number - 1], part))

    def _running(self, total: Amount, more: Amount) -> Amount:
        """Return the sum of two amounts, as a column of its own where it needs one."""
        if not more.terms:
            return Amount(terms=total.terms, settled=total.settled + more.settled)
        column = self._mip.column()
        settled = total.settled + more.settled
        self._mip.row([(column, 1.0), *_negative(total), *_negative(more)], settled, settled)
        return Amount(terms=[(column, 1.0)])

    def _settle(self, duties: Sequence[Duty]) -> None:
        """Count duties that stay as they are; nights of the day before the first reach into it."""
        kinds, people = self._plan.type_of(), self._plan.person_of()
        slots = self._plan.days * self._plan.slots
        for duty in duties:
            person, kind = people.get(duty.person), kinds.get(duty.shift)
            if person is None or kind is None:
                continue
            serves = serves_of(self._plan, person)
            present = self._present.setdefault(serves, [Amount() for _ in range(slots)])
            day = (duty.day - self._plan.first).days
            for slot, part in presence(self._plan, day, kind.start_min, kind.length_min):
                present[slot].settled += part
            for pause, at in zip(kind.breaks, duty.breaks, strict=False):
                for slot, part in presence(self._plan, day, kind.start_min + at, pause.length_min):
                    present[slot].settled -= part

    def _meet(self) -> None:
        """Say what each slot lacks or has too much of, and what that costs."""
        mip, costs, hours = self._mip, self._plan.costs, self._plan.step_min / 60
        wanted = needed(self._plan)
        served: list[list[Amount]] = [[Amount() for _ in range(wanted.shape[1])] for _ in self._plan.needs]
        for serves, present in self._present.items():
            for slot, amount in enumerate(present):
                self._share(serves, slot, amount, served)
        for need, row in enumerate(served):
            for slot, amount in enumerate(row):
                agents = float(wanted[need, slot])
                over = mip.column(cost=costs.over * hours)
                under = mip.column(0.0, agents * costs.deep_share, cost=costs.under * hours)
                deep = mip.column(0.0, agents, cost=(costs.under + costs.deep) * hours)
                equal = agents - amount.settled
                mip.row([*amount.terms, (under, 1.0), (deep, 1.0), (over, -1.0)], equal, equal)

    def _share(self, serves: Serves, slot: int, amount: Amount, served: list[list[Amount]]) -> None:
        """Share those who are present among the needs that they serve."""
        if len(serves) == 1:
            _add(served[serves[0]][slot], amount, 1.0)
        elif serves and (amount.terms or amount.settled):
            parts = [self._mip.column() for _ in serves]
            self._mip.row([*amount.terms, *((part, -1.0) for part in parts)], -amount.settled, -amount.settled)
            for need, part in zip(serves, parts, strict=True):
                served[need][slot].terms.append((part, 1.0))


def _add(total: Amount, amount: Amount, factor: float) -> None:
    total.terms.extend((column, value * factor) for column, value in amount.terms)
    total.settled += amount.settled * factor


def _negative(amount: Amount) -> list[Term]:
    return [(column, -value) for column, value in amount.terms]


def kinds_of(plan: Plan, number: int) -> list[Kind]:
    """Return the kind of each break of a shift type."""
    kind, step = plan.types[number], plan.step_min
    return [(b.length_min, b.earliest_min, b.latest_min, (kind.start_min + b.earliest_min) % step) for b in kind.breaks]


def _by_kind(plan: Plan, amounts: Amounts) -> dict[tuple[Serves, int, Kind], list[tuple[int, Amount]]]:
    found: dict[tuple[Serves, int, Kind], list[tuple[int, Amount]]] = defaultdict(list)
    for (serves, day, number), amount in amounts.items():
        for kind in kinds_of(plan, number):
            found[serves, day, kind].append((plan.types[number].start_min + kind[1], amount))
    return found


def hand_out(
    plan: Plan, duties: Sequence[Duty], serves_of: Mapping[str, Serves], columns: Sequence[BreakColumns], x: Floats
) -> list[Duty]:
    """Return the duties with their breaks: each break that begins goes to the shift whose window closes first.

    Short breaks of one slot come one after the other within it, where their windows allow that: the program counts slots only.
    """
    numbers = {kind.id: n for n, kind in enumerate(plan.types)}
    waiting: dict[tuple[Serves, int, Kind], list[tuple[int, int, int]]] = defaultdict(list)
    for at, duty in enumerate(duties):
        number, day = numbers[duty.shift], (duty.day - plan.first).days
        for place, kind in enumerate(kinds_of(plan, number)):
            begin = plan.types[number].start_min + kind[1]
            waiting[serves_of[duty.person], day, kind].append((begin, at, place))
    breaks = [[0] * len(plan.types[numbers[duty.shift]].breaks) for duty in duties]
    for group in columns:
        queue = sorted(waiting.get((group.serves, group.day, group.kind), ()), reverse=True)
        begun = 0
        for time, column in zip(group.times, group.columns, strict=True):
            while begun < round(float(x[column])) and queue:
                begin, at, place = queue.pop()
                later = _later(plan, group.kind, time, begin, begun)
                breaks[at][place] = time + later - plan.types[numbers[duties[at].shift]].start_min
                begun += 1
    return [
        Duty(person=duty.person, day=duty.day, shift=duty.shift, breaks=tuple(placed))
        for duty, placed in zip(duties, breaks, strict=True)
    ]


def _later(plan: Plan, kind: Kind, time: int, begin: int, number: int) -> int:
    """Return how much later within its slot a short break begins, so that not all begin at once."""
    length, earliest, latest, _ = kind
    places = (plan.step_min - time % plan.step_min) // length
    later = number % places * length if places > 1 else 0
    return later if time + later <= begin + latest - earliest else 0
