"""A process of its own with a bus, for tests that kill or stop it.

    python -m tests.support.bus_process URL PREFIX HEARTBEAT_S NAME DIRECTORY

It serves the node `node1` (every command is done), and tells facts without end, numbered, each also on its standard output once it is
in the spool: `told 17`. With `up` it says that the broker carries its records.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from hotline.bus.rabbitmq.bus import RabbitBus
from hotline.commands import Command, Done, Outcome
from hotline.facts import CallEnded
from hotline.ids import CallId, NodeId
from hotline.runtime import logs
from hotline.runtime.clock import SteadyClock
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Bus as BusSettings
from hotline.spool import Spool
from hotline.tally import Tally

NODE = NodeId("node1")


class BusProcess:
    """Such a process, from outside."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.told = 0

    @classmethod
    @asynccontextmanager
    async def started(cls, settings: BusSettings, name: str, directory: Path) -> AsyncIterator["BusProcess"]:
        """Start it, wait until it is up, and kill it at the end."""
        assert settings.url is not None
        arguments = (settings.url.get_secret_value(), settings.prefix, str(settings.heartbeat_s), name, str(directory))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, *arguments, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
        )
        made = cls(process)
        try:
            await made.until("up")
            yield made
        finally:
            await made.kill()

    async def until(self, word: str) -> None:
        """Read what it says until a line begins with a word."""
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            while line := (await self._process.stdout.readline()).decode():
                if line.startswith("told "):
                    self.told = int(line.split()[1])
                if line.startswith(word):
                    return
        raise AssertionError(f"it ended before it said {word!r}")

    async def kill(self) -> None:
        """Kill it (kill -9), and read its last words."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        assert self._process.stdout is not None
        for line in (await self._process.stdout.read()).decode().splitlines():
            self.told = int(line.split()[1]) if line.startswith("told ") and line[-1:].isdigit() else self.told


async def perform(command: Command) -> Outcome:
    """Do nothing, successfully."""
    del command
    return Done()


def say(*words: object) -> None:
    """Tell whoever started us."""
    sys.stdout.write(f"{' '.join(map(str, words))}\n")
    sys.stdout.flush()


async def main(url: str, prefix: str, heartbeat_s: str, name: str, directory: str) -> None:
    """Be such a process."""
    logs.configure(json=False, level="error")
    clock, tally, tasks = SteadyClock(), Tally(), TaskGroup(name)
    spool = Spool.open(Path(directory) / "spool.db", source=name, max_facts=10**6, clock=clock, tally=tally)
    settings = BusSettings(
        kind="rabbitmq",
        url=SecretStr(url),
        prefix=prefix,
        heartbeat_s=int(heartbeat_s),
        reconnect_cap_s=0.3,
        live_s=3600,
    )
    bus = RabbitBus(settings, process=name, source=name, spool=spool, clock=clock, tally=tally, tasks=tasks)
    bus.serve(NODE, perform)
    await bus.start()
    say("up")
    number = 0
    while True:
        number += 1
        bus.publish(CallEnded(at=clock.now(), call_id=CallId(f"{name}-{number}")))
        await asyncio.sleep(0.001)
        assert spool.flush()
        say("told", number)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
