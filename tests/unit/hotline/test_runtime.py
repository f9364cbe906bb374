"""Clock, tasks, service loop and logs."""

import asyncio
import io
import json
import logging
from types import SimpleNamespace
from typing import ClassVar

import pytest
import structlog

from hotline.bus.memory import MemoryInbox
from hotline.errors import Misuse
from hotline.facts import DigitPressed, Record
from hotline.ids import CallId
from hotline.runtime import logs
from hotline.runtime import service as service_module
from hotline.runtime.clock import ManualClock, SteadyClock, processor_seconds, stopwatch
from hotline.runtime.service import serve
from hotline.runtime.tasks import TaskGroup
from hotline.tally import Tally


def digit(number: int) -> DigitPressed:
    return DigitPressed(at=1.0, call_id=CallId("c"), digit=str(number))


# --- clock -------------------------------------------------------------------------------------------------------------


def test_the_steady_clock_goes_on_and_agrees_with_the_wall() -> None:
    clock = SteadyClock()
    assert clock.now() <= clock.now()
    assert abs(clock.wall_drift_s()) < 1


def test_the_steady_clock_ignores_a_wall_clock_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SteadyClock()
    before = clock.now()
    monkeypatch.setattr("time.time", lambda: before + 3600)
    assert clock.now() - before < 60
    assert clock.wall_drift_s() > 3500


def test_a_manual_clock_goes_forward_only() -> None:
    clock = ManualClock(100.0)
    assert clock.advance(2.5) == clock.now() == 102.5
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)


def test_measures_do_not_go_back() -> None:
    waited = stopwatch()
    assert 0 <= waited() <= waited()
    assert processor_seconds() > 0


# --- tasks -------------------------------------------------------------------------------------------------------------


async def never() -> None:
    await asyncio.Event().wait()


async def test_a_closed_group_has_ended_all_its_tasks() -> None:
    group = TaskGroup("g")
    tasks = [group.spawn(never(), name=str(i)) for i in range(3)]
    assert len(group) == 3
    assert tasks[0].get_name() == "g/0"
    await group.close()
    assert all(t.cancelled() for t in tasks)
    assert len(group) == 0


async def test_a_task_that_dies_is_told_to_whoever_watches() -> None:
    group = TaskGroup("g")

    async def die() -> None:
        raise ZeroDivisionError

    group.spawn(die(), name="die")
    group.spawn(never(), name="never")
    assert isinstance(await asyncio.wait_for(group.wait_failed(), 1), ZeroDivisionError)
    await group.close()


async def test_the_first_death_counts_and_a_normal_end_is_none() -> None:
    group = TaskGroup("g")

    async def die(error: Exception) -> None:
        raise error

    group.spawn(asyncio.sleep(0), name="fine")
    group.spawn(die(KeyError("first")), name="a")
    group.spawn(die(ValueError("second")), name="b")
    assert isinstance(await asyncio.wait_for(group.wait_failed(), 1), KeyError)
    await group.close()


async def test_what_an_ending_task_starts_is_ended_too() -> None:
    group = TaskGroup("g")
    late: list[asyncio.Task[None]] = []

    async def last_words() -> None:
        try:
            await never()
        finally:
            late.append(group.spawn(never(), name="late"))

    group.spawn(last_words(), name="first")
    await asyncio.sleep(0)
    await asyncio.wait_for(group.close(), 1)
    assert late[0].cancelled()


async def test_nothing_starts_in_a_closed_group() -> None:
    group = TaskGroup("g")
    await group.close()
    with pytest.raises(Misuse):
        group.spawn(never(), name="late")


async def test_a_task_may_close_its_own_group() -> None:
    group = TaskGroup("g")
    other = group.spawn(never(), name="other")
    await asyncio.wait_for(group.spawn(group.close(), name="closer"), 1)
    assert other.cancelled()


# --- service loop ------------------------------------------------------------------------------------------------------


class Recorder:
    """A service that writes down what the loop asks of it."""

    name: ClassVar[str] = "recorder"

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.deadline: float | None = None
        self.fail_on: set[object] = set()

    async def handle(self, record: Record, now: float) -> None:
        assert isinstance(record, DigitPressed)
        self._see(record.digit)

    def next_deadline(self) -> float | None:
        return self.deadline

    async def wake(self, now: float) -> None:
        self._see("wake")
        self.deadline = None

    def _see(self, what: object) -> None:
        self.seen.append(what)
        if what in self.fail_on:
            raise ZeroDivisionError


@pytest.fixture
def parts() -> tuple[Recorder, MemoryInbox, ManualClock, Tally]:
    tally = Tally()
    return Recorder(), MemoryInbox("recorder", 1000, tally), ManualClock(), tally


async def test_records_are_handled_in_order_and_the_loop_ends_with_the_inbox(parts) -> None:
    service, inbox, clock, tally = parts
    for i in range(3):
        inbox.put(digit(i))
    inbox.close()
    await asyncio.wait_for(serve(service, inbox, clock, tally), 1)
    assert service.seen == ["0", "1", "2"]


async def test_a_record_that_fails_is_counted_and_the_next_is_handled(parts) -> None:
    service, inbox, clock, tally = parts
    service.fail_on = {"0"}
    inbox.put(digit(0))
    inbox.put(digit(1))
    inbox.close()
    await asyncio.wait_for(serve(service, inbox, clock, tally), 1)
    assert service.seen == ["0", "1"]
    assert tally.counts["service_errors", (("service", "recorder"),)] == 1


async def test_a_deadline_wakes_the_service_without_any_record(parts) -> None:
    service, inbox, _, tally = parts
    clock = SteadyClock()
    service.deadline = clock.now() + 0.02
    running = asyncio.ensure_future(serve(service, inbox, clock, tally))
    async with asyncio.timeout(2):
        while service.seen != ["wake"]:
            await asyncio.sleep(0.005)
    inbox.close()
    await running


async def test_an_overdue_deadline_goes_before_waiting_records(parts) -> None:
    service, inbox, clock, tally = parts
    service.deadline = clock.now() - 1
    inbox.put(digit(1))
    running = asyncio.ensure_future(serve(service, inbox, clock, tally))
    async with asyncio.timeout(2):
        while len(service.seen) < 2:
            await asyncio.sleep(0)
    inbox.close()
    await running
    assert service.seen == ["wake", "1"]


async def test_a_wake_that_always_fails_starves_no_record_and_is_not_hammered(parts) -> None:
    _, inbox, clock, tally = parts

    class Stuck(Recorder):
        async def wake(self, now: float) -> None:
            self._see("wake")

    service = Stuck()
    service.fail_on = {"wake"}
    service.deadline = clock.now() - 1
    running = asyncio.ensure_future(serve(service, inbox, clock, tally))
    for i in range(3):
        inbox.put(digit(i))
    async with asyncio.timeout(2):
        while len(service.seen) < 4:
            await asyncio.sleep(0)
    assert service.seen == ["wake", "0", "1", "2"]
    inbox.close()
    await asyncio.wait_for(running, 1)


async def test_a_flood_of_records_leaves_others_their_turn(parts) -> None:
    service, inbox, clock, tally = parts
    for i in range(1000):
        inbox.put(digit(i))
    running = asyncio.ensure_future(serve(service, inbox, clock, tally))
    await asyncio.sleep(0)
    assert len(service.seen) <= service_module.RECORDS_PER_TURN
    inbox.close()
    await running
    assert len(service.seen) == 1000


async def test_a_service_that_gathers_handles_in_one_go_what_came_while_it_rested(parts, monkeypatch) -> None:
    service, inbox, clock, tally = parts
    rested, rests = asyncio.Event(), []

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        await rested.wait()

    monkeypatch.setattr(service_module, "asyncio", SimpleNamespace(sleep=rest, timeout=asyncio.timeout))
    running = asyncio.ensure_future(serve(service, inbox, clock, tally, gather_s=0.05))
    for i in range(4):
        inbox.put(digit(i))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert service.seen == ["0"]
    service.deadline = clock.now() + 0.01
    rested.set()
    async with asyncio.timeout(2):
        while "wake" not in service.seen:
            await asyncio.sleep(0)
    assert service.seen == ["0", "1", "2", "3", "wake"]
    assert rests[:2] == [0.05, pytest.approx(0.01)]  # it rests until its deadline at the longest
    inbox.close()
    await running


async def test_a_record_that_meets_a_cancellation_does_not_keep_the_loop_alive(parts) -> None:
    service, inbox, clock, tally = parts
    service.deadline = clock.now() + 1000
    running = asyncio.ensure_future(serve(service, inbox, clock, tally))
    await asyncio.sleep(0.01)
    inbox.put(digit(1))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 1)


# --- logs --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def stream():
    before = structlog.get_config()
    yield io.StringIO()
    structlog.configure(**before)


def test_a_line_is_json_with_its_fields(stream) -> None:
    logs.configure(json=True, stream=stream)
    structlog.get_logger().info("call ended", call="c1", name="王")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["call"], line["level"], line["name"]) == ("call ended", "c1", "info", "王")


@pytest.mark.parametrize("as_json", [True, False])
def test_personal_data_are_masked(stream, as_json: bool) -> None:
    logs.configure(json=as_json, stream=stream)
    structlog.get_logger().info("x", caller_number="12345678", caller_name="Lei Wang", customer_name="Wang")
    text = stream.getvalue()
    assert "12345678" not in text
    assert "*****678" in text
    assert "Wang" not in text
    assert "ang" not in text


def test_personal_data_are_shown_when_the_settings_say_so(stream) -> None:
    logs.configure(json=True, stream=stream, show_personal=True)
    structlog.get_logger().info("x", caller_number="12345678")
    assert "12345678" in stream.getvalue()


@pytest.mark.parametrize("as_json", [True, False])
def test_no_value_can_forge_a_line(stream, as_json: bool) -> None:
    logs.configure(json=as_json, stream=stream)
    structlog.get_logger().info("x", value="a\n2026 [error] forged \x1b[2J")
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


def test_lines_below_the_level_are_not_written(stream) -> None:
    logs.configure(json=True, level="warning", stream=stream)
    structlog.get_logger().info("x")
    assert stream.getvalue() == ""
    assert logging.getLogger().level <= logging.WARNING
