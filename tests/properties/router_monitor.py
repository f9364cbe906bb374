"""The invariants of RELIABILITY.md that concern the router, checked from outside: from what it is told and what it says.

It keeps its own books and never looks into the router.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from acd.core.agents.roster import Profile
from acd.core.offers.book import UNSEEN_S
from hotline import commands as c
from hotline import facts as f
from hotline.ids import AgentId, CallId, NodeId, OfferId, QueueId
from hotline.settings.queues import Queue

FOR_EVER = float("inf")
KEEPS_IDLE = {"caller_left", "agent_left", "withdrawn", "lease", "answered_elsewhere", "called_off"}
"""How an offer ended if its agent keeps his place among the idle ones."""
IDLE = ("longest_idle", "ring_all", "ring_progressive")
"""The strategies that go by idle time."""
ON_DUTY = {"ready", "reserved", "ringing", "talking", "holding", "wrap_up", "rest"}
ENDINGS = (f.OfferTimedOut, f.OfferRejected, f.OfferBusy, f.OfferFailed, f.OfferRescinded)


@dataclass
class Waiting:
    node: NodeId
    entered_at: float
    queue_id: QueueId
    priority: int
    skills: frozenset[tuple[str, int]]
    """What he asks for at first: skills with levels."""
    here: bool = True
    confirmed: bool = True
    doubted: bool = False
    """Whether only a survey can confirm him (a house whose nodes die: tests/simulation)."""
    refused_by: set[AgentId] = field(default_factory=set)
    away: OfferId | None = None
    offered_at: float = 0.0
    """When he was offered last, by the router that rules."""
    own_priority: int = 0
    may_be_here: bool = False
    """Whether a refused ring lets the router offer him again without a word from the network."""
    wish: tuple[AgentId, float] | None = None
    """Whom he asked to be kept for, and until when."""
    wanted_agent: AgentId | None = None
    wanted_until: float = 0.0
    handed_on_until: float = FOR_EVER
    """How long he is left to an agent whom he was handed on to; another line to which he is moved makes it no longer."""
    ring: set[OfferId] = field(default_factory=set)
    """The offers of the ring that he is under, or returning from."""
    since: float = 0.0
    """Since when he waits, the time in other lines included."""

    def worth(self, ageing_per_minute: float, now: float) -> tuple[float, float]:
        """Return what he is ranked by: smaller is served first."""
        return (-(self.priority + ageing_per_minute * (now - self.since) / 60.0), self.since)


@dataclass
class Said:
    """The last word of a node about a phone."""

    reachable: bool
    in_use: bool
    at: float
    since: float
    """Since when it says that the phone is reachable, or not."""


@dataclass
class Live:
    agent_id: AgentId
    call_id: CallId
    ends_by: float
    answered: bool = False
    ring: OfferId = OfferId("")  # noqa: RUF009 - a NewType is a plain string
    """The first of the offers that ring with it."""
    made_at: float = 0.0


class Monitor:
    """Raises AssertionError with the invariant's number when one is broken."""

    def __init__(
        self, queues: tuple[Queue, ...], agents: tuple[Profile, ...], between: str = "strict_priority"
    ) -> None:
        self.between = between
        self.now = 0.0
        self.tiers: dict[CallId, str] = {}
        self.managers: dict[CallId, AgentId | None] = {}
        self.customers: dict[CallId, str] = {}
        self.served: dict[str, AgentId] = {}
        self.offered_to: dict[OfferId, AgentId] = {}
        self.queues = {QueueId(q.id): q for q in queues}
        self.agents = {a.id: a for a in agents}
        self.states = dict.fromkeys(self.agents, "offline")
        self.idle_since: dict[AgentId, float | None] = dict.fromkeys(self.agents, 0.0)
        """None: nobody outside can tell."""
        self.rung_at = dict.fromkeys(self.agents, 0.0)
        """When each was rung last since he logged in."""
        self.flowed: set[tuple[CallId, QueueId, float]] = set()
        """Waits that ended otherwise than by an answer or a hang-up."""
        self.seats: dict[str, dict[NodeId, Said]] = {}
        self.nodes: dict[CallId, NodeId] = {}
        self.waiting: dict[CallId, Waiting] = {}
        self.live: dict[OfferId, Live] = {}
        self.used: set[OfferId] = set()
        self.returned: set[OfferId] = set()
        self.refused: defaultdict[CallId, set[AgentId]] = defaultdict(set)
        """Who rejected whom: that outlives the router."""
        self.won: set[OfferId] = set()
        """Rings of which one phone was answered."""
        self.answered: Counter[CallId] = Counter()
        self.left: Counter[CallId] = Counter()
        self.ended: set[CallId] = set()
        self.links_down: set[NodeId] = set()
        self.link_told_at: dict[NodeId, float] = {}
        self.offered = self.entered_and_answered = self.gone_before = 0

    # --- what the router is told ---

    def told(self, record: f.Record) -> None:  # noqa: C901 - one case for each kind
        match record:
            case f.CallArrived():
                self.nodes[record.call_id] = record.node
            case f.NodeSurveyed():
                for told in (*record.calls, *record.seats):
                    self.told(told)
                self._snapshot(record.node, {call.call_id for call in record.calls}, record.at)
                self._link(record.node, record.at, up=True)
            case f.CallQueued() if record.call_id not in self.waiting and not self._done(record.call_id):
                self.offered += 1
                self._enter(record)
            case f.CallerIdentified():
                self._identified(record)
            case f.CallAdopted():
                self._adopted(record)
            case f.OfferAccepted():
                self._accepted(record)
            case f.OfferTimedOut() | f.OfferRejected() | f.OfferBusy() | f.OfferFailed() | f.OfferRescinded():
                self._ended_unanswered(record)
            case f.TalkEnded():
                self.live.pop(record.offer_id, None)
            case f.CallReturned():
                self._returned(record)
            case f.CallEnded():
                self.ended.add(record.call_id)
                self._end_talks(record.call_id)
            case f.SeatChanged():
                self._seat(record)
            case f.LinkChanged():
                self._link(record.node, record.at, up=record.up)
            case f.SnapshotTaken():
                self._snapshot(record.node, set(record.living), record.at)
            case c.CommandEnded(command=c.CancelRing(offer_id=ring), outcome=c.Refused(reason="not_ringing")):
                if not self._ring(ring):  # else it may be answered: the router waits for the word, or asks once more
                    self._back(record.command.call_id, ring)  # type: ignore[attr-defined]
            case c.CommandEnded(command=c.Ring(call_id=call_id, offer_id=offer_id), outcome=c.Refused()):
                waiting = self.waiting.get(call_id)
                if waiting is not None and waiting.away == offer_id:
                    waiting.may_be_here, waiting.away = True, None
                    waiting.ring.clear()

    def _done(self, call_id: CallId) -> bool:
        return call_id in self.ended or self.answered[call_id] > 0 or self.left[call_id] > 0

    def _enter(self, asked: f.CallQueued) -> None:
        queue, call = self.queues[asked.queue_id], asked.call_id
        levels = dict.fromkeys(asked.skills, 1) | dict(asked.levels)
        for skill, level in queue.skills.items():
            levels[skill] = max(level, levels.get(skill, 0))
        node = self.nodes[call]
        waiting = Waiting(
            node,
            asked.entered_at,
            asked.queue_id,
            self._priority(call, asked.priority, queue),
            frozenset(levels.items()),
            confirmed=node not in self.links_down,
            since=asked.entered_at if asked.since is None else asked.since,
            handed_on_until=asked.entered_at + queue.transfer_timeout_s,
        )
        self.waiting[call] = waiting
        waiting.own_priority = asked.priority
        if asked.wanted_agent is not None:
            until = FOR_EVER if asked.wanted_s is None else waiting.since + asked.wanted_s
            waiting.wish = (asked.wanted_agent, until)
        self._stick(call, waiting)

    def _priority(self, call: CallId, own: int, queue: Queue) -> int:
        return own + queue.priority + queue.tiers.get(self.tiers.get(call, ""), 0)

    def _stick(self, call: CallId, waiting: Waiting) -> None:
        """Keep him for whom he, or his queue, wants."""
        queue = self.queues[waiting.queue_id]
        sticks = {
            "personal_agent": self.managers.get(call),
            "last_agent": self.served.get(self._customer(call)),
        }
        agent_id, until = waiting.wish or (sticks.get(queue.sticky), waiting.since + queue.sticky_s)
        if agent_id is not None and waiting.wanted_agent != agent_id:
            waiting.wanted_agent, waiting.wanted_until = agent_id, until
            self._judge_wish(waiting)

    def _customer(self, call: CallId) -> str:
        """Return by what a caller is known again."""
        return self.customers.get(call, "")

    def _judge_wish(self, waiting: Waiting) -> None:
        """A wish that cannot be fulfilled is none."""
        agent_id = waiting.wanted_agent
        if agent_id is None or waiting.wanted_until == FOR_EVER:
            return
        off_duty = self.states[agent_id] not in ON_DUTY
        unable = not self.able(self.agents[agent_id], waiting)
        if off_duty or unable or self.now >= waiting.wanted_until or agent_id in waiting.refused_by:
            waiting.wanted_agent = None

    def _identified(self, record: f.CallerIdentified) -> None:
        call = record.call_id
        self.tiers[call], self.managers[call], self.customers[call] = record.tier, record.agent_id, record.customer_id
        waiting = self.waiting.get(call)
        if waiting is not None:
            waiting.priority = self._priority(call, waiting.own_priority, self.queues[waiting.queue_id])
            self._stick(call, waiting)

    def _adopted(self, record: f.CallAdopted) -> None:
        call, place = record.call_id, record.place
        self.nodes[call] = record.node
        live = self.live.get(record.offer_id) if record.offer_id is not None else None
        if record.phase == "talking" and live is not None and live.call_id == call:
            if not live.answered:
                self.answered[call] += 1
                self._served(call, live.agent_id)
            live.answered = True
            self.won.add(live.ring)
        if record.phase == "session":
            self._end_talks(call)
            waiting = self.waiting.get(call)
            is_news = waiting is not None and record.at > waiting.offered_at  # else that ring began later
            if waiting is not None and waiting.away is not None and is_news and not self._ring(waiting.away):
                self._back(call, waiting.away)
        if call in self.waiting or self._done(call) or place is None:
            return
        if place.queue_id is not None and record.phase in ("session", "ringing"):
            self._enter(
                f.CallQueued(
                    at=record.at,
                    call_id=call,
                    queue_id=place.queue_id,
                    entered_at=place.entered_at,
                    priority=place.priority,
                    skills=place.skills,
                    levels=place.levels,
                    wanted_agent=place.wanted_agent,
                    wanted_s=place.wanted_s,
                    since=place.since,
                )
            )
            self.offered += 1
            self.waiting[call].here = record.phase == "session"
            self.waiting[call].away = record.offer_id
            ring = live.ring if live is not None else record.offer_id
            self.waiting[call].refused_by = self.refused[call]
            self.waiting[call].ring = {o for o, offer in self.live.items() if offer.ring == ring}

    def _ring(self, ring: OfferId) -> list[OfferId]:
        """Return the live offers of a ring, an answered one first."""
        live = [
            (not offer.answered, number, o) for number, (o, offer) in enumerate(self.live.items()) if offer.ring == ring
        ]
        return [o for _, _, o in sorted(live)]

    def _accepted(self, record: f.OfferFact) -> None:
        live, waiting = self.live.get(record.offer_id), self.waiting.get(record.call_id)
        if live is not None and not any(self.live[o].answered for o in self._ring(live.ring)):
            live.answered = True
            self.won.add(live.ring)
        if waiting is not None and (live is not None or record.offer_id in (waiting.away, *waiting.ring)):
            self.answered[record.call_id] += 1
            self.entered_and_answered += 1
            del self.waiting[record.call_id]
            self._served(record.call_id, self.offered_to.get(record.offer_id))
            self._forget(record.call_id)

    def _served(self, call: CallId, agent_id: AgentId | None) -> None:
        if agent_id is not None and call in self.customers:
            self.served[self.customers[call]] = agent_id

    def _forget(self, call: CallId) -> None:
        """He has left the line: what was said of him counts no more, here, should he be adopted by another router."""
        for told in (self.tiers, self.managers, self.customers, self.refused):
            told.pop(call, None)  # type: ignore[attr-defined]

    def _ended_unanswered(self, record: f.OfferFact) -> None:
        live = self.live.get(record.offer_id)
        if live is None or live.answered:
            return
        del self.live[record.offer_id]
        if live.ring in self.returned:
            self._back(record.call_id, live.ring)
        waiting = self.waiting.get(record.call_id)
        if waiting is not None and isinstance(record, f.OfferRejected):
            waiting.refused_by.add(live.agent_id)
            self.refused[record.call_id] = waiting.refused_by
            self._judge_wish(waiting)

    def _returned(self, record: f.CallReturned) -> None:
        if not record.answered:
            self._back(record.call_id, record.offer_id)
        elif ring := self._ring(record.offer_id):
            if self.live[ring[0]].answered or record.offer_id not in self.won:
                del self.live[ring[0]]
        else:
            self.live.pop(record.offer_id, None)

    def _back(self, call_id: CallId, offer_id: OfferId) -> None:
        self.returned.add(offer_id)
        waiting = self.waiting.get(call_id)
        if waiting is not None and waiting.away == offer_id and not self._ring(offer_id):
            waiting.here, waiting.confirmed = True, True

    def _end_talks(self, call_id: CallId) -> None:
        for offer_id in [o for o, live in self.live.items() if live.call_id == call_id and live.answered]:
            del self.live[offer_id]

    def _seat(self, record: f.SeatChanged) -> None:
        said = self.seats.setdefault(record.extension, {})
        before = said.get(record.node)
        if before is not None and record.at < before.at:
            return
        goes_on = before is not None and before.reachable == record.reachable
        since = before.since if before is not None and goes_on else record.at
        said[record.node] = Said(record.reachable, record.in_use, record.at, since)

    def _link(self, node: NodeId, at: float, *, up: bool) -> None:
        if at < self.link_told_at.get(node, 0.0):
            return
        self.link_told_at[node] = at
        (self.links_down.discard if up else self.links_down.add)(node)
        for waiting in self.waiting.values():
            waiting.confirmed = waiting.confirmed and (up or waiting.node != node)

    def _snapshot(self, node: NodeId, living: set[CallId], at: float) -> None:
        for call, waiting in self.waiting.items():
            if call in living:
                waiting.confirmed = True
        for call in {live.call_id for live in self.live.values() if live.made_at <= at} - living:
            if self.nodes[call] == node:
                self._end_talks(call)

    # --- what the router says ---

    def said(self, output: object, now: float) -> None:
        self.now = now
        match output:
            case f.AgentStateChanged():
                assert output.previous == self.states[output.agent_id], "5: a state was skipped"
                self._idles(output)
                self.states[output.agent_id] = output.state
                for waiting in self.waiting.values():
                    self._judge_wish(waiting)
            case f.OfferMade():
                self._offer(output, now)
            case f.OfferUnknown() | f.OfferFailed() | f.OfferRescinded():
                assert output.offer_id in self.live, "5: an offer ended twice"
                ring = self.live.pop(output.offer_id).ring
                if ring in self.returned:
                    self._back(output.call_id, ring)
            case f.CallAbandoned() | f.CallFlowedOut():
                self._leave(output)
            case c.Ring():
                assert output.offer_id in self.live, "5: a ring without an offer"
                assert output.node == self.nodes[output.call_id], "5: a command to a node that has not the call"
                self._check_place(output)
                assert output.call_id not in self.ended, "5: a command for an ended call"
            case c.CancelRing() | c.Release():
                assert output.call_id not in self.ended, "5: a command for an ended call"

    def _check_place(self, ring: c.Ring) -> None:
        for phone in (ring, *ring.also):
            assert phone.offer_id in self.live, "5: a ring without an offer"
            known = self._registered(phone.extension)
            assert known in (None, phone.seat_node or ring.node), "2: rung where the phone is not"

    def _idles(self, fact: f.AgentStateChanged) -> None:
        """Note since when an agent is idle, as far as it can be told from outside, and who begins anew."""
        keeps = fact.previous in ("reserved", "ringing") and fact.reason in KEEPS_IDLE
        if fact.state == "ready" and not keeps:
            self.idle_since[fact.agent_id] = None if fact.reason == "reconciled" else fact.at
        if fact.previous == "offline":
            self.rung_at[fact.agent_id] = 0.0

    def _leave(self, fact: f.CallAbandoned | f.CallFlowedOut) -> None:
        wait = (fact.call_id, fact.queue_id, fact.entered_at)
        if wait in self.flowed:
            return  # told again to who had not heard it
        assert fact.call_id in self.waiting, "7: left without having waited"
        waiting = self.waiting[fact.call_id]
        assert (fact.queue_id, fact.entered_at) == (waiting.queue_id, waiting.entered_at), "4: the place was not kept"
        if isinstance(fact, f.CallFlowedOut):
            self.flowed.add(wait)
            if fact.treatment.startswith("queue:"):
                self._moves(fact, waiting)
                return
        del self.waiting[fact.call_id]
        self.left[fact.call_id] += 1
        self._forget(fact.call_id)

    def _moves(self, fact: f.CallFlowedOut, waiting: Waiting) -> None:
        """He waits on in the line of another queue, with the time that he has waited."""
        assert waiting.here or waiting.may_be_here, "4: torn away from a ringing phone"
        left, to = self.queues[waiting.queue_id], self.queues[QueueId(fact.treatment.removeprefix("queue:"))]
        asked = {skill: level for skill, level in waiting.skills if left.skills.get(skill) != level}
        for skill, level in to.skills.items():
            asked[skill] = max(level, asked.get(skill, 0))
        waiting.queue_id, waiting.entered_at, waiting.skills = QueueId(to.id), fact.at, frozenset(asked.items())
        waiting.priority, waiting.wanted_agent = self._priority(fact.call_id, waiting.own_priority, to), None
        self._stick(fact.call_id, waiting)

    def _offer(self, made: f.OfferMade, now: float) -> None:
        agent, caller = self.agents[made.agent_id], self.waiting.get(made.call_id)
        assert caller is not None, "5: an offer for somebody who does not wait"
        ring = made.group or made.offer_id
        beside = caller.away == ring and made.offer_id != ring
        assert caller.here or caller.may_be_here or beside, "1: an offer for somebody who is not back from the last one"
        assert made.call_id not in self.ended, "5: an offer for an ended call"
        assert made.offer_id not in self.used, "1: an offer id was used again"
        assert all(o.agent_id != made.agent_id for o in self.live.values()), "1: two live offers of an agent"
        assert all(o.ring == ring for o in self._offers_of(made.call_id).values()), "1: two live offers of a call"
        self._judge_wish(caller)
        assert caller.wanted_agent in (None, made.agent_id), "he is kept for another agent"
        assert self.states[made.agent_id] == "ready", "2: rung while not ready"
        assert self.may_be_rung(agent), "2: rung although the phone was known to be away or in use"
        assert self.able(agent, caller), "2: rung without the skill or the queue"
        assert caller.node not in self.links_down, "2: rung over a link that is down"
        assert made.entered_at == caller.entered_at, "4: the place was not kept"
        if made.agent_id in caller.refused_by and self.is_sure(caller):  # else others may only seem to be able
            others = (a for a in self.agents.values() if a.id not in caller.refused_by and self.able(a, caller))
            assert not any(self.states[a.id] in ON_DUTY for a in others), "4: rung again although another could serve"
        self._check_order(made, agent, caller)
        self._check_agents(made, caller, beside=beside)
        self.rung_at[made.agent_id] = now
        self.used.add(made.offer_id)
        self.offered_to[made.offer_id] = made.agent_id
        self.live[made.offer_id] = Live(
            made.agent_id, made.call_id, now + made.ring_timeout_s + 1.0, ring=ring, made_at=now
        )
        caller.here, caller.may_be_here, caller.away, caller.offered_at = False, False, ring, now
        caller.ring = {*caller.ring, made.offer_id} if beside else {made.offer_id}

    def _offers_of(self, call_id: CallId) -> dict[OfferId, Live]:
        """Return the live offers by which a caller is brought to agents."""
        return {offer_id: live for offer_id, live in self.live.items() if live.call_id == call_id}

    def _check_order(self, made: f.OfferMade, agent: Profile, chosen: Waiting) -> None:
        if chosen.wanted_agent == agent.id and chosen.wanted_until == FOR_EVER:
            return  # handed on to him by name: his next caller, however long others wait
        for call, other in self.waiting.items():
            there = other.here and other.confirmed and other.node not in self.links_down and self.is_sure(other)
            overtaken = there and self._comes_before(other, chosen) and self.able(agent, other)
            assert not overtaken or agent.id in other.refused_by, f"3: {call} was overtaken by {made.call_id}"
            if self.between == "longest_wait" and there and other.since < chosen.since and self.able(agent, other):
                first = agent.id in other.refused_by or any(
                    o.queue_id == other.queue_id and self._comes_before(o, other) for o in self.waiting.values()
                )
                assert first, f"3: {call} has waited longer than {made.call_id}, in another queue"

    def _check_agents(self, made: f.OfferMade, caller: Waiting, *, beside: bool) -> None:
        """Nobody who could be rung comes before the one who is, by preference and strategy."""
        queue = self.queues[caller.queue_id]
        if caller.wanted_agent is not None:
            return
        if queue.strategy in ("ring_all", "ring_progressive"):
            assert len(caller.ring) * beside < queue.ring_at_once, "2: more phones ring at once than may"
        chosen = self._agent_rank(made.agent_id, queue)
        for other in self.agents.values():
            free = self.states[other.id] == "ready" and self.phone_free(other) and other.id not in caller.refused_by
            if free and self.able(other, caller, sooner_s=0.01) and not self._expects(other.id, caller):
                rank = self._agent_rank(other.id, queue)
                assert None in (*rank, *chosen) or rank >= chosen, f"{other.id} comes before {made.agent_id}"  # type: ignore[operator]

    def _expects(self, agent_id: AgentId, caller: Waiting) -> bool:
        """Return whether somebody else was handed on to an agent by name: whoever comes in the same moment, that one is his next caller."""
        return any(
            other is not caller
            and (other.wanted_agent, other.wanted_until) == (agent_id, FOR_EVER)
            and (other.here or other.may_be_here)
            and other.node not in self.links_down
            for other in self.waiting.values()
        )

    def _agent_rank(self, agent_id: AgentId, queue: Queue) -> tuple[float | None, ...]:
        """Return what an agent is ranked by, without what nobody outside can tell."""
        preference, place = (
            self.agents[agent_id].preference.get(QueueId(queue.id), 5),
            list(self.agents).index(agent_id),
        )
        if queue.strategy in IDLE:
            return (preference, self.idle_since[agent_id])
        if queue.strategy == "ordered":
            return (preference, place)
        if queue.strategy == "round_robin":
            return (preference, self.rung_at[agent_id], place)
        return (preference,)

    def is_sure(self, _waiting: Waiting) -> bool:
        """Return whether it is known who may serve a caller now."""
        return True

    def _comes_before(self, one: Waiting, other: Waiting) -> bool:
        """Return whether one must be served before another, if an agent can serve both."""
        if one.queue_id != other.queue_id and self.between != "strict_priority":
            return False
        (here, since), (there, later) = (self._worth(waiting) for waiting in (one, other))
        return here < there - 1e-6 or (abs(here - there) <= 1e-9 and since < later)

    def _worth(self, waiting: Waiting) -> tuple[float, float]:
        return waiting.worth(self.queues[waiting.queue_id].ageing_per_minute, self.now)

    def forget_the_line(self, now: float) -> None:
        """The router died: it will learn anew who waits, and what the phones do."""
        self.gone_before += len(self.waiting) + sum(self.left.values())
        self.waiting.clear()
        self.left.clear()
        self.flowed.clear()
        for said in self.seats.values():
            for number, node in enumerate(sorted(said, key=lambda n: said[n].since)):
                said[node] = Said(
                    said[node].reachable, False, 0.0, number
                )  # where it was is remembered, not what it did
        self.links_down.clear()
        self.link_told_at.clear()
        for live in self.live.values():
            live.ends_by = max(live.ends_by, now + UNSEEN_S)

    # --- at any time ---

    def _registered(self, seat: str) -> NodeId | None:
        """Return the node that was the last to find a phone there."""
        found = {node: said.since for node, said in self.seats.get(seat, {}).items() if said.reachable}
        return max(found, key=lambda node: (found[node], node)) if found else None

    def phone_free(self, agent: Profile) -> bool:
        if agent.extension not in self.seats:
            return True
        node = self._registered(agent.extension)
        return node is not None and node not in self.links_down and not self.seats[agent.extension][node].in_use

    def may_be_rung(self, agent: Profile) -> bool:
        """Return whether nothing that is sure speaks against ringing an agent's phone."""
        return self.phone_free(agent)

    def able(self, agent: Profile, caller: Waiting, *, sooner_s: float = 0.0) -> bool:
        """Return whether an agent may serve a caller, as far as queue, skills and wishes go; and could `sooner_s` ago."""
        wanted = caller.wanted_agent if self.now < caller.wanted_until else None
        if wanted is not None and caller.wanted_until == FOR_EVER:
            return wanted == agent.id
        if wanted not in (None, agent.id) or not self.serves(agent, caller.queue_id):
            return False
        return all(agent.skills.get(skill, 0) >= level for skill, level in self._needs(caller, sooner_s))

    def serves(self, agent: Profile, queue_id: QueueId) -> bool:
        """Return whether a queue is one of an agent's."""
        return not agent.queues or queue_id in agent.queues

    def _needs(self, caller: Waiting, sooner_s: float) -> list[tuple[str, int]]:
        needs = dict(caller.skills)
        for step in self.queues[caller.queue_id].relax:
            if caller.since + step.after_s <= self.now - sooner_s:
                for skill in needs.keys() & step.skills.keys():
                    needs[skill] = min(needs[skill], step.skills[skill])
        return [(skill, level) for skill, level in needs.items() if level > 0]

    def check(self, now: float) -> None:
        """Check what must hold after every event."""
        self.now = now
        assert all(n <= 1 for n in self.answered.values()), "1: a call was answered twice"
        both = [call for call, times in self.left.items() if times + self.answered[call] > 1]
        assert not both, "7: a call left twice"
        for offer_id, live in self.live.items():
            assert live.answered or now <= live.ends_by + 1e-6, f"11: {offer_id} has no end"
        gone = self.entered_and_answered + sum(self.left.values()) + self.gone_before
        assert self.offered == gone + len(self.waiting), "7: offered is not answered + left + waiting"
        self._check_nobody_idles()

    def _check_nobody_idles(self) -> None:
        ready = [a for a in self.agents.values() if self.states[a.id] == "ready" and self.phone_free(a)]
        for call, caller in self.waiting.items():
            if caller.here and caller.confirmed and caller.node not in self.links_down and self.is_sure(caller):
                idle = [a.id for a in ready if self.able(a, caller) and a.id not in caller.refused_by]
                assert not idle, f"10: {call} waits although {idle} could be rung"
