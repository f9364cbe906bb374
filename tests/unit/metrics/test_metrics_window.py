"""Sliding windows: the owner of an outcome is the moment of arrival; memory is bounded."""

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from hotline.kpi import QueueCounts
from metrics.window import OutcomeWindow, plausible

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 3, 10, 12, 0, tzinfo=SHANGHAI).timestamp()
MIDNIGHT = datetime(2026, 3, 11, 0, 0, tzinfo=SHANGHAI).timestamp()


def window() -> OutcomeWindow:
    return OutcomeWindow(threshold_s=30.0, zone=SHANGHAI)


def test_an_answer_belongs_to_the_time_of_entry_not_of_the_answer() -> None:
    w = window()
    w.add("entered", entered_at=NOON - 290, now=NOON - 290)
    w.add("answered", entered_at=NOON - 290, now=NOON, wait_s=290)
    assert w.counts("5m", NOON) == QueueCounts(offered=1, answered=1)
    assert w.counts("5m", NOON + 20) == QueueCounts()
    assert w.counts("30m", NOON + 20) == QueueCounts(offered=1, answered=1)
    assert w.counts("today", NOON + 7200) == QueueCounts(offered=1, answered=1)


def test_the_threshold_itself_is_within_the_threshold() -> None:
    w = window()
    w.add("answered", entered_at=NOON, now=NOON, wait_s=30.0)
    w.add("answered", entered_at=NOON, now=NOON, wait_s=30.001)
    assert w.counts("5m", NOON) == QueueCounts(answered=2, answered_in_threshold=1)


def test_abandons_are_told_apart_by_threshold_and_short_limit() -> None:
    w = window()
    w.add("abandoned", entered_at=NOON, now=NOON, wait_s=2, short=True)
    w.add("abandoned", entered_at=NOON, now=NOON, wait_s=31)
    assert w.counts("5m", NOON) == QueueCounts(abandoned=2, abandoned_in_threshold=1, short_abandoned=1)


def test_today_is_the_local_day_and_a_caller_of_before_midnight_counts_for_yesterday() -> None:
    w = window()
    w.add("entered", entered_at=MIDNIGHT - 10, now=MIDNIGHT - 10)
    w.add("answered", entered_at=MIDNIGHT - 10, now=MIDNIGHT + 10, wait_s=20)
    w.add("entered", entered_at=MIDNIGHT + 5, now=MIDNIGHT + 10)
    assert w.counts("today", MIDNIGHT + 10) == QueueCounts(offered=1)
    assert w.counts("today", MIDNIGHT - 1) == QueueCounts(offered=1, answered=1, answered_in_threshold=1)
    assert w.counts("5m", MIDNIGHT + 10) == QueueCounts(offered=2, answered=1, answered_in_threshold=1)


def test_memory_does_not_grow_with_traffic_or_time() -> None:
    w = window()
    for second in range(0, 5 * 86_400, 7):
        w.add("entered", entered_at=NOON + second, now=NOON + second)
    assert len(w._bins) <= 183
    assert len(w._days) <= 3


def test_entries_far_in_the_past_are_ignored() -> None:
    w = window()
    w.add("entered", entered_at=NOON - 10 * 86_400, now=NOON)
    assert w.counts("30m", NOON) == QueueCounts()
    assert w._bins == {}
    assert w._days == {}


def test_impossible_times_become_now() -> None:
    assert [plausible(t, NOON) for t in (0.0, math.nan, math.inf, -math.inf, NOON + 3600)] == [NOON] * 5
    assert plausible(NOON - 3600, NOON) == NOON - 3600
