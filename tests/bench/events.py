"""How much Asterisk tells about a call over the manager port: with our event filters, without, and with all classes.

Three logins listen while the same calls are played (queue, ring, conversation, end); what they get when nothing happens is
measured before and taken off. Only events are counted, no answers to actions.
"""

import asyncio
from contextlib import AsyncExitStack

from tests.bench.floor import OUR_NUMBER, Tap, open_floor, open_tap
from tests.bench.report import Report, Scale, say

SEATS = 10
RATE = 4.0
IDLE_S = 4.0
USERS = {"hotline": "ours (filters)", "unfiltered": "same classes, no filter", "everything": "all classes, no filter"}


async def run(scale: Scale) -> Report:
    """Play calls and count."""
    calls = scale.pick(40, 12)
    say("events: starting a hotline")
    async with AsyncExitStack() as stack:
        floor = await stack.enter_async_context(open_floor(seats=SEATS))
        seats = await stack.enter_async_context(floor.phones(SEATS, talk_s=1.0))
        await floor.make_ready(SEATS)
        taps = {name: await stack.enter_async_context(open_tap(floor, name)) for name in USERS}
        start = _read(taps)
        await asyncio.sleep(IDLE_S)
        idle = {name: (m - start[name][0], b - start[name][1]) for name, (m, b) in _read(taps).items()}
        before = _read(taps)
        say(f"events: {calls} calls")
        loop = asyncio.get_running_loop()
        began = loop.time()
        answered = await floor.play(OUR_NUMBER, calls, RATE, seats)
        await asyncio.sleep(1.0)  # the last events are on their way
        idles = (loop.time() - began) / IDLE_S
        after = _read(taps)
    counts = {
        name: tuple((after[name][i] - before[name][i] - idle[name][i] * idles) / calls for i in (0, 1))
        for name in USERS
    }
    ours = counts["hotline"]
    return Report(
        name="events",
        title=f"what Asterisk sends over AMI per call ({calls} calls, {answered} answered)",
        head=("login", "events", "bytes", "events, ours = 1", "bytes, ours = 1"),
        rows=[
            (title, f"{counts[u][0]:.1f}", f"{counts[u][1]:,.0f}", f"{counts[u][0] / ours[0]:.1f} x", f"{counts[u][1] / ours[1]:.1f} x")
            for u, title in USERS.items()
        ],
        numbers={u: {"events_per_call": counts[u][0], "bytes_per_call": counts[u][1]} for u in USERS} | {"answered": answered},
    )  # fmt: skip


def _read(taps: dict[str, Tap]) -> dict[str, tuple[int, int]]:
    return {name: (tap.messages, tap.bytes) for name, tap in taps.items()}
