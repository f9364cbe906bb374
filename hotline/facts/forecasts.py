"""Forecasts and staff: what is expected, where people are missing, and when a model could not serve.

The numbers themselves, slot by slot, are in the tables behind `v_forecast` and `v_staffing`; a fact says that they changed, and sums them up.
"""

from typing import Literal

from hotline.facts.base import Fact
from hotline.ids import QueueId

Horizon = Literal["today", "half_hour", "day", "month"]
"""`today`: the rest of the day that runs; `half_hour`: the days after it, slot by slot; `day` and `month`: whole ones."""
ForecastReason = Literal["start", "interval", "nightly", "chosen", "asked", "imported"]
"""Why it was forecast anew."""
GapKind = Literal["short", "over"]
"""Too few people, or more than are needed."""
Advice = Literal["call_back_breaks", "open_overflow", "offer_callbacks", "call_in_surge", "let_go"]
"""What can be done about a gap; the words for people are in `forecast.today.advice`."""
StaffingMethod = Literal["erlang", "pooled"]
"""`erlang`: Erlang's formulas for the queue by itself; `pooled`: between that and one queue for all with whom it shares agents, as the simulation measured."""
FallBackReason = Literal["not_served", "timeout", "memory", "died", "error"]
"""`not_served`: it could not learn, failed, or said something that cannot be; the others: its process was ended, or ended by itself."""


class ForecastUpdated(Fact, frozen=True, kw_only=True):
    """A forecast of a queue was made and replaces the one before."""

    queue_id: QueueId
    horizon: Horizon
    model: str
    first: float
    """When the time that is forecast begins, and"""
    last: float
    """when it ends."""
    calls: float
    """Expected in all of it."""
    low: float
    """With a chance of 10 % fewer call than this, and"""
    high: float
    """with a chance of 10 % more than this."""
    reason: ForecastReason


class StaffingUpdated(Fact, frozen=True, kw_only=True):
    """The agents that a queue needs were counted anew from its forecast."""

    queue_id: QueueId
    first: float
    last: float
    peak: int
    """The most that are required in any interval."""
    peak_at: float
    """When that interval begins."""
    agent_hours: float
    """Required, added up over the intervals."""
    required: int | None = None
    """In the present interval; None: it is closed, or not forecast."""
    present: int | None = None
    """Who were on duty for the queue then; None: nobody told. Somebody who serves several queues counts for one of them."""
    method: StaffingMethod = "erlang"
    """How it was counted. A queue that shares agents is told its portion of what all of them need."""
    shares_with: tuple[QueueId, ...] = ()
    """The queues with which it shares agents."""
    together: int | None = None
    """Required in the present interval by all of them; None: it shares agents with nobody, or is closed."""


class StaffingGapOpened(Fact, frozen=True, kw_only=True):
    """People will be missing in a queue, or be too many, in the next hours: an alarm."""

    queue_id: QueueId
    kind: GapKind
    first: float
    """When the gap begins, and"""
    last: float
    """when it ends, as far as it is looked at."""
    worst_at: float
    """The interval in which most are missing (or too many)."""
    required: int
    """In that interval."""
    expected: int
    """Who will be there in that interval, as far as it is known."""
    advice: tuple[Advice, ...] = ()
    """What can be done about it, the least costly first."""


class StaffingGapClosed(Fact, frozen=True, kw_only=True):
    """An alarm is over."""

    queue_id: QueueId
    kind: GapKind
    opened_at: float
    reason: Literal["covered", "day_over", "not_known"]


class ModelChosen(Fact, frozen=True, kw_only=True):
    """The model of a queue's horizon was chosen by a comparison on the queue's own history."""

    queue_id: QueueId
    horizon: Horizon
    model: str
    before: str = ""
    """The model that served until now; it may be the same."""
    wape: float | None = None
    """The mean error of the chosen one in the comparison: sum of errors / sum of calls."""
    reason: str = ""
    """In one sentence."""


class ModelFellBack(Fact, frozen=True, kw_only=True):
    """A model could not serve, and another one does."""

    queue_id: QueueId
    horizon: Horizon
    model: str
    used: str
    """Which one serves instead; empty: none could."""
    reason: FallBackReason
    detail: str = ""
    """In one sentence, at most 300 signs."""
