"""Reads each kind of step. The fields are those of its record in `model`. Pure."""

import zoneinfo
from collections.abc import Callable, Mapping
from datetime import date

import yaml

from hotline import hours
from hotline.ids import QueueId
from ivr.flow.marks import Fields, suggestion
from ivr.flow.model import (
    CollectStep,
    GoodbyeStep,
    HangupStep,
    HoursStep,
    LanguageStep,
    MenuStep,
    PlayStep,
    QueueStep,
    ReleaseStep,
    Step,
)
from ivr.flow.parts import Reader

DIGITS = "0123456789*#"
TIMEOUT_S = 4.0
TIMEOUT_MAX_S = 4.5
"""Nobody shall hear silence for more than five seconds; half a second is left for the network."""


def _play(reader: Reader, fields: Fields) -> Step:
    return PlayStep(
        prompt=reader.prompt(fields, "prompt", needed=True),
        interrupt=fields.yes("interrupt", default=True),
        next=reader.exit(fields, "next"),
    )


def _menu(reader: Reader, fields: Fields) -> Step:
    return MenuStep(
        prompt=reader.prompt(fields, "prompt", needed=True),
        keys=reader.choices(fields, "keys", _wrong_key),
        timeout_s=fields.number("timeout_s", TIMEOUT_S, 1.0, TIMEOUT_MAX_S),
        retries=fields.whole("retries", 2, 0, 9),
        on_timeout=reader.exit(fields, "on_timeout"),
        on_invalid=reader.exit(fields, "on_invalid"),
        timeout_prompt=reader.prompt(fields, "timeout_prompt"),
        invalid_prompt=reader.prompt(fields, "invalid_prompt"),
    )


def _collect(reader: Reader, fields: Fields) -> Step:
    low = fields.whole("min_digits", 1, 1, 20)
    high = fields.whole("max_digits", max(low, 1), 1, 20)
    if low > high:
        reader.notes.add(fields.node, f"{fields.what}: min_digits is larger than max_digits")
    terminator = _terminator(reader, fields)
    otherwise = fields.take("otherwise")
    return CollectStep(
        prompt=reader.prompt(fields, "prompt", needed=True),
        codes=reader.choices(fields, "codes", lambda code: _wrong_code(code, low, high, terminator)),
        otherwise=reader.target(otherwise, "otherwise") if otherwise is not None else "",
        min_digits=low,
        max_digits=high,
        terminator=terminator,
        timeout_s=fields.number("timeout_s", TIMEOUT_S, 1.0, TIMEOUT_MAX_S),
        retries=fields.whole("retries", 2, 0, 9),
        on_timeout=reader.exit(fields, "on_timeout"),
        on_invalid=reader.exit(fields, "on_invalid"),
        timeout_prompt=reader.prompt(fields, "timeout_prompt"),
        invalid_prompt=reader.prompt(fields, "invalid_prompt"),
    )


def _terminator(reader: Reader, fields: Fields) -> str:
    node = fields.take("terminator")
    if node is None:
        return "#"
    text = reader.notes.text(node, "terminator")
    if text not in ("#", "*"):
        reader.notes.add(node, "terminator: # or * is expected")
        return "#"
    return text


def _hours(reader: Reader, fields: Fields) -> Step:
    zone = _zone(reader, fields)
    closed = _closed_dates(reader, fields)
    node = fields.need("weekly", ": `always`, or days with hours")
    if node is None or (isinstance(node, yaml.ScalarNode) and node.value == "always"):
        found = hours.always(zone, closed)
    else:
        found = hours.Hours(timezone=zone, weekly=_weekly(reader, node), closed_dates=closed)
    return HoursStep(hours=found, open=reader.exit(fields, "open"), closed=reader.exit(fields, "closed"))


def _zone(reader: Reader, fields: Fields) -> str:
    node = fields.take("timezone") or reader.timezone
    name = reader.notes.text(node, "timezone") if node is not None else reader.around.timezone
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        reader.notes.add(node or fields.node, f"timezone: `{name[:40]}` is not known")
    return name


def _closed_dates(reader: Reader, fields: Fields) -> frozenset[date]:
    node = fields.take("closed_dates")
    found: set[date] = set()
    for item in reader.notes.items(node, "closed_dates") if node is not None else ():
        text = reader.notes.text(item, "closed_dates")
        day = hours.parse_date(text)
        if day is None:
            reader.notes.add(item, f"closed_dates: `{text[:40]}` is no date like 2026-10-01")
        else:
            found.add(day)
    return frozenset(found)


def _weekly(reader: Reader, node: yaml.Node) -> Mapping[str, tuple[hours.Interval, ...]]:
    week: dict[str, tuple[hours.Interval, ...]] = {}
    for key, key_node, value in reader.notes.pairs(node, "weekly", twice="{key}: stands twice"):
        days = hours.parse_days(key)
        if not days:
            reader.notes.add(key_node, f"weekly: `{key[:40]}` is no day or range of days like mon or mon-fri")
        intervals = _intervals(reader, value)
        for day in days:
            if day in week:
                reader.notes.add(key_node, f"weekly: {day} is given twice")
            week[day] = intervals
    return week


def _intervals(reader: Reader, node: yaml.Node) -> tuple[hours.Interval, ...]:
    items = [node] if isinstance(node, yaml.ScalarNode) else reader.notes.items(node, "weekly")
    found: list[hours.Interval] = []
    for item in items:
        interval = hours.parse_interval(reader.notes.text(item, "weekly"))
        if isinstance(interval, str):
            reader.notes.add(item, f"weekly: {interval}")
        else:
            found.append(interval)
    if hours.overlaps(tuple(found)):
        reader.notes.add(node, "weekly: the hours of one day overlap")
    return tuple(sorted(found))


def _set_language(reader: Reader, fields: Fields) -> Step:
    return LanguageStep(
        language=reader.language(fields.need("set"), "set"),
        next=reader.exit(fields, "next"),
    )


def _queue(reader: Reader, fields: Fields) -> Step:
    node = fields.need("queue")
    queue = reader.notes.text(node, "queue") if node is not None else ""
    if node is not None and queue not in reader.around.queues:
        reader.notes.add(node, f"queue: there is no queue `{queue[:60]}`{suggestion(queue, reader.around.queues)}")
    after = fields.take("after")
    skills = _skills(reader, fields)
    return QueueStep(
        queue_id=QueueId(queue),
        priority=fields.whole("priority", 0, -100, 100),
        skills=tuple(skills),
        levels=tuple((skill, level) for skill, level in skills.items() if level > 1),
        announce=reader.prompt(fields, "announce"),
        after=reader.target(after, "after") if after is not None else "",
    )


def _skills(reader: Reader, fields: Fields) -> dict[str, int]:
    """Return the skills that an agent needs with the least levels; a plain list means level 1."""
    node = fields.take("skills")
    if isinstance(node, yaml.MappingNode):
        fields_of = Fields(node, "skills", reader.notes)
        asked = [(name, fields_of.whole(reader.notes.text(name, "skills"), 1, 1, 10)) for name, _ in node.value]
    else:
        asked = [(item, 1) for item in (reader.notes.items(node, "skills") if node is not None else ())]
    found: dict[str, int] = {}
    for item, level in asked:
        skill, known = reader.word(item, "skills"), reader.around.skills
        if known is not None and skill not in known:
            reader.notes.add(item, f"skills: nobody has `{skill[:60]}`{suggestion(skill, known)}")
        elif isinstance(known, Mapping) and level > known[skill]:
            reader.notes.add(item, f"skills: nobody has `{skill[:60]}` at level {level}; the best has {known[skill]}")
        if skill in found and not isinstance(node, yaml.MappingNode):
            reader.notes.add(item, f"skills: `{skill[:60]}` stands twice")
        found[skill] = level
    return found


def _goodbye(reader: Reader, fields: Fields) -> Step:
    return GoodbyeStep(prompt=reader.prompt(fields, "prompt", needed=True))


def _hangup(reader: Reader, fields: Fields) -> Step:
    return HangupStep(reason=reader.word(fields.take("reason"), "reason") or "normal")


def _release(reader: Reader, fields: Fields) -> Step:
    return ReleaseStep(reason=reader.word(fields.take("reason"), "reason") or "flow")


def _wrong_key(key: str) -> str:
    if len(key) == 1 and key in DIGITS:
        return ""
    return f"`{key[:40]}` is not one of the keys {' '.join(DIGITS)} (several digits: use a `collect` step)"


def _wrong_code(code: str, low: int, high: int, terminator: str) -> str:
    if not low <= len(code) <= high:
        return f"`{code[:40]}` does not have {low} to {high} digits"
    if not set(code) <= set(DIGITS) - {terminator}:
        return f"`{code[:40]}` has something else than {' '.join(sorted(set(DIGITS) - {terminator}))}"
    return ""


KINDS: Mapping[str, Callable[[Reader, Fields], Step]] = {
    "play": _play,
    "menu": _menu,
    "collect": _collect,
    "hours": _hours,
    "language": _set_language,
    "queue": _queue,
    "goodbye": _goodbye,
    "hangup": _hangup,
    "release": _release,
}
"""The word after `kind:` -> how the step is read."""
