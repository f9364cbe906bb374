"""Watches the router that rules, from inside its process: what it is told and what it says, against the invariants of RELIABILITY.md."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import acd.service
from acd.core.agents.roster import Profile
from acd.core.callers import arriving
from acd.core.floor import Output
from acd.core.router import Router
from hotline import commands as c
from hotline import facts as f
from hotline.ids import AgentId, CallId, Extension, NodeId, QueueId
from hotline.settings import Settings
from hotline.settings.queues import Queue
from tests.properties.router_monitor import Monitor, Waiting

SURE_S = 3.0
"""How long a router that was frozen may take to make sure that nobody has replaced it."""


class HouseMonitor(Monitor):
    """The monitor of the property tests, for a world in which a node's telephony dies by itself while the router lives on."""

    def __init__(self, queues: tuple[Queue, ...], agents: tuple[Profile, ...]) -> None:
        super().__init__(queues, agents)
        self.shown: set[CallId] = set()
        """The calls that the last record showed in a session."""
        self.lost_at: dict[NodeId, float] = {}
        self.flown_out: set[f.CallFlowedOut] = set()

    def hears(self, record: f.Record, now: float) -> None:
        """The router is told something at a time."""
        told = record.calls if isinstance(record, f.NodeSurveyed) else (record,)
        self.shown = {r.call_id for r in told if isinstance(r, f.CallAdopted) and r.phase == "session"}
        known = set(self.waiting)
        if isinstance(record, f.NodeSurveyed):
            for call_id in known & {call.call_id for call in record.calls}:
                self.waiting[call_id].doubted = False
        match record:
            case c.CommandEnded(command=c.CancelRing(offer_id=offer_id)) if offer_id in self.live:
                return  # its offer ends by its own clock, and the router asks once more then
        self.told(record)
        if isinstance(record, f.CallQueued) and record.call_id in set(self.waiting) - known:
            self._doubt_old_news(self.waiting[record.call_id], record, now)

    def _doubt_old_news(self, waiting: Waiting, record: f.CallQueued, now: float) -> None:
        """A caller who is told of late, after his node was lost, may have gone: he is not offered before a survey shows him."""
        lost_at = self.lost_at.get(waiting.node, -arriving.AFTERMATH_S)
        if now - record.at > arriving.STALE_S and now - lost_at < arriving.AFTERMATH_S:
            waiting.confirmed, waiting.doubted = False, True

    def lost(self, nodes: Iterable[NodeId], now: float) -> None:
        """The router learns by itself that nothing reaches these nodes."""
        for node in nodes:
            self.lost_at[node] = now
            self.links_down.add(node)
            for waiting in self.waiting.values():
                waiting.confirmed = waiting.confirmed and waiting.node != node

    def _adopted(self, record: f.CallAdopted) -> None:
        super()._adopted(record)
        waiting = self.waiting.get(record.call_id)
        if record.phase != "talking" or record.offer_id is None or waiting is None:
            return
        if record.offer_id in self.live or waiting.away == record.offer_id:
            self.answered[record.call_id] += record.offer_id not in self.live
            self.entered_and_answered += 1
            del self.waiting[record.call_id]

    def _snapshot(self, node: NodeId, living: set[CallId]) -> None:
        super()._snapshot(node, living)
        for waiting in self.waiting.values():
            waiting.confirmed = waiting.confirmed and not waiting.doubted

    def said(self, output: object, now: float) -> None:
        if isinstance(output, f.CallFlowedOut):
            if output in self.flown_out:
                return  # who asks again hears the same again
            self.flown_out.add(output)
        if isinstance(output, f.OfferUnknown) and output.call_id in self.shown:
            self.returned.add(output.offer_id)  # the ring is over unheard, and its caller was seen in our hands
        super().said(output, now)

    def slept(self, now: float) -> None:
        """The router was frozen: its timers are late, and come when it has made sure that it still rules."""
        for live in self.live.values():
            live.ends_by = max(live.ends_by, now + SURE_S)


class Watch:
    """The books of the monitor, and which router rules."""

    def __init__(
        self,
        monitor: HouseMonitor,
        note: Callable[[str], None],
        *,
        heard: Callable[[NodeId], None],
        new_life: Callable[[], None],
    ) -> None:
        self.monitor = monitor
        self.ruling: Router | None = None
        self.lives = 0
        self.failure = ""
        """The first invariant that was broken."""
        self.failed = asyncio.Event()
        self._note, self._heard, self._new_life = note, heard, new_life

    def begins(self, router: Router, now: float) -> None:
        """A router takes over with what was remembered. Who is on duty is what it knows; of the callers it knows none yet."""
        self.ruling = router
        self.lives += 1
        self._note(f"router {self.lives} begins")
        self._new_life()
        self.monitor.forget_the_line(now)

    def knows(self, router: Router) -> None:
        """What it has taken up is what there is, from its point of view."""
        self.monitor.states = {a.id: a.state for a in router.floor.agents}
        known = {offer.offer_id for offer in router.floor.offers}
        for offer_id in [o for o in self.monitor.live if o not in known]:
            del self.monitor.live[offer_id]

    @contextmanager
    def _checking(self) -> Iterator[None]:
        """Keep a broken invariant to ourselves: the service would take it for an error of its own and go on."""
        try:
            yield
        except Exception as exc:  # noqa: BLE001 - an error of the watch is a finding too, and none of the service
            self.fail(str(exc) if isinstance(exc, AssertionError) else f"the watch failed: {exc!r}")

    def fail(self, why: str) -> None:
        """Note that something is broken; what is broken later may follow from it."""
        self.failure = self.failure or why
        self.failed.set()

    def told(self, router: Router, record: f.Record, now: float) -> None:
        if router is self.ruling:
            with self._checking():
                self.monitor.hears(record, now)
            if isinstance(record, f.NodeSurveyed | f.SnapshotTaken):
                self._heard(record.node)

    def said(self, router: Router, out: Iterable[Output], now: float) -> None:
        if router is self.ruling:
            with self._checking():
                self._hear(out, now)

    def _hear(self, out: Iterable[Output], now: float) -> None:
        for output in out:
            if not isinstance(output, f.AgentStateChanged):
                self._note(
                    f"  {type(output).__name__} {getattr(output, 'offer_id', None) or getattr(output, 'call_id', '')}"
                )
            self.monitor.said(output, now)
        self.monitor.check(now)


def watched(watch: Watch) -> type[Router]:
    """Return the router's class, watched."""

    class WatchedRouter(Router):
        def hear(self, event: f.Record, *, now: float) -> None:
            watch.told(self, event, now)
            super().hear(event, now=now)

        def handle(self, event: f.Record, *, now: float) -> list[Output]:
            out = super().handle(event, now=now)
            watch.said(self, out, now)
            return out

        def wake(self, *, now: float) -> list[Output]:
            out = super().wake(now=now)
            watch.said(self, out, now)
            return out

        def lose(self, nodes: Iterable[NodeId], *, now: float) -> list[Output]:
            nodes = list(nodes)
            if self is watch.ruling:
                watch.monitor.lost(nodes, now)
            out = super().lose(nodes, now=now)
            watch.said(self, out, now)
            return out

        def restore(self, *what: Any, now: float, **more: Any) -> list[Output]:
            watch.begins(self, now)
            out: list[Output] = super().restore(*what, now=now, **more)
            watch.said(self, [o for o in out if not isinstance(o, f.AgentStateChanged)], now)
            watch.knows(self)
            return out

    return WatchedRouter


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Have every service make watched routers."""
    with mock.patch.object(acd.service, "Router", watched(watch)):
        yield


def monitor_of(settings: Settings) -> HouseMonitor:
    """Return a monitor for the house's queues and agents."""
    profiles = (
        Profile(
            id=AgentId(a.id),
            extension=Extension(a.extension),
            skills=dict(a.skills),
            queues=tuple(QueueId(q) for q in a.queues),
        )
        for a in settings.all_agents()
    )
    return HouseMonitor(settings.queues, tuple(profiles))
