"""What goes wrong in a story. Each trouble is an async function of the story; the seed decides which ones strike, when and how often."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING

from tests.properties.phone_network import NODES

if TYPE_CHECKING:
    from tests.simulation.story import Story

Trouble = Callable[["Story"], Awaitable[None]]


def troubles(luck: Random) -> list[Trouble]:
    """Return what strikes in this story; now and then nothing does."""
    return [trouble for trouble in TROUBLES if luck.random() < 0.45]


async def routers_die(story: "Story") -> None:
    """kill -9 of the router that rules while another can take over; the dead one comes back and stands by."""
    while True:
        await asyncio.sleep(story.luck.uniform(4.0, 15.0))
        ruling = story.active()
        if ruling is not None and story.spare() is not None:
            await story.kill(ruling.name)
            await asyncio.sleep(story.luck.uniform(0.0, 6.0))
            story.start(ruling.name)


async def routers_freeze(story: "Story") -> None:
    """SIGSTOP and SIGCONT: who goes on may have been replaced."""
    while True:
        await asyncio.sleep(story.luck.uniform(4.0, 15.0))
        ruling = story.active()
        if ruling is None or story.spare() is None:
            continue
        story.note(f"process {ruling.name} freezes")
        ruling.gate.clear()
        story.slept = True
        await asyncio.sleep(story.luck.choice((0.5, 2.0, 5.0, 8.0)))
        story.note(f"process {ruling.name} goes on")
        story.watch.monitor.slept(story.loop.time())
        ruling.gate.set()


async def everything_restarts(story: "Story") -> None:
    """The only process dies and comes back with what it had remembered."""
    await asyncio.sleep(story.luck.uniform(5.0, 30.0))
    if story.database.state != "up" or len(story.processes) != 2 or story.spare() is None:
        return
    ruling = story.active()
    for process in sorted(story.processes.values(), key=lambda p: p is ruling):  # the one that rules last
        await story.kill(process.name)
    await asyncio.sleep(story.luck.choice((0.0, 1.0, 12.0)))
    if ruling is not None:
        story.start(ruling.name)


async def links_break(story: "Story") -> None:
    """The AMI link of a node goes down and comes up again."""
    while True:
        await asyncio.sleep(story.luck.uniform(3.0, 15.0))
        node = story.luck.choice(NODES)
        if story.wire.nodes[node].up and node not in story.wire.away:
            story.note(f"the link of {node} breaks")
            story.wire.cut(node)
            await asyncio.sleep(story.luck.uniform(0.1, 8.0))
            if not story.wire.nodes[node].up and node not in story.wire.away:
                story.note(f"the link of {node} is mended")
                story.wire.mend(node)


async def telephony_dies(story: "Story") -> None:
    """The process beside an Asterisk dies and comes back; its calls live on."""
    while True:
        await asyncio.sleep(story.luck.uniform(6.0, 20.0))
        node = story.luck.choice(NODES)
        if story.wire.nodes[node].up:
            story.wire.telephony_dies(node)
            await asyncio.sleep(story.luck.uniform(0.5, 8.0))
            story.wire.telephony_is_back(node)


async def the_database_is_away(story: "Story") -> None:
    """It freezes or restarts."""
    while True:
        await asyncio.sleep(story.luck.uniform(5.0, 20.0))
        story.database.become(story.luck.choice(("frozen", "down")))
        story.note(f"the database is {story.database.state}")
        await asyncio.sleep(story.luck.uniform(0.5, 10.0))
        story.database.become("up")
        story.note("the database is up")


async def old_and_foreign_news(story: "Story") -> None:
    """Something is told again, or of something that never was."""
    while True:
        await asyncio.sleep(story.luck.expovariate(1.0))
        story.luck.choice((story.wire.tell_old_news, story.wire.tell_nonsense))()


async def phones_move(story: "Story") -> None:
    """Phones register elsewhere, or vanish, also while they ring."""
    seats = list(story.wire.phones)
    while True:
        await asyncio.sleep(story.luck.uniform(1.0, 8.0))
        seat, to = story.luck.choice(seats), story.luck.choice((*NODES, *NODES, None))
        story.note(f"the phone {seat} goes to {to}")
        story.wire.move_phone(seat, to, lingers=story.luck.random() < 0.3)


TROUBLES: tuple[Trouble, ...] = (
    routers_die,
    routers_freeze,
    everything_restarts,
    links_break,
    telephony_dies,
    the_database_is_away,
    old_and_foreign_news,
    phones_move,
)
