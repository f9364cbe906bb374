"""Reads counts and calls from files as they are. The series' door to the disk.

    counts = read_counts(Path("calls.csv"), slots="08:30-21:30", step_min=30)

docs/series.md says what such a file may look like. Everything that is wrong with a file is one Misuse that names the file, the line where
one is to blame, and what is accepted.
"""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecast.series import grid
from forecast.series.calls import NO_CALLS, Calls, Flags, of_table
from forecast.series.columns import ROWS, Roles, roles
from forecast.series.counts import Counts
from forecast.series.moments import read_moments, read_with_clock
from forecast.series.numbers import read_counts as read_column
from forecast.series.text import MAX_BYTES, Table, decode, table
from forecast.series.wide import unfold
from forecast.series.zones import Moments, zone_of
from hotline.errors import Misuse

__all__ = ["ROWS", "read_calls", "read_counts"]

_GZIP = b"\x1f\x8b"
_SUMS = frozenset({"total", "sum", "average", "mean", "合计", "总计", "小计", "平均", "总和"})


def read_counts(
    path: Path,
    *,
    queue: str = "",
    slots: str = "",
    step_min: int | None = None,
    zone: str = "UTC",
    time_column: str = "",
    count_column: str = "",
) -> Counts:
    """Return the counts of a file (CSV of any usual make, or the same gzipped): months, days or intervals, or calls that are counted.

    `queue` names the series, and chooses its rows where the file has a column of queues. `slots` (`08:30-21:30`) leaves out other hours;
    `step_min` sums intervals up to a multiple of them (1440: to days). `zone` is whose local time it is. The columns are found by
    themselves where only one can be meant; `ROWS` as the count makes each row a call. Raises Misuse.
    """
    with _Blamed(path):
        read = _read(path, queue=queue, zone=zone, time_column=time_column, count_column=count_column)
        if not read.roles.count:
            return grid.from_calls(read.moments, zone=zone, queue=queue, slots=slots, step_min=step_min)
        values = read_column(read.table.cells(read.roles.count), read.table.lines)
        return grid.from_counts(
            read.moments, values, read.table.lines, zone=zone, queue=queue, slots=slots, step_min=step_min
        )


def read_calls(path: Path, *, queue: str = "", zone: str = "UTC", time_column: str = "") -> Calls:
    """Return the calls of a file with a row for each of them: their waits, handling times, and who gave up. Raises Misuse."""
    with _Blamed(path):
        read = _read(path, queue=queue, zone=zone, time_column=time_column, count_column="")
        if read.roles.count:
            raise Misuse("the file has counts and not a row for each call")
        return of_table(read.table, read.roles, read.moments, zone=zone)


@dataclass(frozen=True, kw_only=True)
class _Read:
    table: Table
    roles: Roles
    moments: Moments


class _Blamed:
    """Names the file in what is said about it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Misuse):
            raise Misuse(f"{self._path}: {error}") from error


def _read(path: Path, *, queue: str, zone: str, time_column: str, count_column: str) -> _Read:
    zone_of(zone)
    found = unfold(table(decode(_bytes(path))))
    named = roles(found, time=time_column, count=count_column)
    found = _rows_of(found, named, queue)
    times = found.cells(named.time)
    if named.clock:
        moments = read_with_clock(times, found.cells(named.clock), found.lines, zone=zone)
    else:
        moments = read_moments(times, found.lines, zone=zone)
    return _Read(table=found, roles=named, moments=moments)


def _bytes(path: Path) -> bytes:
    """Return what is in a file, unpacked. Raises Misuse."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
            file.seek(0)
            if not packed:
                return file.read(MAX_BYTES + 1)
            with gzip.open(file) as unpacked:
                return unpacked.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as exc:
        raise Misuse(f"it cannot be read: {exc}") from exc


def _rows_of(found: Table, named: Roles, queue: str) -> Table:
    """Return the table without sums, without rows that are no calls, and with the rows of one queue. Raises Misuse."""
    keep = np.array([text.strip(":： ").lower() not in _SUMS for text in found.cells(named.time)], dtype=np.bool_)
    if named.outcome:
        keep &= np.array([text.lower() not in NO_CALLS for text in found.cells(named.outcome)], dtype=np.bool_)
    if named.queue:
        keep &= _of_queue(found.cells(named.queue), queue)
    if not keep.any():
        raise Misuse("no row is left in the file once sums and tests are taken out")
    if keep.all():
        return found
    kept = np.flatnonzero(keep).tolist()
    return Table(
        header=found.header,
        columns=tuple(tuple(column[n] for n in kept) for column in found.columns),
        lines=tuple(found.lines[n] for n in kept),
    )


def _of_queue(cells: tuple[str, ...], queue: str) -> Flags:
    names = list(dict.fromkeys(cells))
    wanted = [name for name in names if name.lower() == queue.lower()]
    if not wanted and len(names) > 1:
        listed = ", ".join(f"`{name[:40]}`" for name in names[:12])
        raise Misuse(f"the file has the queues {listed}; " + (f"`{queue}` is none of them" if queue else "name one"))
    chosen = wanted or names
    return np.array([cell in chosen for cell in cells], dtype=np.bool_)
