"""Asterisk's processor time per call: our distribution against `app_queue`, in one Asterisk, same callers, seats and talks.

Blocks of calls alternate. `ours`: the hotline steers (AsyncAGI, redirect into the ring context). `app_queue`: the number of a
static queue; measured with the hotline killed, once with nobody on the manager port (the best case for `app_queue`, but then
nobody sees what it does either) and once with a listener who gets all events, as programs around `app_queue` do. No recording
on any side. The time of the idle Asterisk is part of every block alike.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from telephony.phones.seats import Seats
from tests.bench.floor import OUR_NUMBER, QUEUE_NUMBER, Floor, open_floor, open_tap
from tests.bench.processors import used_s
from tests.bench.report import Report, Scale, median, milliseconds, say

SEATS = 40
RATE = 10.0
TALK_S = 2.0
VARIANTS = {
    "ours": "ours",
    "app_queue": "app_queue, nobody listens",
    "app_queue_heard": "app_queue, a listener for all events",
}


@dataclass(frozen=True, kw_only=True)
class Block:
    """What one block of calls cost, per call."""

    asterisk_s: float
    hotline_s: float
    answered: int


async def run(scale: Scale) -> Report:
    """Alternate blocks and compare."""
    rounds, calls = scale.pick(3, 1), scale.pick(80, 40)
    blocks: dict[str, list[Block]] = {name: [] for name in VARIANTS}
    say("asterisk_cpu: starting a hotline")
    async with AsyncExitStack() as stack:
        floor = await stack.enter_async_context(open_floor(seats=SEATS, queue_members=SEATS))
        seats = await stack.enter_async_context(floor.phones(SEATS, talk_s=TALK_S))
        for number in range(rounds):
            if number:
                await floor.start()  # finds its Asterisk again
            await floor.make_ready(SEATS)
            say(f"asterisk_cpu: round {number + 1} of {rounds}")
            blocks["ours"].append(await _block(floor, OUR_NUMBER, calls, seats))
            await floor.hotline.kill9()
            blocks["app_queue"].append(await _block(floor, QUEUE_NUMBER, calls, seats))
            async with open_tap(floor, "everything"):
                blocks["app_queue_heard"].append(await _block(floor, QUEUE_NUMBER, calls, seats))
    return _report(blocks, calls)


async def _block(floor: Floor, number: str, calls: int, seats: Seats) -> Block:
    await asyncio.sleep(1.0)  # what came before settles
    pids = (floor.asterisk_pid, floor.pid)
    before = [used_s(pid) for pid in pids]
    answered = await floor.play(number, calls, RATE, seats)
    await asyncio.sleep(0.5)
    spent = [(used_s(pid) - earlier) / calls for pid, earlier in zip(pids, before, strict=True)]
    return Block(asterisk_s=spent[0], hotline_s=max(spent[1], 0.0), answered=answered)


def _report(blocks: dict[str, list[Block]], calls: int) -> Report:
    asterisk = {name: median([b.asterisk_s for b in found]) for name, found in blocks.items()}
    ratios = {
        name: median([o.asterisk_s / q.asterisk_s for o, q in zip(blocks["ours"], blocks[name], strict=True)])
        for name in ("app_queue", "app_queue_heard")
    }
    answered = {name: sum(b.answered for b in found) for name, found in blocks.items()}
    total = calls * len(blocks["ours"])
    hotline = median([b.hotline_s for b in blocks["ours"]])
    return Report(
        name="asterisk_cpu",
        title=f"Asterisk's processor time per call ({SEATS} seats, {RATE:g} calls/s, talks of {TALK_S:g} s)",
        head=("distribution", "answered", "per call", "ours / this"),
        rows=[
            (title, f"{answered[name]} of {total}", milliseconds(asterisk[name]), f"{ratios[name]:.2f}" if name in ratios else "")
            for name, title in VARIANTS.items()
        ],
        goal="ours below app_queue that nobody listens to",
        reached=ratios["app_queue"] < 1,
        notes=[
            f"medians of {len(blocks['ours'])} rounds of {calls} calls each; ratios within a round",
            f"the hotline's own process uses {milliseconds(hotline)} per call besides (its PostgreSQL not counted)",
        ],
        numbers={
            "asterisk_s_per_call": asterisk,
            "ratio": ratios["app_queue"],
            "ratio_with_listener": ratios["app_queue_heard"],
            "hotline_s_per_call": hotline,
            "answered": answered,
            "calls": total,
        },
    )  # fmt: skip
