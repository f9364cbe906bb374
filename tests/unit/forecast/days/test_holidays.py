"""Calendars of countries: who is off when, and what is not known yet."""

from datetime import date, timedelta

import pytest

from forecast.days.calendar import Event
from forecast.days.holidays import calendar_for, countries, local_names, spring_festival, statutory_days
from hotline.errors import Misuse

# The State Council's notices on the arrangement of holidays, days 2024 and 2026 (国办发明电), written down by hand.
OFF_2024_FEBRUARY = {date(2024, 2, day) for day in (3, 10, 11, 12, 13, 14, 15, 16, 17, 24, 25)}
WORKDAYS_2024 = {
    date(2024, month, day) for month, day in ((2, 4), (2, 18), (4, 7), (4, 28), (5, 11), (9, 14), (9, 29), (10, 12))
}
WORKDAYS_2026 = {date(2026, month, day) for month, day in ((1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10))}

# Dates of the Hong Kong Observatory's almanac.
SPRING_FESTIVALS = (
    (1950, 2, 17), (1985, 2, 20), (2000, 2, 5), (2012, 1, 23), (2015, 2, 19), (2020, 1, 25), (2023, 1, 22), (2026, 2, 17),
    (2027, 2, 6), (2030, 2, 3), (2050, 1, 23),
)  # fmt: skip


def test_chinese_make_up_workdays_are_those_that_were_published() -> None:
    assert calendar_for("CN", years=(2024,)).workdays == WORKDAYS_2024
    assert calendar_for("CN", years=(2026,)).workdays == WORKDAYS_2026


def test_people_in_china_are_off_on_holidays_and_weekends_but_not_on_make_up_workdays() -> None:
    calendar = calendar_for("CN", years=(2024,))
    february = [date(2024, 2, day) for day in range(1, 30)]
    assert {day for day in february if calendar.is_off(day)} == OFF_2024_FEBRUARY


@pytest.mark.parametrize(("year", "month", "day"), SPRING_FESTIVALS)
def test_the_spring_festival_is_where_the_almanac_has_it(year: int, month: int, day: int) -> None:
    assert spring_festival(year) == date(year, month, day)


def test_every_day_of_a_lunar_country_lies_between_two_spring_festivals() -> None:
    firsts = calendar_for("CN", years=(2026,)).spring_festivals
    assert firsts == (date(2025, 1, 29), date(2026, 2, 17), date(2027, 2, 6))
    assert calendar_for("US", years=(2026,)).spring_festivals == ()


def test_spring_festivals_are_known_to_2100_and_no_further() -> None:
    assert spring_festival(2099) == date(2099, 1, 21)
    with pytest.raises(Misuse, match="1901 to 2100"):
        spring_festival(2101)


def test_years_whose_moved_workdays_are_not_published_are_named() -> None:
    assert calendar_for("CN", years=(2026, 2060)).unpublished == {2060}
    assert date(2060, 10, 1) in calendar_for("CN", years=(2060,)).holidays


def test_a_country_that_never_moves_workdays_has_no_such_years() -> None:
    assert calendar_for("US", years=(2060,)).unpublished == frozenset()


def test_a_new_year_that_is_observed_before_it_counts_for_the_old_year() -> None:
    # 1 January 2022 was a Saturday: in the United States it was kept on Friday, 31 December 2021.
    assert date(2021, 12, 31) in calendar_for("US", years=(2021,)).holidays


def test_the_week_of_israel_begins_on_sunday() -> None:
    calendar = calendar_for("IL", years=(1999,))
    assert calendar.weekend == {4, 5}
    assert not calendar.is_off(date(1999, 1, 3))
    assert calendar.holidays[date(1999, 9, 20)] == "Yom Kippur"


def test_days_on_which_most_people_work_are_minor() -> None:
    calendar = calendar_for("IL", years=(1999,))
    assert calendar.minor[date(1999, 3, 2)] == "Purim"
    assert not calendar.is_off(date(1999, 3, 2))
    assert not set(calendar.minor) & set(calendar.holidays)


def test_a_region_may_stand_behind_the_country_or_beside_it() -> None:
    joined, apart = calendar_for("GB-WLS", years=(2018,)), calendar_for("gb", "wls", years=(2018,))
    assert joined == apart
    assert joined.country == "GB-WLS"
    assert joined.holidays[date(2018, 8, 27)].startswith("Late Summer")


def test_no_country_is_no_holidays() -> None:
    calendar = calendar_for("", years=(2026,), closed=(date(2026, 1, 1),))
    assert (calendar.holidays, calendar.closed) == ({}, {date(2026, 1, 1)})
    assert calendar.is_off(date(2026, 1, 3))


def test_events_and_closed_days_are_taken_over() -> None:
    event = Event(name="bill run", first=date(2026, 3, 5), last=date(2026, 3, 5))
    calendar = calendar_for("CN", years=(2026,), events=[event], closed=[date(2026, 2, 17)])
    assert (calendar.events, calendar.closed) == ((event,), {date(2026, 2, 17)})


@pytest.mark.parametrize(
    ("country", "region", "named"),
    [("XX", "", "CN, CO, CR"), ("GB", "XYZ", "ENG, NIR, SCT, WLS"), ("CN-11", "", "none")],
)
def test_an_unknown_place_is_an_error_that_names_those_known(country: str, region: str, named: str) -> None:
    with pytest.raises(Misuse, match=named):
        calendar_for(country, region, years=(2026,))


@pytest.mark.parametrize("years", [(), (1800,), (2026, 2500)])
def test_years_that_no_calendar_has_are_refused(years: tuple[int, ...]) -> None:
    with pytest.raises(Misuse):
        calendar_for("CN", years=years)


@pytest.mark.parametrize("country", ["DE", "JP", "RU", "TW", "HK", "SG", "IN", "BR", "EG", "ZA"])
def test_other_countries_have_holidays_too(country: str) -> None:
    assert len(calendar_for(country, years=(2026,)).holidays) >= 5


def test_names_come_in_chinese_where_there_is_a_translation() -> None:
    names = local_names("CN", years=(2026,), language="zh")
    assert names[date(2026, 2, 17)] == "春节"
    assert local_names("CN", years=(2026,), language="en")[date(2026, 10, 1)] == "National Day"


def test_many_countries_are_known() -> None:
    assert {"CN", "US", "GB", "IL", "DE", "JP"} <= set(countries())


# --- days on which work is paid as on a holiday ---------------------------------------------------------------------------


def test_the_law_of_china_names_thirteen_days_since_2025() -> None:
    found = sorted(statutory_days("CN", years=[2026]))
    spring = [spring_festival(2026) + timedelta(days=n) for n in (-1, 0, 1, 2)]
    assert set(spring) <= set(found)
    others = ("01-01", "04-05", "05-01", "05-02", "06-19", "09-25", "10-01", "10-02", "10-03")
    assert [f"{day:%m-%d}" for day in found if day not in spring] == list(others)


@pytest.mark.parametrize(("year", "many"), [(2024, 11), (2025, 13), (2027, 13), (2031, 12), (2033, 13)])
def test_so_many_days_there_are_each_year_less_those_that_fall_together(year: int, many: int) -> None:
    assert len(statutory_days("CN", years=[year])) == many


def test_days_moved_around_holidays_are_none_of_them_but_are_days_off() -> None:
    days, calendar = statutory_days("CN", years=[2026]), calendar_for("CN", years=[2026])
    moved = {date(2026, 10, 5), date(2026, 10, 6), date(2026, 10, 7), date(2026, 4, 6)}
    assert moved <= set(calendar.holidays)
    assert not moved & days
    assert days <= set(calendar.holidays)


def test_in_other_countries_every_public_holiday_is_one() -> None:
    assert statutory_days("US", years=[2026]) == set(calendar_for("US", years=[2026]).holidays)
    with pytest.raises(Misuse, match="no holidays are known"):
        statutory_days("XX", years=[2026])
