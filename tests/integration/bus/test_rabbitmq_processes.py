"""Real processes that are killed, stopped, or share a name."""

import os
import signal
import time
from pathlib import Path

import pytest

from hotline.commands import Done, Hangup, Refused
from hotline.errors import Misuse
from hotline.facts import Fact
from hotline.ids import CallId
from tests.integration.bus.conftest import World
from tests.integration.bus.outages import Listener
from tests.integration.bus.test_bus_contract import NODE, Recorder
from tests.support.bus_process import BusProcess
from tests.support.wait import eventually

COMMAND = Hangup(node=NODE, call_id=CallId("c"))


async def test_the_name_and_the_node_of_a_killed_process_are_free_at_once(brokered: World, tmp_path: Path) -> None:
    await brokered.near.bus.start()
    async with BusProcess.started(brokered.settings(), "node", tmp_path / "child") as process:
        assert await brokered.near.bus.request(COMMAND, within_s=10) == Done()
        await process.kill()
        began = time.perf_counter()
        again = brokered.process("node")
        again.bus.serve(NODE, Recorder())
        await again.bus.start()
        assert await brokered.near.bus.request(COMMAND, within_s=10) == Done()
    assert time.perf_counter() - began < 15


async def test_what_a_killed_process_had_told_arrives_when_it_is_back(brokered: World, tmp_path: Path) -> None:
    listener = Listener(brokered.far, brokered.far.bus.subscribe("all", Fact, durable=True))
    await brokered.far.bus.start()
    for _ in range(3):
        async with BusProcess.started(brokered.settings(), "teller", tmp_path / "child") as process:
            await process.until("told 100")
            await process.kill()
        told = {f"teller-{n}" for n in range(1, process.told + 1)}
        async with BusProcess.started(brokered.settings(), "teller", tmp_path / "child"):
            await eventually(lambda t=told: names(listener) >= t, what="every fact that was told")  # type: ignore[misc]


def names(listener: Listener) -> set[str]:
    return {str(getattr(fact, "call_id", "")) for fact in listener.got}


async def test_a_stopped_process_is_refused_once_the_broker_has_noticed_and_serves_again_when_it_goes_on(
    brokered: World, tmp_path: Path
) -> None:
    await brokered.near.bus.start()
    settings = brokered.settings(heartbeat_s=1)
    async with BusProcess.started(settings, "node", tmp_path / "child") as process:
        os.kill(process.pid, signal.SIGSTOP)
        assert await brokered.near.bus.request(COMMAND, within_s=0.2) != Done()

        async def refused() -> bool:
            return isinstance(await brokered.near.bus.request(COMMAND, within_s=0.5), Refused)

        await eventually(refused, within_s=30, what="a refusal")
        os.kill(process.pid, signal.SIGCONT)

        async def done() -> bool:
            return await brokered.near.bus.request(COMMAND, within_s=1) == Done()

        await eventually(done, within_s=30, what="a command that is done")


async def test_a_second_process_of_one_name_is_refused_and_the_first_goes_on(brokered: World, tmp_path: Path) -> None:
    await brokered.start()
    async with BusProcess.started(brokered.settings(), "node", tmp_path / "child"):
        before = await brokered.broker.names(brokered.prefix)
        second = brokered.process("node", connect_timeout_s=0.5)
        second.bus.subscribe("all", Fact)
        second.bus.serve(NODE, Recorder())
        with pytest.raises(Misuse, match="another process"):
            await second.bus.start()
        assert await brokered.broker.names(brokered.prefix) == before
        assert await brokered.near.bus.request(COMMAND, within_s=10) == Done()
