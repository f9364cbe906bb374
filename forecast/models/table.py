"""Which models there are, by name and unit, and which of them the automatic choice may take.

To add a model: write a module beside `template.py`, then one line here. A line names the place of the maker as text (`module:callable`), so
that reading this table loads nothing: LightGBM and statsmodels are heavy, and most programs that look at the names never fit one.
The maker is called with the options of the line and returns a `Model` whose `name` is that of the line; the one suite of tests/unit/forecast/models/test_contract.py runs
over every line. The models of the rest of today have another contract and a table of their own (`forecast.today`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import cast

from forecast.models.base import Model
from forecast.series.counts import Unit
from hotline.errors import Misuse


@dataclass(frozen=True, kw_only=True)
class Line:
    """A model that can be asked for."""

    unit: Unit
    name: str
    """In tables, settings, on the command line: `arima`, `factor`."""
    where: str
    """`module:callable` of the maker."""
    options: Mapping[str, object] = field(default_factory=dict)
    """What the maker is called with."""
    learns: Unit | None = None
    """The unit of the history that `fit` gets, where it is not the unit of what it forecasts: sums of daily models are months that learn days."""
    candidate: bool = False
    """Whether the automatic choice tries it unless told otherwise. What is slow or never wins is only there by name."""
    updates: bool = False
    """Whether `update` with more periods promises the forecast of a fit on all of them (with the parameters kept)."""


LINES: tuple[Line, ...] = (
    # The baselines (baselines.py): no choice may lose to them.
    Line(unit="slot", name="seasonal-naive", where="forecast.models.baselines:SeasonalNaive", candidate=True, updates=True),
    Line(unit="slot", name="weekday-mean", where="forecast.models.baselines:WeekdayMean", options={"weeks": 8}, candidate=True, updates=True),
    Line(unit="day", name="seasonal-naive", where="forecast.models.baselines:SeasonalNaive", candidate=True, updates=True),
    Line(unit="day", name="weekday-mean", where="forecast.models.baselines:WeekdayMean", options={"weeks": 4}, candidate=True, updates=True),
    Line(unit="month", name="seasonal-naive", where="forecast.models.baselines:SeasonalNaive", candidate=True, updates=True),
    # How to write one (template.py).
    Line(unit="slot", name="template", where="forecast.models.template:SmoothedWeek", updates=True),
    Line(unit="day", name="template", where="forecast.models.template:SmoothedWeek", updates=True),
    # Slots (INTRADAY).
    Line(unit="slot", name="factor", where="forecast.models.slots.factor:Factor", candidate=True),
    Line(unit="slot", name="factor-stiff", where="forecast.models.slots.factor:stiff"),
    Line(unit="slot", name="trees", where="forecast.models.slots.trees:Trees"),
    Line(unit="slot", name="network", where="forecast.models.slots.network:Network"),
    Line(unit="slot", name="factors", where="forecast.models.combination:Combination", options={"members": ("factor", "factor-stiff"), "name": "factors"}, candidate=True),
    Line(unit="slot", name="combination", where="forecast.models.combination:Combination", options={"members": ("factor", "factor-stiff", "trees")}, candidate=True),
    # Days (DAYS).
    Line(unit="day", name="mean", where="forecast.models.days.mean:DayMean", candidate=True),
    Line(unit="day", name="process", where="forecast.models.days.process:DayProcess", candidate=True),
    Line(unit="day", name="sarimax", where="forecast.models.days.regression:DayRegression", options={"name": "sarimax", "order": (1, 1, 1, 1, 0, 0)}),
    Line(unit="day", name="arima", where="forecast.models.days.regression:DayRegression"),
    Line(unit="day", name="ets", where="forecast.models.days.smoothing:DaySmoothing"),
    Line(unit="day", name="lightgbm", where="forecast.models.days.trees:DayTrees"),
    Line(unit="day", name="network", where="forecast.models.days.network:DayNetwork"),
    Line(unit="day", name="weekday-effects", where="forecast.models.days.seasonal:WeekdayEffects", candidate=True),
    # Months (MONTHS).
    Line(unit="month", name="months", where="forecast.models.months.rule:MonthRule", learns="day", candidate=True),
    Line(unit="month", name="arima", where="forecast.models.months.arima_of_months:MonthArima"),
    Line(unit="month", name="sarimax", where="forecast.models.months.arima_of_months:MonthArima", options={"name": "sarimax", "orders": "airline", "calendar_terms": "all"}, candidate=True),
    Line(unit="month", name="arima_p1q", where="forecast.models.months.arima_of_months:MonthArima", options={"name": "arima_p1q", "orders": "p1q", "criterion": "aic"}),
    Line(unit="month", name="x13", where="forecast.models.months.x13:X13"),
    Line(unit="month", name="ets", where="forecast.models.months.smoothing:MonthSmoothing"),
    Line(unit="month", name="naive-drift", where="forecast.models.months.drift:SeasonalDrift"),
    Line(unit="month", name="months-from-days", where="forecast.models.months.from_days:MonthsFromDays", learns="day"),
    Line(unit="month", name="mean", where="forecast.models.combination:Combination", options={"name": "mean", "unit": "month", "members": ("arima", "sarimax", "ets"), "equal": True}),
)  # fmt: skip

BASELINES: Mapping[Unit, str] = {"slot": "weekday-mean", "day": "weekday-mean", "month": "seasonal-naive"}
"""The model that the automatic choice falls back to and may never lose to."""

PREFERRED: Mapping[Unit, str] = {"slot": "factors", "day": "mean", "month": "months"}
"""The model of a queue as long as the past says nothing else; the automatic choice leaves it only for one that is better by its margin."""


def names(unit: Unit) -> tuple[str, ...]:
    """Return the names of all models of a unit."""
    return tuple(line.name for line in LINES if line.unit == unit)


def candidates(unit: Unit) -> tuple[str, ...]:
    """Return the names of the models that the automatic choice tries by default."""
    return tuple(line.name for line in LINES if line.unit == unit and line.candidate)


def line(unit: Unit, name: str) -> Line:
    """Return the line of a model. Raises Misuse for a name that is not there."""
    for found in LINES:
        if found.unit == unit and found.name == name:
            return found
    raise Misuse(f"there is no model {name} of {unit}s; there are {', '.join(names(unit))}")


def make(unit: Unit, name: str) -> Model:
    """Return the model of this name; its module is imported now. Raises Misuse for a name that is not there."""
    found = line(unit, name)
    module, _, maker = found.where.partition(":")
    return cast("Model", getattr(import_module(module), maker)(**found.options))
