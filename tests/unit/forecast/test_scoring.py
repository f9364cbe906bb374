"""What forecasts were worth: by how far ahead they were said, in sums that can be added up."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from forecast.duties.scoring import Said, scores
from forecast.models.base import LEVELS
from hotline.facts import Horizon
from hotline.ids import QueueId

ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 3, 2)


def at(day: int, hour: float) -> float:
    """A moment of March 2026 in Shanghai."""
    return datetime(2026, 3, day, tzinfo=UTC).timestamp() + (hour - 8) * 3600


def said(made_at: float, hour: float, mean: float, *, horizon: Horizon = "half_hour", **more: Any) -> Said:
    given = {"period": DAY, "starts_at": at(2, hour), "model": "factor", **more}
    quantiles = tuple(mean + 20 * (level - 0.5) for level in LEVELS)
    return Said(queue_id=QueueId("service"), horizon=horizon, made_at=made_at, mean=mean, quantiles=quantiles, **given)


def test_errors_are_summed_by_period_and_intervals_that_are_not_known_are_left_out() -> None:
    spoken = [said(at(1, 2), hour, 100.0) for hour in (9, 9.5, 10)]
    (score,) = scores(spoken, {at(2, 9): 110.0, at(2, 10): 96.0}, ZONE)
    assert (score.period, score.lead, score.intervals, score.calls) == (DAY, 1, 2, 206.0)
    assert (score.error, score.absolute) == (-6.0, 14.0)
    assert (score.inside80, score.inside95) == (1, 1)


def test_the_bounds_of_a_range_belong_to_it() -> None:
    (score,) = scores([said(at(1, 2), 9, 100.0)], {at(2, 9): 108.0}, ZONE)
    assert (score.inside80, score.inside95) == (1, 1)
    (score,) = scores([said(at(1, 2), 9, 100.0)], {at(2, 9): 109.0}, ZONE)
    assert (score.inside80, score.inside95) == (0, 1)


def test_each_lead_is_scored_by_itself_and_its_last_word_counts() -> None:
    spoken = [said(at(1, 2), 9, 100.0), said(at(1, 12), 9, 105.0), said(at(2, 2), 9, 120.0)]
    found = {s.lead: s.error for s in scores(spoken, {at(2, 9): 100.0}, ZONE)}
    assert found == {0: 20.0, 1: 5.0}


def test_days_ahead_are_local_days_and_not_hours() -> None:
    late = said(at(1, 23.9), 0, 10.0)
    assert late.lead(ZONE) == 1


def test_today_is_scored_by_hours_ahead() -> None:
    spoken = [said(at(2, 9), hour, 10.0, horizon="today") for hour in (9, 9.5, 10, 13.5)]
    came = {one.starts_at: 10.0 for one in spoken}
    assert {(s.lead, s.intervals) for s in scores(spoken, came, ZONE)} == {(0, 2), (1, 1), (4, 1)}


def test_months_ahead_are_counted_over_the_turn_of_the_year() -> None:
    before = datetime(2025, 12, 20, tzinfo=UTC).timestamp()
    month = said(before, 0, 900.0, horizon="month", period=date(2026, 3, 1), starts_at=at(1, 0))
    assert month.lead(ZONE) == 3


def test_what_nobody_said_or_nobody_counted_has_no_score() -> None:
    assert scores([], {at(2, 9): 1.0}, ZONE) == []
    assert scores([said(at(1, 2), 9, 100.0)], {}, ZONE) == []
