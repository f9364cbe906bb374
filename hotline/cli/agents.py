"""`hotline agent list|set|add` and `hotline queue list`: who is there, and who waits."""

from datetime import tzinfo
from typing import Annotated, Any
from urllib.parse import quote

import typer

from hotline.cli.shell import JsonFlag, console, local_time, one_sentence, print_json, print_table, seconds, shell
from hotline.errors import Misuse

agent_app = typer.Typer(
    help="Agents: the list, their states, new ones. Example: hotline agent set 1001 ready", no_args_is_help=True
)
queue_app = typer.Typer(help="Queues: who waits, and why. Example: hotline queue list", no_args_is_help=True)

STATES = ("ready", "break", "offline", "end_wrap_up")
AGENT_COLUMNS = ("agent", "name", "seat", "state", "reason", "since", "until", "phone", "skills", "queues")
QUEUE_COLUMNS = ("queue", "name", "waiting", "longest wait s", "on duty", "ready", "talking", "wrap-up", "break")
LINE_COLUMNS = ("place", "call", "waited s", "priority", "where", "why nobody")


@agent_app.command("list")
@one_sentence
def list_agents(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List agents and their states. Example: hotline agent list --json."""
    _show_agents(ctx, shell(ctx).client().get("/api/v1/agents"), as_json=as_json)


@agent_app.command("set")
@one_sentence
def set_state(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    state: Annotated[str, typer.Argument(help="ready, break, offline or end_wrap_up.")],
    reason: Annotated[str, typer.Option(help="Why a break: lunch, training, meeting …")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Log an agent in or out, or set a break. During a call it is kept until the call is over. Example: hotline agent set 1001 break --reason lunch."""
    if state not in STATES:
        raise Misuse(f"there is no state {state!r}; choose one of {', '.join(STATES)}")
    changed = (
        shell(ctx).client().put(f"/api/v1/agents/{quote(agent, safe='')}/state", {"state": state, "reason": reason})
    )
    _show_agents(ctx, [changed], as_json=as_json)
    if not as_json and changed.get("wish"):
        console.print(f"{agent} is in a call; {changed['wish']} follows when it is over", markup=False)


@agent_app.command("add")
@one_sentence
def add(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's id; an existing one is changed.")],
    extension: Annotated[str, typer.Option(help="The seat where the agent sits.")],
    name: Annotated[str, typer.Option(help="The agent's name.")] = "",
    skill: Annotated[
        list[str] | None, typer.Option(help="A skill, or skill=level with 1 to 10; may be repeated.")
    ] = None,
    queue: Annotated[list[str] | None, typer.Option(help="A queue; may be repeated. None: all queues.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Add an agent or change one. Example: hotline agent add 1003 --extension 1003 --name "Mei Lin" --skill english=7."""
    body = {
        "id": agent,
        "name": name,
        "extension": extension,
        "skills": dict(_skill(s) for s in skill or ()),
        "queues": queue or [],
    }
    _show_agents(ctx, [shell(ctx).client().post("/api/v1/agents", body)], as_json=as_json)


def _skill(given: str) -> tuple[str, int]:
    name, _, level = given.partition("=")
    if not name or (level and not (level.isascii() and level.isdigit())):
        raise Misuse(f"{given!r} is no skill; write a name, or name=level with a level from 1 to 10")
    return name, int(level or 1)


def _show_agents(ctx: typer.Context, agents: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(agents)
    else:
        zone = shell(ctx).zone()
        print_table(AGENT_COLUMNS, (_agent_row(agent, zone) for agent in agents), empty="there are no agents")


def _agent_row(agent: dict[str, Any], zone: tzinfo) -> tuple[object, ...]:
    phone = "in use" if agent["phone_in_use"] else "ok" if agent["phone_reachable"] else "unreachable"
    return (
        agent["id"],
        agent["name"],
        agent["extension"],
        agent["state"] + (f" (then {agent['wish']})" if agent.get("wish") else ""),
        agent["reason"],
        local_time(agent["since"], zone) if agent["since"] else "",
        local_time(agent["until"], zone),
        phone,
        " ".join(f"{s}={level}" for s, level in sorted(agent["skills"].items())),
        " ".join(agent["queues"]),
    )


@queue_app.command("list")
@one_sentence
def list_queues(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List queues with their lines and agents. Example: hotline queue list --json."""
    queues = shell(ctx).client().get("/api/v1/queues")
    if as_json:
        print_json(queues)
    else:
        print_table(QUEUE_COLUMNS, map(_queue_row, queues), empty="there are no queues")


def _queue_row(queue: dict[str, Any]) -> tuple[object, ...]:
    agents = queue["agents"]
    return (
        queue["id"],
        queue["name"],
        queue["waiting"],
        seconds(queue["longest_wait_s"]),
        queue["on_duty"],
        *(agents[state] for state in ("ready", "talking", "wrap_up", "break")),
    )


@queue_app.command("waiting")
@one_sentence
def waiting(
    ctx: typer.Context, queue: Annotated[str, typer.Argument(help="The queue's id.")], as_json: JsonFlag = False
) -> None:
    """Show who waits in a queue, and why nobody is rung for them. Example: hotline queue waiting service."""
    line = shell(ctx).client().get(f"/api/v1/queues/{quote(queue, safe='')}/waiting")
    if as_json:
        print_json(line)
    else:
        print_table(LINE_COLUMNS, map(_line_row, line), empty="nobody waits")


def _line_row(caller: dict[str, Any]) -> tuple[object, ...]:
    why = "; ".join(f"{o['agents']} {o['text_en']}" for o in caller["why_nobody"])
    return (
        caller["position"],
        caller["call_id"],
        seconds(caller["waited_s"]),
        caller["priority"],
        caller["whereabouts"],
        why,
    )
