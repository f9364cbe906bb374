"""`hotline staff --house`, and `--queue` of a queue that shares agents: what the running hotline itself counts, and what if."""

import csv as csv_file
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from hotline.cli.staff.show import percent
from hotline.errors import Misuse

if TYPE_CHECKING:
    from forecast.staffing.whatif import Variant
    from hotline.cli.client import Client

PATH = "/api/v1/staffing-whatif"
METHODS = {"erlang": "Erlang", "pooled": "shared"}

Row = Mapping[str, Any]
Place = tuple[str, str]
"""A queue and when the interval begins."""


@dataclass(frozen=True, kw_only=True)
class Live:
    """What the hotline answers."""

    rows: Sequence[Row]
    """Each queue in each open interval, as it is expected."""
    variants: Mapping[str, Mapping[Place, Row]]
    """The same by the name of each variant."""
    zone: tzinfo


def shares(client: "Client", queue: str) -> Sequence[str]:
    """Return the queues with which a queue of the running hotline shares agents."""
    items = client.get("/api/v1/staffing", queue=queue, limit=1)["items"]
    return items[0].get("shares_with", ()) if items else ()


def ask(client: "Client", queue: str, days: int, variants: "Sequence[Variant]", zone: tzinfo) -> Live:
    """Return what is expected and what each variant would mean. Raises Misuse where nothing is forecast."""
    span = {"days": days, **({"queue": queue} if queue else {})}
    rows = client.get(PATH, **span)
    if not rows:
        raise Misuse("nothing is forecast for the time that is asked about; see `hotline forecast show`")
    found = {
        one.name: {
            _place(row): row
            for row in client.get(
                PATH,
                **span,
                volumes=one.volumes,
                handling_s=one.handling_s,
                absent=one.absent,
                **dict(one.targets or {}),
            )
        }
        for one in variants
    }
    return Live(rows=sorted(rows, key=lambda row: (row["starts_at"], row["queue_id"])), variants=found, zone=zone)


def _place(row: Row) -> Place:
    return row["queue_id"], row["starts_at"]


# --- what is printed -----------------------------------------------------------------------------------------------------


COLUMNS = ("interval", "queue", "calls", "agents", "range", "paid", "method", "together", "there", "gap", "level")


def table(live: Live) -> Iterator[list[str]]:
    """Return a row of COLUMNS for each open interval of each queue."""
    for row in live.rows:
        there = [str(row["there"]), f"{-row['missing']:+d}"] if row["planned"] else ["", ""]
        yield [
            _time(row["starts_at"], live.zone), row["queue_id"], f"{row['calls']:.1f}", str(row["required"]), f"{row['low']}-{row['high']}",
            str(row["to_schedule"]), METHODS.get(row["method"], str(row["method"])), "" if row["together"] is None else str(row["together"]),
            *there, _share(row["service_level"]),
        ]  # fmt: skip


def variant_columns(live: Live) -> list[str]:
    """Return the head of the table of what may be otherwise."""
    return [
        "interval",
        "queue",
        "agents",
        *(part for name in live.variants for part in (f"| {name}", "missing", "level")),
    ]


def variant_table(live: Live) -> Iterator[list[str]]:
    """Return for each open interval of each queue what every variant needs, who is missing for it, and the level if nobody does anything."""
    for row in live.rows:
        cells = [_time(row["starts_at"], live.zone), row["queue_id"], str(row["required"])]
        for rows in live.variants.values():
            other = rows.get(_place(row))
            cells += (
                ["|", "", ""]
                if other is None
                else [
                    f"| {other['needed']}",
                    f"{other['missing']:+d}" if other["missing"] else "0",
                    _share(other["service_level"]),
                ]
            )
        yield cells


def summary(live: Live) -> Iterator[str]:
    """Return what holds for the whole time, a line each."""
    groups = dict.fromkeys(tuple(sorted({row["queue_id"], *row["shares_with"]})) for row in live.rows)
    for group in groups:
        rows = [row for row in live.rows if row["queue_id"] in group]
        line = f"{', '.join(group)}: {_hours(rows, 'required'):.1f} agent hours, at most {_peak(rows)} people at once"
        if len(group) > 1:
            pooled = any(row["method"] == "pooled" for row in rows)
            line += "; they share people: " + ("counted together" if pooled else "each still counted by itself")
        yield line
    for name, rows_of in live.variants.items():
        rows = list(rows_of.values())
        more = _hours(rows, "needed") - _hours(live.rows, "required")
        yield f"{name}: {more:+.1f} agent hours needed; if nobody does anything: level {_share(_level(rows))}"


def _hours(rows: Sequence[Row], field: str) -> float:
    return float(sum(row[field] * _seconds(row) for row in rows)) / 3_600


def _seconds(row: Row) -> float:
    return (datetime.fromisoformat(row["ends_at"]) - datetime.fromisoformat(row["starts_at"])).total_seconds()


def _peak(rows: Sequence[Row]) -> int:
    at_once: dict[str, int] = {}
    for row in rows:
        at_once[row["starts_at"]] = at_once.get(row["starts_at"], 0) + row["required"]
    return max(at_once.values(), default=0)


def _level(rows: Sequence[Row]) -> float | None:
    known = [row for row in rows if row["service_level"] is not None and row["calls"] > 0]
    calls = sum(row["calls"] for row in known)
    return sum(row["calls"] * row["service_level"] for row in known) / calls if calls else None


def _share(value: float | None) -> str:
    return "" if value is None else percent(value)


def _time(text: str, zone: tzinfo) -> str:
    return f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %H:%M}"


def as_builtins(live: Live) -> dict[str, Any]:
    """Return everything for programs."""
    return {
        "intervals": [
            {**row, "variants": {name: rows[_place(row)] for name, rows in live.variants.items() if _place(row) in rows}}
            for row in live.rows
        ],
        "agent_hours": _hours(live.rows, "required"),
        "variants": [
            {"name": name, "agent_hours": _hours(list(rows.values()), "needed"), "service_level_unchanged": _level(list(rows.values()))}
            for name, rows in live.variants.items()
        ],
    }  # fmt: skip


def as_csv(live: Live) -> str:
    """Return a table with a header and a row for each interval of each queue, for spreadsheets."""
    text = io.StringIO()
    writer = csv_file.writer(text, lineterminator="\n")
    fields = ("calls", "required", "low", "high", "to_schedule", "method", "together", "there", "service_level")
    writer.writerow(("ts", "queue", *fields, *(f"{name}: agents" for name in live.variants)))
    for row in live.rows:
        others = [rows[_place(row)]["needed"] if _place(row) in rows else "" for rows in live.variants.values()]
        writer.writerow((_time(row["starts_at"], live.zone), row["queue_id"], *("" if row[f] is None else row[f] for f in fields), *others))  # fmt: skip
    return text.getvalue()
