"""What can happen in a story: queues, agents and people who belong together. To test a feature under all the trouble, add an entry here.

A person is an async function of the story. Ids of queues and agents, and extensions, are a feature's own: features meet in one house.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from hotline.facts import CallbackRequested
from hotline.ids import AgentId, CallbackId, QueueId
from hotline.settings.queues import Agent, CallbackPolicy, Overflow, Queue, Relax
from tests.properties.phone_network import NODES

if TYPE_CHECKING:
    from tests.simulation.story import Story

Person = Callable[["Story"], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A part of a story."""

    name: str
    queues: tuple[Queue, ...] = ()
    agents: tuple[Agent, ...] = ()
    people: tuple[Person, ...] = ()
    always: bool = False
    share: float = 0.3
    """In so many of the stories it takes part."""


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
            story.calls += 1
            node = story.luck.choice(NODES)
            priority = story.luck.choice(priorities)
            new = story.wire.new_call(story.calls, node, queue, priority=priority, skills=skills)
            story.note(f"{new.call_id} calls {queue} at {node}")
            story.wire.arrives(new)
            story.wire.later(story.luck.expovariate(1 / patience_s), story.wire.hangs_up, new)

    return call


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


def handing_on(*agents: str, to: tuple[str, ...], every_s: float) -> Person:
    """Return agents who put callers on hold, take them back, and hand them on."""
    asks = ("hold", "hold", "retrieve", "transfer", "transfer")

    async def hand_on(story: "Story") -> None:
        while True:
            await asyncio.sleep(story.luck.expovariate(1 / every_s))
            busy = [a for a in agents if story.watch.monitor.states[AgentId(a)] in ("talking", "holding")]
            if busy:
                ask = story.luck.choice(asks)
                story.wants(story.luck.choice(busy), ask, story.luck.choice(to) if ask == "transfer" else "")

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


PLAIN = Feature(
    name="plain",
    always=True,
    queues=(
        Queue(id="a", ring_timeout_s=8, wrap_up_s=3, rest_after_no_answer_s=4, no_answers_before_break=2),
        Queue(
            id="b",
            ring_timeout_s=5,
            wrap_up_s=0,
            rest_after_no_answer_s=0,
            priority=2,
            skills={"card": 1},
            max_offers=3,
        ),
    ),
    agents=(
        Agent(id="1001", extension="1001", queues=("a", "b")),
        Agent(id="1002", extension="1002", queues=("a", "b"), skills={"card": 5, "english": 5}),
        Agent(id="1003", extension="1003", queues=("a",), skills={"english": 5}),
        Agent(id="1004", extension="1004", queues=("b",), skills={"card": 5}),
    ),
    people=(
        callers("a", every_s=3.0, priorities=(0, 0, 1)),
        callers("a", every_s=12.0, skills=("english",)),
        callers("b", every_s=8.0),
        at_work("1001", "1002", "1003", "1004"),
    ),
)

RING_ALL = Feature(
    name="ring all",
    queues=(Queue(id="all", strategy="ring_all", ring_timeout_s=6, wrap_up_s=2, rest_after_no_answer_s=3),),
    agents=tuple(Agent(id=e, extension=e, queues=("all",)) for e in ("1005", "1006", "1007")),
    people=(callers("all", every_s=6.0), at_work("1005", "1006", "1007")),
)

AGEING = Feature(
    name="ageing and levels",
    queues=(
        Queue(
            id="old",
            ring_timeout_s=6,
            wrap_up_s=1,
            ageing_per_minute=30,
            relax=(Relax(after_s=8, skills={"law": 2}), Relax(after_s=12, skills={"law": 0})),
            strategy="fewest_calls",
        ),
    ),
    agents=(
        Agent(id="1008", extension="1008", queues=("old",), skills={"law": 6}),
        Agent(id="1009", extension="1009", queues=("old",), skills={"law": 3}),
        Agent(id="1010", extension="1010", queues=("old",)),
    ),
    people=(
        callers("old", every_s=6.0, priorities=(0, 2, 5)),
        callers("old", every_s=9.0, skills=("law",), patience_s=25.0),
        at_work("1008", "1009", "1010"),
    ),
)

OVERFLOW = Feature(
    name="overflow",
    queues=(
        Queue(
            id="over",
            ring_timeout_s=6,
            wrap_up_s=1,
            max_waiting=4,
            overflow=(Overflow(when="waited", over=6, to="hang_up"), Overflow(when="nobody_logged_in", to="fallback")),
        ),
    ),
    agents=(Agent(id="1011", extension="1011", queues=("over",)),),
    people=(callers("over", every_s=4.0), at_work("1011")),
)

PROGRESSIVE = Feature(
    name="ring progressively",
    queues=(Queue(id="more", strategy="ring_progressive", ring_more_every_s=1.5, ring_timeout_s=7, wrap_up_s=2),),
    agents=tuple(Agent(id=e, extension=e, queues=("more",)) for e in ("1012", "1013", "1014")),
    people=(callers("more", every_s=6.0), at_work("1012", "1013", "1014")),
)

HANDED_ON = Feature(
    name="handed on",
    queues=(
        Queue(id="first", ring_timeout_s=6, wrap_up_s=1, transfer_timeout_s=6),
        Queue(id="second", ring_timeout_s=6, wrap_up_s=1, transfer_timeout_s=6, priority=1),
    ),
    agents=(
        Agent(id="1015", extension="1015", queues=("first",)),
        Agent(id="1016", extension="1016", queues=("first", "second")),
        Agent(id="1017", extension="1017", queues=("second",)),
    ),
    people=(
        callers("first", every_s=6.0, patience_s=30.0),
        at_work("1015", "1016", "1017", restless=0.1),
        handing_on("1015", "1016", "1017", to=("queue:second", "queue:first", "agent:1016", "agent:1017"), every_s=2.0),
    ),
    share=0.4,
)

_CALLS = CallbackPolicy(attempts=2, retry_after_s=3, expires_after_s=600, ring_timeout_s=6)

CALLED_BACK = Feature(
    name="called back",
    queues=(
        Queue(id="back", ring_timeout_s=6, wrap_up_s=1, callback=_CALLS.model_copy(update={"first": "agent"})),
        Queue(id="soon", ring_timeout_s=6, wrap_up_s=1, callback=_CALLS.model_copy(update={"first": "customer"})),
    ),
    agents=tuple(Agent(id=e, extension=e, queues=("back", "soon")) for e in ("1018", "1019")),
    people=(
        callers("back", every_s=10.0),
        callers("soon", every_s=10.0),
        wishes("back", "soon", every_s=8.0),
        at_work("1018", "1019"),
    ),
)

FEATURES: tuple[Feature, ...] = (PLAIN, RING_ALL, AGEING, OVERFLOW, PROGRESSIVE, HANDED_ON, CALLED_BACK)
