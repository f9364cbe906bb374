"""The files of a simulation: scenarios, policies, and the CSV files they name. The simulation's only door to the disk."""

import csv
import gzip
import io
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, time
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from acd.simulation.arrivals import Interval
from acd.simulation.durations import Duration
from acd.simulation.making import Given
from acd.simulation.scenario import ArrivalsFile, Policy, Scenario, policy_of, scenario_of
from hotline.errors import Misuse

TIME_COLUMNS = ("ts", "at", "time", "start", "arrived_at", "entered_at")
COUNT_COLUMNS = ("calls", "mean", "forecast", "p50", "volume")
MOST_LINES = 2_000_000
"""Longer files are refused."""
Row = Mapping[str, str]


def read_scenario(path: Path) -> Scenario:
    """Read a scenario, with the measured durations that it names. Raises Misuse with file, place and what is accepted."""
    scenario = scenario_of(read_toml(path), str(path))
    callers = []
    for kind in scenario.callers:
        durations = {n: _filled(getattr(kind, n), path.parent) for n in ("talk", "wrap_up", "patience", "ring")}
        callers.append(kind.model_copy(update=durations))
    return scenario.model_copy(update={"callers": tuple(callers)})


def read_policy(path: Path, base: Policy) -> Policy:
    """Read a policy that changes `base`; it is named as it says, or after its file."""
    policy = policy_of(read_toml(path), str(path), base)
    return msgspec.structs.replace(policy, name=path.stem) if policy.name == str(path) else policy


def read_toml(path: Path) -> dict[str, Any]:
    """Return a decoded TOML file. Raises Misuse."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise Misuse(f"there is no file {path}") from exc
    except OSError as exc:
        raise Misuse(f"{path} cannot be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise Misuse(f"{path} is not valid TOML: {exc}") from exc


def _filled(duration: Duration, folder: Path) -> Duration:
    if duration.file is None:
        return duration
    path = folder / duration.file
    rows = _rows(path)
    column = duration.column or _numeric_column(path, rows[0])
    values = tuple(_number(path, n, row, column) for n, row in enumerate(rows, start=2) if row.get(column, "").strip())
    if not values:
        raise Misuse(f"{path}: no numbers in column {column}")
    return duration.model_copy(update={"values": values})


def _numeric_column(path: Path, row: Row) -> str:
    for name, value in row.items():
        try:
            float(value)
        except ValueError:
            continue
        return name
    raise Misuse(f"{path}: no column holds numbers; there are {', '.join(row)}")


# --- arrivals ------------------------------------------------------------------------------------------------------------


def read_counts(source: ArrivalsFile, folder: Path) -> tuple[Interval, ...]:
    """Return the intervals of a file of counts; times are seconds of its day."""
    path = folder / source.path
    rows = _of_day(source, path)
    column = source.count_column or _column(path, rows[0][1], COUNT_COLUMNS, "count_column")
    times = [_seconds(at) for at, _ in rows]
    gaps = [later - earlier for earlier, later in pairwise(times) if later > earlier]
    length_s = source.interval_minutes * 60 if source.interval_minutes else min(gaps, default=1_800.0)
    counts = [_number(path, 0, row, column) for _, row in rows]
    return tuple(
        Interval(start_s=start, length_s=length_s, calls=max(count, 0.0))
        for start, count in zip(times, counts, strict=True)
    )


def read_calls(source: ArrivalsFile, folder: Path) -> list[tuple[float, float | None]]:
    """Return each caller of a file of calls: the second of the day, and how long he talked if the file says so."""
    path = folder / source.path
    calls: list[tuple[float, float | None]] = []
    for at, row in _of_day(source, path):
        talk_s = (
            _number(path, 0, row, source.talk_column) if source.talk_column and row.get(source.talk_column) else 0.0
        )
        calls.append((_seconds(at), talk_s or None))
    return sorted(calls, key=lambda call: call[0])


def _of_day(source: ArrivalsFile, path: Path) -> list[tuple[datetime, Row]]:
    """Return the lines that count, with their time."""
    rows = [row for row in _rows(path) if all(row.get(name) == value for name, value in source.only.items())]
    if not rows:
        raise Misuse(f"{path}: no line fits {source.only}")
    column = source.time_column or _column(path, rows[0], TIME_COLUMNS, "time_column")
    moment = _reader(path, column, source.date_column)
    timed = [(moment(number, row), row) for number, row in enumerate(rows, start=2)]
    days = sorted({at.date() for at, _ in timed})
    if source.day is not None:
        timed = [(at, row) for at, row in timed if at.date().isoformat() == source.day]
        if not timed:
            raise Misuse(f"{path}: nothing on {source.day}; it has {days[0]} to {days[-1]}")
    elif len(days) > 1:
        raise Misuse(f'{path} has {len(days)} days, {days[0]} to {days[-1]}: say which one, as day = "{days[0]}"')
    return sorted(timed, key=lambda line: line[0])


def _reader(path: Path, column: str, date_column: str | None) -> Callable[[int, Row], datetime]:
    def moment(number: int, row: Row) -> datetime:
        text = row.get(column, "").strip()
        day = row.get(date_column, "").strip() if date_column else ""
        try:
            return _moment(text, day)
        except ValueError as exc:
            raise Misuse(f"{path}, about line {number}: {f'{day} {text}'.strip()!r} is not a time") from exc

    return moment


def _moment(text: str, day: str) -> datetime:
    if not day:
        return datetime.fromisoformat(text)
    if day.isdecimal() and len(day) == 6:
        day = ("19" if day > "70" else "20") + day
    hour, *rest = text.split(":")
    return datetime.combine(datetime.fromisoformat(day).date(), time.fromisoformat(":".join((hour.zfill(2), *rest))))


def _seconds(at: datetime) -> float:
    return at.hour * 3_600.0 + at.minute * 60.0 + at.second + at.microsecond / 1e6


# --- CSV -----------------------------------------------------------------------------------------------------------------


def _rows(path: Path) -> list[Row]:
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        rows: list[Row] = [
            {k: v or "" for k, v in row.items() if k} for row, _ in zip(reader, range(MOST_LINES + 1), strict=False)
        ]
    except FileNotFoundError as exc:
        raise Misuse(f"there is no file {path}") from exc
    except (OSError, UnicodeDecodeError, csv.Error, EOFError) as exc:
        raise Misuse(f"{path} cannot be read as CSV: {exc}") from exc
    if not rows:
        raise Misuse(f"{path} has no lines below its header")
    if len(rows) > MOST_LINES:
        raise Misuse(f"{path} has more than {MOST_LINES} lines")
    return rows


def _column(path: Path, row: Row, names: Iterable[str], setting: str) -> str:
    for name in names:
        if name in row:
            return name
    raise Misuse(f"{path}: say {setting}; the columns are {', '.join(row)}")


def _number(path: Path, line: int, row: Row, column: str) -> float:
    try:
        return float(row[column])
    except KeyError:
        raise Misuse(f"{path}: there is no column {column}; there are {', '.join(row)}") from None
    except ValueError:
        where = f", line {line}" if line else ""
        raise Misuse(f"{path}{where}: {row[column]!r} in column {column} is not a number") from None


# --- what a scenario names -----------------------------------------------------------------------------------------------


def read_given(scenario: Scenario, folder: Path) -> tuple[Given, ...]:
    """Return what the files of a scenario's callers hold, an entry for each kind of callers."""
    return tuple(_given(kind.file, folder) for kind in scenario.callers)


def _given(source: ArrivalsFile | None, folder: Path) -> Given:
    if source is None:
        return Given()
    if source.kind == "calls":
        return Given(calls=tuple(read_calls(source, folder)))
    return Given(intervals=read_counts(source, folder))
