"""`hotline forecast calendar|effects`: what the calendar thinks of the days of a year, and what holidays did to the calls. Needs no server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hotline.cli.shell import JsonFlag, console, one_sentence, print_json, print_table
from hotline.errors import Misuse

if TYPE_CHECKING:  # numpy and the packages of holidays cost start-up time that `--help` need not pay
    from forecast.days.calendar import Calendar
    from forecast.days.year import DayOfYear

WEEKDAYS = ("Mon 周一", "Tue 周二", "Wed 周三", "Thu 周四", "Fri 周五", "Sat 周六", "Sun 周日")
KIND_WORDS = {
    "off": "off 休息", "holiday": "holiday 节假日", "minor": "minor 一般节日", "eve": "eve 节前一天", "minor_eve": "minor eve 一般节日前",
    "before": "last before 节前末工作日", "after_1": "1st after 节后首日", "after_2": "2nd after 节后第2日", "after_3": "3rd after 节后第3日",
    "minor_after": "minor after 一般节日后", "bridge": "bridge 夹缝日", "makeup": "make-up workday 调休上班",
}  # fmt: skip
"""The kinds of days in both languages."""


@one_sentence
def calendar(
    country: Annotated[str, typer.Option(help="Whose calendar, as CN, US, IL, GB-WLS.")],
    year: Annotated[int, typer.Option(min=1901, max=2098, help="Which year.")],
    region: Annotated[str, typer.Option(help="A part of the country, as WLS of GB.")] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Ordinary days too; --json always has every day of the year.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show what the calendar thinks of the days of a year: holidays, make-up workdays, Spring Festival, their neighbours.

    Example: hotline forecast calendar --country CN --year 2026
    """
    from forecast.days.holidays import calendar_for, local_names
    from forecast.days.year import year_of

    if not country:
        raise Misuse("name a country, as CN")
    found = calendar_for(country, region, years=(year - 1, year, year + 1))
    days = year_of(found, year, local_names(country, region, years=(year,), language="zh"))
    if as_json:
        print_json(_as_builtins(found, year, days))
        return
    shown = [day for day in days if every or not day.is_ordinary]
    print_table(("day 日期", "name", "名称", "what it is 说明"), map(_row, shown), empty="every day is an ordinary one")
    _foot(found, year, days)


def _row(day: "DayOfYear") -> tuple[object, ...]:
    from forecast.days.features import plain_name

    words = [KIND_WORDS["off"]] if day.off and "holiday" not in day.kinds else []
    words += [KIND_WORDS[kind] for kind in day.kinds if kind in KIND_WORDS and kind != "off"]
    if day.spring_days is not None:
        words.append(f"Spring Festival 春节 {day.spring_days:+d}")
    weekday = WEEKDAYS[day.day.weekday()]
    # Which day was moved for it stands in --json: here it would push the other columns off the screen.
    return f"{day.day} {weekday}", plain_name(day.name), plain_name(day.local_name), ", ".join(words)


def _foot(found: "Calendar", year: int, days: "tuple[DayOfYear, ...]") -> None:
    working = sum(not day.off for day in days)
    console.print(f"{len(days)} days, {working} working days 工作日, {len(days) - working} off 休息日", markup=False)
    if year in found.unpublished:
        console.print(
            f"The make-up workdays of {year} are not published yet or not known: only the holidays of the law are shown. "
            f"{year} 年调休安排尚未公布。",
            markup=False,
            soft_wrap=True,
        )


def _as_builtins(found: "Calendar", year: int, days: "tuple[DayOfYear, ...]") -> dict[str, Any]:
    return {
        "country": found.country,
        "year": year,
        "weekend": sorted(found.weekend),
        "make_up_days_published": year not in found.unpublished,
        "spring_festival": next((str(day) for day in found.spring_festivals if day.year == year), None),
        "days": [
            {
                "day": str(day.day), "off": day.off, "name": day.name, "name_zh": day.local_name, "kinds": list(day.kinds),
                "spring_days": day.spring_days,
            }
            for day in days
        ],
    }  # fmt: skip


@one_sentence
def effects(
    csv: Annotated[Path, typer.Option("--csv", help="Counts or calls, as docs/series.md says; gzip is fine.")],
    country: Annotated[str, typer.Option(help="Whose holidays, as CN, US, IL, GB-WLS.")] = "",
    slots: Annotated[str, typer.Option(help="Only these hours, as 08:30-21:30; default: all in the file.")] = "",
    weekdays: Annotated[
        str, typer.Option(help="Only these days of the week, as mon-fri or sun-thu; default: all in the file.")
    ] = "",
    event: Annotated[
        list[str] | None,
        typer.Option(help="Days of your own, as 'bill run=2026-03-05' or 'sale=2026-03-05..2026-03-07'."),
    ] = None,
    queue: Annotated[str, typer.Option(help="Which queue, where the file has several.")] = "",
    zone: Annotated[str, typer.Option(help="Whose local time the file has.")] = "UTC",
    column: Annotated[str, typer.Option(help="The column with the counts, where several could be.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Say what holidays, their neighbours and your own events did to the calls of a file: ratios to an ordinary day, with 95 % intervals.

    Example: hotline forecast effects --csv calls.csv --country CN --event 'bill run=2026-03-05'
    """
    from forecast.days.effects import measure
    from forecast.days.events import events_of
    from forecast.days.holidays import calendar_for
    from hotline.cli.forecast.backtest import read

    histories = read(csv, slots=slots, step=None, queue=queue, zone=zone, column=column, weekdays=weekdays)
    days = histories.days or (histories.slots.daily() if histories.slots is not None else None)
    if days is None:
        raise Misuse(f"{csv} has months: effects are measured on days")
    years = range(days.periods[0].item().year, days.periods[-1].item().year + 1)
    found = measure(days, calendar_for(country, years=years, events=events_of(event or ())))
    if as_json:
        print_json(
            [
                {"name": row.name, "days": row.days, "ratio": row.ratio, "low": row.low, "high": row.high}
                for row in found.rows
            ]
        )
        return
    rows = ((row.name, row.days, f"{row.ratio:.2f}", f"{row.low:.2f} … {row.high:.2f}") for row in found.rows)
    print_table(
        ("what 名称", "days 天数", "ratio 倍数", "95 % between 95 % 区间"),
        rows,
        empty="no special day is in the history",
    )
