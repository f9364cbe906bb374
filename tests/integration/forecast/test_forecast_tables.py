"""The tables of forecasts over a real PostgreSQL: what is kept, what counts, what is forgotten."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from forecast.backtest.picks import Pick
from forecast.books.kept_choice import choice_of, pick_of
from forecast.books.made import Made, Row
from forecast.books.tables import Need, Pooling, Tables
from forecast.duties.scoring import Score
from forecast.duties.turn import NAME, Turn
from forecast.models.base import LEVELS
from hotline.facts import ForecastReason, Horizon
from hotline.ids import QueueId
from hotline.store.office import Office
from hotline.store.pool import Store

pytestmark = pytest.mark.real

QUEUE = QueueId("service")
DAY = date(2026, 3, 2)
T0 = datetime(2026, 3, 2, 8, tzinfo=UTC).timestamp()
HALF = 1_800.0


def forecast(
    made_at: float, level: float, *, horizon: Horizon = "half_hour", reason: ForecastReason = "nightly", slots: int = 4
) -> Made:
    rows = tuple(
        Row(
            period=DAY, starts_at=T0 + n * HALF, ends_at=T0 + (n + 1) * HALF, mean=level + n,
            quantiles=tuple(level * (0.5 + share) for share in LEVELS),
        )
        for n in range(slots)
    )  # fmt: skip
    return Made(
        queue_id=QUEUE, horizon=horizon, made_at=made_at, model="factor", reason=reason, history_until=made_at,
        step_min=30, rows=rows,
    )  # fmt: skip


def need(n: int, required: int) -> Need:
    return Need(
        starts_at=T0 + n * HALF, ends_at=T0 + (n + 1) * HALF, calls=50.0, handling_s=240.0, required=required,
        low=required - 2, high=required + 2, to_schedule=required + 1, service_level=0.81,
    )  # fmt: skip


@pytest.fixture
def tables(store: Store) -> Tables:
    return Tables(store)


async def test_of_each_interval_the_newest_forecast_counts_and_all_are_kept(store: Store, tables: Tables) -> None:
    await tables.save([forecast(T0 - 86_400, 10.0), forecast(T0 - 43_200, 20.0, slots=2)])
    rows = await tables.latest(QUEUE, "half_hour", T0, T0 + 86_400, 100)
    assert [row["mean"] for row in rows] == [20.0, 21.0], "hours that the newest one leaves out are not open any more"
    assert [len(row["quantiles"]) for row in rows] == [len(LEVELS)] * 2
    seen = await store.fetch("SELECT mean, latest FROM v_forecast ORDER BY starts_at, made_at")
    assert [(row["mean"], row["latest"]) for row in seen] == [
        (10.0, False), (20.0, True), (11.0, False), (21.0, True), (12.0, True), (13.0, True),
    ]  # fmt: skip


async def test_of_the_time_before_the_newest_forecast_the_one_before_it_counts(tables: Tables) -> None:
    await tables.save([forecast(T0 - 86_400, 10.0), forecast(T0 + HALF, 20.0, slots=3)])
    await tables.save([forecast(T0 + HALF, 50.0, horizon="today")])
    rows = await tables.latest(QUEUE, "half_hour", T0, T0 + 86_400, 100)
    assert [row["mean"] for row in rows] == [20.0, 21.0, 22.0]
    await tables.save([replace(forecast(T0 + 2 * HALF, 30.0), rows=forecast(0.0, 30.0).rows[2:])])
    rows = await tables.latest(QUEUE, "half_hour", T0, T0 + 86_400, 100)
    assert [row["mean"] for row in rows] == [20.0, 21.0, 32.0, 33.0]


async def test_the_same_forecast_twice_is_kept_once(store: Store, tables: Tables) -> None:
    for level in (10.0, 99.0):
        await tables.save([forecast(T0 - 86_400, level)])
    assert await store.fetchval("SELECT count(*) FROM forecast_run") == 1
    assert await store.fetchval("SELECT max(mean) FROM forecast_value") == 13.0


async def test_what_was_said_of_a_time_is_what_was_said_before_it(tables: Tables) -> None:
    await tables.save([forecast(T0 - 86_400, 10.0), forecast(T0 + HALF, 20.0, horizon="today", reason="interval")])
    said = await tables.said(QUEUE, ("today", "half_hour"), T0, T0 + 86_400)
    assert sorted((s.horizon, (s.starts_at - T0) / HALF) for s in said) == [
        ("half_hour", 0), ("half_hour", 1), ("half_hour", 2), ("half_hour", 3), ("today", 1), ("today", 2), ("today", 3),
    ]  # fmt: skip


async def test_a_score_that_is_told_again_replaces_the_one_before(store: Store, tables: Tables) -> None:
    for absolute in (40.0, 20.0):
        score = Score(
            queue_id=QUEUE, horizon="half_hour", lead=1, period=DAY, model="factor", intervals=4, calls=200.0, error=-10.0,
            absolute=absolute, inside80=3, inside95=4,
        )  # fmt: skip
        await tables.save_scores([score])
    (row,) = await tables.accuracy(None, None, DAY, DAY + timedelta(days=1))
    assert (row["wape"], row["bias"], row["coverage80"], row["coverage95"]) == (0.1, -0.05, 0.75, 1.0)
    assert await tables.accuracy(QUEUE, "day", DAY, DAY + timedelta(days=1)) == []
    assert await store.fetchval("SELECT wape FROM v_forecast_accuracy") == 0.1


async def test_staffing_follows_the_newer_forecast_and_keeps_who_was_there(tables: Tables) -> None:
    await tables.save_needs(QUEUE, T0 - 100, [need(0, 10), need(1, 11)])
    await tables.note_present(QUEUE, T0, 9)
    await tables.save_needs(QUEUE, T0 + 100, [need(1, 15)])
    await tables.save_needs(QUEUE, T0 - 200, [need(0, 99), need(1, 99)])
    rows = await tables.staffing(QUEUE, T0, T0 + 86_400, 10)
    assert [(r["required"], r["present"]) for r in rows] == [(10, 9), (15, None)]
    assert await tables.staffing("other", T0, T0 + 86_400, 10) == []


async def test_staffing_of_hours_that_are_not_open_any_more_is_forgotten(tables: Tables) -> None:
    await tables.save_needs(QUEUE, T0 - 100, [need(0, 10), need(1, 11), need(2, 12)])
    await tables.save_needs(QUEUE, T0 + 100, [need(1, 15)], whole=True)
    rows = await tables.staffing(QUEUE, T0, T0 + 86_400, 10)
    assert [r["required"] for r in rows] == [10, 15]


async def test_staffing_says_by_which_method_and_what_all_who_share_need(store: Store, tables: Tables) -> None:
    shared = replace(need(1, 11), method="pooled", shares_with=("cards",), together=20, pooling=0.6)
    await tables.save_needs(QUEUE, T0 - 100, [need(0, 10), shared])
    rows = await tables.staffing(QUEUE, T0, T0 + 86_400, 10)
    assert [(r["method"], list(r["shares_with"]), r["together"], r["pooling"]) for r in rows] == [
        ("erlang", [], None, None), ("pooled", ["cards"], 20, 0.6),
    ]  # fmt: skip
    assert await store.fetchval("SELECT sum(together) FROM v_staffing WHERE method = 'pooled'") == 20


async def test_what_was_measured_of_shared_agents_comes_back(tables: Tables) -> None:
    for share in (0.4, 0.7):
        await tables.save_pooling(
            Pooling(queues=("service", "cards"), measured_at=T0, points=((10.0, share), (30.5, 1.0)))
        )
    (found,) = await tables.poolings()
    assert found == Pooling(queues=("service", "cards"), measured_at=T0, points=((10.0, 0.7), (30.5, 1.0)))


async def test_agents_come_back_as_they_were_added_last(store: Store, tables: Tables) -> None:
    await store.fetch(
        "INSERT INTO agent (agent_id, name, extension, skills, queues, told_at, fact_id) "
        """VALUES ('1001', 'Li', '1001', '{"gold": 2}', '["service"]', now(), 'f1')"""
    )
    (agent,) = await tables.last_agents()
    assert (agent.agent_id, agent.skills, agent.queues) == ("1001", {"gold": 2}, ("service",))


async def test_a_choice_comes_back_as_it_was(tables: Tables) -> None:
    pick = Pick(
        unit="slot", model="weekday-mean", stretch=(1.1,) * len(LEVELS), since=DAY, wapes=(("weekday-mean", 0.07),), why="it was best",
    )  # fmt: skip
    await tables.save_choice(choice_of(QUEUE, Pick(unit="slot", model="seasonal-naive"), T0))
    await tables.save_choice(choice_of(QUEUE, pick, T0))
    (choice,) = await tables.choices()
    assert (choice.wape, choice.reason) == (0.07, "it was best")
    assert pick_of(choice) == pick


async def test_what_is_too_old_is_forgotten(store: Store, tables: Tables) -> None:
    day_s = 86_400.0
    await tables.save([forecast(T0 - 500 * day_s, 10.0), forecast(T0 - 40 * day_s, 10.0, horizon="today")])
    await tables.save([forecast(T0 - 40 * day_s, 10.0), forecast(T0 - day_s, 10.0, horizon="today")])
    await tables.forget(T0, keep_days=400)
    left = await store.fetch("SELECT horizon, made_at FROM forecast_run ORDER BY made_at")
    assert [(r["horizon"], round((T0 - r["made_at"].timestamp()) / day_s)) for r in left] == [
        ("half_hour", 40),
        ("today", 1),
    ]
    assert await store.fetchval("SELECT count(DISTINCT run_id) FROM forecast_value") == 2


async def test_of_two_processes_one_has_the_turn_and_the_other_gets_it(dsn: str, store: Store) -> None:
    one, two = (Turn(Office(dsn, holder=name, name=NAME)) for name in ("one", "two"))
    assert await one.ours()
    assert not await two.ours()
    assert await one.ours()
    one.let_go()
    for _ in range(100):
        if await two.ours():
            break
    assert await two.ours()
    assert not await one.ours()
    two.let_go()
    one.let_go()
