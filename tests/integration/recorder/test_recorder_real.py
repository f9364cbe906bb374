"""A conversation on a real Asterisk becomes a WAV with each side on its own channel, complete, and as soon as it is over."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from hotline import facts as f
from hotline.bus.memory import MemoryBus
from hotline.ids import AgentId, CallId, Extension, NodeId, OfferId, QueueId, RecordingId
from hotline.runtime.clock import SteadyClock
from hotline.runtime.service import serve
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Settings
from hotline.tally import Tally
from recorder.service import RecorderService
from telephony.phones.call import PhoneCall
from telephony.phones.callers import CALLER_TONE_HZ, Caller
from telephony.phones.injection import Account
from telephony.phones.program import find_sipp
from telephony.phones.seats import SEAT_TONE_HZ, LetRing, Seats
from telephony.phones.sipp import Exchange
from tests.integration.telephony.asterisk.house import House, opened
from tests.support.tones import channels_of, loud_part
from tests.support.wait import eventually

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]

CALL = CallId("call-1")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened(tmp_path_factory.mktemp("asterisk")) as house:
        yield house


class Studio:
    """A caller, a seat and a recorder; the facts of the call are told by the test, as telephony and the router would."""

    def __init__(self, house: House, store: Path) -> None:
        self.house = house
        self.store = store
        self.clock = SteadyClock()
        self.told: list[f.Fact] = []
        self.bus = MemoryBus(Tally(), keep=self.told.extend)
        command, environment = find_sipp(print)
        host, port = house.sip
        self.exchange = Exchange(sipp=command, env=environment, host=host, port=port)

    @asynccontextmanager
    async def recorder(self) -> AsyncIterator[None]:
        tasks, tally = TaskGroup("recorder"), Tally()
        service = RecorderService(
            Settings(), self.house.asterisk.monitor_dir, self.store, self.bus, self.clock, tally, tasks
        )
        inbox = self.bus.subscribe("recorder", *service.kinds)
        running = asyncio.ensure_future(serve(service, inbox, self.clock, tally))
        try:
            yield
        finally:
            inbox.close()
            await asyncio.wait_for(running, 5)
            await tasks.close()

    @asynccontextmanager
    async def conversation(self, offer: str) -> AsyncIterator[tuple[PhoneCall, PhoneCall]]:
        """Connect a caller with seat 1001, recorded; yields both ends, talking."""
        account = Account(extension="1001", password=self.house.secrets.seats["1001"])
        mark = self.house.manager.mark()
        async with (
            self.house.beating(),
            Seats(self.exchange, [account], behaviour=LetRing()) as seats,
            Caller(self.exchange, number="4000") as caller,
        ):
            arrival = await self.house.manager.wait_event("AsyncAGIStart", mark)
            self._offered(offer)
            await self.house.ring(arrival["Channel"], offer=offer, recording=offer)
            seat = await seats["1001"].next_call()
            seat.answer()
            await seat.wait_answered()
            self.tell(f.OfferAccepted(at=self.clock.now(), call_id=CALL, offer_id=OfferId(offer)))
            yield caller, seat

    def _offered(self, offer: str) -> None:
        self.tell(
            f.OfferMade(
                at=self.clock.now(), call_id=CALL, offer_id=OfferId(offer), agent_id=AgentId("1001"),
                extension=Extension("1001"), queue_id=QueueId("service"), ring_timeout_s=15, entered_at=0,
                recording_id=RecordingId(offer),
            )
        )  # fmt: skip

    def tell(self, fact: f.Fact) -> None:
        self.bus.publish(fact)

    def talk_ended(self, offer: str) -> None:
        self.tell(f.TalkEnded(at=self.clock.now(), call_id=CALL, offer_id=OfferId(offer)))

    async def stored(self, offer: str) -> f.RecordingStored:
        def found() -> f.RecordingStored | None:
            return next((t for t in self.told if isinstance(t, f.RecordingStored) and t.offer_id == offer), None)

        stored = await eventually(found, what=f"recording {offer}; told: {self.told}")
        assert stored is not None
        return stored

    def raw(self, offer: str) -> Path:
        return self.house.asterisk.monitor_dir / f"{offer}.raw"


@pytest_asyncio.fixture(loop_scope="module")
async def studio(shared: House, tmp_path: Path) -> AsyncIterator[Studio]:
    yield Studio(shared, tmp_path / "recordings")
    await eventually(shared.is_quiet, what="no channel left over")


@pytest.mark.parametrize("who", ["agent", "caller"])
async def test_both_voices_are_recorded_each_on_its_own_channel(studio: Studio, who: str) -> None:
    offer = f"offer-{who}"
    async with studio.recorder(), studio.conversation(offer) as (caller, seat):
        await asyncio.sleep(2.0)
        ending = seat if who == "agent" else caller
        ending.hang_up()
        await ending.finished()
        studio.talk_ended(offer)
        stored = await studio.stored(offer)
    file = studio.store / stored.file
    assert hashlib.sha256(file.read_bytes()).hexdigest() == stored.sha256
    assert file.stat().st_size == stored.size_bytes
    assert 1.5 < stored.duration_s < 15
    left, right = channels_of(file)
    assert loud_part(left, CALLER_TONE_HZ) > 0.7
    assert loud_part(left, SEAT_TONE_HZ) < 0.05
    assert loud_part(right, SEAT_TONE_HZ) > 0.7
    assert loud_part(right, CALLER_TONE_HZ) < 0.05
    assert not studio.raw(offer).exists()


async def test_a_recording_is_not_touched_while_asterisk_writes_it(studio: Studio) -> None:
    offer = "offer-early"
    async with studio.recorder(), studio.conversation(offer) as (_, seat):
        studio.talk_ended(offer)  # too early: they still talk
        await asyncio.sleep(2.0)
        assert studio.raw(offer).exists()
        assert not [t for t in studio.told if isinstance(t, f.RecordingStored)]
        seat.hang_up()
        stored = await studio.stored(offer)
    assert stored.duration_s > 1.8


async def test_a_conversation_that_outlives_us_is_collected_by_our_next_life(studio: Studio) -> None:
    offer = "offer-restart"
    async with AsyncExitStack() as first_life:
        await first_life.enter_async_context(studio.recorder())
        async with studio.conversation(offer) as (_, seat):
            await eventually(lambda: [t for t in studio.told if isinstance(t, f.RecordingStarted)])
            await first_life.aclose()
            await asyncio.sleep(1.5)
            seat.hang_up()
            await seat.finished()
    assert studio.raw(offer).exists()
    async with studio.recorder():
        studio.bus.publish(f.SnapshotTaken(at=studio.clock.now(), node=NodeId("node1"), living=()))
        stored = await studio.stored(offer)
    assert stored.call_id == CALL
    assert stored.duration_s > 1.2
    left, right = channels_of(studio.store / stored.file)
    assert loud_part(left, CALLER_TONE_HZ) > 0.7
    assert loud_part(right, SEAT_TONE_HZ) > 0.7
