"""Where `hotline staff` gets its forecast from: a file of counts, of calls or of a forecast, or the running hotline."""

import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hotline.cli.client import Client
from hotline.errors import Misuse

if TYPE_CHECKING:  # numpy and the models cost start-up time that `--help` need not pay
    from forecast.models.base import Forecast
    from forecast.series.counts import Counts, Floats

QUANTILE = re.compile(r"p(\d{1,2}(?:\.\d)?)$")
"""A column of quantiles: `p10` is not exceeded in 10 % of all cases."""
ROWS_MAX = 10_000
LONGEST_CLOSED_WEEKS = 4
"""So long nobody stays closed: so far ahead open days are looked for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """A forecast, and what else is known with it."""

    forecast: "Forecast"
    where: str
    """What it was made from, in a few words."""
    is_open: Any = None
    """(H, S) booleans; None: all of it."""
    handling_s: Any = None
    """What was measured: a number, or (H, S); None: nothing."""
    handling_cv: float | None = None
    patience_s: float | None = None
    scheduled: Any = None
    """(H, S): who is scheduled, NaN where nobody said; None: nothing is known."""
    on_duty: int | None = None
    """Who is logged in for the queue now."""
    now: tuple[str, int] | None = None
    """The local day and the minute of it, where that matters."""
    said: tuple[str, ...] = ()
    """What should be known about it, a sentence each."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a file is read, and how far it is forecast."""

    queue: str = ""
    slots: str = ""
    step: int | None = None
    zone: str = "UTC"
    column: str = ""
    weekdays: str = ""
    country: str = ""
    days: int = 1
    model: str = ""
    """Empty: the one that serves until models were compared."""
    compare: bool = False
    """Whether models are compared first."""


def of_file(path: Path, reading: Reading, progress: Callable[[str, int, int], None]) -> Source:
    """Return the forecast that a file holds, or the forecast of the days after it. Raises Misuse."""
    is_forecast = bool(quantile_columns(header_of(path)))
    return of_forecast_file(path, reading) if is_forecast else of_history(path, reading, progress)


# --- a file that is a forecast -------------------------------------------------------------------------------------------


def quantile_columns(header: Iterable[str]) -> dict[str, float]:
    """Return the columns of quantiles: name -> share, ascending. None: the file is no forecast."""
    found = {name: QUANTILE.fullmatch(name.strip().lower()) for name in header}
    shares = {name: float(match[1]) / 100 for name, match in found.items() if match is not None}
    return dict(sorted(shares.items(), key=lambda one: one[1]))


def header_of(path: Path) -> tuple[str, ...]:
    """Return the names of the columns of a file. Raises Misuse."""
    from forecast.series.text import decode, table

    try:
        data = path.read_bytes()
        return table(decode(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)).header
    except (OSError, EOFError, zlib.error) as exc:
        raise Misuse(f"{path}: it cannot be read: {exc}") from exc
    except Misuse as exc:
        raise Misuse(f"{path}: {exc}") from exc


def of_forecast_file(path: Path, reading: Reading) -> Source:
    """Return the forecast of a file with a column of means (or `p50`) and columns of quantiles such as `p10` and `p90`."""
    import numpy as np

    from forecast.models.base import Forecast

    header = header_of(path)
    columns = quantile_columns(header)
    quantiles = {share: _column(path, name, reading) for name, share in columns.items()}
    middle = _column(path, _middle(path, reading, header, columns), reading)
    same = all(counts.values.shape == middle.values.shape for counts in quantiles.values())
    known = np.array([counts.values for counts in quantiles.values()]) if same else np.full((1, 1, 1), np.nan)
    if not np.isfinite(known).all() or not np.isfinite(middle.values).all():
        raise Misuse(f"{path}: every interval of a forecast needs its mean and all of {', '.join(columns)}")
    if (np.diff(known, axis=0) < 0).any():
        raise Misuse(f"{path}: the quantiles must ascend from {next(iter(columns))} on")
    shares = [share for share in quantiles if 0 < share < 1]
    if len(shares) < len(quantiles) or len(shares) < 2:
        raise Misuse(f"{path}: a forecast needs at least two quantiles above 0 % and below 100 %, such as p10 and p90")
    return Source(
        forecast=Forecast(
            periods=middle.periods,
            mean=middle.values,
            quantiles=_at_levels(known, shares),
            starts_min=middle.starts_min,
            step_min=middle.step_min,
            model=path.name,
        ),
        where=f"the forecast in {path.name}",
    )


def _column(path: Path, name: str, reading: Reading) -> "Counts":
    from forecast.series.files import read_counts

    return read_counts(
        path, queue=reading.queue, slots=reading.slots, step_min=None, zone=reading.zone, count_column=name
    )


def _middle(path: Path, reading: Reading, header: Iterable[str], columns: Mapping[str, float]) -> str:
    """Return the column of the expected calls."""
    if reading.column:
        return reading.column
    names = {name.strip().lower(): name for name in header}
    found = next((names[name] for name in ("mean", "forecast") if name in names), None)
    found = found or next((name for name, share in columns.items() if share == 0.5), None)
    if found is None:
        raise Misuse(f"{path}: a forecast needs a column `mean`, or `p50`")
    return found


def _at_levels(known: "Floats", shares: list[float]) -> "Floats":
    """Return the quantiles at LEVELS, by straight lines of the roots over the normal score; the outermost lines go on."""
    import numpy as np
    from scipy.special import ndtri

    from forecast.models.base import LEVELS

    given, wanted = ndtri(np.array(shares)), ndtri(np.array(LEVELS))
    roots = np.sqrt(known)
    left = np.clip(np.searchsorted(given, wanted) - 1, 0, len(shares) - 2)
    part = ((wanted - given[left]) / (given[left + 1] - given[left]))[:, None, None]
    found = np.maximum(roots[left] * (1 - part) + roots[left + 1] * part, 0.0) ** 2
    return np.asarray(np.maximum.accumulate(found, axis=0))


# --- a file of what came -------------------------------------------------------------------------------------------------


def of_history(path: Path, reading: Reading, progress: Callable[[str, int, int], None]) -> Source:
    """Return the forecast of the days after a file of counts or of calls, with handling time and patience where calls tell them."""
    import numpy as np

    from forecast.days.holidays import calendar_for
    from forecast.horizons.aggregate import coming_days, open_weekdays
    from forecast.horizons.plan import Reach, plan
    from hotline.cli.forecast.backtest import read

    histories = read(
        path, slots=reading.slots, step=reading.step, queue=reading.queue, zone=reading.zone, column=reading.column,
        weekdays=reading.weekdays,
    )  # fmt: skip
    slots = histories.slots
    if slots is None or not len(slots.periods):
        raise Misuse(f"{path}: staffing needs counts of intervals within the day, or a row for each call")
    first = slots.periods[-1] + np.timedelta64(1, "D")
    calendar = calendar_for(reading.country, years=range(slots.periods[0].item().year, first.item().year + 2))
    coming = coming_days(first, first + 7 * (reading.days + LONGEST_CLOSED_WEEKS), calendar, open_weekdays(slots))
    if len(coming) < reading.days:
        raise Misuse(f"{path}: too few of the days after {slots.periods[-1]} are open")
    picks = _picks(histories, calendar, reading, progress)
    reach = Reach(slot_days=int((coming[reading.days - 1] - first).astype(int)) + 1, days=1, months=1)
    found = plan(histories, calendar, picks, first=first, reach=reach)
    if found.slots is None:
        raise Misuse(f"{path}: nothing can be forecast from it")
    measured = _measured(path, reading)
    return Source(
        forecast=found.slots,
        where=f"{found.slots.model}, from {path.name} up to {slots.periods[-1]}",
        said=found.said,
        **measured,
    )


def _picks(
    histories: Any, calendar: Any, reading: Reading, progress: Callable[[str, int, int], None]
) -> dict[Any, Any]:
    from forecast.backtest.picks import Pick
    from forecast.backtest.rechoose import rechoose
    from forecast.models import table
    from hotline.runtime.clock import stopwatch

    if reading.model:
        table.line("slot", reading.model)  # a name that is not there is a mistake, and no reason to fall back
        return {"slot": Pick(unit="slot", model=reading.model)}
    if reading.compare:
        return {"slot": rechoose(histories, calendar, "slot", previous=None, watch=stopwatch(), progress=progress)}
    return {}


def _measured(path: Path, reading: Reading) -> dict[str, Any]:
    from forecast.series import handling, patience
    from forecast.series.files import read_calls

    try:
        calls = read_calls(path, queue=reading.queue, zone=reading.zone)
    except Misuse:  # counts: nothing is known of single calls
        return {}
    handled, patient = handling.measure(calls.handled_s), patience.measure(calls.wait_s, calls.abandoned)
    return {
        "handling_s": None if handled is None else handled.mean_s,
        "handling_cv": None if handled is None else handled.cv,
        "patience_s": None if patient is None else patient.mean_s,
    }


# --- the running hotline -------------------------------------------------------------------------------------------------


def of_hotline(client: Client, queue: str, *, days: int, now: datetime) -> Source:
    """Return the newest forecast of a queue from now on, with who is scheduled and on duty. Raises Misuse where there is none.

    `now` is in the queue's zone; today is the first of the `days`.
    """
    until = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)
    span = {"limit": ROWS_MAX, "until": until.isoformat()}
    path = f"/api/v1/forecasts/{quote(queue, safe='')}"
    rows = {
        row["starts_at"]: row
        for horizon in ("half_hour", "today")
        for row in client.get(f"{path}/{horizon}", **span)["items"]
    }
    if not rows:
        raise Misuse(
            f"nothing is forecast for the queue {queue} until {until:%Y-%m-%d %H:%M}; --days looks further, and "
            "`hotline forecast show` says what there is"
        )
    staffed = {row["starts_at"]: row for row in client.get("/api/v1/staffing", queue=queue, **span)["items"]}
    duty = next((one["on_duty"] for one in client.get("/api/v1/queues") if one["id"] == queue), None)
    found = of_rows(list(rows.values()), staffed, now.tzinfo)
    others = next((row["shares_with"] for row in staffed.values() if row.get("shares_with")), ())
    if others:
        found = replace(
            found,
            said=(
                f"{queue} shares agents with {', '.join(others)}; with targets or work of your own it is counted by itself",
            ),
        )
    return replace(found, on_duty=duty, now=(now.date().isoformat(), now.hour * 60 + now.minute))


def of_rows(rows: list[dict[str, Any]], staffed: Mapping[str, dict[str, Any]], zone: tzinfo | None) -> Source:
    """Return what rows of the API say; intervals that have none are taken for closed."""
    import numpy as np

    from forecast.models.base import LEVELS, Forecast

    placed = {_place(row["starts_at"], zone): row for row in rows}
    days, starts = sorted({day for day, _ in placed}), sorted({start for _, start in placed})
    shape = (len(days), len(starts))
    mean, quantiles = np.zeros(shape), np.zeros((len(LEVELS), *shape))
    is_open = np.zeros(shape, dtype=bool)
    handling_s, scheduled = np.full(shape, np.nan), np.full(shape, np.nan)
    for (day, start), row in placed.items():
        at = days.index(day), starts.index(start)
        mean[at], is_open[at] = row["mean"], not staffed or row["starts_at"] in staffed
        quantiles[(slice(None), *at)] = [row["quantiles"][f"{level:g}"] for level in LEVELS]
        need = staffed.get(row["starts_at"], {})
        handling_s[at] = need.get("handling_s", np.nan)
        if need.get("scheduled") is not None:
            scheduled[at] = need["scheduled"]
    first, measured = rows[0], next(iter(staffed.values()), {})
    usual = float(np.nanmean(handling_s)) if np.isfinite(handling_s).any() else None
    return Source(
        forecast=Forecast(
            periods=np.array(days, dtype="datetime64[D]"), mean=mean, quantiles=quantiles, starts_min=tuple(starts),
            step_min=round((_moment(first["ends_at"]) - _moment(first["starts_at"])).total_seconds() / 60), model=first["model"],
        ),
        where=f"{first['model']}, made at {_moment(first['made_at']).astimezone(zone):%Y-%m-%d %H:%M}",
        is_open=is_open,
        handling_s=None if usual is None else np.where(np.isfinite(handling_s), handling_s, usual),
        handling_cv=measured.get("handling_cv"),
        patience_s=measured.get("patience_s"),
        scheduled=scheduled if np.isfinite(scheduled).any() else None,
    )  # fmt: skip


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _place(text: str, zone: tzinfo | None) -> tuple[str, int]:
    """Return the local day and the minute of it."""
    local = _moment(text).astimezone(zone)
    return local.date().isoformat(), local.hour * 60 + local.minute
