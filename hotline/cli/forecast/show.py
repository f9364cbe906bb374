"""`hotline forecast show|run`: what is expected, by which model and why; and "forecast now", of the running hotline or of a plain file."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer

from hotline.cli.forecast.words import Language, heading, language_of, say
from hotline.cli.shell import JsonFlag, console, one_sentence, print_json, print_table, shell
from hotline.cli.simulate import progress_bar
from hotline.errors import Misuse, Unavailable
from hotline.runtime.clock import stopwatch, wall_time

if TYPE_CHECKING:  # numpy and the models cost start-up time that `--help` need not pay
    from forecast.backtest.runner import Progress
    from forecast.books.made import Made
    from forecast.horizons.plan import Histories
    from hotline.cli.client import Client

PATH = "/api/v1/forecasts"
HORIZONS = {"today": "today", "half-hour": "half_hour", "day": "day", "month": "month"}
"""As the command line says it -> as the API does."""
ROWS_MAX = 10_000
CLOSED_DAYS = 14
"""So many days nobody stays closed: as far beyond the days that are asked for open ones are looked for."""
WAIT_S = 900.0
LOOK_S = 0.5

LanguageOption = Annotated[str, typer.Option("--language", help="en or zh")]
QueueOption = Annotated[str | None, typer.Option("--queue", help="Only this queue.")]


# --- show -----------------------------------------------------------------------------------------------------------------


@one_sentence
def show(
    ctx: typer.Context,
    queue: QueueOption = None,
    horizon: Annotated[
        str, typer.Option(help=f"Interval by interval: {', '.join(HORIZONS)}; default: summed up.")
    ] = "",
    days: Annotated[int, typer.Option(min=1, max=3_660, help="How far to show, from now on.")] = 1,
    accuracy: Annotated[bool, typer.Option("--accuracy", help="Show how good past forecasts were.")] = False,
    language: LanguageOption = "en",
    as_json: JsonFlag = False,
) -> None:
    """Show what is expected, with its range, the model and why it was chosen.

    Example: hotline forecast show --queue service --horizon half-hour --days 2
    """
    tongue, client = language_of(language), shell(ctx).client()
    if accuracy:
        found = client.get(PATH + "-accuracy", queue=queue)
        print_json(found) if as_json else _print_accuracy(found, tongue)
        return
    if not horizon:
        found = [f for f in client.get(PATH) if queue in (None, f["queue_id"])]
        print_json(found) if as_json else _print_summary(found, tongue, shell(ctx).zone())
        return
    rows = _rows(client, _queues(client, queue), _horizon(horizon), days, shell(ctx).zone())
    print_json(rows) if as_json else _print_rows(rows, _horizon(horizon), tongue, shell(ctx).zone())


def _horizon(name: str) -> str:
    if name not in HORIZONS:
        raise Misuse(f"--horizon is one of {', '.join(HORIZONS)}, not {name[:40]}")
    return HORIZONS[name]


def _queues(client: "Client", queue: str | None) -> list[str]:
    return [queue] if queue is not None else [f["queue_id"] for f in client.get(PATH)]


def _rows(client: "Client", queues: Iterable[str], horizon: str, days: int, zone: tzinfo) -> list[dict[str, Any]]:
    """Return the rows of some queues, each with its queue."""
    here = datetime.fromtimestamp(wall_time(), zone).replace(minute=0, second=0, microsecond=0)
    if horizon in ("day", "month"):
        here = here.replace(hour=0, day=1 if horizon == "month" else here.day)
        days = max(days, 400 if horizon == "month" else 31)
    span = {"since": here.isoformat(), "until": (here + timedelta(days=days)).isoformat(), "limit": ROWS_MAX}
    found = []
    for queue in queues:
        page = client.get(f"{PATH}/{quote(queue, safe='')}/{horizon}", **span)
        found += [{"queue_id": queue, **row} for row in page["items"]]
    return found


def _print_summary(found: Sequence[dict[str, Any]], tongue: Language, zone: tzinfo) -> None:
    rows = []
    for f in found:
        if not f["horizons"]:
            rows.append((f["queue_id"], say(f["state"], tongue), "", "", "", "", "", f["why"]))
        for h in f["horizons"]:
            why = h["why"] or (say("first_choice", tongue) if h["horizon"] != "today" else say("follows", tongue))
            rows.append(
                (
                    f["queue_id"], say(h["horizon"], tongue), _time(h["first"], h["horizon"], zone), f"{h['calls']:.0f}",
                    f"{h['low']:.0f}-{h['high']:.0f}", h["model"], _share(h["wape"]), why,
                )
            )  # fmt: skip
    columns = ("queue", "horizon", "from", "calls", "range80", "model", "wape", "why")
    print_table(heading(columns, tongue), rows, empty=say("nothing", tongue))
    for line in dict.fromkeys(_shared(f, tongue, zone) for f in found if f.get("shares_with")):
        console.print(line, markup=False, soft_wrap=True)
    for f in found:
        if f["gap"] is not None:
            console.print(f"{f['queue_id']}: {say('gap_' + f['gap'], tongue)}", style="bold red", markup=False)


def _shared(f: dict[str, Any], tongue: Language, zone: tzinfo) -> str:
    """Return in a sentence with whom a queue shares agents, and what that is worth."""
    line = say("shares", tongue).format(queues=", ".join(sorted([f["queue_id"], *f["shares_with"]])))
    if f["together"] is not None:
        line += say("together", tongue).format(together=f["together"])
    if f["pooling_at"] is None:
        return line + say("not_pooled", tongue)
    at = _time(f["pooling_at"], "", zone)
    return line + say("pooled", tongue).format(pooling=100 * f["pooling"], at=at) if f["pooling"] is not None else line


def _print_rows(rows: Sequence[dict[str, Any]], horizon: str, tongue: Language, zone: tzinfo) -> None:
    columns = ("queue", "from", "calls", "q10", "q50", "q90", "range95", "model", "made")
    shown = [
        (
            r["queue_id"], _time(r["starts_at"], horizon, zone), f"{r['mean']:.1f}",
            *(f"{r['quantiles'][q]:.0f}" for q in ("0.1", "0.5", "0.9")),
            f"{r['quantiles']['0.025']:.0f}-{r['quantiles']['0.975']:.0f}", r["model"], _time(r["made_at"], "", zone),
        )
        for r in rows
    ]  # fmt: skip
    print_table(heading(columns, tongue), shown, empty=say("nothing", tongue))


def _print_accuracy(found: Sequence[dict[str, Any]], tongue: Language) -> None:
    columns = ("queue", "horizon", "lead", "periods", "wape", "bias", "covers80", "covers95")
    shown = [
        (
            f["queue_id"], say(f["horizon"], tongue), f["lead"], f["periods"], _share(f["wape"]), _share(f["bias"]),
            _share(f["coverage80"]), _share(f["coverage95"]),
        )
        for f in found
    ]  # fmt: skip
    print_table(heading(columns, tongue), shown, empty=say("not_scored", tongue))


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def _time(text: str, horizon: str, zone: tzinfo) -> str:
    moment = datetime.fromisoformat(text).astimezone(zone)
    return moment.strftime({"month": "%Y-%m", "day": "%Y-%m-%d"}.get(horizon, "%Y-%m-%d %H:%M"))


# --- run ------------------------------------------------------------------------------------------------------------------


@one_sentence
def run(
    ctx: typer.Context,
    csv: Annotated[Path | None, typer.Option("--csv", help="A file of counts or calls: needs no hotline.")] = None,
    queue: QueueOption = None,
    choose: Annotated[bool, typer.Option("--choose", help="Compare the models first; takes some minutes.")] = False,
    horizon: Annotated[
        str, typer.Option(help=f"With --csv: {', '.join(h for h in HORIZONS if h != 'today')}.")
    ] = "day",
    days: Annotated[int, typer.Option(min=1, max=366, help="With --csv: how many open days to forecast.")] = 14,
    slots: Annotated[str, typer.Option(help="With --csv: only these hours, as 08:30-21:30.")] = "",
    weekdays: Annotated[str, typer.Option(help="With --csv: only these days of the week, as mon-fri.")] = "",
    step: Annotated[int | None, typer.Option(min=1, max=1_440, help="With --csv: minutes of an interval.")] = None,
    country: Annotated[str, typer.Option(help="With --csv: whose holidays, as CN, US; default: none.")] = "",
    column: Annotated[str, typer.Option(help="With --csv: the column with the counts.")] = "",
    zone: Annotated[str, typer.Option(help="With --csv: whose local time the file has.")] = "UTC",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the new forecast.")] = True,
    language: LanguageOption = "en",
    as_json: JsonFlag = False,
) -> None:
    """Learn and forecast now: the queues of the running hotline, or the days after a file.

    Example: hotline forecast run --csv calls.csv --slots 08:30-21:30 --horizon half-hour --days 7 --country CN
    """
    tongue = language_of(language)
    if csv is not None:
        from hotline.cli.forecast.backtest import read

        if horizon == "today":
            raise Misuse("the rest of today needs a hotline that runs; with --csv say half-hour, day or month")
        wanted = _horizon(horizon)
        histories = read(csv, slots=slots, step=step, queue=queue or "", zone=zone, column=column, weekdays=weekdays)
        with progress_bar("forecasting") as progress:
            made = offline(histories, wanted, days=days, country=country, zone=zone, choose=choose, progress=progress)
        rows = [{"queue_id": queue or csv.stem, **row} for row in _as_rows(made)]
        print_json(rows) if as_json else _print_rows(rows, wanted, tongue, ZoneInfo(zone))
        return
    client, here = shell(ctx).client(), shell(ctx).zone()
    ordered = client.post(PATH + "-runs", {"queue": queue, "choose": choose})
    found = _wait(client, ordered) if wait else [f for f in client.get(PATH) if f["queue_id"] in ordered["queues"]]
    print_json(found) if as_json else _print_summary(found, tongue, here)


def _wait(client: "Client", ordered: dict[str, Any]) -> list[dict[str, Any]]:
    """Return how the queues stand once each was forecast anew, or could not be."""
    since = datetime.fromisoformat(ordered["at"])
    watch = stopwatch()
    while watch() < WAIT_S:
        found = [f for f in client.get(PATH) if f["queue_id"] in ordered["queues"]]
        if all(f["tried_at"] is not None and datetime.fromisoformat(f["tried_at"]) >= since for f in found):
            return found
        time.sleep(LOOK_S)
    raise Unavailable(f"no new forecast within {WAIT_S:.0f} s; `hotline forecast show` tells how it stands")


# --- a file -----------------------------------------------------------------------------------------------------------------


def offline(
    histories: "Histories",
    horizon: str,
    *,
    days: int,
    country: str,
    choose: bool,
    zone: str = "UTC",
    progress: "Progress | None" = None,
) -> "Made":
    """Return the forecast of what comes after a history, made here and now. Raises Misuse when it is too short."""
    from forecast.backtest.rechoose import rechoose
    from forecast.books.made import Made, day_of, rows_of
    from forecast.days.holidays import calendar_for
    from forecast.duties.jobs import HORIZONS as OF_UNIT
    from forecast.horizons.plan import Reach, plan
    from hotline.facts import Horizon
    from hotline.ids import QueueId

    wanted: Horizon = next(h for h in OF_UNIT.values() if h == horizon)
    filled = histories.filled()
    known = [c for c in (filled.slots, filled.days, filled.months) if c is not None and len(c.periods)]
    if not known:
        raise Misuse("the file has nothing to learn from")
    last = known[0].periods[-1]
    first = last + 1 if known[0].unit != "month" else (last.astype("datetime64[M]") + 1).astype("datetime64[D]")
    years = range(min(c.periods[0] for c in known).item().year, last.item().year + 5)
    calendar = calendar_for(country, years=years)
    unit = next(u for u, h in OF_UNIT.items() if h == wanted)
    picks = {}
    if choose:
        picks[unit] = rechoose(histories, calendar, unit, previous=None, watch=stopwatch(), progress=progress)
    months = 12 if wanted == "month" else 1
    found = plan(
        histories,
        calendar,
        picks,
        first=first,
        reach=Reach(slot_days=days + CLOSED_DAYS, days=days + CLOSED_DAYS, months=months),
    )
    forecast = {"slot": found.slots, "day": found.days, "month": found.months}[unit]
    if forecast is None:
        raise Misuse(f"the file has no {unit}s, so none can be forecast")
    rows = rows_of(forecast, wanted, zone)
    if wanted != "month":
        open_days = {day_of(period) for period in forecast.periods[:days]}
        rows = tuple(row for row in rows if row.period in open_days)
    return Made(
        queue_id=QueueId(""), horizon=wanted, made_at=wall_time(), model=forecast.model, reason="asked",
        history_until=None, step_min=forecast.step_min, rows=rows,
    )  # fmt: skip


def _as_rows(made: "Made") -> list[dict[str, Any]]:
    """Return the rows as the API tells them."""
    from forecast.models.base import LEVELS

    def moment(at: float) -> str:
        return datetime.fromtimestamp(at, UTC).isoformat()

    return [
        {
            "period": row.period.isoformat(), "starts_at": moment(row.starts_at), "ends_at": moment(row.ends_at),
            "made_at": moment(made.made_at), "model": made.model, "mean": round(row.mean, 3),
            "quantiles": {f"{level:g}": round(q, 3) for level, q in zip(LEVELS, row.quantiles, strict=True)},
        }
        for row in made.rows
    ]  # fmt: skip
