"""The other process of `bus.py`: it tells what it is asked for on its standard input, and serves a node.

    python -m tests.bench.bus_teller URL PREFIX DIRECTORY

`burst N`: so many facts as fast as the loop goes round. `steady RATE SECONDS`: facts at a rate. `signals N`: one after the other.
Each is answered with a line, `began TIME` or `done`, on the steady clock of this machine's processes.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from pydantic import SecretStr

from hotline.bus.base import Bus
from hotline.bus.rabbitmq.bus import RabbitBus
from hotline.commands import Command, Done, Outcome
from hotline.facts import DigitPressed, Fact
from hotline.ids import CallId, NodeId
from hotline.runtime import logs
from hotline.runtime.clock import Clock, SteadyClock
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Bus as BusSettings
from hotline.spool import Spool
from hotline.tally import Tally
from tests.support.envelopes import many_calls

NODE = NodeId("node1")
TURN = 20
"""Facts told in one turn of the event loop."""
TURN_S = 0.01
SIGNAL_EVERY_S = 0.005


async def burst(bus: Bus, clock: Clock, facts: Sequence[Fact]) -> None:
    """Tell facts as fast as the loop goes round."""
    for first in range(0, len(facts), TURN):
        now = clock.now()
        bus.publish(*(msgspec.structs.replace(fact, at=now) for fact in facts[first : first + TURN]))
        await asyncio.sleep(0)


async def steady(bus: Bus, clock: Clock, facts: Sequence[Fact], rate: float) -> None:
    """Tell facts at a rate."""
    began, told = clock.now(), 0
    while told < len(facts):
        now = clock.now()
        due = min(int((now - began) * rate), len(facts))
        bus.publish(*(msgspec.structs.replace(fact, at=now) for fact in facts[told:due]))
        told = due
        await asyncio.sleep(TURN_S)


async def signals(bus: Bus, clock: Clock, count: int) -> None:
    """Tell signals one after the other."""
    for _ in range(count):
        bus.publish(DigitPressed(at=clock.now(), call_id=CallId("c"), digit="1"))
        await asyncio.sleep(SIGNAL_EVERY_S)


async def perform(command: Command) -> Outcome:
    """Do nothing, successfully."""
    del command
    return Done()


async def main(url: str, prefix: str, directory: str) -> None:
    """Do what is asked for until the input ends."""
    logs.configure(json=False, level="error")
    clock, tally, tasks = SteadyClock(), Tally(), TaskGroup("teller")
    spool = Spool.open(Path(directory) / "spool.db", source="teller", max_facts=10**7, clock=clock, tally=tally)
    settings = BusSettings(kind="rabbitmq", url=SecretStr(url), prefix=prefix)
    bus = RabbitBus(settings, process="teller", source="teller", spool=spool, clock=clock, tally=tally, tasks=tasks)
    bus.serve(NODE, perform)
    await bus.start()
    facts: list[Fact] = []
    _say("ready")
    while line := (await asyncio.to_thread(sys.stdin.readline)).split():
        match line:
            case ["prepare", count]:
                facts = list(many_calls(int(count) // 6))[: int(count)]
            case ["burst"]:
                _say(f"began {clock.now()}")
                await burst(bus, clock, facts)
            case ["steady", rate]:
                await steady(bus, clock, facts, float(rate))
            case ["signals", count]:
                await signals(bus, clock, int(count))
        _say("done")
    await bus.close()
    await tasks.close()
    spool.close()


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
