"""What must hold of lines when people interfere: priorities changed live, callers moved, places resumed, emergencies, and who is kept for whom."""

from collections import defaultdict

from acd.core.agents.roster import Profile
from hotline import facts as f
from hotline.ids import AgentId, CallId, NodeId, QueueId
from hotline.settings.queues import Queue
from tests.properties.router_monitor import Waiting
from tests.simulation.duty import DutyMonitor

NEWS_S = 0.001


class LinesMonitor(DutyMonitor):
    """The same, with what supervisors do to those who wait, and with customers who are known."""

    def __init__(
        self, queues: tuple[Queue, ...], agents: tuple[Profile, ...], between: str = "strict_priority"
    ) -> None:
        super().__init__(queues, agents, between)
        self.asked: dict[CallId, f.CallQueued] = {}
        """With what each joined a line for the last time."""
        self.emergencies: set[QueueId] = set()
        """Queues whose callers are sent away."""
        self.numbers: dict[CallId, str] = {}
        self.hung_up: dict[CallId, tuple[str, float, float]] = {}
        """Those who gave up: their number, since when they had waited, and when that was over."""
        self.resumed: set[CallId] = set()
        """Those whose place was given back."""
        self.unsure_of: set[str] = set()
        """Customers of whom it is not sure who served them last."""
        self.remembered: set[CallId] = set()
        """Callers of whom the routers before this one knew, and who have not left their line as far as any of them heard."""

    def told(self, record: f.Record) -> None:
        match record:
            case (
                f.CallArrived(call_id=call_id, caller_number=number)
                | f.CallAdopted(call_id=call_id, caller_number=number)
            ) if number:
                self.numbers[call_id] = number
            case f.CallQueued(call_id=call_id):
                self.asked[call_id] = record
        if self._is_served(record):
            self.remembered.discard(record.call_id)  # type: ignore[attr-defined]
        super().told(record)

    def _is_served(self, record: f.Record) -> bool:
        """Return whether an agent has the caller by now, or nobody will have him any more."""
        match record:
            case f.OfferAccepted(offer_id=offer_id):
                return offer_id in self.live
            case f.CallAdopted(phase=phase):
                return phase == "talking"
            case _:
                return isinstance(record, f.CallEnded)

    def said(self, output: object, now: float) -> None:
        match output:
            case f.CallFlowedOut(reason="moved", treatment="") if output.call_id in self.asked:
                output = self._with_goal(output)
            case f.CallPriorityChanged():
                self._prioritised(output)
            case f.CallMoved():
                assert self._can_ever_be_served(self.waiting[output.call_id]), "moved to where nobody can serve him"
            case f.CallResumed():
                self._resumed(output, now)
            case f.CallAbandoned() if output.call_id in self.waiting:
                waiting = self.waiting[output.call_id]
                self.hung_up[output.call_id] = (self.numbers.get(output.call_id, ""), waiting.since, output.at)
            case f.QueueSwitched():
                sends_away = output.emergency != "" and output.then != "stay"
                (self.emergencies.add if sends_away else self.emergencies.discard)(output.queue_id)
            case f.OfferMade(kind="main"):
                assert output.queue_id not in self.emergencies, "rung although everybody is sent away"
        super().said(output, now)

    def _with_goal(self, out: f.CallFlowedOut) -> f.CallFlowedOut:
        """Return a move with the line that it leads to: he was told as queued there."""
        asked = self.asked[out.call_id]
        if asked.queue_id == out.queue_id:
            return out
        return f.CallFlowedOut(
            at=asked.entered_at,
            call_id=out.call_id,
            queue_id=out.queue_id,
            entered_at=out.entered_at,
            reason=out.reason,
            treatment=f"queue:{asked.queue_id}",
        )

    def _can_ever_be_served(self, waiting: Waiting) -> bool:
        """Return whether anybody of his queue, on duty or not, has what he asks for at last."""
        queue, needs = self.queues[waiting.queue_id], dict(waiting.skills)
        for step in queue.relax:
            needs |= {skill: min(needs[skill], level) for skill, level in step.skills.items() if skill in needs}
        crew = [
            agent
            for agent in self.agents.values()
            if not agent.queues or waiting.queue_id in agent.queues or agent.id in queue.surge_agents
        ]
        return any(all(agent.skills.get(skill, 0) >= level for skill, level in needs.items()) for agent in crew)

    def _prioritised(self, fact: f.CallPriorityChanged) -> None:
        waiting = self.waiting[fact.call_id]
        assert (fact.queue_id, fact.entered_at) == (waiting.queue_id, waiting.entered_at), "4: another place"
        assert fact.previous == waiting.own_priority, "4: another priority"
        waiting.own_priority = fact.priority
        waiting.priority = self._priority(fact.call_id, fact.priority, self.queues[waiting.queue_id])

    def _resumed(self, fact: f.CallResumed, now: float) -> None:
        number, _, at = self.hung_up[fact.earlier_call_id]
        assert number, "a place was given back to nobody"
        assert number == self.numbers[fact.call_id], "a place was given to somebody else"
        assert fact.earlier_call_id not in self.resumed, "a place was given back twice"
        kept_s = max(queue.resume_s for queue in self.queues.values())
        assert now <= at + kept_s + NEWS_S, "a place was given back too late"
        assert any(fact.since == since for n, since, _ in self.hung_up.values() if n == number), "4: another place"
        self.resumed.add(fact.earlier_call_id)
        self.waiting[fact.call_id].since = fact.since

    # --- known customers --------------------------------------------------------------------------------------------------

    def _forget(self, call: CallId) -> None:
        """Who left the line is known as long as the router lives: should he be handed on, it still goes by that."""
        self.remembered.discard(call)

    def _enter(self, asked: f.CallQueued) -> None:
        """Who rejected him is known whichever way he comes back into the line."""
        super()._enter(asked)
        if asked.call_id in self.remembered:
            self.waiting[asked.call_id].refused_by = self.refused[asked.call_id]

    def _snapshot(self, node: NodeId, living: set[CallId], at: float) -> None:
        """Whoever is not there any more is forgotten, although no router heard him leave."""
        super()._snapshot(node, living, at)
        gone = {call for call in self.remembered - living - self.waiting.keys() if self.nodes.get(call) == node}
        self.remembered -= gone

    def forget_the_line(self, now: float) -> None:
        """Of those who wait, what gives them their place or their agent outlives the router; of others nothing is known any more.

        It outlives also a router that died before it heard of them: nobody told it that they had left.
        """
        known = {call for call, waiting in self.waiting.items() if self._is_remembered(waiting)}
        self.remembered = known = known | self.remembered
        for told in (self.tiers, self.managers, self.customers, self.numbers):
            for call in told.keys() - known:
                del told[call]  # type: ignore[attr-defined]
        self.refused = defaultdict(set, {call: who for call, who in self.refused.items() if call in known})
        super().forget_the_line(now)

    def _is_remembered(self, waiting: Waiting) -> bool:
        queue = self.queues[waiting.queue_id]
        return bool(waiting.refused_by) or bool(queue.tiers) or queue.sticky != "none"

    def _customer(self, call: CallId) -> str:
        return self.customers.get(call) or self.numbers.get(call, "")

    def _served(self, call: CallId, agent_id: AgentId | None) -> None:
        customer = self._customer(call)
        if customer and agent_id is not None:
            self.served[customer] = agent_id
            self.unsure_of.discard(customer)
        elif customer:
            self.unsure_of.add(customer)

    def _offer(self, made: f.OfferMade, now: float) -> None:
        waiting = self.waiting.get(made.call_id)
        if waiting is not None and waiting.wish is None:
            self._note_sticky(made, waiting, now)
        super()._offer(made, now)

    def _note_sticky(self, made: f.OfferMade, waiting: Waiting, now: float) -> None:
        queue = self.queues[waiting.queue_id]
        wanted = self.served.get(self._customer(made.call_id))
        if queue.sticky == "personal_agent":
            wanted = self.managers.get(made.call_id)
        if queue.sticky == "none" or wanted is None:
            return
        if wanted != made.agent_id:
            self.seen["sticky: another one after its time"] += now >= waiting.since + queue.sticky_s
        else:
            self.seen[f"sticky: {queue.sticky.replace('_', ' ')}"] += 1

    def is_sure(self, waiting: Waiting) -> bool:
        """Who is kept for an agent of whom nobody is sure is so for a while at most."""
        queue = self.queues[waiting.queue_id]
        call = next((call for call, other in self.waiting.items() if other is waiting), CallId(""))
        unsure = queue.sticky == "last_agent" and self._customer(call) in self.unsure_of
        return super().is_sure(waiting) and (not unsure or self.now >= waiting.since + queue.sticky_s)
