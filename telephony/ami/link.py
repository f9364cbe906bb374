"""The door to one Asterisk's manager port: typed messages out, actions in, reconnecting by itself.

What a user may rely on:

* Messages come in the order they were decoded, in one bounded line (`next_message`). `LinkUp` stands before the first event of a
  connection, `LinkDown` after its last; after `LinkUp` and after `Resync` the user takes a snapshot. If the reader falls so far behind that
  the line is full, the link is cut and the line emptied: `LinkDown("overflow")` stands for everything lost.
* An action has one of three outcomes: it returns; it raises Rejected or Unavailable (nothing was done); it raises OutcomeUnknown (sent,
  no usable answer). It is written once, in the order of the calls, and never again.
* `LinkDown` may come twice in a row (after an overflow took the `LinkUp` between); take it as a state, not as a count.
* A link whose ping is unanswered is cut, at the latest `ping_interval_s + pong_timeout_s` after it froze.
* The link reconnects with growing, jittered pauses, and only once the reader has taken everything told before: do not wait inside the
  reader for the link to come up.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from typing import Any

import structlog

from hotline.errors import Misuse, OutcomeUnknown, Rejected, Unavailable
from hotline.ids import NodeId
from hotline.runtime.clock import Clock
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Ami
from hotline.tally import Tally
from telephony.ami.codec import Message, Poison, encode_action
from telephony.ami.guard import GuardedManager, Headers, Listing, PendingAction
from telephony.ami.inbox import Inbox
from telephony.ami.messages import AmiMessage, LinkDown, LinkUp, Resync, parse

RESYNC_PAUSE_S = 5.0
"""A `Resync` is followed by the next one not earlier than this."""

FIRST_RETRY_S = 0.1
STABLE_S = 10.0
"""A connection that held this long makes the next pause short again."""

LIST_LIMIT = 20_000

Response = Message
"""A successful answer; its headers by `get`."""

log = structlog.get_logger(__name__)


def retry_delay_s(attempt: int, chance: float, cap_s: float) -> float:
    """Return the pause before the next attempt: doubled each time up to `cap_s`, then shortened by up to half by `chance` (0 to 1)."""
    full = min(cap_s, FIRST_RETRY_S * 2.0 ** min(attempt, 30))
    return full * (1.0 - chance / 2.0)


class AmiLink:
    """The link to one node. `start` once, `close` once; usable in between whether or not Asterisk is there."""

    def __init__(
        self,
        node: NodeId,
        host: str,
        port: int,
        username: str,
        secret: str,
        settings: Ami,
        clock: Clock,
        tally: Tally,
        tasks: TaskGroup,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        encode_action("Login", {"Username": username, "Secret": secret})  # a secret that cannot be sent is found now
        self.node = node
        self.down_reason = "not_started"
        """Why the link is down (meaningful while `up` is False): also `connect_failed`, `login_refused`, `login_timeout`."""
        self._address = (host, port)
        self._login = (username, secret)
        self._settings = settings
        self._clock = clock
        self._tally = tally
        self._tasks = tasks
        self._chance = chance
        self._inbox = Inbox(settings.queue_limit)
        self._manager: GuardedManager | None = None
        self._runner: asyncio.Task[None] | None = None
        self._was_up = False
        self._resync_timer: asyncio.TimerHandle | None = None
        self._resync_again = ""
        self._unanswered: deque[tuple[float, PendingAction]] = deque()
        """Actions with the usual deadline, which so come due in the order in which they were sent."""
        self._deadline: asyncio.TimerHandle | None = None

    # --- life ----------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to connect; returns at once. Raises Misuse when already started."""
        if self._runner is not None:
            raise Misuse("this AMI link was started before")
        self._tally.level("ami_up", 0.0, node=self.node)
        self._runner = self._tasks.spawn(self._run(), name=f"ami-{self.node}")

    async def close(self) -> None:
        """End the connection, or the attempt to make one, and wait for it. What was told before can still be read."""
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait((self._runner,))
        if self._deadline is not None:
            self._deadline.cancel()
        self._inbox.close()

    @property
    def up(self) -> bool:
        """Whether we are logged in."""
        return self._manager is not None and self._manager.authenticated

    # --- messages out ----------------------------------------------------------------------------------------------------

    async def next_message(self) -> AmiMessage:
        """Wait for the next message. Raises Unavailable when the link was closed and everything has been read."""
        decoded_at, message = await self._inbox.get()
        self._tally.level("ami_event_lag_seconds", self._clock.now() - decoded_at, node=self.node)
        return message

    async def messages(self) -> AsyncIterator[AmiMessage]:
        """Give every message until the link is closed."""
        while True:
            try:
                message = await self.next_message()
            except Unavailable:
                return
            yield message

    # --- actions in ------------------------------------------------------------------------------------------------------

    def send_nowait(
        self,
        name: str,
        /,
        *,
        deadline_s: float | None = None,
        headers: Headers | None = None,
        **more: str | Sequence[str],
    ) -> asyncio.Future[Response]:
        """Write an action now and return the future of its answer (see `action`); pipelined actions keep the order of the calls.

        Await the future, or its failure is reported as never retrieved. Raises Misuse at once.
        """
        return self._send(PendingAction(name, _merged(headers, more)), deadline_s)

    def send_all(self, several: Iterable[tuple[str, Headers]]) -> list[asyncio.Future[Response]]:
        """Write actions (name and headers of each) now and in one piece, which spares Asterisk and us as many system calls.

        Returns the futures of their answers; what is said of `send_nowait` holds for each.
        """
        pending = [PendingAction(name, _merged(headers, {})) for name, headers in several]
        self._send_all(pending, None)
        return [action.answer for action in pending]

    async def action(
        self,
        name: str,
        /,
        *,
        deadline_s: float | None = None,
        headers: Headers | None = None,
        **more: str | Sequence[str],
    ) -> Response:
        """Send an action and return its successful response.

        Headers are keywords (`Channel="PJSIP/…"`), or in `headers` where Python has no such keyword; a sequence repeats one.
        `deadline_s` defaults to `settings.action_timeout_s`. Raises Misuse (cannot be sent), Rejected (Asterisk answered Error),
        Unavailable (not sent), OutcomeUnknown (sent; no answer in time, an unreadable one, or the link was lost).
        """
        return await self.send_nowait(name, deadline_s=deadline_s, headers=headers, **more)

    async def list_action(
        self,
        name: str,
        /,
        *,
        complete: str = "",
        limit: int = LIST_LIMIT,
        deadline_s: float | None = None,
        headers: Headers | None = None,
        **more: str | Sequence[str],
    ) -> list[Message]:
        """Send an action that is answered by a list and return the list's events; `parse` types them.

        The list ends with an event marked `EventList: Complete`, or named `complete`. Errors as for `action`; a list that is
        cancelled, longer than `limit` or holds an unreadable item (its `ListItems` tells) raises OutcomeUnknown.
        """
        listing = Listing(complete=complete, limit=limit, on_limit=self._tally.limit_reached)
        answer = self._send(PendingAction(name, _merged(headers, more), listing=listing), deadline_s)
        items: list[Message] = await answer
        return items

    def agi(
        self, channel: str, command: str, command_id: str, *, deadline_s: float | None = None
    ) -> asyncio.Future[Response]:
        """Queue an AGI command on a channel in AsyncAGI, written at once. Await it for the queueing only: the command's own result comes later as `AgiCommandEnded`."""
        return self.send_nowait(
            "AGI", deadline_s=deadline_s, headers={"Channel": channel, "Command": command, "CommandID": command_id}
        )

    def _send(self, action: PendingAction, deadline_s: float | None) -> asyncio.Future[Any]:
        self._send_all([action], deadline_s)
        return action.answer

    def _send_all(self, actions: Sequence[PendingAction], deadline_s: float | None) -> None:
        if self._manager is None or not self._manager.authenticated:
            for action in actions:
                action.fail(Unavailable(f"AMI {action.name}: the link is down ({self.down_reason})"))
            return
        self._manager.send_all(actions)
        loop = asyncio.get_running_loop()
        for action in actions:
            if action.answer.done():
                continue
            if deadline_s is None:
                self._unanswered.append((loop.time() + self._settings.action_timeout_s, action))
            else:
                timer = loop.call_later(deadline_s, _give_up, action, deadline_s)
                action.answer.add_done_callback(partial(_stop, timer))
        if self._unanswered and self._deadline is None:
            self._deadline = loop.call_at(self._unanswered[0][0], self._end_waits)

    def _end_waits(self) -> None:
        """Give up what is due; one timer for all, because nearly all are answered within milliseconds."""
        loop, waiting = asyncio.get_running_loop(), self._unanswered
        while waiting and (waiting[0][1].answer.done() or waiting[0][0] <= loop.time()):
            _give_up(waiting.popleft()[1], self._settings.action_timeout_s)
        self._deadline = loop.call_at(waiting[0][0], self._end_waits) if waiting else None

    # --- the connection ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        attempt = 0
        reason = "closed"
        try:
            while True:
                began = self._clock.now()
                reason = await self._connect_once()
                attempt = 0 if self._clock.now() - began > STABLE_S else attempt + 1
                self._went_down(reason)
                await asyncio.sleep(retry_delay_s(attempt, self._chance(), self._settings.reconnect_cap_s))
                await self._inbox.drained()
        except asyncio.CancelledError:
            reason = "closed"
            raise
        finally:
            self._went_down(reason)

    async def _connect_once(self) -> str:
        """Connect, log in and stay until the connection is gone; return why."""
        manager = GuardedManager(
            *self._address, on_login=self._came_up, on_item=self._take, on_limit=self._tally.limit_reached
        )
        self._manager = manager
        try:
            async with asyncio.timeout(self._settings.login_timeout_s):
                await manager.connect()
                await manager.login(*self._login)
            return await self._stay(manager)
        except TimeoutError:
            return "login_timeout"
        except OSError:
            return "connect_failed"
        except Rejected:
            return "login_refused"
        except (Unavailable, OutcomeUnknown):
            return manager.lost.result() if manager.lost.done() else "login_failed"
        finally:
            await manager.finish()

    async def _stay(self, manager: GuardedManager) -> str:
        """Ping until the connection is gone."""
        while True:
            await asyncio.wait((manager.lost,), timeout=self._settings.ping_interval_s)
            if manager.lost.done():
                return manager.lost.result()
            try:
                await self.action("Ping", deadline_s=self._settings.pong_timeout_s)
            except OutcomeUnknown:
                manager.cut("pong_timeout")
            except Unavailable:
                manager.cut("write_stalled")
            except Rejected:
                pass  # a no is a sign of life too

    def _came_up(self) -> None:
        self._was_up = True
        self._tally.level("ami_up", 1.0, node=self.node)
        log.info("link up", node=self.node)
        self._inbox.put(LinkUp(node=self.node), self._clock.now())

    def _went_down(self, reason: str) -> None:
        """Tell it once for each time up; an attempt that failed is only logged."""
        if self._was_up or reason != self.down_reason:
            report = log.info if reason == "closed" else log.warning
            report("link down", node=self.node, reason=reason, was_up=self._was_up)
        self.down_reason = reason
        self._stop_resync_timer()
        if not self._was_up:
            return
        self._was_up = False
        self._tally.level("ami_up", 0.0, node=self.node)
        if reason != "closed":
            self._tally.count("ami_resyncs", reason=reason)
        self._inbox.put(LinkDown(node=self.node, reason=reason), self._clock.now())

    # --- what arrives ------------------------------------------------------------------------------------------------------

    def _take(self, item: Message | Poison) -> None:
        """Type an event and put it into the line."""
        typed = parse(item) if isinstance(item, Message) else item
        if isinstance(typed, Poison):
            self._take_poison(typed)
            return
        self._tally.count("ami_events", event=type(typed).__name__ if typed is not None else "other")
        if typed is not None:
            self._put(typed)

    def _take_poison(self, poison: Poison) -> None:
        self._tally.count("ami_poison")
        # A flood of poison must not become a flood of logs: warn as often as we ask for a snapshot.
        report = log.warning if self._resync_timer is None else log.debug
        report("poison", node=self.node, reason=poison.reason, detail=poison.detail)
        if self.up and not poison.fatal:
            self.ask_resync("poison")

    def _put(self, message: AmiMessage) -> None:
        if not self._inbox.full:
            self._inbox.put(message, self._clock.now())
            return
        dropped = self._inbox.clear()
        self._tally.limit_reached("ami_queue")
        log.error("message line full: cutting the link", node=self.node, dropped=dropped)
        if self._manager is not None:
            self._manager.cut("overflow")

    def ask_resync(self, reason: str) -> None:
        """Ask for a snapshot now, or once at the end of the pause after the last one."""
        if self._resync_timer is not None:
            self._resync_again = reason
            return
        self._tally.count("ami_resyncs", reason=reason)
        self._resync_timer = asyncio.get_running_loop().call_later(RESYNC_PAUSE_S, self._end_resync_pause)
        self._put(Resync(node=self.node, reason=reason))

    def look(self, reason: str) -> None:
        """Have a snapshot taken at once, in its turn among the messages. Who asks sees to it that this is not too often."""
        if self.up:
            self._tally.count("ami_resyncs", reason=reason)
            self._put(Resync(node=self.node, reason=reason))

    def _end_resync_pause(self) -> None:
        self._resync_timer = None
        reason, self._resync_again = self._resync_again, ""
        if reason:
            self.ask_resync(reason)

    def _stop_resync_timer(self) -> None:
        if self._resync_timer is not None:
            self._resync_timer.cancel()
        self._resync_timer = None
        self._resync_again = ""


def _give_up(action: PendingAction, waited_s: float) -> None:
    """End the wait for an answer, if it has not ended."""
    if not action.answer.done():
        action.fail(OutcomeUnknown(f"AMI {action.name}: no answer in {waited_s:g} s"))


def _stop(timer: asyncio.TimerHandle, _answer: asyncio.Future[Any]) -> None:
    """Take a timer back, because the answer is there."""
    timer.cancel()


def _merged(headers: Headers | None, more: Headers) -> Headers:
    both = {**(headers or {}), **more}
    names = {name.lower() for name in both}
    if len(names) < len(both):
        raise Misuse("an AMI header stands twice; give a sequence to repeat it")
    if names & {"action", "actionid"}:
        raise Misuse("the link writes Action and ActionID itself")
    return both
