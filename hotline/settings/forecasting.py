"""The settings of forecasts and of the staff that follows from them."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from hotline.settings.kinds import Section

DEFAULT_COUNTRY = "CN"
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Horizon = Literal["today", "half_hour", "day", "month"]
"""`today`: the rest of the day that runs; `half_hour`: the days after it, slot by slot; `day` and `month`: whole ones."""


def _check_country(value: str) -> str:
    if value and not (value.isascii() and value.isalnum() and value.isupper() and 2 <= len(value) <= 3):
        raise ValueError("use a country code of ISO 3166 such as CN or US; empty: no holidays")
    if value not in ("", DEFAULT_COUNTRY) and value not in _regions():
        raise ValueError(
            "no holidays are known of this country; `hotline forecast calendar --country` names those that are known"
        )
    return value


def _regions() -> dict[str, list[str]]:
    """Return the regions with holidays of their own of each country of which holidays are known."""
    import holidays  # it takes a tenth of a second, and most houses stay where they are

    found: dict[str, list[str]] = holidays.list_supported_countries(include_aliases=True)
    return found


def _check_region(value: str) -> str:
    if len(value) > 10 or not (value == "" or (value.isascii() and value.replace("-", "").isalnum())):
        raise ValueError("use a part of the country by its code of ISO 3166-2 without the country, such as CA or WLS")
    return value


class ForecastEvent(Section):
    """Something of your own that changes how many call: a bill run, a tariff change, a campaign, an outage."""

    name: str = Field(min_length=1, max_length=60)
    """Days of the same name are taken to be alike."""
    first: date
    last: date | None = None
    """None: one day."""
    excluded: bool = False
    """Whether nothing shall be learnt from these days."""

    @model_validator(mode="after")
    def _in_order(self) -> "ForecastEvent":
        if self.last is not None and self.last < self.first:
            raise ValueError("last is before first")
        return self


class Forecasting(Section):
    """Forecasts of calls, and the staff that they ask for."""

    # The calendar. Closed days and hours come from the queues' opening hours.
    country: Annotated[str, AfterValidator(_check_country)] = DEFAULT_COUNTRY
    """Whose holidays count; empty: none."""
    region: Annotated[str, AfterValidator(_check_region)] = ""
    """A part of the country that has holidays of its own."""
    weekend: tuple[Weekday, ...] | None = None
    """Days of the week on which people are off; None: those of the country."""
    events: tuple[ForecastEvent, ...] = Field(default=(), max_length=2_000)
    """`{ name = "bill run", first = 2026-03-05, last = 2026-03-06 }`, and `excluded = true` for days like no other (an outage)."""
    # What is forecast.
    slot_min: Literal[5, 10, 15, 20, 30, 60] = 30
    """The length of the intervals that days are cut into."""
    today: bool = True
    """Whether the rest of the day is forecast anew after each interval."""
    slot_days: int = Field(default=14, ge=1, le=60)
    """How many days are forecast interval by interval."""
    days: int = Field(default=30, ge=1, le=366)
    """How many whole days are forecast."""
    months: int = Field(default=12, ge=0, le=36)
    """How many months are forecast; 0: none."""
    models: tuple[Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")], ...] = ()
    """The models that may be chosen from, by their names in `forecast/models/table.py`. Where none is of half hours (or days, or months), all take
    part that do so by default."""
    history_days: int = Field(default=1_100, ge=14, le=3_660)
    """How far back models learn from."""
    least_days: int = Field(default=14, ge=7, le=366)
    """With fewer days of history nothing is forecast."""
    # When.
    choose_weekday: Weekday = "sun"
    """The day of the week on which the models are compared and chosen anew."""
    choose_hour: int = Field(default=3, ge=0, le=23)
    """The hour of that day, by the clock of `ivr.timezone`."""
    fit_hour: int = Field(default=2, ge=0, le=23)
    """The hour of every night in which the chosen models learn anew."""
    # How much a forecast may take.
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that learn, one processor each."""
    fit_timeout_s: float = Field(default=300.0, ge=1, le=86_400)
    """A model that learns for longer than this is given up, and the next best one serves."""
    choose_timeout_s: float = Field(default=3_600.0, ge=1, le=86_400)
    """A model that takes longer than this when the models of a queue are compared is left out of the comparison."""
    memory_limit_mb: int = Field(default=2_048, ge=256, le=1_000_000)
    """What a process that learns may use."""
    keep_days: int = Field(default=400, ge=31, le=36_500)
    """Forecasts that were made earlier than this are forgotten; until then their accuracy can be looked at."""
    # Staff.
    handling_s: float = Field(default=240.0, ge=1, le=86_400)
    """How long a call takes (conversation and wrap-up) until enough calls were measured."""
    patience_s: float = Field(default=180.0, ge=1, le=86_400)
    """How long callers wait before they give up, on average, until enough was measured."""
    shrinkage: float = Field(default=0.0, ge=0, lt=0.9)
    """The share of paid time in which people are not at their seats (leave, illness, training), for the number to be scheduled."""
    pooling: bool = True
    """Whether queues that share agents are staffed together; otherwise each counts by itself, and a shared agent only for one."""
    pooling_timeout_s: float = Field(default=600.0, ge=1, le=86_400)
    """How long the simulation may take each night that measures what the sharing of a group of queues is worth."""
    # Today.
    gap_agents: int = Field(default=1, ge=1, le=1_000)
    """An alarm begins when so many agents are missing …"""
    gap_share: float = Field(default=0.1, ge=0, le=1)
    """… and at least this share of those required,"""
    gap_intervals: int = Field(default=2, ge=1, le=48)
    """in so many intervals, one after the other, of the time that is looked at."""
    gap_ahead_min: int = Field(default=120, ge=15, le=1_440)
    """How far ahead gaps are looked for."""
    over_agents: int = Field(default=3, ge=1, le=1_000)
    """People may go when so many more are there than are required even if many call."""

    def horizons(self) -> tuple[Horizon, ...]:
        """Return what is forecast, the nearest first."""
        wanted: dict[Horizon, bool] = {
            "today": self.today, "half_hour": True, "day": True, "month": self.months > 0,
        }  # fmt: skip
        return tuple(horizon for horizon, on in wanted.items() if on)

    @model_validator(mode="after")
    def _known_region(self) -> "Forecasting":
        if self.region:
            known = _regions().get(self.country, [])
            if self.region.upper() not in {name.upper() for name in known}:
                accepted = ", ".join(known) or "none"
                raise ValueError(
                    f"region: no holidays of its own are known of {self.region!r} in {self.country or 'no country'}; known are: {accepted}"
                )
        return self
