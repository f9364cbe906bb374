"""Asterisk's own lines become the facts that nobody told."""

from pathlib import Path

import pytest

from crm.cel.calls import KEEP_S, SETTLE_S, CelCall, CelFold, Told, missing_facts, read_line
from hotline.facts import CallArrived, CallEnded, CallFellBack
from hotline.ids import CallId, NodeId

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
