"""How long nobody is rung when the active router dies or freezes: from the signal to the first offer of the one that stood by."""

import asyncio
import signal
import tempfile
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

from hotline.runtime.clock import wall_time
from telephony.phones.plan import DemoPlan
from telephony.phones.program import find_sipp
from tests.bench.report import Report, Scale, median, say
from tests.support.layout import Layout
from tests.support.load import Load
from tests.support.rabbitmq import RabbitMQ
from tests.support.running import CONFIG, Member
from tests.support.wait import eventually

GOAL_S = 3.0
SEATS = 12
RATE = 4.0
BETWEEN = 12
"""Calls between two takeovers."""
KILL, FREEZE = "kill -9", "SIGSTOP"


async def run(scale: Scale) -> Report:
    """Let one router after the other fail under load, in turns by death and by frost."""
    rounds = scale.pick(5, 1)
    found: dict[str, list[float]] = {KILL: [], FREEZE: []}
    command, environment = find_sipp(print)
    async with AsyncExitStack() as stack:
        work = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="hotline-bench-", ignore_cleanup_errors=True))
        )
        (work / "broker").mkdir()
        broker = RabbitMQ(work / "broker")
        stack.push_async_callback(broker.close)
        await broker.start()
        config = CONFIG.replace("count = 6", f"count = {SEATS}").replace("wrap_up_s = 1", "wrap_up_s = 0.5")
        layout = Layout(work, broker, routers=2, config=config)
        stack.push_async_callback(layout.stop)
        await layout.start()
        plan = DemoPlan(
            calls=(4 * rounds + 2) * BETWEEN, rate=RATE, agents=SEATS, talk_s=2.0, patience_s=60, seed=11, number="4002"
        )
        accounts = [layout.account(str(1001 + n)) for n in range(SEATS)]
        exchange = layout.exchange(command, dict(environment))
        async with Load(layout, [exchange], [accounts], plan) as load:
            for turn in range(2 * rounds):
                how = (KILL, FREEZE)[turn % 2]
                say(f"takeover {turn + 1} of {2 * rounds}: {how}")
                await load.placed((2 * turn + 1) * BETWEEN)
                found[how].append(await _fail(layout, how))
                await load.placed((2 * turn + 2) * BETWEEN)
            load.enough()
            await load.over()
            failed = sum(story.failed for story in load.placed_stories())
    worst = max(max(times) for times in found.values())
    return Report(
        name="takeover",
        title=f"from the failure of the active router to the first offer of the next, {RATE:g} calls/s",
        head=("failure", "times", "median", "worst"),
        rows=[(how, str(len(t)), f"{median(t):.2f} s", f"{max(t):.2f} s") for how, t in found.items()],
        numbers={"seconds": found, "calls failed": failed},
        goal=f"within {GOAL_S:g} s, and no call fails",
        reached=worst <= GOAL_S and not failed,
        notes=(f"{failed} calls failed",),
    )


async def _fail(layout: Layout, how: str) -> float:
    """Let the active router fail, and return how long it took until the other made an offer; then mend it."""
    active = await layout.active()
    standby = next(member for member in layout.routers if member is not active)
    await eventually(lambda: _view(standby, "in_sync"), what="the standby has the router's memory")
    failed_at = wall_time()
    if how == KILL:
        await active.kill9()
    else:
        active.signal(signal.SIGSTOP)
    await eventually(lambda: _view(standby, "active_here"), what="the standby is active")
    term = f".t{(await standby.ask('GET', '/api/v1/router'))['epoch']}-"

    async def offered() -> float | None:
        offers = (await layout.get("offers", limit=200))["items"]
        times = [offer["made_at"] for offer in offers if term in offer["offer_id"]]
        return min(map(_seconds, times), default=None)

    first = await eventually(offered, what="an offer of the new router")
    if how == KILL:
        await active.start()
    else:
        active.signal(signal.SIGCONT)
    await eventually(lambda: _view(active, "in_sync"), what="the former active one stands by")
    assert first is not None
    return max(first - failed_at, 0.0)


async def _view(member: Member, what: str) -> bool:
    view = await member.ask("GET", "/api/v1/router")
    return view["state"] == "active" if what == "active_here" else bool(view[what])


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


if __name__ == "__main__":
    print(asyncio.run(run(Scale())).text())
