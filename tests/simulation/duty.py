"""What must hold of agents: who serves what in surge mode, what was kept for later, what is owed. Checked from what the router is told and says."""

from collections import Counter

from acd.core.agents.asking import WAIVES
from acd.core.agents.roster import Profile
from acd.core.requests import AgentRequest
from hotline import facts as f
from hotline.ids import AgentId, CallId, OfferId, QueueId
from hotline.settings.queues import Queue
from tests.properties.router_monitor import Monitor

TALKS = ("talking", "holding")
OF_ITSELF = ("router", "phone")
"""Who changed a state that nobody asked for."""


class DutyMonitor(Monitor):
    """The monitor of the property tests, with surge mode, queued breaks and required outcomes."""

    def __init__(
        self, queues: tuple[Queue, ...], agents: tuple[Profile, ...], between: str = "strict_priority"
    ) -> None:
        super().__init__(queues, agents, between)
        self.called_in = {QueueId(q.id): frozenset(map(AgentId, q.surge_agents)) for q in queues}
        self.surges: set[QueueId] = set()
        self.wishes: dict[AgentId, str] = {}
        """What follows when a busy agent's call is over."""
        self.owing: dict[AgentId, OfferId] = {}
        """Agents in wrap-up, or after it, who have not said yet how their conversation went although they must."""
        self.latest: dict[AgentId, f.OfferMade] = {}
        """The offer that each agent had last."""
        self.seen: Counter[str] = Counter()
        """What happened that no fact tells by itself; see `coverage`."""
        self.talks: dict[AgentId, CallId | None] = {}
        """With whom each agent talks."""
        self.outcomes: set[OfferId] = set()
        """Conversations of which somebody said how they went."""

    def serves(self, agent: Profile, queue_id: QueueId) -> bool:
        """Whoever is called in serves a queue only while surge is on."""
        if agent.id in self.called_in[queue_id]:
            return queue_id in self.surges
        return super().serves(agent, queue_id)

    def ordered(self, record: f.Record) -> None:
        """A supervisor, or an agent, asks for something."""
        match record:
            case AgentRequest(agent_id=agent_id, ask=ask) if ask in WAIVES:
                self.owing.pop(agent_id, None)

    def said(self, output: object, now: float) -> None:
        match output:
            case f.SurgeSwitched():
                assert (output.queue_id in self.surges) != output.on, "surge was switched to what it was"
                (self.surges.add if output.on else self.surges.discard)(output.queue_id)
            case f.AgentWishChanged():
                self.wishes[output.agent_id] = output.wish
            case f.OutcomeGiven():
                self.outcomes.add(output.offer_id)
                if self.owing.get(output.agent_id) == output.offer_id:
                    del self.owing[output.agent_id]
            case f.OfferMade():
                self.latest[output.agent_id] = output
                self.seen["surge: served by who was called in"] += output.agent_id in self.called_in[output.queue_id]
            case f.AnnouncementDue():
                self.seen["emergency: announced"] += 1
            case f.AgentStateChanged():
                self._judge(output)
        super().said(output, now)

    def _judge(self, fact: f.AgentStateChanged) -> None:
        agent_id, wish = fact.agent_id, self.wishes.get(fact.agent_id, "")
        latest = self.latest.get(agent_id)
        self.talks[agent_id] = fact.call_id if fact.state in TALKS else None
        if fact.state in TALKS:
            self.owing.pop(agent_id, None)
        elif (
            fact.previous in TALKS
            and fact.state in ("wrap_up", "offline")
            and latest is not None
            and self._must_say(latest)
        ):
            self.owing[agent_id] = latest.offer_id
            self.seen["agent: owed an outcome"] += 1
        if fact.state in ("ready", "unreachable", "break", "offline"):
            assert not wish or fact.state == wish or fact.by not in OF_ITSELF, f"{agent_id} was not led to his {wish}"
            self.seen["agent: queued break taken"] += wish == "break" == fact.state
            self.wishes.pop(agent_id, None)
        if fact.state in ("ready", "unreachable"):
            assert agent_id not in self.owing, f"{agent_id} is {fact.state} and owes an outcome"

    def _must_say(self, made: f.OfferMade) -> bool:
        return self.queues[made.queue_id].outcome_required and made.offer_id not in self.outcomes
