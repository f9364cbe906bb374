"""What `hotline board` shows: queues, agents and calls as tables, in English or Chinese. Pure.

Times go on between two messages, by the clock of the hotline and not that of the terminal.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # it costs start-up time that `--help` need not pay
    from hotline.web.stream_client import Board

Language = Literal["en", "zh"]
CALLS = 20
"""How many calls are shown, those who wait first."""
AGENTS = 60
"""How many agents are shown."""
ID_SIGNS = 8
"""So much of a call's id is shown: enough to know it again. `--json` has it whole."""

STYLES = {
    "ready": "green", "reserved": "yellow", "ringing": "yellow", "talking": "cyan", "holding": "cyan", "wrap_up": "magenta",
    "rest": "dim", "break": "dim", "unreachable": "red", "offline": "dim", "waiting": "yellow",
}  # fmt: skip

WORDS: dict[str, tuple[str, str]] = {
    "queue": ("queue", "队列"), "waiting": ("waiting", "等待"), "longest": ("longest wait", "最长等待"),
    "expected": ("expected", "预计等待"), "needed": ("needed", "需要"),
    "of": (" of {}", "（共 {}）"), "on_duty": ("on duty", "在岗"), "ready": ("ready", "就绪"), "talking": ("talking", "通话"),
    "wrap_up": ("wrap-up", "话后"), "offered": ("today", "今日"), "answered": ("answered", "接通"), "abandoned": ("abandoned", "放弃"),
    "connect_rate": ("connect rate", "接通率"), "agent": ("agent", "坐席"), "name": ("name", "姓名"), "seat": ("seat", "话机"),
    "state": ("state", "状态"), "for": ("for", "时长"), "call": ("call", "来电"), "supervised_by": ("supervised by", "监控"),
    "priority": ("priority", "优先级"), "reserved": ("reserved", "已分配"), "ringing": ("ringing", "振铃"),
    "holding": ("holding", "保持"), "rest": ("rest", "暂停派单"), "break": ("break", "小休"), "unreachable": ("unreachable", "不可达"),
    "offline": ("offline", "离线"), "closed": ("closed", "已关闭"), "emergency": ("emergency", "应急公告"), "surge": ("surge", "增援"),
    "listen": ("listen", "监听"), "whisper": ("whisper", "密语"), "barge": ("barge", "强插"),
    "callback": ("callback", "回呼"), "nobody": ("nobody is logged in", "无人登录"), "no_calls": ("no calls", "无来电"),
    "more": ("{} more", "另有 {} 项"), "others": ("{} offline", "离线 {} 人"),
    "lost": ("no news since {}; connecting again", "{} 起无更新,正在重连"),
    "rate_is": ("connect rate = answered within the threshold / (answered + abandoned), today", "接通率 = 今日阈值内接通 / (接通 + 放弃)"),
}  # fmt: skip
"""Each word in English and Chinese."""

OUT_OF_SIGHT = ("offline",)
"""States in which an agent is only counted."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How the screen is drawn, and when."""

    now: float
    """The hotline's time."""
    zone: tzinfo
    language: Language = "en"
    everybody: bool = False
    """Whether agents are shown who are not logged in."""
    lost_at: float | None = None
    """Since when nothing is heard; None: all is well."""

    def say(self, word: str) -> str:
        """Return a word in the language."""
        return WORDS[word][self.language == "zh"] if word in WORDS else word

    def clock(self, at: float) -> str:
        """Return a time of day."""
        return f"{datetime.fromtimestamp(at, self.zone):%H:%M:%S}"


def screen(
    board: "Board", today: dict[str, Any] | None, look: Look, needed: Mapping[str, Mapping[str, Any]] | None = None
) -> Group:
    """Return the whole screen; `today` is the answer of `/api/v1/reports/summary`, None where nobody told.

    `needed` are the open queues of `/api/v1/forecasts` by their ids.
    """
    head = Text(look.clock(look.now), style="bold")
    if look.lost_at is not None:
        head.append("  " + look.say("lost").format(look.clock(look.lost_at)), style="bold red")
    parts: list[Any] = [head, _queues(board, today, look, needed or {})]
    if today is not None:
        parts.append(Text(look.say("rate_is"), style="dim"))
    return Group(*parts, Text(), *_agents(board, look), Text(), *_calls(board, look))


def _table(look: Look, columns: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for column in columns:
        table.add_column(look.say(column), no_wrap=True)
    return table


# --- queues --------------------------------------------------------------------------------------------------------------


def _queues(board: "Board", today: dict[str, Any] | None, look: Look, needed: Mapping[str, Mapping[str, Any]]) -> Table:
    columns = [
        "queue",
        "waiting",
        "longest",
        "expected",
        *(["needed"] if needed else []),
        "on_duty",
        "ready",
        "talking",
        "wrap_up",
    ]
    table = _table(
        look, [*columns, *(("offered", "answered", "abandoned", "connect_rate") if today is not None else ()), ""]
    )
    counted = {q["queue_id"]: q for q in today["queues"]} if today is not None else {}
    for queue in board.of("queues"):
        states, expected = queue["agents"], queue.get("expected_p50_s")
        waited_s = queue["longest_wait_s"] + max(look.now - board.at, 0.0) if queue["waiting"] else 0.0
        threshold_s = counted.get(queue["id"], {}).get("threshold_s", float("inf"))
        table.add_row(
            escape(queue["id"]),
            Text(str(queue["waiting"]), style="bold yellow" if queue["waiting"] else ""),
            Text(duration(waited_s) if queue["waiting"] else "", style="bold red" if waited_s > threshold_s else ""),
            "" if expected is None else duration(expected),
            *([_needed(needed.get(queue["id"]), look)] if needed else []),
            str(queue["on_duty"]),
            *(str(states[state]) for state in ("ready", "talking", "wrap_up")),
            *(_today(counted.get(queue["id"])) if today is not None else ()),
            Text(_marks(queue, look), style="bold red"),
        )
    return table


def _needed(forecast: Mapping[str, Any] | None, look: Look) -> Text:
    """Return who is needed now; of queues that share agents, their portion of how many."""
    if forecast is None:
        return Text("")
    whole = forecast.get("together")
    shown = str(forecast["required"]) + ("" if whole is None else look.say("of").format(whole))
    return Text(shown, style="bold red" if forecast.get("gap") == "short" else "")


def _today(counted: dict[str, Any] | None) -> tuple[str, str, str, str]:
    if counted is None:
        return ("0", "0", "0", "")
    counts, rate = counted["counts"], counted["connect_rate"]
    share = "" if rate is None else f"{100 * rate:.1f} %"
    return (str(counts["offered"]), str(counts["answered"]), str(counts["abandoned"]), share)


def _marks(queue: dict[str, Any], look: Look) -> str:
    marks = {"closed": queue.get("closed_by"), "emergency": queue.get("emergency"), "surge": queue.get("surge")}
    return " ".join(look.say(word) for word, on in marks.items() if on)


# --- agents and calls ----------------------------------------------------------------------------------------------------


def _agents(board: "Board", look: Look) -> list[Any]:
    table = _table(look, ("agent", "name", "seat", "state", "for", "call", "supervised_by"))
    there = board.of("agents")
    seen = [a for a in there if look.everybody or a["state"] not in OUT_OF_SIGHT]
    for agent in seen[:AGENTS]:
        state = look.say(agent["state"]) + (f" ({agent['reason']})" if agent["reason"] else "")
        table.add_row(
            escape(agent["id"]),
            escape(agent["name"]),
            agent["extension"],
            Text(state, style="bold red" if agent.get("overran") else STYLES.get(agent["state"], "")),
            duration(look.now - agent["since"]) if agent["since"] else "",
            escape((agent["call_id"] or "")[:ID_SIGNS]),
            escape(" ".join(f"{s['seat']} ({look.say(s['mode'])})" for s in agent["supervised_by"])),
        )
    rest = [look.say("others").format(len(there) - len(seen))] if len(there) > len(seen) else []
    rest += [look.say("more").format(len(seen) - AGENTS)] if len(seen) > AGENTS else []
    return _with(table, ", ".join(rest), look.say("nobody"))


def _calls(board: "Board", look: Look) -> list[Any]:
    table = _table(look, ("call", "queue", "state", "for", "agent", "priority"))
    calls = sorted(board.of("calls"), key=lambda c: (c["state"] == "talking", c["entered_at"]))
    for call in calls[:CALLS]:
        table.add_row(
            escape(call["id"][:ID_SIGNS]),
            escape(call["queue_id"]),
            Text(
                look.say(call["state"]) + (f" ({look.say('callback')})" if call.get("kind") == "callback" else ""),
                style=STYLES.get(call["state"], ""),
            ),
            duration(look.now - call["entered_at"]),
            escape(call["agent_id"] or ""),
            str(call["priority"]) if call["priority"] else "",
        )
    return _with(table, look.say("more").format(len(calls) - CALLS) if len(calls) > CALLS else "", look.say("no_calls"))


def _with(table: Table, rest: str, empty: str) -> list[Any]:
    """Return a table with what it leaves out below; only words when it is empty."""
    words = Text(rest or empty, style="dim")
    return ([table, words] if rest else [table]) if table.row_count else [words]


def duration(seconds: float) -> str:
    """Show a duration: `0:35`, `1:02:35`."""
    minutes, rest = divmod(max(round(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
