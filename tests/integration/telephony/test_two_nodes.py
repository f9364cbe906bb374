"""A caller at one Asterisk, a seat at another: real SIP between two nodes, and what both of them tell."""

import asyncio
import base64
import os
import re
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from hotline import facts as f
from hotline.commands import Done, Refused
from hotline.ids import CallId, NodeId
from telephony.asterisk.config import peers
from telephony.phones.callers import CALLER_TONE_HZ, Caller
from telephony.phones.injection import Account
from telephony.phones.program import find_sipp
from telephony.phones.seats import SEAT_TONE_HZ, LetRing, Seats
from telephony.phones.sipp import Exchange
from tests.integration.telephony.nodes import PEER_SECRET, SHOWN, House, Node, opened
from tests.support.tones import channels, loud_part
from tests.support.wait import eventually

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]
LOUD = b"\x80" * 160
"""The loudest µ-law sample, again and again: no music sounds like that."""
BLOCK = 400
"""Samples that are judged together: 50 ms."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened(tmp_path_factory.mktemp("nodes")) as house:
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


def exchange(node: Node) -> Exchange:
    command, environment = find_sipp(print)
    return Exchange(sipp=command, env=environment, host=node.sip[0], port=node.sip[1])


def kinds(house: House, call: CallId) -> list[str]:
    return [type(record).__name__ for record in house.told_of(call)]


async def test_both_hear_each_other_and_the_caller_s_node_records_both(house: House) -> None:
    account = Account(extension="1001", password=house.b.passwords["1001"])
    since, arrivals = len(house.told), house.b.cel().count("HOTLINE_ARRIVED")
    async with (
        Seats(exchange(house.b), [account], behaviour=LetRing()) as seats,
        Caller(exchange(house.a), number="4000", caller_number="13911112222"),
    ):
        call = await house.arrived(house.a, since)
        assert await house.ring(house.a, call, house.b) == Done()
        seat = await seats["1001"].next_call()
        assert seat.remote_number == "13911112222"
        assert f'"{SHOWN}"' in seat.remote_header
        await house.wait_told(f.OfferRang, call)
        seat.answer()
        accepted = await house.wait_told(f.OfferAccepted, call)
        assert isinstance(accepted, f.OfferAccepted)
        await eventually(lambda: house.seat_says(house.b, "1001").in_use)
        assert not house.seat_says(house.a, "1001").in_use
        await asyncio.sleep(1.5)
        seat.hang_up()
        ended = await house.wait_told(f.TalkEnded, call)
        assert isinstance(ended, f.TalkEnded)
        assert ended.ended_by == "agent"
        await house.wait_told(f.CallReturned, call)
        await eventually(lambda: not house.seat_says(house.b, "1001").in_use)
    assert house.b.lines.by_call == {}
    assert not [r for r in house.told[since:] if isinstance(r, f.CallArrived) and r.node == house.b.id]
    await eventually(lambda: "peer-a" in house.b.cel(), what="the trunk in the CEL of the seat's node")
    assert house.b.cel().count("HOTLINE_ARRIVED") == arrivals
    left, right = channels((house.a.asterisk.monitor_dir / f"{accepted.offer_id}.raw").read_bytes())
    assert loud_part(left, CALLER_TONE_HZ) > 0.5
    assert loud_part(right, SEAT_TONE_HZ) > 0.5


@pytest.mark.parametrize(
    ("at", "ways"),
    [
        ("a", ({"direction": "sendonly"}, {"direction": "inactive"}, {"address": "0.0.0.0"})),
        ("b", ({"direction": "sendonly"},)),
    ],
    ids=["here", "at-another-node"],
)
async def test_the_hold_key_of_a_phone_is_told_and_what_is_heard_meanwhile_is_not_recorded(
    house: House, at: str, ways: tuple[dict[str, str], ...]
) -> None:
    node = {"a": house.a, "b": house.b}[at]
    seat, caller = await house.seat(node), await house.caller(house.a)
    seat.media.sound = caller.media.sound = LOUD
    call = await house.arrive(house.a, caller)
    await house.ring(house.a, call, node, seat_node=None if at == "a" else node.id)
    accepted = await house.wait_told(f.OfferAccepted, call)
    assert isinstance(accepted, f.OfferAccepted)

    async def they_talk() -> None:
        """Wait until the caller hears the agent, for some packets."""
        caller.media.heard.clear()
        await eventually(lambda: len(caller.media.heard) > 1600 and set(caller.media.heard[-800:]) == {LOUD[0]})

    await they_talk()
    for how in ways:
        before = len(house.told)
        assert await seat.hold(**how) == 200
        (began,) = await eventually(lambda before=before: house.told[before:])  # type: ignore[misc]
        assert isinstance(began, f.HoldBegan)
        assert began.by_phone
        caller.media.heard.clear()
        await eventually(lambda: len(caller.media.heard) > 2400 and len(set(caller.media.heard)) > 20, what="music")
        assert await seat.resume() == 200
        told = await eventually(lambda before=before: house.told[before + 1 :])  # type: ignore[misc]
        assert [type(record) for record in told] == [f.HoldEnded]
        await they_talk()
    await seat.hold()
    await seat.hang_up()
    await house.wait_told(f.CallReturned, call)
    assert kinds(house, call)[-2:] == ["TalkEnded", "CallReturned"]
    recorded = house.a.asterisk.monitor_dir / f"{accepted.offer_id}.raw"
    await eventually(lambda: [pauses(side) for side in channels(recorded.read_bytes())] == [len(ways)] * 2)


def pauses(samples: Sequence[int]) -> int:
    """Return how many silences of a tenth of a second and more there are within what is heard."""
    blocks = [max(map(abs, samples[s : s + BLOCK])) > 1000 for s in range(0, len(samples) - BLOCK, BLOCK)]
    return len(re.findall(r"\+--+(?=\+)", "".join("-+"[loud] for loud in blocks)))


async def test_every_ending_of_a_ring_is_the_same_as_that_of_a_seat_next_door(house: House) -> None:
    seat, caller = await house.seat(house.b), await house.caller(house.a)
    call = await house.arrive(house.a, caller)
    endings: list[tuple[tuple[tuple[float, int], ...], type[f.OfferFact]]] = [
        (((0.0, 486),), f.OfferBusy),
        (((0.0, 180), (0.05, 486)), f.OfferRejected),
        (((0.0, 603),), f.OfferBusy),
        (((0.0, 480),), f.OfferBusy),
        (((0.0, 180), (0.05, 603)), f.OfferRejected),
        (((0.0, 180), (0.05, 480)), f.OfferRejected),
        (((0.0, 180), (0.05, 302)), f.OfferRejected),
        (((0.0, 180), (0.05, 500)), f.OfferFailed),
        (((0.0, 180),), f.OfferTimedOut),
        ((), f.OfferTimedOut),
    ]
    for answers, ending in endings:
        seat.answers = answers
        before = len(house.told)
        seconds = 1.0 if ending is f.OfferTimedOut else 15.0
        assert await house.ring(house.a, call, house.b, ring_timeout_s=seconds) == Done()
        await eventually(lambda before=before: [r for r in house.told[before:] if isinstance(r, f.CallReturned)])  # type: ignore[misc]
        assert [
            type(r) for r in house.told[before:] if isinstance(r, f.OfferFact) and not isinstance(r, f.OfferRang)
        ] == [ending], (answers, kinds(house, call))
        await eventually(house.b.is_quiet)
        await eventually(lambda: not house.seat_says(house.b, "1001").in_use)


async def test_a_seat_that_is_not_there_fails_at_once(house: House) -> None:
    call = await house.arrive(house.a, await house.caller(house.a))
    await house.ring(house.a, call, house.b, "1003")
    failed = await house.wait_told(f.OfferFailed, call)
    assert isinstance(failed, f.OfferFailed)
    assert failed.reason == "chanunavail"
    before = len(house.told)
    assert await house.ring(house.a, call, house.b, seat_node=NodeId("c")) == Refused(reason="no_such_peer")
    assert not house.told[before:]


async def test_a_phone_in_use_is_not_rung_from_the_other_node(house: House) -> None:
    seat = await house.seat(house.b)
    first = await house.arrive(house.b, await house.caller(house.b, "1"))
    second = await house.arrive(house.a, await house.caller(house.a, "2"))
    seat.answers = ((0.0, 180),)
    await house.ring(house.b, first, house.b)
    await house.wait_told(f.OfferRang, first)
    await eventually(lambda: house.seat_says(house.b, "1001").in_use)
    await house.ring(house.a, second, house.b)
    await house.wait_told(f.OfferBusy, second)
    assert len(seat.invites) == 1


async def test_the_caller_who_hangs_up_frees_the_seat_of_the_other_node(house: House) -> None:
    seat = await house.seat(house.b)
    for answers, told in ((((0.0, 180),), f.OfferRang), (((0.0, 180), (0.05, 200)), f.OfferAccepted)):
        seat.answers = answers
        seat.seen.clear()
        caller = await house.caller(house.a)
        call = await house.arrive(house.a, caller)
        await house.ring(house.a, call, house.b)
        await house.wait_told(told, call)
        await caller.hang_up()
        await house.wait_told(f.CallEnded, call)
        await eventually(lambda: "BYE" in seat.seen or "CANCEL" in seat.seen)
        await eventually(lambda: not house.seat_says(house.b, "1001").in_use)
    await eventually(house.b.is_quiet)


async def test_seats_call_each_other_over_the_nodes(house: House) -> None:
    here, there = await house.seat(house.a, "1002"), await house.seat(house.b, "1001")
    there.answers = ((0.0, 180), (0.05, 200))
    assert await here.call("1001", password=house.a.passwords["1002"]) == 200
    assert "<sip:1002@" in there.invites[-1].get("From")
    other = await house.seat(house.a, "1003")
    assert await other.call("1002", password=house.a.passwords["1003"], media=False) == 486
    assert await other.call("1001", password=house.a.passwords["1003"], media=False) == 486


@pytest.mark.parametrize(
    ("user", "secret", "number", "status"),
    [
        ("peer-a", "", "1001", 401),
        ("peer-a", "not-what-they-share-1", "1001", 401),
        ("peer-c", PEER_SECRET, "1001", 401),
        ("peer-a", PEER_SECRET, "4000", 404),
        ("peer-a", PEER_SECRET, "*42", 404),
        ("peer-a", PEER_SECRET, "s", 404),
        ("peer-a", PEER_SECRET, "10011", 404),
        ("peer-a", PEER_SECRET, "1003", 404),
    ],
    ids=["no-secret", "wrong-secret", "unknown-node", "number", "code", "context", "longer", "not-registered"],
)
async def test_a_peer_must_prove_itself_and_reaches_seats_only(
    house: House, user: str, secret: str, number: str, status: int
) -> None:
    peer = await house.stranger(house.b, user)
    assert await peer.call(number, password=secret, media=False) == status


async def test_what_a_peer_says_of_its_caller_is_only_shown_as_far_as_it_is_harmless(house: House) -> None:
    seat, peer = await house.seat(house.b), await house.stranger(house.b, "peer-a")
    seat.answers = ((0.0, 486),)
    from_ = '"Boss ${SHELL(id)}" <sip:peer-a@127.0.0.4>'
    name = base64.b64encode('李"<b>;${SHELL(id)}\r\nX-Evil: 1, (x)'.encode()).decode()
    headers = (f"X-Hotline-Name: {name}", "X-Hotline-Number: +86 ${EXTEN},1<2>", "X-Hotline-Ring: 99999")
    for claimed, shown in ((headers, '"李bSHELL(id)X-Evil 1, (x)" <sip:+8612@127.0.0.22>'), ((), "<sip:127.0.0.22>")):
        assert await peer.call("1001", password=PEER_SECRET, from_=from_, headers=claimed, media=False) == 486
        assert seat.invites[-1].get("From").split(";tag")[0] == shown
        assert not seat.invites[-1].get("X-Evil")


async def test_each_node_tells_a_new_router_what_it_has(house: House) -> None:
    seat = await house.seat(house.b)
    seat.answers = ((0.0, 180), (0.05, 200))
    call = await house.arrive(house.a, await house.caller(house.a))
    await house.ring(house.a, call, house.b)
    await house.wait_told(f.OfferAccepted, call)
    await eventually(lambda: house.seat_says(house.b, "1001").in_use)
    house.bus.publish(f.RouterActive(at=0.0, router="r", epoch=7))
    of_a, of_b = [await eventually(lambda node=node: house.survey_of(node)) for node in (house.a, house.b)]  # type: ignore[misc]
    assert [(c.call_id, c.phase, c.node) for c in of_a.calls] == [(call, "talking", house.a.id)]
    assert of_b.calls == ()
    phones = {(s.node, s.extension): (s.reachable, s.in_use) for s in (*of_a.seats, *of_b.seats)}
    assert phones[(house.b.id, "1001")] == (True, True)
    assert phones[(house.a.id, "1001")] == (False, False)
    assert len(phones) == 6


async def test_a_node_that_dies_frees_the_seats_of_the_other_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "SILENCE_S", 3)
    monkeypatch.setattr(peers, "KEEPALIVE_S", 1)
    async with opened(tmp_path) as house:
        ringing, talking = await house.seat(house.b, "1001"), await house.seat(house.b, "1002")
        ringing.answers, talking.answers = ((0.0, 180),), ((0.0, 180), (0.05, 200))
        first, second = [await house.arrive(house.a, await house.caller(house.a, number)) for number in "12"]
        await house.ring(house.a, first, house.b, "1002")
        await house.wait_told(f.OfferAccepted, first)
        await house.ring(house.a, second, house.b, "1001", ring_timeout_s=2.0)
        await house.wait_told(f.OfferRang, second)
        os.kill(house.a.asterisk.pid, signal.SIGKILL)
        await eventually(lambda: "CANCEL" in ringing.seen and "BYE" in talking.seen)
        await eventually(house.b.is_quiet)
        await eventually(lambda: not any(house.seat_says(house.b, seat).in_use for seat in ("1001", "1002")))
