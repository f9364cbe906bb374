"""Forecasts in a house that runs: history comes in, forecasts and staffing come out, by API, command line, stream and metrics."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hotline.runtime.clock import wall_time
from hotline.store.pool import Store
from hotline.web.stream_client import messages
from tests.support.layout import Layout
from tests.support.rabbitmq import RabbitMQ
from tests.support.running import CONFIG, Member, Running
from tests.support.wait import eventually
from tests.unit.forecast import generator

pytestmark = pytest.mark.real

FORECAST = """
[forecast]
country = "CN"
models = ["weekday-mean", "seasonal-naive"]
gap_intervals = 1
gap_ahead_min = 1440
"""


def history(path: Path) -> None:
    """Write the counts of sixty days until yesterday, day and night, by half hours."""
    today = np.datetime64(int(wall_time()) + 8 * 3600, "s").astype("datetime64[D]")  # the house is in Shanghai
    rate = 40 * generator.WEEK[(generator.days(str(today - 60), 60).astype(int) + 3) % 7]
    counts = generator.drawn(np.repeat(rate[:, None], 48, axis=1), dispersion=6, seed=5)
    lines = ["time,calls"]
    for day, row in zip(generator.days(str(today - 60), 60), counts, strict=True):
        lines += [f"{day} {n // 2:02d}:{n % 2 * 30:02d},{calls:.0f}" for n, calls in enumerate(row)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


async def ready(house: Running) -> Any:
    (queue,) = await house.get("forecasts")
    return queue if queue["state"] == "ready" and len(queue["horizons"]) == 4 else None


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Running]:
    made = Running(tmp_path / "data", CONFIG + FORECAST)
    await made.start()
    yield made
    assert await made.stop() in (0, -signal.SIGKILL), made.said()


async def test_history_becomes_forecasts_staffing_metrics_and_an_alarm(house: Running, tmp_path: Path) -> None:
    (queue,) = await eventually(lambda: told_state(house, "too_little_history"))
    assert queue["why"] == "0 days are known, 14 are needed"
    history(tmp_path / "past.csv")
    status, said = await house.run("forecast", "import", str(tmp_path / "past.csv"), "--queue", "service")
    assert status == 0, said
    status, said = await house.run("forecast", "run", "--queue", "service", "--json")
    assert status == 0, said
    assert json.loads(said)[0]["state"] == "ready"
    found = await eventually(lambda: ready(house), what="all horizons")
    assert {h["horizon"] for h in found["horizons"]} == {"today", "half_hour", "day", "month"}
    assert found["history_days"] == 60
    assert found["required"] > 3
    await shown(house)
    await staffed(house)
    await kept(house)
    await alarmed(house)
    await streamed(house)
    await exported(house)
    await killed(house)


async def test_of_two_forecasters_one_works_and_the_other_takes_over(
    broker: RabbitMQ, tmp_path_factory: pytest.TempPathFactory
) -> None:
    layout = Layout(tmp_path_factory.mktemp("forecasters"), broker, nodes=0, routers=0, config=CONFIG + FORECAST)
    await layout.start()
    history(layout.office.data_dir.parent / "past.csv")
    status, said = await layout.office.run(
        "forecast", "import", str(layout.office.data_dir.parent / "past.csv"), "--queue", "service"
    )
    assert status == 0, said
    pair = [layout.stranger(name, ("forecast",)) for name in ("forecast1", "forecast2")]
    try:
        for member in pair:
            await member.start()
        working = await eventually(lambda: at_work(pair), what="one that works")
        (other,) = [member for member in pair if member is not working]
        assert (await other.metrics())["hotline_forecast_active"] == 0
        await eventually(lambda: forecast_by(working), what="its forecast")
        await working.kill9()
        assert await eventually(lambda: at_work([other]), what="the other one") is other
        await eventually(lambda: forecast_by(other), what="a forecast of the other one")
    finally:
        for member in (m for m in pair if m.lives):
            assert await member.terminate() == 0, member.said()
        await layout.stop()


async def at_work(members: list[Member]) -> Member | None:
    """Return the one that makes the forecasts; there is never more than one."""
    working = [member for member in members if (await member.metrics()).get("hotline_forecast_active") == 1]
    assert len(working) <= 1
    return working[0] if working else None


async def forecast_by(member: Member) -> bool:
    (queue,) = await member.ask("GET", "/api/v1/forecasts")
    return bool(queue["state"] == "ready")


async def told_state(house: Running, state: str) -> Any:
    found = await house.get("forecasts")
    return found if [f["state"] for f in found] == [state] else None


async def shown(house: Running) -> None:
    """The forecast of each interval, and its table for people."""
    page = await house.get("forecasts/service/half_hour")
    assert len(page["items"]) >= 46
    for row in page["items"]:
        values = list(row["quantiles"].values())
        assert values == sorted(values)
        assert 5 < row["mean"] < 120
    status, said = await house.run("forecast", "show", "--language", "zh")
    assert status == 0, said
    assert "话务量" in said
    assert "半小时" in said
    status, said = await house.run("forecast", "show", "--horizon", "day", "--days", "7")
    assert (status, said.count("service")) == (0, 31), said


async def staffed(house: Running) -> None:
    rows = (await house.get("staffing", queue="service"))["items"]
    assert len(rows) >= 46
    for row in rows:
        assert row["low"] <= row["required"] <= row["high"]
        assert row["service_level"] is None or row["service_level"] >= 0.79


async def kept(house: Running) -> None:
    """The facts are in the journal, and the numbers in the views."""
    store = await Store.open(house.runtime["database"])
    try:
        kinds = await store.fetch("SELECT DISTINCT type FROM journal WHERE body ? 'queue_id'")
        assert {"ForecastUpdated", "StaffingUpdated"} <= {k["type"] for k in kinds}
        rows = await store.fetch("SELECT horizon, count(*) AS n FROM v_forecast WHERE latest GROUP BY 1")
        assert {"today", "half_hour", "day", "month"} == {r["horizon"] for r in rows}
    finally:
        await store.close()


async def alarmed(house: Running) -> None:
    """Somebody comes, and too few: an alarm with advice."""
    await house.put("agents/1001/state", {"state": "log_in", "extension": "1001"})

    async def gap() -> Any:
        (queue,) = await house.get("forecasts")
        return queue["gap"]

    status, said = await house.run("forecast", "run", "--queue", "service", "--json")
    assert status == 0, said
    assert await eventually(gap, what="the alarm") == "short"


async def streamed(house: Running) -> None:
    """The stream begins with how every queue stands."""
    async with aclosing(messages(house.runtime["http"], house.runtime["api_token"], ("forecasts",))) as told:
        first = await anext(told)
    (queue,) = first["items"]
    assert (first["topic"], queue["id"], queue["gap"]) == ("forecasts", "service", "short")


async def exported(house: Running) -> None:
    series = await house.metrics()
    assert series['hotline_staff_required{queue="service"}'] > 3
    assert series['hotline_staff_present{queue="service"}'] == 0
    assert series['hotline_staff_gap{kind="short",queue="service"}'] == 1
    assert series['hotline_forecast_ready{queue="service"}'] == 1
    for horizon in ("today", "half_hour", "day", "month"):
        low, mean, high = (
            series[f'hotline_forecast_calls{{horizon="{horizon}",quantile="{q}",queue="service"}}']
            for q in ("0.1", "mean", "0.9")
        )
        assert low < mean < high
    assert series["hotline_metrics_undefined"] == 0


async def killed(house: Running) -> None:
    """Killed in the middle of a fit, it leaves no process that learns."""

    async def workers() -> list[str]:
        listed = await asyncio.create_subprocess_exec(
            "pgrep", "-f", f"forecast.processes.worker {house.pid} ", stdout=asyncio.subprocess.PIPE
        )
        out, _ = await listed.communicate()
        return out.decode().split()

    status, said = await house.run("forecast", "run", "--no-wait")
    assert status == 0, said
    assert await eventually(workers, what="a process that learns")
    await house.kill9()

    async def none() -> bool:
        return not await workers()

    await eventually(none, what="their end")
