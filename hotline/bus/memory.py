"""The bus inside one process: plain queues, no copies."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from hotline.bus.backlog import Backlog
from hotline.bus.base import Performer
from hotline.bus.fence import Fence
from hotline.commands import Command, Outcome, Refused, Unknown
from hotline.errors import Misuse
from hotline.facts import Fact, Record, RouterActive
from hotline.ids import NodeId
from hotline.tally import Tally

Keeper = Callable[[Iterable[Fact]], None]
"""Takes facts into durable keeping before anybody sees them (the spool)."""


class MemoryInbox(Backlog[Record]):
    """The records of one subscriber."""

    async def get(self) -> Record | None:
        return await self._next()

    def put(self, record: Record) -> None:
        self._offer(record)


class MemoryBus:
    """Facts to the keeper, records to the inboxes that asked, commands to the one performer of each node."""

    def __init__(self, tally: Tally, keep: Keeper | None = None) -> None:
        self._tally = tally
        self._keep = keep
        self._inboxes: list[tuple[tuple[type[Record], ...], MemoryInbox]] = []
        self._routes: dict[type[Record], list[MemoryInbox]] = {}
        self._performers: dict[NodeId, Performer] = {}
        self._fences: dict[NodeId, Fence] = {}

    async def start(self) -> None:
        """Nothing has to be reached: every inbox works from its subscription on."""

    async def close(self) -> None:
        for _, inbox in self._inboxes:
            inbox.close()

    def publish(self, *records: Record) -> None:
        if self._keep is not None:
            facts = [r for r in records if isinstance(r, Fact)]
            if facts:
                self._keep(facts)
        for record in records:
            if isinstance(record, RouterActive):
                for fence in self._fences.values():
                    fence.heard(record.epoch)
            for inbox in self._route(type(record)):
                inbox.put(record)

    def heard_at(self) -> None:
        """Nothing is between us."""

    def _route(self, kind: type[Record]) -> list[MemoryInbox]:
        route = self._routes.get(kind)
        if route is None:
            route = [inbox for kinds, inbox in self._inboxes if issubclass(kind, kinds)]
            self._routes[kind] = route
        return route

    def subscribe(
        self, name: str, *kinds: type[Record], limit: int = 100_000, durable: bool = False  # noqa: ARG002 - see `Bus`
    ) -> MemoryInbox:  # fmt: skip
        inbox = MemoryInbox(name, limit, self._tally)
        self._inboxes.append((kinds, inbox))
        self._routes.clear()
        return inbox

    def serve(self, node: NodeId, perform: Performer) -> None:
        if node in self._performers:
            raise Misuse(f"node {node!r} already has a performer")
        self._performers[node] = perform
        self._fences[node] = Fence()

    def request(self, command: Command, *, epoch: int = 0, within_s: float | None = None) -> Awaitable[Outcome]:
        perform = self._performers.get(command.node)
        if perform is None:
            return settled(Refused(reason=f"no telephony service for node {command.node}", nobody=True))
        refused = self._fences[command.node].why_not(epoch=epoch, deadline=within_s, now=0.0)
        if refused is not None:
            return settled(refused)
        return perform(command) if within_s is None else in_time(perform(command), within_s)


def settled(outcome: Outcome) -> Awaitable[Outcome]:
    """Return an outcome that is already there; nobody has to wait for it."""
    answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    answer.set_result(outcome)
    return answer


async def in_time(outcome: Awaitable[Outcome], within_s: float) -> Outcome:
    """Wait for an outcome for `within_s` at the most; the command itself goes on."""
    try:
        return await asyncio.wait_for(asyncio.shield(outcome), within_s)
    except TimeoutError:
        return Unknown(reason=f"no answer within {within_s:g} s")
