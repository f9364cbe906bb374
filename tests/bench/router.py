"""How many offers the router decides in a second, beside a plain router that scans everything.

    python tests/bench/router.py [--decisions N] [--json]

The floor has N agents and 1,000 waiting callers with skills drawn from ten; all agents are busy. Then agents become ready one
after the other and each is offered a caller, who is replaced by a new one: the steady state of a busy day. Both routers get the same
inputs and must choose the same pairs, which is checked. `decisions/s` counts only the time spent in the routers.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from acd.core.agents import Profile
from acd.core.requests import AgentRequest
from acd.core.router import Router
from hotline.facts import CallQueued, OfferAccepted, OfferMade, TalkEnded
from hotline.ids import AgentId, CallId, Extension, QueueId
from hotline.runtime.clock import processor_seconds
from hotline.settings.queues import Queue

SKILLS = [f"skill{number}" for number in range(10)]
SKILLS_PER_AGENT = 4
WAITING = 1_000
SIZES = (100, 1_000)
QUEUE = QueueId("q")
Pair = tuple[CallId, AgentId]


@dataclass(frozen=True)
class Step:
    """An agent becomes ready at a time; afterwards a new caller enters."""

    at: float
    agent_id: AgentId
    newcomer: CallQueued


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--decisions", type=int, default=200, help="how many offers to decide at each size")
    options.add_argument("--json", action="store_true", help="print a JSON object instead of a table")
    chosen = options.parse_args()
    results = {f"{size} agents": measure(size, chosen.decisions) for size in SIZES}
    if chosen.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{'':14}{'ours':>12}{'scan all':>12}{'ratio':>8}   offers decided per second, {WAITING} waiting callers")
    for name, result in results.items():
        print(f"{name:14}{result['ours']:12,.0f}{result['scan all']:12,.0f}{result['ratio']:7.1f}x")


def measure(size: int, decisions: int) -> dict[str, float]:
    """Return decisions per second of both routers at `size` agents."""
    agents, callers, steps = scenario(size, decisions)
    ours, our_pairs = run_ours(agents, callers, steps)
    plain, plain_pairs = run_scan_all(agents, callers, steps)
    if our_pairs != plain_pairs:
        raise SystemExit("the routers disagree: the comparison is worthless")
    return {"decisions": len(our_pairs), "ours": ours, "scan all": plain, "ratio": ours / plain}


def scenario(size: int, decisions: int) -> tuple[list[Profile], list[CallQueued], list[Step]]:
    """Return the same agents, first callers and steps for the same arguments."""
    dice = Random(size)
    agents = [
        Profile(
            id=AgentId(f"agent{number:05}"),
            extension=Extension(str(100_000 + number)),
            skills=dict.fromkeys(dice.sample(SKILLS, SKILLS_PER_AGENT), 5),
        )
        for number in range(size)
    ]
    callers = [_caller(dice, number, 1_000.0 + number / 100) for number in range(WAITING)]
    steps = [Step(2_000.0 + n, agents[n % size].id, _caller(dice, WAITING + n, 2_000.0 + n)) for n in range(decisions)]
    return agents, callers, steps


def _caller(dice: Random, number: int, at: float) -> CallQueued:
    skills = (dice.choice(SKILLS),) if dice.random() < 0.5 else ()
    return CallQueued(
        at=at,
        call_id=CallId(f"call{number:07}"),
        queue_id=QUEUE,
        entered_at=at,
        skills=skills,
        priority=dice.randrange(3),
    )


def run_ours(agents: list[Profile], callers: list[CallQueued], steps: list[Step]) -> tuple[float, list[Pair]]:
    """Return decisions per second and the pairs that our router made. Talks end between the steps, outside the clock."""
    router = Router([Queue(id=QUEUE, max_waiting=10_000, wrap_up_s=3_600)], agents, epoch="bench")
    for caller in callers:
        router.handle(caller, now=caller.at)
    pairs: list[Pair] = []
    spent = 0.0
    for step in steps:
        ready = AgentRequest(at=step.at, agent_id=step.agent_id, ask="ready")
        seconds, out = _timed(lambda ready=ready, step=step: router.handle(ready, now=step.at))
        spent += seconds
        made = next(o for o in out if isinstance(o, OfferMade))
        pairs.append((made.call_id, made.agent_id))
        ids = {"at": step.at, "call_id": made.call_id, "offer_id": made.offer_id}
        router.handle(OfferAccepted(**ids), now=step.at)
        router.handle(TalkEnded(**ids), now=step.at)
        spent += _timed(lambda step=step: router.handle(step.newcomer, now=step.at))[0]
    return len(pairs) / spent, pairs


def run_scan_all(agents: list[Profile], callers: list[CallQueued], steps: list[Step]) -> tuple[float, list[Pair]]:
    """Return the same for a router that holds every caller against every agent after each event."""
    skills = {agent.id: frozenset(agent.skills) for agent in agents}
    idle: dict[AgentId, float | None] = dict.fromkeys(skills)
    waiting = list(callers)
    pairs: list[Pair] = []
    spent = 0.0

    def decide() -> Pair | None:
        best = min(
            (
                (-caller.priority, caller.entered_at, caller.call_id, since, agent_id)
                for caller in waiting
                for agent_id, since in idle.items()
                if since is not None and skills[agent_id].issuperset(caller.skills)
            ),
            default=None,
        )
        return None if best is None else (best[2], best[4])

    for step in steps:
        idle[step.agent_id] = step.at
        seconds, pair = _timed(decide)
        spent += seconds
        if pair is None:
            continue
        pairs.append(pair)
        idle[pair[1]] = None
        waiting = [caller for caller in waiting if caller.call_id != pair[0]]
        waiting.append(step.newcomer)
        spent += _timed(decide)[0]
    return len(pairs) / spent, pairs


def _timed(work: Callable[[], object]) -> tuple[float, object]:
    began = processor_seconds()
    result = work()
    return processor_seconds() - began, result


if __name__ == "__main__":
    main()
