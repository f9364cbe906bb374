"""How many offers the router decides in a second, beside a plain router that scans everything.

The floor has N agents and 1,000 waiting callers; skills are drawn from 50, with levels. Two kinds of day:

* **busy**: all agents are busy. One after the other becomes ready and is offered a caller, who is replaced by a new one.
* **quiet**: all agents are idle, all callers who wait ask for what nobody has. New callers come and are offered to agents.

Both routers get the same inputs and must choose the same pairs, which is checked for as many as the plain one can do in
reasonable time. A decision is the event that makes an offer possible (an agent becomes ready; on a quiet day, a caller enters),
handled with everything that it entails: states, facts, commands, explanations. Only the processor time spent in the routers
counts. As other work on the machine slows single moments down, ours is the median of parts of `PART` decisions; the first part,
in which orders by skill are built, does not count. The collector of cycles is set aside as in the service, once the floor is there.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from acd.core.agents.roster import Profile
from acd.core.requests import AgentRequest
from acd.core.router import Router
from hotline.facts import CallQueued, OfferAccepted, OfferMade, TalkEnded
from hotline.ids import AgentId, CallId, Extension, QueueId
from hotline.runtime import collector
from hotline.runtime.clock import processor_seconds
from hotline.settings.queues import Queue
from tests.bench.report import Report, Scale, say

SKILLS = [f"skill{number}" for number in range(50)]
SKILLS_PER_AGENT = 6
WAITING = 1_000
SIZES = (100, 1_000, 10_000)
QUEUE = QueueId("q")
PAIRS = 40_000_000
"""So many pairs of agent and caller the plain router looks at for each size; some three minutes for all."""
PART = 200
GOAL = 20_000
GROWTH = 2.0
Pair = tuple[CallId, AgentId]


@dataclass(frozen=True)
class Step:
    """An agent becomes ready at a time (on a busy day); afterwards a new caller enters."""

    at: float
    agent_id: AgentId | None
    newcomer: CallQueued


@dataclass(frozen=True)
class Day:
    """The same agents, first callers and steps for the same arguments."""

    agents: list[Profile]
    callers: list[CallQueued]
    steps: list[Step]


async def run(scale: Scale) -> Report:
    """Compare the router with one that scans everything."""
    found: dict[str, dict[str, float]] = {}
    for kind in ("busy", "quiet"):
        for size in SIZES:
            say(f"router: a {kind} day with {size} agents")
            found[f"{kind} day, {size:,} agents"] = measure(size, scale.pick(4_000, 600), kind, scale.pick(4, 40))
    growth = {
        kind: found[f"{kind} day, {SIZES[0]:,} agents"]["ours"] / found[f"{kind} day, {SIZES[-1]:,} agents"]["ours"]
        for kind in ("busy", "quiet")
    }
    slowest = min(result["ours"] for name, result in found.items() if name.endswith(f"{SIZES[-1]:,} agents"))
    return Report(
        name="router",
        title=f"offers decided per second, {WAITING:,} waiting callers, {len(SKILLS)} skills with levels",
        head=("floor", "ours", "each", "best part", "worst part", "scan all", "ratio"),
        rows=[
            (
                name,
                f"{r['ours']:,.0f}",
                *(f"{1e6 * r[key]:.0f} us" for key in ("each", "best", "worst")),
                f"{r['scan all']:,.1f}",
                f"{r['ratio']:,.0f} x",
            )
            for name, r in found.items()
        ],
        numbers={**found, "growth": growth},
        goal=f"{GOAL:,} decisions/s at {SIZES[-1]:,} agents, at most {GROWTH:g} x slower than at {SIZES[0]}",
        reached=slowest >= GOAL and max(growth.values()) <= GROWTH,
        notes=[
            *(
                f"from {SIZES[0]} to {SIZES[-1]:,} agents: {growth[kind]:.2f} x slower on a {kind} day"
                for kind in growth
            ),
            f"a caller who joins the line of a busy day: {1e6 * found[f'busy day, {SIZES[-1]:,} agents']['joins']:.0f} us",
        ],
    )


def measure(size: int, decisions: int, kind: str, plain_part: int = 4) -> dict[str, float]:
    """Return decisions per second of both routers at `size` agents; the plain one does one in `plain_part` of what it could."""
    day = busy(size, decisions) if kind == "busy" else quiet(size, decisions)
    times, joins, our_pairs = run_ours(day)
    few = max(PAIRS // plain_part // (size * WAITING * 2), 2)
    plain, plain_pairs = run_scan_all(day, few)
    if our_pairs[: len(plain_pairs)] != plain_pairs:
        raise SystemExit("the routers disagree: the comparison is worthless")
    parts = [statistics.fmean(times[at : at + PART]) for at in range(PART, len(times) - PART + 1, PART)]
    each = statistics.median(parts)
    return {
        "decisions": len(our_pairs),
        "ours": 1 / each,
        "each": each,
        "best": min(parts),
        "worst": max(parts),
        "joins": statistics.median(joins) if joins else 0.0,
        "scan all": plain,
        "ratio": 1 / each / plain,
    }


def _agents(dice: Random, size: int) -> list[Profile]:
    return [
        Profile(
            id=AgentId(f"agent{number:05}"),
            extension=Extension(str(100_000 + number)),
            skills={skill: dice.randint(1, 10) for skill in dice.sample(SKILLS, SKILLS_PER_AGENT)},
        )
        for number in range(size)
    ]


def busy(size: int, decisions: int) -> Day:
    """Return a day on which callers wait for agents."""
    dice = Random(size)
    agents = _agents(dice, size)
    callers = [_caller(dice, number, 1_000.0 + number / 100) for number in range(WAITING)]
    steps = [Step(2_000.0 + n, agents[n % size].id, _caller(dice, WAITING + n, 2_000.0 + n)) for n in range(decisions)]
    return Day(agents, callers, steps)


def quiet(size: int, decisions: int) -> Day:
    """Return a day on which agents wait for callers, but for those callers whom nobody can serve."""
    dice = Random(size)
    agents = _agents(dice, size)
    callers = [_caller(dice, number, 1_000.0 + number / 100, skill="rare") for number in range(WAITING)]
    steps = [Step(2_000.0 + n, None, _caller(dice, WAITING + n, 2_000.0 + n, most=5)) for n in range(decisions)]
    return Day(agents, callers, steps)


def _caller(dice: Random, number: int, at: float, skill: str = "", most: int = 10) -> CallQueued:
    wanted = skill or dice.choice(SKILLS)
    asks = skill or dice.random() < 0.7
    return CallQueued(
        at=at,
        call_id=CallId(f"call{number:07}"),
        queue_id=QUEUE,
        entered_at=at,
        skills=(wanted,) if asks else (),
        levels=((wanted, dice.randint(1, most)),) if asks else (),
        priority=dice.randrange(3),
    )


def run_ours(day: Day) -> tuple[list[float], list[float], list[Pair]]:
    """Return the seconds of each decision, those of each joining of a line beside, and the pairs that our router made.

    Talks end between the steps, outside the clock.
    """
    router = Router([Queue(id=QUEUE, max_waiting=10_000, wrap_up_s=3_600)], day.agents, epoch="bench")
    for caller in day.callers:
        router.handle(caller, now=caller.at)
    if day.steps[0].agent_id is None:
        for number, agent in enumerate(day.agents):
            at = 1_500.0 + number / 100
            router.handle(AgentRequest(at=at, agent_id=agent.id, ask="ready"), now=at)
    times: list[float] = []
    joins: list[float] = []
    pairs: list[Pair] = []
    collector.set_aside()  # as every process of the house does at the end of its start; the same state for both routers
    for step in day.steps:
        decides = _decides(step)
        began = processor_seconds()
        out = router.handle(decides, now=step.at)
        seconds = processor_seconds() - began
        if decides is not step.newcomer:
            began = processor_seconds()
            router.handle(step.newcomer, now=step.at)
            joins.append(processor_seconds() - began)
        made = next((o for o in out if isinstance(o, OfferMade)), None)
        if made is None:
            continue
        times.append(seconds)
        pairs.append((made.call_id, made.agent_id))
        for kind in (OfferAccepted, TalkEnded):
            router.handle(kind(at=step.at, call_id=made.call_id, offer_id=made.offer_id), now=step.at)
        if step.agent_id is None:
            router.handle(AgentRequest(at=step.at, agent_id=made.agent_id, ask="end_wrap_up"), now=step.at)
    return times, joins, pairs


def _decides(step: Step) -> AgentRequest | CallQueued:
    """Return the event that makes an offer possible."""
    if step.agent_id is None:
        return step.newcomer
    return AgentRequest(at=step.at, agent_id=step.agent_id, ask="ready")


def run_scan_all(day: Day, most: int) -> tuple[float, list[Pair]]:
    """Return the same for a router that holds every caller against every agent after each event, and does `most` decisions."""
    idle: dict[AgentId, float] = {}
    if day.steps[0].agent_id is None:
        idle = {agent.id: 1_500.0 + number / 100 for number, agent in enumerate(day.agents)}
    skills = {agent.id: agent.skills for agent in day.agents}
    waiting = list(day.callers)
    pairs: list[Pair] = []
    spent = 0.0

    def decide() -> Pair | None:
        best = min(
            (
                (-caller.priority, caller.entered_at, caller.call_id, since, agent_id)
                for caller in waiting
                for agent_id, since in idle.items()
                if all(skills[agent_id].get(skill, 0) >= level for skill, level in caller.levels)
            ),
            default=None,
        )
        return None if best is None else (best[2], best[4])

    for step in day.steps:
        if len(pairs) >= most:
            break
        if step.agent_id is not None:
            idle[step.agent_id] = step.at
        else:
            waiting.append(step.newcomer)
        seconds, pair = _timed(decide)
        spent += seconds
        if pair is not None:
            pairs.append(pair)  # type: ignore[arg-type]
            waiting = [caller for caller in waiting if caller.call_id != pair[0]]  # type: ignore[index]
            if step.agent_id is None:
                idle[pair[1]] = step.at  # type: ignore[index]
            else:
                del idle[pair[1]]  # type: ignore[index]
        if step.agent_id is not None:
            waiting.append(step.newcomer)
    return len(pairs) / spent, pairs


def _timed(work: Callable[[], object]) -> tuple[float, object]:
    began = processor_seconds()
    result = work()
    return processor_seconds() - began, result
