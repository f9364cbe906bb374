"""Supervisors listen, whisper and barge in on a real Asterisk: who hears whom, by tones, and what is told."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
import pytest_asyncio

from hotline import facts as f
from hotline.commands import ChangeSupervision, Done, EndSupervision, Refused, Supervise
from hotline.ids import CallId, Extension, NodeId, OfferId, SupervisionId
from telephony.phones.sounds import tone
from tests.integration.telephony.asterisk.phone import Phone
from tests.integration.telephony.nodes import House, opened
from tests.support.tones import channels, loud_part
from tests.support.ulaw import samples
from tests.support.wait import eventually

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]
CALLER_HZ, AGENT_HZ, SUPERVISOR_HZ = 500, 1100, 1900
ANSWER = ((0.0, 180), (0.05, 200))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened(tmp_path_factory.mktemp("supervision")) as house:
        yield house
        complaints = [line for node in (house.a, house.b) for line in node.complaints()]
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="module")
async def house(shared: House) -> AsyncIterator[House]:
    yield shared
    for node in (shared.a, shared.b):
        await node.asterisk.tell("channel request hangup all")
        await eventually(node.is_quiet, what="no channel left")
    await shared.hang_up_phones()


class Talk:
    """A caller with an agent, each with a tone of his own, and a supervisor's phone."""

    def __init__(self, house: House, caller: Phone, agent: Phone, supervisor: Phone, call: CallId) -> None:
        self.house, self.call = house, call
        self.caller, self.agent, self.supervisor = caller, agent, supervisor

    @classmethod
    async def begin(cls, house: House, *, supervisor_at: str = "a") -> "Talk":
        caller, agent = await house.caller(house.a), await house.seat(house.a, "1001")
        supervisor = await house.seat(house.a if supervisor_at == "a" else house.b, "1003")
        for phone, hertz in ((caller, CALLER_HZ), (agent, AGENT_HZ), (supervisor, SUPERVISOR_HZ)):
            phone.answers, phone.media.sound = ANSWER, tone(hertz)
        call = await house.arrive(house.a, caller)
        await house.ring(house.a, call, house.a, "1001")
        await house.wait_told(f.OfferAccepted, call)
        return cls(house, caller, agent, supervisor, call)

    @property
    def id(self) -> SupervisionId:
        return SupervisionId(f"{self.call}.s1")

    async def supervise(self, mode: f.SupervisionMode = "listen", *, offer: str = "", **more: object) -> object:
        accepted = cast("f.OfferAccepted", await self.house.wait_told(f.OfferAccepted, self.call))
        command = Supervise(
            node=self.house.a.id, call_id=self.call, offer_id=OfferId(offer or accepted.offer_id), supervision_id=self.id,
            extension=Extension("1003"), mode=mode, **more,  # type: ignore[arg-type]
        )  # fmt: skip
        return await self.house.bus.request(command)

    async def seen(self, state: str) -> f.SupervisionSeen:
        def found() -> f.SupervisionSeen | None:
            told = [r for r in self.house.told if isinstance(r, f.SupervisionSeen)]
            return next((r for r in reversed(told) if (r.supervision_id, r.state) == (self.id, state)), None)

        return cast("f.SupervisionSeen", await eventually(found, what=f"the supervision {state}"))

    async def heard(self) -> dict[str, set[int]]:
        """Return which tones each of the three hears during a second, without his own."""
        phones = {"caller": self.caller, "agent": self.agent, "supervisor": self.supervisor}
        await asyncio.sleep(0.3)
        for phone in phones.values():
            phone.media.heard.clear()
        await asyncio.sleep(0.8)
        return {
            name: {
                hertz
                for hertz in (CALLER_HZ, AGENT_HZ, SUPERVISOR_HZ)
                if loud_part(samples(bytes(phone.media.heard)), hertz) > 0.1
            }
            for name, phone in phones.items()
        }


async def test_each_mode_lets_those_hear_who_shall(house: House) -> None:
    talk = await Talk.begin(house)
    assert await talk.supervise("listen", shown="监听 Agent 1001") == Done()
    await talk.seen("listen")
    assert '"监听 Agent 1001"' in talk.supervisor.invites[-1].get("From")
    both = {CALLER_HZ, AGENT_HZ}
    assert await talk.heard() == {"caller": {AGENT_HZ}, "agent": {CALLER_HZ}, "supervisor": both}
    expected: dict[f.SupervisionMode, dict[str, set[int]]] = {
        "whisper": {"caller": {AGENT_HZ}, "agent": {CALLER_HZ, SUPERVISOR_HZ}, "supervisor": both},
        "barge": {"caller": {AGENT_HZ, SUPERVISOR_HZ}, "agent": {CALLER_HZ, SUPERVISOR_HZ}, "supervisor": both},
        "listen": {"caller": {AGENT_HZ}, "agent": {CALLER_HZ}, "supervisor": both},
    }
    for mode, hear in expected.items():
        before = len(house.told)
        change = ChangeSupervision(node=house.a.id, call_id=talk.call, supervision_id=talk.id, mode=mode)
        assert await house.bus.request(change) == Done()
        await eventually(
            lambda before=before, mode=mode: [r for r in house.told[before:] if getattr(r, "state", "") == mode]
        )  # type: ignore[misc]
        assert await talk.heard() == hear, mode
        assert not [r for r in house.told[before:] if getattr(r, "state", "") == "over"]
    end = EndSupervision(node=house.a.id, call_id=talk.call, supervision_id=talk.id)
    assert await house.bus.request(end) == Done()
    await talk.seen("over")
    await eventually(lambda: "BYE" in talk.supervisor.seen)
    assert await talk.heard() == {"caller": {AGENT_HZ}, "agent": {CALLER_HZ}, "supervisor": set()}


async def test_a_whisper_is_in_no_recording(house: House) -> None:
    talk = await Talk.begin(house)
    await talk.supervise("whisper")
    await talk.seen("whisper")
    await asyncio.sleep(1.2)
    await talk.agent.hang_up()
    accepted = cast("f.OfferAccepted", await house.wait_told(f.OfferAccepted, talk.call))
    await house.wait_told(f.CallReturned, talk.call)
    sides = channels((house.a.asterisk.monitor_dir / f"{accepted.offer_id}.raw").read_bytes())
    assert [loud_part(side, hertz) > 0.3 for side, hertz in zip(sides, (CALLER_HZ, AGENT_HZ), strict=True)] == [
        True,
        True,
    ]
    assert max(loud_part(side, SUPERVISOR_HZ) for side in sides) < 0.05


async def test_a_supervised_call_that_ends_ends_the_supervision_and_not_the_other_way_round(house: House) -> None:
    talk = await Talk.begin(house)
    await talk.supervise()
    await talk.seen("listen")
    await talk.supervisor.hang_up()
    await talk.seen("over")
    assert not [r for r in house.told_of(talk.call) if isinstance(r, f.TalkEnded)]
    house.told[:] = [r for r in house.told if not isinstance(r, f.SupervisionSeen)]
    talk.supervisor.seen.clear()
    await talk.supervise()
    await talk.seen("listen")
    await talk.caller.hang_up()
    await house.wait_told(f.CallEnded, talk.call)
    await talk.seen("over")
    await eventually(lambda: "BYE" in talk.supervisor.seen)
    await eventually(house.a.is_quiet)


async def test_a_seat_that_does_not_answer_is_told(house: House) -> None:
    talk = await Talk.begin(house)
    for answers, reason in ((((0.0, 180),), "no_answer"), (((0.0, 180), (0.05, 486)), "busy")):
        house.told[:] = [r for r in house.told if not isinstance(r, f.SupervisionSeen)]
        talk.supervisor.answers = answers
        assert await talk.supervise(ring_timeout_s=1.0) == Done()
        assert (await talk.seen("unanswered")).reason == reason
        await eventually(lambda: not house.seat_says(house.a, "1003").in_use)
    assert await talk.heard() == {"caller": {AGENT_HZ}, "agent": {CALLER_HZ}, "supervisor": set()}


async def test_only_a_conversation_can_be_supervised(house: House) -> None:
    talk = await Talk.begin(house)
    assert await talk.supervise(offer=f"{talk.call}.other") == Refused(reason="not_talking")
    assert await talk.supervise(seat_node=NodeId("c")) == Refused(reason="no_such_peer")


async def test_a_supervisor_at_another_node_hears_too_and_a_snapshot_shows_him(house: House) -> None:
    talk = await Talk.begin(house, supervisor_at="b")
    assert await talk.supervise(seat_node=house.b.id) == Done()
    await talk.seen("listen")
    assert (await talk.heard())["supervisor"] == {CALLER_HZ, AGENT_HZ}
    house.bus.publish(f.RouterActive(at=0.0, router="r", epoch=9))
    survey = cast("f.NodeSurveyed", await eventually(lambda: house.survey_of(house.a)))
    assert (survey.supervisions, survey.heard) == ((talk.id,), ((talk.id, "listen"),))
    assert [c.phase for c in survey.calls] == ["talking"]


async def test_the_agent_alone_hears_the_tone(house: House) -> None:
    talk = await Talk.begin(house)
    for phone in (talk.caller, talk.agent):
        phone.media.sound = b"\xff" * 160
    await asyncio.sleep(0.3)
    for phone in (talk.caller, talk.agent):
        phone.media.heard.clear()
    await talk.supervise(tone=True)
    await talk.seen("listen")
    await eventually(lambda: _loudness(talk.agent) > 500, what="a beep at the agent's phone")
    await asyncio.sleep(0.5)
    assert _loudness(talk.caller) < 100


def _loudness(phone: Phone) -> int:
    return max((abs(sample) for sample in samples(bytes(phone.media.heard))), default=0)
