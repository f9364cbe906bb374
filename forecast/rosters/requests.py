"""Changes of a roster that people ask for: swap two shifts, give one away, take a day off, move to another shift. Pure.

A change is allowed when the checker finds nothing wrong that was not wrong before; otherwise it says what would be. Whether the need is then met
worse is told beside (`cost`), and is for a supervisor to judge.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from forecast.rosters.check import Violation, violations
from forecast.rosters.cost import account
from forecast.rosters.model import Duty, Plan

ChangeKind = Literal["swap", "give", "off", "shift"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """What somebody asks for."""

    kind: ChangeKind
    """`swap`: `person` and `other` change what they have on their days; `give`: `other` gets the shift; `off`: nobody has it any more; `shift`:
    `person` has `shift` on that day instead of what he had, or instead of a day off."""
    person: str
    day: date
    other: str = ""
    other_day: date | None = None
    """Of a swap; None: the same day."""
    shift: str = ""

    @property
    def days(self) -> tuple[date, ...]:
        """The days that it changes."""
        return (self.day,) if self.other_day is None else (self.day, self.other_day)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a change is allowed, and what comes of it."""

    reasons: tuple[str, ...]
    """Why not; empty: it is allowed."""
    duties: tuple[Duty, ...]
    """The roster after it; the one before where it is not allowed."""
    short_hours: float = 0.0
    """Agent-hours missing after it, less those before."""

    @property
    def allowed(self) -> bool:
        """Whether it keeps the rules."""
        return not self.reasons


def judge(plan: Plan, duties: Sequence[Duty], change: Change) -> Verdict:
    """Return whether a change is allowed."""
    after = _changed(plan, duties, change)
    if isinstance(after, str):
        return Verdict(reasons=(after,), duties=tuple(duties))
    before = {_mark(v) for v in violations(plan, duties)}
    eased = _without_fixed(plan, change)
    new = [v for v in violations(eased, after) if _mark(v) not in before]
    if new:
        return Verdict(reasons=tuple(v.text for v in new), duties=tuple(duties))
    missing = account(plan, after).short_hours - account(plan, duties).short_hours
    return Verdict(reasons=(), duties=tuple(after), short_hours=missing)


def _mark(violation: Violation) -> tuple[object, ...]:
    return violation.person, violation.rule, violation.day, violation.text


def _without_fixed(plan: Plan, change: Change) -> Plan:
    """What was fixed may be changed by those whom it is about."""
    days = {(change.person, change.day), (change.other, change.other_day or change.day)}
    days |= {(change.other, change.day), (change.person, change.other_day or change.day)}
    people = tuple(
        replace(p, fixed=tuple(f for f in p.fixed if (p.id, f.day) not in days)) if p.fixed else p for p in plan.people
    )
    return replace(plan, people=people)


def _changed(plan: Plan, duties: Sequence[Duty], change: Change) -> list[Duty] | str:
    """Return the duties after a change, or why it cannot even be tried."""
    people = plan.person_of()
    at = {(duty.person, duty.day): duty for duty in duties}
    own = at.get((change.person, change.day))
    if change.person not in people or (change.kind in ("swap", "give") and change.other not in people):
        return "there is no such person in the roster"
    if change.person == change.other:
        return "that is one and the same person"
    if not plan.first <= change.day <= plan.last or not plan.first <= (change.other_day or change.day) <= plan.last:
        return "that day is not in the roster"
    if own is None and change.kind != "shift":
        return f"{people[change.person].called} has no shift on {change.day}"
    match change.kind:
        case "off":
            return [duty for duty in duties if duty is not own]
        case "shift":
            return _moved(plan, duties, change, own)
        case "give":
            assert own is not None
            if (change.other, change.day) in at:
                return f"{people[change.other].called} has a shift on {change.day} already"
            return [replace(duty, person=change.other) if duty is own else duty for duty in duties]
    return _swapped(plan, duties, change)


def _moved(plan: Plan, duties: Sequence[Duty], change: Change, own: Duty | None) -> list[Duty] | str:
    kind = plan.type_of().get(change.shift)
    if kind is None:
        return f"there is no shift type {change.shift[:40]!r}"
    breaks = tuple(pause.earliest_min for pause in kind.breaks)
    fresh = Duty(person=change.person, day=change.day, shift=change.shift, breaks=breaks)
    return [*(duty for duty in duties if duty is not own), fresh]


def _swapped(plan: Plan, duties: Sequence[Duty], change: Change) -> list[Duty] | str:
    """Change what both have on one day, or what each has on his own day."""
    other_day = change.other_day or change.day
    theirs = next((d for d in duties if (d.person, d.day) == (change.other, other_day)), None)
    if theirs is None:
        return f"{plan.person_of()[change.other].called} has no shift on {other_day}"
    moved: list[Duty] = []
    for duty in duties:
        if (duty.person, duty.day) == (change.person, change.day):
            moved.append(replace(duty, person=change.other))
        elif duty is theirs:
            moved.append(replace(duty, person=change.person))
        else:
            moved.append(duty)
    return moved
