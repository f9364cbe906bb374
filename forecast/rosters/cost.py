"""How well a roster meets the need: who is there in each slot, what is missing, and what it costs altogether. Pure.

Where people serve several needs they are shared so that as much need as possible is met, slot by slot, and first of all what would be a deep shortage (a maximum
flow, by augmenting paths: L. R. Ford and D. R. Fulkerson, "Maximal flow through a network", 1956). This is a count of its own, not the program that makes rosters.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecast.rosters.cover import Floats, needed, presence, serves_of
from forecast.rosters.model import Duty, Plan
from forecast.rosters.window import window
from forecast.rosters.wishes import Personal, personal


@dataclass(frozen=True, kw_only=True, eq=False)
class Account:
    """What a roster is worth."""

    needed: Floats
    """(needs, slots of the plan)"""
    present: Floats
    """(needs, slots): who works for each need, breaks taken off."""
    personal: Personal
    short_hours: float
    """Hours that agents are missing."""
    idle_hours: float
    """Hours that agents are too many."""
    worst_short: float
    """The most agents that are missing in one slot."""
    covered: float
    """Part of the needed hours that is met."""
    cost: float
    """In the unit of `Costs`: everything together."""


def account(plan: Plan, duties: Iterable[Duty]) -> Account:
    """Return how well these duties meet the plan's need. Breaks that are not placed do not count."""
    known = list(duties)
    wanted = needed(plan)
    present = _present(plan, [*plan.before, *known], wanted)
    hours = plan.step_min / 60
    short = np.maximum(wanted - present, 0.0)
    total = float(wanted.sum()) * hours
    idle, people = np.maximum(present - wanted, 0.0), personal(plan, known)
    return Account(
        needed=wanted,
        present=present,
        personal=people,
        short_hours=float(short.sum()) * hours,
        idle_hours=float(idle.sum()) * hours,
        worst_short=float(short.max(initial=0.0)),
        covered=1.0 - float(short.sum()) * hours / total if total else 1.0,
        cost=people.cost + _of_need(plan, wanted, present),
    )


def change(plan: Plan, before: Sequence[Duty], after: Sequence[Duty], begin: int, end: int) -> float:
    """Return how much more a roster costs after a change of duties that can only be felt from the day `begin` to before `end`."""
    near, people = window(plan, begin, end), plan.person_of()
    old, new = set(before), set(after)
    names = {duty.person for duty in old ^ new}
    concerned = [people[name] for name in sorted(names)]
    was, now = ([duty for duty in duties if duty.person in names] for duties in (before, after))
    more = personal(plan, now, concerned).cost - personal(plan, was, concerned).cost
    wanted = needed(near)
    for duties, sign in ((before, -1.0), (after, 1.0)):
        first, last = plan.day(begin - 1), plan.day(end - 1)
        felt = [duty for duty in (*plan.before, *duties) if first <= duty.day <= last]
        more += sign * _of_need(near, wanted, _present(near, felt, wanted))
    return more


def _of_need(plan: Plan, wanted: Floats, present: Floats) -> float:
    """Return what is paid for agents who are missing or too many."""
    costs, hours = plan.costs, plan.step_min / 60
    short, idle = np.maximum(wanted - present, 0.0), np.maximum(present - wanted, 0.0)
    deep = np.maximum(short - costs.deep_share * wanted, 0.0)
    return hours * float((costs.over * idle + costs.under * short + costs.deep * deep).sum())


def _present(plan: Plan, duties: Sequence[Duty], wanted: Floats) -> Floats:
    kinds, people = plan.type_of(), plan.person_of()
    slots = plan.days * plan.slots
    groups: dict[tuple[int, ...], Floats] = defaultdict(lambda: np.zeros(slots))
    for duty in duties:
        if duty.person not in people or duty.shift not in kinds:
            continue
        there = groups[serves_of(plan, people[duty.person])]
        kind, day = kinds[duty.shift], (duty.day - plan.first).days
        for slot, part in presence(plan, day, kind.start_min, kind.length_min):
            there[slot] += part
        for pause, at in zip(kind.breaks, duty.breaks, strict=False):
            for slot, part in presence(plan, day, kind.start_min + at, pause.length_min):
                there[slot] -= part
    present = np.zeros_like(wanted)
    shared = {serves: there for serves, there in groups.items() if len(serves) > 1}
    for serves, there in groups.items():
        if len(serves) == 1:
            present[serves[0]] += there
    for slot in range(slots if shared else 0):
        supplies = {serves: float(there[slot]) for serves, there in shared.items()}
        missing = np.maximum(wanted[:, slot] - present[:, slot], 0.0)
        deep = np.maximum(missing - plan.costs.deep_share * wanted[:, slot], 0.0)
        present[:, slot] += share(supplies, missing, deep)
    return present


def share(supplies: Mapping[tuple[int, ...], float], missing: Floats, urgent: Floats) -> Floats:
    """Return how much each need gets of what groups can give, so that as little as possible is missing; what is left goes to the first need.

    `urgent` is the part of what is missing that costs most: it is met first. Meeting the rest takes nothing away from it, for a path gives more to one
    need and to no other one less: so both are as little as can be.
    """
    given = {serves: dict.fromkeys(serves, 0.0) for serves in supplies}
    left = dict(supplies)
    for part in (urgent, missing - urgent):
        lacks = [float(value) for value in part]
        for need in range(len(lacks)):
            while lacks[need] > 1e-9:
                path = _path(need, left, given)
                if not path:
                    break
                _push(path, need, left, given, lacks)
    gets = np.zeros(len(lacks))
    for serves, parts in given.items():
        for need, amount in parts.items():
            gets[need] += amount
        gets[serves[0]] += left[serves]
    return gets


Given = dict[tuple[int, ...], dict[int, float]]


def _path(need: int, left: Mapping[tuple[int, ...], float], given: Given) -> list[tuple[tuple[int, ...], int]]:
    """Return a way to give more to a need: groups, each with the need that it gives to; all but the last take it from the next one's."""
    seen = {need}
    paths: list[tuple[int, list[tuple[tuple[int, ...], int]]]] = [(need, [])]
    while paths:
        at, path = paths.pop(0)
        for serves in given:
            if at not in serves:
                continue
            if left[serves] > 1e-9:
                return [*path, (serves, at)]
            for other, amount in given[serves].items():
                if amount > 1e-9 and other not in seen:
                    seen.add(other)
                    paths.append((other, [*path, (serves, at)]))
    return []


def _push(
    path: list[tuple[tuple[int, ...], int]],
    need: int,
    left: dict[tuple[int, ...], float],
    given: Given,
    lacks: list[float],
) -> None:
    amounts = [lacks[need], left[path[-1][0]]]
    amounts += [given[serves][path[step + 1][1]] for step, (serves, _) in enumerate(path[:-1])]
    amount = min(amounts)
    for step, (serves, gets) in enumerate(path):
        given[serves][gets] += amount
        if step + 1 < len(path):
            given[serves][path[step + 1][1]] -= amount
    left[path[-1][0]] -= amount
    lacks[need] -= amount
