"""`hotline forecast import|export|history|forget`: counts of calls from elsewhere into the database, and a queue's series out of it."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast
from zoneinfo import ZoneInfo

import typer

from hotline.cli.records import open_store
from hotline.cli.shell import JsonFlag, console, local_time, one_sentence, print_json, print_table, shell
from hotline.cli.simulate import progress_bar
from hotline.errors import Misuse

if TYPE_CHECKING:  # numpy costs start-up time that `--help` need not pay
    from forecast.series.counts import Counts
    from forecast.series.unusual import Mark

UNITS = ("slot", "day", "month")
SHOWN = 20
"""So many oddities are listed; `--json` has all."""
QueueOption = Annotated[str, typer.Option("--queue", help="The queue, as in the settings.")]


@one_sentence
def import_history(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Counts or calls, as docs/series.md says; gzip is fine.")],
    queue: QueueOption,
    of: Annotated[str, typer.Option("--of", help="The queue's name in the file, where it has several.")] = "",
    slots: Annotated[str, typer.Option(help="Only these hours, as 08:30-21:30; default: all in the file.")] = "",
    step: Annotated[int | None, typer.Option(min=1, max=1_440, help="Minutes to sum up to; default: as it is.")] = None,
    zone: Annotated[str, typer.Option(help="Whose local time the file has; default: the queue's.")] = "",
    time: Annotated[str, typer.Option(help="The column with the times, where it is not found.")] = "",
    count: Annotated[str, typer.Option(help="The column with the counts; `rows`: each row is a call.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read the file and say what is in it.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Bring the counts of a file in as the history of a queue: all of them, or none. Days that were imported before are replaced.

    Where the journal has counts of its own, those are taken. What looks wrong is shown; forecasts leave out what certainly is.

    Example: hotline forecast import calls-2025.csv --queue sales --zone Asia/Shanghai --dry-run
    """
    from forecast.of_settings import queue_of, zone_of
    from forecast.series.files import read_counts
    from forecast.series.unusual import unusual

    settings = shell(ctx).settings()
    house_zone = zone_of(settings, queue_of(settings, queue))
    with progress_bar(f"reading {file.name}"):
        counts = read_counts(
            file,
            queue=of or queue,
            slots=slots,
            step_min=step,
            zone=zone or house_zone,
            time_column=time,
            count_column=count,
        )
    marks = unusual(counts)
    if not dry_run:
        asyncio.run(_write(ctx, queue, counts, file.name))
    if as_json:
        print_json(
            {**describe(counts), "queue": queue, "imported": not dry_run, "marks": [as_builtins(m) for m in marks]}
        )
    else:
        _show(counts, marks, queue, dry_run=dry_run)


async def _write(ctx: typer.Context, queue: str, counts: "Counts", source: str) -> None:
    from forecast.series.history import write_history
    from hotline.runtime.clock import SteadyClock

    with progress_bar("importing") as progress:
        async with open_store(shell(ctx)) as store:
            now = SteadyClock().now()
            await write_history(
                store, queue, counts, source=source, now=now, progress=lambda n, of: progress("importing", n, of)
            )


def describe(counts: "Counts") -> dict[str, Any]:
    """Return what there is to say about counts."""
    import numpy as np

    known = ~np.isnan(counts.values)
    return {
        "unit": counts.unit,
        "first": str(counts.periods[0]) if len(counts.periods) else None,
        "last": str(counts.periods[-1]) if len(counts.periods) else None,
        "periods": len(counts.periods),
        "intervals_per_period": len(counts.starts_min),
        "step_min": counts.step_min,
        "hours": _hours(counts),
        "calls": float(counts.values[known].sum()),
        "unknown": int((~known).sum()),
        "zone": counts.zone,
    }


def _hours(counts: "Counts") -> str:
    if counts.unit != "slot":
        return ""
    return f"{_clock(counts.starts_min[0])}-{_clock(counts.starts_min[-1] + counts.step_min)}"


def as_builtins(mark: "Mark") -> dict[str, Any]:
    """Return a mark for JSON."""
    return {
        "kind": mark.kind,
        "period": str(mark.period),
        "from": _clock(mark.first_min),
        "to": _clock(mark.end_min),
        "calls": mark.calls,
        "expected": mark.expected,
        "left_out": mark.certain,
        "reason": mark.reason,
    }


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _show(counts: "Counts", marks: "list[Mark]", queue: str, *, dry_run: bool) -> None:
    about = describe(counts)
    for name, value in about.items():
        if value != "":
            shown = f"{value:.10g}" if isinstance(value, float) else value
            console.print(f"{name.replace('_', ' '):<22} {shown}", markup=False, soft_wrap=True)
    done = "nothing was imported (--dry-run)" if dry_run else f"imported as the history of {queue}"
    console.print(done, markup=False)
    if marks:
        console.print(f"\n{len(marks)} oddities; forecasts leave out those marked x:", markup=False)
        rows = [
            ("x" if m.certain else "", str(m.period), f"{_clock(m.first_min)}-{_clock(m.end_min)}", m.kind, m.reason)
            for m in marks[:SHOWN]
        ]
        print_table(("out", "day", "time", "kind", "why"), rows, empty="")
        if len(marks) > SHOWN:
            console.print(f"… and {len(marks) - SHOWN} more (--json has all)", markup=False)


@one_sentence
def export_series(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write; `-` for standard output.")],
    queue: QueueOption,
    step: Annotated[int, typer.Option(min=5, max=1_440, help="Minutes of an interval; 1440: days.")] = 30,
    unit: Annotated[str, typer.Option(help=f"One of {', '.join(UNITS)}.")] = "slot",
    since: Annotated[str, typer.Option("--from", help="First day, as 2026-01-01; default: all there is.")] = "",
    until: Annotated[str, typer.Option("--to", help="First day that is left out; default: up to now.")] = "",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Without callers who had just given up and called again.")
    ] = False,
    clean: Annotated[
        bool, typer.Option("--clean", help="Without what is certainly wrong, as forecasts see it.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write what forecasts learn from: the journal's counts of a queue, and the imported ones where it has none.

    Example: hotline forecast export --queue sales --step 30 sales.csv
    """
    if unit not in UNITS:
        raise Misuse(f"--unit is one of {', '.join(UNITS)}, not {unit}")
    wanted = cast("Literal['slot', 'day', 'month']", "day" if unit == "slot" and step == 1_440 else unit)
    counts = asyncio.run(_read(ctx, queue, wanted, step, (since, until), fresh=fresh, clean=clean))
    if counts is None or not len(counts.periods):
        raise Misuse(f"nothing is known of the queue {queue} in this time")
    from forecast.series.export import lines_of

    if str(file) == "-":
        for line in lines_of(counts):
            typer.echo(line)
        return
    try:
        with file.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{line}\n" for line in lines_of(counts))
    except OSError as exc:
        raise Misuse(f"{file} cannot be written: {exc.strerror}") from exc
    if as_json:
        print_json({**describe(counts), "queue": queue, "file": str(file)})
    else:
        console.print(
            f"{file}: {len(counts.periods)} {counts.unit if counts.unit == 'month' else 'day'}s", markup=False
        )


async def _read(
    ctx: typer.Context,
    queue: str,
    unit: Literal["slot", "day", "month"],
    step: int,
    span: tuple[str, str],
    *,
    fresh: bool,
    clean: bool,
) -> "Counts | None":
    from forecast.of_settings import hours_of, queue_of
    from forecast.series.history import read_days, read_months, read_series
    from hotline.runtime.clock import SteadyClock

    settings = shell(ctx).settings()
    hours = hours_of(settings, queue_of(settings, queue))
    now = SteadyClock().now()
    begin = _midnight(span[0], hours.timezone) if span[0] else now - 40 * 366 * 86_400.0
    end = min(_midnight(span[1], hours.timezone), now) if span[1] else now
    if begin >= end:
        raise Misuse("--to must be after --from")
    async with open_store(shell(ctx)) as store:
        if unit == "month":
            return await read_months(store, queue)
        if unit == "day":
            return await read_days(store, queue, hours=hours, begin=begin, end=end, fresh=fresh, clean=clean)
        return await read_series(
            store, queue, hours=hours, begin=begin, end=end, step_min=step, fresh=fresh, clean=clean
        )


def _midnight(text: str, zone: str) -> float:
    try:
        day = datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007 - the zone follows
    except ValueError as exc:
        raise Misuse(f"{text!r} is not a day such as 2026-01-01") from exc
    return day.replace(tzinfo=ZoneInfo(zone)).timestamp()


@one_sentence
def history(ctx: typer.Context, as_json: JsonFlag = False) -> None:
    """List what was imported, by queue.

    Example: hotline forecast history
    """

    async def work() -> list[dict[str, Any]]:
        from forecast.series.history import list_history

        async with open_store(shell(ctx)) as store:
            return [dict(row) for row in await list_history(store)]

    rows = asyncio.run(work())
    if as_json:
        print_json(
            [
                {**r, "first": str(r["first"]), "last": str(r["last"]), "imported_at": r["imported_at"].isoformat()}
                for r in rows
            ]
        )
        return
    zone = shell(ctx).zone()
    print_table(
        ("queue", "unit", "first", "last", "rows", "imported", "from"),
        (
            (
                r["queue_id"],
                r["unit"],
                r["first"],
                r["last"],
                r["days"],
                local_time(r["imported_at"].timestamp(), zone),
                ", ".join(r["sources"]),
            )
            for r in rows
        ),
        empty="nothing was imported",
    )


@one_sentence
def forget(
    ctx: typer.Context,
    queue: QueueOption,
    unit: Annotated[str, typer.Option(help=f"Only this: {', '.join(UNITS)}; default: all.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Take back what was imported for a queue. The journal's own counts stay.

    Example: hotline forecast forget --queue sales --unit slot
    """
    if unit and unit not in UNITS:
        raise Misuse(f"--unit is one of {', '.join(UNITS)}, not {unit}")

    async def work() -> int:
        from forecast.series.history import drop_history

        async with open_store(shell(ctx)) as store:
            return await drop_history(store, queue, cast("Literal['slot', 'day', 'month'] | None", unit or None))

    gone = asyncio.run(work())
    if as_json:
        print_json({"queue": queue, "forgotten": gone})
    else:
        console.print(f"{gone} imported days or months of {queue} are forgotten", markup=False)
