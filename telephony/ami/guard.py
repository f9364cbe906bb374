"""panoramisk with its dangerous parts replaced: one `GuardedManager` is one connection, used once and thrown away.

What stays panoramisk's: the book of unanswered actions, the manager that holds one protocol, its configuration and its login hook.
What is ours, and why (each a reproduced fault of panoramisk 1.4, each with a test):

* the codec: its own splits UTF-8 characters at read borders, lists duplicate headers, reads a missing header as '';
* actions and sending: CR LF in a value would inject an action; a write buffer without a limit; its action is a dictionary that ignores
  case, which cost more processor time than all the rest of sending it;
* completion: its own depends on English texts, and AGI commands never complete; ours is one response, or a list's end;
* the end of a connection: every unanswered action becomes `OutcomeUnknown` at once and is never sent again;
* reconnecting, pings, handlers, login: left to `link.py`, which does them with deadlines and in order.
"""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

from hotline.errors import HotlineError, OutcomeUnknown, Rejected, Unavailable
from telephony.ami.codec import Decoder, Message, Poison, encode_action
from telephony.ami.messages import REQUIRED

WRITE_LIMIT_BYTES = 1_048_576
"""With this much not yet taken by the peer, actions are refused."""

PENDING_LIMIT = 10_000
"""With this many actions unanswered, further ones are refused."""

FLUSH_S = 0.5
"""How long a connection that we close may take to send what is written."""

Headers = Mapping[str, str | Sequence[str]]

_numbers = itertools.count(1)

log = structlog.get_logger(__name__)


class Listing:
    """How the answer of a list action is collected: events with its id until one says it is the last."""

    def __init__(self, *, complete: str, limit: int, on_limit: Callable[[str], None]) -> None:
        self.items: list[Message] = []
        self._complete = complete.lower()
        self._limit = limit
        self._on_limit = on_limit

    def add(self, event: Message) -> bool:
        """Take the next event; return whether it was the last. Raises OutcomeUnknown when the list cannot be whole."""
        mark = event.get("EventList").lower()
        if mark != "complete" and event.name.lower() != self._complete:
            if mark:
                raise OutcomeUnknown(f"the list was {mark[:20]!r}")
            if len(self.items) >= self._limit:
                self._on_limit("ami_list")
                raise OutcomeUnknown(f"the list is longer than {self._limit}")
            self.items.append(event)
            return False
        told = event.get("ListItems")
        if told and told != str(len(self.items)):
            raise OutcomeUnknown(f"{len(self.items)} items of the list could be read, not {told[:10]}")
        return True


class PendingAction:
    """One action and the future of its `answer`: a `Message`, or a list of them when it has a `listing`.

    Raises Misuse when it cannot be put on the wire as meant. The future fails with Rejected (Asterisk said no), Unavailable (not
    sent) or OutcomeUnknown (sent, no usable answer).
    """

    __slots__ = ("answer", "id", "listing", "name", "wire")

    def __init__(self, name: str, headers: Headers, *, listing: Listing | None = None) -> None:
        self.name = name
        self.id = f"hotline-{next(_numbers)}"
        self.listing = listing
        self.wire = encode_action(name, {**headers, "ActionID": self.id})
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def __repr__(self) -> str:
        return f"<action {self.name} {self.id}>"  # never the values: one of them is the secret

    def add_message(self, message: Message) -> bool:
        """Take an answer; return whether nothing more is expected."""
        if self.answer.done():
            return True
        try:
            if not message.is_event:
                self._take_response(message)
            elif self.listing is not None and self.listing.add(message):
                self.answer.set_result(self.listing.items)
        except HotlineError as exc:
            self.answer.set_exception(exc)
        return self.answer.done()

    def _take_response(self, message: Message) -> None:
        """`Response: Error` is a no, whatever its English text says; the text is kept for people."""
        word = message.name.lower()
        if word == "error":
            text = "".join(c for c in message.get("Message")[:200] if c.isprintable())
            raise Rejected("refused", f"AMI {self.name}: refused: {text}")
        if word not in ("success", "goodbye"):
            raise OutcomeUnknown(f"AMI {self.name}: strange response")
        if self.listing is None:
            self.answer.set_result(message)

    def fail(self, error: HotlineError) -> None:
        """End the wait, if it has not ended."""
        if not self.answer.done():
            self.answer.set_exception(error)


class GuardedProtocol(AMIProtocol):  # type: ignore[misc]
    """The connection's bytes: our codec in, whole actions out."""

    def __init__(self, manager: "GuardedManager") -> None:
        self._manager = manager
        self._decoder = Decoder(required=REQUIRED)
        self._reason = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start with nothing pending."""
        super().connection_made(transport)
        self.factory = self._manager
        self.encoding = "utf-8"
        self._manager.protocol = self

    def data_received(self, data: bytes) -> None:
        """Handle what is complete, in order; an error of ours in one message costs that message only."""
        items = self._decoder.feed(data)
        if self._decoder.version is not None and not self._manager.greeted.done():
            self._manager.greeted.set_result(self._decoder.version)
        for item in items:
            if self.closed:
                return
            try:
                self.handle_message(item)
            except Exception:
                log.exception("message failed")
                self._manager.dispatch(Poison(reason="our_error"))

    def handle_message(self, item: Message | Poison) -> None:
        """Bring an answer to its action, and everything else to the manager."""
        action = self.responses.get(item.action_id) if item.action_id else None
        if isinstance(item, Poison):
            if action is not None:
                action.fail(OutcomeUnknown("the answer could not be read"))
            self._manager.dispatch(item)
            if item.fatal:
                self.cut("poison")
        elif action is not None and (not item.is_event or action.listing is not None):
            action.add_message(item)
            self._manager.answered(action)
        elif item.is_event and not item.action_id:
            self._manager.dispatch(item)
        # What is left answers an action that nobody waits for any more: too late, or never ours.

    def send_all(self, actions: Sequence[PendingAction]) -> None:
        """Write actions now, in one piece; fail the future of each for which there is no room with Unavailable: it was not sent."""
        wires: list[bytes] = []
        room = WRITE_LIMIT_BYTES - self.transport.get_write_buffer_size()
        for action in actions:
            if self.closed or self.transport.is_closing():
                action.fail(Unavailable("the AMI link is closing"))
            elif len(action.wire) > room:
                self._manager.on_limit("ami_write_buffer")
                action.fail(Unavailable("the AMI write buffer is full"))
            elif len(self.responses) >= PENDING_LIMIT:
                self._manager.on_limit("ami_pending")
                action.fail(Unavailable("too many AMI actions are unanswered"))
            else:
                self.responses[action.id] = action
                action.answer.add_done_callback(partial(self._forget, action.id))
                wires.append(action.wire)
                room -= len(action.wire)
        if wires:
            self.transport.write(b"".join(wires))

    def _forget(self, action_id: str, _answer: asyncio.Future[Any]) -> None:
        self.responses.pop(action_id, None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits that the outcome of their action is unknown. Nothing is kept for another connection."""
        self.closed = True
        for action in list(self.responses.values()):
            action.fail(OutcomeUnknown(f"AMI {action.name}: the link was lost before the answer"))
        self.responses.clear()
        self._manager.connection_lost(self._reason or ("io_error" if exc else "closed_by_peer"))

    def cut(self, reason: str) -> None:
        """End the connection at once, dropping what is not yet sent."""
        self._end(reason)
        self.transport.abort()

    def close(self) -> None:
        """End the connection after sending what is written."""
        self._end("closed")
        self.transport.close()

    def _end(self, reason: str) -> None:
        """Handle and send nothing from here on; the first reason counts."""
        self._reason = self._reason or reason
        self.closed = True
        self._manager.authenticated = False


class GuardedManager(Manager):  # type: ignore[misc]
    """One connection to one Asterisk: connect, log in, send, until `lost` is done. Never connects twice."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        on_login: Callable[[], None],
        on_item: Callable[[Message | Poison], None],
        on_limit: Callable[[str], None],
    ) -> None:
        super().__init__(host=host, port=port, protocol_factory=partial(GuardedProtocol, self))
        self.loop = asyncio.get_running_loop()
        self.greeted: asyncio.Future[str] = self.loop.create_future()
        self.lost: asyncio.Future[str] = self.loop.create_future()
        self.on_limit = on_limit
        """Told the name of a limit that was reached."""
        self._on_login = on_login
        self._on_item = on_item
        self._login: PendingAction | None = None

    async def connect(self) -> None:
        """Open the connection and wait for Asterisk's banner, so that no secret goes to something else. Raises OSError, Unavailable."""
        await self.loop.create_connection(self.config["protocol_factory"], self.config["host"], self.config["port"])
        await asyncio.wait((self.greeted, self.lost), return_when=asyncio.FIRST_COMPLETED)
        if self.lost.done():
            raise Unavailable(self.lost.result())

    async def login(self, username: str, secret: str) -> None:
        """Log in; the login hook runs before any later message is handled. Raises Rejected, Unavailable, OutcomeUnknown."""
        self._login = PendingAction("Login", {"Username": username, "Secret": secret, "Events": "on"})
        self.send_all([self._login])
        await self._login.answer

    def send_all(self, actions: Sequence[PendingAction]) -> None:
        """Write actions now, in one piece; the future of each tells what came of it."""
        self.protocol.send_all(actions)

    def answered(self, action: PendingAction) -> None:
        """Notice that the login succeeded, at once: the events behind it in the same read must find us logged in."""
        if action is self._login and action.answer.done() and action.answer.exception() is None:
            self.authenticated = True
            self._on_login()

    def dispatch(self, event: Message | Poison) -> None:
        """Hand on an event or a poison. Before the login Asterisk sends no events, so these are not Asterisk's."""
        if isinstance(event, Message) and not self.authenticated:
            event = Poison(reason="before_login")
        self._on_item(event)

    def connection_lost(self, exc: str) -> None:
        """Take the reason of the end. Does not reconnect."""
        self.authenticated = False
        if not self.lost.done():
            self.lost.set_result(exc)

    def cut(self, reason: str) -> None:
        """End the connection at once."""
        if self.protocol is not None:
            self.protocol.cut(reason)

    async def finish(self) -> None:
        """End the connection if there is one, and wait until it is gone."""
        if self.protocol is None:
            return
        self.protocol.close()
        await asyncio.wait((self.lost,), timeout=FLUSH_S)
        self.protocol.cut("closed")
        await asyncio.wait((self.lost,))

    async def send_awaiting_actions(self, *_: object) -> None:
        """Replay nothing: panoramisk calls this with what an earlier connection left unanswered."""
