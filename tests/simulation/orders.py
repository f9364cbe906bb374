"""Who interferes from above in a story: supervisors who order agents, callers and queues about, and join conversations; and what agents owe."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, get_args

from acd.core.agents.states import Force
from acd.core.requests import (
    AgentRequest,
    CallerRequest,
    OutcomeRequest,
    QueueRequest,
    SupervisionRequest,
    SurgeRequest,
)
from hotline.facts import Signal
from hotline.ids import AgentId, Extension, QueueId
from tests.simulation.people import Person

if TYPE_CHECKING:
    from tests.simulation.story import Story

BY = "mei"
OUTCOMES = ("sold", "not sold")


def now_and_then(every_s: float, order: Callable[["Story"], Signal | None]) -> Person:
    """Return a supervisor who orders something now and then; None when there is nothing to order."""

    async def orders(story: "Story") -> None:
        while True:
            await asyncio.sleep(story.luck.expovariate(1 / every_s))
            request = order(story)
            if request is not None:
                story.order(request)

    return orders


def force(story: "Story") -> Signal:
    """Order an agent into another state; he comes back by himself."""
    agent = AgentId(story.luck.choice([a.id for a in story.settings.agents]))
    ask: Force = story.luck.choice(get_args(Force))
    story.wire.later(story.luck.uniform(1.0, 6.0), story.ask, agent, "ready")
    return AgentRequest(at=story.loop.time(), agent_id=agent, ask=ask, by=BY)


def steer(story: "Story") -> Signal | None:
    """Change a waiting caller's priority, move him, or pull him out."""
    waiting = sorted(story.watch.monitor.waiting)
    if not waiting:
        return None
    call, luck = story.luck.choice(waiting), story.luck
    if luck.random() < 0.5:
        return CallerRequest(at=story.loop.time(), call_id=call, priority=luck.choice((-5, 0, 1, 3, 20)), by=BY)
    queues = sorted(f"queue:{q.id}" for q in story.settings.queues)  # refused where nobody could ever serve him
    treatment = luck.choice((*queues, *queues, "hang_up", "fallback"))
    return CallerRequest(at=story.loop.time(), call_id=call, treatment=treatment, by=BY)


def emergency(queue: str) -> Callable[["Story"], Signal]:
    """Return a supervisor who switches an announcement at a queue on and off."""

    def switch(story: "Story") -> Signal:
        on = story.luck.random() < 0.5
        then = story.luck.choice(("stay", "stay", "hang_up", "fallback"))
        if on:
            off = QueueRequest(at=story.loop.time(), queue_id=QueueId(queue), emergency=False, by=BY)
            story.wire.later(story.luck.uniform(1.0, 6.0), story.order, off)
        return QueueRequest(at=story.loop.time(), queue_id=QueueId(queue), emergency=on, then=then, by=BY)  # type: ignore[arg-type]

    return switch


def surge(queue: str) -> Callable[["Story"], Signal]:
    """Return a supervisor who calls agents of other departments in, and lets them go."""

    def switch(story: "Story") -> Signal:
        on = QueueId(queue) not in story.watch.monitor.surges
        return SurgeRequest(at=story.loop.time(), queue_id=QueueId(queue), on=on, by=BY)

    return switch


def supervise(story: "Story") -> Signal | None:
    """Join a conversation, change the mode, take the caller over, or leave."""
    monitor, luck = story.watch.monitor, story.luck
    present = list(monitor.supervisions.values())
    if present and luck.random() < 0.6:
        with_one = luck.choice(present)
        agent, seat = with_one.agent_id, with_one.extension
        ask = luck.choice(("whisper", "barge", "listen", "take_over", "take_over", "stop"))
    else:
        talking = sorted(a for a, state in monitor.states.items() if state in ("talking", "holding"))
        if not talking:
            return None
        agent = luck.choice(talking)
        seat = Extension(luck.choice([a.extension for a in story.settings.agents if not a.remote_number]))
        ask = luck.choice(("listen", "listen", "whisper", "barge", "take_over"))
    return SupervisionRequest(at=story.loop.time(), agent_id=agent, ask=ask, extension=seat, by=BY)  # type: ignore[arg-type]


def say_outcome(story: "Story") -> Signal | None:
    """Say how a conversation went: whoever owes it, and now and then somebody who does not."""
    monitor = story.watch.monitor
    able = list(monitor.owing) if monitor.owing and story.luck.random() < 0.8 else list(monitor.latest)
    if not able:
        return None
    agent = story.luck.choice(able)
    return OutcomeRequest(at=story.loop.time(), agent_id=agent, outcome=story.luck.choice(OUTCOMES), by="seat")


def outcome_of(agent: AgentId, at: float) -> Signal:
    """Return what an agent says who owes an outcome."""
    return OutcomeRequest(at=at, agent_id=agent, outcome=OUTCOMES[0], by="seat")
