"""The floor: everything the router knows, and what it has decided but not yet handed out. Pure.

The modules around it each own one idea: `conduct` moves agents, `matching` brings callers and agents together, `endings`
closes offers, `callers` lets people in and out of the line, `adoption` copes with gaps. All of them work on one `Floor`.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from types import MappingProxyType

import msgspec

from acd.callbacks.book import Callbacks
from acd.core.agents.roster import Agent, Agents, Profile
from acd.core.agents.seats import Phones
from acd.core.agents.surge import Surges
from acd.core.callers.line import Caller, Line
from acd.core.callers.opening import Openings
from acd.core.callers.resuming import LeftPlaces
from acd.core.matching.between import Between
from acd.core.matching.decisions import Decisions
from acd.core.matching.eligibility import barred_agents
from acd.core.matching.served import KnownCallers, ServedBy
from acd.core.offers.book import RESTORED_S, Offer, Offers
from acd.core.recent import Recent
from acd.core.requests import RequestRefused
from acd.core.talks.outside_consults import OutsideConsults
from acd.core.talks.supervisions import Supervisions
from acd.core.timers import Timers
from acd.estimates.estimates import Estimates
from hotline.commands import Command
from hotline.dialling import Policy, Refusal, permit
from hotline.facts import CallFlowedOut, Fact, Signal
from hotline.hours import Hours
from hotline.ids import AgentId, CallId, Extension, NodeId, OfferId, QueueId
from hotline.settings.queues import BetweenQueues, Queue

Output = Fact | Signal | Command | RequestRefused

CALLS = 20_000
"""About how many calls notes are kept."""
AGENTS = 10_000
"""How many agents there may be."""
NO_OUTBOUND = Policy(trunk=False)
"""Nothing may be dialled to the outside."""
ENOUGH = 2
"""Whether the house may make so many more outgoing calls or still more makes no difference to anybody: a callback by a remote agent takes two."""


class Note(msgspec.Struct, kw_only=True):
    """What is known about a call before it waits."""

    node: NodeId
    number: str = ""
    """The caller's number; empty when withheld."""
    name: str = ""
    """The caller's name, to be shown at the seat."""
    customer_id: str = ""
    tier: str = ""
    agent_id: AgentId | None = None
    """His customer manager."""


class Floor:
    """The router's state. Plain data with a few helpers that keep it consistent."""

    def __init__(
        self,
        queues: Iterable[Queue],
        agents: Iterable[Profile],
        *,
        epoch: str,
        home_node: NodeId,
        break_reasons: tuple[str, ...],
        break_limit_s: Mapping[str, float] = MappingProxyType({}),
        outcomes: tuple[str, ...] = (),
        outbound: Policy = NO_OUTBOUND,
        hours: Mapping[str, Hours] = MappingProxyType({}),
        between_queues: BetweenQueues = "strict_priority",
    ) -> None:
        self.queues = {QueueId(q.id): q for q in queues}
        self.agents = Agents(agents, {queue_id: queue.strategy for queue_id, queue in self.queues.items()})
        self.epoch = epoch
        self.home_node = home_node
        self.break_reasons = break_reasons
        self.agents.surges = Surges(
            {q: tuple(AgentId(a) for a in queue.surge_agents) for q, queue in self.queues.items()}
        )
        self.supervisions = Supervisions()
        """Supervisors who hear a conversation."""
        self.taken_over: dict[CallId, AgentId] = {}
        """Callers who live, and who took them over."""
        self.supervised = 0
        """How many there were."""
        self.supervision_tone = False
        """Whether agents hear a beep when a supervisor comes."""
        self.break_limit_s = break_limit_s
        """Reason -> how long such a break may last."""
        self.outcomes = outcomes
        """What can be said of a conversation."""
        self.outbound = outbound
        """Which external numbers may be dialled."""
        self.outgoing_left = min(outbound.at_once, outbound.per_hour, ENOUGH)
        """How many more outgoing calls the limits of the house leave, `ENOUGH` at the most; kept only where there are remote agents."""
        self.times_without_outgoing = 0
        """How often they left none, so that remote agents could not be rung."""
        self.openings = Openings(self.queues, hours)
        """Which queues are open."""
        self.estimates = Estimates(self)
        """How long callers will wait."""
        self.between = Between(between_queues, self.queues)
        """Which queue's caller comes first."""
        self.line = Line()
        self.offers = Offers()
        self.offers_made = 0
        self.timers = Timers()
        self.decisions = Decisions()
        self.notes: Recent[CallId, Note] = Recent(CALLS)
        self.left: Recent[CallId, float] = Recent(CALLS)
        """Calls that left the line: the `entered_at` up to which a repeated `CallQueued` is old news."""
        self.flown_out: Recent[CallId, CallFlowedOut] = Recent(CALLS)
        """How calls left the line for a treatment that is carried out elsewhere."""
        self.served_by = ServedBy()
        """Who served which customer last."""
        self.known = KnownCallers()
        self.callbacks = Callbacks()
        """Callers who want to be called back."""
        self.left_places = LeftPlaces()
        """Places whose callers hung up and may call again."""
        self.links_down: set[NodeId] = set()
        self.lost_at: dict[NodeId, float] = {}
        """When nothing reached a node any more, for the last time."""
        self.link_told_at: dict[NodeId, float] = {}
        self.outside_consults = OutsideConsults()
        """Numbers outside that agents ask about their callers."""
        self.past_consults: Recent[OfferId, None] = Recent(CALLS)
        """Offers by which one agent asked another, and that are over: no late word brings them back."""
        self.evicted: Recent[CallId, None] = Recent(CALLS)
        """Calls at which we failed: surveys do not bring them back."""
        self.surveyed: dict[NodeId, None] = {}
        """The nodes that told us everything."""
        self.empty_seats: Recent[Extension, Phones] = Recent(AGENTS)
        """What was said about the phones of seats where nobody sits: somebody may sit down."""
        self.ignored: Counter[str] = Counter()
        """Late, repeated and foreign inputs, by kind."""
        self.out: list[Output] = []
        self.suspect: CallId | None = None
        """The call being worked on, should an error strike."""
        self.pending_agents: dict[AgentId, None] = {}
        self.pending_callers: dict[CallId, None] = {}
        """Who became available and has not been matched yet."""
        self.duty_changed = False
        """Whether somebody came on or went off duty, so that refusals must be judged anew."""
        self.changed_agents: dict[AgentId, None] = {}
        self.changed_offers: dict[OfferId, None] = {}
        """What must be remembered beyond our own death."""

    def tell(self, fact: Fact) -> None:
        """Publish a fact."""
        self.out.append(fact)

    def ask(self, command: Command) -> None:
        """Send a command."""
        self.out.append(command)

    def ignore(self, kind: str) -> None:
        """Count an input that came late, twice or from elsewhere."""
        self.ignored[kind] += 1

    def node_of(self, call_id: CallId) -> NodeId:
        """Return the node that holds a call; our own if nobody told."""
        note = self.notes.get(call_id)
        return note.node if note is not None else self.home_node

    def free_agent(self, agent: Agent, now: float) -> None:
        """An agent can be rung from now on: have him matched."""
        agent.available_since = now
        if agent.state == "ready":
            self.agents.enter_idle(agent)
        self.pending_agents[agent.id] = None

    def can_offer(self, caller: Caller) -> bool:
        """Return whether a caller is certainly in our hands."""
        return caller.whereabouts == "here" and caller.confirmed and caller.node not in self.links_down

    def place(self, caller: Caller, now: float) -> None:
        """Let a caller be offered, or not, according to where he is; have him matched if he newly can."""
        offerable = self.can_offer(caller)
        if self.line.set_offerable(caller, offerable) and offerable:
            caller.available_since = now
            self.pending_callers[caller.call_id] = None

    def judge_refusals(self, caller: Caller, now: float) -> None:
        """Work out anew which agents are not rung for this caller because they rejected him."""
        barred = barred_agents(caller, self.agents, now=now)
        if caller.barred - barred and self.line.is_offerable(caller):
            self.pending_callers[caller.call_id] = None
        caller.barred = barred
        self.line.note_choosy(caller)
        waits_until = [until for until in caller.refusals.values() if until > now]
        if waits_until:
            self.timers.set("refusal", caller.call_id, min(waits_until))

    def open_offer(self, offer: Offer) -> None:
        """Take a live offer in, with its deadline."""
        self.offers.open(offer)
        self.touch(offer)
        if self.agents[offer.agent_id].profile.remote_number:
            # It is an outgoing call like those of callbacks.
            self.begin_outgoing(offer.offer_id, offer.made_at, node=offer.node)
        if offer.phase != "talking":
            self.timers.set("offer", offer.offer_id, offer.deadline)

    def confirm_offer(self, offer: Offer, now: float) -> None:
        """The network knows an offer; one from before our own death has the time that its ring has, from now on."""
        if offer.restored and offer.phase != "talking":
            self.timers.set("offer", offer.offer_id, max(offer.deadline, now + RESTORED_S))
        offer.restored = False
        self.touch(offer)

    def close_offer(self, offer: Offer) -> None:
        """Take a live offer out; what the phone says about it later is late."""
        self.offers.close(offer)
        self.touch(offer)
        if offer.kind == "consult":
            self.past_consults.put(offer.offer_id, None)
        self.callbacks.ledger.end(offer.offer_id)
        self.timers.clear("offer", offer.offer_id)

    def refusal_of_outgoing(self, number: str, now: float, *, own: Container[str] = ()) -> Refusal | None:
        """Return why a number outside that is no customer's may not be dialled now, by the limits of the house; `own`: see `permit`."""
        ledger = self.callbacks.ledger
        return permit(
            number,
            self.outbound,
            now=now,
            last_hour=ledger.last_hour(now),
            at_once=ledger.live,
            customer=False,
            own=own,
        )

    def begin_outgoing(self, key: str, now: float, *, node: NodeId | None = None) -> None:
        """An outgoing call begins. Nobody is called back beside as many as there may be, or after as many as there may be in an hour.

        `node`: where it can be looked for after our death, if no book but the ledger tells of it.
        """
        ledger = self.callbacks.ledger
        ledger.begin(key, now, node=node or "")
        self.look_at_limits(now)
        if ledger.live < self.outbound.at_once and ledger.last_hour(now) < self.outbound.per_hour:
            return
        for callback in self.callbacks:
            caller = self.line.get(callback.virtual_id) if callback.phase == "waiting" else None
            if caller is not None:
                caller.whereabouts = "paused"
                self.place(caller, now)

    def look_at_limits(self, now: float) -> None:
        """Hold remote agents back while the house may make no more outgoing calls; have them matched when it may again."""
        if not self.agents.remote:
            return
        ledger = self.callbacks.ledger
        in_hour = self.outbound.per_hour - ledger.last_hour(now)
        if in_hour < ENOUGH:
            self.timers.set("outgoing", "", max(ledger.next_forgotten_at(), now + 1.0))
        left = max(min(self.outbound.at_once - ledger.live, in_hour, ENOUGH), 0)
        if left == self.outgoing_left:
            return
        more, self.outgoing_left = left > self.outgoing_left, left
        self.times_without_outgoing += not left
        for agent in self.agents.remote.values():
            was_free = agent.phone_free
            self.limit_remote(agent)
            if agent.state != "ready":
                continue
            if agent.phone_free and not was_free:
                self.free_agent(agent, now)
            elif agent.phone_free != was_free:
                self.agents.enter_idle(agent)
            elif more:
                self.pending_agents[agent.id] = None

    def limit_remote(self, agent: Agent) -> None:
        """Conclude for an agent at an external number whether the limits of the house let him be rung."""
        agent.held = None if self.outgoing_left else "outgoing_limit"
        agent.last_outgoing = self.outgoing_left == 1

    def touch(self, offer: Offer) -> None:
        """Have a change of an offer remembered."""
        self.changed_offers[offer.offer_id] = None

    def take_changed_agents(self) -> list[tuple[AgentId, Agent | None]]:
        """Return the agents that changed since the last time, to be remembered; None for those to forget."""
        changed, self.changed_agents = self.changed_agents, {}
        return [(agent_id, self.agents.get(agent_id)) for agent_id in changed]

    def take_changed_offers(self) -> list[tuple[OfferId, Offer | None]]:
        """Return the offers that changed since the last time, to be remembered; None for those that are over."""
        changed, self.changed_offers = self.changed_offers, {}
        return [(offer_id, self.offers.get(offer_id)) for offer_id in changed]
