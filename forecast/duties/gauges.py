"""What the forecaster tells the tally; the names are defined in `metrics/definitions.py`."""

import re
from collections.abc import Iterable
from typing import Any, get_args

from forecast.books.made import Made, Row
from forecast.duties.standing import Standing
from forecast.models.base import LEVELS
from hotline.facts import Advice, GapKind, Horizon
from hotline.ids import QueueId
from hotline.tally import Tally

SHOWN = {"0.1": LEVELS.index(0.1), "0.5": LEVELS.index(0.5), "0.9": LEVELS.index(0.9)}
LEADS: dict[Horizon, tuple[int, ...]] = {"today": (0, 1, 4), "half_hour": (0, 1, 7), "day": (1, 7), "month": (1,)}
"""The leads whose accuracy is exported: hours for today, days, months."""
DAYS_SCORED = 28
"""Accuracy is exported over so many days."""
GROUP_SIGNS = 40
"""The name of a group of queues is at most so long; a longer one names the first queue alone."""
OURS = (
    "forecast_ready", "forecast_calls", "forecast_said_calls", "forecast_came_calls", "forecast_day_calls", "forecast_day_came_calls",
    "forecast_model", "forecast_age_seconds", "forecast_wape_ratio", "forecast_bias_ratio", "forecast_coverage_ratio", "staff_required",
    "staff_pooling_ratio", "staff_present", "staff_rostered", "staff_group", "staff_gap", "staff_gap_agents", "staff_advice",
)  # fmt: skip
"""What only the process tells that makes the forecasts."""


class Gauges:
    """Tells the numbers of all queues; takes them back when it is another process's turn."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def show(self, standing: Standing, now: float, present: int | None) -> None:
        """Tell how a queue stands."""
        tally, queue = self._tally, standing.queue.id
        tally.level("forecast_ready", standing.state == "ready", queue=queue)
        tally.forget("forecast_model", queue=queue)
        for made in standing.made.values():
            self._calls(made, now)
            tally.level("forecast_age_seconds", max(now - made.made_at, 0.0), queue=queue, horizon=made.horizon)
            tally.level("forecast_model", 1.0, queue=queue, horizon=made.horizon, model=word(made.model))
        self._ended(standing)
        self._day(standing, now)
        self._staff(standing, now, present)
        self._alarm(standing)

    def _calls(self, made: Made, now: float) -> None:
        row = next((row for row in made.rows if row.starts_at <= now < row.ends_at), None)
        if row is None:
            row = next((row for row in made.rows if row.starts_at > now), None)
        if row is None:
            return
        for quantile, value in _said((row,)).items():
            self._tally.level("forecast_calls", value, queue=made.queue_id, horizon=made.horizon, quantile=quantile)

    def _ended(self, standing: Standing) -> None:
        """Tell what came in the interval that ended last beside what was expected of it; nothing while nobody knows what came."""
        tally, queue, came = self._tally, standing.queue.id, standing.came_of_last()
        if came is None or standing.over is None:
            tally.forget("forecast_came_calls", queue=queue)
            tally.forget("forecast_said_calls", queue=queue)
            return
        tally.level("forecast_came_calls", came, queue=queue)
        said = standing.over.said
        for quantile, value in _said(() if said is None else (said,)).items():
            tally.level("forecast_said_calls", value, queue=queue, quantile=quantile)

    def _day(self, standing: Standing, now: float) -> None:
        """Tell what came today, and what all of today is expected to be; nothing before the day was forecast from what came."""
        tally, queue = self._tally, standing.queue.id
        made = standing.made.get("today")
        if standing.rest is None or made is None:
            tally.forget("forecast_day_came_calls", queue=queue)
            tally.forget("forecast_day_calls", queue=queue)
            return
        came = sum(standing.came.values())
        rest = [row for row in made.rows if row.ends_at > now and row.starts_at not in standing.came]
        tally.level("forecast_day_came_calls", came, queue=queue)
        for quantile, value in _said(rest).items():
            tally.level("forecast_day_calls", came + value, queue=queue, quantile=quantile)

    def _staff(self, standing: Standing, now: float, present: int | None) -> None:
        tally, queue, need = self._tally, standing.queue.id, standing.need_at(now)
        tally.level("staff_required", need.required if need is not None else 0, queue=queue)
        tally.level("staff_pooling_ratio", (need.pooling or 0.0) if need is not None else 0.0, queue=queue)
        if present is not None:
            tally.level("staff_present", present, queue=queue)
        scheduled = standing.scheduled.get(need.starts_at) if need is not None else None
        if scheduled is None:
            tally.forget("staff_rostered", queue=queue)
        else:
            tally.level("staff_rostered", scheduled, queue=queue)
        tally.forget("staff_group", queue=queue)
        tally.level("staff_group", 1.0, queue=queue, group=group_name(standing.group or (standing.id,)))

    def _alarm(self, standing: Standing) -> None:
        tally, queue, alarm = self._tally, standing.queue.id, standing.alarm
        for kind in get_args(GapKind):
            open_, ours = standing.watch.kind == kind, alarm is not None and alarm.kind == kind
            tally.level("staff_gap", open_, queue=queue, kind=kind)
            agents = abs(alarm.required - alarm.expected) if alarm is not None and ours else 0
            tally.level("staff_gap_agents", agents, queue=queue, kind=kind)
        for advice in get_args(Advice):
            tally.level("staff_advice", alarm is not None and advice in alarm.advice, queue=queue, advice=advice)

    def accuracy(self, rows: Iterable[Any]) -> None:
        """Tell what forecasts were worth; rows of `Tables.accuracy`."""
        for row in rows:
            horizon, lead = row["horizon"], row["lead"]
            if lead not in LEADS.get(horizon, ()):
                continue
            tally, queue, ahead = self._tally, row["queue_id"], str(lead)
            if row["wape"] is not None:
                tally.level("forecast_wape_ratio", row["wape"], queue=queue, horizon=horizon, lead=ahead)
                tally.level("forecast_bias_ratio", row["bias"], queue=queue, horizon=horizon, lead=ahead)
            for level, share in (("0.8", row["coverage80"]), ("0.95", row["coverage95"])):
                tally.level("forecast_coverage_ratio", share, queue=queue, horizon=horizon, lead=ahead, level=level)

    def turn(self, *, ours: bool) -> None:
        """Tell whether this process makes the forecasts; one that does not shows no numbers."""
        self._tally.level("forecast_active", ours)
        if ours:
            return
        for name in OURS:
            self._tally.forget(name)


def _said(rows: Iterable[Row]) -> dict[str, float]:
    """Return the quantiles that are shown, of all of these intervals together: as if all of them erred alike."""
    rows = tuple(rows)
    quantiles = {name: sum(row.quantiles[place] for row in rows) for name, place in SHOWN.items()}
    return {"mean": sum(row.mean for row in rows), **quantiles}


def word(name: str) -> str:
    """Return the name of a model as a label can have it, without spaces."""
    return re.sub(r"[^A-Za-z0-9_.:+-]+", "-", name)


def group_name(queues: tuple[QueueId, ...]) -> str:
    """Return a group of queues as a label can have it: of many, or of long names, the first one and how many more there are."""
    whole = "+".join(queues)
    return whole if len(whole) <= GROUP_SIGNS else f"{queues[0]}+{len(queues) - 1}"
