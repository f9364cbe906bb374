"""The bus inside one process: plain queues, no copies."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from hotline.bus.base import Performer
from hotline.commands import Command, Outcome, Refused
from hotline.errors import Misuse
from hotline.facts import Fact, Record
from hotline.ids import NodeId
from hotline.tally import Tally

Keeper = Callable[[Iterable[Fact]], None]
"""Takes facts into durable keeping before anybody sees them (the spool)."""


class MemoryInbox:
    """A bounded queue; beyond the limit the newest record is dropped for this subscriber and counted."""

    def __init__(self, name: str, limit: int, tally: Tally) -> None:
        self.name = name
        self._limit = limit
        self._tally = tally
        self._records: deque[Record] = deque()
        self._wakeup = asyncio.Event()
        self._closed = False

    async def get(self) -> Record | None:
        while not self._records:
            if self._closed:
                return None
            self._wakeup.clear()
            await self._wakeup.wait()
        return self._records.popleft()

    @property
    def ready(self) -> bool:
        return bool(self._records)

    @property
    def ended(self) -> bool:
        return self._closed and not self._records

    def put(self, record: Record) -> None:
        if self._closed:
            return
        if len(self._records) >= self._limit:
            self._tally.limit_reached("bus_inbox")
            return
        self._records.append(record)
        self._wakeup.set()

    def close(self) -> None:
        self._closed = True
        self._wakeup.set()


class MemoryBus:
    """Facts to the keeper, records to the inboxes that asked, commands to the one performer of each node."""

    def __init__(self, tally: Tally, keep: Keeper | None = None) -> None:
        self._tally = tally
        self._keep = keep
        self._inboxes: list[tuple[tuple[type[Record], ...], MemoryInbox]] = []
        self._routes: dict[type[Record], list[MemoryInbox]] = {}
        self._performers: dict[NodeId, Performer] = {}

    def publish(self, *records: Record) -> None:
        if self._keep is not None:
            facts = [r for r in records if isinstance(r, Fact)]
            if facts:
                self._keep(facts)
        for record in records:
            for inbox in self._route(type(record)):
                inbox.put(record)

    def _route(self, kind: type[Record]) -> list[MemoryInbox]:
        route = self._routes.get(kind)
        if route is None:
            route = [inbox for kinds, inbox in self._inboxes if issubclass(kind, kinds)]
            self._routes[kind] = route
        return route

    def subscribe(self, name: str, *kinds: type[Record], limit: int = 100_000) -> MemoryInbox:
        inbox = MemoryInbox(name, limit, self._tally)
        self._inboxes.append((kinds, inbox))
        self._routes.clear()
        return inbox

    def serve(self, node: NodeId, perform: Performer) -> None:
        if node in self._performers:
            raise Misuse(f"node {node!r} already has a performer")
        self._performers[node] = perform

    def request(self, command: Command) -> Awaitable[Outcome]:
        perform = self._performers.get(command.node)
        return perform(command) if perform is not None else _nobody(command)


def _nobody(command: Command) -> Awaitable[Outcome]:
    answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    answer.set_result(Refused(reason=f"no telephony service for node {command.node}"))
    return answer
