"""The IVR's service on a memory bus, with a node that notes what it is told to do."""

import asyncio

from hotline.bus.memory import MemoryBus, MemoryInbox
from hotline.commands import Command, Done, Outcome
from hotline.facts import CallFlowedOut, CallQueued, IvrStepTaken, Record
from hotline.ids import NodeId
from hotline.runtime.clock import ManualClock
from hotline.runtime.tasks import TaskGroup
from hotline.tally import Tally
from ivr.flow.model import Flow
from ivr.service import IvrService
from tests.unit.ivr.making import NODE, NOW, SOUNDS, flow


class House:
    """Tell it records, let time pass, and look at `done` and `told`."""

    def __init__(
        self,
        *,
        flows: dict[str, Flow] | None = None,
        sessions_limit: int = 10,
        node: NodeId | None = None,
        router_silent_s: float | None = None,
    ) -> None:
        self.clock = ManualClock(NOW)
        self.tally = Tally()
        self.tasks = TaskGroup("test")
        self.bus = MemoryBus(self.tally)
        self.facts = self.bus.subscribe("test", CallFlowedOut, CallQueued, IvrStepTaken)
        self.done: list[Command] = []
        self.outcome: Outcome | Exception = Done()
        self.bus.serve(NODE, self.perform)
        self.service = IvrService(
            flows if flows is not None else {"4000": flow()},
            self.bus,
            self.clock,
            self.tally,
            self.tasks,
            sounds=SOUNDS,
            node=node,
            router_silent_s=router_silent_s,
            sessions_limit=sessions_limit,
        )
        self.inbox: MemoryInbox = self.bus.subscribe("ivr", *self.service.kinds)
        self.service.attach(self.inbox)

    async def perform(self, command: Command) -> Outcome:
        self.done.append(command)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def tell(self, *records: Record) -> None:
        """Publish and let everything happen, outcomes of commands included."""
        self.bus.publish(*records)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(1000):
            while self.inbox.ready:
                record = await self.inbox.get()
                assert record is not None
                await self.service.handle(record, self.clock.now())
            if not len(self.tasks) and not self.inbox.ready:
                return
            await asyncio.sleep(0)
        raise AssertionError("it does not settle")

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, with everything done when it is due."""
        end = self.clock.now() + seconds
        while (due := self.service.next_deadline()) is not None and due <= end:
            self.clock.advance(max(due - self.clock.now(), 0.0))
            await self.service.wake(self.clock.now())
            await self.settle()
        self.clock.advance(end - self.clock.now())

    def kinds(self) -> list[str]:
        return [type(command).__name__ for command in self.done]

    async def told(self) -> list[Record]:
        """Return the facts of the line and of steps that were published since the last time."""
        found: list[Record] = []
        while self.facts.ready:
            record = await self.facts.get()
            assert record is not None
            found.append(record)
        return found
