"""`hotline supervise …`: with live conversations, and the log of who was; `hotline queue surge`."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from hotline.cli.agents import queue_app
from hotline.cli.shell import JsonFlag, console, local_time, one_sentence, print_json, print_table, shell
from hotline.errors import Misuse

app = typer.Typer(
    help="Supervisors with live conversations. Example: hotline supervise listen 1001 --from 1005", no_args_is_help=True
)

COLUMNS = ("agent", "seat", "mode", "by", "since", "answered", "call")
LOG_COLUMNS = ("time", "by", "what")
AgentArgument = Annotated[str, typer.Argument(help="The agent's id.")]
SeatOption = Annotated[str, typer.Option("--from", help="The extension of the supervisor's seat.")]


@app.command("listen")
@one_sentence
def listen(ctx: typer.Context, agent: AgentArgument, seat: SeatOption, as_json: JsonFlag = False) -> None:
    """Hear an agent and his caller; nobody hears you. Example: hotline supervise listen 1001 --from 1005."""
    _begin(ctx, agent, seat, "listen", as_json=as_json)


@app.command("whisper")
@one_sentence
def whisper(ctx: typer.Context, agent: AgentArgument, seat: SeatOption, as_json: JsonFlag = False) -> None:
    """Hear both and speak to the agent alone. Example: hotline supervise whisper 1001 --from 1005."""
    _begin(ctx, agent, seat, "whisper", as_json=as_json)


@app.command("barge")
@one_sentence
def barge(ctx: typer.Context, agent: AgentArgument, seat: SeatOption, as_json: JsonFlag = False) -> None:
    """Talk with both. Example: hotline supervise barge 1001 --from 1005."""
    _begin(ctx, agent, seat, "barge", as_json=as_json)


@app.command("take-over")
@one_sentence
def take_over(ctx: typer.Context, agent: AgentArgument, seat: SeatOption, as_json: JsonFlag = False) -> None:
    """Have the caller come to your seat, as a call of the agent who sits there. Example: hotline supervise take-over 1001 --from 1005."""
    _begin(ctx, agent, seat, "take_over", as_json=as_json)


def _begin(ctx: typer.Context, agent: str, seat: str, mode: str, *, as_json: bool) -> None:
    found = shell(ctx).client().post(_path(agent), {"mode": mode, "seat": seat})
    if mode == "take_over" and not as_json:
        console.print(f"agent {agent} hands his caller on to seat {seat}", markup=False)
    else:
        _show(ctx, found, as_json=as_json, empty=f"nobody is with agent {agent}")


@app.command("stop")
@one_sentence
def stop(
    ctx: typer.Context,
    agent: AgentArgument,
    seat: Annotated[str, typer.Option("--from", help="Only this seat; default: all who are with him.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Leave an agent's conversation. Example: hotline supervise stop 1001."""
    found = shell(ctx).client().delete(_path(agent), seat=seat or None)
    if as_json:
        print_json(found)
        return
    seats = " ".join(s["seat"] for s in found if s["ending"])
    console.print(f"hung up with agent {agent}: {seats}" if seats else f"nobody is with agent {agent}", markup=False)


@app.command("list")
@one_sentence
def list_supervisions(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """Show who is with which conversation now. Example: hotline supervise list."""
    found = shell(ctx).client().get("/api/v1/supervisions")
    _show(ctx, found, as_json=as_json, empty="nobody supervises")


@app.command("log")
@one_sentence
def show_log(
    ctx: typer.Context,
    by: Annotated[str | None, typer.Option(help="Only what this user or token ordered.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only what happened to this agent.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All orders of people, not only supervision.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, the newest first.")] = 50,
    language: Annotated[str, typer.Option("--language", help="en or zh")] = "en",
    as_json: JsonFlag = False,
) -> None:
    """Show who was with whose conversation, and when. Example: hotline supervise log --agent 1001."""
    if language not in ("en", "zh"):
        raise Misuse(f"there is no language {language[:20]!r}; say en or zh")
    kind = None if everything else "supervision"
    page = shell(ctx).client().get("/api/v1/audit-log", by=by, agent=agent, kind=kind, limit=limit)
    if as_json:
        print_json(page["items"])
        return
    zone = shell(ctx).zone()
    rows = ((local_time(o["at"], zone), o["by"], o[language]) for o in page["items"])
    print_table(LOG_COLUMNS, rows, empty="nobody ordered anything")


@queue_app.command("surge")
@one_sentence
def surge(
    ctx: typer.Context,
    queue: Annotated[str, typer.Argument(help="The queue's id.")],
    state: Annotated[str, typer.Argument(help="on or off.")],
    as_json: JsonFlag = False,
) -> None:
    """Call the agents of other departments to a queue (its `surge_agents`), or let them go. Example: hotline queue surge service on."""
    if state not in ("on", "off"):
        raise Misuse(f"there is no {state!r} of surge mode; say on or off")
    found = shell(ctx).client().put(f"/api/v1/queues/{quote(queue, safe='')}/surge", {"on": state == "on"})
    if as_json:
        print_json([found])
        return
    who = ", ".join(found["surge_agents"])
    console.print(f"{who} {'serve' if found['surge'] else 'do not serve'} queue {queue}", markup=False)


def _path(agent: str) -> str:
    return f"/api/v1/agents/{quote(agent, safe='')}/supervision"


def _show(ctx: typer.Context, found: list[dict[str, Any]], *, as_json: bool, empty: str) -> None:
    if as_json:
        print_json(found)
        return
    zone = shell(ctx).zone()
    rows = (
        (s["agent_id"], s["seat"], s["mode"], s["by"], local_time(s["asked_at"], zone), s["begun"], s["call_id"])
        for s in found
    )
    print_table(COLUMNS, rows, empty=empty)
