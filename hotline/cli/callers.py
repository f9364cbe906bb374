"""`hotline queue priority|move|pull|close|open|emergency` and `hotline voicemail list|show`: what is done with those who wait."""

from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from hotline.cli.agents import queue_app
from hotline.cli.client import Client
from hotline.cli.shell import JsonFlag, console, local_time, one_sentence, print_json, print_table, seconds, shell
from hotline.errors import Misuse

voicemail_app = typer.Typer(help="Messages of callers. Example: hotline voicemail list", no_args_is_help=True)

THEN = ("stay", "hang_up", "fallback")
COLUMNS = ("left", "message", "from", "customer", "queue", "status", "s", "dealt with by")
CALL_HELP = "The call's id; the first characters suffice of one who waits."
Call = Annotated[str, typer.Argument(help=CALL_HELP)]
Queue = Annotated[str, typer.Argument(help="The queue's id.")]
ALL = "all"
Queues = Annotated[str, typer.Argument(help="The queue's id, or `all` of them.")]


def _waiting_id(client: Client, start: str) -> str:
    """Complete the id of a waiting caller."""
    lines = [client.get(f"/api/v1/queues/{quote(q['id'], safe='')}/waiting") for q in client.get("/api/v1/queues")]
    found = [c["call_id"] for line in lines for c in line if c["call_id"].startswith(start)]
    if len(found) != 1:
        raise Misuse(
            f"{len(found) or 'none'} of those who wait begin with {start!r}; see `hotline queue waiting QUEUE`"
        )
    return str(found[0])


def _change(ctx: typer.Context, start: str, body: dict[str, Any], *, as_json: bool) -> None:
    client = shell(ctx).client()
    call_id = _waiting_id(client, start)
    changed = client.patch(f"/api/v1/calls-waiting/{quote(call_id, safe='')}", body)
    if as_json:
        print_json(changed)
    elif changed["waiting"] is None:
        console.print(f"{call_id} has left the line", markup=False)
    else:
        place = changed["waiting"]
        text = (
            f"{call_id} waits in {changed['queue_id']} at place {place['position']} with priority {place['priority']}"
        )
        console.print(f"{text}, for {seconds(place['waited_s'])} s", markup=False)


@queue_app.command("priority")
@one_sentence
def priority(
    ctx: typer.Context,
    call: Call,
    priority: Annotated[int, typer.Argument(help="-100 to 100; higher is served first.", min=-100, max=100)],
    as_json: JsonFlag = False,
) -> None:
    """Give a waiting caller another priority. Example: hotline queue priority 5f3a 50."""
    _change(ctx, call, {"priority": priority}, as_json=as_json)


@queue_app.command("move")
@one_sentence
def move(
    ctx: typer.Context,
    call: Call,
    queue: Queue,
    force: Annotated[
        bool, typer.Option("--force", help="Also where nobody, logged in or not, has the skills that he needs.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Move a waiting caller to another queue, with the time waited. Example: hotline queue move 5f3a sales."""
    _change(ctx, call, {"queue": queue, **({"force": True} if force else {})}, as_json=as_json)


@queue_app.command("pull")
@one_sentence
def pull(
    ctx: typer.Context,
    call: Call,
    treatment: Annotated[
        str, typer.Argument(help="voicemail, callback, hang_up, fallback, number:DIGITS or announce:NAME.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Pull a waiting caller out of the line. Example: hotline queue pull 5f3a voicemail."""
    _change(ctx, call, {"treatment": treatment}, as_json=as_json)


def _switch(ctx: typer.Context, queue: str, body: dict[str, Any], *, as_json: bool) -> None:
    client = shell(ctx).client()
    known = [q["id"] for q in client.get("/api/v1/queues")] if queue == ALL else []
    named = [queue] if queue in known or not known else known
    changed = [client.put(f"/api/v1/queues/{quote(name, safe='')}/switches", body) for name in named]
    if as_json:
        print_json(changed[0] if queue != ALL or queue in known else changed)
        return
    for one in changed:
        closed = {"": "open", "hours": "closed by its hours", "supervisor": "closed by hand"}[one["closed_by"]]
        announced = f"; announcement {one['emergency']}, then {one['emergency_then']}" if one["emergency"] else ""
        console.print(f"{one['id']} is {closed}{announced}", markup=False)


@queue_app.command("close")
@one_sentence
def close(ctx: typer.Context, queue: Queues, as_json: JsonFlag = False) -> None:
    """Close a queue: who comes is treated by its setting when_closed. Example: hotline queue close sales."""
    _switch(ctx, queue, {"closed": True}, as_json=as_json)


@queue_app.command("open")
@one_sentence
def open_again(ctx: typer.Context, queue: Queues, as_json: JsonFlag = False) -> None:
    """Open a queue that was closed by hand; its hours count again. Example: hotline queue open sales."""
    _switch(ctx, queue, {"closed": False}, as_json=as_json)


@queue_app.command("emergency")
@one_sentence
def emergency(
    ctx: typer.Context,
    queue: Queues,
    state: Annotated[str, typer.Argument(help="on or off.")],
    announce: Annotated[str, typer.Option(help="The announcement's name; default: emergency.")] = "",
    then: Annotated[str, typer.Option(help="What follows it: stay, hang_up or fallback.")] = "stay",
    as_json: JsonFlag = False,
) -> None:
    """Let everybody who waits or comes hear an announcement. Example: hotline queue emergency all on --announce storm --then hang_up."""
    if state not in ("on", "off"):
        raise Misuse(f"{state!r} is neither on nor off")
    if then not in THEN:
        raise Misuse(f"{then!r} is none of {', '.join(THEN)}")
    body = {"emergency": state == "on", "announce": announce, "then": then}
    _switch(ctx, queue, body, as_json=as_json)


@voicemail_app.command("list")
@one_sentence
def list_messages(
    ctx: typer.Context,
    since: Annotated[str | None, typer.Option(help="Only messages at or after this time (RFC 3339).")] = None,
    queue: Annotated[str | None, typer.Option(help="Only messages of callers of this queue.")] = None,
    status: Annotated[str | None, typer.Option(help="left, empty, missing, …; default: all.")] = None,
    still_open: Annotated[bool, typer.Option("--open", help="Only messages that nobody has dealt with.")] = False,
    limit: Annotated[int, typer.Option(help="How many at the most.", min=1, max=500)] = 20,
    as_json: JsonFlag = False,
) -> None:
    """List messages of callers, newest first. Example: hotline voicemail list --queue sales --open."""
    chosen = {"status": "left", "handled": "false"} if still_open else {"status": status}
    page = shell(ctx).client().get("/api/v1/voicemails", since=since, queue=queue, limit=limit, **chosen)
    if as_json:
        print_json(page["items"])
    else:
        zone = shell(ctx).zone()
        rows = (
            (
                local_time(m["began_at"] or m["settled_at"], zone),
                m["message_id"],
                m["caller_number"],
                m["customer_name"],
                m["queue_id"] or "",
                m["status"].replace("_", " "),
                seconds(m["duration_s"]),
                m["handled_by"],
            )
            for m in page["items"]
        )
        print_table(COLUMNS, rows, empty="no messages")


@voicemail_app.command("show")
@one_sentence
def show_message(
    ctx: typer.Context,
    message: Annotated[
        str,
        typer.Argument(help="The id from `hotline voicemail list`; its first characters suffice of the newest 500."),
    ],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to write its audio (WAV).")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show one message, and fetch its audio with -o. Example: hotline voicemail show 5f3a….m18c -o message.wav."""
    client = shell(ctx).client()
    found = client.get(f"/api/v1/voicemails/{quote(_whole_id(client, message), safe='')}")
    if as_json:
        print_json(found)
    else:
        print_table(("what", "value"), _about(found, shell(ctx).zone()), empty="")
    if output is not None:
        if found["status"] != "left":
            raise Misuse(f"message {found['message_id']} has no audio: {found['status'].replace('_', ' ')}")
        size = client.download(f"/api/v1/voicemails/{quote(found['message_id'], safe='')}/audio", output)
        console.print(f"{output}: {size} bytes", markup=False)


@voicemail_app.command("done")
@one_sentence
def done(
    ctx: typer.Context,
    message: Annotated[str, typer.Argument(help="The id from `hotline voicemail list`; its first characters suffice.")],
    undo: Annotated[bool, typer.Option("--undo", help="It is to be dealt with again.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Say that a message was dealt with. Example: hotline voicemail done 5f3a…."""
    client = shell(ctx).client()
    found = client.put(
        f"/api/v1/voicemails/{quote(_whole_id(client, message), safe='')}/handled", {"handled": not undo}
    )
    if as_json:
        print_json(found)
    else:
        said = f"dealt with by {found['handled_by']}" if found["handled_at"] else "to be dealt with"
        console.print(f"{found['message_id']}: {said}", markup=False)


def _whole_id(client: Client, start: str) -> str:
    """Complete the id of a message that was given by its first characters, from the newest ones."""
    newest = client.get("/api/v1/voicemails", limit=500)["items"]
    found = [m["message_id"] for m in newest if m["message_id"].startswith(start)]
    if len(found) > 1 and start not in found:
        raise Misuse(f"{len(found)} messages begin with {start!r}; see `hotline voicemail list`")
    return found[0] if len(found) == 1 else start


def _about(message: dict[str, Any], zone: tzinfo) -> list[tuple[str, object]]:
    times = {
        name: local_time(message[name], zone) for name in ("began_at", "settled_at", "handled_at") if message[name]
    }
    return [(name.replace("_", " "), value) for name, value in {**message, **times}.items() if value not in ("", None)]
