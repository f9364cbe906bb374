"""The door between routers: signs of life, the office, and the memory that those who stand by keep.

It lives in a loop of its own, beside that of `AcdService`: so it goes on while the router is busy, and its signals wait for no
facts (see `hotline/bus/rabbitmq/ordering.py`). What to do is decided by `term` and `replica`. Without an office (one process) this process routes
from the start, under epoch 0, and all that is left here are the signs of life.
"""

import asyncio
from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol

import msgspec
import structlog

from acd.office.inquiries import Inquiries, Office, OfficeAnswered
from acd.office.keeping import Keeping, Memory
from acd.office.replica import Copy, Original
from acd.office.term import Begin, End, LetGo, Question, Step, Term
from hotline.bus.base import Bus, Inbox
from hotline.facts import (
    Record,
    RouterActive,
    RouterRemembered,
    RouterStandsBy,
    RouterTermBegan,
    RouterTermEnded,
)
from hotline.ids import NodeId
from hotline.runtime.clock import Clock
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Acd
from hotline.tally import Tally

log = structlog.get_logger(__name__)


class Routing(Protocol):
    """What becomes active and steps down."""

    def begin(self, epoch: int, values: Mapping[str, bytes], nodes: frozenset[NodeId]) -> None:
        """Route from now on, with what was remembered, at the nodes that the router before knew."""

    def end(self) -> None:
        """Forget everything and wait."""

    def surveyed(self) -> tuple[NodeId, ...]:
        """Return the nodes that told the present router everything."""

    def cut_off(self) -> None:
        """Count on nothing that the nodes told: nothing comes from them any more."""


class RouterView(msgspec.Struct, frozen=True, kw_only=True):
    """The routers as seen by one of them."""

    router: str
    """The process that answers."""
    state: str
    """`active`; `doubting`: active, making sure of it after a pause; `standing_by`; `new`: nobody was heard yet."""
    epoch: int
    """The newest term that it knows of; 0 where there is no office."""
    active: str
    """The active router as far as it knows; empty if it heard none."""
    in_sync: bool
    """Whether a takeover would find everything: here, if this router stands by, else at some router that does."""
    surveyed: tuple[NodeId, ...]
    """The nodes that told this router everything since it is active."""


class Standby:
    """Keeps one process in its place among the routers. Call `attach` with an inbox for `kinds` before the first record."""

    name: ClassVar[str] = "acd-standby"
    kinds: ClassVar[tuple[type[Record], ...]] = (RouterActive, RouterStandsBy, RouterRemembered, RouterTermEnded)
    """What to subscribe to."""

    def __init__(
        self, routing: Routing, settings: Acd, bus: Bus, clock: Clock, tally: Tally, tasks: TaskGroup, memory: Memory,
        *, office: Office | None, process: str,
    ) -> None:  # fmt: skip
        self._routing = routing
        self._settings = settings
        self._bus = bus
        self._clock = clock
        self._tally = tally
        self._tasks = tasks
        self.keeping = Keeping(memory)
        """What is kept here of agents, offers and nodes."""
        self._office = office
        self._process = process
        self._inbox: Inbox | None = None
        self._term: Term | None = None
        self._inquiries: Inquiries | None = None
        if office is not None:
            self._term = Term(process, beat_s=settings.beat_s, silent_s=settings.silent_s, now=clock.now())
            self._inquiries = Inquiries(office, clock)
        self._original: Original | None = None
        self._copy = Copy()
        self._tell_at = clock.now()
        self._certain = asyncio.Event()
        self._certain.set()
        self._closed = False
        self._hears = False
        """Whether the bus carried anything lately."""
        tally.probe(self._tell_levels)

    def attach(self, inbox: Inbox) -> None:
        """Begin: answers of the office will come through `inbox`."""
        self._inbox = inbox

    # --- what the router asks ---------------------------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """Our own term; 0 without an office, or while we have none."""
        return self._term.epoch if self._term is not None else 0

    @property
    def has_office(self) -> bool:
        """Whether there is an office to be had, and so perhaps other routers."""
        return self._term is not None

    async def rules(self) -> bool:
        """Return whether this process routes. After a sleep it makes sure of that first, which takes a second at the most."""
        if self._term is not None and self._term.rules and not self.is_sure():
            self._do(self._term.wake(self._clock.now()))
            await self._certain.wait()
        return self.is_sure()

    def is_sure(self) -> bool:
        """Return whether this process routes, and needs not make sure of it first."""
        return not self._closed and (self._term is None or self._term.is_sure(self._clock.now()))

    def remembered(self, values: Mapping[str, bytes | None]) -> None:
        """Keep what the router must know across its death, here and with those who stand by. Commands come after this."""
        self.keeping.keep(values)
        if self._original is not None:
            self._bus.publish(*self._original.changed(values, self._clock.now()))

    def overruled(self, epoch: int) -> None:
        """A node refused our command because it knows of a newer term."""
        if self._term is not None:
            self._do(self._term.overruled(epoch, self._clock.now()))

    def view(self) -> RouterView:
        """Return what can be said about the routers."""
        term = self._term
        return RouterView(
            router=self._process,
            state=term.state if term is not None else "active",
            epoch=term.newest if term is not None else 0,
            active=term.leader if term is not None else self._process,
            in_sync=self._is_in_sync(),
            surveyed=self._routing.surveyed(),
        )

    def close(self) -> None:
        """Leave the office for good: somebody else may begin at once. Call it first when the process is told to stop."""
        if self._closed:
            return
        if self._term is not None and self._office is not None:
            self._end(self._term.epoch, "stopped")
            self._office.let_go()
        self._closed = True
        self._certain.set()

    # --- what the service loop calls --------------------------------------------------------------------------------------

    async def handle(self, record: Record, now: float) -> None:
        """React to one record."""
        term = self._term
        if term is None or self._closed:
            return
        term.listened(self._bus.heard_at(), now)
        match record:
            case OfficeAnswered():
                self._do(term.answered(record.question, record.standing, now))
            case RouterActive():
                self._do(term.heard(record.router, record.epoch, now))
                if not term.rules and record.router != self._process:
                    self._copy.follow(record.router, record.epoch)
                    self.keeping.note_nodes(record.surveyed)
            case RouterTermEnded():
                self._do(term.ended(record.epoch, now))
            case RouterStandsBy() if self._original is not None and record.router != self._process:
                self._bus.publish(*self._original.heard(record, now))
            case RouterRemembered() if not term.rules:
                update = self._copy.take(record)
                if update is not None:
                    self.keeping.follow(update)

    def next_deadline(self) -> float | None:
        """Return when `wake` wants to be called."""
        if self._closed:
            return None
        asks_at = self._term.next_deadline() if self._term is not None else None
        return self._tell_at if asks_at is None else min(self._tell_at, asks_at)

    async def wake(self, now: float) -> None:
        """Do what is due."""
        if self._closed:
            return
        if self._term is not None:
            self._term.listened(self._bus.heard_at(), now)
            self._mind_the_bus(now)
            self._do(self._term.wake(now))
        if now >= self._tell_at:
            self._tell(now)

    # --- inside -----------------------------------------------------------------------------------------------------------

    def _mind_the_bus(self, now: float) -> None:
        """Tell the router when not even the echo of our own signs of life is heard any more."""
        heard_at = self._bus.heard_at()
        hears = heard_at is None or now - heard_at <= self._settings.silent_s
        if self._hears and not hears:
            self._routing.cut_off()
        self._hears = hears

    def _tell(self, now: float) -> None:
        """Give a sign of life. The echo of it shows that the bus works: who has not heard the active one for a while wants it soon."""
        beat_s, term = self._settings.beat_s, self._term
        self._tell_at = now + beat_s
        if self.is_sure():
            surveyed = self._routing.surveyed()
            self.keeping.note_nodes(surveyed)
            self._bus.publish(RouterActive(at=now, router=self._process, epoch=self.epoch, surveyed=surveyed))
        elif term is not None and not term.rules:
            self._bus.publish(self._copy.says(self._process, now))
            if term.silence_s() > beat_s:
                self._tell_at = now + beat_s / 4

    def _do(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case Question():
                    self._inquire(step)
                case LetGo():
                    assert self._office is not None
                    self._office.let_go()
                case Begin():
                    self._begin(step)
                case End():
                    log.warning(
                        "another router's term has begun; this one stands by", epoch=step.epoch, newer=step.newer
                    )
                    self._end(step.epoch, "newer_term")
                case _:
                    raise NotImplementedError(type(step).__name__)
        if self._term is not None and self._term.state == "doubting":
            self._certain.clear()
        else:
            self._certain.set()

    def _inquire(self, question: Question) -> None:
        assert self._inbox is not None  # `attach` came first
        assert self._inquiries is not None
        self._tasks.spawn(self._inquiries.put(question, self._inbox), name=type(question).__name__)

    def _begin(self, step: Begin) -> None:
        now = self._clock.now()
        log.warning("this router is active", epoch=step.epoch, before=step.before, reason=step.reason)
        self._tally.count("router_takeovers")
        self._bus.publish(
            RouterTermBegan(at=now, router=self._process, epoch=step.epoch, before=step.before, reason=step.reason)
        )
        values = self.keeping.values()
        self._original, self._copy = Original(self._process, step.epoch, values), Copy()
        self._routing.begin(step.epoch, values, self.keeping.nodes)
        self._tell(now)

    def _end(self, epoch: int, reason: Literal["newer_term", "stopped"]) -> None:
        if self._original is None:
            return
        now = self._clock.now()
        self._original = None
        self._routing.end()
        self._tally.count("router_step_downs", reason=reason)
        self._bus.publish(RouterTermEnded(at=now, router=self._process, epoch=epoch, reason=reason))
        self._tell_at = now

    def _is_in_sync(self) -> bool:
        if self._original is not None:
            return self._original.is_followed(self._clock.now())
        return self._copy.is_complete

    def _tell_levels(self) -> None:
        self._tally.level("router_active", float(not self._closed and (self._term is None or self._term.rules)))
        self._tally.level("router_epoch", float(self._term.newest if self._term is not None else 0))
        self._tally.level("router_standby_in_sync", float(self._is_in_sync()))
