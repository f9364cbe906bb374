"""Asterisk's own lines become the facts that nobody told."""

from pathlib import Path

import pytest

from crm.cel.calls import KEEP_S, SETTLE_S, CelCall, CelFold, OpenOffer, Told, missing_facts, read_line
from hotline.facts import CallArrived, CallEnded, CallFellBack, OfferAccepted, TalkEnded
from hotline.ids import CallId, Extension, NodeId, OfferId

TRACE = Path(__file__).parents[2] / "data" / "cel" / "fallback.csv"
"""Written by Asterisk 22.10.1: a call that arrives, falls back after a second, and ends."""
CALL = CallId("2bc1b728-1c84-48d4-9ffe-2afd99ccf904")
NODE = NodeId("node1")
END = 1795300802.523658


def fed(lines: list[str]) -> CelFold[int]:
    fold: CelFold[int] = CelFold()
    for n, line in enumerate(lines):
        event = read_line(line)
        if event is not None:
            fold.feed(event, n)
    return fold


def trace() -> list[str]:
    return TRACE.read_text().splitlines()


def facts_of(calls: list[CelCall], told: Told | None = None) -> list[object]:
    return list(missing_facts(calls, {CALL: told} if told else {}, NODE))


def test_a_real_trace_gives_arrival_fallback_and_end_with_its_own_times() -> None:
    calls = fed(trace()).ripe(END + 60)
    arrived, fell_back, ended = facts_of(calls)
    assert isinstance(arrived, CallArrived)
    assert (arrived.at, arrived.call_id, arrived.number, arrived.caller_number, arrived.origin) == (
        1795300800.521084,
        CALL,
        "4000",
        "+8613800138000",
        "trunk",
    )
    assert fell_back == CallFellBack(at=1795300801.522317, call_id=CALL, reason="no_heartbeat", reconciled=True)
    assert ended == CallEnded(at=END, call_id=CALL, cause=16, reconciled=True)
    assert arrived.reconciled


def test_what_the_journal_has_is_not_told_again() -> None:
    calls = fed(trace()).ripe(END + 60)
    assert facts_of(calls, Told(arrived=True, fell_back=True, ended=True)) == []
    assert [type(f) for f in facts_of(calls, Told(arrived=True, fell_back=True))] == [CallEnded]


def test_news_are_left_to_the_ordinary_way_for_some_seconds() -> None:
    fold = fed(trace())
    assert fold.ripe(END + SETTLE_S - 0.1) == []
    assert len(fold.ripe(END + SETTLE_S)) == 1


def test_a_living_call_is_told_once_and_followed_to_its_end() -> None:
    fold = fed(trace()[:6])
    living = fold.ripe(END + 60)
    assert [type(f) for f in facts_of(living)] == [CallArrived, CallFellBack]
    fold.settle(living, END + 60)
    assert fold.ripe(END + 60) == []
    for n, line in enumerate(trace()[6:]):
        event = read_line(line)
        assert event is not None
        fold.feed(event, n)
    assert [c.ended_at for c in fold.ripe(END + 60)] == [END]


def test_the_oldest_followed_line_is_remembered_until_its_call_is_settled() -> None:
    fold = fed(trace())
    assert fold.oldest() == 4
    fold.settle(fold.ripe(END + 60), END + 60)
    assert fold.oldest() is None


def test_lines_read_twice_change_nothing() -> None:
    assert fed(trace() + trace()).ripe(END + 60) == fed(trace()).ripe(END + 60)


def test_a_call_whose_channel_never_ends_is_given_up_in_the_end() -> None:
    fold = fed(trace()[:6])
    fold.settle(fold.ripe(END + 60), END + 60)
    assert fold.oldest() is not None
    fold.settle([], END + KEEP_S + 60)
    assert fold.oldest() is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        '"CHAN_END","1795',
        '"CHAN_END","soon","1","1","x","s","c","","","","",""',
        '"HOTLINE_ARRIVED","1795300800.5","1","1","x","s","c","","","","not json","HOTLINE_ARRIVED"',
        '"HOTLINE_ARRIVED","1795300800.5","1","1","x","s","c","","","","[1]","HOTLINE_ARRIVED"',
        "\0" * 50,
        "one,two",
    ],
)
def test_a_line_that_cannot_be_read_is_none(line: str) -> None:
    assert read_line(line) is None


def test_hostile_words_in_our_own_event_do_not_become_ids() -> None:
    line = (
        '"HOTLINE_ARRIVED","1795300800.5","1","1","x","s","c","","","","{""extra"":""../../etc;DROP 4000 trunk""}",'
        '"HOTLINE_ARRIVED"'
    )
    assert fed([line]).ripe(END + 60) == []


def test_a_unique_id_used_again_starts_a_new_call() -> None:
    again = [line.replace("2bc1b728", "ffffffff") for line in trace()[4:5]]
    assert [c.call_id[:8] for c in fed(trace()[:6] + again).ripe(END + 60)] == ["ffffffff"]


# --- a conversation that nobody of ours saw ------------------------------------------------------------------------------------


def line(event: str, at: float, uniqueid: str, channel: str, app: str, extra: str = "{}", offers: str = "") -> str:
    word = event if event.startswith("HOTLINE") else ""
    cells = (event, str(at), uniqueid, "c", channel, "s", "hotline-ring", "13800138000", app, "", extra, word, offers)
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)


def served(*, app: str = "Dial", phone: str = "PJSIP/1001-00000002", offers: str = f"{CALL}.1") -> list[str]:
    """A call that a phone answers at 20 and leaves at 60, and that ends at 61."""
    bridge = '{"bridge_id":"b1"}'
    ring = "AppDial" if app == "Dial" else "AppQueue"
    return [
        line("HOTLINE_ARRIVED", 10, "c", "PJSIP/trunk-1", "CELGenUserEvent", f'{{"extra":"{CALL} 4000 trunk"}}'),
        line("BRIDGE_ENTER", 20, "s", phone, ring, bridge),
        line("BRIDGE_ENTER", 20.1, "c", "PJSIP/trunk-1", app, bridge, offers),
        line("BRIDGE_EXIT", 60, "s", phone, ring, bridge),
        line("BRIDGE_EXIT", 60.1, "c", "PJSIP/trunk-1", app, bridge, offers),
        line("CHAN_END", 61, "c", "PJSIP/trunk-1", "", offers=offers),
    ]


def open_offer(n: int = 1, extension: str = "1001") -> OpenOffer:
    return OpenOffer(offer_id=OfferId(f"{CALL}.{n}"), extension=Extension(extension))


def concluded(lines: list[str], *offers: OpenOffer) -> list[object]:
    told = Told(arrived=True, ended=True, open_offers=offers)
    return facts_of(fed(lines).ripe(100.0), told)


def test_an_offer_whose_end_nobody_saw_was_answered_when_its_phone_was_bridged_with_the_caller() -> None:
    accepted, ended = concluded(served(), open_offer(2), open_offer())
    assert accepted == OfferAccepted(at=20.0, call_id=CALL, offer_id=OfferId(f"{CALL}.1"))
    assert ended == TalkEnded(at=60.0, call_id=CALL, offer_id=OfferId(f"{CALL}.1"))


@pytest.mark.parametrize(
    ("lines", "offers"),
    [
        (served(), ()),
        (served(), (open_offer(2),)),
        (served(app="Queue"), (open_offer(),)),
        (served(offers=""), (open_offer(),)),
        (served(offers="../.."), (open_offer(),)),
        ([s for s in served() if not s.startswith('"BRIDGE_ENTER","20.1"')], (open_offer(),)),
        ([s.rpartition(",")[0] for s in served()], (open_offer(),)),
        (served()[:-1], (open_offer(),)),
    ],
    ids=[
        "its end is known",
        "another offer",
        "the fallback queue",
        "no offer",
        "no id",
        "without the caller",
        "older lines",
        "goes on",
    ],
)
def test_what_is_no_conversation_of_an_open_offer_concludes_nothing(
    lines: list[str], offers: tuple[OpenOffer, ...]
) -> None:
    assert concluded(lines, *offers) == []


def test_of_several_phones_that_rang_at_once_the_one_that_was_bridged_answered() -> None:
    group = (open_offer(1, "1002"), open_offer(2), open_offer(3, "1003"))
    accepted, _ = concluded(served(offers=f"{CALL}.&1&2&3"), *group)
    assert isinstance(accepted, OfferAccepted)
    assert accepted.offer_id == OfferId(f"{CALL}.2")


def test_a_phone_at_another_node_is_known_by_the_offer_alone() -> None:
    assert len(concluded(served(phone="PJSIP/peer-node2-00000002"), open_offer())) == 2


def test_an_offer_is_answered_once() -> None:
    again = [s.replace("b1", "b2").replace('"20', '"70').replace('"60', '"80') for s in served()[1:5]]
    lines = [*served()[:5], *again, line("CHAN_END", 90, "c", "PJSIP/trunk-1", "")]
    assert [type(f) for f in concluded(lines, open_offer())] == [OfferAccepted, TalkEnded]
