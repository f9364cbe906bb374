"""The IVR in operation: one session per call, fed from the bus, its facts published, its commands sent.

What happens next is decided by `session`; here sessions are kept, found and dropped, and effects performed. Commands of one
call are sent in order and never waited for: what came of them returns through the inbox like everything else.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

import structlog

from hotline.bus.base import Bus, Inbox
from hotline.bus.outcomes import hear
from hotline.commands import CallCommand, Command, CommandEnded, Release
from hotline.facts import (
    CallAdopted,
    CallArrived,
    CallEnded,
    CallerIdentified,
    CallFact,
    CallFellBack,
    CallFlowedOut,
    CallReturned,
    DigitPressed,
    Fact,
    OfferFact,
    PlayEnded,
    Record,
    SnapshotTaken,
)
from hotline.ids import CallId, QueueId
from hotline.runtime.clock import Clock
from hotline.runtime.tasks import TaskGroup
from hotline.tally import Tally
from ivr.call import Output
from ivr.model import Flow
from ivr.naming import SoundBook
from ivr.session import NO_MUSIC, NO_SOUNDS, Session

log = structlog.get_logger(__name__)

SESSIONS_LIMIT = 10_000
"""Calls in their flows at one time; further ones go to the fallback queue."""
STOPPED_S = 2.0
"""A deadline that is so overdue was missed because our whole process was stopped (SIGSTOP, a suspended machine)."""
CATCH_UP_S = 1.0
"""So long after a stop no deadline counts: first it is to be heard what happened meanwhile."""
ENDED_LIMIT = 20_000
"""How many ended calls are remembered, so that what comes late about them begins nothing."""


class IvrService:
    """Leads callers through the flows of their numbers."""

    name: ClassVar[str] = "ivr"
    kinds: ClassVar[tuple[type[Record], ...]] = (
        CallArrived,
        CallAdopted,
        CallerIdentified,
        CallFlowedOut,
        CallFellBack,
        CallEnded,
        OfferFact,
        DigitPressed,
        PlayEnded,
        CallReturned,
        SnapshotTaken,
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
        sessions_limit: int = SESSIONS_LIMIT,
    ) -> None:
        """`flows`: dialled number -> flow. `sounds` as `prompts` made them; `music`: the music class of each queue.

        Call `attach` with an inbox for `kinds` before the first record is handled.
        """
        self._inbox: Inbox | None = None
        self._flows = flows
        self._bus = bus
        self._clock = clock
        self._tally = tally
        self._tasks = tasks
        self._sounds = sounds
        self._music = music
        self._sessions_limit = sessions_limit
        self._sessions: dict[CallId, Session] = {}
        self._ended: dict[CallId, None] = {}
        self._deadlines: list[tuple[float, CallId]] = []
        self._armed: dict[CallId, float] = {}
        self._not_before = 0.0
        tally.probe(self._count_active)

    def attach(self, inbox: Inbox) -> None:
        """Let the outcomes of commands come back through `inbox`."""
        self._inbox = inbox

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
            case CallFact() | DigitPressed() | PlayEnded() | CallReturned():
                self._feed(record.call_id, record, now)

    def next_deadline(self) -> float | None:
        """Return the earliest deadline of all sessions."""
        while self._deadlines:
            at, call_id = self._deadlines[0]
            session = self._sessions.get(call_id)
            if session is not None and session.next_deadline() == at:
                return max(at, self._not_before)
            heapq.heappop(self._deadlines)  # the session moved its deadline, or is gone
        return None

    async def wake(self, now: float) -> None:
        """Do what is due in every session."""
        if self._deadlines and now - max(self._deadlines[0][0], self._not_before) > STOPPED_S:
            self._not_before = now + CATCH_UP_S
        while (at := self.next_deadline()) is not None and at <= now:
            _, call_id = heapq.heappop(self._deadlines)
            self._armed.pop(call_id, None)
            session = self._sessions[call_id]
            self._guard(session, lambda s: s.wake(now=now))

    # --- sessions -----------------------------------------------------------------------------------------------------

    def _begin(self, event: CallArrived | CallAdopted, now: float) -> None:
        if event.call_id in self._ended or (isinstance(event, CallAdopted) and event.phase == "fallback"):
            return
        flow = self._flows.get(event.number)
        if flow is None:
            self._refuse(event, "no_flow")
        elif len(self._sessions) >= self._sessions_limit:
            self._tally.limit_reached("ivr_sessions")
            self._refuse(event, "ivr_full")
        else:
            session, outputs = Session.start(event, flow, now=now, sounds=self._sounds, music=self._music)
            self._sessions[event.call_id] = session
            self._follow(session, outputs)

    def _refuse(self, event: CallArrived | CallAdopted, reason: str) -> None:
        """A call that is with an agent is left alone: it needs nothing from us now, and Release would cut it."""
        log.warning("call goes to the fallback queue", call_id=event.call_id, reason=reason)
        if isinstance(event, CallArrived) or event.phase == "session":
            self._send(Release(node=event.node, call_id=event.call_id, reason=reason))

    def _feed(self, call_id: CallId, event: object, now: float) -> None:
        session = self._sessions.get(call_id)
        if session is not None:
            self._guard(session, lambda s: s.handle(event, now=now))
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
            if isinstance(output, Fact):
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

    # --- commands -----------------------------------------------------------------------------------------------------

    def _send(self, command: Command) -> None:
        """Send now, in order; the outcome comes back through the inbox."""
        assert self._inbox is not None  # `attach` came first
        outcome = self._bus.request(command)
        self._tasks.spawn(hear(self._inbox, command, outcome, self._clock), name=f"ivr-{type(command).__name__}")
