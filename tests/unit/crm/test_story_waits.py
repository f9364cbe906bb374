"""What the story of a call tells of a promised wait."""

from zoneinfo import ZoneInfo

import pytest

from crm.api.story import story
from hotline.facts import Fact, OfferAccepted, WaitPromised
from tests.support.envelopes import CALL, QUEUE, T0, abandoned, offered, on_offer, told

UTC = ZoneInfo("UTC")


def promised(after_s: float, low_s: float, high_s: float) -> WaitPromised:
    return WaitPromised(at=T0 + after_s, call_id=CALL, queue_id=QUEUE, low_s=low_s, high_s=high_s)


def line_of(*facts: Fact, language: str = "en") -> str:
    """Return the line that tells the promise."""
    (line,) = (t for t in story(told(*facts), UTC, language) if "expect" in t or "预计" in t)  # type: ignore[arg-type]
    return line.partition("  ")[2]


@pytest.mark.parametrize(
    ("answered_at", "what"),
    [
        (10 + 200, "told to expect a wait of 2 to 5 min: kept (after 200 s)"),
        (10 + 90, "told to expect a wait of 2 to 5 min: kept, he was answered even earlier (after 90 s)"),
        (10 + 301, "told to expect a wait of 2 to 5 min: not kept (after 301 s)"),
    ],
)
def test_whether_it_was_kept_is_told_once_an_agent_answered(answered_at: float, what: str) -> None:
    assert line_of(promised(10, 120, 300), offered(answered_at - 4), on_offer(OfferAccepted, answered_at)) == what


def test_who_leaves_within_the_range_proves_nothing_and_who_leaves_after_it_was_told_wrong() -> None:
    within = line_of(promised(10, 0, 120), abandoned(100))
    assert within == "told to expect a wait of less than 2 min: he left before (after 90 s)"
    assert line_of(promised(10, 0, 120), abandoned(131)).endswith(": not kept (after 121 s)")


def test_while_he_waits_nothing_came_of_it_yet() -> None:
    assert line_of(promised(10, 0, 120), offered(20)) == "told to expect a wait of less than 2 min"


def test_the_same_in_chinese() -> None:
    line = line_of(promised(10, 120, 300), on_offer(OfferAccepted, 210), language="zh")
    assert line == "告知预计等候 2 至 5 分钟：已兑现（200 秒后）"
