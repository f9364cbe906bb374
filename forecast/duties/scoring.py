"""What forecasts were worth, once it is known how many called. Pure.

An interval was forecast many times. For each **lead** (how far ahead it was said) the last forecast of that lead counts, so that a nightly
forecast is not judged by its improvement of noon. WAPE and bias are sums over sums and therefore kept as sums (KPI.md).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from forecast.models.base import LEVELS
from hotline.facts import Horizon
from hotline.ids import QueueId

HOUR_S = 3_600.0
LEAD_MOST: Mapping[Horizon, int] = {"today": 23, "half_hour": 60, "day": 366, "month": 36}
_80 = LEVELS.index(0.1), LEVELS.index(0.9)
_95 = LEVELS.index(0.025), LEVELS.index(0.975)


@dataclass(frozen=True, kw_only=True)
class Said:
    """One forecast of one interval."""

    queue_id: QueueId
    horizon: Horizon
    model: str
    made_at: float
    period: date
    starts_at: float
    mean: float
    quantiles: tuple[float, ...]

    def lead(self, zone: ZoneInfo) -> int:
        """Return how far ahead it was said: hours for today, else local days or months; 0: on the day itself, before its first call was known."""
        made = datetime.fromtimestamp(self.made_at, zone).date()
        if self.horizon == "today":
            return max(int((self.starts_at - self.made_at) / HOUR_S), 0)
        if self.horizon == "month":
            return (self.period.year - made.year) * 12 + self.period.month - made.month
        return (self.period - made).days


@dataclass(frozen=True, kw_only=True)
class Score:
    """What the forecasts of one queue, horizon and lead were worth on one period. Sums, so that they can be added up."""

    queue_id: QueueId
    horizon: Horizon
    lead: int
    period: date
    model: str
    intervals: int
    calls: float
    error: float
    absolute: float
    inside80: int
    inside95: int


def scores(said: Iterable[Said], came: Mapping[float, float], zone: ZoneInfo) -> list[Score]:
    """Return the scores of forecasts against the calls that came, by the beginning of the interval; what is not in `came` is not known.

    `zone` is the one in which days begin.
    """
    last: dict[tuple[QueueId, Horizon, int, float], Said] = {}
    for one in said:
        lead = one.lead(zone)
        key = (one.queue_id, one.horizon, lead, one.starts_at)
        if one.starts_at not in came or not 0 <= lead <= LEAD_MOST[one.horizon]:
            continue
        if key not in last or last[key].made_at <= one.made_at:
            last[key] = one
    groups: dict[tuple[QueueId, Horizon, int, date], list[Said]] = defaultdict(list)
    for (queue, horizon, lead, _), one in sorted(last.items()):
        groups[queue, horizon, lead, one.period].append(one)
    return [_score(lead, group, came) for (_, _, lead, _), group in groups.items()]


def _score(lead: int, group: list[Said], came: Mapping[float, float]) -> Score:
    errors = [one.mean - came[one.starts_at] for one in group]
    newest = max(group, key=lambda one: one.made_at)
    return Score(
        queue_id=newest.queue_id,
        horizon=newest.horizon,
        lead=lead,
        period=newest.period,
        model=newest.model,
        intervals=len(group),
        calls=sum(came[one.starts_at] for one in group),
        error=sum(errors),
        absolute=sum(map(abs, errors)),
        inside80=sum(_inside(one, came[one.starts_at], _80) for one in group),
        inside95=sum(_inside(one, came[one.starts_at], _95) for one in group),
    )


def _inside(one: Said, calls: float, levels: tuple[int, int]) -> bool:
    return one.quantiles[levels[0]] <= calls <= one.quantiles[levels[1]]
