"""`make soak`: ten calls a second through the real Asterisk for ten minutes, in several processes with RabbitMQ between them.

PostgreSQL is frozen for a minute, then RabbitMQ is killed for a minute, then both. Prints what each phase was like, and ends with 0
only if no caller was refused, cut off or lost, every call has its row, the audit finds nothing within 30 s of the end, every
projection equals its rebuild, and no process grew without bound.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from hotline.runtime import logs
from telephony.phones.plan import DemoPlan
from telephony.phones.program import find_sipp
from tests.support.accounts import Accounts
from tests.support.layout import Layout
from tests.support.load import Load
from tests.support.rabbitmq import RabbitMQ
from tests.support.running import CONFIG
from tests.support.watch import Postgres, Watch, grown_mb
from tests.support.weather import Phase, Weather, table

TALK_S = 2.0
SEATS_PER_RATE = 8
PATIENCE_S = 90.0
GROWTH_MB = 150.0
"""A process that grew by more between the first and the last quarter of its life is taken for leaking."""


def phases(freeze_s: float, calm_s: float) -> list[Phase]:
    """Return the weather."""
    return [
        Phase(name="before", seconds=calm_s),
        Phase(name="postgresql frozen", seconds=freeze_s, frozen=True),
        Phase(name="after postgresql", seconds=calm_s),
        Phase(name="rabbitmq dead", seconds=freeze_s, killed=True),
        Phase(name="after rabbitmq", seconds=calm_s),
        Phase(name="both", seconds=freeze_s, frozen=True, killed=True),
        Phase(name="after both", seconds=calm_s),
    ]


def config(seats: int, rate: float) -> str:
    """Return the settings of a hotline that can hold what waits for a minute."""
    lines = CONFIG.replace("count = 6", f"count = {seats}").replace(
        "wrap_up_s = 1", "wrap_up_s = 0.5\nmax_waiting = 5000"
    )
    return f"{lines}\n[asterisk]\nmax_calls = {round(150 * rate)}\n"


async def soak(rate: float, freeze_s: float, minutes: float, keep: bool) -> list[str]:
    """Play it; returns what went wrong."""
    weather_of = phases(freeze_s, max((minutes * 60 - 3 * freeze_s) / 4, 5.0))
    seconds = sum(p.seconds for p in weather_of)
    seats = round(SEATS_PER_RATE * rate)
    command, environment = find_sipp(print)
    work = Path(tempfile.mkdtemp(prefix="hotline-soak-"))
    async with AsyncExitStack() as stack:
        if not keep:
            stack.callback(shutil.rmtree, work, ignore_errors=True)
        (work / "broker").mkdir()
        broker = RabbitMQ(work / "broker")
        stack.push_async_callback(broker.close)
        await broker.start()
        layout = Layout(work, broker, config=config(seats, rate))
        stack.push_async_callback(layout.stop)
        await layout.start()
        _say(f"{rate:g} calls/s for {seconds:.0f} s, {seats} seats; in {work}")
        plan = DemoPlan(
            calls=round(rate * seconds * 2.5), rate=rate, agents=seats, talk_s=TALK_S, patience_s=PATIENCE_S, seed=1,
            number="4002",
        )  # fmt: skip
        accounts = [layout.account(str(1001 + n)) for n in range(seats)]
        exchange = layout.exchange(command, dict(environment))
        async with Load(layout, [exchange], [accounts], plan) as load:
            weather = Weather(
                load, Postgres(layout.office), broker, layout.members, layout.office.runtime["database"], tell=_say
            )
            watch = await weather.play(weather_of)
        _say("accounting")
        books = Accounts(load, layout.nodes, layout.members, layout.office)
        problems = await books.check()
        weather.count_fallback(books.rows)
        _print(weather, watch, books)
    return problems + _leaks(watch)


def _print(weather: Weather, watch: Watch, books: Accounts) -> None:
    print(table(weather.reports))
    print()
    for name, most in watch.most_memory_mb().items():
        print(f"memory      {name:<16} at most {most:5.0f} MB, grew by {grown_mb(watch.memory_mb[name]):5.0f} MB")
    print(f"calls       {len(books.rows)} rows of {len(weather.load.placed_stories())} calls placed")
    print(f"recordings  {sum(r['status'] == 'stored' for r in books.recordings)} stored of {len(books.recordings)}")
    print(f"audit       {len(books.findings)} findings")
    print(f"rebuild     {books.differing} differences")


def _leaks(watch: Watch) -> list[str]:
    grown = {name: grown_mb(seen) for name, seen in watch.memory_mb.items()}
    return [f"{name} grew by {mb:.0f} MB" for name, mb in grown.items() if mb > GROWTH_MB]


def _say(text: str) -> None:
    print(f"soak: {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Run it; 0 only if nothing was wrong."""
    options = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    options.add_argument("--rate", type=float, default=10.0, help="calls per second")
    options.add_argument("--freeze", type=float, default=60.0, help="seconds of each trouble")
    options.add_argument("--minutes", type=float, default=10.0, help="of the whole")
    options.add_argument("--keep", action="store_true", help="keep data directories and logs")
    given = options.parse_args()
    logs.configure(json=False, level="error")
    problems = asyncio.run(soak(given.rate, given.freeze, given.minutes, given.keep))
    for problem in problems[:50]:
        print(f"  ! {problem}")
    print(f"soak: {len(problems)} problem(s)" if problems else "soak: nothing was lost")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
