"""The API of forecasts and staffing: what is expected, why, how good it was, who is needed, and "now anew"."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from statistics import fmean
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from forecast.books.tables import Need, Tables
from forecast.duties.jobs import HORIZONS
from forecast.duties.learning import today_of
from forecast.duties.standing import Standing, State
from forecast.models.base import LEVELS
from forecast.service import ForecastService
from hotline.errors import Misuse, Rejected, StandingBy
from hotline.facts import GapKind, Horizon, StaffingMethod
from hotline.settings import Settings
from hotline.store.pool import Row as Record
from hotline.web.moments import read_moment
from hotline.web.routes import Page, PageQuery, Request, Route

PATH = "/api/v1/forecasts"
STAFFING = "/api/v1/staffing"
DAYS_SCORED = 28
ROWS_MAX = 10_000
LEVEL_NAMES = tuple(f"{level:g}" for level in LEVELS)
AHEAD: dict[Horizon, timedelta] = {
    "today": timedelta(days=1), "half_hour": timedelta(days=1), "day": timedelta(days=366), "month": timedelta(days=1_200),
}  # fmt: skip
"""How far ahead is shown when nobody says how far."""


class HorizonView(msgspec.Struct, frozen=True, kw_only=True):
    """The newest forecast of a horizon, summed up."""

    horizon: Horizon
    model: str
    why: str
    """Why this model: in one sentence, by the comparison."""
    wape: float | None
    """The model's mean error in that comparison; None: there was none yet."""
    made_at: datetime
    first: datetime
    last: datetime
    calls: float
    """Expected from `first` to `last`."""
    low: float
    high: float
    """`low` and `high`: with a chance of 10 % each fewer, or more, call."""


class QueueForecast(msgspec.Struct, frozen=True, kw_only=True):
    """How a queue stands with the forecaster."""

    queue_id: str
    state: State
    why: str
    """Of a state other than `ready`."""
    history_days: int
    tried_at: datetime | None
    """When it was last begun to learn anew, whatever came of it; None: not yet."""
    gap: GapKind | None
    """The alarm that is open."""
    required: int | None
    """Agents in the present interval; None: it is closed, or not forecast."""
    method: StaffingMethod | None = None
    """How `required` was counted."""
    shares_with: list[str] = []
    """The queues with which it shares agents."""
    together: int | None = None
    """Required in the present interval by it and all of those."""
    pooling: float | None = None
    """Which part of the saving of one queue for all these people reach, at the load of the present interval (or the mean of what was measured)."""
    pooling_at: datetime | None = None
    """When that was measured; None: not yet."""
    horizons: list[HorizonView]


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of one interval."""

    period: date
    starts_at: datetime
    ends_at: datetime
    made_at: datetime
    model: str
    mean: float
    quantiles: dict[str, float]
    """`0.025` … `0.975` -> calls."""


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """What forecasts that were said so far ahead were worth."""

    queue_id: str
    horizon: Horizon
    lead: int
    """Hours for today, days for half_hour and day, months for month."""
    periods: int
    intervals: int
    calls: float
    wape: float | None
    """sum of |said - came| / sum of calls"""
    bias: float | None
    """sum of (said - came) / sum of calls"""
    coverage80: float
    coverage95: float


class Staffed(msgspec.Struct, frozen=True, kw_only=True):
    """One interval: who is needed, who was there."""

    queue_id: str
    starts_at: datetime
    ends_at: datetime
    made_at: datetime
    calls: float
    handling_s: float
    required: int
    low: int
    high: int
    """`low` and `high`: required if as few, or as many, call as in one of ten cases."""
    to_schedule: int
    """`required` with the shrinkage."""
    service_level: float | None
    """Expected with `required` agents."""
    method: StaffingMethod = "erlang"
    """`erlang`: the queue by itself; `pooled`: its portion of what queues that share agents need, see docs/staffing.md."""
    shares_with: list[str] = []
    """The queues with which it shares agents."""
    together: int | None = None
    """Required by it and all of those; None: it shares agents with nobody."""
    pooling: float | None = None
    """Which part of the saving of one queue for all these people reach; None: it was not measured."""
    scheduled: int | None
    """By the roster that is in force; None: there is none for this interval. Somebody who serves several queues counts for one of them."""
    patience_s: float | None = None
    """How long callers of the queue wait at most, on average, as it was measured; None: the settings count."""
    handling_cv: float = 1.0
    """Standard deviation of the queue's handling times by their mean."""
    present: int | None
    """On duty, on average; None: the interval is not over, or nobody knew."""


class Run(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order to forecast now."""

    queue: str | None = None
    """None: all queues."""
    choose: bool = False
    """Whether the models are compared anew first; that takes some minutes."""


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """What was ordered; what comes of it is told by `ForecastUpdated`, and shown by `made_at`."""

    queues: list[str]
    at: datetime


class Span(PageQuery, frozen=True, kw_only=True):
    """A stretch of time. Times are ISO 8601; without a zone they are in the zone of the settings."""

    limit: int = 500
    since: str = ""
    """Empty: from now on."""
    until: str = ""
    """Empty: as far as is usual."""


class StaffingQuery(Span, frozen=True, kw_only=True):
    """Filters of staffing."""

    queue: str | None = None


class AccuracyQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of accuracy."""

    queue: str | None = None
    horizon: Literal["today", "half_hour", "day", "month"] | None = None
    days: int = DAYS_SCORED
    """Over so many days back."""


def routes(service: ForecastService, tables: Tables, settings: Settings) -> list[Route]:
    """Return the operations of the forecaster."""
    zone = ZoneInfo(settings.ivr.timezone)

    async def listed(_request: Request) -> list[QueueForecast]:
        if not service.ours:
            raise StandingBy("another process makes the forecasts")
        return [view(standing, service.now()) for standing in service.standings.values()]

    async def one(request: Request) -> Page[Expected]:
        queue, horizon = request.path["queue"], request.path["horizon"]
        known_queue(service, queue)
        if horizon not in AHEAD:
            raise Rejected("not_found", f"there is no horizon {horizon}; there are {', '.join(AHEAD)}")
        q: Span = request.query
        since, until = _span(q, service.now(), AHEAD[horizon], zone, horizon)
        rows = await tables.latest(queue, horizon, since, until, min(q.limit, ROWS_MAX))
        return Page(items=[_expected(row) for row in rows])

    async def accuracy(request: Request) -> list[Accuracy]:
        q: AccuracyQuery = request.query
        today = today_of(service.now(), settings.ivr.timezone)
        first = today - timedelta(days=max(min(q.days, 3_660), 1))
        rows = await tables.accuracy(q.queue, q.horizon, first, today)
        return [msgspec.convert(dict(row), Accuracy) for row in rows]

    async def staffing(request: Request) -> Page[Staffed]:
        q: StaffingQuery = request.query
        if q.queue is not None:
            known_queue(service, q.queue)
        since, until = _span(q, service.now(), timedelta(days=1), zone, "half_hour")
        rows = await tables.staffing(q.queue, since, until, min(q.limit, ROWS_MAX))
        return Page(items=[_staffed(row, service) for row in rows])

    async def run(request: Request) -> Ordered:
        wanted: Run = request.body
        service.order(wanted.queue, choose=wanted.choose)
        queues = list(service.standings) if wanted.queue is None else [wanted.queue]
        return Ordered(queues=queues, at=datetime.fromtimestamp(service.now(), UTC))

    return [
        Route(method="GET", path=PATH, handler=listed, summary="Forecasts of all queues, summed up", answer=list[QueueForecast]),
        Route(method="GET", path=PATH + "/{queue}/{horizon}", handler=one, summary="The newest forecast of each interval", answer=Page[Expected], query=Span),
        Route(method="POST", path=PATH + "-runs", handler=run, summary="Forecast now", answer=Ordered, body=Run),
        Route(method="GET", path=PATH + "-accuracy", handler=accuracy, summary="What forecasts were worth", answer=list[Accuracy], query=AccuracyQuery),
        Route(method="GET", path=STAFFING, handler=staffing, summary="Who is needed, who is scheduled, who was there", answer=Page[Staffed], query=StaffingQuery),
    ]  # fmt: skip


def known_queue(service: ForecastService, queue: str) -> None:
    """Raise Rejected for a queue that there is not."""
    if queue not in service.standings:
        raise Rejected("not_found", f"there is no queue {queue}")


def _span(q: Span, now: float, ahead: timedelta, zone: ZoneInfo, horizon: str) -> tuple[float, float]:
    """Return a stretch of time; when nobody says where it begins, the present interval, day or month is part of it."""
    since = read_moment("since", q.since, zone)
    if since is None:
        here = datetime.fromtimestamp(now, zone).replace(minute=0, second=0, microsecond=0)
        here = here if horizon in ("today", "half_hour") else here.replace(hour=0)
        since = here if horizon != "month" else here.replace(day=1)
    until = read_moment("until", q.until, zone) or since + ahead
    if until <= since:
        raise Misuse("until: it must be later than since")
    return since.timestamp(), until.timestamp()


def _expected(row: Record) -> Expected:
    return Expected(
        period=row["period"], starts_at=row["starts_at"], ends_at=row["ends_at"], made_at=row["made_at"], model=row["model"],
        mean=round(row["mean"], 3), quantiles=dict(zip(LEVEL_NAMES, (round(q, 3) for q in row["quantiles"]), strict=True)),
    )  # fmt: skip


def _staffed(row: Record, service: ForecastService) -> Staffed:
    """Return a row; who is scheduled in an interval that is not over is known in memory."""
    standing = service.standings.get(row["queue_id"])
    planned = row["scheduled"]
    if planned is None and standing is not None:
        planned = standing.scheduled.get(row["starts_at"].timestamp())
    known = None if standing is None else standing.known
    measured = {} if known is None else {"patience_s": known.patience_s, "handling_cv": known.handling_cv}
    return msgspec.convert({**dict(row), "scheduled": planned, **measured}, Staffed)


def view(standing: Standing, now: float) -> QueueForecast:
    """Return how a queue stands."""
    need = standing.need_at(now)
    return QueueForecast(
        queue_id=standing.queue.id,
        state=standing.state,
        why=standing.why,
        history_days=0 if standing.known is None else standing.known.days,
        tried_at=None if standing.tried_at is None else datetime.fromtimestamp(standing.tried_at, UTC),
        gap=standing.watch.kind,
        required=None if need is None else need.required,
        **_sharing(standing, need),
        horizons=list(_horizons(standing)),
    )


def _sharing(standing: Standing, need: Need | None) -> dict[str, Any]:
    measured = standing.pooling
    usual = None if measured is None or not measured.points else fmean(share for _, share in measured.points)
    return {
        "method": None if need is None else need.method,
        "shares_with": [queue for queue in standing.group if queue != standing.id],
        "together": None if need is None else need.together,
        "pooling": usual if need is None or need.pooling is None else need.pooling,
        "pooling_at": None if measured is None else datetime.fromtimestamp(measured.measured_at, UTC),
    }


def _horizons(standing: Standing) -> Iterable[HorizonView]:
    picks = {HORIZONS[unit]: pick for unit, pick in standing.picks.items()}
    for horizon in AHEAD:
        made, pick = standing.made.get(horizon), picks.get(horizon)
        if made is None or not made.rows:
            continue
        told = made.told()
        yield HorizonView(
            horizon=horizon,
            model=made.model,
            why="" if pick is None else pick.why,
            wape=None if pick is None else dict(pick.wapes).get(made.model),
            made_at=datetime.fromtimestamp(made.made_at, UTC),
            first=datetime.fromtimestamp(told.first, UTC),
            last=datetime.fromtimestamp(told.last, UTC),
            calls=told.calls,
            low=told.low,
            high=told.high,
        )
