"""What the forecaster knows of each queue at the moment: what the API shows at once, and duties start from. In memory only."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from forecast.backtest.picks import Pick
from forecast.books.made import Made, Row
from forecast.books.reading import Known
from forecast.books.tables import Need, Pooling
from forecast.duties.jobs import Learnt
from forecast.models.base import Forecast
from forecast.series.counts import Unit
from forecast.today.gap import Interval, Watch
from forecast.today.updating import Prepared
from hotline.facts import Horizon, StaffingGapOpened, StaffingUpdated
from hotline.hours import Hours
from hotline.ids import QueueId
from hotline.settings.queues import Queue

DAY_S = 86_400.0
Counts = Callable[[float, bool], int | None]
State = Literal["starting", "too_little_history", "ready", "failed"]
"""`starting`: nothing was tried yet; `failed`: the last attempt came to nothing, and what was made before (if anything was) stays."""


@dataclass(frozen=True, kw_only=True)
class Over:
    """The interval that ended last."""

    starts_at: float
    said: Row | None
    """What was expected of it when it began; None: it was closed, or not forecast."""


@dataclass(kw_only=True)
class Standing:
    """One queue."""

    queue: Queue
    hours: Hours
    state: State = "starting"
    why: str = ""
    """In one sentence, of `too_little_history` and `failed`."""
    tried_at: float | None = None
    """When the last attempt to learn ended, whatever came of it."""
    known: Known | None = None
    picks: dict[Unit, Pick] = field(default_factory=dict)
    learnt: Learnt | None = None
    prepared: Prepared | None = None
    """How the rest of a day follows from its beginning; None: there are no intervals to update."""
    came: dict[float, float] = field(default_factory=dict)
    """What came in each interval of today that is over and known, by when it began."""
    made: dict[Horizon, Made] = field(default_factory=dict)
    """The newest forecast of each horizon."""
    alone: dict[float, Need] = field(default_factory=dict)
    """What each interval needs if the queue is taken by itself, by when it begins."""
    needs: dict[float, Need] = field(default_factory=dict)
    """What each interval needs, by when it begins: with what it shares with other queues."""
    rest: Forecast | None = None
    """The forecast of the rest of today by intervals; None: there was no update yet."""
    group: tuple[QueueId, ...] = ()
    """The queues with which it shares agents, itself among them; empty: it shares with nobody."""
    pooling: Pooling | None = None
    """What was measured of the group; None: nothing yet."""
    scheduled: dict[float, int] = field(default_factory=dict)
    """Who is scheduled in each interval, by when it begins; those for which there is no roster are missing."""
    watch: Watch = field(default_factory=Watch)
    alarm: StaffingGapOpened | None = None
    """The alarm that is open, as it was told."""
    over: Over | None = None
    """None: none has ended since the process began."""
    present: list[int] = field(default_factory=list)
    """Who was there whenever it was looked at in the present interval."""

    @property
    def id(self) -> QueueId:
        """The queue's id."""
        return QueueId(self.queue.id)

    def staffing_told(self, now: float, present: int | None) -> StaffingUpdated | None:
        """Return the fact of what the day needs from now on; after its last interval, of the next day that is open."""
        coming = sorted((n for n in self.needs.values() if n.ends_at > now), key=lambda n: n.starts_at)
        if not coming:
            return None
        end = next((a.ends_at for a, b in pairwise(coming) if b.starts_at > a.ends_at), coming[-1].ends_at)
        day = [n for n in coming if n.ends_at <= min(end, coming[0].starts_at + DAY_S)]
        peak, here = max(day, key=lambda n: n.required), self.need_at(now)
        return StaffingUpdated(
            at=now, queue_id=self.id, first=day[0].starts_at, last=day[-1].ends_at, peak=peak.required, peak_at=peak.starts_at,
            agent_hours=round(sum(n.required * (n.ends_at - n.starts_at) for n in day) / 3600.0, 2),
            required=None if here is None else here.required, present=present, method=peak.method,
            shares_with=tuple(QueueId(queue) for queue in peak.shares_with), together=None if here is None else here.together,
        )  # fmt: skip

    def need_at(self, now: float) -> Need | None:
        """Return what the present interval needs; None: it is closed, or not forecast."""
        return next((n for n in self.needs.values() if n.starts_at <= now < n.ends_at), None)

    def end(self, starts_at: float) -> None:
        """Note that an interval has ended, and what was expected of it: by the newest forecast that was made before it began."""
        made = [self.made[horizon] for horizon in ("today", "half_hour") if horizon in self.made]
        rows = (row for one in made for row in one.rows if row.starts_at == starts_at)
        self.over = Over(starts_at=starts_at, said=next(rows, None))

    def came_of_last(self) -> float | None:
        """Return what came in the interval that ended last: nothing where it was closed; None: nobody knows."""
        if self.over is None:
            return None
        return 0.0 if self.over.said is None else self.came.get(self.over.starts_at)

    def mean_present(self) -> int | None:
        """Return who was there in the interval that ends now, on average; None: nobody looked."""
        return round(sum(self.present) / len(self.present)) if self.present else None

    def intervals(self, now: float, until: float, counts: "Counts") -> list[Interval]:
        """Return the intervals from now until a moment with who will be there.

        In the present one that is who is there. Later it is who is scheduled; without a roster who is there now, and who is on a break now.
        `counts` says so for the beginning of an interval, with those on a break or without.
        """
        found = []
        for need in sorted(self.needs.values(), key=lambda n: n.starts_at):
            if need.ends_at <= now or need.starts_at >= until:
                continue
            later = need.starts_at > now
            expected = self.scheduled.get(need.starts_at) if later else None
            if expected is None:
                expected = counts(need.starts_at, later)
            found.append(
                Interval(
                    start=need.starts_at, end=need.ends_at, required=need.required, high=need.high, expected=expected
                )
            )
        return found

    def put_alone(self, needs: tuple[Need, ...], *, since: float) -> None:
        """Replace what intervals from `since` on need if the queue is taken by itself; what is over is forgotten."""
        self.alone = {n.starts_at: n for n in needs if n.ends_at > since}
        self.needs = {at: self.needs.get(at, need) for at, need in self.alone.items()}
