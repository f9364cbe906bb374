"""The door to Asterisk with a link that a test plays: gaps, stops of our process, leases."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from typing import Any

import pytest

from hotline.bus.memory import MemoryBus
from hotline.commands import Command, Done, Outcome, Refused, Release, StartMusic
from hotline.errors import OutcomeUnknown, Unavailable
from hotline.facts import CallArrived, LinkChanged, NodeSurveyed, Record, RouterActive, SeatChanged, SnapshotTaken
from hotline.ids import CallId, NodeId
from hotline.runtime.clock import ManualClock
from hotline.runtime.tasks import TaskGroup
from hotline.settings import Asterisk
from hotline.tally import Tally
from telephony.ami.codec import Decoder, Message
from telephony.ami.messages import REQUIRED, LinkDown, LinkUp, Resync
from telephony.lines import Lines
from telephony.service import FROZEN_S, TelephonyService
from tests.support.wait import eventually
from tests.unit.telephony.test_lines import CALL, CALLER, agi, packed

NODE = NodeId("n")
FACTS = (CallArrived, LinkChanged, SnapshotTaken, NodeSurveyed)


class Link:
    """What the service knows of the AMI link. Every action is done; a snapshot shows no channel."""

    def __init__(self) -> None:
        self.up = True
        self.told: asyncio.Queue[object] = asyncio.Queue()
        self.sent: list[tuple[str, Mapping[str, str]]] = []
        self.on_list = lambda: None
        self.lost = False
        self.listed: dict[str, list[Message]] = {}

    async def next_message(self) -> object:
        return await self.told.get()

    def send_nowait(self, name: str, *, headers: Mapping[str, str]) -> Awaitable[object]:
        self.sent.append((name, headers))
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        answer.set_result(None)
        return answer

    def send_all(self, several: Iterable[tuple[str, Mapping[str, str]]]) -> list[Awaitable[object]]:
        return [self.send_nowait(name, headers=headers) for name, headers in several]

    async def list_action(self, name: str, **_more: object) -> list[Any]:
        self.on_list()
        if not self.up:
            raise OutcomeUnknown("the link was lost")
        return self.listed.get(name, [])

    def ask_resync(self, reason: str) -> None:
        self.told.put_nowait(Resync(node=NODE, reason=reason))

    look = ask_resync

    def names(self) -> list[str]:
        return [name for name, headers in self.sent if headers.get("Variable") != "HOTLINE_BEAT"]


class House:
    def __init__(self) -> None:
        self.clock, self.link, self.tasks = ManualClock(1000.0), Link(), TaskGroup("test")
        self.bus = MemoryBus(Tally())
        self.heard = self.bus.subscribe("test", *FACTS)
        self.lines = Lines(NODE, ["1001"])
        self.service = TelephonyService(
            Asterisk(),
            self.lines,
            self.link,  # type: ignore[arg-type] # plays the link
            self.bus,
            clock=self.clock,
            tally=Tally(),
            tasks=self.tasks,
            has_sound=lambda _: True,
        )
        self.service.start()

    async def came_up(self) -> None:
        self.link.told.put_nowait(LinkUp(node=NODE))
        await self.service.became_ready.wait()
        self.link.told.put_nowait(agi("arrive", CALL, "4000", "1", packed(""), "trunk"))
        await eventually(lambda: CallId(CALL) in self.lines.by_call)
        self.link.on_list = lambda: None

    async def told(self) -> list[object]:
        await asyncio.sleep(0)
        records: list[object] = []
        while self.heard.ready:
            records.append(await self.heard.get())
        return records

    async def beat(self, *surveyed: NodeId, epoch: int = 7) -> None:
        """A router gives its sign of life."""
        now = self.clock.now()
        await self.service.handle(RouterActive(at=now, router="r", epoch=epoch, surveyed=surveyed), now)
        await eventually(self.link.told.empty)

    async def surveys(self) -> list[NodeSurveyed]:
        return [r for r in await self.told() if isinstance(r, NodeSurveyed)]

    async def ask(self, command: Command) -> Outcome:
        return await self.service.perform(command)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    await made.tasks.close()


def music() -> StartMusic:
    return StartMusic(node=NODE, call_id=CallId(CALL))


async def test_after_a_stop_of_our_process_nothing_is_done_before_a_new_snapshot(house: House) -> None:
    await house.came_up()
    assert await house.ask(music()) == Done()
    await house.told()
    house.clock.advance(FROZEN_S + 0.1)
    assert await house.ask(music()) == Refused(reason="link_down")
    assert not house.service.ready
    await eventually(lambda: house.service.ready)
    down, taken, up = await house.told()
    assert (down, type(taken), up) == (
        LinkChanged(at=house.clock.now(), node=NODE, up=False, reason="frozen"),
        SnapshotTaken,
        LinkChanged(at=house.clock.now(), node=NODE, up=True),
    )


async def test_nothing_is_done_between_a_lost_link_and_the_snapshot_after_it(house: House) -> None:
    await house.came_up()
    house.link.told.put_nowait(LinkDown(node=NODE, reason="closed_by_peer"))
    await eventually(lambda: not house.service.ready)
    assert await house.ask(music()) == Refused(reason="link_down")  # although the next link is up already


async def test_a_link_that_is_lost_during_its_snapshot_is_not_told_as_up(house: House) -> None:
    def lose() -> None:
        house.link.up = False

    house.link.on_list = lose
    house.link.told.put_nowait(LinkUp(node=NODE))
    house.link.told.put_nowait(LinkDown(node=NODE, reason="closed_by_peer"))
    await eventually(house.link.told.empty)
    assert [r.up for r in await house.told() if isinstance(r, LinkChanged)] == [False]
    assert not house.service.became_ready.is_set()


async def test_leases_are_renewed_at_once_after_a_gap_but_not_for_a_call_that_we_let_go(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.came_up()
    monkeypatch.setattr("telephony.service.reconcile", lambda *_, **__: [])
    house.link.sent.clear()
    house.link.told.put_nowait(LinkDown(node=NODE, reason="closed_by_peer"))
    house.link.told.put_nowait(LinkUp(node=NODE))
    await eventually(lambda: house.link.names() == ["AbsoluteTimeout"])
    assert await house.ask(Release(node=NODE, call_id=CallId(CALL), reason="full")) == Done()
    house.link.told.put_nowait(LinkDown(node=NODE, reason="closed_by_peer"))
    house.link.told.put_nowait(LinkUp(node=NODE))
    await eventually(lambda: house.link.told.empty() and house.service.ready)
    assert house.link.names() == ["AbsoluteTimeout", "Redirect"]


async def test_the_service_ends_with_its_link(house: House) -> None:
    async def closed() -> object:
        raise Unavailable("closed")

    house.link.next_message = closed  # type: ignore[method-assign]
    house.link.told.put_nowait(Resync(node=NODE, reason="x"))
    await eventually(lambda: len(house.tasks) == 2)  # heartbeat and leases


def event(*lines: str) -> Message:
    (message,) = Decoder(required=REQUIRED, expect_banner=False).feed("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(message, Message)
    return message


async def test_a_router_that_begins_its_term_is_told_every_call_and_every_phone(house: House) -> None:
    await house.came_up()
    house.link.listed["DeviceStateList"] = [event("Event: DeviceStateChange", "Device: PJSIP/1001", "State: INUSE")]
    house.link.listed["Status"] = [
        event(
            "Event: Status", f"Channel: {CALLER}", "Uniqueid: 1", "ChannelState: 6", "Context: hotline-arrive", "Exten: s",
            "Application: AGI", "BridgeID: ", "Seconds: 3", f"Variable: HOTLINE_CALL={CALL}", "Variable: HOTLINE_NUMBER=4000",
        )
    ]  # fmt: skip
    await house.beat()
    (told,) = await house.surveys()
    assert (told.node, told.epoch) == (NODE, 7)
    assert [(call.call_id, call.phase, call.number) for call in told.calls] == [(CALL, "session", "4000")]
    changed = SeatChanged(at=house.clock.now(), extension="1001", reachable=True, in_use=True, node=NODE)  # type: ignore[arg-type]
    assert told.seats == (changed,)


async def test_a_survey_is_made_once_and_again_only_when_it_seems_lost(house: House) -> None:
    await house.came_up()
    await house.beat()
    await house.beat()
    assert len(await house.surveys()) == 1
    house.clock.advance(1.5)
    await house.beat()
    await house.beat(NODE)
    assert len(await house.surveys()) == 1


async def test_while_it_sees_nothing_a_node_answers_no_router(house: House) -> None:
    await house.beat()
    await house.came_up()
    assert await house.surveys() == []
    house.link.told.put_nowait(LinkDown(node=NODE, reason="closed_by_peer"))
    await eventually(lambda: not house.service.ready)
    await house.beat()
    house.link.told.put_nowait(LinkUp(node=NODE))
    await eventually(lambda: house.service.ready)
    assert await house.surveys() == []
    await house.beat()
    assert len(await house.surveys()) == 1


async def test_a_link_that_is_lost_during_a_survey_leaves_the_question_open(house: House) -> None:
    await house.came_up()

    def lose() -> None:
        house.link.up = False

    house.link.on_list = lose
    await house.beat()
    house.link.told.put_nowait(LinkDown(node=NODE, reason="closed_by_peer"))
    await eventually(lambda: not house.service.ready)
    house.link.on_list = lambda: None
    house.link.up = True
    house.link.told.put_nowait(LinkUp(node=NODE))
    await eventually(lambda: house.service.ready)
    assert await house.surveys() == []
    await house.beat()
    assert len(await house.surveys()) == 1


async def test_other_records_are_no_question(house: House) -> None:
    await house.came_up()
    await house.service.handle(Record(at=1.0), 1.0)
    await house.service.wake(1.0)
    assert house.service.next_deadline() is None
    assert await house.surveys() == []
