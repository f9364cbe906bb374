"""`hotline forecast backtest`: what each model would have said in the past, and how far off it was. Needs no server."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from hotline.cli.forecast.words import Language, language_of
from hotline.cli.shell import JsonFlag, console, errors, one_sentence, print_json, print_table
from hotline.cli.simulate import progress_bar
from hotline.errors import Misuse

if TYPE_CHECKING:  # numpy and the models cost start-up time that `--help` need not pay
    from forecast.backtest.whole import Backtest
    from forecast.horizons.plan import Histories

HORIZONS = ("half-hour", "day", "month", "today")
PICTURES = (".html", ".png")


@one_sentence
def backtest(
    csv: Annotated[Path, typer.Option("--csv", help="Counts or calls, as docs/series.md says; gzip is fine.")],
    slots: Annotated[str, typer.Option(help="Only these hours, as 08:30-21:30; default: all in the file.")] = "",
    horizon: Annotated[str, typer.Option(help=f"What to forecast: {', '.join(HORIZONS)}.")] = "half-hour",
    models: Annotated[
        str,
        typer.Option(
            help="Names, separated by commas; `all` for every model; default: those the automatic choice tries."
        ),
    ] = "",
    origins: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=5_000,
            help="How many forecasts back: days, weeks of days, or months; default: what the file bears.",
        ),
    ] = None,
    country: Annotated[str, typer.Option(help="Whose holidays, as CN, US, IL, GB-WLS; default: none.")] = "",
    weekdays: Annotated[
        str, typer.Option(help="Only these days of the week, as mon-fri or sun-thu; default: all in the file.")
    ] = "",
    step: Annotated[int | None, typer.Option(min=1, max=1_440, help="Minutes of a slot; default: the file's.")] = None,
    queue: Annotated[str, typer.Option(help="Which queue, where the file has several.")] = "",
    zone: Annotated[str, typer.Option(help="Whose local time the file has.")] = "UTC",
    column: Annotated[str, typer.Option(help="The column with the counts, where several could be.")] = "",
    plot: Annotated[Path | None, typer.Option(help="Write pictures: FILE.html (one page) or FILE.png.")] = None,
    language: Annotated[str, typer.Option("--language", help="Of the pictures: en or zh.")] = "en",
    as_json: JsonFlag = False,
) -> None:
    """Say how good each model would have been on the last days of a file, and what the automatic choice would have taken.

    Example: hotline forecast backtest --csv calls.csv --slots 08:30-21:30 --horizon day --country CN --plot days.html
    """
    if horizon not in HORIZONS:
        raise Misuse(f"--horizon is one of {', '.join(HORIZONS)}, not {horizon}")
    tongue = language_of(language)
    if plot is not None and plot.suffix not in PICTURES:
        raise Misuse(f"--plot writes {', '.join(PICTURES)}, not {plot.suffix or plot.name}")
    histories = read(csv, slots=slots, step=step, queue=queue, zone=zone, column=column, weekdays=weekdays)
    found = _run(histories, horizon, names=models, origins=origins, country=country)
    if as_json:
        print_json(as_builtins(found))
    else:
        show(found)
    if plot is not None:
        _write(plot, found, csv.stem, tongue)


def read(csv: Path, *, slots: str, step: int | None, queue: str, zone: str, column: str, weekdays: str) -> "Histories":
    """Return what a file has, in the finest unit it has. Raises Misuse, for a file in which nothing is known too."""
    import numpy as np

    from forecast.horizons.plan import Histories
    from forecast.series.files import read_counts

    counts = read_counts(csv, queue=queue, slots=slots, step_min=step, zone=zone, count_column=column)
    if not np.isfinite(counts.values).any():
        raise Misuse(f"{csv}: no count in it is known, so there is nothing to learn from")
    if weekdays and counts.unit != "month":
        from forecast.models.baselines import phase

        wanted = weekdays_of(weekdays)
        kept = [number for number, day in enumerate(phase(counts.periods, counts.unit)) if int(day) in wanted]
        counts = counts.only(kept)
    return Histories(**{{"slot": "slots", "day": "days", "month": "months"}[counts.unit]: counts})


def weekdays_of(text: str) -> frozenset[int]:
    """Return the days of the week of `mon-fri`, `sun-thu` or `mon,wed`; Monday is 0. Raises Misuse."""
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    found: set[int] = set()
    for part in text.lower().split(","):
        first, _, last = part.strip().partition("-")
        if first not in names or (last and last not in names):
            raise Misuse(f"--weekdays is written as mon-fri or mon,wed,sat, not {text}")
        start, stop = names.index(first), names.index(last or first)
        found |= {(start + one) % 7 for one in range((stop - start) % 7 + 1)}
    return frozenset(found)


def _run(histories: "Histories", horizon: str, *, names: str, origins: int | None, country: str) -> "Backtest":
    from dataclasses import replace

    from forecast.backtest.today import rest_of_day
    from forecast.backtest.whole import DEFAULTS, UNITS, Horizon, backtest, counts_of
    from forecast.days.holidays import calendar_for
    from forecast.models import table
    from hotline.runtime.clock import stopwatch

    is_today = horizon == "today"
    asked: Horizon = next(one for one in get_args(Horizon) if one == ("half-hour" if is_today else horizon))
    counts = counts_of(histories, asked)
    first, last = counts.periods[0].item().year, counts.periods[-1].item().year
    chosen = [one.strip() for one in names.split(",") if one.strip()]
    amount = replace(DEFAULTS[asked], origins=origins or None, leads=1 if is_today else DEFAULTS[asked].leads)
    with progress_bar("forecasting") as progress:
        found = backtest(
            histories,
            calendar_for(country, years=range(first, last + 2)),
            asked,
            watch=stopwatch(),
            names=table.names(UNITS[asked]) if chosen == ["all"] else chosen or None,
            amount=amount,
            progress=progress,
        )
    return rest_of_day(found, watch=stopwatch()) if is_today else found


HEAD = ("model", "WAPE", "MASE", "bias", "MAPE", "80 % covers", "95 % covers", "pinball", "s", "gaps")


def show(found: "Backtest") -> None:
    """Print the table for people."""
    from forecast.backtest.choice import AUTOMATIC

    first, last = found.counts.periods[found.protocol.origins[0]], found.counts.periods[-1]
    console.print(
        f"{len(found.protocol.origins)} origins from {first} to {last}, {found.protocol.leads} ahead, "
        f"{found.counts.values.shape[1]} a period; floor (Poisson) {found.floor:.2%}",
        markup=False,
        soft_wrap=True,
    )
    rows = [
        (
            f"> {one.model}" if one.model == AUTOMATIC else f"  {one.model}", _percent(one.wape), _number(one.mase), _percent(one.bias),
            _percent(one.mape), _percent(one.covered80), _percent(one.covered95), _percent(one.pinball), f"{one.seconds:.1f}", one.failures or "",
        )
        for one in found.scores
    ]  # fmt: skip
    print_table(HEAD, rows, empty="no model gave a forecast")
    for pick in found.picks:
        console.print(f"{pick.since or 'at first'}: {pick.model}: {pick.why}", markup=False, soft_wrap=True)
    for one in found.tracks.values():
        if one.failures:
            errors.print(
                f"{one.model}: {len(one.failures)} origins without a forecast; the first: {one.failures[0]}",
                markup=False,
            )


def as_builtins(found: "Backtest") -> dict[str, Any]:
    """Return the scores for programs; shares are fractions."""
    import msgspec

    return {
        "horizon": found.horizon,
        "queue": found.counts.queue,
        "origins": len(found.protocol.origins),
        "first": str(found.counts.periods[found.protocol.origins[0]]),
        "last": str(found.counts.periods[-1]),
        "leads": found.protocol.leads,
        "floor": _finite(found.floor),
        "models": [{name: _finite(value) for name, value in msgspec.to_builtins(one).items()} for one in found.scores],
        "picks": [{"model": one.model, "since": str(one.since or ""), "why": one.why} for one in found.picks],
        "failures": {name: list(one.failures) for name, one in found.tracks.items() if one.failures},
    }


def _write(plot: Path, found: "Backtest", title: str, language: Language) -> None:
    from forecast.plots import fonts, pages

    if plot.suffix == ".html":
        written = pages.html(found, title, language=language).encode()
    else:
        written = pages.png(found, title, language=language)
    try:
        plot.write_bytes(written)
    except OSError as exc:
        raise Misuse(f"{plot} cannot be written: {exc.strerror}") from exc
    errors.print(f"{plot}: written", markup=False)
    if plot.suffix == ".png" and (language == "zh" or not fonts.is_latin(title)):
        errors.print(fonts.sentence(), markup=False, soft_wrap=True)


def _percent(value: float) -> str:
    return "" if math.isnan(value) else f"{100 * value:.2f} %"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
