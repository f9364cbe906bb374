"""What if, on the queues of a running hotline."""

from typing import Any

import pytest

from forecast.api import StaffingQuery
from forecast.api_whatif import PATH, Supposed, WhatIfQuery, whatif_routes
from hotline.errors import Misuse, Rejected, StandingBy
from hotline.web.routes import Request
from tests.unit.forecast.house import CARDS, QUEUE, House, at, history, settings
from tests.unit.forecast.test_api import ask as asked_of_api
from tests.unit.forecast.test_api import house as single
from tests.unit.forecast.test_shared_queues import sharing


async def ask(house: House, **query: Any) -> list[Supposed]:
    (route,) = whatif_routes(house.service, settings())
    assert route.path == PATH
    answer: list[Supposed] = await route.handler(Request(path={}, query=WhatIfQuery(**query), body=None))
    return answer


def hours(rows: list[Supposed], field: str = "needed") -> int:
    return sum(getattr(row, field) for row in rows)


async def test_nothing_otherwise_is_what_is_planned() -> None:
    async with single() as house:
        await house.settled()
        rows = await ask(house)
        assert len(rows) == 6
        for row in rows:
            assert (row.needed, row.there, row.missing, row.planned) == (row.required, row.required, 0, False)
            assert row.service_level is not None
            assert row.service_level >= 0.8 - 1e-3
            assert (row.method, row.together) == ("erlang", None)


async def test_more_calls_longer_calls_and_people_who_are_ill() -> None:
    async with single() as house:
        await house.settled()
        plain, more, shorter, ill = (
            await ask(house), await ask(house, volumes=1.2), await ask(house, handling_s=-60), await ask(house, absent=2)
        )  # fmt: skip
        assert hours(shorter) < hours(plain) < hours(more)
        assert all(bad.service_level < good.service_level for bad, good in zip(more, plain, strict=True))  # type: ignore[operator]
        assert [row.missing for row in ill] == [2] * 6
        assert all(bad.service_level < good.service_level for bad, good in zip(ill, plain, strict=True))  # type: ignore[operator]
        assert more[0].calls == pytest.approx(1.2 * plain[0].calls, abs=0.01)
        stricter = await ask(house, share=0.95, threshold_s=10)
        assert hours(stricter) > hours(plain)


async def test_with_a_roster_it_is_who_is_scheduled_that_is_there() -> None:
    async with single() as house:
        house.rosters.work = {str(n): (at("08:00"), at("14:00")) for n in range(1001, 1006)}
        for n in range(1001, 1006):
            await house.agent(str(n), "ready")
        await house.settled()
        assert [(row.there, row.planned) for row in await ask(house, absent=2)] == [(3, True)] * 6


async def test_people_who_are_ill_are_missing_in_the_group_and_once() -> None:
    async with sharing() as house:
        await house.settled()
        plain, ill, more = await ask(house), await ask(house, absent=2, queue=QUEUE), await ask(house, volumes=1.2)
        assert {row.queue_id for row in ill} == {QUEUE, CARDS}
        assert {row.method for row in plain} == {"pooled"}
        assert hours(ill, "missing") == 2 * 6
        assert hours(plain, "missing") == 0
        assert hours(more) > hours(plain)
        assert all(row.service_level is not None and row.service_level > 0.79 for row in plain)
        assert all(bad.service_level < good.service_level for bad, good in zip(ill, plain, strict=True))  # type: ignore[operator]


async def test_days_to_come_can_be_asked_about() -> None:
    async with single() as house:
        await house.settled()
        assert len(await ask(house, days=3)) == 18


async def test_mistakes_are_refused() -> None:
    async with single() as house:
        await house.settled()
        with pytest.raises(Rejected, match="there is no queue"):
            await ask(house, queue="nobody")
        for query in ({"handling_s": -10_000}, {"volumes": -1}, {"absent": -1}, {"share": 3.0}):
            with pytest.raises(Misuse):
                await ask(house, **query)
    async with House(slots=history(), ours=False) as house:
        with pytest.raises(StandingBy):
            await ask(house)


async def test_staffing_says_by_which_method_and_what_was_measured() -> None:
    async with single() as house:
        await house.settled()
        page = await asked_of_api(house, "/api/v1/staffing", StaffingQuery(since="2023-03-13"))
        assert {(row.method, row.together, row.handling_cv) for row in page.items} == {("erlang", None, 1.0)}
