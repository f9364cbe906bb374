"""What nights, weekend days and public holidays cost: the more somebody has had, the more the next one. Pure but for the program that it writes.

The k-th night of a person in the plan, past ones beyond those of the luckiest counted, costs k times as much as the first: of two rosters that
are as good otherwise, that with the smaller sum of squares is better, and so nobody gets two while another one has none.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from forecast.rosters.frames import Frame
from forecast.rosters.mip import Mip, Term
from forecast.rosters.model import Plan


class Fair:
    """Prices of nights, weekend days and holidays, by what everybody has had."""

    def __init__(self, plan: Plan) -> None:
        self._nights, self._weekends, self._holidays = plan.fewest()

    def nights(self, plan: Plan, frame: Frame) -> list[float]:
        """Return what each further night of a person costs in fairness."""
        most = sum(min(week.nights_max, week.end - week.begin) for week in frame.weeks)
        return _rising(plan.costs.night, plan.people[frame.person].past.nights - self._nights, frame, most)

    def weekends(self, plan: Plan, frame: Frame) -> list[float]:
        """Return what each further weekend day of a person costs in fairness."""
        had = plan.people[frame.person].past.weekend_days - self._weekends
        return _rising(plan.costs.weekend, had, frame, sum(map(plan.is_weekend, map(plan.day, range(plan.days)))))

    def holidays(self, plan: Plan, frame: Frame) -> list[float]:
        """Return what each further public holiday of a person costs in fairness."""
        had = plan.people[frame.person].past.holidays - self._holidays
        return _rising(plan.costs.holiday, had, frame, sum(map(plan.is_holiday, map(plan.day, range(plan.days)))))


def _share_out(mip: Mip, terms: Sequence[Term], prices: Iterable[float]) -> None:
    """Let the first cost the first price, the second the second …; prices do not fall."""
    priced = sorted(prices)
    if not terms or not priced:
        return
    steps: dict[float, int] = defaultdict(int)
    for price in priced:
        steps[price] += 1
    steps.pop(0.0, None)
    free = sum(1 for price in priced if price == 0.0)
    parts = [(mip.column(0.0, many, cost=price), -1.0) for price, many in steps.items()]
    if parts:
        mip.row([*terms, *parts], upper=float(free))


def add_fairness(
    mip: Mip, plan: Plan, columns: Mapping[tuple[int, int], int], frames: Sequence[Frame], fair: Fair
) -> None:
    """Let nights and holidays cost what fairness says, and weekends where they are not in the prices of patterns."""
    nights = [(c, 1.0) for (_, s), c in columns.items() if plan.types[s].night]
    _share_out(mip, nights, (price for frame in frames for price in fair.nights(plan, frame)))
    holidays = [(c, 1.0) for (day, _), c in columns.items() if plan.is_holiday(plan.day(day))]
    _share_out(mip, holidays, (price for frame in frames for price in fair.holidays(plan, frame)))
    if any(len(frame.weeks) > 1 for frame in frames):
        weekends = [(c, 1.0) for (day, _), c in columns.items() if plan.is_weekend(plan.day(day))]
        _share_out(mip, weekends, (price for frame in frames for price in fair.weekends(plan, frame)))


def _rising(cost: float, had: int, frame: Frame, most: int) -> list[float]:
    return [cost * (had + k) / frame.share for k in range(1, most + 1)]
