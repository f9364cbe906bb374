"""The recorder in its loop: facts in, files moved, facts out; a failure of one recording hurts no other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hotline import facts as f
from hotline.bus.memory import MemoryBus
from hotline.ids import AgentId, CallId, Extension, LegId, NodeId, OfferId, QueueId, RecordingId
from hotline.runtime.clock import SteadyClock
from hotline.runtime.service import serve
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Settings
from hotline.tally import Tally
from recorder.service import RecorderService
from tests.support.tones import interleave, sine
from tests.support.wait import eventually


class House:
    """A bus with a recorder on it, and everything that was told."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.monitor = home / "monitor"
        self.monitor.mkdir(exist_ok=True)
        self.store = home / "recordings"
        self.clock = SteadyClock()
        self.tally = Tally()
        self.told: list[f.Fact] = []
        self.bus = MemoryBus(self.tally, keep=self.told.extend)

    @asynccontextmanager
    async def recorder(self) -> AsyncIterator[RecorderService]:
        """Run a recorder; leaving the block lets it handle what has arrived, as a stop does."""
        tasks = TaskGroup("test")
        service = RecorderService(Settings(), self.monitor, self.store, self.bus, self.clock, self.tally, tasks)
        inbox = self.bus.subscribe("recorder", *service.kinds)
        running = asyncio.ensure_future(serve(service, inbox, self.clock, self.tally))
        try:
            yield service
        finally:
            inbox.close()
            await asyncio.wait_for(running, 5)
            await tasks.close()
            service._workers.shut_down()

    def offer(self, name: str) -> None:
        self.bus.publish(
            f.OfferMade(
                at=self.clock.now(), call_id=CallId(f"call-{name}"), offer_id=OfferId(name), agent_id=AgentId("a"),
                extension=Extension("1001"), queue_id=QueueId("q"), ring_timeout_s=15, entered_at=0,
                recording_id=RecordingId(name),
            )
        )  # fmt: skip

    def accept(self, name: str) -> None:
        self.bus.publish(f.OfferAccepted(at=self.clock.now(), call_id=CallId(f"call-{name}"), offer_id=OfferId(name)))

    def end(self, name: str) -> None:
        self.bus.publish(f.TalkEnded(at=self.clock.now(), call_id=CallId(f"call-{name}"), offer_id=OfferId(name)))

    def record(self, name: str, seconds: float = 0.5) -> None:
        (self.monitor / f"{name}.raw").write_bytes(interleave(sine(440, seconds), sine(1000, seconds)))

    def of(self, kind: type[f.Fact]) -> list[f.Fact]:
        return [fact for fact in self.told if isinstance(fact, kind)]

    async def stored(self, count: int = 1) -> list[f.RecordingStored]:
        await eventually(lambda: len(self.of(f.RecordingStored)) >= count)
        return [fact for fact in self.told if isinstance(fact, f.RecordingStored)]

    def notes(self) -> list[str]:
        return sorted(p.stem for p in (self.store / "pending").glob("*.json"))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_a_conversation_ends_as_a_stored_recording(house: House) -> None:
    async with house.recorder():
        house.offer("o1")
        house.accept("o1")
        house.record("o1")
        house.end("o1")
        (stored,) = await house.stored()
        assert (house.store / stored.file).stat().st_size == stored.size_bytes
        assert (stored.call_id, stored.offer_id, stored.duration_s) == ("call-o1", "o1", 0.5)
        assert [type(t).__name__ for t in house.told if "Recording" in type(t).__name__] == [
            "RecordingStarted",
            "RecordingStored",
        ]
        await eventually(lambda: house.notes() == [])
    assert list(house.monitor.iterdir()) == []


async def test_many_at_once_are_all_stored(house: House) -> None:
    async with house.recorder():
        names = [f"o{n}" for n in range(30)]
        for name in names:
            house.offer(name)
            house.accept(name)
            house.record(name, 0.1)
            house.end(name)
        assert {s.offer_id for s in await house.stored(30)} == set(names)


async def test_one_that_fails_in_an_unforeseen_way_hurts_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.recorder() as service:
        collect = service._store.collect

        def failing(job):  # type: ignore[no-untyped-def]
            if job.recording_id == "bad":
                raise ZeroDivisionError
            return collect(job)

        monkeypatch.setattr(service._store, "collect", failing)
        for name in ("bad", "good"):
            house.offer(name)
            house.accept(name)
            house.record(name)
            house.end(name)
        (stored,) = await house.stored()
        assert stored.offer_id == "good"
        await eventually(lambda: house.of(f.RecordingMarked))
    (marked,) = house.of(f.RecordingMarked)
    assert isinstance(marked, f.RecordingMarked)
    assert (marked.offer_id, marked.problem) == ("bad", "store_failed")
    assert house.tally.counts["service_errors", (("service", "recorder"),)] == 1
    assert house.notes() == ["bad"]


async def test_a_conversation_without_a_file_is_marked_missing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recorder.policy.MISSING_AFTER_S", 0.1)
    async with house.recorder():
        house.offer("o1")
        house.accept("o1")
        house.end("o1")
        await eventually(lambda: house.of(f.RecordingMarked))
    (marked,) = house.of(f.RecordingMarked)
    assert isinstance(marked, f.RecordingMarked)
    assert marked.problem == "missing"


async def test_what_a_former_life_left_open_is_finished_after_the_snapshot(house: House) -> None:
    async with house.recorder():
        house.offer("o1")
        house.accept("o1")
        await eventually(lambda: house.of(f.RecordingStarted))
    assert house.notes() == ["o1"]
    house.record("o1")
    async with house.recorder():
        house.bus.publish(f.SnapshotTaken(at=house.clock.now(), node=NodeId("node1"), living=()))
        (stored,) = await house.stored()
        assert stored.call_id == "call-o1"
        await eventually(lambda: house.notes() == [])
    assert len(house.of(f.RecordingStarted)) == 1


async def test_a_living_conversation_of_a_former_life_is_left_alone(house: House) -> None:
    async with house.recorder():
        house.offer("o1")
        house.accept("o1")
        await eventually(lambda: house.of(f.RecordingStarted))
    house.record("o1")
    call = CallId("call-o1")
    async with house.recorder():
        house.bus.publish(
            f.CallAdopted(
                at=house.clock.now(), call_id=call, node=NodeId("node1"), leg=LegId("l"), phase="talking",
                offer_id=OfferId("o1"),
            ),
            f.SnapshotTaken(at=house.clock.now(), node=NodeId("node1"), living=(call,)),
        )  # fmt: skip
    assert (house.monitor / "o1.raw").exists()
    assert house.notes() == ["o1"]
    assert house.of(f.RecordingStored) == []


async def test_a_stop_in_the_middle_loses_nothing(house: House) -> None:
    async with house.recorder():
        house.offer("o1")
        house.accept("o1")
        house.record("o1")
        house.end("o1")
    assert house.of(f.RecordingStored) == []
    async with house.recorder():
        (stored,) = await house.stored()
    assert stored.offer_id == "o1"
