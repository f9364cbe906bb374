"""A plain AMI client for tests: one connection, every message kept as it came, so that a run can be pasted as a transcript."""

import asyncio
import base64
from collections.abc import Callable
from urllib.parse import unquote

from hotline.runtime.tasks import TaskGroup

Event = dict[str, str]


def parse(block: str) -> Event:
    return dict(
        line.split(": ", 1) if ": " in line else (line.rstrip(":"), "") for line in block.split("\r\n") if ":" in line
    )


class Manager:
    """Make one with `Manager.login`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.blocks: list[str] = []
        """Everything received, in order."""
        self._arrived = asyncio.Condition()
        self._number = 0
        self._tasks = TaskGroup("manager")

    @classmethod
    async def login(cls, host: str, port: int, username: str, secret: str) -> "Manager":
        reader, writer = await asyncio.open_connection(host, port)
        assert (await reader.readline()).startswith(b"Asterisk Call Manager/")
        manager = cls(reader, writer)
        manager._tasks.spawn(manager._read(), name="read")
        answer = await manager.ask("Login", Username=username, Secret=secret)
        assert answer["Response"] == "Success", answer
        return manager

    async def _read(self) -> None:
        while True:
            try:
                block = (await self._reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace")
            except (asyncio.IncompleteReadError, ConnectionResetError):
                return
            async with self._arrived:
                self.blocks.append(block.removesuffix("\r\n\r\n"))
                self._arrived.notify_all()

    async def close(self) -> None:
        await self._tasks.close()
        self._writer.close()

    @property
    def events(self) -> list[Event]:
        return [e for e in map(parse, self.blocks) if "Event" in e]

    def mark(self) -> int:
        return len(self.blocks)

    async def ask(self, action: str, /, **fields: str) -> Event:
        """Send an action and return its response; `Variable_1` sends `Variable`."""
        self._number += 1
        identity = f"t{self._number}"
        lines = [f"Action: {action}", f"ActionID: {identity}", *(f"{k.split('_')[0]}: {v}" for k, v in fields.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        return await self.wait(lambda e: e.get("ActionID") == identity and "Response" in e)

    async def wait(self, check: Callable[[Event], bool], since: int = 0, timeout_s: float = 12.0) -> Event:
        """Return the first message since a mark that fits, waiting for it."""

        def found() -> Event | None:
            return next((e for e in map(parse, self.blocks[since:]) if check(e)), None)

        async with self._arrived:
            try:
                await asyncio.wait_for(self._arrived.wait_for(lambda: found() is not None), timeout_s)
            except TimeoutError as exc:
                raise AssertionError(
                    f"not among {[e.get('Event', e.get('Response')) for e in map(parse, self.blocks[since:])]}"
                ) from exc
        event = found()
        assert event is not None
        return event

    async def wait_event(self, name: str, since: int = 0, timeout_s: float = 12.0, **fields: str) -> Event:
        return await self.wait(
            lambda e: e.get("Event") == name and all(e.get(k) == v for k, v in fields.items()), since, timeout_s
        )

    async def beat(self, epoch: int) -> None:
        answer = await self.ask("Setvar", Variable="HOTLINE_BEAT", Value=str(epoch))
        assert answer["Response"] == "Success", answer


def agi_environment(event: Event) -> dict[str, str]:
    """Return what an AsyncAGIStart says about its session."""
    return dict(line.split(": ", 1) for line in unquote(event["Env"]).splitlines() if ": " in line)


def decode_from(text: str) -> bytes:
    return base64.b64decode(text)
