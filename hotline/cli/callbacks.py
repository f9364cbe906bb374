"""`hotline callback list|show|summary|add|cancel`: who wants to be called back."""

from datetime import tzinfo
from typing import Annotated, Any
from urllib.parse import quote

import typer

from hotline.cli.shell import JsonFlag, console, local_time, one_sentence, print_json, print_table, shell

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

CallbackId = Annotated[str, typer.Argument(help="The callback's id.")]


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
    page = shell(ctx).client().get(PATH, queue=queue, status=status, number=number or None, limit=limit)
    if as_json:
        print_json(page)
    else:
        rows = [_row(found, shell(ctx).zone()) for found in page["items"]]
        print_table(COLUMNS, rows, empty="no callbacks")


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
def show(ctx: typer.Context, callback: CallbackId, as_json: JsonFlag = False) -> None:
    """Show one callback and what happened to it. Example: hotline callback show 0b7c… ."""
    found = shell(ctx).client().get(f"{PATH}/{quote(callback, safe='')}")
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
def cancel(ctx: typer.Context, callback: CallbackId, as_json: JsonFlag = False) -> None:
    """Cancel a callback; whoever talks already is not cut off. Example: hotline callback cancel 0b7c… ."""
    done = shell(ctx).client().delete(f"{WAITING}/{quote(callback, safe='')}")
    if as_json:
        print_json(done)
    else:
        console.print(f"callback {callback} is cancelled", markup=False)
