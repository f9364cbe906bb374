"""The story of a call in two languages."""

from zoneinfo import ZoneInfo

import msgspec
import pytest

from crm.api.story import LINES, UNTOLD, describe, story
from crm.api.story_supervision import ORDERS
from hotline.codec import FACTS
from hotline.facts import (
    AgentStateChanged,
    AgentWishChanged,
    CallFact,
    CallFlowedOut,
    Fact,
    OfferExplained,
    QueueSwitched,
)
from hotline.ids import AgentId, OfferId, QueueId
from tests.support.envelopes import CALL, T0, abandoned, abandoned_call, answered_call, arrived, ended, offered, told
from tests.support.record_samples import sample

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_every_fact_of_a_call_has_its_line_in_both_languages() -> None:
    about_calls = {k for k in FACTS.values() if issubclass(k, CallFact)}
    assert about_calls == {*LINES, UNTOLD}


def test_reasons_are_not_part_of_a_story_they_are_asked_for() -> None:
    facts = [arrived(), OfferExplained(at=T0 + 1, call_id=CALL, offer_id=OfferId("o"), decision="{}")]
    assert len(story(told(*facts), SHANGHAI)) == 1


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


@pytest.mark.parametrize(
    ("treatment", "by", "en", "zh"),
    [
        ("queue:sales", "", "overflow -> queue:sales", "溢出 → 转到队列 sales"),
        ("voicemail", "mei", "overflow -> voicemail (mei)", "溢出 → 留言（mei）"),
        ("", "", "overflow", "溢出"),
    ],
)
def test_what_became_of_who_left_a_line_is_told_in_both_languages(treatment: str, by: str, en: str, zh: str) -> None:
    left = CallFlowedOut(
        at=T0 + 60, call_id=CALL, queue_id=QueueId("service"), entered_at=T0, reason="overflow", treatment=treatment, by=by
    )  # fmt: skip
    assert describe(left) == f"left queue service after 60.0 s: {en}"
    assert describe(left, "zh") == f"等待 60.0 秒后离开队列 service：{zh}"


def test_a_switched_queue_is_told_with_what_its_callers_hear_and_what_follows() -> None:
    switched = QueueSwitched(
        at=T0, queue_id=QueueId("service"), closed=True, emergency="storm", then="hang_up", by="mei"
    )
    english, chinese = ORDERS[QueueSwitched]
    assert english(switched) == "queue service is closed, its callers hear storm, then hang up"
    assert chinese(switched) == "队列 service 已关闭，播放公告 storm，之后挂断"


@pytest.mark.parametrize("kind", FACTS.values(), ids=lambda k: k.__name__)
def test_any_fact_can_be_told(kind: type[Fact]) -> None:
    fact = sample(kind)
    assert describe(fact, "en")
    assert describe(fact, "zh")


def test_an_order_of_a_supervisor_is_told_as_one() -> None:
    english, chinese = ORDERS[AgentStateChanged]
    changed = AgentStateChanged(
        at=T0, agent_id=AgentId("1001"), state="break", previous="ready", reason="lunch", by="boss", forced=True
    )
    assert english(changed) == "agent 1001: ready -> break (lunch), by order"
    assert chinese(changed).endswith("主管指令")
    english, _ = ORDERS[AgentWishChanged]
    kept = AgentWishChanged(at=T0, agent_id=AgentId("1001"), wish="offline", by="boss", forced=True)
    assert english(kept) == "agent 1001, after his call: offline, by order"
    assert english(msgspec.structs.replace(kept, forced=False)) == "agent 1001, after his call: offline"
