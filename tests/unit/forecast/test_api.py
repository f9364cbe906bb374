"""The API of the forecaster and its topic of the stream, over a virtual day."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from forecast import api
from forecast.api import AccuracyQuery, Expected, Ordered, QueueForecast, Run, Span, Staffed, StaffingQuery, routes
from forecast.models.base import LEVELS
from forecast.stream import TOPIC, ForecastStream
from hotline.errors import Misuse, Rejected, StandingBy
from hotline.facts import ForecastUpdated
from hotline.web.routes import Page, Request, Route
from tests.unit.forecast.house import QUEUE, House, Lists, at, history, settings


class Kept(Lists):
    """Tables that answer questions too."""

    async def latest(self, queue: str | None, horizon: str | None, since: float, until: float, limit: int) -> list[Any]:
        rows = {
            row.starts_at: {
                "period": row.period, "starts_at": moment(row.starts_at), "ends_at": moment(row.ends_at),
                "made_at": moment(made.made_at), "model": made.model, "mean": row.mean, "quantiles": list(row.quantiles),
            }
            for made in self.made
            for row in made.rows
            if (made.queue_id, made.horizon) == (queue, horizon) and since <= row.starts_at < until
        }  # fmt: skip
        return [rows[start] for start in sorted(rows)][:limit]

    async def staffing(self, queue: str | None, since: float, until: float, limit: int) -> list[Any]:
        return [
            {
                "queue_id": q, "starts_at": moment(n.starts_at), "ends_at": moment(n.ends_at), "made_at": moment(0), "calls": n.calls,
                "handling_s": n.handling_s, "required": n.required, "low": n.low, "high": n.high, "to_schedule": n.to_schedule,
                "service_level": n.service_level, "scheduled": None, "present": None,
            }
            for (q, start), n in sorted(self.needs.items())
            if queue in (None, q) and since <= start < until
        ][:limit]  # fmt: skip


def moment(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def house(*, ours: bool = True) -> House:
    return House(slots=history(), ours=ours, tables=Kept())


def route(house: House, path: str) -> Route:
    found = {r.path: r for r in routes(house.service, house.tables, settings())}
    return found[path]


async def ask(house: House, path: str, query: Any = None, body: Any = None, **parts: str) -> Any:
    answer = await route(house, path).handler(Request(path=parts, query=query, body=body))
    msgspec.json.encode(answer)
    return answer


async def test_all_queues_are_listed_with_models_and_ranges() -> None:
    async with house() as here:
        await here.settled()
        (queue,) = await ask(here, api.PATH)
        assert isinstance(queue, QueueForecast)
        assert (queue.state, queue.history_days, queue.gap, queue.required) == ("ready", 70, None, None)
        assert [h.horizon for h in queue.horizons] == ["today", "half_hour", "day", "month"]
        for horizon in queue.horizons:
            assert horizon.low < horizon.calls < horizon.high
        assert {h.why for h in queue.horizons if h.horizon != "today"} == {"as before"}


async def test_each_interval_has_its_quantiles() -> None:
    async with house() as here:
        await here.settled()
        page: Page[Expected] = await ask(
            here, api.PATH + "/{queue}/{horizon}", Span(), queue=QUEUE, horizon="half_hour"
        )
        assert [row.starts_at for row in page.items] == [moment(at(f"{hour:02d}:00")) for hour in range(8, 14)]
        assert list(page.items[0].quantiles) == [f"{level:g}" for level in LEVELS]
        some: Page[Expected] = await ask(
            here, api.PATH + "/{queue}/{horizon}",
            Span(since="2023-03-13T09:00", until="2023-03-13T11:00", limit=1), queue=QUEUE, horizon="half_hour",
        )  # fmt: skip
        assert [row.starts_at for row in some.items] == [moment(at("09:00"))]


@pytest.mark.parametrize(("queue", "horizon"), [("sales", "day"), (QUEUE, "year")])
async def test_what_there_is_not_is_not_found(queue: str, horizon: str) -> None:
    async with house() as here:
        with pytest.raises(Rejected) as refused:
            await ask(here, api.PATH + "/{queue}/{horizon}", Span(), queue=queue, horizon=horizon)
        assert refused.value.reason == "not_found"


async def test_a_time_that_ends_before_it_begins_is_refused() -> None:
    async with house() as here:
        with pytest.raises(Misuse, match="later than since"):
            await ask(here, api.STAFFING, StaffingQuery(since="2023-03-13", until="2023-03-12"))


async def test_staffing_has_what_is_required_scheduled_and_present() -> None:
    async with house() as here:
        here.rosters.work = {"1001": (at("08:00"), at("12:00"))}
        await here.settled()
        page: Page[Staffed] = await ask(here, api.STAFFING, StaffingQuery(queue=QUEUE))
        assert [row.scheduled for row in page.items] == [1, 1, 1, 1, None, None]
        assert all(row.low <= row.required <= row.high <= row.to_schedule + 5 for row in page.items)


async def test_an_order_is_carried_out() -> None:
    async with house() as here:
        await here.settled()
        ordered: Ordered = await ask(here, api.PATH + "-runs", body=Run(queue=QUEUE))
        assert ordered.queues == [QUEUE]
        await here.wait_told(ForecastUpdated, reason="asked", horizon="day")
        (queue,) = await ask(here, api.PATH)
        assert queue.tried_at is not None
        assert queue.tried_at >= ordered.at


async def test_accuracy_looks_back_over_whole_days() -> None:
    async with house() as here:
        assert await ask(here, api.PATH + "-accuracy", AccuracyQuery(days=7)) == []


async def test_one_that_stands_by_says_so_and_shows_what_is_kept() -> None:
    async with house(ours=False) as here:
        for path, body in ((api.PATH, None), (api.PATH + "-runs", Run())):
            with pytest.raises(StandingBy):
                await ask(here, path, body=body)
        with pytest.raises(StandingBy):
            ForecastStream(here.service).snapshot(TOPIC)
        page = await ask(here, api.STAFFING, StaffingQuery())
        assert page.items == []


async def test_the_stream_tells_queues_that_stand_otherwise_than_before() -> None:
    async with house() as here:
        await here.settled()
        stream = ForecastStream(here.service)
        (item,) = stream.snapshot(TOPIC)
        assert (item["id"], item["state"], item["present"]) == (QUEUE, "ready", None)
        assert stream.take_changes()[TOPIC].items == []
        await here.agent("1001", "ready")
        (changed,) = stream.take_changes()[TOPIC].items
        assert changed["present"] == 1
        assert stream.take_changes()[TOPIC].items == []
