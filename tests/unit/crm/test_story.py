"""The story of a call in two languages."""

from zoneinfo import ZoneInfo

import pytest

from crm.story import LINES, describe, story
from hotline.codec import FACTS
from hotline.facts import CallFact, Fact
from tests.support.envelopes import CALL, abandoned, abandoned_call, answered_call, arrived, ended, offered, told
from tests.support.record_samples import sample

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_every_fact_of_a_call_has_its_line_in_both_languages() -> None:
    about_calls = {k for k in FACTS.values() if issubclass(k, CallFact)}
    assert about_calls == set(LINES)


def test_a_story_runs_in_order_with_local_times() -> None:
    lines = story(reversed(told(*answered_call())), SHANGHAI)
    assert lines[0] == "06:40:00.0  called 4000 from +8613800138000 (Li)"
    assert lines[3] == "06:40:06.0  offered to agent 1001, rings for up to 15 s"
    assert lines[-1] == "06:40:32.0  recording stored, 20.0 s"


def test_the_same_story_in_chinese() -> None:
    lines = story(told(*abandoned_call(CALL)), SHANGHAI, "zh")
    assert lines[0] == "06:40:00.0  +8613800138000 (Li) 呼叫 4000"
    assert "06:40:17.0  在队列 service 等待 12.0 秒后放弃" in lines


@pytest.mark.parametrize(
    ("fact", "line"),
    [
        (arrived(caller_number="", caller_name=""), "called 4000 from a withheld number"),
        (abandoned(8, while_ringing=True), "gave up in queue service after 3.0 s, while a seat rang"),
        (ended(9, reconciled=True), "ended by caller, cause 16 (concluded afterwards)"),
        (offered(), "offered to agent 1001, rings for up to 15 s"),
    ],
)
def test_lines_say_what_matters(fact: Fact, line: str) -> None:
    assert describe(fact) == line


@pytest.mark.parametrize("kind", FACTS.values(), ids=lambda k: k.__name__)
def test_any_fact_can_be_told(kind: type[Fact]) -> None:
    fact = sample(kind)
    assert describe(fact, "en")
    assert describe(fact, "zh")
