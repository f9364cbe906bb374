"""The need of a week from CSV: how many agents each slot asks for. Pure."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from forecast.rosters.model import DAY_MIN, Need
from forecast.rosters.values import date_of, minutes, rows_of
from hotline.errors import Misuse

Told = dict[str, dict[tuple[int, int], float]]
"""Skill -> (number of the day, minute) -> agents."""


def read_need(
    lines: Iterable[str], first: date, days: int, source: str, *, repeat: bool = False
) -> tuple[int, tuple[Need, ...]]:
    """Return the length of a slot and the needs of a plan from CSV: date and time (or start, in ISO 8601), agents, and skill where there are several.

    Days without a line need nobody; with `repeat` they need what the nearest such weekday needs that the file tells of. The slot is the
    shortest distance between two lines of a day.
    """
    told: Told = {}
    for number, row in rows_of(lines, {"agents"}, source):
        where = f"{source}, line {number}"
        day, at = _moment(row, where)
        told.setdefault(row.get("skill", ""), {})[(day - first).days, at] = _agents(row["agents"], where)
    if repeat:
        told = _repeated(told, days)
    found = {
        skill: own for skill, slots in told.items() if (own := {k: v for k, v in slots.items() if 0 <= k[0] < days})
    }
    if not found:
        raise Misuse(f"{source} says nothing about {first} and the {days - 1} days after")
    step = _step(found)
    needs = []
    for skill, slots in found.items():
        table = [[0.0] * (DAY_MIN // step) for _ in range(days)]
        for (number, at), agents in slots.items():
            table[number][at // step] = agents
        needs.append(Need(skill=skill, agents=tuple(tuple(row) for row in table)))
    return step, tuple(needs)


def untold(lines: Iterable[str], first: date, days: int, source: str) -> list[date]:
    """Return the days of a plan that a file of the need says nothing about."""
    told = {_moment(row, f"{source}, line {number}")[0] for number, row in rows_of(lines, {"agents"}, source)}
    return [day for day in (first + timedelta(days=n) for n in range(days)) if day not in told]


def _repeated(told: Told, days: int) -> Told:
    known = sorted({day for slots in told.values() for day, _ in slots})
    like = {
        day: min((k for k in known if (k - day) % 7 == 0), key=lambda k: abs(k - day), default=None)
        for day in range(days)
    }
    return {
        skill: {(day, at): agents for day, model in like.items() for (own, at), agents in slots.items() if own == model}
        for skill, slots in told.items()
    }


def _step(found: Mapping[str, Mapping[tuple[int, int], float]]) -> int:
    moments = sorted({at for slots in found.values() for _, at in slots})
    step = math.gcd(DAY_MIN, *moments) if len(moments) > 1 else 30
    return min(step, 60) if step % 60 == 0 else step


def _moment(row: Mapping[str, str], where: str) -> tuple[date, int]:
    if row.get("start") and not row.get("time"):
        day, _, time = row["start"].replace("T", " ").partition(" ")
        return date_of(day, where), minutes(time[:5], where)
    return date_of(row.get("date"), where), minutes(row.get("time", ""), where)


def _agents(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError as exc:
        raise Misuse(f"{where}: {text[:40]!r} is no number of agents") from exc
    if not 0 <= value < 1e6:
        raise Misuse(f"{where}: {text[:40]!r} is no number of agents")
    return value
