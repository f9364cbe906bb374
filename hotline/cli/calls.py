"""`hotline calls`, `hotline calls show ID`, `hotline calls why ID`, `hotline recording ID`: look calls up."""

from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any

import typer

from hotline.cli.shell import JsonFlag, console, local_time, one_sentence, print_json, print_table, seconds, shell
from hotline.errors import Misuse, Rejected

app = typer.Typer(
    help="Calls: the list, and the story of one. Example: hotline calls --queue service --outcome abandoned"
)

SHORT = 8
"""So many characters of an id tell calls apart in a list; `show` completes them."""
WHOLE = 36
"""The length of a whole call id."""
COLUMNS = ("arrived", "call", "from", "name", "queue", "outcome", "agent", "wait s", "talk s")


@app.callback(invoke_without_command=True)
@one_sentence
def calls(
    ctx: typer.Context,
    since: Annotated[str | None, typer.Option(help="Only calls that arrived at or after this time (RFC 3339).")] = None,
    until: Annotated[str | None, typer.Option(help="Only calls that arrived before this time (RFC 3339).")] = None,
    queue: Annotated[str | None, typer.Option(help="Only calls of this queue.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only calls answered by this agent.")] = None,
    number: Annotated[str | None, typer.Option(help="Only calls from this number.")] = None,
    outcome: Annotated[str | None, typer.Option(help="answered, abandoned, …")] = None,
    live: Annotated[bool, typer.Option("--live", help="Only calls that are not over.")] = False,
    limit: Annotated[int, typer.Option(help="How many at the most.", min=1)] = 20,
    as_json: JsonFlag = False,
) -> None:
    """List calls, newest first, with times in the zone of ivr.timezone.

    Example: hotline calls --queue service --outcome abandoned --limit 50
    """
    if ctx.invoked_subcommand is not None:
        return
    filters: dict[str, Any] = {
        "since": since, "until": until, "queue": queue, "agent": agent, "number": number, "outcome": outcome
    }  # fmt: skip
    if live:
        filters["live"] = "true"
    zone, client = shell(ctx).zone(), shell(ctx).client()
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(found) < limit:
        page = client.get("/api/v1/calls", limit=limit - len(found), cursor=cursor, **filters)
        found += page["items"]
        cursor = page.get("next")
        if cursor is None:
            break
    if as_json:
        print_json(found)
    else:
        print_table(COLUMNS, (_row(call, zone) for call in found), empty="no calls match")


def _row(call: dict[str, Any], zone: tzinfo) -> tuple[object, ...]:
    return (
        local_time(call.get("arrived_at"), zone),
        call["call_id"][:SHORT],
        call.get("caller_number"),
        call.get("customer_name") or call.get("caller_name"),
        call.get("queue_id"),
        call.get("outcome"),
        call.get("agent_id"),
        seconds(call.get("wait_s")),
        seconds(call.get("talk_s")),
    )


@app.command("show")
@one_sentence
def show(
    ctx: typer.Context,
    call_id: Annotated[str, typer.Argument(help="The id from `hotline calls`; its first characters suffice.")],
    language: Annotated[str, typer.Option("--language", help="en or zh")] = "en",
    as_json: JsonFlag = False,
) -> None:
    """Tell the story of one call. Example: hotline calls show 5f3a."""
    client = shell(ctx).client()
    call_id = _whole_id(client, call_id)
    if as_json:
        print_json(client.get(f"/api/v1/calls/{call_id}"))
    else:
        for line in client.get(f"/api/v1/calls/{call_id}/story", language=language):
            console.print(line, markup=False, soft_wrap=True)


@app.command("why")
@one_sentence
def why(
    ctx: typer.Context,
    call_id: Annotated[str, typer.Argument(help="The id from `hotline calls`; its first characters suffice.")],
    language: Annotated[str, typer.Option("--language", help="en or zh")] = "en",
    as_json: JsonFlag = False,
) -> None:
    """Say whom a call was offered to and why, and if it waits, why nobody is rung. Example: hotline calls why 5f3a."""
    client, zone = shell(ctx).client(), shell(ctx).zone()
    call_id = _whole_id(client, call_id)
    chinese = language == "zh"
    try:
        found = client.get(f"/api/v1/calls-why/{call_id}")
    except Rejected:
        call = client.get(f"/api/v1/calls/{call_id}")["call"]  # refused as well when there is no such call
        if as_json:
            print_json({"call_id": call_id, "decisions": [], "waiting": None})
        else:
            console.print(_never_offered(call, chinese), markup=False, soft_wrap=True)
        return
    if as_json:
        print_json(found)
        return
    for made in found["decisions"]:
        sentence = made["sentence_zh" if chinese else "sentence"]
        console.print(f"{local_time(made['decision']['at'], zone)}  {sentence}", markup=False, soft_wrap=True)
    for line in _waits(found["waiting"], chinese) if found["waiting"] is not None else ():
        console.print(line, markup=False, soft_wrap=True)


def _never_offered(call: dict[str, Any], chinese: bool) -> str:
    """Say of a call about which the router decided nothing how it went instead."""
    short, queue, outcome = call["call_id"][:SHORT], call["queue_id"], call["outcome"]
    if chinese:
        where = f"曾在队列 {queue} 中等待" if queue else "未进入任何队列"
        return f"通话 {short} 没有派给任何坐席:{where},结果 {outcome or '尚未结束'}。"
    where = f"it waited in queue {queue}" if queue else "it entered no queue"
    return f"Call {short} was not offered to any agent: {where}; outcome: {outcome or 'not over yet'}."


def _waits(caller: dict[str, Any], chinese: bool) -> list[str]:
    """Return where a waiting caller stands, and why nobody is rung for him."""
    place, waited_s, priority = caller["position"], caller["waited_s"], caller["rank_priority"]
    if chinese:
        lines = [f"正在等待:第 {place} 位,已等待 {waited_s:.0f} 秒,优先级 {priority:.1f}。"]
    else:
        lines = [f"Waits at place {place} for {waited_s:.0f} s with priority {priority:.1f}."]
    for why in caller["why_nobody"]:
        text = why["text_zh" if chinese else "text_en"]
        lines.append(f"  {why['agents']} 名坐席:{text}" if chinese else f"  {why['agents']} agents: {text}")
    return lines


def _whole_id(client: Any, start: str) -> str:
    """Complete an id that was given by its first characters, from the newest calls."""
    if len(start) >= WHOLE:
        return start
    matching = [c["call_id"] for c in client.get("/api/v1/calls", limit=500)["items"] if c["call_id"].startswith(start)]
    if not matching:
        raise Misuse(f"none of the newest 500 calls begins with {start!r}; see `hotline calls`")
    if len(matching) > 1:
        raise Misuse(f"{len(matching)} of the newest 500 calls begin with {start!r}; give more of the id")
    return str(matching[0])


@one_sentence
def recording(
    ctx: typer.Context,
    recording_id: Annotated[
        str, typer.Argument(help="The call's id (its first characters suffice), or the recording's.")
    ],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to write the WAV file.")] = None,
) -> None:
    """Fetch the audio of a conversation: left the caller, right the agent. Example: hotline recording 5f3a -o talk.wav."""
    client = shell(ctx).client()
    recording_id = _whole_id(client, recording_id)
    found = client.get("/api/v1/recordings", call=recording_id)["items"]
    chosen = found[0]["recording_id"] if found else recording_id
    status = found[0]["status"] if found else "stored"
    if status not in ("stored", "recording"):
        raise Misuse(f"recording {chosen} has no audio to fetch: {status.replace('_', ' ')}")
    target = output or Path(f"{chosen}.wav")
    size = client.download(f"/api/v1/recordings/{chosen}/audio", target)
    console.print(f"{target}: {size} bytes", markup=False)
