"""Plans from files: people, contracts, shift types and rules from TOML (or people alone from CSV), need from CSV. Pure: texts in, records out.

Every mistake is one Misuse with its place. Times of day are written `08:30`; a shift that goes on past midnight ends at `30:00` or at `06:00`
with its length. Durations are hours (`8.5`), `8:30` or minutes (`"15m"`).
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from forecast.rosters.model import (
    DAY_MIN,
    Absence,
    Break,
    Fixed,
    Past,
    Person,
    Plan,
    ShiftType,
    Wish,
    night_minutes,
)
from forecast.rosters.need_file import read_need
from forecast.rosters.rules import PAY_OF_COUNTRY, Contract, Costs, Pay, Rules
from forecast.rosters.values import check_fields, date_of, duration, minutes, no_strangers, rows_of
from forecast.rosters.weeks import WEEK_DAYS
from hotline.errors import Misuse

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PAY_MAX = 10.0
FIELDS_OF_TIME = {"earliest": "earliest_min", "latest": "latest_min"}


@dataclass(frozen=True, kw_only=True)
class House:
    """What a plan needs besides the week and the need."""

    people: tuple[Person, ...]
    types: tuple[ShiftType, ...]
    rules: Rules
    costs: Costs
    zone: str
    contracts: Mapping[str, Contract]
    country: str = ""
    """Whose public holidays and make-up workdays count; empty: nobody's."""
    holidays: tuple[date, ...] = ()
    """More of them."""
    workdays: tuple[date, ...] = ()
    """More make-up workdays."""
    pay: Pay = field(default_factory=Pay)
    statutory: tuple[date, ...] = ()
    """More holidays on which work is paid as on those that the law names."""


def read_house(text: str, source: str) -> House:
    """Return what a TOML file says about people, contracts, shift types, rules and costs."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise Misuse(f"{source}: {exc}") from exc
    known = {
        "zone",
        "country",
        "holidays",
        "workdays",
        "statutory",
        "pay",
        "rules",
        "costs",
        "contracts",
        "shifts",
        "people",
    }
    no_strangers(given, known, source)
    rules = _record(Rules, given.get("rules", {}), f"{source}: [rules]")
    if rules.overtime_by not in ("week", "month"):
        raise Misuse(f"{source}: [rules]: overtime_by is week or month")
    contracts = {
        name: read_contract({"id": name, **section}, f"{source}: contract {name}")
        for name, section in _tables(given, "contracts", source).items()
    }
    types = tuple(
        read_type(name, section, rules, f"{source}: shift {name}")
        for name, section in _tables(given, "shifts", source).items()
    )
    rows = given.get("people", [])
    if not isinstance(rows, list):
        raise Misuse(f"{source}: people are written as [[people]]")
    people = tuple(
        read_person(row, contracts, f"{source}: person {row.get('id', number + 1)}") for number, row in enumerate(rows)
    )
    costs = _record(Costs, given.get("costs", {}), f"{source}: [costs]")
    zone, country = str(given.get("zone", "Asia/Shanghai")), str(given.get("country", ""))
    return House(
        people=people, types=types, rules=rules, costs=costs, zone=zone, contracts=contracts, country=country,
        holidays=_dates(given, "holidays", source), workdays=_dates(given, "workdays", source),
        pay=read_pay(given.get("pay", {}), country, f"{source}: [pay]"), statutory=_dates(given, "statutory", source),
    )  # fmt: skip


def read_pay(given: Any, country: str, where: str) -> Pay:
    """Return what hours are paid: what the section says, otherwise what the country's law asks for."""
    if not isinstance(given, dict):
        raise Misuse(f"{where}: it is a section: overtime = 1.5, rest_day = 2, holiday = 3")
    check_fields(Pay, given, where)
    wrong = next((name for name, value in given.items() if not 1 <= value <= PAY_MAX), None)
    if wrong is not None:
        raise Misuse(f"{where}: {wrong} is a factor from 1 to {PAY_MAX:g} (3 is 300 %)")
    return replace(PAY_OF_COUNTRY.get(country.upper().partition("-")[0], Pay()), **given)


def _dates(given: Mapping[str, Any], name: str, source: str) -> tuple[date, ...]:
    days = given.get(name, [])
    if not isinstance(days, list):
        raise Misuse(f"{source}: {name} are a list of dates")
    return tuple(date_of(day, f"{source}: {name}") for day in days)


def read_type(name: str, given: Mapping[str, Any], rules: Rules, where: str) -> ShiftType:
    """Return a shift type from its section."""
    no_strangers(given, {"start", "end", "length", "breaks", "night", "skills", "weekdays", "only"}, where)
    start = minutes(given.get("start", ""), where)
    if ("end" in given) == ("length" in given):
        raise Misuse(f"{where}: say either its end or its length")
    if "length" in given:
        length = duration(given["length"], where)
    else:
        length = minutes(given["end"], where) - start
        length += DAY_MIN if length <= 0 else 0
    only = given.get("only", "")
    if only not in ("", "workdays", "days_off"):
        raise Misuse(f"{where}: only is workdays or days_off (of the calendar), not {str(only)[:40]!r}")
    night = given.get("night", night_minutes(start, length, rules) >= rules.night_least_min)
    return ShiftType(
        id=name,
        start_min=start,
        length_min=length,
        breaks=tuple(_break(one, f"{where}: break") for one in given.get("breaks", [])),
        night=bool(night),
        skills=tuple(given.get("skills", ())),
        weekdays=_weekdays(given.get("weekdays", list(WEEKDAYS)), where),
        only=only,
    )


def _break(given: Mapping[str, Any], where: str) -> Break:
    no_strangers(given, {"length", "after", "paid"}, where)
    window = given.get("after", [])
    if not isinstance(window, list) or len(window) != 2:
        raise Misuse(
            f'{where}: say when it may begin: after = ["2:00", "4:00"], counted from the beginning of the shift'
        )
    first, last = (duration(part, where) for part in window)
    return Break(
        length_min=duration(given.get("length", 0), where),
        earliest_min=first,
        latest_min=last,
        paid=bool(given.get("paid", False)),
    )


def read_contract(given: Mapping[str, Any], where: str) -> Contract:
    """Return a contract from its section; `hours_week = [36, 44]` stands for both limits, as does `hours_month`."""
    return _changed(Contract(), _contract_fields(given, where), where)


def _contract_fields(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, value in given.items():
        if name in ("hours_week", "hours_month"):
            if not isinstance(value, list) or len(value) != 2:
                raise Misuse(f"{where}: {name} is [least, most]")
            plain[f"{name}_min"], plain[f"{name}_max"] = value
        elif name in FIELDS_OF_TIME:
            plain[FIELDS_OF_TIME[name]] = minutes(value, where)
        else:
            plain[name] = tuple(value) if isinstance(value, list) else value
    return plain


def read_person(given: Mapping[str, Any], contracts: Mapping[str, Contract], where: str) -> Person:
    """Return a person; what the section says beyond the usual is a change of his contract."""
    own = {"id", "name", "skills", "contract", "fixed", "absences", "wishes", "past"}
    name = str(given.get("contract", ""))
    if name and name not in contracts:
        raise Misuse(f"{where}: there is no contract {name!r}")
    if not str(given.get("id", "")).strip():
        raise Misuse(f"{where}: an id is needed")
    changed = _contract_fields({k: v for k, v in given.items() if k not in own}, where)
    base = contracts.get(name, Contract())
    return Person(
        id=str(given["id"]).strip(),
        name=str(given.get("name", "")).strip(),
        skills=tuple(str(skill) for skill in given.get("skills", ())),
        contract=_changed(base, changed, where),
        fixed=tuple(_fixed(one, f"{where}: fixed") for one in given.get("fixed", [])),
        absences=tuple(_absence(one, f"{where}: absence") for one in given.get("absences", [])),
        wishes=tuple(wish for one in given.get("wishes", []) for wish in _wishes(one, f"{where}: wish")),
        past=_record(
            Past,
            {k: tuple(v) if isinstance(v, list) else v for k, v in given.get("past", {}).items()},
            f"{where}: past",
        ),
    )


def _fixed(given: Mapping[str, Any], where: str) -> Fixed:
    no_strangers(given, {"day", "shift"}, where)
    shift = str(given.get("shift", ""))
    return Fixed(day=date_of(given.get("day"), where), shift="" if shift == "off" else shift)


def _absence(given: Mapping[str, Any], where: str) -> Absence:
    no_strangers(given, {"day", "first", "last", "reason", "paid"}, where)
    first = date_of(given.get("day", given.get("first")), where)
    last = date_of(given.get("last", first), where)
    if last < first:
        raise Misuse(f"{where}: it ends before it begins")
    return Absence(first=first, last=last, reason=str(given.get("reason", "")), paid=bool(given.get("paid", True)))


def _wishes(given: Mapping[str, Any], where: str) -> Iterable[Wish]:
    no_strangers(given, {"day", "days", "kind", "shifts", "weight"}, where)
    kind = given.get("kind", "off")
    weight = given.get("weight", 1.0)
    if kind not in ("off", "shift", "not") or not isinstance(weight, int | float) or not 0 < weight <= 100:
        raise Misuse(f"{where}: its kind is off, shift or not, and its weight a number up to 100")
    for day in given.get("days", [given.get("day")]):
        yield Wish(day=date_of(day, where), kind=kind, shifts=tuple(given.get("shifts", ())), weight=float(weight))


def read_people(lines: Iterable[str], contracts: Mapping[str, Contract], source: str) -> list[Person]:
    """Return people from CSV: id, name, skills (separated by spaces or semicolons) and contract, in English or Chinese headers."""
    return [
        read_person(
            {**row, "skills": re.split(r"[;；、\s]+", row["skills"]) if row.get("skills") else []},
            contracts,
            f"{source}, line {number}",
        )
        for number, row in rows_of(lines, {"id"}, source)
    ]


def plan_of(
    house: House, first: date, need: Sequence[str] | None, source: str, *, days: int = WEEK_DAYS, repeat: bool = False
) -> Plan:
    """Return the plan of some days; `need` are the lines of a file, None: nobody is needed. For `repeat` see `read_need`."""
    step, needs = (30, ()) if need is None else read_need(need, first, days, source, repeat=repeat)
    holidays, workdays = _calendar(house, first, days)
    return Plan(
        first=first, days=days, step_min=step, types=house.types, people=house.people, needs=needs, rules=house.rules, costs=house.costs,
        zone=house.zone, holidays=holidays, workdays=workdays, pay=house.pay, statutory=_statutory(house, first, days),
    )  # fmt: skip


def _statutory(house: House, first: date, days: int) -> tuple[date, ...]:
    """Return the holidays of a plan that are paid as such; without a country those that are said."""
    begin, end = first, first + timedelta(days=days + 1)  # the last night reaches into the day after
    found = {*house.statutory, *(() if house.country else house.holidays)}
    if house.country and house.pay.holiday > 1.0:
        from forecast.days.holidays import statutory_days  # as above

        found |= statutory_days(house.country, years=range(begin.year, end.year + 1))
    return tuple(sorted(day for day in found if begin <= day < end))


def _calendar(house: House, first: date, days: int) -> tuple[tuple[date, ...], tuple[date, ...]]:
    """Return the public holidays and make-up workdays from the year before the plan to the end of its last month."""
    begin, end = first - timedelta(days=366), first + timedelta(days=days + 31)
    holidays, workdays = set(house.holidays), set(house.workdays)
    if house.country:
        from forecast.days.holidays import calendar_for  # it takes a moment, and many plans know no holidays

        known = calendar_for(house.country, years=range(begin.year, end.year + 1))
        holidays |= set(known.holidays)
        workdays |= known.workdays
    holidays -= set(house.workdays)
    workdays -= set(house.holidays)
    return tuple(sorted(d for d in holidays if begin <= d < end)), tuple(
        sorted(d for d in workdays if begin <= d < end)
    )


# --- parts ----------------------------------------------------------------------------------------------------------------


def _weekdays(names: Any, where: str) -> tuple[int, ...]:
    if not isinstance(names, list) or not set(names) <= set(WEEKDAYS):
        raise Misuse(f"{where}: weekdays are a list of {', '.join(WEEKDAYS)}")
    return tuple(WEEKDAYS.index(name) for name in names)


def _tables(given: Mapping[str, Any], name: str, source: str) -> Mapping[str, Mapping[str, Any]]:
    found = given.get(name, {})
    if not isinstance(found, dict) or not all(isinstance(section, dict) for section in found.values()):
        raise Misuse(f"{source}: {name} are written as [{name}.ID]")
    return found


def _changed(base: Contract, changes: Mapping[str, Any], where: str) -> Contract:
    check_fields(Contract, changes, where)
    return replace(base, **changes)


def _record(kind: Any, given: Mapping[str, Any], where: str) -> Any:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    check_fields(kind, values, where)
    return kind(**values)
