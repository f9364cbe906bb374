"""`hotline agent list|show|set|force|outcome|add` and `hotline queue list`: who is there, and who waits."""

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

STATES = ("ready", "break", "offline", "end_wrap_up", "log_in", "cancel")
FORCED = ("ready", "break", "offline")
AGENT_COLUMNS = ("agent", "name", "seat", "state", "reason", "since", "until", "phone", "skills", "queues")
QUEUE_COLUMNS = (
    "queue",
    "name",
    "open",
    "waiting",
    "callbacks",
    "longest wait s",
    "expected wait s",
    "on duty",
    "ready",
    "talking",
    "wrap-up",
    "break",
)
LINE_COLUMNS = ("place", "call", "waited s", "expected s", "priority", "where", "why nobody")


@agent_app.command("list")
@one_sentence
def list_agents(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List agents and their states. Example: hotline agent list --json."""
    _show_agents(ctx, shell(ctx).client().get("/api/v1/agents"), as_json=as_json)


@agent_app.command("show")
@one_sentence
def show(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    as_json: JsonFlag = False,
) -> None:
    """Show one agent: his state, his seats, what follows his call, his latest conversation. Example: hotline agent show 1001."""
    found = shell(ctx).client().get(f"/api/v1/agents/{quote(agent, safe='')}")
    if as_json:
        print_json(found)
    else:
        print_table(("what", "now"), _facts_of(found, shell(ctx).zone()), empty="")


def _facts_of(agent: dict[str, Any], zone: tzinfo) -> list[tuple[str, object]]:
    talk = agent["conversation"] or {"call_id": "", "outcome": ""}
    follows = " ".join(filter(None, (agent["wish"], agent["wish_reason"])))
    return [
        ("agent", f"{agent['id']} {agent['name']}"),
        ("state", agent["state"] + (" (too long)" if agent["overran"] else "")),
        ("reason", agent["reason"]),
        ("since", local_time(agent["since"], zone) if agent["since"] else ""),
        ("until", local_time(agent["until"], zone)),
        ("follows his call", follows + _who(agent)),
        ("rung at", agent["remote_number"] or agent["extension"]),
        ("seats", " ".join(agent["devices"])),
        ("phone", _phone(agent)),
        ("last call", talk["call_id"]),
        ("its outcome", "required, not given yet" if agent["outcome_required"] else talk["outcome"]),
        ("outgoing calls", "yes" if agent["outbound"] else "no"),
        ("skills", _skills(agent)),
        ("queues", " ".join(agent["queues"])),
        ("preference", " ".join(f"{q}={grade}" for q, grade in sorted(agent["preference"].items()))),
    ]


def _who(agent: dict[str, Any]) -> str:
    """Return who wants what follows an agent's call."""
    how = "ordered" if agent["wish_forced"] else "asked for"
    return f" ({how} by {agent['wish_by']})" if agent["wish_by"] else ""


@agent_app.command("force")
@one_sentence
def force(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    state: Annotated[str, typer.Argument(help="ready, break or offline.")],
    reason: Annotated[str, typer.Option(help="Of a break: one of the configured reasons; otherwise any words.")] = "",
    after_call: Annotated[
        bool, typer.Option("--after-call", help="Let a ring and a wrap-up come to their end first.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Order an agent into a state, as a supervisor; no conversation is cut. Example: hotline agent force 1001 offline --reason "went home"."""
    if state not in FORCED:
        raise Misuse(f"nobody can be ordered to be {state!r}; choose one of {', '.join(FORCED)}")
    body = {"state": state, "when": "after_call" if after_call else "now", "reason": reason}
    changed = shell(ctx).client().put(f"/api/v1/agents/{quote(agent, safe='')}/forced-state", body)
    _show_changed(ctx, agent, changed, as_json=as_json)


@agent_app.command("outcome")
@one_sentence
def outcome(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    outcome: Annotated[str, typer.Argument(help="How his latest conversation went: one of the setting acd.outcomes.")],
    note: Annotated[str, typer.Option(help="A few words about it.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Say how an agent's conversation went. Example: hotline agent outcome 1001 resolved --note "password reset"."""
    body = {"outcome": outcome, "note": note}
    changed = shell(ctx).client().put(f"/api/v1/agents/{quote(agent, safe='')}/outcome", body)
    _show_changed(ctx, agent, changed, as_json=as_json)


@agent_app.command("set")
@one_sentence
def set_state(
    ctx: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's id.")],
    state: Annotated[str, typer.Argument(help=", ".join(STATES) + ".")],
    reason: Annotated[str, typer.Option(help="Why a break: lunch, training, meeting …")] = "",
    extension: Annotated[str, typer.Option(help="Of log_in: at which of his seats he sits now.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Log an agent in or out, or set a break. During a call it is kept until the call is over. Example: hotline agent set 1001 break --reason lunch."""
    if state not in STATES:
        raise Misuse(f"there is no state {state!r}; choose one of {', '.join(STATES)}")
    body = {"state": state, "reason": reason} | ({"extension": extension} if extension else {})
    changed = shell(ctx).client().put(f"/api/v1/agents/{quote(agent, safe='')}/state", body)
    _show_changed(ctx, agent, changed, as_json=as_json)


def _show_changed(ctx: typer.Context, agent: str, changed: dict[str, Any], *, as_json: bool) -> None:
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
    preference: Annotated[
        list[str] | None,
        typer.Option(help="queue=grade: how gladly he gets its callers, 1 first to 10 last; may be repeated."),
    ] = None,
    device: Annotated[list[str] | None, typer.Option(help="Another seat of his; may be repeated.")] = None,
    remote: Annotated[str, typer.Option(help="An external number to ring instead; who answers must press 1.")] = "",
    no_outbound: Annotated[bool, typer.Option("--no-outbound", help="Give him no outgoing calls.")] = False,
    ready_at_login: Annotated[
        bool, typer.Option("--ready-at-login", help="He is ready as soon as he logs in.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Add an agent, or change one: what is not said is as with a new one. Example: hotline agent add 1003 --extension 1003 --name "Mei Lin" --skill english=7."""
    body = {
        "id": agent,
        "name": name,
        "extension": extension,
        "skills": dict(_graded(s, "skill") for s in skill or ()),
        "queues": queue or [],
        **({"preference": dict(_graded(p, "preference", least=True) for p in preference)} if preference else {}),
        **({"devices": device} if device else {}),
        **({"remote_number": remote} if remote else {}),
        **({"outbound": False} if no_outbound else {}),
        **({"ready_at_login": True} if ready_at_login else {}),
    }
    _show_agents(ctx, [shell(ctx).client().post("/api/v1/agents", body)], as_json=as_json)


def _graded(given: str, what: str, *, least: bool = False) -> tuple[str, int]:
    """Return a name and its grade; without one it is 1, unless it must be given (`least`)."""
    name, _, grade = given.partition("=")
    is_number = grade.isascii() and grade.isdigit() and len(grade) < 3
    if not name or not (is_number or (grade == "" and not least)):
        form = "queue=grade with a grade" if least else "a name, or name=level with a level"
        raise Misuse(f"{given!r} is no {what}; write {form} from 1 to 10")
    return name, int(grade or 1)


def _show_agents(ctx: typer.Context, agents: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(agents)
    else:
        zone = shell(ctx).zone()
        print_table(AGENT_COLUMNS, (_agent_row(agent, zone) for agent in agents), empty="there are no agents")


def _agent_row(agent: dict[str, Any], zone: tzinfo) -> tuple[object, ...]:
    return (
        agent["id"],
        agent["name"],
        agent["remote_number"] or agent["extension"],
        agent["state"]
        + (" too long" if agent["overran"] else "")
        + (f" (then {agent['wish']})" if agent.get("wish") else ""),
        agent["reason"],
        local_time(agent["since"], zone) if agent["since"] else "",
        local_time(agent["until"], zone),
        _phone(agent),
        _skills(agent),
        " ".join(agent["queues"]),
    )


def _phone(agent: dict[str, Any]) -> str:
    return "in use" if agent["phone_in_use"] else "ok" if agent["phone_reachable"] else "unreachable"


def _skills(agent: dict[str, Any]) -> str:
    return " ".join(f"{s}={level}" for s, level in sorted(agent["skills"].items()))


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
        _is_open(queue),
        queue["waiting"],
        queue.get("callbacks", 0),
        seconds(queue["longest_wait_s"]),
        _expected(queue) + _promised(queue),
        queue["on_duty"],
        *(agents[state] for state in ("ready", "talking", "wrap_up", "break")),
    )


def _is_open(queue: dict[str, Any]) -> str:
    """Return whether a queue is open, and the emergency announcement that its callers hear."""
    state = {"": "yes", "hours": "no (hours)", "supervisor": "no (by hand)"}[queue["closed_by"]]
    return f"{state}; {queue['emergency']}" if queue["emergency"] else state


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


def _expected(shown: dict[str, Any]) -> str:
    """Return the median and the 90 % quantile of an expected wait, or nothing when there is none."""
    p50, p90 = shown.get("expected_p50_s"), shown.get("expected_p90_s")
    return "" if p50 is None or p90 is None else f"{p50:.0f} to {p90:.0f}"


def _promised(queue: dict[str, Any]) -> str:
    """Return which share of what callers were told lately came true, if they were told anything."""
    kept = queue.get("promises_kept")
    return "" if kept is None else f" ({kept:.0%} of promises kept)"


def _line_row(caller: dict[str, Any]) -> tuple[object, ...]:
    why = "; ".join(f"{o['agents']} {o['text_en']}" for o in caller["why_nobody"])
    return (
        caller["position"],
        caller["call_id"],
        seconds(caller["waited_s"]),
        _expected(caller),
        caller["priority"],
        _where(caller),
        why,
    )


def _where(caller: dict[str, Any]) -> str:
    """Return where somebody is; of one who will be called back, whether he may be called now."""
    if not caller.get("callback"):
        return str(caller["whereabouts"])
    return "callback" if caller["whereabouts"] == "here" else "callback, not now"
