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
from acd.core.offers.book import REFUSAL_S
from acd.core.router import Router
from acd.core.talks import transfers
from hotline import commands as c
from hotline import facts as f
from hotline.ids import AgentId, CallId, Extension, NodeId, OfferId, QueueId
from hotline.settings import Settings
from hotline.settings.queues import Queue
from tests.properties.router_monitor import ENDINGS, FOR_EVER, Live, Waiting
from tests.simulation.joined import JoinedMonitor

GIVER_S = transfers.BACK_S + 20.0
"""How long a caller whom nobody took may be kept for the one who gave him: the router's time, and a ring that was under way."""
PLENTY = 100
"""So many outgoing calls at once no story makes."""
SURE_S = 3.0
"""How long a router that was frozen may take to make sure that nobody has replaced it."""


class HouseMonitor(JoinedMonitor):
    """The monitor of the property tests, for a world in which a node's telephony dies by itself while the router lives on."""

    def __init__(
        self, queues: tuple[Queue, ...], agents: tuple[Profile, ...], between: str = "strict_priority"
    ) -> None:
        super().__init__(queues, agents, between)
        self.shown: set[CallId] = set()
        """The calls that the last record showed in a session."""
        self.lost_at: dict[NodeId, float] = {}
        self.late_until = 0.0
        """A router that slept may be late until then."""
        self.flown_out: set[f.CallFlowedOut] = set()
        self.made: set[CallId] = set()
        """Calls of ours to customers: of them only the agents' side is watched; their own books are tests/properties/test_callbacks."""
        self.again: set[CallId] = set()
        """Callers who were handed on: who had refused them before may be remembered or not."""
        self.kept: set[AgentId] = set()
        """Agents who were ever kept for a customer whom we called."""
        self.talked: set[OfferId] = set()
        """Rings whose conversation is known to be over: what else rang with it ends by its own news, or by its clock."""
        self.entries: dict[CallId, float] = {}
        """When each caller joined a line for the last time: who is handed on joins another one."""
        self.outgoing_at_once: int | None = None
        """How many outgoing calls the house may make at once, where that matters."""

    def hears(self, record: f.Record, now: float) -> None:
        """The router is told something at a time."""
        self.ordered(record)
        told = record.calls if isinstance(record, f.NodeSurveyed) else (record,)
        self.shown = {r.call_id for r in told if isinstance(r, f.CallAdopted) and r.phase == "session"}
        for told_of in told:
            self._is_anew(told_of)
        if isinstance(record, f.TalkEnded) and record.offer_id in self.live:
            self.talked.add(self.live[record.offer_id].ring)
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

    def _is_anew(self, record: f.Record) -> None:
        """Whoever joins a line later than before was handed on: his conversation is over, and he waits again."""
        match record:
            case f.CallQueued(call_id=call_id, entered_at=entered_at):
                pass
            case f.CallAdopted(
                call_id=call_id, phase="session" | "ringing", place=f.Place(queue_id=str(), entered_at=entered_at)
            ):
                pass
            case _:
                return
        before = self.entries.get(call_id)
        self.entries[call_id] = max(entered_at, before or 0.0)
        if before is not None and entered_at > before and call_id not in self.ended:
            self.answered.pop(call_id, None)
            self._end_talks(call_id)
            self.again.add(call_id)

    def _judge_wish(self, waiting: Waiting) -> None:
        """Nobody is kept for ever for an agent whom he was handed on to."""
        super()._judge_wish(waiting)
        if waiting.wanted_until == FOR_EVER and self.now >= waiting.handed_on_until:
            waiting.wanted_agent = None

    def able(self, agent: Profile, caller: Waiting, **more: float) -> bool:
        """Whom he was handed on to may be rung as long as it is not sure that he is kept for him no more, whatever he can do."""
        meant = caller.wish is not None and caller.wish[0] == agent.id
        return (meant and not self.is_sure(caller)) or super().able(agent, caller, **more)

    def _check_agents(self, made: f.OfferMade, caller: Waiting, *, beside: bool) -> None:
        if self.is_sure(caller):
            super()._check_agents(made, caller, beside=beside)

    def _agent_rank(self, agent_id: AgentId, queue: Queue) -> tuple[float | None, ...]:
        """An agent who was kept for a customer may have his old place among the idle ones, or not."""
        return (None,) if agent_id in self.kept else super()._agent_rank(agent_id, queue)

    def is_sure(self, waiting: Waiting) -> bool:
        """Who was handed on in vain is kept for the giver for a while, and who refused him before may be spared."""
        is_again = any(self.waiting.get(call_id) is waiting for call_id in self.again)
        if is_again and self.now < waiting.entered_at + REFUSAL_S:
            return False
        was_kept = waiting.wish is not None and waiting.wish[1] == FOR_EVER
        return not was_kept or self.now >= waiting.handed_on_until + GIVER_S

    def _enter(self, asked: f.CallQueued) -> None:
        """He may join the line, for a router that has just begun, under an offer of the one before."""
        super()._enter(asked)
        rings = {offer_id: live.ring for offer_id, live in self._offers_of(asked.call_id).items() if not live.answered}
        if rings:
            waiting = self.waiting[asked.call_id]
            waiting.here, waiting.away, waiting.ring = False, next(iter(rings.values())), set(rings)

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

    def _returned(self, record: f.CallReturned) -> None:
        if not (record.answered and record.offer_id in self.talked):
            super()._returned(record)

    def _adopted(self, record: f.CallAdopted) -> None:
        super()._adopted(record)
        waiting = self.waiting.get(record.call_id)
        if record.phase != "talking" or record.offer_id is None or waiting is None:
            return
        if record.offer_id in self.live or waiting.away == record.offer_id:
            self.answered[record.call_id] += record.offer_id not in self.live
            self.entered_and_answered += 1
            del self.waiting[record.call_id]

    def _snapshot(self, node: NodeId, living: set[CallId], at: float) -> None:
        super()._snapshot(node, living, at)
        for waiting in self.waiting.values():
            waiting.confirmed = waiting.confirmed and not waiting.doubted

    def told(self, record: f.Record) -> None:
        if getattr(record, "call_id", None) in self.made and not isinstance(record, f.CallArrived):
            self.joins(record)
            self._hears_of_made(record)
        else:
            super().told(record)

    def _hears_of_made(self, record: f.Record) -> None:
        """News of a call of ours."""
        match record:
            case f.OfferAccepted(offer_id=offer_id) | f.CallAdopted(phase="talking", offer_id=str(offer_id)):
                if offer_id in self.live:
                    self.live[OfferId(offer_id)].answered = True
            case f.TalkEnded(offer_id=offer_id) | f.CallReturned(answered=True, offer_id=offer_id):
                self.live.pop(offer_id, None)
            case f.CallEnded(call_id=call_id) | f.CallAdopted(call_id=call_id, phase="session"):
                self.ended |= {call_id} if isinstance(record, f.CallEnded) else set()
                self._end_talks(call_id)
            case f.OfferFact(offer_id=offer_id) if isinstance(record, ENDINGS):
                if offer_id in self.live and not self.live[offer_id].answered:
                    del self.live[offer_id]

    def _says_of_made(self, output: object, now: float) -> None:
        """The router's words about a call of ours: nobody is rung twice, or for a call that is over."""
        match output:
            case f.OfferMade():
                assert output.call_id not in self.ended, "5: an offer for an ended call"
                assert all(o.agent_id != output.agent_id for o in self.live.values()), "1: two live offers of an agent"
                assert all(o.call_id != output.call_id for o in self.live.values()), "1: two live offers of a call"
                self.latest[output.agent_id] = output
                ends_by = now + output.ring_timeout_s + 1.0
                self.live[output.offer_id] = Live(
                    output.agent_id, output.call_id, ends_by, ring=output.offer_id, made_at=now
                )
                self.used.add(output.offer_id)
            case f.OfferFact() if isinstance(output, (*ENDINGS, f.OfferUnknown)):
                assert output.offer_id in self.live, "5: an offer ended twice"
                del self.live[output.offer_id]

    def _outside(self) -> int:
        """Return how many remote agents are rung, or talk, as far as it can be told from outside."""
        return sum(bool(self.agents[live.agent_id].remote_number) for live in self.live.values())

    def _check_limit(self, made: f.OfferMade, now: float) -> None:
        """No remote agent is rung beyond the limit, whatever else goes outside; an offer of an earlier life is found as it is."""
        if self.outgoing_at_once is None or made.at < now:
            return
        remote = {a.id for a in self.agents.values() if a.remote_number}
        full = self._outside() >= self.outgoing_at_once
        if made.agent_id in remote:
            assert self._outside() <= self.outgoing_at_once, "a remote agent is rung beyond the limit of the house"
        else:
            waits = any(self.states[agent_id] == "ready" for agent_id in remote)
            self.seen["remote: kept back by the limit"] += full and waits

    def phone_free(self, agent: Profile) -> bool:
        """Where the limit is low it is never sure that a remote agent may be rung."""
        return super().phone_free(agent) and not (self.outgoing_at_once is not None and agent.remote_number)

    def may_be_rung(self, agent: Profile) -> bool:
        return bool(agent.remote_number) or super().may_be_rung(agent)

    def said(self, output: object, now: float) -> None:
        self._say(output, now)
        if isinstance(output, f.OfferMade):
            self._check_limit(output, now)

    def _say(self, output: object, now: float) -> None:
        if isinstance(output, c.CallOut):
            self.made.add(output.call_id)
            self.nodes[output.call_id] = output.node
        if (
            isinstance(output, f.AgentStateChanged)
            and output.call_id is not None
            and output.call_id not in self.entries
        ):
            self.kept.add(output.agent_id)
        asks = isinstance(output, f.OfferMade) and output.kind == "consult"
        of_agents = isinstance(output, f.AgentStateChanged | f.SupervisionFact | f.OutcomeGiven | f.TransferStarted)
        if getattr(output, "call_id", None) in self.made and not asks and not of_agents:
            self._says_of_made(output, now)
            return
        if isinstance(output, f.CallFlowedOut):
            if output in self.flown_out:
                return  # who asks again hears the same again
            self.flown_out.add(output)
            if output.treatment.startswith("queue:"):
                self.entries[output.call_id] = output.at  # what he is told as queued with there
        if isinstance(output, f.OfferUnknown) and output.call_id in self.shown:
            live = self.live.get(output.offer_id)  # the ring is over unheard, and its caller was seen in our hands
            self.returned.add(live.ring if live is not None else output.offer_id)
        super().said(output, now)

    def slept(self, now: float) -> None:
        """The router was frozen: its timers are late, and come when it has made sure that it still rules."""
        self.late_until = now + SURE_S
        for live in self.live.values():
            live.ends_by = max(live.ends_by, now + SURE_S)

    def _check_nobody_idles(self) -> None:
        """A caller of whom less is asked by now waits for a timer; a late one is no fault."""
        if self.now >= self.late_until:
            super()._check_nobody_idles()


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
        self._note(f"broken: {why.splitlines()[0]}")
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
            remote_number=a.remote_number,
            skills=dict(a.skills),
            queues=tuple(QueueId(q) for q in a.queues),
        )
        for a in settings.all_agents()
    )
    monitor = HouseMonitor(settings.queues, tuple(profiles), settings.acd.between_queues)
    if settings.outbound.at_once < PLENTY:
        monitor.outgoing_at_once = settings.outbound.at_once
    return monitor
