from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from hotline.hours import Hours, always, describe, parse_days

SHANGHAI = Hours(
    timezone="Asia/Shanghai",
    weekly={"mon": ((540, 720), (780, 1080)), "sun": ((1320, 1440),)},
    closed_dates=frozenset({date(2026, 3, 9)}),
)


def at(text: str, zone: str = "Asia/Shanghai") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("when", "is_open"),
    [
        ("2026-03-02T08:59:59", False),
        ("2026-03-02T09:00:00", True),
        ("2026-03-02T11:59:59", True),
        ("2026-03-02T12:00:00", False),
        ("2026-03-02T13:00:00", True),
        ("2026-03-02T18:00:00", False),
        ("2026-03-03T10:00:00", False),
        ("2026-03-01T23:59:59", True),
        ("2026-03-02T00:00:00", False),
        ("2026-03-09T10:00:00", False),
    ],
)
def test_an_interval_has_its_first_minute_and_not_its_last(when: str, is_open: bool) -> None:
    assert SHANGHAI.is_open(at(when)) is is_open


def test_hours_are_local_when_daylight_saving_changes() -> None:
    berlin = Hours(timezone="Europe/Berlin", weekly={"sat": ((540, 600),), "mon": ((540, 600),)})
    assert berlin.is_open(at("2026-03-28T09:00", "Europe/Berlin"))
    assert berlin.is_open(at("2026-03-30T09:00", "Europe/Berlin"))
    assert at("2026-03-30T09:00", "Europe/Berlin") - at("2026-03-28T09:00", "Europe/Berlin") == 47 * 3600


def test_always_is_always_but_for_closed_dates() -> None:
    assert always("UTC").is_open(at("2026-03-01T23:59", "UTC"))
    assert not always("UTC", frozenset({date(2026, 3, 1)})).is_open(at("2026-03-01T12:00", "UTC"))


def test_ranges_of_days_may_pass_the_end_of_the_week() -> None:
    assert parse_days("sat-mon") == ("sat", "sun", "mon")
    assert parse_days("wed") == ("wed",)
    assert parse_days("wed-") == ()


def test_hours_read_well() -> None:
    assert describe(SHANGHAI) == "mon 09:00-12:00 13:00-18:00, sun 22:00-24:00 (Asia/Shanghai); closed on 2026-03-09"
    assert describe(always("UTC")) == "day and night (UTC)"
