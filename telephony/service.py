"""The door between the bus and one Asterisk: publishes what the network tells, performs what services ask.

What a message means and what a command needs is decided by pure code (`lines`, `adoption`, `actions`); here it is read
from the link, published, sent and waited for. While the link is down every command is refused; nothing is queued up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

import msgspec
import structlog

from hotline.bus.base import Bus
from hotline.commands import Command, Done, Hangup, Outcome, Play, Refused, Ring, Unknown
from hotline.errors import HotlineError, OutcomeUnknown, Rejected, Unavailable
from hotline.facts import LinkChanged, PlayEnded, Record, RouterActive
from hotline.runtime.clock import Clock, wall_time
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Asterisk
from hotline.tally import Tally
from telephony import actions, callouts, holds
from telephony.actions import Action
from telephony.adoption import reconcile, survey
from telephony.ami.link import AmiLink
from telephony.ami.messages import ChannelStatus, DeviceStateChanged, LinkDown, LinkUp, Resync, parse
from telephony.lines import Lines, Told
from telephony.performance import Plan, plan
from telephony.surveys import Surveys

log = structlog.get_logger(__name__)
HEARTBEAT_S = 1.0
FROZEN_S = 2.0
"""After so long without a heartbeat of its own this process was stopped: what it knows of Asterisk is old."""
RENEWALS = 4
"""How often a lease is renewed in its time: the last one before a half-open link, and the seconds until that is noticed and the
next link is up, must fit into it."""
CATCH_UP_S = 0.1
SNAPSHOT_RETRY_S = 0.5


class TelephonyService:
    """Serves one node: `start` begins. What routers tell comes through an inbox for `kinds`, fed by `runtime.service.serve`."""

    name: ClassVar[str] = "telephony"
    kinds: ClassVar[tuple[type[Record], ...]] = (RouterActive,)
    """What to subscribe to."""

    def __init__(
        self,
        settings: Asterisk,
        lines: Lines,
        link: AmiLink,
        bus: Bus,
        *,
        clock: Clock,
        tally: Tally,
        tasks: TaskGroup,
        has_sound: Callable[[str], bool],
    ) -> None:
        self._settings = settings
        self._peers = frozenset(peer.node for peer in settings.peers)
        self._surveys = Surveys(lines.node)
        self._has_sound = has_sound
        self._lines = lines
        self._link = link
        self._bus = bus
        self._clock = clock
        self._tally = tally
        self._tasks = tasks
        self.became_ready = asyncio.Event()
        """Set after the first snapshot."""
        self._ready = False
        self._beaten_at = clock.now()

    @property
    def ready(self) -> bool:
        """Whether the link is up, and what we know of Asterisk is of now."""
        return self._ready

    def start(self) -> None:
        """Begin to serve: messages, heartbeat, leases."""
        self._bus.serve(self._lines.node, self.perform)
        self._tally.probe(self._count_lines)
        self._tasks.spawn(self._read(), name="messages")
        self._tasks.spawn(self._beat(), name="heartbeat")
        self._tasks.spawn(self._renew_leases(), name="leases")

    # --- from routers -------------------------------------------------------------------------------------------------

    async def handle(self, record: Record, now: float) -> None:
        """Have a router that has just begun its term told everything; the reader of messages does it in its turn."""
        if isinstance(record, RouterActive) and self._sees() and self._surveys.hear(record, now):
            self._link.look("survey")

    def next_deadline(self) -> float | None:
        """Return None: nothing here waits for a time."""
        return None

    async def wake(self, now: float) -> None:
        """Do nothing: nothing is ever due."""

    # --- from Asterisk ------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            try:
                message = await self._link.next_message()
            except Unavailable:
                return  # the link was closed and everything it told has been read
            try:
                await self._take(message)
            except HotlineError as exc:
                log.warning("message could not be handled", message=type(message).__name__, error=str(exc))
            except Exception:
                self._tally.count("service_errors", service=self.name)
                log.exception("message failed", message=type(message).__name__)

    async def _take(self, message: object) -> None:
        match message:
            case LinkUp():
                await self._take_up("link_up")
            case LinkDown(reason=reason):
                self._go_blind(reason)
            case Resync(reason=reason) if self._ready:
                await self._look(reason)
            case Resync(reason=reason):
                await self._take_up(reason)
            case _:
                told = self._lines.handle(message, now=self._clock.now())
                self._tell(told)
                if told.unclear:
                    self._link.ask_resync(told.unclear)

    async def _take_up(self, reason: str) -> None:
        """After a gap: learn what there is, keep hold of it, and only then serve."""
        if not await self._look(reason):
            return
        self._ready = True
        self._renew()
        await self._watch("Setvar", [self._send(_heartbeat())])
        self.became_ready.set()
        self._publish(LinkChanged(at=self._clock.now(), node=self._lines.node, up=True))

    def _go_blind(self, reason: str) -> None:
        """From here on we do not know what happens in Asterisk, and must not act on what we knew."""
        self._ready = False
        self._surveys.give_up()
        self._publish(LinkChanged(at=self._clock.now(), node=self._lines.node, up=False, reason=reason))

    def _sees(self) -> bool:
        """Whether what we know of Asterisk is of now.

        If this whole process was stopped (SIGSTOP, a suspended machine), its timers wake first, and would act on what was
        true long ago: ring a phone that talks, lease a call that fell back. So it begins as after a lost link.
        """
        if self._ready and self._clock.now() - self._beaten_at > FROZEN_S:
            log.warning("this process was stopped", seconds=round(self._clock.now() - self._beaten_at, 1))
            self._go_blind("frozen")
            self._tasks.spawn(self._catch_up(), name="catch-up")
        return self._ready and self._link.up

    async def _catch_up(self) -> None:
        """Read what arrived while we were stopped, and then see what there is: events tell more than a snapshot.

        After a stop a loop runs its timers before it looks at its sockets (`epoll_wait` returns with nothing).
        """
        await asyncio.sleep(CATCH_UP_S)
        self._link.ask_resync("frozen")

    def _tell(self, told: Told) -> None:
        self._publish(*told.records)
        for action in told.actions:
            self._tasks.spawn(self._follow_up(action, self._send(action)), name="follow-up")

    async def _follow_up(self, action: Action, sent: Awaitable[object]) -> None:
        """Wait for the next sound of a prompt; a refusal ends the prompt (its channel went on or is gone)."""
        outcome = await self._outcome([sent])
        if not isinstance(outcome, Done):
            self._fail_play(action.headers.get("Channel", ""))

    def _fail_play(self, leg: str) -> None:
        for line in self._lines.by_call.values():
            if line.leg == leg and line.playing is not None:
                ended = PlayEnded(
                    at=self._clock.now(), call_id=line.call_id, play_id=line.playing.play_id, result="failed"
                )
                line.playing = None
                self._publish(ended)
                return

    async def _look(self, reason: str) -> bool:
        """Take a snapshot and tell what it shows; while the link holds, try until it works. Returns whether it did."""
        while self._link.up:
            self._lines.moved.clear()
            try:
                channels = await self._link.list_action("Status", headers={"Variables": ",".join(actions.VARIABLES)})
                devices = await self._link.list_action("DeviceStateList")
            except (Rejected, Unavailable, OutcomeUnknown) as exc:
                log.warning("snapshot failed", reason=reason, error=str(exc))
                await asyncio.sleep(SNAPSHOT_RETRY_S)
                continue
            statuses = [m for m in map(parse, channels) if isinstance(m, ChannelStatus)]
            now = self._clock.now()
            for device in filter(lambda m: isinstance(m, DeviceStateChanged), map(parse, devices)):
                self._publish(*self._lines.handle(device, now=now).records)
            self._publish(*reconcile(self._lines, statuses, now=now))
            for line in list(self._lines.by_call.values()):
                # An agent has answered, or pressed his phone's hold key, while nobody looked.
                for action in (*callouts.after_answer(line), *holds.mute(line)):
                    self._quietly(action)
            if (epoch := self._surveys.answer(now)) is not None:
                self._publish(survey(self._lines, statuses, epoch=epoch, now=now))
            return True
        return False

    def _publish(self, *records: Record) -> None:
        if records:
            self._bus.publish(*records)

    # --- to Asterisk --------------------------------------------------------------------------------------------------

    def perform(self, command: Command) -> Awaitable[Outcome]:
        """Send a command at once (so that commands keep their order) and return its outcome to wait for."""
        if not self._sees():
            return _settled(Refused(reason="link_down"))
        if isinstance(command, Play):
            command = self._playable(command)
        planned = plan(command, self._lines, now=self._clock.now(), peers=self._peers)
        if isinstance(planned, Refused):
            return _settled(planned)
        sent = self._link.send_all([(action.name, action.headers) for action in planned.actions])
        return self._finish(command, planned, sent)

    def _playable(self, command: Play) -> Play:
        """Leave out sounds that are not there: asking for one would end the whole session."""
        missing = [sound for sound in command.sounds if not self._has_sound(sound)]
        if not missing:
            return command
        log.error("sounds are missing", sounds=missing)
        self._tally.count("sounds_missing", len(missing))
        return msgspec.structs.replace(command, sounds=tuple(s for s in command.sounds if s not in missing))

    def _send(self, action: Action) -> Awaitable[object]:
        return self._link.send_nowait(action.name, headers=action.headers)

    async def _finish(self, command: Command, planned: Plan, sent: Sequence[Awaitable[object]]) -> Outcome:
        outcome = await self._outcome(sent)
        if isinstance(outcome, Refused):
            planned.revert()
            if isinstance(command, Play):
                self._publish(
                    PlayEnded(at=self._clock.now(), call_id=command.call_id, play_id=command.play_id, result="failed")
                )
        if isinstance(outcome, Unknown) and isinstance(command, Ring | Hangup):
            self._link.ask_resync("unknown_outcome")
        return outcome

    async def _outcome(self, sent: Sequence[Awaitable[object]]) -> Outcome:
        """Return the worst of several answers: the last action decides, but only if all before it were done."""
        outcome: Outcome = Done()
        for answer in sent:  # all are on their way: waiting for one after the other costs less than for all at once
            try:
                await answer
            except OutcomeUnknown as exc:
                outcome = outcome if isinstance(outcome, Refused | Unknown) else Unknown(reason=str(exc))
            except (Rejected, Unavailable) as exc:
                outcome = outcome if isinstance(outcome, Refused | Unknown) else Refused(reason=str(exc))
        return outcome

    async def end_calls(self, within_s: float) -> None:
        """Hang up every call and wait until all are told as ended: the last step before an orderly stop."""
        for line in list(self._lines.by_call.values()):
            line.ended_by_us = True
            self._quietly(actions.hang_up(line.leg))
        deadline = self._clock.now() + within_s
        while self._lines.by_call and self._link.up and self._clock.now() < deadline:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(0.02)

    # --- what Asterisk must hear regularly ------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """Tell new calls that we live. Only once the snapshot is in: before it we could not serve them."""
        while True:
            if self._sees():
                self._quietly(_heartbeat())
            self._beaten_at = self._clock.now()
            await asyncio.sleep(HEARTBEAT_S)

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_s / RENEWALS)
            if self._sees():
                self._renew()

    def _renew(self) -> None:
        """Renew the lease of every call in our hands; not of one that we let go, whom it would end in the fallback queue."""
        lines = [line for line in self._lines.by_call.values() if line.phase == "session" and not line.leaving]
        self._quietly(*(actions.renew_lease(line.leg, self._settings.lease_s) for line in lines))

    def _quietly(self, *several: Action) -> None:
        """Send actions of one name now whose failure shows elsewhere: a dead link by its pings, a dead call by its hang-up.

        At once, because a ring may be sent in the next moment, and a lease that came after it would cut the conversation.
        """
        if several:
            sent = self._link.send_all([(action.name, action.headers) for action in several])
            self._tasks.spawn(self._watch(several[0].name, sent), name=several[0].name)

    async def _watch(self, name: str, sent: Sequence[Awaitable[object]]) -> None:
        for answer in sent:
            if not isinstance(await self._outcome([answer]), Done):
                self._tally.count("ami_actions_failed", action=name)

    def _count_lines(self) -> None:
        phases = [line.phase for line in self._lines.by_call.values()]
        for phase in ("session", "ringing", "talking", "outside", "fallback"):
            self._tally.level("calls_active", phases.count(phase), state=phase)


async def _settled(outcome: Outcome) -> Outcome:
    return outcome


def _heartbeat() -> Action:
    """Return our sign of life. Asterisk compares it with its own EPOCH, so it is the wall clock, wherever that was set to."""
    return actions.set_variable(None, actions.HEARTBEAT_VARIABLE, str(int(wall_time())))
