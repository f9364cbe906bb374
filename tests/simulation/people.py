"""Who does something in a story: callers, agents, customers who want to be called back. A person is an async function of the story."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TYPE_CHECKING

from hotline.facts import CallbackRequested
from hotline.ids import AgentId, CallbackId, QueueId
from tests.properties.phone_network import NODES, Call

if TYPE_CHECKING:
    from tests.simulation.story import Story

Person = Callable[["Story"], Awaitable[None]]


def callers(
    queue: str,
    *,
    every_s: float,
    skills: tuple[str, ...] = (),
    priorities: tuple[int, ...] = (0,),
    patience_s: float = 15.0,
) -> Person:
    """Return people who call a queue, on either node, and hang up when they have had enough, whatever they are doing then."""

    async def call(story: "Story") -> None:
        while True:
            await asyncio.sleep(story.luck.expovariate(1 / every_s))
            new = _new_caller(story, queue, priority=story.luck.choice(priorities), skills=skills)
            story.wire.arrives(new)
            story.wire.later(story.luck.expovariate(1 / patience_s), story.wire.hangs_up, new)

    return call


def known(queue: str, *, every_s: float, customers: tuple[str, ...], manager: str | None = None) -> Person:
    """Return customers who are known: the CRM says who they are, soon, and who cares for them."""

    async def call(story: "Story") -> None:
        while True:
            await asyncio.sleep(story.luck.expovariate(1 / every_s))
            new = _new_caller(story, queue)
            who = story.luck.choice(customers)
            story.wire.later(story.luck.choice((0.0, 0.01, 0.5, 3.0)), story.identify, new, who, manager)
            story.wire.arrives(new)
            story.wire.later(story.luck.expovariate(1 / 20.0), story.wire.hangs_up, new)

    return call


def redialling(queue: str, *, every_s: float, resume_s: float) -> Person:
    """Return people who lose patience while they wait, and call again soon from the same number."""

    async def call(story: "Story") -> None:
        for number in count(1):
            await asyncio.sleep(story.luck.expovariate(1 / every_s))
            for _ in range(story.luck.choice((1, 2, 2, 3))):
                new = _new_caller(story, queue)
                story.wire.numbers[new.call_id] = f"13700{number:06}"
                story.wire.arrives(new)
                await asyncio.sleep(story.luck.uniform(1.0, 6.0))
                story.wire.hangs_up(new)
                await asyncio.sleep(story.luck.uniform(0.2, 1.2 * resume_s))

    return call


def _new_caller(story: "Story", queue: str, *, priority: int = 0, skills: tuple[str, ...] = ()) -> Call:
    story.calls += 1
    node = story.luck.choice(NODES)
    new = story.wire.new_call(story.calls, node, queue, priority=priority, skills=skills)
    story.note(f"{new.call_id} calls {queue} at {node}")
    return new


def at_work(*agents: str, restless: float = 0.25) -> Person:
    """Return agents who come to work and now and then do something else, also while their phone rings."""
    asks = ("ready", "ready", "not_ready", "log_out", "end_wrap_up", "log_in")

    async def work(story: "Story") -> None:
        await asyncio.sleep(0.5)
        for agent in agents:
            story.ask(agent, "ready")
        while True:
            await asyncio.sleep(story.luck.expovariate(restless))
            agent, ask = story.luck.choice(agents), story.luck.choice(asks)
            story.ask(agent, ask)
            if ask != "ready":
                story.wire.later(story.luck.uniform(0.5, 6.0), story.ask, agent, "ready")

    return work


BLIND = ("hold", "hold", "retrieve", "transfer", "transfer")
ASKING = ("consult", "consult", "consult", "swap", "conference", "conference", "complete", "cancel", "hold", "retrieve")


def handing_on(*agents: str, to: tuple[str, ...], every_s: float, asks: tuple[str, ...] = BLIND) -> Person:
    """Return agents who put callers on hold, take them back, ask others, and hand callers on."""

    async def hand_on(story: "Story") -> None:
        while True:
            await asyncio.sleep(story.luck.expovariate(1 / every_s))
            busy = [a for a in agents if story.watch.monitor.states[AgentId(a)] in ("talking", "holding")]
            if busy:
                ask = story.luck.choice(asks)
                story.wants(
                    story.luck.choice(busy), ask, story.luck.choice(to) if ask in ("transfer", "consult") else ""
                )

    return hand_on


def wishes(*queues: str, every_s: float) -> Person:
    """Return callers who gave up their call and want to be called back."""

    async def wish(story: "Story") -> None:
        for number in count(1):
            await asyncio.sleep(story.luck.expovariate(1 / every_s))
            now = story.loop.time()
            story.wish(
                CallbackRequested(
                    at=now,
                    callback_id=CallbackId(f"wish{number:02}"),
                    queue_id=QueueId(story.luck.choice(queues)),
                    number=f"13800{number:06}",
                    entered_at=now - story.luck.choice((0.0, 5.0, 30.0)),
                    node=story.luck.choice((*NODES, None)),
                )
            )

    return wish
