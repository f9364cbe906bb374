"""Months of the journal: what they are called, where they begin and end."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from crm.journal.months import begin_of, following, month_of, month_of_partition, parse_month, partition_of, show_month
from hotline.errors import Misuse


@pytest.mark.parametrize("text", ["2026-01", "1999-12", "2026-10"])
def test_a_month_is_read_as_it_is_written(text: str) -> None:
    month = parse_month(text)
    assert show_month(month) == text
    assert month_of_partition(partition_of(month)) == month


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-1", "2026-13", "2026-00", "0000-01", "26-01", "2026-01-01", "２０２６-01", "x" * 99]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Misuse, match="write it like 2026-01"):
        parse_month(text)


def test_a_month_is_that_of_utc() -> None:
    new_year = datetime(2026, 1, 1, 7, tzinfo=timezone(timedelta(hours=8)))
    assert month_of(new_year) == date(2025, 12, 1)
    assert begin_of(date(2025, 12, 1)) == datetime(2025, 12, 1, tzinfo=UTC)


def test_december_is_followed_by_january() -> None:
    assert following(date(2025, 12, 1)) == date(2026, 1, 1)
    assert following(date(2026, 1, 1)) == date(2026, 2, 1)


@pytest.mark.parametrize("name", ["journal", "journal_2026", "journal_2026_13", "journal_2026_01_coming", "call"])
def test_other_tables_are_no_months(name: str) -> None:
    assert month_of_partition(name) is None
