"""What a caller asks of an agent: skills with levels, and less of it the longer he waits. Pure.

A demand is what the queue asks for, what the caller asks for himself, and where the queue says so his language. A step of
`Queue.relax` lowers levels or drops skills once he has waited for so long; steps add up, and none ever asks for more.
"""

from collections.abc import Iterable, Mapping

import msgspec

from hotline.ids import AgentId, QueueId
from hotline.settings.queues import Queue

Needs = tuple[tuple[str, int], ...]
"""Pairs of skill and least level, in alphabetical order."""
Tokens = frozenset[tuple[str, int]]
"""The same as a set. What an agent has is such a set with every level up to his own, so that "is able" means "is a subset"."""


class Wish(msgspec.Struct, frozen=True, gc=False):
    """What decides whether an agent suits a caller, as it was at a moment."""

    queue_id: QueueId
    needs: Needs
    barred: frozenset[AgentId] = frozenset()
    refusals: Mapping[AgentId, float] = {}
    wanted_agent: AgentId | None = None
    wanted_until: float = 0.0


def tokens(skills: Mapping[str, int]) -> Tokens:
    """Return what an agent with these skills has."""
    return frozenset((skill, level) for skill, best in skills.items() for level in range(1, best + 1))


def asked(queue: Queue, skills: Iterable[str], levels: Iterable[tuple[str, int]], language: str) -> Needs:
    """Return what a caller of a queue asks for at first; where several ask for one skill, the highest level counts."""
    own = dict.fromkeys(skills, 1)
    for skill, level in levels:
        if level > 0:
            own[skill] = level
    if queue.language_skill and language:
        own.setdefault(language, 1)
    for skill, level in queue.skills.items():
        own[skill] = max(level, own.get(skill, 0))
    return tuple(sorted(own.items())) if own else ()


def step_at(queue: Queue, since: float, now: float) -> int:
    """Return how many steps of relaxation one has reached who waits since `since`."""
    return sum(1 for step in queue.relax if since + step.after_s <= now)


def next_step_at(queue: Queue, since: float, now: float) -> float | None:
    """Return when the next step is reached, if there is one."""
    return min((since + step.after_s for step in queue.relax if since + step.after_s > now), default=None)


def relaxed(needs: Needs, queue: Queue, since: float, now: float) -> Needs:
    """Return what is left of a demand of one who waits since `since`."""
    if not queue.relax:
        return needs
    left = dict(needs)
    for step in queue.relax:
        if since + step.after_s > now:
            continue
        for skill, level in step.skills.items():
            if skill in left:
                left[skill] = min(left[skill], level)
    return tuple((skill, level) for skill, level in sorted(left.items()) if level > 0)
