"""The API of "what if": who would be needed, and what callers would meet, if it came otherwise than expected."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from forecast.api import STAFFING, known_queue
from forecast.duties.learning import today_of
from forecast.duties.whatif import Asked
from forecast.service import ForecastService
from hotline.facts import StaffingMethod
from hotline.settings import Settings
from hotline.web.routes import Request, Route

if TYPE_CHECKING:  # Erlang's formulas need SciPy: only the process that computes them loads it
    from forecast.staffing.whatif import Variant

PATH = STAFFING + "-whatif"
DAYS_MOST = 60


class WhatIfQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is otherwise than expected."""

    queue: str | None = None
    """None: all queues. Queues that share agents with it are answered too."""
    volumes: float = 1.0
    """So many times as many calls: 1.2 for 20 % more."""
    handling_s: float = 0.0
    """So many seconds longer; less than 0: shorter."""
    absent: int = 0
    """So many people fewer than planned, of a queue or of all queues that share agents together."""
    share: float | None = None
    """Another service level."""
    threshold_s: float | None = None
    """Another threshold of it."""
    days: int = 1
    """Today and so many days more, less one."""


class Supposed(msgspec.Struct, frozen=True, kw_only=True):
    """What it means for a queue in an interval."""

    queue_id: str
    starts_at: datetime
    ends_at: datetime
    calls: float
    """Expected then."""
    required: int
    """As it is now."""
    low: int
    high: int
    to_schedule: int
    method: StaffingMethod
    shares_with: tuple[str, ...]
    together: int | None
    needed: int
    """Required then."""
    there: int
    """If nobody does anything: who is scheduled, or (`planned` is false) who is required now, less those who are absent."""
    planned: bool
    missing: int
    """`needed` less `there`; below 0: so many too many."""
    service_level: float | None
    """If nobody does anything."""


def whatif_routes(service: ForecastService, settings: Settings) -> list[Route]:
    """Return the operation."""
    zone = ZoneInfo(settings.ivr.timezone)

    async def supposed(request: Request) -> list[Supposed]:
        q: WhatIfQuery = request.query
        if q.queue is not None:
            known_queue(service, q.queue)
        until = today_of(service.now(), settings.ivr.timezone) + timedelta(days=max(min(q.days, DAYS_MOST), 1))
        midnight = datetime.combine(until, datetime.min.time(), zone).timestamp()
        return [_supposed(one) for one in await service.what_if(q.queue, _variant(q), midnight)]

    return [
        Route(method="GET", path=PATH, handler=supposed, summary="What if more call, calls last longer, people are ill", answer=list[Supposed], query=WhatIfQuery),
    ]  # fmt: skip


def _variant(q: WhatIfQuery) -> "Variant":
    from forecast.staffing.whatif import Variant

    targets = {"share": q.share, "threshold_s": q.threshold_s}
    return Variant(
        name="what if", volumes=q.volumes, handling_s=q.handling_s, absent=q.absent,
        targets={name: value for name, value in targets.items() if value is not None},
    )  # fmt: skip


def _supposed(one: Asked) -> Supposed:
    return Supposed(
        queue_id=one.queue_id, starts_at=datetime.fromtimestamp(one.starts_at, UTC), ends_at=datetime.fromtimestamp(one.ends_at, UTC),
        calls=round(one.calls, 3), required=one.need.required, low=one.need.low, high=one.need.high, to_schedule=one.need.to_schedule,
        method=one.need.method, shares_with=one.need.shares_with, together=one.need.together, needed=one.needed, there=one.there,
        planned=one.planned, missing=one.missing, service_level=None if one.service_level is None else round(one.service_level, 4),
    )  # fmt: skip
