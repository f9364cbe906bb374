"""`hotline callback list|show|summary|add|cancel`: who wants to be called back."""

import re
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from hotline.cli.shell import JsonFlag, console, local_time, one_sentence, print_json, print_table, shell
from hotline.errors import Misuse

if TYPE_CHECKING:
    from hotline.cli.client import Client

LEAST_ID = 32
"""An id is not shorter; one that is not among the newest is asked for as it is."""
NUMBER = re.compile(r"\+?[0-9][0-9 ().\-]{2,39}")

app = typer.Typer(
    help="Callbacks: callers who keep their place and are called back. Example: hotline callback list",
    no_args_is_help=True,
)
PATH = "/api/v1/callbacks"
WAITING = "/api/v1/callbacks-waiting"
COLUMNS = (
    "callback",
    "queue",
    "number",
    "name",
    "waits since",
    "status",
    "reason",
    "attempts",
    "next not before",
    "call",
)

STATUSES = ("waiting", "calling", "reached", "expired", "cancelled", "failed")
OPEN = ("waiting", "calling")
NEWEST = 500
"""Among so many a callback is looked for that is named by the beginning of its id."""

Named = Annotated[str, typer.Argument(help="The callback's id or its beginning, or the customer's number.")]


@app.command("list")
@one_sentence
def list_callbacks(
    ctx: typer.Context,
    queue: Annotated[str | None, typer.Option(help="Only of this queue.")] = None,
    status: Annotated[str | None, typer.Option(help="waiting, calling, reached, expired, cancelled or failed.")] = None,
    number: Annotated[str, typer.Option(help="Only of this number, in any spelling.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List callbacks, newest first. Example: hotline callback list --status waiting."""
    if status is not None and status not in STATUSES:
        raise Misuse(f"--status is one of {', '.join(STATUSES)}, not {status!r}")
    page = shell(ctx).client().get(PATH, queue=queue, status=status, number=number or None, limit=limit)
    if as_json:
        print_json(page)
    else:
        rows = [_row(found, shell(ctx).zone()) for found in page["items"]]
        print_table(COLUMNS, rows, empty="no callbacks")
        if page.get("next"):
            console.print(f"and older ones: only the newest {limit} are shown, see --limit", style="dim")


def _find(client: "Client", name: str, statuses: tuple[str, ...]) -> str:
    """Return the id of the callback that is meant. Raises Misuse when there is none like that, or several."""
    by_number = client.get(PATH, number=name, limit=NEWEST)["items"] if NUMBER.fullmatch(name) else []
    found = [c for c in by_number if c["status"] in statuses]
    if not found:
        listed = (client.get(PATH, status=status, limit=NEWEST)["items"] for status in statuses)
        found = [c for items in listed for c in items if c["callback_id"].startswith(name)]
    if not found and len(name) < LEAST_ID:
        kind = "no callback" if statuses == STATUSES else "no callback that waits or is being called"
        raise Misuse(f"{kind} is named {name!r}: give an id, its beginning, or the customer's number")
    if len(found) > 1 and statuses == OPEN:
        which = ", ".join(f"{c['callback_id']} ({c['queue_id']})" for c in found[:5])
        raise Misuse(f"{name!r} is the name of {len(found)} callbacks: {which}")
    newest = max(found, key=lambda c: c["requested_at"], default=None)
    return newest["callback_id"] if newest is not None else name


def _row(found: dict[str, Any], zone: tzinfo) -> tuple[object, ...]:
    return (
        found["callback_id"],
        found["queue_id"],
        found["number"],
        found["name"],
        local_time(found["entered_at"], zone),
        found["status"],
        found["reason"],
        found["attempts"],
        local_time(found["retry_at"], zone),
        found["call_id"] or "",
    )


@app.command("show")
@one_sentence
def show(ctx: typer.Context, callback: Named, as_json: JsonFlag = False) -> None:
    """Show one callback (the newest, of a number) and what happened to it. Example: hotline callback show 13800138000."""
    client = shell(ctx).client()
    found = client.get(f"{PATH}/{quote(_find(client, callback, STATUSES), safe='')}")
    if as_json:
        print_json(found)
        return
    zone = shell(ctx).zone()
    print_table(COLUMNS, [_row(found, zone)], empty="")
    told = [(local_time(f["at"], zone), f["type"], _detail(f)) for f in found["facts"]]
    print_table(("when", "what", "detail"), told, empty="nothing was told")


@app.command("summary")
@one_sentence
def summary(
    ctx: typer.Context,
    since: Annotated[str, typer.Option(help="A date or time; today if left out.")] = "",
    until: Annotated[str, typer.Option(help="A date or time.")] = "",
    queue: Annotated[str | None, typer.Option(help="Only of this queue.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what became of the callbacks of a day. Example: hotline callback summary --since 2026-11-01 --queue service."""
    client = shell(ctx).client()
    found = client.get("/api/v1/reports/summary", since=since, until=until, queue=queue)["callbacks"]
    if as_json:
        print_json(found)
        return
    rows = [(name.replace("_", " "), _number(name, value)) for name, value in found.items()]
    print_table(("callbacks", ""), rows, empty="")


def _number(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0%}" if name.endswith("_share") else f"{value:.0f}"


def _detail(fact: dict[str, Any]) -> str:
    names = ("attempt", "agent_id", "first", "result", "reason", "call_id", "by")
    return " ".join(f"{name}={fact[name]}" for name in names if fact.get(name))


@app.command("add")
@one_sentence
def add(
    ctx: typer.Context,
    queue: Annotated[str, typer.Argument(help="The queue in whose line he stands from now on.")],
    number: Annotated[str, typer.Argument(help="The customer's number, one that [outbound] permits.")],
    name: Annotated[str, typer.Option(help="Shown to the agent.")] = "",
    priority: Annotated[int, typer.Option(min=-100, max=100)] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Have somebody called back when his turn comes. Example: hotline callback add service 13800138000 --name "Li Si"."""
    body = {"queue": queue, "number": number, "name": name, "priority": priority}
    made = shell(ctx).client().post(WAITING, body)
    if as_json:
        print_json(made)
    else:
        console.print(f"callback {made['callback_id']} waits in {queue}", markup=False)


@app.command("cancel")
@one_sentence
def cancel(ctx: typer.Context, callback: Named, as_json: JsonFlag = False) -> None:
    """Cancel a callback; whoever talks already is not cut off. Example: hotline callback cancel 13800138000."""
    client = shell(ctx).client()
    done = client.delete(f"{WAITING}/{quote(_find(client, callback, OPEN), safe='')}")
    if as_json:
        print_json(done)
    else:
        console.print(f"callback {done['callback_id']} is cancelled", markup=False)
