"""`hotline roster make|show|check|swap|export`: from required agents to shifts of people, on plain files.

With `--roster ID`, `swap` changes a roster of the running hotline.
"""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from hotline.cli.roster.files import Sources, day_of, keep, read_lines, read_plan, read_roster, span_of, write
from hotline.cli.roster.show import by_week, progress, show, show_weeks, solved, summary
from hotline.cli.roster.words import (
    PATH,
    Columns,
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
    Repeat,
    RosterFile,
    RosterId,
    Shift,
    Week,
    Weeks,
    app,
    body_of,
    change_of,
    columns_of,
    told,
)
from hotline.cli.shell import JsonFlag, console, errors, one_sentence, print_json, print_table, shell
from hotline.errors import Misuse

if TYPE_CHECKING:
    from forecast.rosters.model import Duty, Plan

SECONDS_A_WEEK = 60.0

__all__ = ["app"]
"""The group that these commands are in; shared by `roster` and `roster_served`."""


@app.command("make")
@one_sentence
def make(
    need: Annotated[
        Path,
        typer.Option(
            "--need",
            help="CSV: date, time, agents, and skill where there are several (hotline staff --out writes one).",
        ),
    ],
    people: People,
    week: Annotated[str, typer.Option("--week", help="The first day of the week, or of the first one.")] = "",
    weeks: Weeks = 1,
    month: Month = "",
    csv: MorePeople = None,
    days: DaysFile = None,
    history: History = None,
    repeat: Repeat = False,
    start: Annotated[Path | None, typer.Option("--from", help="A roster of these days to begin with.")] = None,
    free: Annotated[
        list[str] | None,
        typer.Option("--free", help="With --from: only this person's shifts may change; may be said again."),
    ] = None,
    since: Annotated[str, typer.Option(help="With --from: what stands before this day stays.")] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The roster, as CSV.")] = None,
    columns: Columns = "en",
    seconds: Annotated[
        float | None,
        typer.Option(min=0.0, max=86_400.0, help="How long to look for better ones; default: 60 for each week."),
    ] = None,
    gap: Annotated[float, typer.Option(min=0.0, max=1.0, help="How far from the best it may be: 0.01 is 1 %.")] = 0.01,
    gap_without_pay: Annotated[
        float | None,
        typer.Option(min=0.0, help="The same of the cost without the price of the hours; default: that is not asked."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make the roster of a week, of several, or of a month. Exit status 1, with the rules that collide, when there can be none.

    Example: hotline roster make --need docs/examples/roster-need.csv --people docs/examples/roster.toml --week 2026-11-23 --out roster.csv
    """
    from forecast.rosters.apart import make_apart
    from forecast.rosters.explain import Infeasible, hopeless
    from forecast.rosters.outcome import Limits
    from forecast.rosters.table_file import read_csv, write_csv

    if (free or since) and start is None:
        raise Misuse("--free and --since need --from: the roster that stays otherwise")
    heads = columns_of(columns)
    span = span_of(week, weeks, month)
    if span is None:
        raise Misuse("say which days: --week 2026-11-23, with --weeks for several, or --month 2026-12")
    sources = Sources(people=people, need=need, csv=csv, days=days, history=history, repeat=repeat)
    plan = read_plan(sources, span)
    for said in [*_blanks(plan, sources), *hopeless(plan)]:
        errors.print(f"note: {said}", markup=False, soft_wrap=True)
    begin = read_csv(read_lines(start), plan, str(start)) if start is not None else []
    goal = keep(plan, begin, free or (), day_of(since, "--since") if since else None) if free or since else plan
    try:
        time = SECONDS_A_WEEK * len(plan.weeks) if seconds is None else seconds
        wished = math.inf if gap_without_pay is None else gap_without_pay
        with progress(time) as tell:
            limits = Limits(seconds=time, gap=gap, gap_without_pay=wished)
            found = make_apart(goal, limits, start=_usable(goal, begin), tell=tell)
    except Infeasible as exc:
        if as_json:
            print_json(
                {"ending": "infeasible", "conflicts": [{"person": c.person, "text": c.text} for c in exc.conflicts]}
            )
        raise
    if out is not None:
        write(out, write_csv(plan, found.roster.duties, heads), mark=heads == "zh")
    if as_json:
        print_json(solved(found, plan))
        return
    show(plan, found.roster.duties)
    show_weeks(by_week(plan, found.roster.duties, found.weekly))
    ended = "" if found.ending == "optimal" else "; the time was over before the wished gap"
    without = f" ({found.gap_without_pay:.2%} without the price of the hours)"
    console.print(f"gap {found.gap:.2%}{without} after {found.seconds:.1f} s of {time:g}{ended}", markup=False)


def _blanks(plan: "Plan", sources: Sources) -> list[str]:
    """Return what is to be said of days that nobody told the need, or the calendar, of."""
    from forecast.rosters.need_file import untold

    said = []
    if sources.need is not None and not sources.repeat:
        blank = untold(read_lines(sources.need), plan.first, plan.days, str(sources.need))
        if blank:
            said.append(
                f"the need says nothing about {len(blank)} days, the first {blank[0]}: nobody is needed (--repeat takes other weeks)"
            )
    return said


def _usable(plan: "Plan", duties: "list[Duty]") -> "list[Duty]":
    """Return a roster to begin with, or nothing where it breaks rules: then it is no help."""
    from forecast.rosters.check import violations

    return [] if violations(plan, duties) else duties


@app.command("show")
@one_sentence
def show_roster(
    roster: RosterFile,
    people: People,
    need: NeedFile = None,
    csv: MorePeople = None,
    days: DaysFile = None,
    history: History = None,
    week: Week = "",
    weeks: Weeks = 1,
    month: Month = "",
    repeat: Repeat = False,
    as_json: JsonFlag = False,
) -> None:
    """Show a roster, and how far it meets the need. Example: hotline roster show roster.csv --people docs/examples/roster.toml."""
    sources = Sources(people=people, need=need, csv=csv, days=days, history=history, repeat=repeat)
    plan, duties = read_roster(roster, sources, span_of(week, weeks, month))
    if as_json:
        print_json({**summary(plan, duties), "weeks": by_week(plan, duties)})
    else:
        show(plan, duties)
        show_weeks(by_week(plan, duties))


@app.command("check")
@one_sentence
def check(
    roster: RosterFile,
    people: People,
    csv: MorePeople = None,
    days: DaysFile = None,
    history: History = None,
    week: Week = "",
    weeks: Weeks = 1,
    month: Month = "",
    as_json: JsonFlag = False,
) -> None:
    """Hold a roster, made by whomever, against all rules. Exit status 1 if one is broken.

    Example: hotline roster check roster.csv --people docs/examples/roster.toml
    """
    from forecast.rosters.check import violations

    sources = Sources(people=people, csv=csv, days=days, history=history)
    plan, duties = read_roster(roster, sources, span_of(week, weeks, month))
    found = violations(plan, duties)
    if as_json:
        print_json([{"person": v.person, "rule": v.rule, "day": str(v.day or ""), "text": v.text} for v in found])
    else:
        print_table(("person", "rule", "what"), ((v.person, v.rule, v.text) for v in found), empty="every rule is kept")
    if found:
        raise typer.Exit(1)


@app.command("swap")
@one_sentence
def swap(
    ctx: typer.Context,
    person: PersonId,
    day: Day,
    roster: Annotated[Path | None, typer.Argument(help="A roster as CSV.")] = None,
    people: Annotated[
        Path | None, typer.Option("--people", help="TOML: people, contracts, shift types and rules.")
    ] = None,
    kind: Kind = "swap",
    other: Other = "",
    other_day: OtherDay = "",
    shift: Shift = "",
    roster_id: RosterId = None,
    need: NeedFile = None,
    csv: MorePeople = None,
    days: DaysFile = None,
    history: History = None,
    week: Week = "",
    weeks: Weeks = 1,
    month: Month = "",
    columns: Columns = "en",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Where the changed roster goes; default: only say whether it is allowed."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Change shifts, if the rules allow it. Exit status 1, with the reasons, when they do not.

    Example: hotline roster swap roster.csv --people docs/examples/roster.toml --person 1001 --day 2026-11-23 --with 1002 --out roster.csv
    """
    body = body_of(kind, person, day, other, other_day, shift)
    if roster_id is not None:
        told(shell(ctx).client().post(f"{PATH}/{quote(roster_id, safe='')}/swap", body), as_json=as_json)
        return
    if roster is None or people is None:
        raise Misuse("say which roster: a file and its --people, or --roster ID")
    from forecast.rosters.requests import judge
    from forecast.rosters.table_file import write_csv

    heads = columns_of(columns)
    sources = Sources(people=people, need=need, csv=csv, days=days, history=history)
    plan, duties = read_roster(roster, sources, span_of(week, weeks, month))
    verdict = judge(plan, duties, change_of(body))
    if verdict.allowed and out is not None:
        write(out, write_csv(plan, verdict.duties, heads), mark=heads == "zh")
    told(
        {"allowed": verdict.allowed, "reasons": list(verdict.reasons), "short_hours": verdict.short_hours},
        as_json=as_json,
    )


@app.command("export")
@one_sentence
def export(
    roster: RosterFile,
    people: People,
    csv: MorePeople = None,
    week: Week = "",
    weeks: Weeks = 1,
    month: Month = "",
    format_: Annotated[
        str,
        typer.Option("--format", help="ics for calendars; csv, a line for each duty; grid, a line for each person."),
    ] = "ics",
    columns: Columns = "en",
    person: Annotated[str | None, typer.Option(help="Only of this person.")] = None,
    each: Annotated[Path | None, typer.Option("--each", help="A directory: one file for each person.")] = None,
    version: Annotated[
        int, typer.Option(min=1, help="Grows with each publication, so that calendars take the newer one.")
    ] = 1,
    language: Annotated[str, typer.Option(help="Of the events: zh or en.")] = "zh",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file to write; default: standard output.")
    ] = None,
) -> None:
    """Write a roster as CSV or iCalendar, of all or for each person.

    Example: hotline roster export roster.csv --people docs/examples/roster.toml --person 1001 -o 1001.ics
    """
    from forecast.rosters.ical import WORDS, write_ical
    from forecast.rosters.table_file import write_csv, write_grid
    from hotline.runtime.clock import SteadyClock

    if format_ not in ("csv", "ics", "grid") or language not in WORDS:
        raise Misuse("--format is ics, csv or grid, and --language zh or en")
    heads = columns_of(columns)
    plan, duties = read_roster(roster, Sources(people=people, csv=csv), span_of(week, weeks, month))
    made = datetime.fromtimestamp(SteadyClock().now(), UTC)
    marked, ending = format_ != "ics" and heads == "zh", "ics" if format_ == "ics" else "csv"

    def text(chosen: "list[Duty]") -> str:
        if format_ == "ics":
            return write_ical(plan, chosen, made=made, version=version, language=language)
        return (write_csv if format_ == "csv" else write_grid)(plan, chosen, heads)

    if person is not None and person not in plan.person_of():
        raise Misuse(f"there is no person {person[:40]!r}")
    if each is not None:
        names = sorted({duty.person for duty in duties})
        for name in names:
            write(each / f"{quote(name, safe='')}.{ending}", text([d for d in duties if d.person == name]), mark=marked)
        console.print(f"{each}: {len(names)} files", markup=False)
        return
    chosen = [duty for duty in duties if person is None or duty.person == person]
    if output is None:
        typer.echo(text(chosen), nl=False)
    else:
        write(output, text(chosen), mark=marked)
        console.print(f"{output}: {len(chosen)} duties", markup=False)
