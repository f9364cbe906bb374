"""Several phones for one caller, on real Asterisks: who gets him, and what is told of each offer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

import pytest
import pytest_asyncio

from hotline import facts as f
from hotline.bus.memory import MemoryBus
from hotline.commands import CancelRing, Done, Outcome, Ring, Target
from hotline.ids import AgentId, CallId, Extension, NodeId, OfferId, RecordingId
from hotline.runtime.tasks import TaskGroup
from hotline.tally import Tally
from telephony.phones.callers import CALLER_TONE_HZ, Caller
from telephony.phones.injection import Account
from telephony.phones.program import find_sipp
from telephony.phones.seats import SEAT_TONE_HZ, LetRing, Seats
from telephony.phones.sipp import Exchange
from tests.integration.telephony.nodes import SHOWN, House, Node, opened
from tests.support.tones import channels, loud_part
from tests.support.wait import eventually

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]
R = TypeVar("R", bound=f.Record)
LATE_FRAME = "Unable to write frametype 2 on Local/"
"""What Asterisk says of the phone that answered at the same moment: its Local channel is taken away while it speaks."""
ANSWER = ((0.0, 180), (0.1, 200))
RING = ((0.0, 180),)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened(tmp_path_factory.mktemp("groups")) as house:
        yield house
        complaints = [line for node in (house.a, house.b) for line in node.complaints() if LATE_FRAME not in line]
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="module")
async def house(shared: House) -> AsyncIterator[House]:
    yield shared
    for node in (shared.a, shared.b):
        await node.asterisk.tell("channel request hangup all")
        await eventually(node.is_quiet, what="no channel left")
    await shared.hang_up_phones()


async def ring(
    house: House,
    call: CallId,
    seats: Sequence[str],
    *,
    after_s: Sequence[float] = (0.0, 0.0, 0.0),
    at: Sequence[Node | None] = (None, None, None),
    ring_timeout_s: float = 15.0,
    group: str = "g",
) -> Outcome:
    """Ring several seats for a caller of node a; the offers are `CALL.g.1`, `CALL.g.2` and so on."""
    targets = [
        Target(
            offer_id=OfferId(f"{call}.{group}.{n + 1}"),
            agent_id=AgentId(seat),
            extension=Extension(seat),
            seat_node=NodeId(node.id) if node is not None else None,
            after_s=after,
        )
        for n, (seat, after, node) in enumerate(zip(seats, after_s, at, strict=False))
    ]
    first = targets[0]
    command = Ring(
        node=house.a.id,
        call_id=call,
        offer_id=first.offer_id,
        agent_id=first.agent_id,
        extension=first.extension,
        seat_node=first.seat_node,
        ring_timeout_s=ring_timeout_s,
        caller_name=SHOWN,
        recording_id=RecordingId(first.offer_id),
        also=tuple(targets[1:]),
    )
    return await house.bus.request(command)


def story(house: House, call: CallId) -> list[tuple[str, int]]:
    """Return what was told of the offers of a call, each with the number of its offer."""
    offers = [r for r in house.told_of(call) if isinstance(r, f.OfferFact)]
    return [(type(r).__name__, int(r.offer_id.rpartition(".")[2])) for r in offers]


def endings(house: House, call: CallId) -> dict[int, str]:
    """Return how each offer ended; fails when one ended twice."""
    ends = [r for r in house.told_of(call) if type(r) in (*f.OFFER_ENDINGS, f.OfferAccepted)]
    found = {int(r.offer_id.rpartition(".")[2]): getattr(r, "reason", "") or type(r).__name__ for r in ends}  # type: ignore[attr-defined]
    assert len(found) == len(ends), ends
    return found


def of(house: House, call: CallId, kind: type[R]) -> list[R]:
    return [r for r in house.told_of(call) if isinstance(r, kind)]


def exchange(node: Node) -> Exchange:
    command, environment = find_sipp(print)
    return Exchange(sipp=command, env=environment, host=node.sip[0], port=node.sip[1])


async def test_the_first_who_answers_gets_the_caller_and_both_are_recorded(house: House) -> None:
    accounts = [Account(extension=e, password=house.a.passwords[e]) for e in ("1001", "1002", "1003")]
    since = len(house.told)
    async with (
        Seats(exchange(house.a), accounts, behaviour=LetRing()) as seats,
        Caller(exchange(house.a), number="4000", caller_number="13911112222"),
    ):
        call = await house.arrived(house.a, since)
        assert await ring(house, call, ("1001", "1002", "1003")) == Done()
        rings = [await seats[e].next_call() for e in ("1001", "1002", "1003")]
        assert all(r.remote_number == "13911112222" and f'"{SHOWN}"' in r.remote_header for r in rings)
        await eventually(lambda: len(of(house, call, f.OfferRang)) == 3)
        rings[1].answer()
        accepted = (await house.wait_told(f.OfferAccepted, call)).offer_id  # type: ignore[attr-defined]
        assert accepted == f"{call}.g.2"
        await eventually(lambda: len(endings(house, call)) == 3)
        assert endings(house, call) == {1: "answered_elsewhere", 2: "OfferAccepted", 3: "answered_elsewhere"}
        await asyncio.sleep(1.5)
        shown = (await house.a.asterisk.tell("core show channels concise")).splitlines()
        assert sorted(line.split("/")[0] for line in shown if "!" in line) == ["PJSIP", "PJSIP"], shown
        rings[1].hang_up()
        ended = await house.wait_told(f.TalkEnded, call)
        returned = await house.wait_told(f.CallReturned, call)
        assert (ended.offer_id, ended.ended_by) == (accepted, "agent")  # type: ignore[attr-defined]
        assert (returned.offer_id, returned.answered) == (f"{call}.g.1", True)  # type: ignore[attr-defined]
    left, right = channels((house.a.asterisk.monitor_dir / f"{call}.g.1.raw").read_bytes())
    assert loud_part(left, CALLER_TONE_HZ) > 0.5
    assert loud_part(right, SEAT_TONE_HZ) > 0.5


async def test_nobody_answers_and_each_phone_has_its_own_ending(house: House) -> None:
    for seat, answers in (("1001", RING), ("1002", ((0.0, 180), (0.1, 486)))):
        (await house.seat(house.a, seat)).answers = answers
    call = await house.arrive(house.a, await house.caller(house.a))
    await ring(house, call, ("1001", "1002", "1003"), ring_timeout_s=2.0)
    returned = await house.wait_told(f.CallReturned, call)
    assert (returned.offer_id, returned.answered) == (f"{call}.g.1", False)  # type: ignore[attr-defined]
    assert endings(house, call) == {1: "OfferTimedOut", 2: "OfferRejected", 3: "chanunavail"}
    assert len(of(house, call, f.CallReturned)) == 1


async def test_all_reject_and_the_caller_is_back_at_once(house: House) -> None:
    for seat in ("1001", "1002"):
        (await house.seat(house.a, seat)).answers = ((0.0, 180), (0.05, 603))
    call = await house.arrive(house.a, await house.caller(house.a))
    await ring(house, call, ("1001", "1002"), ring_timeout_s=60.0)
    await house.wait_told(f.CallReturned, call)
    assert endings(house, call) == {1: "OfferRejected", 2: "OfferRejected"}


async def test_later_phones_begin_to_ring_later(house: House) -> None:
    phones = [await house.seat(house.a, seat) for seat in ("1001", "1002", "1003")]
    for phone in phones:
        phone.answers = RING
    phones[1].answers = ((0.0, 180), (0.3, 200))
    call = await house.arrive(house.a, await house.caller(house.a))
    await ring(house, call, ("1001", "1002", "1003"), after_s=(0.0, 1.0, 10.0))
    await house.wait_told(f.OfferAccepted, call)
    rang = of(house, call, f.OfferRang)
    assert [r.offer_id[-1] for r in rang] == ["1", "2"]
    assert 0.8 < rang[1].at - rang[0].at < 5
    assert not phones[2].invites
    await eventually(lambda: len(endings(house, call)) == 3)
    assert endings(house, call) == {1: "answered_elsewhere", 2: "OfferAccepted", 3: "answered_elsewhere"}


async def test_a_phone_in_use_is_left_out(house: House) -> None:
    busy, free = await house.seat(house.a, "1001"), await house.seat(house.a, "1002")
    busy.answers, free.answers = ANSWER, RING
    first = await house.arrive(house.a, await house.caller(house.a, "1"))
    await house.ring(house.a, first, house.a, "1001")
    await house.wait_told(f.OfferAccepted, first)
    second = await house.arrive(house.a, await house.caller(house.a, "2"))
    await ring(house, second, ("1001", "1002"))
    await eventually(lambda: len(story(house, second)) == 2)
    assert sorted(story(house, second)) == [("OfferBusy", 1), ("OfferRang", 2)]
    assert len(busy.invites) == 1


async def test_a_group_is_taken_back_by_the_id_of_its_first_offer(house: House) -> None:
    phones = [await house.seat(house.a, seat) for seat in ("1001", "1002")]
    for phone in phones:
        phone.answers = RING
    call = await house.arrive(house.a, await house.caller(house.a))
    await ring(house, call, ("1001", "1002"))
    await eventually(lambda: len(of(house, call, f.OfferRang)) == 2)
    member = CancelRing(node=house.a.id, call_id=call, offer_id=OfferId(f"{call}.g.2"))
    assert await house.bus.request(member) != Done()
    cancel = CancelRing(node=house.a.id, call_id=call, offer_id=OfferId(f"{call}.g.1"))
    assert await house.bus.request(cancel) == Done()
    await house.wait_told(f.CallReturned, call)
    assert endings(house, call) == {1: "withdrawn", 2: "withdrawn"}
    await eventually(lambda: all("CANCEL" in phone.seen for phone in phones))
    assert await ring(house, call, ("1001", "1002"), group="again") == Done()


async def test_the_caller_who_hangs_up_frees_all_phones(house: House) -> None:
    phones = [await house.seat(house.a, seat) for seat in ("1001", "1002")]
    for phone in phones:
        phone.answers = RING
    caller = await house.caller(house.a)
    call = await house.arrive(house.a, caller)
    await ring(house, call, ("1001", "1002"))
    await eventually(lambda: len(of(house, call, f.OfferRang)) == 2)
    await caller.hang_up()
    await house.wait_told(f.CallEnded, call)
    assert endings(house, call) == {1: "caller_left", 2: "caller_left"}
    await eventually(lambda: all("CANCEL" in phone.seen for phone in phones))


async def test_phones_of_two_nodes_ring_together(house: House) -> None:
    here, there = await house.seat(house.a, "1001"), await house.seat(house.b, "1002")
    here.answers, there.answers = RING, ANSWER
    call = await house.arrive(house.a, await house.caller(house.a))
    await ring(house, call, ("1001", "1002"), at=(None, house.b))
    await house.wait_told(f.OfferAccepted, call)
    await eventually(lambda: len(endings(house, call)) == 2)
    assert endings(house, call) == {1: "answered_elsewhere", 2: "OfferAccepted"}
    assert there.invites[-1].get("From").startswith(f'"{SHOWN}"')


async def test_two_who_answer_at_the_same_moment_are_one_too_many(house: House) -> None:
    phones = [await house.seat(house.a, seat) for seat in ("1001", "1002")]
    call = await house.arrive(house.a, await house.caller(house.a))
    both_answered = 0
    for turn in range(12):
        before = len(house.told)
        for phone in phones:
            phone.answers = ((0.0, 180), (0.2, 200))
            phone.seen.clear()
        assert await ring(house, call, ("1001", "1002"), group=f"t{turn}") == Done()

        def told(kind: type[R], before: int = before) -> list[R]:
            return [r for r in house.told[before:] if isinstance(r, kind)]

        await eventually(lambda told=told: told(f.OfferAccepted) and told(f.OfferRescinded))  # type: ignore[misc]
        (accepted,), (rescinded,) = told(f.OfferAccepted), told(f.OfferRescinded)
        assert {accepted.offer_id[-1], rescinded.offer_id[-1]} == {"1", "2"}
        assert rescinded.reason == "answered_elsewhere"
        loser, winner = (phones[int(o.offer_id[-1]) - 1] for o in (rescinded, accepted))
        await eventually(lambda loser=loser: {"BYE", "CANCEL"} & set(loser.seen))  # type: ignore[misc]
        both_answered += "BYE" in loser.seen
        assert "BYE" not in winner.seen
        await winner.hang_up()
        await eventually(lambda told=told: told(f.CallReturned))  # type: ignore[misc]
        assert len(told(f.OfferAccepted)) == len(told(f.TalkEnded)) == len(told(f.CallReturned)) == 1
        await eventually(lambda: not any(house.seat_says(house.a, seat).in_use for seat in ("1001", "1002")))
    assert both_answered


@pytest.mark.parametrize("answered", [False, True], ids=["ringing", "talking"])
async def test_a_new_process_finds_the_group_and_tells_how_it_ends(house: House, answered: bool) -> None:
    first, second = await house.seat(house.a, "1001"), await house.seat(house.a, "1002")
    first.answers, second.answers = RING, ANSWER if answered else RING
    call = await house.arrive(house.a, await house.caller(house.a))
    await ring(house, call, ("1001", "1002"), ring_timeout_s=3.0)
    await eventually(
        lambda: len(of(house, call, f.OfferAccepted if answered else f.OfferRang)) == (1 if answered else 2)
    )
    tasks = TaskGroup("second life")
    other = Node(house.a.settings, house.a.data_dir, house.a.asterisk, house.a.passwords)
    bus = MemoryBus(Tally())
    inbox, told = bus.subscribe("test", f.Record), []

    async def listen() -> None:
        while (record := await inbox.get()) is not None:
            told.append(record)

    try:
        tasks.spawn(listen(), name="listen")
        await other.serve(bus, tasks)
        adopted = await eventually(lambda: next((r for r in told if isinstance(r, f.CallAdopted)), None))
        wanted = ("talking", f"{call}.g.2") if answered else ("ringing", f"{call}.g.1")
        assert (adopted.phase, adopted.offer_id) == wanted
        if answered:
            await second.hang_up()
        await eventually(lambda: [r for r in told if isinstance(r, f.CallReturned)])
        offers = [(type(r).__name__, r.offer_id[-1]) for r in told if isinstance(r, f.OfferFact)]
        assert offers == ([("TalkEnded", "2")] if answered else [("OfferTimedOut", "1"), ("OfferTimedOut", "2")])
        (returned,) = [r for r in told if isinstance(r, f.CallReturned)]
        assert (returned.offer_id, returned.answered) == (f"{call}.g.1", answered)
    finally:
        await tasks.close()
