"""Which column of a table is what: by its name (English or Chinese), else by what stands in it. Pure.

A **table of counts** has a row for each interval: a time and a number of calls. A **list of calls** has a row for each call: when it
came, and perhaps how long it waited, how long it was served, and how it ended. Whoever asks for a column by name gets that one; what
cannot be told apart is an error that names the choices.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from forecast.series.text import Table
from hotline.errors import Misuse

ROWS = "rows"
"""Asked for as the column of counts: every row of the file is one call."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Each in the order of preference; names are compared without case, blanks, units in brackets and underscores.
_TIME = _words(
    "ts ds timestamp datetime starttime intervalstart startofinterval start begin interval period arrival arrivaltime calltime enteredat queuedat startedat "
    "time date day month week at 统计时间 时间 日期时间 开始时间 来电时间 呼入时间 进线时间 时间段 时段 日期 月份 统计日期 年月 vruentry"
)
_CLOCK = _words(
    "time clock hour slot interval timeofday starttime start vruentry 时间 时段 时间段 时刻 小时 开始时间 半小时"
)
_COUNT = _words(
    "calls offered callsoffered volume callvolume count counts n y value arrivals total totalcalls incoming inbound "
    "来电量 呼入量 话务量 来电数 呼入总量 呼叫量 进线量 接入量 电话量 来电总量 总量 呼入数 数量 话务总量 呼损前来电量"
)
_DAYS = {"date", "day", "日期", "统计日期", "calldate"}
_QUEUE = _words("queue queuename skill skillgroup vdn group 队列 技能组 技能 业务组 热线")
_WAIT = _words("qtime wait waits waitseconds waittime queuetime 等待时长 排队时长 等待秒数")
_HANDLED = _words(
    "sertime handled handleds handletime aht talk talktime talks servicetime duration 通话时长 处理时长 服务时长 通话秒数"
)
_OUTCOME = _words("outcome result disposition status ended ending 结果 状态 呼叫结果")
_CALLER = _words("caller callerid number phone ani from customerid 主叫 主叫号码 来电号码 电话号码")
_UNIT = re.compile(r"[(（\[【].*?[)）\]】]")


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The columns that are used, by the names in the header; empty: there is none."""

    time: str
    clock: str = ""
    """The time of day, when `time` holds the day only."""
    count: str = ""
    """Empty: each row is a call."""
    queue: str = ""
    wait: str = ""
    handled: str = ""
    outcome: str = ""
    caller: str = ""


def roles(table: Table, *, time: str = "", count: str = "") -> Roles:
    """Return which column is what. `time` and `count` are names that the caller asks for. Raises Misuse."""
    known: dict[str, str] = {}
    for name in table.header:
        known.setdefault(_plain(name), name)
    when = _asked(table, time) if time else _time(table, known)
    clock = _clock(table, known, when)
    other = {plain: name for plain, name in known.items() if name not in (when, clock)}
    found = Roles(
        time=when,
        clock=clock,
        queue=_first(other, _QUEUE),
        wait=_first(other, _WAIT),
        handled=_first(other, _HANDLED),
        outcome=_first(other, _OUTCOME),
        caller=_first(other, _CALLER),
    )
    chosen = _count(table, other, found, count)
    if not chosen:
        return found
    return Roles(time=when, clock=clock, count=chosen, queue=found.queue if found.queue != chosen else "")


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-./:：]+", "", _UNIT.sub("", name)).lower() or name.lower()


def _first(known: dict[str, str], names: Iterable[str]) -> str:
    return next((known[name] for name in names if name in known), "")


def _asked(table: Table, name: str) -> str:
    for written in table.header:
        if written == name or _plain(written) == _plain(name):
            return written
    raise Misuse(f"the file has no column `{name}`; it has {_listed(table.header)}")


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(f"`{name[:40]}`" for name in shown[:12]) + (" …" if len(shown) > 12 else "")


def _time(table: Table, known: dict[str, str]) -> str:
    """Return the column of times: one of a known name, else the first."""
    day = next((known[name] for name in known if name in _DAYS), "")
    if day and _first({k: v for k, v in known.items() if v != day}, _CLOCK):
        return day  # day and time of day stand apart
    return _first(known, _TIME) or table.header[0]


def _clock(table: Table, known: dict[str, str], when: str) -> str:
    """Return the column of the time of day, if the column of times holds days only and such a one is there."""
    if any(":" in text or "：" in text or "时" in text for text in table.cells(when)[:50]):
        return ""
    if _plain(when) not in _DAYS:
        return ""
    return _first({k: v for k, v in known.items() if v != when}, _CLOCK)


def _count(table: Table, other: dict[str, str], found: Roles, asked: str) -> str:
    """Return the column of counts; empty: each row is a call. Raises Misuse when several could be it."""
    if asked == ROWS:
        return ""
    if asked:
        return _asked(table, asked)
    named = _first(other, _COUNT)
    if named:
        return named
    if found.outcome and (found.wait or found.handled):
        return ""
    used = {found.queue, found.wait, found.handled, found.outcome, found.caller}
    numeric = [name for name in other.values() if name not in used and _is_numeric(table.cells(name))]
    likely = [name for name in numeric if "call" in _plain(name) or "来电" in name or "呼入" in name]
    for choice in (likely, numeric):
        if len(choice) == 1:
            return choice[0]
    if numeric:
        raise Misuse(
            f"several columns may be the number of calls: {_listed(numeric)}; name one, or `{ROWS}` if each row is a call"
        )
    if len(other) == 0 or found.outcome or found.caller or found.wait or found.handled:
        return ""
    raise Misuse(
        f"no column of {_listed(table.header)} holds the number of calls; name one, or `{ROWS}` if each row is a call"
    )


def _is_numeric(cells: tuple[str, ...]) -> bool:
    """Return whether most of the first filled cells begin like numbers."""
    filled = [cell for cell in cells[:2_000] if cell][:200]
    return bool(filled) and sum(cell.lstrip("+-").isdecimal() or _float(cell) for cell in filled) * 2 > len(filled)


def _float(cell: str) -> bool:
    return re.fullmatch(r"[-+]?[\d,.  ']*\d", cell) is not None
