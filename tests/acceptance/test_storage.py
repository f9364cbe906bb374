"""Calls never wait for storage: PostgreSQL freezes and RabbitMQ dies under load, and no caller notices more than a longer wait.

Shorter than life, to fit into the test run; `make soak` plays the same for ten minutes at ten calls a second.
`HOTLINE_TEST_RATE` sets the calls per second.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from telephony.phones.plan import DemoPlan
from tests.support.accounts import AFTER_A_GAP, Accounts
from tests.support.layout import Layout
from tests.support.load import Load
from tests.support.rabbitmq import RabbitMQ
from tests.support.running import CONFIG, Member, Questions, Running
from tests.support.watch import Postgres, Watch, grown_mb
from tests.support.weather import Phase, Weather, drained, table

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

RATE = float(os.environ.get("HOTLINE_TEST_RATE", "5"))
SEATS = round(6 * RATE)
"""About twice as many as the calls need: what waited is served soon."""
PATIENCE_S = 45.0
MEMORY_MB, GROWTH_MB = 300.0, 60.0
"""No process of ours needs more, or grows by more than what a few hundred facts take."""
LOADED = CONFIG.replace("count = 6", f"count = {SEATS}").replace("wrap_up_s = 1", "wrap_up_s = 0.5")

Sipp = tuple[tuple[str, ...], dict[str, str]]


def plan(phases: Sequence[Phase]) -> DemoPlan:
    """Return callers for all phases, and more: they are stopped when the phases are over."""
    seconds = 2 * sum(p.seconds for p in phases) + 60
    return DemoPlan(
        calls=round(seconds * RATE), rate=RATE, agents=SEATS, talk_s=1.0, patience_s=PATIENCE_S, seed=3, number="4002"
    )


def extensions() -> list[str]:
    return [str(1001 + n) for n in range(SEATS)]


def assert_nobody_failed(weather: Weather) -> None:
    failed = [str(s) for s in weather.load.placed_stories() if s.failed]
    assert not failed, "\n".join([table(weather.reports), *failed])
    for report in weather.reports:
        assert len(report.stories) >= 0.5 * RATE * report.phase.seconds, f"too few calls in {report.phase}"
        talked = [s for s in report.stories if s.how == "talked"]
        assert len(talked) >= 0.7 * len(report.stories), f"too few conversations in {report.phase}"


def assert_memory_bounded(watch: Watch, members: Sequence[Member]) -> None:
    for member in members:
        name = member.data_dir.name
        assert watch.most_memory_mb()[name] < MEMORY_MB, watch.most_memory_mb()
        assert grown_mb(watch.memory_mb[name]) < GROWTH_MB, watch.memory_mb[name]


async def assert_adds_up(
    load: Load,
    nodes: Sequence[Member],
    members: Sequence[Member],
    office: Member,
    *,
    unjudged: frozenset[str] = frozenset(),
) -> None:
    problems = await Accounts(load, nodes, members, office, unjudged=unjudged).check()
    assert not problems, "\n".join(problems[:20])
    await drained(members)


async def play(
    hotline: Questions,
    load: Load,
    phases: Sequence[Phase],
    office: Member,
    members: Sequence[Member],
    broker: RabbitMQ | None,
) -> tuple[Weather, Watch]:
    weather = Weather(load, Postgres(office), broker, members, office.runtime["database"])
    return weather, await weather.play(phases)


async def test_calls_go_on_while_postgresql_is_frozen_and_rabbitmq_dead(tmp_path: Path, sipp: Sipp) -> None:
    phases = [
        Phase(name="before", seconds=3),
        Phase(name="postgresql frozen", seconds=10, frozen=True),
        Phase(name="rabbitmq dead", seconds=5, killed=True),
        Phase(name="both", seconds=5, frozen=True, killed=True),
        Phase(name="after", seconds=2),
    ]
    (tmp_path / "broker").mkdir()
    broker = RabbitMQ(tmp_path / "broker")
    layout = Layout(tmp_path, broker, config=LOADED)
    try:
        await broker.start()
        await layout.start()
        seats = [layout.account(e) for e in extensions()]
        async with Load(layout, [layout.exchange(*sipp)], [seats], plan(phases)) as load:
            weather, watch = await play(layout, load, phases, layout.office, layout.members, broker)
        await assert_adds_up(load, layout.nodes, layout.members, layout.office, unjudged=AFTER_A_GAP)
        assert_nobody_failed(weather)
        assert_memory_bounded(watch, layout.members)
    finally:
        try:
            await layout.stop()
        finally:
            await broker.close()


async def test_one_process_serves_its_callers_while_postgresql_is_frozen(tmp_path: Path, sipp: Sipp) -> None:
    phases = [Phase(name="before", seconds=2), Phase(name="postgresql frozen", seconds=10, frozen=True)]
    hotline = Running(tmp_path / "data", LOADED)
    try:
        await hotline.start()
        seats = [hotline.account(e) for e in extensions()]
        async with Load(hotline, [hotline.exchange(*sipp)], [seats], plan(phases)) as load:
            weather, watch = await play(hotline, load, phases, hotline, [hotline], None)
        await assert_adds_up(load, [hotline], [hotline], hotline)
        assert_nobody_failed(weather)
        assert weather.reports[1].spool > 0, "facts waited"
        assert_memory_bounded(watch, [hotline])
    finally:
        assert await hotline.stop() == 0, hotline.said()
