"""A phone network and its people on virtual time, around the very router that the service runs. Pure.

Nothing here decides who gets whom: the router does. The engine plays everybody else: callers enter and lose patience, phones ring and are
answered or not, talks and wrap-ups end when their time has come, agents come and go. Two things of the same time happen in the order
in which they were planned, so that equal days give equal results.

It is a network without faults and without delays; how the router copes with those is checked by tests/simulation.
"""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from math import inf
from typing import Any

import msgspec

from acd.core.floor import NO_OUTBOUND, Output
from acd.core.requests import AgentRequest
from acd.core.router import Router
from acd.simulation import called_back
from acd.simulation.books import Books
from acd.simulation.called_back import CalledBack
from acd.simulation.day import Day, Duty, Visitor
from acd.simulation.quiet import Quiet, asked_for
from hotline.commands import CancelRing, Release, Ring, Target
from hotline.dialling import Policy
from hotline.facts import (
    AgentStateChanged,
    CallEnded,
    CallerIdentified,
    CallFlowedOut,
    CallQueued,
    CallReturned,
    OfferAccepted,
    OfferRescinded,
    OfferTimedOut,
    Record,
    TalkEnded,
)
from hotline.ids import AgentId, CallId, CustomerId, NodeId, OfferId, QueueId
from hotline.settings.queues import BetweenQueues, Queue

NODE = NodeId("node1")
ANSWER_MARGIN_S = 1e-3
"""A phone that would be answered in the last moment of its ring time is not."""
LEFT_ALONE_S = 86_400.0
"""So long after the last event, the timers of those who still wait are not followed any more."""

RingAgain = Callable[[Visitor], float | None]
"""Gives how long a further phone rings for a caller until it is answered; None: it is not."""


class Case(msgspec.Struct, kw_only=True):
    """A caller on his way through the house."""

    visitor: Visitor
    queue_id: QueueId
    phase: str = "waiting"
    """`waiting`, `ringing`, `talking` or `gone`."""
    group: OfferId | None = None
    """What rings for him."""
    rings: int = 0
    agent_id: AgentId | None = None


class Phone(msgspec.Struct, kw_only=True):
    """A phone that rings."""

    case: Case
    offer_id: OfferId
    agent_id: AgentId
    queue_id: QueueId


class Engine:
    """Plays one day from `begin` on; callers from `count_from` on go into the books, and agents' times until `count_to`."""

    def __init__(
        self,
        queues: Iterable[Queue],
        day: Day,
        *,
        begin: float,
        count_from: float,
        count_to: float = inf,
        ring_again: RingAgain,
        between_queues: BetweenQueues = "strict_priority",
        outbound: Policy = NO_OUTBOUND,
        told: Callable[[Output], None] | None = None,
    ) -> None:
        """`outbound`: which customers may be called back, and when."""
        queues = tuple(queues)
        everywhere = frozenset(QueueId(q.id) for q in queues)
        self.router = Router(
            queues,
            [w.profile for w in day.workers],
            epoch="sim",
            home_node=NODE,
            break_reasons=_REASONS,
            between_queues=between_queues,
            outbound=outbound,
        )
        if not asked_for(queues, calls_back=bool(day.wishes)):
            self.router.floor.estimates = Quiet(self.router.floor)
        self.router.floor.decisions.wanted = False
        served = {w.profile.id: frozenset(w.profile.queues) or everywhere for w in day.workers}
        self.books = Books(count_from, count_to, served)
        self.now = begin
        self.decided = 0
        """How many events the router was given."""
        self._queues = {QueueId(q.id): q for q in queues}
        self._day = day
        self._paces = {w.profile.id: w.pace for w in day.workers if w.pace != 1.0}
        self._ring_again = ring_again
        self.customers: CalledBack = CalledBack(self, day.wishes)
        self._told = told
        self._plan: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._planned = 0
        self._cases: dict[CallId, Case] = {}
        self._phones: dict[OfferId, Phone] = {}
        self._groups: dict[OfferId, tuple[OfferId, ...]] = {}
        self._next_visitor = 0

    # --- time -------------------------------------------------------------------------------------------------------------

    def run(self, until: float = inf) -> Books:
        """Play until nothing more can happen, or until a time; return the books."""
        for duty in self._day.duties:
            self.at(duty.at, self._duty, duty)
        self.customers.begin()
        self._await_visitor()
        plan, router = self._plan, self.router
        while self.now < until:
            due = router.next_deadline()
            if plan and (due is None or plan[0][0] <= due):
                at, _, act, what = heappop(plan)
                if at > until:
                    break
                self.now = at
                act(what)
            elif due is not None and due <= min(until, self._last_deadline()):
                self.now = max(due, self.now)
                self._take(router.wake(now=self.now))
            else:
                break
        self.books.close(self.now if self.books.end == inf else max(self.now, self.books.end))
        return self.books

    def _last_deadline(self) -> float:
        """With nothing planned any more, deadlines count only while somebody waits, and not for ever."""
        if self._plan:
            return inf
        return self.now + LEFT_ALONE_S if len(self.router.floor.line) else -inf

    def at(self, at: float, act: Callable[[Any], None], what: Any) -> None:
        """Plan something."""
        self._planned += 1
        heappush(self._plan, (at, self._planned, act, what))

    def give(self, record: Record) -> None:
        """Tell the router something, and do what it wants."""
        self.decided += 1
        self._take(self.router.handle(record, now=self.now))

    # --- what the router wants --------------------------------------------------------------------------------------------

    def _take(self, out: list[Output]) -> None:
        for output in out:
            react = _REACTIONS.get(type(output))
            if react is not None:
                react(self, output)
            if self._told is not None:
                self._told(output)

    def _ring(self, ring: Ring) -> None:
        case = self._cases[ring.call_id]
        case.phase, case.group = "ringing", ring.offer_id
        self.books.offered(ring.call_id)
        self._groups[ring.offer_id] = (ring.offer_id, *(t.offer_id for t in ring.also))
        self._ring_phone(case, ring, ring.ring_timeout_s, 0.0)
        for target in ring.also:
            self._ring_phone(case, target, ring.ring_timeout_s, target.after_s)

    def _ring_phone(self, case: Case, ring: Ring | Target, timeout_s: float, after_s: float) -> None:
        case.rings += 1
        lasts = case.visitor.ring_s if case.rings == 1 else self._ring_again(case.visitor)
        offer_id = ring.offer_id
        self._phones[offer_id] = Phone(case=case, offer_id=offer_id, agent_id=ring.agent_id, queue_id=case.queue_id)
        if lasts is not None and after_s + lasts < timeout_s - ANSWER_MARGIN_S:
            self.at(self.now + after_s + lasts, self._answer, offer_id)
        else:
            self.at(self.now + timeout_s, self._ring_out, offer_id)

    def _cancel(self, command: CancelRing) -> None:
        offers = [o for o in self._groups.get(command.offer_id, ()) if o in self._phones]
        if not offers:
            return
        case = self._phones[offers[0]].case
        self._stop_ringing(case, offers, "withdrawn")
        self._come_back(case)

    def _release(self, command: Release) -> None:
        case = self._cases[command.call_id]
        case.phase = "gone"

    def _flowed_out(self, fact: CallFlowedOut) -> None:
        """He leaves the line; if it is for another queue, the router has let him in there already."""
        case = self._cases.get(fact.call_id)
        if case is None:
            return
        self.books.left(fact.call_id, "flowed_out", self.now, fact.treatment)
        moved = self.router.floor.line.get(fact.call_id)
        if moved is not None:
            case.queue_id = moved.queue_id
            self.books.entered(fact.call_id, moved.queue_id, moved.waits_since)
        else:
            case.phase = "gone"
            self.customers.let_out(fact)

    def _agent_moved(self, change: AgentStateChanged) -> None:
        self.books.moved(change)
        if change.state == "wrap_up" and change.call_id is not None:
            case = self._cases[change.call_id]
            ends = self.now + case.visitor.wrap_up_s * self._paces.get(change.agent_id, 1.0)
            if change.until is None or ends < change.until:
                self.at(ends, self._wrapped_up, (change.agent_id, self.now))

    # --- what callers do --------------------------------------------------------------------------------------------------

    def _await_visitor(self) -> None:
        if self._next_visitor < len(self._day.visitors):
            visitor = self._day.visitors[self._next_visitor]
            self._next_visitor += 1
            self.at(visitor.at, self._arrive, visitor)

    def _arrive(self, visitor: Visitor) -> None:
        self._await_visitor()
        case = self.case(visitor)
        if visitor.tier:
            known = CallerIdentified(
                at=self.now,
                call_id=visitor.call_id,
                customer_id=CustomerId(visitor.call_id),
                name="",
                tier=visitor.tier,
                language=visitor.language,
            )
            self.give(known)
        if visitor.patience_s < inf:
            self.at(self.now + visitor.patience_s, self._lose_patience, case)
        self.customers.arrived(case)
        self._enter((case, visitor.queue_id, self.now))

    def case(self, visitor: Visitor) -> Case:
        """Open the case of a call."""
        case = self._cases[visitor.call_id] = Case(visitor=visitor, queue_id=visitor.queue_id)
        return case

    def _enter(self, place: tuple[Case, QueueId, float]) -> None:
        case, case.queue_id, entered_at = place[0], place[1], place[2]
        if case.phase == "gone":
            return
        visitor = case.visitor
        self.books.entered(visitor.call_id, case.queue_id, entered_at)
        self.give(
            CallQueued(
                at=self.now,
                call_id=visitor.call_id,
                queue_id=case.queue_id,
                entered_at=entered_at,
                priority=visitor.priority,
                skills=visitor.skills,
                levels=visitor.levels,
                language=visitor.language,
            )
        )

    def _lose_patience(self, case: Case) -> None:
        if case.phase not in ("waiting", "ringing"):
            return
        ringing = case.phase == "ringing"
        case.phase = "gone"
        self.books.left(case.visitor.call_id, "abandoned", self.now)
        if ringing and case.group is not None:
            self._stop_ringing(case, self._groups.get(case.group, ()), "caller_left")
        self.give(CallEnded(at=self.now, call_id=case.visitor.call_id, ended_by="caller"))

    # --- what phones do ---------------------------------------------------------------------------------------------------

    def _answer(self, offer_id: OfferId) -> None:
        phone = self._phones.pop(offer_id, None)
        if phone is None:
            return
        case, call_id = phone.case, phone.case.visitor.call_id
        case.phase, case.agent_id = "talking", phone.agent_id
        self.books.left(call_id, "answered", self.now)
        self.give(OfferAccepted(at=self.now, call_id=call_id, offer_id=offer_id))
        assert case.group is not None
        self._stop_ringing(case, self._groups.pop(case.group), "answered_elsewhere")
        if self.customers.has(call_id):
            self.customers.accepted(phone)
        else:
            self.talk(phone)

    def talk(self, phone: Phone) -> None:
        """Both are on the line."""
        talk_s = phone.case.visitor.talk_s * self._paces.get(phone.agent_id, 1.0)
        self.at(self.now + talk_s, self._hang_up, (phone, self.now))

    def hush(self, call_id: CallId) -> None:
        """A call is over: no phone rings for it any more."""
        case = self._cases.get(call_id)
        if case is None:
            return
        ringing = case.phase == "ringing"
        case.phase = "gone"
        if ringing and case.group is not None:
            self._stop_ringing(case, self._groups.get(case.group, ()), "caller_left")

    def _hang_up(self, talk: tuple[Phone, float]) -> None:
        phone, began = talk
        case, call_id = phone.case, phone.case.visitor.call_id
        case.phase = "gone"
        pace = self._paces.get(phone.agent_id, 1.0)
        wrap_up_s = min(case.visitor.wrap_up_s * pace, self._queues[phone.queue_id].wrap_up_s)
        if began >= self.books.begin:
            self.books.talked(phone.queue_id, self.now - began + wrap_up_s)
        self.give(TalkEnded(at=self.now, call_id=call_id, offer_id=phone.offer_id))
        self.give(CallEnded(at=self.now, call_id=call_id))

    def _ring_out(self, offer_id: OfferId) -> None:
        phone = self._phones.pop(offer_id, None)
        if phone is None:
            return
        case = phone.case
        self.give(OfferTimedOut(at=self.now, call_id=case.visitor.call_id, offer_id=offer_id))
        assert case.group is not None
        if not any(other in self._phones for other in self._groups.get(case.group, ())):
            self._come_back(case)

    def _stop_ringing(self, case: Case, offers: Iterable[OfferId], reason: Any) -> None:
        for offer_id in offers:
            if self._phones.pop(offer_id, None) is not None:
                self.give(OfferRescinded(at=self.now, call_id=case.visitor.call_id, offer_id=offer_id, reason=reason))

    def _come_back(self, case: Case) -> None:
        assert case.group is not None
        group, case.group, case.phase = case.group, None, "waiting"
        self._groups.pop(group, None)
        self.books.rang_out(case.visitor.call_id)
        self.give(CallReturned(at=self.now, call_id=case.visitor.call_id, offer_id=group, answered=False))

    # --- what agents do ---------------------------------------------------------------------------------------------------

    def _duty(self, duty: Duty) -> None:
        self.give(AgentRequest(at=self.now, agent_id=duty.agent_id, ask=duty.ask, reason=duty.reason, by="simulation"))

    def _wrapped_up(self, whose: tuple[AgentId, float]) -> None:
        agent_id, since = whose
        agent = self.router.floor.agents.get(agent_id)
        if agent is not None and agent.state == "wrap_up" and agent.since == since:
            self.give(AgentRequest(at=self.now, agent_id=agent_id, ask="end_wrap_up", by="simulation"))


_REASONS = ("break",)
_REACTIONS: dict[type[Any], Callable[[Engine, Any], None]] = {
    Ring: Engine._ring,
    CancelRing: Engine._cancel,
    Release: Engine._release,
    CallFlowedOut: Engine._flowed_out,
    AgentStateChanged: Engine._agent_moved,
    **called_back.REACTIONS,
}
