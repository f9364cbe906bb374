"""Intervals of the present day, folded from facts."""

from typing import Any

import numpy as np
import pytest

from forecast.series.counts import Counts
from forecast.series.live import GRACE_S, KEEP_S, LATE_S, Closed, LiveSeries, with_closed
from hotline.facts import (
    AgentStateChanged,
    CallAbandoned,
    CallAdopted,
    CallArrived,
    CallFlowedOut,
    CallQueued,
    LinkChanged,
    OfferAccepted,
    OfferMade,
    Place,
    QueueSwitched,
    RouterTermBegan,
    RouterTermEnded,
    ServiceStarted,
    TalkEnded,
)
from hotline.hours import Hours, always

T0 = 1_795_305_600.0  # 2026-11-22 00:00 UTC
STEP = 300.0


def live(now: float = T0, queues: tuple[str, ...] = ("sales",)) -> LiveSeries:
    return LiveSeries(queues, now=now)


def arrived(call: str, at: float, number: str = "") -> Any:
    return CallArrived(at=T0 + at, call_id=call, node="n", leg="l", number="4000", caller_number=number)


def queued(call: str, at: float, queue: str = "sales", **more: Any) -> Any:
    return CallQueued(at=T0 + at, call_id=call, queue_id=queue, entered_at=T0 + at, **more)


def abandoned(call: str, at: float, entered: float, **more: Any) -> Any:
    return CallAbandoned(at=T0 + at, call_id=call, queue_id="sales", entered_at=T0 + entered, **more)


def served(call: str, entered: float, accepted: float, over: float, agent: str = "1001") -> list[Any]:
    offer = f"offer-{call}"
    return [
        OfferMade(
            at=T0 + accepted - 3, call_id=call, offer_id=offer, agent_id=agent, extension="1001", queue_id="sales",
            ring_timeout_s=15, entered_at=T0 + entered,
        ),
        OfferAccepted(at=T0 + accepted, call_id=call, offer_id=offer),
        TalkEnded(at=T0 + over, call_id=call, offer_id=offer),
    ]  # fmt: skip


def fed(series: LiveSeries, *facts: Any) -> LiveSeries:
    for fact in facts:
        series.take(fact, now=fact.at)
    return series


def closed_at(series: LiveSeries, at: float) -> list[Closed]:
    return series.advance(T0 + at)


def offered(told: list[Closed]) -> list[int]:
    return [c.volumes.offered for c in told]


# --- closing ---------------------------------------------------------------------------------------------------------------


def test_an_interval_is_closed_within_a_second_of_its_end() -> None:
    series = fed(live(), queued("a", 10), queued("b", 299.9))
    assert T0 + STEP < series.next_deadline() <= T0 + STEP + 1.0
    assert series.advance(series.next_deadline() - 0.01) == []
    told = series.advance(series.next_deadline())
    assert [(c.queue_id, c.began_at, c.volumes.offered, c.known, c.revision) for c in told] == [
        ("sales", T0, 2, True, 0)
    ]
    assert series.next_deadline() == T0 + 2 * STEP + GRACE_S


def test_every_queue_has_every_interval_also_without_a_call() -> None:
    told = closed_at(live(queues=("sales", "service")), 2 * STEP + 1)
    assert [(c.queue_id, c.began_at - T0) for c in told] == [
        ("sales", 0), ("service", 0), ("sales", STEP), ("service", STEP)
    ]  # fmt: skip


def test_a_caller_of_the_new_interval_is_not_counted_in_the_old_one() -> None:
    series = fed(live(), queued("a", 299), queued("b", 300.2))
    assert offered(closed_at(series, STEP + GRACE_S)) == [1]
    assert offered(closed_at(series, 2 * STEP + GRACE_S)) == [1]


def test_the_interval_in_which_the_fold_began_is_not_known() -> None:
    told = closed_at(fed(live(T0 + 60), queued("a", 70)), 2 * STEP + 1)
    assert [(c.known, c.volumes.offered) for c in told] == [(False, 1), (True, 0)]


def test_a_leap_of_the_clock_tells_no_more_than_what_is_kept() -> None:
    assert len(closed_at(live(), 30 * 86_400)) <= KEEP_S / STEP + 1


def test_a_clock_that_goes_back_closes_nothing_twice() -> None:
    series = live()
    assert len(closed_at(series, STEP + 1)) == 1
    assert closed_at(series, 10) == []
    assert closed_at(series, STEP + 2) == []


# --- repeated, late, foreign ---------------------------------------------------------------------------------------------------


def test_a_repeated_fact_changes_nothing() -> None:
    facts = [queued("a", 10), queued("a", 10), abandoned("a", 40, 10), abandoned("a", 40, 10), queued("a", 10)]
    (told,) = closed_at(fed(live(), *facts), STEP + 1)
    assert (told.volumes.offered, told.volumes.abandoned, told.volumes.wait_s) == (1, 1, 30)


def test_a_late_caller_corrects_his_interval_within_a_second() -> None:
    series = fed(live(), queued("a", 10))
    closed_at(series, STEP + 1)
    series.take(queued("late", 20), now=T0 + 400)
    assert series.next_deadline() == T0 + 400 + LATE_S
    (told,) = series.advance(series.next_deadline())
    assert (told.began_at, told.volumes.offered, told.revision) == (T0, 2, 1)
    assert series.next_deadline() == T0 + 2 * STEP + GRACE_S


def test_what_became_of_callers_is_told_with_the_next_interval() -> None:
    series = fed(live(), queued("a", 290))
    closed_at(series, STEP + 1)
    series.take(abandoned("a", 350, 290), now=T0 + 350)
    assert series.next_deadline() == T0 + 2 * STEP + GRACE_S
    told = series.advance(series.next_deadline())
    assert [(c.began_at - T0, c.revision, c.volumes.abandoned) for c in told] == [(0, 1, 1), (STEP, 0, 0)]


def test_facts_out_of_order_count_the_same() -> None:
    facts = [
        arrived("a", 5, "138"),
        queued("a", 10),
        *served("a", 10, 30, 130),
        queued("b", 20),
        abandoned("b", 60, 20),
    ]
    straight, mixed = live(), live()
    for fact in facts:
        straight.take(fact, now=T0 + 200)
    for n in (5, 4, 1, 2, 0, 6, 3):
        mixed.take(facts[n], now=T0 + 200)
    mixed.take(facts[3], now=T0 + 200)
    mixed.take(facts[4], now=T0 + 200)
    assert closed_at(mixed, STEP + 1)[0].volumes.offered == closed_at(straight, STEP + 1)[0].volumes.offered == 2


def test_what_is_older_than_what_is_kept_changes_nothing() -> None:
    series = live()
    closed_at(series, KEEP_S + 2 * STEP)
    series.take(queued("old", 10), now=T0 + KEEP_S + 3 * STEP)
    told = closed_at(series, KEEP_S + 4 * STEP + 1)
    assert sum(offered(told)) == 0


def test_a_caller_told_from_the_future_is_not_counted() -> None:
    series = live()
    series.take(queued("odd", 1e6), now=T0 + 10)
    assert sum(offered(closed_at(series, STEP + 1))) == 0


def test_a_callback_is_no_call_that_came() -> None:
    facts = [
        queued("cb", 10, kind="callback"),
        CallFlowedOut(at=T0 + 50, call_id="cb", queue_id="sales", entered_at=T0 + 10, reason="fallback"),
    ]
    assert offered(closed_at(fed(live(), *facts), STEP + 1)) == [0]


def test_a_queue_of_others_is_passed_over() -> None:
    assert offered(closed_at(fed(live(), queued("a", 10, "other")), STEP + 1)) == [0]


def test_more_callers_than_the_limit_forget_the_oldest_and_stay_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forecast.series.live_waits.MAX_WAITS", 10)
    series = fed(live(), *(queued(f"c{n}", n) for n in range(30)))
    series.take(abandoned("c0", 40, 0), now=T0 + 40)
    assert len(series._waits._waits) <= 10
    assert offered(closed_at(series, STEP + 1))[0] >= 30


# --- what is counted ---------------------------------------------------------------------------------------------------------------


def test_waits_handling_and_abandons_belong_to_the_interval_of_the_entry() -> None:
    wrap_up = AgentStateChanged(at=T0 + 130, agent_id="1001", state="wrap_up", previous="talking", call_id="a")
    ready = AgentStateChanged(at=T0 + 145, agent_id="1001", state="ready", previous="wrap_up")
    series = fed(
        live(),
        queued("a", 10),
        *served("a", 10, 30, 130),
        wrap_up,
        ready,
        queued("b", 20),
        abandoned("b", 24, 20, short=True),
    )
    (told,) = closed_at(series, STEP + 1)
    got = told.volumes
    assert (got.offered, got.answered, got.handled, got.handled_s) == (2, 1, 1, 115)
    assert (got.abandoned, got.short_abandoned, got.wait_s) == (1, 1, 24)


def test_who_gave_up_and_calls_again_is_a_redial_once() -> None:
    facts = [
        arrived("a", 0, "138"), queued("a", 5), abandoned("a", 60, 5),
        arrived("b", 100, "138"), queued("b", 105), *served("b", 105, 110, 120),
        arrived("c", 130, "138"), queued("c", 135),
        arrived("d", 140, ""), queued("d", 145),
    ]  # fmt: skip
    (told,) = closed_at(fed(live(), *facts), STEP + 1)
    assert (told.volumes.offered, told.volumes.redials) == (4, 1)


def test_a_caller_found_waiting_after_a_gap_was_offered() -> None:
    place = Place(flow="main", flow_version="1", step="queue", queue_id="sales", entered_at=T0 + 20)
    found = CallAdopted(at=T0 + 60, call_id="a", node="n", leg="l", phase="session", place=place)
    talking = CallAdopted(at=T0 + 60, call_id="b", node="n", leg="l", phase="talking", place=place)
    assert offered(closed_at(fed(live(), found, talking, queued("a", 20)), STEP + 1)) == [1]


# --- outages -----------------------------------------------------------------------------------------------------------------------


def known(series: LiveSeries, until: float = 4 * STEP + 1) -> list[bool]:
    series.advance(T0 + until)
    return [c.known for c in series.intervals("sales")]


def test_while_a_link_is_down_nothing_is_known() -> None:
    down, up = LinkChanged(at=T0 + 310, node="n", up=False), LinkChanged(at=T0 + 800, node="n", up=True)
    assert known(fed(live(), down, up)) == [True, False, False, True]


def test_a_short_loss_spoils_nothing() -> None:
    facts = [LinkChanged(at=T0 + 310, node="n", up=False), LinkChanged(at=T0 + 330, node="n", up=True)]
    assert known(fed(live(), *facts)) == [True] * 4


def test_a_node_down_for_hours_is_given_up_while_another_one_works() -> None:
    both = fed(live(), LinkChanged(at=T0, node="m", up=True), LinkChanged(at=T0, node="n", up=False))
    alone = fed(live(), LinkChanged(at=T0, node="n", up=False))
    assert known(both, 5 * 3_600)[-1]
    assert not known(alone, 5 * 3_600)[-1]


def test_without_a_router_nothing_is_known() -> None:
    ended = RouterTermEnded(at=T0 + 310, router="a", epoch=4, reason="stopped")
    began = RouterTermBegan(at=T0 + 500, router="b", epoch=5, reason="free")
    assert known(fed(live(), ended, began)) == [True, False, True, True]


def test_the_end_of_a_term_that_was_followed_already_is_no_outage() -> None:
    began = RouterTermBegan(at=T0 + 300, router="b", epoch=5, reason="silence")
    ended = RouterTermEnded(at=T0 + 301, router="a", epoch=4, reason="newer_term")
    assert known(fed(live(), began, ended)) == [True] * 4


def test_the_silence_before_a_start_is_corrected_afterwards() -> None:
    series = fed(live(), queued("a", 100))
    assert known(series) == [True] * 4
    series.take(ServiceStarted(at=T0 + 4 * STEP + 10, service="acd"), now=T0 + 4 * STEP + 10)
    told = series.advance(series.next_deadline())
    assert [(c.began_at - T0, c.known, c.revision) for c in told] == [
        (0, False, 1), (STEP, False, 1), (2 * STEP, False, 1), (3 * STEP, False, 1)
    ]  # fmt: skip


def test_a_closed_queue_shows_nothing_of_its_callers() -> None:
    facts = [
        QueueSwitched(at=T0 + at, queue_id="sales", closed=closed, by="li")
        for at, closed in ((310, True), (620, False))
    ]
    assert known(fed(live(), *facts)) == [True, False, True, True]


# --- into a series -----------------------------------------------------------------------------------------------------------------


def series_of(values: list[float], day: str = "2026-11-21") -> Counts:
    starts = tuple(range(0, 1440, 30))
    return Counts(
        unit="slot", periods=np.array([day], dtype="datetime64[D]"), values=np.array([values]), starts_min=starts,
        step_min=30, queue="sales", zone="Asia/Shanghai",
    )  # fmt: skip


def test_closed_intervals_are_summed_into_the_days_of_a_series() -> None:
    series = fed(live(), *(queued(f"c{n}", n * 60) for n in range(60)))
    closed_at(series, 3_600 + 1)
    before = series_of([1.0] * 48)
    after = with_closed(before, series.intervals("sales"), hours=always("Asia/Shanghai"))
    assert [str(day) for day in after.periods] == ["2026-11-21", "2026-11-22"]
    np.testing.assert_array_equal(after.values[1, 15:20], [np.nan, 30, 30, np.nan, np.nan])  # 00:00 UTC is 08:00
    np.testing.assert_array_equal(after.values[0], before.values[0])


def test_closed_hours_of_an_open_day_are_zero_and_unknown_intervals_stay_unknown() -> None:
    series = fed(live(), LinkChanged(at=T0 + 310, node="n", up=False), LinkChanged(at=T0 + 620, node="n", up=True))
    closed_at(series, 3_600 + 1)
    hours = Hours(timezone="Asia/Shanghai", weekly={"sun": ((8 * 60, 10 * 60),), "mon": ((7 * 60, 10 * 60),)})
    after = with_closed(series_of([1.0] * 48), series.intervals("sales"), hours=hours)
    sunday = dict(zip(after.starts_min, after.values[-1].tolist(), strict=True))
    assert (sunday[420], sunday[450], sunday[510]) == (0, 0, 0)
    assert np.isnan(sunday[480])
    assert np.isnan(sunday[540])


def test_redials_can_be_left_out() -> None:
    facts = [arrived("a", 0, "138"), queued("a", 5), abandoned("a", 60, 5), arrived("b", 100, "138"), queued("b", 105)]
    series = fed(live(), *facts)
    closed_at(series, 1_801)
    day = always("Asia/Shanghai")
    assert [
        with_closed(series_of([0.0] * 48), series.intervals("sales"), hours=day, fresh=fresh).values[1, 16]
        for fresh in (False, True)
    ] == [2, 1]


def test_an_unknown_queue_has_no_intervals() -> None:
    assert live().intervals("other") == []


@pytest.mark.parametrize("step_min", [5, 15])
def test_the_step_can_be_chosen(step_min: int) -> None:
    series = LiveSeries(["sales"], now=T0, step_min=step_min)
    assert series.next_deadline() == T0 + step_min * 60 + GRACE_S
