"""`hotline roster publish|list|request|requests|decide|adherence`: rosters of the running hotline."""

from typing import Annotated
from urllib.parse import quote

import typer

from hotline.cli.roster.files import Sources, read_roster, span_of
from hotline.cli.roster.words import (
    PATH,
    REQUESTS,
    Day,
    DaysFile,
    History,
    Kind,
    Month,
    MorePeople,
    NeedFile,
    Other,
    OtherDay,
    People,
    PersonId,
    RosterFile,
    Shift,
    Week,
    Weeks,
    app,
    body_of,
    told,
)
from hotline.cli.shell import JsonFlag, console, local_time, one_sentence, print_json, print_table, shell

__all__ = ["app"]
"""The group that these commands are in; shared by `roster` and `roster_served`."""


@app.command("publish")
@one_sentence
def publish(
    ctx: typer.Context,
    roster: RosterFile,
    people: People,
    need: NeedFile = None,
    csv: MorePeople = None,
    days: DaysFile = None,
    history: History = None,
    week: Week = "",
    weeks: Weeks = 1,
    month: Month = "",
    note: Annotated[str, typer.Option(help="A word about it.")] = "",
    draft: Annotated[bool, typer.Option("--draft", help="Only keep it; it does not count yet.")] = False,
    despite: Annotated[bool, typer.Option("--despite", help="Although rules are broken.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Bring a roster into the running hotline, where it counts from now on for its days.

    Example: hotline roster publish roster.csv --people docs/examples/roster.toml --need docs/examples/roster-need.csv
    """
    import msgspec

    sources = Sources(people=people, need=need, csv=csv, days=days, history=history)
    plan, duties = read_roster(roster, sources, span_of(week, weeks, month))
    client = shell(ctx).client()
    body = msgspec.to_builtins({"plan": plan, "duties": duties, "note": note})
    kept = client.post(PATH, body)
    if not draft:
        kept = client.post(f"{PATH}/{kept['roster_id']}/publish", {"despite": despite})
    if as_json:
        print_json(kept)
    else:
        console.print(f"roster {kept['roster_id']} {'is kept as a draft' if draft else 'is published'}", markup=False)


@app.command("list")
@one_sentence
def list_rosters(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List the rosters of the running hotline, the newest week first. Example: hotline roster list."""
    page = shell(ctx).client().get(PATH)
    if as_json:
        print_json(page)
        return
    zone = shell(ctx).zone()
    columns = ("roster", "first day", "days", "status", "version", "shifts", "changed", "by", "note")
    rows = (
        (
            r["roster_id"],
            r["first_day"],
            r["days"],
            r["status"],
            r["version"],
            r["shifts"],
            local_time(r["changed_at"], zone),
            r["changed_by"],
            r["note"],
        )
        for r in page["items"]
    )
    print_table(columns, rows, empty="no rosters")


@app.command("request")
@one_sentence
def request(
    ctx: typer.Context,
    roster_id: Annotated[str, typer.Argument(help="The roster's id.")],
    person: PersonId,
    day: Day,
    kind: Kind = "swap",
    other: Other = "",
    other_day: OtherDay = "",
    shift: Shift = "",
    as_json: JsonFlag = False,
) -> None:
    """Ask for a change; a supervisor decides. Exit status 1 where the rules forbid it today.

    Example: hotline roster request 3f2a --kind off --person 1001 --day 2026-11-24
    """
    body = body_of(kind, person, day, other, other_day, shift)
    told(shell(ctx).client().post(f"{PATH}/{quote(roster_id, safe='')}/requests", body), as_json=as_json)


@app.command("requests")
@one_sentence
def requests(
    ctx: typer.Context,
    status: Annotated[str | None, typer.Option(help="open, accepted or refused.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List what people ask for, newest first. Example: hotline roster requests --status open."""
    page = shell(ctx).client().get(REQUESTS, status=status)
    if as_json:
        print_json(page)
        return
    columns = ("request", "roster", "kind", "person", "day", "with", "shift", "status", "asked by", "reasons")
    rows = (
        (
            r["request_id"],
            r["roster_id"],
            r["kind"],
            r["person_id"],
            r["day"],
            r["other_id"],
            r["shift"],
            r["status"],
            r["asked_by"],
            "; ".join(r["reasons"]),
        )
        for r in page["items"]
    )
    print_table(columns, rows, empty="no requests")


@app.command("decide")
@one_sentence
def decide(
    ctx: typer.Context,
    request_id: Annotated[str, typer.Argument(help="The request's id.")],
    accept: Annotated[bool, typer.Option("--accept/--refuse", help="Yes or no.")],
    reason: Annotated[str, typer.Option(help="Why not.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Accept or refuse what somebody asks for. Example: hotline roster decide 77aa --accept."""
    answer = shell(ctx).client().post(f"{REQUESTS}/{quote(request_id, safe='')}", {"accept": accept, "reason": reason})
    if as_json:
        print_json(answer)
    elif not accept:
        console.print(f"request {request_id} is refused", markup=False)
    else:
        told(answer, as_json=False)


@app.command("adherence")
@one_sentence
def adherence(
    ctx: typer.Context,
    day: Annotated[str | None, typer.Option(help="One of the last week; default: today.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show who should be where, and is. Example: hotline roster adherence."""
    found = shell(ctx).client().get("/api/v1/adherence", day=day)
    if as_json:
        print_json(found)
        return
    zone = shell(ctx).zone()
    columns = (
        "person",
        "should be",
        "is",
        "state",
        "since",
        "until",
        "adheres",
        "scheduled min",
        "kept min",
        "adherence",
    )
    words = {True: "yes", False: "NO", None: ""}
    rows = (
        (
            p["person"], p["scheduled"], p["actual"], p["state"] or "", local_time(p["since"], zone), local_time(p["until"], zone),
            words[p["adheres"]], f"{p['scheduled_min']:.0f}", f"{p['kept_min']:.0f}", "" if p["adherence"] is None else f"{p['adherence']:.1%}",
        )
        for p in found["people"]
    )  # fmt: skip
    print_table(columns, rows, empty="nobody is in a published roster today")
    if found["adherence"] is not None:
        console.print(
            f"adherence {found['adherence']:.1%}: {found['kept_min']:.0f} of {found['scheduled_min']:.0f} minutes",
            markup=False,
        )
