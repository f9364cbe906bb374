"""Small plans for tests, by hand or by lot with a fixed seed."""

from datetime import date, timedelta
from random import Random
from typing import Any

from forecast.rosters.model import Absence, Break, Duty, Fixed, Need, Past, Person, Plan, ShiftType, Wish
from forecast.rosters.rules import Contract, Costs

MONDAY = date(2026, 11, 23)
LUNCH = Break(length_min=60, earliest_min=180, latest_min=300)
EARLY = ShiftType(id="E", start_min=8 * 60, length_min=540, breaks=(LUNCH,))
LATE = ShiftType(id="L", start_min=13 * 60, length_min=540, breaks=(LUNCH,))
NIGHT = ShiftType(
    id="N",
    start_min=22 * 60,
    length_min=510,
    breaks=(Break(length_min=30, earliest_min=180, latest_min=300),),
    night=True,
)
SHORT = ShiftType(id="S", start_min=10 * 60, length_min=240)
TYPES = (EARLY, LATE, NIGHT, SHORT)


def day(number: int) -> date:
    return MONDAY + timedelta(days=number)


def flat(agents: float, begin_h: int = 8, end_h: int = 22, days: int = 7) -> tuple[tuple[float, ...], ...]:
    return tuple(
        tuple(float(agents) if begin_h * 2 <= slot < end_h * 2 else 0.0 for slot in range(48)) for _ in range(days)
    )


def person(name: str = "王芳", **changes: Any) -> Person:
    number = changes.pop("id", name)
    own = {k: changes.pop(k) for k in ("fixed", "absences", "wishes", "past", "skills") if k in changes}
    return Person(id=number, name=name, contract=Contract(**changes), **own)


def plan(*people: Person, **changes: Any) -> Plan:
    return Plan(**({"first": MONDAY, "types": TYPES, "people": people or (person(),)} | changes))


def duty(who: str, number: int, shift: str, *breaks: int) -> Duty:
    return Duty(person=who, day=day(number), shift=shift, breaks=breaks)


def by_lot(seed: int, size: int = 3) -> Plan:
    """A plan that can be kept by everybody, with a little of everything."""
    dice = Random(seed)
    people = []
    for number in range(size):
        contract = Contract(
            hours_week_min=dice.choice((0, 16, 24)),
            hours_week_max=dice.choice((36, 40, 44)),
            days_week_max=dice.choice((5, 6)),
            days_off_in_row=dice.choice((0, 2)),
            nights_week_max=dice.choice((0, 2, 3)),
            nights_in_row_max=dice.choice((2, 3)),
            off_after_nights=dice.choice((0, 1, 2)),
            earliest_min=dice.choice((0, 0, 9 * 60)),
        )
        past = Past(
            nights=dice.randrange(3), weekend_days=dice.randrange(4), days_in_row=dice.randrange(3),
            days_since_night=dice.choice((None, 1, 2)), nights_in_row=dice.randrange(2), busy_until_min=dice.choice((None, -120, 390)),
        )  # fmt: skip
        wishes = tuple(
            Wish(day=day(d), kind=dice.choice(("off", "shift", "not")), shifts=("L",), weight=dice.choice((1, 2)))
            for d in dice.sample(range(7), 2)
        )
        away = (Absence(first=day(4), last=day(4)),) if dice.random() < 0.3 else ()
        fixed = (Fixed(day=day(3), shift="L"),) if dice.random() < 0.3 else ()
        skills = dice.choice((("a",), ("b",), ("a", "b")))
        people.append(
            Person(
                id=f"p{number}",
                name=f"员工{number}",
                skills=skills,
                contract=contract,
                past=past,
                wishes=wishes,
                absences=away,
                fixed=fixed,
            )
        )
    needs = tuple(Need(skill=skill, agents=tuple(_blocks(dice) for _ in range(7))) for skill in ("a", "b"))
    return plan(*people, needs=needs, costs=Costs(deep=0.0))


def _blocks(dice: Random) -> tuple[float, ...]:
    """A day whose need changes every four hours."""
    return tuple(float(agents) for agents in (dice.randrange(2) for _ in range(6)) for _ in range(8))
