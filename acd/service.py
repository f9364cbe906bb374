"""The door of call distribution: feeds the router, publishes its facts, sends its commands, remembers its agents.

It decides nothing. Facts are published before the commands that follow from them are sent, and what must survive our own
death (agents' states, live offers) is remembered, here and by those who stand by, before a phone rings. Outcomes of commands come back
through the inbox.

Where several processes could route, only one does; `standby` says whether it is this one. A process that stands by has no router and drops
what it hears: when it becomes active, its memory tells of agents and offers, and the nodes are asked for their calls.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import ClassVar
from zoneinfo import ZoneInfo

import msgspec
import structlog

from acd import waits
from acd.board import Board
from acd.callbacks.hooks import HEARERS
from acd.callbacks.overheard import Overheard
from acd.core import memories, views
from acd.core.agents.roster import Profile
from acd.core.floor import Output
from acd.core.requests import ASKED, Asked, RequestRefused
from acd.core.router import REACTIONS, Router
from acd.core.talks import forwards
from acd.office.early import Early
from acd.office.inquiries import Office
from acd.office.keeping import Memory
from acd.office.standby import Standby
from hotline import dialling, hours
from hotline.bus.base import Bus, Inbox
from hotline.bus.outcomes import hear
from hotline.commands import CallOut, Command, CommandEnded, Refused, Ring
from hotline.errors import Rejected, StandingBy, Unavailable
from hotline.facts import AgentAdded, CallFlowedOut, Fact, NodeSurveyed, OfferExplained, OfferMade, Record, Signal
from hotline.ids import AgentId, Extension, NodeId, QueueId
from hotline.runtime.clock import Clock
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Settings
from hotline.settings.queues import Agent as ConfiguredAgent
from hotline.tally import Tally

RING_LIFE_S = 3.0
"""A ring that is carried out later than this is one that nobody expects any more: its caller may be offered elsewhere."""

log = structlog.get_logger(__name__)


class LookAnew(Signal, frozen=True, kw_only=True):
    """Told to our own inbox, so that the loop looks at the deadlines anew: those of a new router, or set through the API."""


class AcdService:
    """Distributes callers to agents, if it is this process that does.

    Call `attach` with an inbox for `kinds`, and `standby.attach` with one for `standby.kinds`, before the first record is handled; each has a
    loop of its own. Without an `office` it routes from `attach` on. `process` names this process among the routers.
    """

    name: ClassVar[str] = "acd"
    kinds: ClassVar[tuple[type[Record], ...]] = tuple(
        kind for kind in {**REACTIONS, **HEARERS, **forwards.HEARERS} if kind not in ASKED and kind is not CommandEnded
    )
    """What to subscribe to."""

    def __init__(
        self, settings: Settings, bus: Bus, clock: Clock, tally: Tally, tasks: TaskGroup, memory: Memory,
        *, office: Office | None = None, process: str = "acd",
    ) -> None:  # fmt: skip
        self._settings = settings
        self._bus = bus
        self._clock = clock
        self._tally = tally
        self._tasks = tasks
        self._inbox: Inbox | None = None
        self._router: Router | None = None
        self._early: Early | None = None
        self._overheard = Overheard()
        self._ignored_told = 0
        self._without_outgoing_told = 0
        self._wait_levels = waits.WaitLevels(tally)
        self.zone = ZoneInfo(settings.ivr.timezone)
        """In which times of day are told to people."""
        self.standby = Standby(self, settings.acd, bus, clock, tally, tasks, memory, office=office, process=process)
        """Our place among the routers: a service of its own."""

        self.board = Board(lambda: self.router, clock.now)
        """What the stream shows."""

    def attach(self, inbox: Inbox) -> None:
        """Begin: outcomes will come through `inbox`. Without an office, agents and offers of an earlier life are taken up."""
        self._inbox = inbox
        self._tally.probe(self._tell_levels)
        if not self.standby.has_office:
            self.begin(0, self.standby.keeping.values(), frozenset())

    def close(self) -> None:
        """Leave the office, so that another router may begin at once. To be called first when the process is told to stop."""
        self.standby.close()

    @property
    def router(self) -> Router:
        """The router. Raises StandingBy while this process has none."""
        if self._router is None:
            active = self.standby.view().active
            raise StandingBy(f"this router stands by; the active one is {active or 'not heard (yet)'}")
        return self._router

    # --- a term -----------------------------------------------------------------------------------------------------------

    def begin(self, epoch: int, values: Mapping[str, bytes], nodes: frozenset[NodeId]) -> None:
        """Route from now on: with the agents and offers of the life before, ours or another router's, at the nodes that it knew."""
        assert self._inbox is not None  # `attach` came first
        now = self._clock.now()
        life = f"{int(now * 1000):x}"
        router = self._router = Router(
            self._settings.queues,
            [_profile(a) for a in self._settings.all_agents()],
            epoch=f"t{epoch}-{life}" if epoch else life,
            home_node=NodeId(self._settings.asterisk.node),
            break_reasons=self._settings.break_reasons,
            break_limit_s=self._settings.acd.break_limit_s,
            between_queues=self._settings.acd.between_queues,
            outcomes=self._settings.acd.outcomes,
            outbound=dialling.policy(self._settings),
            hours={name: hours.of_settings(opening) for name, opening in self._settings.hours.items()},
        )
        self._ignored_told = 0
        self._without_outgoing_told = 0
        if epoch:
            self._early = Early(nodes, lambda call_id: router.floor.notes.get(call_id) is not None, now=now)
        kept, unread = memories.read(values)
        router.floor.supervision_tone = self._settings.acd.supervision_tone
        if unread:
            log.warning("memories that cannot be read are dropped", keys=unread)
            self.standby.remembered(dict.fromkeys(unread))
        known = {AgentId(name): agent.profile for name, agent in kept["agent"].items()}
        out = router.restore(kept, now=now, overheard=self._overheard.take(now))
        self._bus.publish(*self._new_agents(known))
        self._perform(out)
        self._inbox.put(LookAnew(at=now))

    def end(self) -> None:
        """Stand by: forget everything. Phones that ring for us go on ringing; it is the next router that hears how that ends."""
        self._router, self._early = None, None
        for gauge in (
            "queue_waiting",
            "callbacks_waiting",
            "queue_longest_wait_seconds",
            "agents",
            "agents_overrun",
            *waits.GAUGES,
        ):
            self._tally.forget(gauge)

    def surveyed(self) -> tuple[NodeId, ...]:
        """Return the nodes that told the present router everything."""
        return self._router.surveyed if self._router is not None else ()

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
        """React to one record, if this process routes."""
        if not await self.standby.rules():
            self._overheard.hear(record, now)
            return
        if self._is_of_another_term(record):
            return
        now = max(now, self._clock.now())  # it may have waited
        match record:
            case CommandEnded(command=Command(node=node), outcome=Refused(nobody=True)):
                self._lose([node], now)
        if self._early is None or not self._early.keeps(record, now):
            self._perform(self._decide(partial(self.router.handle, record, now=now), now))
            self.board.hear([record])
        self._catch_up(now)

    def _is_of_another_term(self, record: Record) -> bool:
        """Return whether a record is not for the present router. That a node knows a newer one ends our term."""
        match record:
            case CommandEnded(outcome=Refused(newer_epoch=newer)) if newer:
                self._tally.count("router_commands_fenced")
                self.standby.overruled(newer)
                return True
            case NodeSurveyed():
                return record.epoch != self.standby.epoch
            case _:
                return isinstance(record, LookAnew)

    def cut_off(self) -> None:
        """What we send and what is sent to us does not arrive any more."""
        if self._router is not None:
            log.warning("this router is cut off from the nodes", nodes=self._router.surveyed)
            self._lose(self._router.surveyed, self._clock.now())

    def _lose(self, nodes: Iterable[NodeId], now: float) -> None:
        self._perform(self._decide(partial(self.router.lose, nodes, now=now), now))

    def _catch_up(self, now: float) -> None:
        """Give the router what came too early, as soon as it can be understood."""
        while self._early is not None and (ripe := self._early.ripe(now)):
            for records in ripe:
                if len(records) > 1 or not self._early.keeps(records[0], now):
                    self._perform(self._decide(partial(self._together, records, now), now))
        if self._early is not None and self._early.is_over(now):
            self._early = None

    def _together(self, records: list[Record], now: float) -> list[Output]:
        """Return what follows from records that belong together: nobody is offered before all of them are known."""
        for record in records[:-1]:
            self.router.hear(record, now=now)
        return self.router.handle(records[-1], now=now)

    def next_deadline(self) -> float | None:
        """Return when `wake` wants to be called."""
        due = [self._early.due] if self._early is not None else []
        if self._router is not None and not (self._early is not None and self._early.gathers):
            at = self._router.next_deadline()
            due += [at] if at is not None else []
        return min(due, default=None)

    async def wake(self, now: float) -> None:
        """Do what is due."""
        if not await self.standby.rules():
            return
        now = max(now, self._clock.now())
        self._catch_up(now)
        if self._early is None or not self._early.gathers:
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
        self.board.hear(out)
        self._bus.publish(*self._with_reasons(o for o in out if isinstance(o, Fact | Signal)))
        self._remember()
        for output in out:
            match output:
                case Command():
                    self._send(output)
                case CallFlowedOut(reason="full"):
                    self._tally.limit_reached("queue_waiting")
                case Fact() | Signal() | RequestRefused():
                    continue
                case _:
                    raise NotImplementedError(type(output).__name__)
        ignored = self.router.floor.ignored.total()
        self._tally.count("router_ignored", ignored - self._ignored_told)
        self._ignored_told = ignored
        times = self.router.floor.times_without_outgoing
        if times > self._without_outgoing_told:
            self._tally.limit_reached("outgoing_of_remote_agents")
        self._without_outgoing_told = times

    def _with_reasons(self, told: Iterable[Fact | Signal]) -> Iterator[Fact | Signal]:
        """Let every offer be followed by why it was made."""
        decisions = self.router.floor.decisions
        for record in told:
            yield record
            if (
                isinstance(record, OfferMade)
                and (decision := decisions.told(record.call_id, record.offer_id)) is not None
            ):
                text = msgspec.json.encode(decision).decode()
                yield OfferExplained(at=record.at, call_id=record.call_id, offer_id=record.offer_id, decision=text)

    def _remember(self) -> None:
        changed = self.router.take_changed(now=self._clock.now())
        if changed:
            self.standby.remembered(changed)

    def _send(self, command: Command) -> None:
        assert self._inbox is not None  # `attach` came first
        epoch = self.standby.epoch
        outcome = self._bus.request(
            command, epoch=epoch, within_s=RING_LIFE_S if epoch and isinstance(command, Ring | CallOut) else None
        )
        if isinstance(command, Ring):
            latest = self.router.floor.decisions.latest(command.call_id)
            both_since = latest.both_since if latest is not None else self._clock.now()
            self._tally.observe("offer_latency_seconds", max(self._clock.now() - both_since, 0.0))
        self._tasks.spawn(hear(self._inbox, command, outcome, self._clock), name=type(command).__name__)

    def _tell_levels(self) -> None:
        """Set the levels that metrics reads at a scrape, from the router's own state."""
        if self._router is None:
            return
        floor, now = self._router.floor, self._clock.now()
        for queue_id in floor.queues:
            view = views.queue_view(floor, queue_id, now)
            self._tally.level("queue_waiting", view.waiting, queue=queue_id)
            self._tally.level("callbacks_waiting", view.callbacks, queue=queue_id)
            self._tally.level("queue_longest_wait_seconds", view.longest_wait_s, queue=queue_id)
            for state, number in view.agents.items():
                self._tally.level("agents", number, queue=queue_id, state=state)
            self._tally.level("agents_overrun", view.agents_overrun, queue=queue_id)
        self._wait_levels.tell(floor, now)

    # --- what the API asks ------------------------------------------------------------------------------------------------

    def ask(self, request: Asked) -> None:
        """Fulfil a request at once. Nothing changes when it raises: Rejected with the router's reason, or Unavailable if we stand by."""
        now = self._clock.now()
        if not self.standby.is_sure() and self._router is not None:
            raise Unavailable("this router slept, and makes sure that it is still the active one")
        before = self.router.next_deadline()
        out = self._decide(partial(self.router.handle, request, now=now), now)
        self._perform(out)
        if self._inbox is not None and self.router.next_deadline() != before:
            self._inbox.put(LookAnew(at=now))
        for output in out:
            if isinstance(output, RequestRefused):
                raise Rejected(output.reason)

    def now(self) -> float:
        """Return the present time, for views."""
        return self._clock.now()

    @property
    def first_number(self) -> str:
        """The number of ours whose flow leads customers that are called on an operator's behalf."""
        return min(number.number for number in self._settings.numbers.values())

    def has_seat(self, extension: str) -> bool:
        """Return whether a phone can register as `extension`."""
        return extension in self._settings.seats.extensions()


def _profile(agent: ConfiguredAgent) -> Profile:
    return Profile(
        id=AgentId(agent.id),
        name=agent.name,
        extension=Extension(agent.extension),
        devices=tuple(Extension(d) for d in agent.devices),
        remote_number=agent.remote_number,
        outbound=agent.outbound,
        ready_at_login=agent.ready_at_login,
        skills=dict(agent.skills),
        queues=tuple(QueueId(q) for q in agent.queues),
        preference={QueueId(q): grade for q, grade in agent.preference.items()},
    )
