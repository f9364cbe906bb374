"""`hotline board`: a live wallboard in the terminal, from the stream."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from hotline.cli.shell import JsonFlag, console, one_sentence, shell
from hotline.runtime.clock import wall_time

if TYPE_CHECKING:  # it costs start-up time that `--help` need not pay
    from hotline.web.stream_client import Board

TOPICS = ("queues", "agents", "calls")
STYLES = {
    "ready": "green", "reserved": "yellow", "ringing": "yellow", "talking": "cyan", "holding": "cyan", "wrap_up": "magenta",
    "rest": "dim", "break": "dim", "unreachable": "red", "offline": "dim", "waiting": "yellow",
}  # fmt: skip
REFRESHES = 4
"""How often a second the screen is drawn anew at most."""


@one_sentence
def board(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show queues, agents and calls live, until Ctrl-C. With --json, a line for each change. Example: hotline board."""
    client = shell(ctx).client()
    asyncio.run(_show(client.base, client.token, once=once, as_json=as_json))


async def _show(base: str, token: str, *, once: bool, as_json: bool) -> None:
    from hotline.web.stream_client import follow

    boards = follow(base, token, TOPICS)
    try:
        if as_json or once:
            async for found in boards:
                _print(found, as_json=as_json)
                if once:
                    return
            return
        with Live(console=console, refresh_per_second=REFRESHES, screen=console.is_terminal) as live:
            async for found in boards:
                live.update(render(found, wall_time()))
    finally:
        await boards.aclose()


def _print(found: "Board", *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"at": found.at, **{t: found.of(t) for t in TOPICS}}, ensure_ascii=False))
    else:
        console.print(render(found, found.at))


def render(board: "Board", now: float) -> Group:
    """Return the screen at `now`: times go on between two messages."""
    return Group(_queues(board), Text(), _agents(board, now), Text(), _calls(board, now))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _queues(board: "Board") -> Table:
    table = _table("queue", "waiting", "longest wait", "expected", "on duty", "ready", "talking", "wrap-up", "")
    for queue in board.of("queues"):
        states = queue["agents"]
        expected = queue.get("expected_p50_s")
        table.add_row(
            escape(queue["id"]),
            Text(str(queue["waiting"]), style="bold yellow" if queue["waiting"] else ""),
            _clock(queue["longest_wait_s"]),
            "" if expected is None else _clock(expected),
            str(queue["on_duty"]),
            *(str(states[state]) for state in ("ready", "talking", "wrap_up")),
            Text(_marks(queue), style="bold red"),
        )
    return table


def _marks(queue: dict[str, Any]) -> str:
    marks = {"closed": queue.get("closed_by"), "emergency": queue.get("emergency"), "surge": queue.get("surge")}
    return " ".join(word for word, on in marks.items() if on)


def _agents(board: "Board", now: float) -> Table:
    table = _table("agent", "name", "seat", "state", "for", "call", "supervised by")
    for agent in board.of("agents"):
        state = agent["state"] + (f" ({agent['reason']})" if agent["reason"] else "")
        table.add_row(
            escape(agent["id"]),
            escape(agent["name"]),
            agent["extension"],
            Text(state, style=STYLES.get(agent["state"], "")),
            _clock(now - agent["since"]) if agent["since"] else "",
            escape(agent["call_id"] or ""),
            escape(" ".join(f"{s['seat']} ({s['mode']})" for s in agent["supervised_by"])),
        )
    return table


def _calls(board: "Board", now: float) -> Table:
    table = _table("call", "queue", "state", "since", "agent", "priority")
    for call in sorted(board.of("calls"), key=lambda c: c["entered_at"]):
        table.add_row(
            escape(call["id"]),
            escape(call["queue_id"]),
            Text(call["state"], style=STYLES.get(call["state"], "")),
            _clock(now - call["entered_at"]),
            escape(call["agent_id"] or ""),
            str(call["priority"]) if call["priority"] else "",
        )
    return table


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(round(seconds), 0), 60)
    return f"{minutes}:{rest:02d}"
