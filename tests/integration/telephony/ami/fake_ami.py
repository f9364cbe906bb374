"""A manager port that answers like Asterisk until it is told to misbehave. Loopback only."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hotline.ids import NodeId
from hotline.runtime.clock import SteadyClock
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Ami
from hotline.tally import Tally
from telephony.ami.link import AmiLink
from telephony.ami.messages import AmiMessage
from tests.support.wait import eventually

NODE = NodeId("node1")
SECRET = "s3cret-of-the-test"
QUICK = Ami(
    ping_interval_s=0.1,
    pong_timeout_s=0.3,
    login_timeout_s=0.4,
    action_timeout_s=0.4,
    reconnect_cap_s=0.1,
    queue_limit=200,
)

Action = dict[str, str]
Answer = Callable[[Action], str | None]


def lines(*headers: str) -> str:
    return "\r\n".join(headers) + "\r\n\r\n"


def success(action: Action, *headers: str) -> str:
    return lines("Response: Success", f"ActionID: {action['ActionID']}", *headers)


def hangup(number: int) -> bytes:
    return lines("Event: Hangup", f"Channel: PJSIP/{number}", f"Uniqueid: {number}", "Cause: 16").encode()


class FakeAmi:
    """One server; `answers` tells what to say to an action (default: Success), `None` says nothing."""

    def __init__(self) -> None:
        self.banner = b"Asterisk Call Manager/11.0.0\r\n"
        self.answers: dict[str, Answer] = {}
        self.after_banner = b""
        self.frozen = False
        self.hang_up_at_once = False
        self.connections = 0
        self.received: list[Action] = []
        self.raw = b""
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self.drop()
            await until(lambda: not self._writers)
            await self._server.wait_closed()
            self._server = None

    @property
    def open_connections(self) -> int:
        return len(self._writers)

    def drop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def say(self, data: bytes | str) -> None:
        (writer,) = self._writers
        writer.write(data.encode() if isinstance(data, str) else data)

    def pause_reading(self) -> None:
        for writer in self._writers:
            writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def say_in_pieces(self, data: bytes, size: int = 1) -> None:
        (writer,) = self._writers
        for at in range(0, len(data), size):
            writer.write(data[at : at + size])
            await writer.drain()
            await asyncio.sleep(0)

    def actions(self, name: str) -> list[Action]:
        return [a for a in self.received if a["Action"] == name]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            if self.hang_up_at_once:
                return
            writer.write(self.banner + self.after_banner)
            while True:
                self._take((await reader.readuntil(b"\r\n\r\n")), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the link hung up: this session is over
        finally:
            self._writers.discard(writer)
            writer.close()

    def _take(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        self.raw += data
        pairs = [line.split(": ", 1) for line in data.decode().strip().split("\r\n")]
        action = dict(pairs)
        self.received.append(action)
        if self.frozen:
            return
        answer = self.answers.get(action["Action"], success)(action)
        if answer is not None:
            writer.write(answer.encode())


async def until(condition: Callable[[], bool], deadline_s: float = 5.0) -> None:
    """Wait for a condition; fail when it does not come true."""
    await eventually(condition, within_s=deadline_s, every_s=0.005)


async def take(link: AmiLink, kind: type[AmiMessage], deadline_s: float = 5.0) -> AmiMessage:
    """Return the next message of a kind, skipping others."""
    async with asyncio.timeout(deadline_s):
        while True:
            message = await link.next_message()
            if isinstance(message, kind):
                return message


@asynccontextmanager
async def linked(
    port: int,
    settings: Ami = QUICK,
    *,
    tally: Tally | None = None,
    username: str = "hotline",
    secret: str = SECRET,
    host: str = "127.0.0.1",
) -> AsyncIterator[AmiLink]:
    """Give a started link, and check afterwards that it left nothing."""
    before = asyncio.all_tasks()
    tasks = TaskGroup("test")
    link = AmiLink(NODE, host, port, username, secret, settings, SteadyClock(), tally or Tally(), tasks)
    await link.start()
    try:
        yield link
    finally:
        await link.close()
        assert len(tasks) == 0
        own = asyncio.all_tasks() - before
        assert not [t for t in own if t.get_name().startswith("test/")]


def like_asterisk(server: FakeAmi) -> None:
    """Teach the server the few actions of the contract test, as Asterisk 22 answers them."""
    variables: dict[str, str] = {}
    channel = ("Channel: Local/4000@hotline-test-0;2", "Uniqueid: far-1", "Linkedid: near-1")

    def setvar(action: Action) -> str:
        variables[action["Variable"]] = action["Value"]
        return success(action, "Message: Variable Set")

    def getvar(action: Action) -> str:
        return success(action, f"Variable: {action['Variable']}", f"Value: {variables.get(action['Variable'], '')}")

    def refuse(action: Action) -> str:
        return lines("Response: Error", f"ActionID: {action['ActionID']}", "Message: no")

    def login(action: Action) -> str:
        return success(action) if action["Secret"] == SECRET else refuse(action)

    def originate(action: Action) -> str:
        env = "agi_request%3A%20async%0Aagi_threadid%3A%201%0Aagi_arg_1%3A%20arrive%0A%0A"
        return success(action, "Message: queued") + lines("Event: AsyncAGIStart", *channel, f"Env: {env}")

    def agi(action: Action) -> str:
        ended = lines(
            "Event: AsyncAGIExec", *channel, "Result: 200%20result%3D0%0A", f"CommandId: {action['CommandID']}"
        )
        return success(action, "Message: queued") + ended

    def status(action: Action) -> str:
        own = ("ChannelState: 6", "Context: hotline-arrive", "Exten: s", "Application: AGI", "BridgeID: ", "Seconds: 1")
        item = lines("Event: Status", *channel, *own, "Variable: HOTLINE_CALL=c1", f"ActionID: {action['ActionID']}")
        end = lines("Event: StatusComplete", f"ActionID: {action['ActionID']}", "EventList: Complete", "ListItems: 1")
        return success(action, "EventList: start") + item + end

    def hang_up(action: Action) -> str:
        if not action["Channel"].startswith("Local/"):
            return refuse(action)
        return success(action) + lines("Event: Hangup", *channel, "Cause: 16")

    server.answers = {
        "Login": login,
        "Setvar": setvar,
        "Getvar": getvar,
        "Nonsense": refuse,
        "Originate": originate,
        "AGI": agi,
        "Status": status,
        "Hangup": hang_up,
    }
