"""A real Prometheus scrapes the metrics service under synthetic traffic; every query of ours must return data."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

import pytest
from aiohttp import web

from hotline.facts import Advice, CallAbandoned, Fact, LinkChanged
from hotline.ids import AgentId, CallId, NodeId, QueueId
from hotline.runtime.clock import SteadyClock
from hotline.settings import Settings
from hotline.settings.queues import Queue
from hotline.tally import Tally
from metrics.service import MetricsService
from tests.support import prometheus
from tests.support.prometheus import (
    CALLBACK_WAITS,
    CALLBACKS_WAITING,
    STAFFING,
    Prometheus,
    assert_dashboard_has_data,
    assert_rules_work,
)
from tests.support.stories import agent_day, story, traffic

pytestmark = pytest.mark.real
SETTINGS = Settings(queues=(Queue(id="service"), Queue(id="sales", threshold_s=17.0)))


class Hotline:
    """A hotline that only exports numbers."""

    def __init__(self) -> None:
        self.clock = SteadyClock()
        self.tally = Tally()
        self.service = MetricsService(SETTINGS, self.tally, self.clock)
        self._calls = traffic()

    async def tell(self, *facts: Fact) -> None:
        for fact in facts:
            await self.service.handle(fact, self.clock.now())

    async def step(self) -> None:
        """Two calls for each queue end now, and an agent finishes a wrap-up."""
        now = self.clock.now()
        for queue in ("service", "sales"):
            for _ in range(2):
                number, ending = next(self._calls)
                await self.tell(*story(number, end=now, ending=ending, queue=QueueId(queue), recorded=number % 20 != 0))
        await self.tell(*agent_day(AgentId(f"agent{number}"), now), LinkChanged(at=now, node=NodeId("node1"), up=True))
        await self.service.wake(now)
        self.tally.count("ami_events", 30, event="Newchannel")
        self.tally.observe("offer_latency_seconds", 0.004)
        self.tally.observe("journal_lag_seconds", 0.02)
        self.tally.level("spool_facts", 3)
        self.tally.level("ami_event_lag_seconds", 0.001, node="node1")
        self.forecast()

    def forecast(self) -> None:
        """The forecaster tells how its queues stand."""
        for queue in ("service", "sales"):
            for quantile, calls in (("0.1", 8), ("mean", 10), ("0.5", 10), ("0.9", 12)):
                self.tally.level("forecast_calls", calls, queue=queue, horizon="today", quantile=quantile)
                self.tally.level("forecast_said_calls", calls - 1, queue=queue, quantile=quantile)
                self.tally.level("forecast_day_calls", 40 + calls, queue=queue, quantile=quantile)
            self.tally.level("forecast_came_calls", 11, queue=queue)
            self.tally.level("forecast_day_came_calls", 40, queue=queue)
            self.tally.level("forecast_ready", 1, queue=queue)
            self.tally.level("forecast_age_seconds", 60, queue=queue, horizon="today")
            self.tally.level("forecast_model", 1, queue=queue, horizon="half_hour", model="factor")
            self.tally.level("forecast_wape_ratio", 0.07, queue=queue, horizon="half_hour", lead="1")
            self.tally.level("forecast_bias_ratio", -0.02, queue=queue, horizon="half_hour", lead="1")
            self.tally.level("forecast_coverage_ratio", 0.8, queue=queue, horizon="half_hour", lead="1", level="0.8")
            self.tally.level("staff_required", 5, queue=queue)
            self.tally.level("staff_present", 4, queue=queue)
            self.tally.level("staff_rostered", 6, queue=queue)
            self.tally.level("staff_pooling_ratio", 0.5, queue=queue)
            self.tally.level("staff_group", 1, queue=queue, group="sales+service")
            self.tally.level("staff_gap", 1, queue=queue, kind="short")
            self.tally.level("staff_gap_agents", 2, queue=queue, kind="short")
            for advice in get_args(Advice):
                self.tally.level("staff_advice", 1, queue=queue, advice=advice)
        self.tally.level("staff_scheduled", 9)
        self.tally.level("staff_astray", 1)
        self.tally.level("staff_places", 1, scheduled="work", actual="break")
        self.tally.level("adherence_ratio", 0.9)


async def _serve(hotline: Hotline) -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        body, content_type = hotline.service.exposition()
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/metrics", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()


serving = asynccontextmanager(_serve)


async def test_every_query_of_dashboards_and_rules_returns_data_from_a_real_prometheus(tmp_path: Path) -> None:
    hotline = Hotline()
    async with serving(hotline) as target:
        server = await asyncio.to_thread(Prometheus.start, [target], tmp_path)
        try:
            await _run_traffic_until_scraped(hotline, server)
            await asyncio.to_thread(server.wait_for_data, "queue:hotline_connect_rate:ratio1h")
            idle = {CALLBACK_WAITS, CALLBACKS_WAITING}
            await asyncio.to_thread(assert_dashboard_has_data, server.url, 30.0, idle=idle)
            await asyncio.to_thread(assert_dashboard_has_data, server.url, 30.0, dashboard=STAFFING)
            await _assert_groups_add_up(server.url)
            await asyncio.to_thread(assert_rules_work, server.url)
            await _assert_numbers_agree(server.url)
        finally:
            await asyncio.to_thread(server.stop)


async def _run_traffic_until_scraped(hotline: Hotline, server: Prometheus) -> None:
    """Keep calls coming until Prometheus has seen counters rise over a few scrapes."""
    enough = (
        'min(count_over_time(up{job="hotline"}[1m])) >= 5 and on () sum(increase(hotline_calls_offered_total[30s])) > 0'
    )
    deadline = hotline.clock.now() + 60
    while not await asyncio.to_thread(prometheus.query, server.url, enough):
        assert hotline.clock.now() < deadline, "Prometheus scraped nothing"
        await hotline.step()
        await asyncio.sleep(0.1)


async def _assert_numbers_agree(url: str) -> None:
    """What Prometheus computes from the histogram at the threshold equals the counter: the bucket edge is exact."""
    for queue, edge in (("service", "30.0"), ("sales", "17.0")):
        share = f'hotline_answer_wait_seconds_bucket{{queue="{queue}",le="{edge}"}}'
        counted = f'hotline_calls_answered_in_threshold_total{{queue="{queue}"}}'
        [difference] = await asyncio.to_thread(prometheus.query, url, f"sum({share}) - sum({counted})")
        assert difference.values == (0.0,)


async def _assert_groups_add_up(url: str) -> None:
    """Two queues that share agents are one line, with what both of them require."""
    title = "共享坐席的队列组 / Groups of queues that share agents [A]"
    expr = prometheus.filled_in(dict(prometheus.dashboard_queries(STAFFING))[title], "15s")
    [group] = await asyncio.to_thread(prometheus.query, url, expr)
    assert (group.labels, group.values) == ({"group": "sales+service"}, (10.0,))


async def test_a_lost_ami_link_raises_the_alert(tmp_path: Path) -> None:
    hotline = Hotline()
    async with serving(hotline) as target:
        server = await asyncio.to_thread(Prometheus.start, [target], tmp_path)
        try:
            await asyncio.to_thread(server.wait_for_data, 'up{job="hotline"} == 1')
            await hotline.tell(LinkChanged(at=hotline.clock.now(), node=NodeId("node1"), up=False))
            await asyncio.to_thread(
                server.wait_until, lambda: "HotlineAmiDown" in prometheus.firing(server.url), "HotlineAmiDown"
            )
        finally:
            await asyncio.to_thread(server.stop)


async def test_hostile_text_in_facts_reaches_prometheus_only_as_other(tmp_path: Path) -> None:
    hotline = Hotline()
    hostile = QueueId('x"} 1\nhotline_calls_offered_total{queue="evil')
    at = hotline.clock.now()
    await hotline.tell(CallAbandoned(at=at, call_id=CallId("c"), queue_id=hostile, entered_at=at - 9))
    async with serving(hotline) as target:
        server = await asyncio.to_thread(Prometheus.start, [target], tmp_path)
        try:
            await asyncio.to_thread(server.wait_for_data, "hotline_calls_offered_total")
            answer = await asyncio.to_thread(prometheus.query, server.url, "hotline_calls_offered_total")
        finally:
            await asyncio.to_thread(server.stop)
    assert {s.labels["queue"] for s in answer} == {"service", "sales", "other"}
