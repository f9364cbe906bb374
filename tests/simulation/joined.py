"""What must hold of conversations with more than two: consults, conferences, supervisors. Checked from what the router is told and says."""

from dataclasses import dataclass

from acd.core.agents.roster import Profile
from acd.core.requests import SupervisionRequest
from acd.core.talks.supervising import HELD_S
from acd.core.talks.taking_over import HOLD_S
from hotline import commands as c
from hotline import facts as f
from hotline.ids import AgentId, CallId, Extension, NodeId, OfferId, SupervisionId
from hotline.settings.queues import Queue
from tests.properties.router_monitor import Live, Waiting
from tests.simulation.lines import LinesMonitor


@dataclass
class Held:
    """A supervisor who is kept free for a caller whom he takes over."""

    call_id: CallId
    until: float


@dataclass
class Rung:
    """A seat that is rung for a supervisor, or hears a conversation for him."""

    supervision_id: SupervisionId
    node: NodeId
    """Where the call is."""
    until: float
    """Until when at least no caller may ring there."""


class JoinedMonitor(LinesMonitor):
    """The same, with agents who ask each other, and supervisors."""

    def __init__(
        self, queues: tuple[Queue, ...], agents: tuple[Profile, ...], between: str = "strict_priority"
    ) -> None:
        super().__init__(queues, agents, between)
        self.consults: dict[OfferId, float] = {}
        """Offers by which an agent is asked, and when they were made."""
        self.supervisions: dict[SupervisionId, f.SupervisionAsked] = {}
        """Those that are not over."""
        self.supervised: set[SupervisionId] = set()
        """All there were."""
        self.rung: dict[Extension, Rung] = {}
        """Seats of which this router knows for sure that a supervisor is rung there, or hears a conversation."""
        self.held_for: dict[AgentId, Held] = {}
        self._takes_over = False

    # --- what the router is told ------------------------------------------------------------------------------------------

    def ordered(self, record: f.Record) -> None:
        super().ordered(record)
        self._takes_over = isinstance(record, SupervisionRequest) and record.ask == "take_over"

    def told(self, record: f.Record) -> None:
        self.joins(record)
        super().told(record)

    def joins(self, record: f.Record) -> None:
        """Learn who of several talks with the caller now."""
        match record:
            case f.TransferCompleted(kind="attended", next_offer=str(offer_id)):
                self._handed_over(record.call_id, OfferId(offer_id))
            case f.CallAdopted():
                self._found(record)
            case f.OfferAccepted(call_id=call_id, offer_id=offer_id) if call_id not in self.waiting:
                live = self.live.get(offer_id)
                if live is not None and not live.answered and offer_id not in self.consults:
                    self._served(call_id, live.agent_id)  # he waited in an earlier life of the router
            case f.CallEnded() | c.CommandEnded(command=c.Transfer(), outcome=c.Refused()):
                self._comes_not(record.call_id if isinstance(record, f.CallEnded) else record.command.call_id)  # type: ignore[attr-defined]

    def _consult_of(self, call_id: CallId) -> OfferId | None:
        return next((o for o in self.consults if o in self.live and self.live[o].call_id == call_id), None)

    def _offers_of(self, call_id: CallId) -> dict[OfferId, Live]:
        """No caller comes to an agent by a question about him; it may outlast the conversation in which it was asked by a moment."""
        return {o: live for o, live in super()._offers_of(call_id).items() if o not in self.consults}

    def _handed_over(self, call_id: CallId, offer_id: OfferId) -> None:
        """The first agent is free, and the second one has the caller."""
        if offer_id not in self.live or offer_id not in self.consults:
            return
        self._end_firsts(call_id, offer_id)
        del self.consults[offer_id]
        self.live[offer_id].answered = True
        self._served(call_id, self.live[offer_id].agent_id)

    def _end_firsts(self, call_id: CallId, but: OfferId) -> None:
        for other in [o for o, live in self.live.items() if live.call_id == call_id and live.answered and o != but]:
            del self.live[other]

    def _found(self, fact: f.CallAdopted) -> None:
        """A call was found: does its agent still ask another one, or has that one the caller?"""
        self._found_with_another(fact)
        consult = self._consult_of(fact.call_id)
        if consult is None:
            return
        if fact.phase == "talking" and fact.offer_id == consult:
            self._handed_over(fact.call_id, consult)
        elif fact.phase == "talking" and fact.second_offer == consult:
            self.live[consult].answered = self.live[consult].answered or fact.second_answered
        elif self.live[consult].answered and fact.at > self.consults[consult]:
            del self.live[consult]

    def _found_with_another(self, fact: f.CallAdopted) -> None:
        """He talks with somebody outside, or unknown to the router: his agent handed him on while nobody looked, and is free."""
        if fact.phase == "talking" and fact.offer_id is not None and fact.offer_id not in self.live:
            for offer_id, live in self._offers_of(fact.call_id).items():
                if live.answered and live.made_at < fact.at:
                    del self.live[offer_id]

    def _comes_not(self, call_id: CallId) -> None:
        """He is gone, or was not handed on: nobody need be kept free for him."""
        for held in self.held_for.values():
            if held.call_id == call_id:
                held.until = min(held.until, self.now)

    def _ring(self, ring: OfferId) -> list[OfferId]:
        return [offer_id for offer_id in super()._ring(ring) if offer_id not in self.consults]

    # --- what the router says ---------------------------------------------------------------------------------------------

    def said(self, output: object, now: float) -> None:
        match output:
            case f.OfferMade(kind="consult"):
                self.now = now
                self.latest[output.agent_id] = output
                self._asks(output, now)
                return
            case f.TransferStarted(kind="blind") if self._takes_over:
                agent_id = AgentId(output.to.removeprefix("agent:"))
                self.held_for[agent_id] = Held(output.call_id, now + HOLD_S)
            case f.AgentStateChanged():
                self.held_for.pop(output.agent_id, None)
            case f.SupervisionAsked():
                self._supervises(output)
                node = self.nodes[output.call_id]
                self.rung[output.extension] = Rung(output.supervision_id, node, now + HELD_S)
            case f.SupervisionBegan():
                assert output.supervision_id in self.supervisions, "somebody supervises unasked, or once more"
                if output.extension in self.rung:
                    self.rung[output.extension].until = float("inf")
            case f.SupervisionEnded():
                assert self.supervisions.pop(output.supervision_id, None), "a supervision ended twice"
                self._not_rung(output.supervision_id)
            case c.EndSupervision():
                self._not_rung(output.supervision_id)
        super().said(output, now)

    def _asks(self, made: f.OfferMade, now: float) -> None:
        """An agent is reserved for another one's question."""
        agent = self.agents[made.agent_id]
        found_again = made.offer_id in self.used and made.at < now
        assert made.call_id in self.talks.values() or found_again, (
            "an agent is asked about somebody with whom nobody talks"
        )
        assert made.call_id not in self.ended, "5: an agent is asked about an ended call"
        assert made.offer_id not in self.used or found_again, "1: an offer id was used again"
        assert all(o.agent_id != made.agent_id for o in self.live.values()), "1: two live offers of an agent"
        assert self._consult_of(made.call_id) is None, "two agents are asked about one caller"
        assert self.states[made.agent_id] == "ready", "2: asked while not ready"
        assert self.may_be_rung(agent) or found_again, "2: asked although the phone was known to be away or in use"
        self.used.add(made.offer_id)
        self.offered_to[made.offer_id] = made.agent_id
        self.consults[made.offer_id] = made.at
        ends_by = now + made.ring_timeout_s + 1.0
        self.live[made.offer_id] = Live(made.agent_id, made.call_id, ends_by, ring=made.offer_id, made_at=made.at)

    def _supervises(self, asked: f.SupervisionAsked) -> None:
        assert asked.supervision_id not in self.supervised, "a supervision's id was used again"
        seats = {s.extension for s in self.supervisions.values()}
        assert asked.extension not in seats, "one seat is with two conversations"
        assert self.talks.get(asked.agent_id) == asked.call_id, "somebody is supervised who does not talk"
        self.supervised.add(asked.supervision_id)
        self.supervisions[asked.supervision_id] = asked

    def _not_rung(self, supervision_id: SupervisionId) -> None:
        """From now on the phone alone tells whether it can be rung."""
        self.rung = {seat: rung for seat, rung in self.rung.items() if rung.supervision_id != supervision_id}

    def may_be_rung(self, agent: Profile) -> bool:
        """No caller rings where a supervisor is rung, or hears a conversation of a node that can be seen."""
        rung = self.rung.get(agent.extension)
        kept = rung is not None and self.now < rung.until and rung.node not in self.links_down
        return super().phone_free(agent) and not kept

    def _is_kept_free(self, agent: Profile) -> bool:
        """Return whether callers could ring at a seat if no supervisor were rung there."""
        ready = self.states[agent.id] == "ready" and super().phone_free(agent)
        return ready and not self.may_be_rung(agent)

    def phone_free(self, agent: Profile) -> bool:
        """Return whether it is sure that a phone may be rung: none is of which it may seem that a supervisor has it."""
        with_supervisor = any(s.extension == agent.extension for s in self.supervisions.values())
        return super().phone_free(agent) and not with_supervisor

    def _offer(self, made: f.OfferMade, now: float) -> None:
        held = self.held_for.get(made.agent_id)
        if held is not None and held.call_id != made.call_id:
            assert now >= held.until, "a supervisor who takes a caller over was given another one"
            del self.held_for[made.agent_id]
        self.seen["supervision: seat kept free"] += any(map(self._is_kept_free, self.agents.values()))
        self.seen["supervision: taken over"] += held is not None and held.call_id == made.call_id
        super()._offer(made, now)

    def is_held(self, agent_id: AgentId, call_id: CallId | None = None) -> bool:
        """Return whether an agent may be kept free for another caller than this one."""
        held = self.held_for.get(agent_id)
        return held is not None and held.call_id != call_id and self.now <= held.until

    def able(self, agent: Profile, caller: Waiting, **more: float) -> bool:
        """Nobody else is given to a supervisor who takes a caller over."""
        if agent.id in self.held_for:
            call = next((call_id for call_id, waiting in self.waiting.items() if waiting is caller), None)
            if self.is_held(agent.id, call):
                return False
        return super().able(agent, caller, **more)

    def forget_the_line(self, now: float) -> None:
        """Nobody is kept free across a router's death."""
        self.held_for.clear()
        self.rung.clear()
        super().forget_the_line(now)

    def check(self, now: float) -> None:
        super().check(now)
        with_caller = [o.call_id for i, o in self.live.items() if o.answered and i not in self.consults]
        assert len(with_caller) == len(set(with_caller)), "1: two agents have one caller"
