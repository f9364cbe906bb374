"""What the law, a contract and good sense ask of a roster: as data, which an operator can change. Pure.

Where the defaults come from:

* 8 hours a day, 44 hours a week on average: Labour Law of the People's Republic of China (劳动法), article 36. Overtime is what goes beyond
  40 hours a week (State Council order 174 of 1995, article 3), at most 3 hours a day and 36 hours a month (Labour Law, article 41).
* One day of rest in each week: Labour Law, article 38; hence at most six working days in a row.
* By the month (`overtime_by = "month"`): what goes beyond 8 hours for each workday of the month, holidays and make-up workdays known. A month
  has 20.83 workdays in the mean of the year (Ministry of Labour, 劳社部发〔2008〕3号).
* Averaging over several weeks is for those who have it approved (综合计算工时工作制, Labour Law, article 39): `averaging_weeks`.
* 150 % for overtime, 200 % for work on rest days without a day off in lieu, 300 % for work on public holidays: Labour Law, article 44 (`Pay`).
* 11 hours between two shifts: directive 2003/88/EC, article 3; Chinese law names no number.
"""

from dataclasses import dataclass

WORKDAYS_A_MONTH = 20.83
"""A day of paid absence counts as this part of the month's hours."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What holds for everybody. Hours are paid working hours: unpaid breaks are none of them."""

    day_hours_max: float = 8.0
    """Hours of a day that are no overtime."""
    overtime_day_max_h: float = 3.0
    """How far a shift may go beyond that."""
    week_hours_normal: float = 40.0
    """What goes beyond it is overtime."""
    week_hours_max: float = 44.0
    """At most so many hours a week, on average over `averaging_weeks`."""
    averaging_weeks: int = 1
    overtime_month_max_h: float = 36.0
    overtime_by: str = "week"
    """What overtime is counted beyond: `week`, the week's normal hours; `month`, those of the workdays of the month."""
    fair_weeks: int = 4
    """So many weeks of the history count for the fairness of nights and weekends; for that of holidays it is a year."""
    rest_days_week: int = 1
    """Days off in each week of the roster."""
    days_in_row_max: int = 6
    rest_h: float = 11.0
    """Hours between the end of a shift and the beginning of the next one."""
    weekend: tuple[int, ...] = (5, 6)
    """The days of the week whose shifts are shared out fairly, Monday is 0."""
    night_from_min: int = 22 * 60
    night_until_min: int = 30 * 60
    """The night, in minutes after midnight (30:00 is 6 in the morning)."""
    night_least_min: int = 180
    """A shift with so many minutes of the night is a night shift, unless it says otherwise (directive 2003/88/EC, article 2)."""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What was agreed with a person. What is stricter counts: the contract, or the rules for everybody."""

    id: str = "default"
    hours_week_min: float = 0.0
    """A day of paid absence counts as a share of it."""
    hours_week_max: float = 44.0
    hours_month_min: float = 0.0
    """A month that lies only partly in the plan asks for its part of it."""
    hours_month_max: float | None = None
    days_week_max: int = 6
    days_in_row_max: int | None = None
    days_off_in_row: int = 0
    """At least one stretch of so many days off in each week of the roster."""
    rest_h: float | None = None
    nights_week_max: int = 7
    nights_in_row_max: int = 7
    off_after_nights: int = 0
    """For so many days after a night there is either another night or no shift."""
    earliest_min: int = 0
    """No shift begins before, in minutes after midnight."""
    latest_min: int = 2_880
    """No shift ends after, in minutes after the midnight that its day begins with."""
    shifts: tuple[str, ...] = ()
    """The shift types that are possible; empty: all."""


@dataclass(frozen=True, kw_only=True)
class Pay:
    """What an hour of work is paid, as a factor of a usual one; 1: nothing beyond. What counts as which is in `forecast.rosters.pay`."""

    overtime: float = 1.0
    rest_day: float = 1.0
    """Work on a rest day for which there is no day off in lieu."""
    holiday: float = 1.0
    """Work on a public holiday, where rest days that were moved around it are none."""

    @property
    def plain(self) -> bool:
        """Whether every hour is paid the same."""
        return max(self.overtime, self.rest_day, self.holiday) <= 1.0


PAY_OF_COUNTRY = {"CN": Pay(overtime=1.5, rest_day=2.0, holiday=3.0)}
"""What the law of a country asks for at least. China: Labour Law, article 44."""


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What is how bad. The unit is a paid hour."""

    hour: float = 1.0
    """A paid hour of work."""
    premium: float = 0.5
    """What is paid beyond 100 % for an hour, by the factors of `Pay`: each usual hour's worth of it. Well below `under`: no need is left unmet for it."""
    over: float = 0.5
    """One agent too many for an hour, on top of his pay."""
    under: float = 6.0
    """One agent too few for an hour."""
    deep_share: float = 0.2
    deep: float = 6.0
    """What comes on top where more than `deep_share` of the need is missing: a shortage shall be spread, not heaped."""
    wish: float = 1.0
    """A wish of weight 1 that is not fulfilled."""
    night: float = 0.5
    weekend: float = 0.25
    holiday: float = 0.5
    """Fairness: the k-th night (weekend day, holiday) of a person, past ones beyond those of the luckiest counted, costs k times as much."""
