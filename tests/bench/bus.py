"""Facts/s through the broker: from one process's spool to the journal's intake of another. `python -m tests.bench.bus [FACTS]`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from hotline.facts import Fact
from hotline.runtime.clock import SteadyClock, processor_seconds, stopwatch
from tests.integration.bus.conftest import World
from tests.support.envelopes import many_calls
from tests.support.rabbitmq import RabbitMQ, Version

FACTS = 20_000
LAG_RATE = 1_000
LAG_S = 5.0


async def measure(version: Version, count: int) -> None:
    """Print what one broker carries."""
    with tempfile.TemporaryDirectory() as directory:
        broker = RabbitMQ(Path(directory), version)
        await broker.start()
        try:
            world = World(Path(directory) / "world", broker)
            try:
                await _measure(world, version, count)
            finally:
                await world.close()
        finally:
            await broker.close()


async def _measure(world: World, version: str, count: int) -> None:
    assert world.far.rabbit is not None
    intake = world.far.rabbit.journal()
    await world.start()
    facts = (many_calls(count // 8) * 2)[:count]
    clock, lags, told, got = SteadyClock(), list[float](), list[float](), 0

    async def journal(wanted: int) -> None:
        nonlocal got
        while got < wanted:
            await intake.wait()
            batch = intake.peek(500)
            intake.remove(batch[-1][0])
            lags.extend(clock.now() - t for t in told[got : got + len(batch)])
            got += len(batch)
            await asyncio.sleep(0)

    elapsed, worked = stopwatch(), processor_seconds()
    for first in range(0, count, 500):  # as services tell them: a little in each turn of the loop
        world.near.bus.publish(*facts[first : first + 500])
        await asyncio.sleep(0)
    await journal(count)
    seconds, used = elapsed(), processor_seconds() - worked
    print(
        f"RabbitMQ {version}: {count / seconds:,.0f} facts/s spool to journal intake, {used / count * 1e6:.0f} µs of processor each"
    )

    got, per_turn = 0, 10
    reading = asyncio.ensure_future(journal(int(LAG_RATE * LAG_S)))
    for first in range(0, int(LAG_RATE * LAG_S), per_turn):
        batch: list[Fact] = facts[first : first + per_turn]
        told.extend([clock.now()] * len(batch))
        world.near.bus.publish(*batch)
        await asyncio.sleep(per_turn / LAG_RATE)
    await reading
    lags.sort()
    print(
        f"  lag at about {LAG_RATE}/s: p50 {lags[len(lags) // 2] * 1e3:.1f} ms, p99 {lags[int(len(lags) * 0.99)] * 1e3:.1f} ms"
    )


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else FACTS
    for each in ("4", "3.10"):
        asyncio.run(measure(each, wanted))  # type: ignore[arg-type]
