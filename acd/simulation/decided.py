"""Each decision of the journal once more: would the router, in the situation as it was, decide the same? Pure.

For every offer that was made, the floor is built anew from the facts before it (who waits, who is ready and since when, who refused whom),
and a fresh router is asked. So one difference does not lead to others, and each can be named.

What the journal does not tell can make a difference that is none: that a caller was still on his way back from a ring, that a phone was in use
for a private call, counts that a strategy ranks by.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from acd.core.agents.roster import Agent, Profile
from acd.core.offers.book import REFUSAL_S
from acd.core.router import Router
from hotline.facts import (
    OFFER_ENDINGS,
    AgentAdded,
    AgentState,
    AgentStateChanged,
    CallAbandoned,
    CallEnded,
    CallFlowedOut,
    CallQueued,
    Fact,
    OfferAccepted,
    OfferFact,
    OfferMade,
    OfferRejected,
)
from hotline.ids import AgentId, CallId, OfferId
from hotline.settings.queues import BetweenQueues, Queue

KEPT_IDLE = frozenset({"caller_left", "agent_left", "withdrawn", "lease", "answered_elsewhere", "called_off"})
"""How an offer ended if its agent keeps his place among the idle ones."""
FAR_S = 1e9
BACK_S = 0.3
"""So long after a ring a caller may still be on his way back."""
EXAMPLES = 20
Why = str
SAME: Why = "same"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that would be another."""

    at: float
    call_id: CallId
    agent_id: AgentId
    why: Why
    """`other_agent`, `other_caller`, `nobody`."""
    instead: str = ""
    """The agent, or the caller, whom the replayed router chose."""


class Decided(msgspec.Struct, kw_only=True):
    """What came of it."""

    decisions: int = 0
    counts: Counter[Why] = msgspec.field(default_factory=Counter)
    examples: list[Difference] = []

    @property
    def share(self) -> float | None:
        """The share of decisions that are the same."""
        return self.counts[SAME] / self.decisions if self.decisions else None


class Waiting(msgspec.Struct, kw_only=True):
    """A caller in the line as the facts tell it."""

    queued: CallQueued
    ringing: OfferId | None = None
    back_at: float = 0.0
    refusals: dict[AgentId, float] = {}


class Situation:
    """Who waits and who is there, fact by fact."""

    def __init__(self, queues: Iterable[Queue], between_queues: BetweenQueues = "strict_priority") -> None:
        self._queues = {q.id: q for q in queues}
        self._between_queues = between_queues
        self._waiting: dict[CallId, Waiting] = {}
        self._agents: dict[AgentId, Agent] = {}
        self._profiles: dict[AgentId, Profile] = {}
        self._calls: dict[OfferId, OfferMade] = {}

    def take(self, fact: Fact) -> None:
        """Learn a fact."""
        match fact:
            case AgentAdded():
                self._profiles[fact.agent_id] = Profile(
                    id=fact.agent_id, extension=fact.extension, skills=fact.skills, queues=fact.queues
                )
            case AgentStateChanged():
                self._agent(fact)
            case CallQueued(kind="live"):
                self._waiting[fact.call_id] = Waiting(queued=fact)
            case CallAbandoned() | CallEnded() | OfferAccepted():
                self._waiting.pop(fact.call_id, None)
            case CallFlowedOut():
                known = self._waiting.get(fact.call_id)
                if known is not None and known.queued.queue_id == fact.queue_id:
                    del self._waiting[fact.call_id]
            case OfferMade():
                self._calls[fact.offer_id] = fact
                if fact.call_id in self._waiting:
                    self._waiting[fact.call_id].ringing = fact.offer_id
            case OfferFact() if type(fact) in OFFER_ENDINGS:
                self._ring_over(fact)

    def _ring_over(self, fact: OfferFact) -> None:
        waiting, made = self._waiting.get(fact.call_id), self._calls.pop(fact.offer_id, None)
        if waiting is None or made is None:
            return
        waiting.ringing, waiting.back_at = None, fact.at + BACK_S
        if isinstance(fact, OfferRejected):
            waiting.refusals = {**waiting.refusals, made.agent_id: fact.at + REFUSAL_S}

    def _agent(self, fact: AgentStateChanged) -> None:
        profile = self._profiles.get(fact.agent_id)
        if profile is None:
            return
        before = self._agents.get(fact.agent_id)
        keeps = fact.previous in ("reserved", "ringing") and fact.reason in KEPT_IDLE and before is not None
        idle_since = before.idle_since if keeps and before is not None else fact.at
        if fact.state != "ready" and before is not None:
            idle_since = before.idle_since
        self._agents[fact.agent_id] = Agent(profile=profile, state=fact.state, since=fact.at, idle_since=idle_since)

    def again(self, made: OfferMade) -> Difference | None:
        """Ask a fresh router; return how it differs from what was decided, or None."""
        now = made.at
        profiles = [a.profile for a in self._agents.values()]
        router = Router(self._queues.values(), profiles, epoch="again", between_queues=self._between_queues)
        router.restore({"agent": {a.profile.id: self._as_then(a, now) for a in self._agents.values()}}, now=now)
        here = [w for w in self._waiting.values() if self._is_here(w, made, now)]
        for waiting in here:
            router.hear(waiting.queued, now=now)
            caller = router.floor.line.get(waiting.queued.call_id)
            if caller is not None and waiting.refusals:
                caller.refusals = dict(waiting.refusals)
                router.floor.judge_refusals(caller, now)
        chosen = [o for o in router.wake(now=now) if isinstance(o, OfferMade)]
        return _compare(made, chosen)

    def _is_here(self, waiting: Waiting, made: OfferMade, now: float) -> bool:
        known = waiting.queued.queue_id in self._queues
        his = waiting.queued.call_id == made.call_id
        return known and (his or (waiting.ringing is None and waiting.back_at <= now))

    def _as_then(self, agent: Agent, now: float) -> Agent:
        """Return an agent as he was: who was busy stays busy."""
        busy = agent.state not in ("ready", "offline", "break", "unreachable")
        state: AgentState = "wrap_up" if busy else agent.state
        until = now + FAR_S if busy else None
        return Agent(
            profile=agent.profile,
            state=state,
            since=agent.since,
            until=until,
            idle_since=agent.idle_since,
            available_since=now,
        )


def _compare(made: OfferMade, chosen: list[OfferMade]) -> Difference | None:
    mine = next((o for o in chosen if o.call_id == made.call_id), None)
    if mine is not None and mine.agent_id == made.agent_id:
        return None
    other = next((o for o in chosen if o.agent_id == made.agent_id), None)
    why, instead = "nobody", ""
    if mine is not None:
        why, instead = "other_agent", str(mine.agent_id)
    elif other is not None:
        why, instead = "other_caller", str(other.call_id)
    return Difference(at=made.at, call_id=made.call_id, agent_id=made.agent_id, why=why, instead=instead)


def decide_again(
    facts: Iterable[Fact], queues: Iterable[Queue], *, begin: float, between_queues: BetweenQueues = "strict_priority"
) -> Iterator[Decided]:
    """Go through the facts and yield how far it is after each decision; the last one is the result."""
    situation, decided = Situation(queues, between_queues), Decided()
    for fact in facts:
        if (
            isinstance(fact, OfferMade)
            and fact.kind == "main"
            and fact.group in (None, fact.offer_id)
            and fact.at >= begin
        ):
            differs = situation.again(fact)
            decided.decisions += 1
            decided.counts[differs.why if differs is not None else SAME] += 1
            if differs is not None and len(decided.examples) < EXAMPLES:
                decided.examples.append(differs)
            yield decided
        situation.take(fact)
    yield decided
