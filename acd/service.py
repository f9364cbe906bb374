"""The door of call distribution: feeds the router, publishes its facts, sends its commands, remembers its agents.

It decides nothing. Facts are published before the commands that follow from them are sent, and what must survive our own
death (agents' states, live offers) is remembered before a phone rings. Outcomes of commands come back through the inbox.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar, Protocol, TypeVar

import msgspec
import structlog

from acd import views
from acd.agents import Agent, Profile
from acd.floor import Output
from acd.offers import Offer
from acd.requests import AgentDefinition, AgentRequest, RequestRefused
from acd.router import REACTIONS, Router
from hotline.bus.base import Bus, Inbox
from hotline.bus.outcomes import hear
from hotline.commands import Command, CommandEnded, Ring
from hotline.errors import Rejected
from hotline.facts import AgentAdded, CallFlowedOut, Fact, Record
from hotline.ids import AgentId, Extension, NodeId, QueueId
from hotline.runtime.clock import Clock
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Agent as ConfiguredAgent
from hotline.settings import Settings
from hotline.tally import Tally

AGENT_KEY = "acd/agent/"
OFFER_KEY = "acd/offer/"

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Memory(Protocol):
    """Keeps small values across our own death."""

    def remember(self, key: str, value: bytes | None) -> None:
        """Keep a value, or forget the key when it is None."""

    def recall(self, prefix: str) -> Mapping[str, bytes]:
        """Return all values whose keys start with `prefix`."""


class AcdService:
    """Distributes callers to agents. Call `attach` with an inbox for `kinds` before the first record is handled."""

    name: ClassVar[str] = "acd"
    kinds: ClassVar[tuple[type[Record], ...]] = tuple(
        kind for kind in REACTIONS if kind not in (AgentRequest, AgentDefinition, CommandEnded)
    )
    """What to subscribe to."""

    def __init__(
        self, settings: Settings, bus: Bus, clock: Clock, tally: Tally, tasks: TaskGroup, memory: Memory
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._clock = clock
        self._tally = tally
        self._tasks = tasks
        self._memory = memory
        self._inbox: Inbox | None = None
        self._ignored_told = 0
        self.router = Router(
            settings.queues,
            [_profile(a) for a in settings.all_agents()],
            epoch=f"{int(clock.now() * 1000):x}",
            home_node=NodeId(settings.asterisk.node),
            break_reasons=settings.break_reasons,
        )

    def attach(self, inbox: Inbox) -> None:
        """Begin: outcomes will come through `inbox`; agents and offers of an earlier life are taken up."""
        self._inbox = inbox
        self._tally.probe(self._tell_levels)
        agents, offers = self._recall(AGENT_KEY, Agent), self._recall(OFFER_KEY, Offer)
        known = {a.id: a.profile for a in agents}
        out = self.router.restore(agents, offers, now=self._clock.now())
        self._bus.publish(*self._new_agents(known))
        self._perform(out)

    def _recall(self, prefix: str, kind: type[T]) -> list[T]:
        """Return what was remembered; what cannot be read any more is forgotten."""
        found: list[T] = []
        for key, value in self._memory.recall(prefix).items():
            try:
                found.append(msgspec.msgpack.decode(value, type=kind))
            except msgspec.MsgspecError as exc:
                log.warning("a memory cannot be read and is dropped", key=key, error=str(exc))
                self._memory.remember(key, None)
        return found

    def _new_agents(self, known: Mapping[AgentId, Profile]) -> list[Fact]:
        """Return the agents that the settings added or changed since the last life, and have them remembered."""
        floor, now = self.router.floor, self._clock.now()
        new = [a for a in floor.agents if known.get(a.id) != a.profile]
        floor.changed_agents.update(dict.fromkeys(a.id for a in new))
        return [
            AgentAdded(
                at=now,
                agent_id=a.id,
                name=a.profile.name,
                extension=a.profile.extension,
                skills=a.profile.skills,
                queues=floor.agents.queues_of(a),
            )
            for a in new
        ]

    # --- what the service loop calls ------------------------------------------------------------------------------------

    async def handle(self, record: Record, now: float) -> None:
        """React to one record."""
        self._perform(self._decide(partial(self.router.handle, record, now=now), now))

    def next_deadline(self) -> float | None:
        """Return when `wake` wants to be called."""
        return self.router.next_deadline()

    async def wake(self, now: float) -> None:
        """Do what is due."""
        self._perform(self._decide(partial(self.router.wake, now=now), now))

    def _decide(self, decide: Callable[[], list[Output]], now: float) -> list[Output]:
        """Ask the router. After an error for one call, that call goes to the fallback queue and all others go on."""
        try:
            return decide()
        except Exception:
            self._tally.count("service_errors", service=self.name)
            log.exception("distribution failed for a call", call_id=self.router.floor.suspect)
            return self.router.evict(now=now)

    # --- carrying out ---------------------------------------------------------------------------------------------------

    def _perform(self, out: list[Output]) -> None:
        facts = [o for o in out if isinstance(o, Fact)]
        self._bus.publish(*facts)
        self._remember()
        for output in out:
            match output:
                case Command():
                    self._send(output)
                case CallFlowedOut(reason="full"):
                    self._tally.limit_reached("queue_waiting")
                case Fact() | RequestRefused():
                    continue
                case _:
                    raise NotImplementedError(type(output).__name__)
        ignored = self.router.floor.ignored.total()
        self._tally.count("router_ignored", ignored - self._ignored_told)
        self._ignored_told = ignored

    def _remember(self) -> None:
        for agent_id, agent in self.router.take_changed_agents():
            self._memory.remember(AGENT_KEY + agent_id, msgspec.msgpack.encode(agent) if agent is not None else None)
        for offer_id, offer in self.router.take_changed_offers():
            self._memory.remember(OFFER_KEY + offer_id, msgspec.msgpack.encode(offer) if offer is not None else None)

    def _send(self, command: Command) -> None:
        assert self._inbox is not None  # `attach` came first
        outcome = self._bus.request(command)
        if isinstance(command, Ring):
            latest = self.router.why(command.call_id)[-1]
            self._tally.observe("offer_latency_seconds", max(self._clock.now() - latest.both_since, 0.0))
        self._tasks.spawn(hear(self._inbox, command, outcome, self._clock), name=type(command).__name__)

    def _tell_levels(self) -> None:
        """Set the levels that metrics reads at a scrape, from the router's own state."""
        floor, now = self.router.floor, self._clock.now()
        self._tally.level("router_active", 1.0)
        for queue_id in floor.queues:
            view = views.queue_view(floor, queue_id, now)
            self._tally.level("queue_waiting", view.waiting, queue=queue_id)
            self._tally.level("queue_longest_wait_seconds", view.longest_wait_s, queue=queue_id)
            for state, number in view.agents.items():
                self._tally.level("agents", number, queue=queue_id, state=state)

    # --- what the API asks ------------------------------------------------------------------------------------------------

    def ask(self, request: AgentRequest | AgentDefinition) -> None:
        """Fulfil a request at once. Raises Rejected with the router's reason if it refuses; then nothing changed."""
        now = self._clock.now()
        out = self._decide(partial(self.router.handle, request, now=now), now)
        self._perform(out)
        for output in out:
            if isinstance(output, RequestRefused):
                raise Rejected(output.reason)

    def now(self) -> float:
        """Return the present time, for views."""
        return self._clock.now()

    def has_seat(self, extension: str) -> bool:
        """Return whether a phone can register as `extension`."""
        return extension in self._settings.seats.extensions()


def _profile(agent: ConfiguredAgent) -> Profile:
    return Profile(
        id=AgentId(agent.id),
        name=agent.name,
        extension=Extension(agent.extension),
        skills=dict(agent.skills),
        queues=tuple(QueueId(q) for q in agent.queues),
    )
