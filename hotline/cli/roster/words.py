"""What the commands of `hotline roster` share: their options, the change that somebody asks for, and what is said of it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hotline.cli.roster.files import day_of
from hotline.cli.shell import console, print_json
from hotline.errors import Misuse

app = typer.Typer(
    help="Rosters: who works when. Example: hotline roster make --need need.csv --people people.toml --week 2026-11-23",
    no_args_is_help=True,
)
PATH = "/api/v1/rosters"
REQUESTS = "/api/v1/roster-requests"

People = Annotated[
    Path, typer.Option("--people", help="TOML: people, contracts, shift types and rules; see docs/rosters.md.")
]
MorePeople = Annotated[Path | None, typer.Option("--csv", help="CSV with more people: id, name, skills, contract.")]
NeedFile = Annotated[
    Path | None,
    typer.Option(
        "--need", help="CSV: date, time, agents, and skill where there are several (hotline staff --out writes one)."
    ),
]
History = Annotated[
    Path | None,
    typer.Option("--history", help="The roster of the weeks before, as CSV: rest, runs and fairness go on."),
]
DaysFile = Annotated[
    Path | None,
    typer.Option(
        "--days",
        help="CSV: person, date, until, kind (absent, off, shift, not, fixed; 年假, 希望休息 …), shift, weight.",
    ),
]
Week = Annotated[str, typer.Option("--week", help="The first day; default: the Monday of the roster's first duty.")]
Weeks = Annotated[int, typer.Option("--weeks", help="How many weeks, up to six.")]
Month = Annotated[str, typer.Option("--month", help="A calendar month instead of weeks: 2026-12.")]
Repeat = Annotated[
    bool,
    typer.Option("--repeat", help="Days that the need says nothing about need what the nearest such weekday needs."),
]
Columns = Annotated[str, typer.Option("--columns", help="Heads of the table: en or zh (工号, 姓名, 日期 …).")]


def columns_of(text: str) -> Any:
    """Return the language of a table's heads."""
    if text not in ("en", "zh"):
        raise Misuse(f"--columns is en or zh, not {text[:40]!r}")
    return text


RosterFile = Annotated[Path, typer.Argument(help="A roster as CSV.")]
RosterId = Annotated[str | None, typer.Option("--roster", help="A roster of the running hotline instead of a file.")]
Kind = Annotated[
    str,
    typer.Option(
        "--kind", help="swap, give (the shift to somebody), off (nobody has it any more) or shift (another one)."
    ),
]
PersonId = Annotated[str, typer.Option("--person", help="Whose shift.")]
Day = Annotated[str, typer.Option("--day", help="On which day.")]
Other = Annotated[str, typer.Option("--with", help="With whom, or to whom.")]
OtherDay = Annotated[str, typer.Option("--with-day", help="Of a swap: the other one's day; default: the same.")]
Shift = Annotated[str, typer.Option("--shift", help="The other shift type.")]


def body_of(kind: str, person: str, day: str, other: str, other_day: str, shift: str) -> dict[str, Any]:
    """Return a change as the API takes it."""
    if kind not in ("swap", "give", "off", "shift"):
        raise Misuse(f"--kind is swap, give, off or shift, not {kind[:40]!r}")
    body = {"kind": kind, "person": person, "day": str(day_of(day, "--day")), "other": other, "shift": shift}
    return body | ({"other_day": str(day_of(other_day, "--with-day"))} if other_day else {})


def change_of(body: dict[str, Any]) -> Any:
    """Return a change as the checker takes it."""
    import msgspec

    from forecast.rosters.requests import Change

    return msgspec.convert(body, Change)


def told(answer: dict[str, Any], *, as_json: bool) -> None:
    """Print whether a change is allowed, and why not; exit status 1 then."""
    if as_json:
        print_json(answer)
    elif answer["allowed"]:
        more = answer["short_hours"]
        said = (
            f"; {abs(more):g} agent-hours {'more' if more > 0 else 'fewer'} are missing then"
            if abs(more) > 1e-6
            else ""
        )
        asked = f"; request {answer['request_id']}" if answer.get("request_id") else ""
        console.print(f"allowed{said}{asked}", markup=False)
    else:
        for reason in answer["reasons"]:
            console.print(f"not allowed: {reason}", markup=False, soft_wrap=True)
    if not answer["allowed"]:
        raise typer.Exit(1)
