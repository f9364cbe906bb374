"""A pick as the table of choices has it, and back. Pure."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from forecast.backtest.picks import Pick
from forecast.books.tables import Choice
from forecast.duties.jobs import HORIZONS
from forecast.models import table
from forecast.models.base import LEVELS
from forecast.series.counts import Unit
from hotline.facts import Horizon
from hotline.ids import QueueId

UNITS: Mapping[Horizon, Unit] = {horizon: unit for unit, horizon in HORIZONS.items()}


def choice_of(queue_id: QueueId, pick: Pick, at: float) -> Choice:
    """Return what is kept of a pick."""
    return Choice(
        queue_id=queue_id,
        horizon=HORIZONS[pick.unit],
        model=pick.model,
        chosen_at=at,
        reason=pick.why,
        wape=dict(pick.wapes).get(pick.model),
        state={
            "stretch": list(pick.stretch),
            "since": None if pick.since is None else pick.since.isoformat(),
            "wapes": [[name, wape] for name, wape in pick.wapes],
        },
    )


def pick_of(choice: Choice) -> Pick | None:
    """Return the pick that was kept; None for one of a model, or a kind of forecast, that this program does not have."""
    unit = UNITS.get(choice.horizon)
    if unit is None or choice.model not in table.names(unit):
        return None
    state: dict[str, Any] = choice.state
    stretch = tuple(float(s) for s in state.get("stretch", ()))
    since = state.get("since")
    plain = Pick(unit=unit, model=choice.model)
    return Pick(
        unit=unit,
        model=choice.model,
        stretch=stretch if len(stretch) == len(LEVELS) else plain.stretch,
        since=None if since is None else date.fromisoformat(since),
        wapes=tuple((str(name), float(wape)) for name, wape in state.get("wapes", ())),
        why=choice.reason,
    )
