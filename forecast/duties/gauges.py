"""What the forecaster tells the tally; the names are defined in `metrics/definitions.py`."""

from collections.abc import Iterable
from typing import Any

from forecast.books.made import Made
from forecast.duties.standing import Standing
from forecast.models.base import LEVELS
from hotline.facts import Horizon
from hotline.tally import Tally

SHOWN = {"0.1": LEVELS.index(0.1), "0.5": LEVELS.index(0.5), "0.9": LEVELS.index(0.9)}
LEADS: dict[Horizon, tuple[int, ...]] = {"today": (0, 1, 4), "half_hour": (0, 1, 7), "day": (1, 7), "month": (1,)}
"""The leads whose accuracy is exported: hours for today, days, months."""
DAYS_SCORED = 28
"""Accuracy is exported over so many days."""


class Gauges:
    """Tells the numbers of all queues; `clear` when it is another process's turn."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def show(self, standing: Standing, now: float, present: int | None) -> None:
        """Tell how a queue stands."""
        tally, queue = self._tally, standing.queue.id
        tally.level("forecast_ready", standing.state == "ready", queue=queue)
        for made in standing.made.values():
            self._calls(made, now)
            tally.level("forecast_age_seconds", max(now - made.made_at, 0.0), queue=queue, horizon=made.horizon)
        need = standing.need_at(now)
        tally.level("staff_required", need.required if need is not None else 0, queue=queue)
        tally.level("staff_pooling_ratio", (need.pooling or 0.0) if need is not None else 0.0, queue=queue)
        if present is not None:
            tally.level("staff_present", present, queue=queue)
        for kind in ("short", "over"):
            tally.level("staff_gap", standing.watch.kind == kind, queue=queue, kind=kind)

    def _calls(self, made: Made, now: float) -> None:
        row = next((row for row in made.rows if row.starts_at <= now < row.ends_at), None)
        if row is None:
            row = next((row for row in made.rows if row.starts_at > now), None)
        if row is None:
            return
        said = {"mean": row.mean, **{name: row.quantiles[place] for name, place in SHOWN.items()}}
        for quantile, value in said.items():
            self._tally.level("forecast_calls", value, queue=made.queue_id, horizon=made.horizon, quantile=quantile)

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
        for name in (
            "forecast_ready", "forecast_calls", "forecast_age_seconds", "forecast_wape_ratio", "forecast_bias_ratio",
            "forecast_coverage_ratio", "staff_required", "staff_pooling_ratio", "staff_present", "staff_gap",
        ):  # fmt: skip
            self._tally.forget(name)
