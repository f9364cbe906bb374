"""The reader's side of the stream: what it tells, put together, and again after a break. For boards and the command line."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import aiohttp
import msgspec

from hotline.errors import Misuse, Unavailable
from hotline.web.stream import PATH

AGAIN_S = 1.0
"""How long to wait before connecting again."""
CONNECT_S = 2.0
HEARTBEAT_S = 10.0
"""How often the server is asked whether it is there."""
ATTEMPTS = 5
"""How often in a row a connection may fail before we give up."""


class Board:
    """The items of each topic, as far as they were told."""

    def __init__(self) -> None:
        self.topics: dict[str, dict[str, dict[str, Any]]] = {}
        self.at = 0.0
        """When the last message was told."""

    def take(self, message: dict[str, Any]) -> None:
        """Take a message in. Raises Misuse for a refusal."""
        if message["type"] == "refused":
            raise Misuse(message["reason"])
        items = {item["id"]: item for item in message["items"]}
        topic = self.topics.setdefault(message["topic"], {})
        if message["type"] == "snapshot":
            topic.clear()
        for gone in message.get("gone", ()):
            topic.pop(gone, None)
        topic.update(items)
        self.at = message["at"]

    def of(self, topic: str) -> list[dict[str, Any]]:
        """Return the items of a topic, by id."""
        return [item for _, item in sorted(self.topics.get(topic, {}).items())]


async def messages(base: str, token: str, topics: Sequence[str]) -> AsyncGenerator[dict[str, Any], None]:
    """Return what one connection tells. Raises Unavailable when it ends, Misuse when it is refused for good."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_S)) as session:
        try:
            async with session.ws_connect(
                f"{base}{PATH}?topics={','.join(topics)}", max_msg_size=0, heartbeat=HEARTBEAT_S
            ) as socket:
                async for message in socket:
                    yield msgspec.json.decode(message.data)
            raise Unavailable(f"the stream ended with code {socket.close_code}")
        except aiohttp.WSServerHandshakeError as exc:
            if exc.status < 500:
                raise Misuse(await _reason(session, base, exc)) from exc
            raise Unavailable(f"the stream is not served: {exc.status} {exc.message}") from exc
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise Unavailable(f"the hotline at {base} does not answer: {exc}") from exc


async def follow(
    base: str, token: str, topics: Sequence[str], *, attempts: int = ATTEMPTS
) -> AsyncGenerator[Board, None]:
    """Return the board each time it changed, once every topic is known; for ever. Raises HotlineError when it cannot go on."""
    board, failed = Board(), 0
    while True:
        try:
            async with aclosing(messages(base, token, topics)) as told:
                async for message in told:
                    board.take(message)
                    failed = 0
                    if board.topics.keys() >= set(topics):
                        yield board
        except Unavailable:
            failed += 1
            if failed >= attempts:
                raise
            await asyncio.sleep(AGAIN_S)


async def _reason(session: aiohttp.ClientSession, base: str, refused: aiohttp.WSServerHandshakeError) -> str:
    """Ask again without upgrading: then the answer has a body that says why."""
    try:
        async with session.get(f"{base}{PATH}") as answer:
            detail: str = (await answer.json(content_type=None))["detail"]
            return detail
    except (aiohttp.ClientError, ValueError, KeyError, TypeError):
        return f"the stream was refused: {refused.status}"
