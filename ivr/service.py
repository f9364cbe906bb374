"""The IVR in operation: one session per call, fed from the bus, its facts published, its commands sent.

What happens next is decided by `session`; here sessions are kept, found and dropped, and effects performed. Commands of one
call are sent in order and never waited for: what came of them returns through the inbox like everything else.

Each node has call flows of its own, which hear of the calls of all nodes and act on theirs. If no router is heard (see
`routers`), callers who wait go to the fallback queue of Asterisk, the longest waiting first, and so does whoever would
begin to wait.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

import structlog

from hotline.bus.base import Bus, Inbox
from hotline.bus.outcomes import hear
from hotline.commands import CallCommand, Command, CommandEnded, Release
from hotline.facts import (
    AnnouncementDue,
    CallAdopted,
    CallArrived,
    CallCameBack,
    CallEnded,
    CallerIdentified,
    CallFact,
    CallFellBack,
    CallFlowedOut,
    CallPriorityChanged,
    CallResumed,
    CallReturned,
    CustomerDialled,
    DigitPressed,
    Fact,
    OfferFact,
    OutgoingAnswered,
    OutgoingAsked,
    PlayEnded,
    Record,
    RouterActive,
    SnapshotTaken,
    WaitEstimated,
)
from hotline.ids import CallId, NodeId, QueueId
from hotline.runtime.clock import Clock
from hotline.runtime.tasks import TaskGroup
from hotline.tally import Tally
from ivr.flow.model import Flow
from ivr.instead.means import NO_MEANS, Means
from ivr.line.routers import RouterWatch, Tick
from ivr.sessions.call import Output
from ivr.sessions.session import NO_MUSIC, NO_SOUNDS, Session
from ivr.speech.naming import SoundBook

log = structlog.get_logger(__name__)

SESSIONS_LIMIT = 10_000
"""Calls in their flows at one time; further ones go to the fallback queue."""
STOPPED_S = 2.0
"""A deadline that is so overdue was missed because our whole process was stopped (SIGSTOP, a suspended machine)."""
CATCH_UP_S = 1.0
"""So long after a stop no deadline counts: first it is to be heard what happened meanwhile."""
ENDED_LIMIT = 20_000
"""How many ended calls are remembered, so that what comes late about them begins nothing."""
RELEASED_PER_TICK = 50
"""So many callers go to the fallback queue at a time when there is no router: others must still be heard."""
RELEASE_PAUSE_S = 0.1


class IvrService:
    """Leads callers through the flows of their numbers."""

    name: ClassVar[str] = "ivr"
    kinds: ClassVar[tuple[type[Record], ...]] = (
        CallArrived,
        CallAdopted,
        CallerIdentified,
        CallFlowedOut,
        CallResumed,
        CallPriorityChanged,
        AnnouncementDue,
        OutgoingAnswered,
        WaitEstimated,
        CallCameBack,
        CustomerDialled,
        CallFellBack,
        CallEnded,
        OfferFact,
        DigitPressed,
        PlayEnded,
        CallReturned,
        SnapshotTaken,
        RouterActive,
    )

    def __init__(
        self,
        flows: Mapping[str, Flow],
        bus: Bus,
        clock: Clock,
        tally: Tally,
        tasks: TaskGroup,
        *,
        sounds: SoundBook = NO_SOUNDS,
        music: Mapping[QueueId, str] = NO_MUSIC,
        means: Means = NO_MEANS,
        node: NodeId | None = None,
        router_silent_s: float | None = None,
        sessions_limit: int = SESSIONS_LIMIT,
    ) -> None:
        """`flows`: dialled number -> flow. `sounds` as `prompts` made them; `music`: the music class of each queue.

        `means`: what there is for those who do not wait on.

        `node`: the Asterisk whose calls are ours; None: all calls. `router_silent_s`: after so long without a sign of life of
        any router there is none; None: nobody listens for one. Call `attach` with an inbox for `kinds` before the first
        record is handled.
        """
        self._inbox: Inbox | None = None
        self._flows = flows
        self._bus = bus
        self._clock = clock
        self._tally = tally
        self._tasks = tasks
        self._sounds = sounds
        self._music = music
        self._means = means
        self._node = node
        self._routers = RouterWatch(router_silent_s) if router_silent_s is not None else None
        self._tick_at: float | None = None
        self._sessions_limit = sessions_limit
        self._sessions: dict[CallId, Session] = {}
        self._ended: dict[CallId, None] = {}
        self._deadlines: list[tuple[float, CallId]] = []
        self._armed: dict[CallId, float] = {}
        self._not_before = 0.0
        tally.probe(self._count_active)

    def attach(self, inbox: Inbox) -> None:
        """Let the outcomes of commands come back through `inbox`, and begin to listen for a router."""
        self._inbox = inbox
        if self._routers is not None:
            self._tick_at = self._clock.now() + self._routers.tick_s
            self._tally.level("router_heard", 1.0)

    def __len__(self) -> int:
        return len(self._sessions)

    def _count_active(self) -> None:
        in_flow = sum(session.state in ("prompting", "listening") for session in self._sessions.values())
        self._tally.level("ivr_active", in_flow)

    # --- the loop's interface -----------------------------------------------------------------------------------------

    async def handle(self, record: Record, now: float) -> None:
        """React to one record."""
        match record:
            case SnapshotTaken():
                self._drop_gone(record)
            case CommandEnded(command=CallCommand(call_id=call_id)):
                self._feed(call_id, record, now)
            case CallArrived() | CallAdopted() if record.call_id not in self._sessions:
                self._begin(record, now)
            case (
                CallFact()
                | DigitPressed()
                | PlayEnded()
                | CallReturned()
                | CallCameBack()
                | AnnouncementDue()
                | OutgoingAnswered()
                | WaitEstimated()
            ):
                self._feed(record.call_id, record, now)
            case RouterActive():
                self._router_heard(record)
            case Tick():
                self._ticked(now)

    def next_deadline(self) -> float | None:
        """Return when a session or our timer is due."""
        return min((at for at in (self._next_session(), self._tick_at) if at is not None), default=None)

    def _next_session(self) -> float | None:
        while self._deadlines:
            at, call_id = self._deadlines[0]
            session = self._sessions.get(call_id)
            if session is not None and session.next_deadline() == at:
                return max(at, self._not_before)
            heapq.heappop(self._deadlines)  # the session moved its deadline, or is gone
        return None

    async def wake(self, now: float) -> None:
        """Do what is due in every session, and let our timer go on."""
        if self._tick_at is not None and now >= self._tick_at:
            self._send_tick(now)
        if self._deadlines and now - max(self._deadlines[0][0], self._not_before) > STOPPED_S:
            self._not_before = now + CATCH_UP_S
        while (at := self._next_session()) is not None and at <= now:
            _, call_id = heapq.heappop(self._deadlines)
            self._armed.pop(call_id, None)
            session = self._sessions[call_id]
            self._guard(session, lambda s: s.wake(now=now, router=self._has_router))

    # --- sessions -----------------------------------------------------------------------------------------------------

    def _begin(self, event: CallArrived | CallAdopted, now: float) -> None:
        if event.call_id in self._ended or not self._is_ours(event):
            return
        flow = self._flows.get(event.number)
        if flow is None:
            self._refuse(event, "no_flow")
        elif len(self._sessions) >= self._sessions_limit:
            self._tally.limit_reached("ivr_sessions")
            self._refuse(event, "ivr_full")
        else:
            session, outputs = Session.start(
                event, flow, now=now, sounds=self._sounds, music=self._music, means=self._means, router=self._has_router
            )
            self._sessions[event.call_id] = session
            self._follow(session, outputs)

    def _is_ours(self, event: CallArrived | CallAdopted) -> bool:
        """Return whether to lead this call: not one of another node, one that Asterisk serves, one that is over and told late."""
        if self._node is not None and event.node != self._node:
            return False
        return event.phase != "fallback" if isinstance(event, CallAdopted) else not event.reconciled

    def _refuse(self, event: CallArrived | CallAdopted, reason: str) -> None:
        """A call that is with an agent is left alone: it needs nothing from us now, and Release would cut it."""
        log.warning("call goes to the fallback queue", call_id=event.call_id, reason=reason)
        if isinstance(event, CallArrived) or event.phase == "session":
            self._send(Release(node=event.node, call_id=event.call_id, reason=reason))

    def _feed(self, call_id: CallId, event: object, now: float) -> None:
        session = self._sessions.get(call_id)
        if session is not None:
            self._guard(session, lambda s: s.handle(event, now=now, router=self._has_router))
        elif isinstance(event, CallEnded):
            self._remember_ended(call_id)

    def _guard(self, session: Session, react: Callable[[Session], list[Output]]) -> None:
        """Let a session react; one that fails is a bug of ours, and its caller must not stay in silence."""
        try:
            outputs = react(session)
        except Exception:
            log.exception("session failed", call_id=session.call_id, step=session.step)
            self._tally.count("service_errors", service=self.name)
            self._drop(session)
            self._send(Release(node=session.node, call_id=session.call_id, reason="ivr_failed"))
        else:
            self._follow(session, outputs)

    def _drop_gone(self, snapshot: SnapshotTaken) -> None:
        """Drop the sessions of calls that ended while nobody looked at their node."""
        living = frozenset(snapshot.living)
        gone = [s for s in self._sessions.values() if s.node == snapshot.node and s.call_id not in living]
        for session in gone:
            self._drop(session)

    def _follow(self, session: Session, outputs: Iterable[Output]) -> None:
        """Perform what a session asks for, and keep its deadline or let it go."""
        for output in outputs:
            if isinstance(output, Fact | OutgoingAsked):
                self._bus.publish(output)
            else:
                self._send(output)
        if session.state == "ended":
            self._drop(session)
            return
        deadline = session.next_deadline()
        if deadline is not None and self._armed.get(session.call_id) != deadline:
            self._armed[session.call_id] = deadline
            heapq.heappush(self._deadlines, (deadline, session.call_id))

    def _drop(self, session: Session) -> None:
        self._sessions.pop(session.call_id, None)
        self._armed.pop(session.call_id, None)
        self._remember_ended(session.call_id)
        self._tally.count("ivr_ignored", session.ignored.total())
        for limit, times in session.limits.items():
            self._tally.count("limits_reached", times, limit=limit)

    def _remember_ended(self, call_id: CallId) -> None:
        self._ended[call_id] = None
        while len(self._ended) > ENDED_LIMIT:
            del self._ended[next(iter(self._ended))]

    # --- the router ---------------------------------------------------------------------------------------------------

    @property
    def _has_router(self) -> bool:
        return self._routers is None or not self._routers.lost

    def _router_heard(self, sign: RouterActive) -> None:
        if self._routers is not None and self._routers.heard():
            log.info("there is a router again", router=sign.router, epoch=sign.epoch)
            self._tally.level("router_heard", 1.0)

    def _send_tick(self, now: float) -> None:
        assert self._inbox is not None
        assert self._routers is not None  # only `attach` starts the timer
        self._inbox.put(Tick(at=now))
        self._tick_at = now + self._routers.tick_s

    def _ticked(self, now: float) -> None:
        assert self._routers is not None
        if self._routers.ticked():
            log.error("no router is heard; callers who wait go to the fallback queue")
            self._tally.level("router_heard", 0.0)
        if self._routers.lost:
            self._release_waiting(now)

    def _release_waiting(self, now: float) -> None:
        """Send some of those who wait to the fallback queue, which serves first who comes first; soon some more."""
        waiting = [(since, s) for s in self._sessions.values() if (since := s.waiting_since) is not None]
        waiting.sort(key=lambda entry: entry[0])
        for _, session in waiting[:RELEASED_PER_TICK]:
            self._guard(session, lambda s: s.give_up(now=now))
        if len(waiting) > RELEASED_PER_TICK:
            self._tick_at = now + RELEASE_PAUSE_S

    # --- commands -----------------------------------------------------------------------------------------------------

    def _send(self, command: Command) -> None:
        """Send now, in order; the outcome comes back through the inbox."""
        assert self._inbox is not None  # `attach` came first
        outcome = self._bus.request(command)
        self._tasks.spawn(hear(self._inbox, command, outcome, self._clock), name=f"ivr-{type(command).__name__}")
