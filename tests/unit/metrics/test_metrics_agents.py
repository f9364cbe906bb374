"""Hold, breaks that last too long, and outcomes in the numbers."""

from typing import Any

import pytest

from hotline.facts import AgentStateChanged, BreakOverran, OutcomeGiven
from hotline.ids import CallId, OfferId, QueueId
from tests.support.stories import AGENT, story
from tests.unit.metrics.test_metrics_fold import NOW, Numbers

SERVICE = (QueueId("service"),)


def state(at: float, now_state: Any, before: Any) -> AgentStateChanged:
    return AgentStateChanged(at=at, agent_id=AGENT, state=now_state, previous=before, queues=SERVICE)


def overran(at: float = NOW + 10) -> BreakOverran:
    return BreakOverran(at=at, agent_id=AGENT, reason="lunch", limit_s=5, queues=SERVICE)


def said(outcome: str, offer: str) -> OutcomeGiven:
    return OutcomeGiven(at=NOW, call_id=CallId("c"), offer_id=OfferId(offer), agent_id=AGENT, outcome=outcome)


def test_holding_is_work() -> None:
    n = Numbers()
    for at, now_state, before in [(0, "talking", "ready"), (300, "holding", "talking"), (600, "ready", "holding")]:
        n.now = NOW + at
        n.tell(state(NOW + at, now_state, before))
    n.now = NOW + 900
    assert n.level("occupancy_ratio", queue="service") == pytest.approx(600 / 900)
    assert n.level("agents", queue="service", state="holding") == 0


def test_a_break_that_lasts_too_long_is_counted_once_and_shown_while_it_lasts() -> None:
    n = Numbers().tell(state(NOW, "break", "ready"), overran(), overran())
    assert (n.count("breaks_overrun", queue="service"), n.level("agents_overrun", queue="service")) == (1, 1)
    n.tell(state(NOW + 20, "ready", "break"))
    assert (n.count("breaks_overrun", queue="service"), n.level("agents_overrun", queue="service")) == (1, 0)


def test_another_break_begins_with_a_limit_of_its_own() -> None:
    n = Numbers().tell(state(NOW, "break", "ready"), overran(), state(NOW + 20, "break", "break"))
    assert n.level("agents_overrun", queue="service") == 0
    n.tell(state(NOW + 20, "break", "break"), overran(NOW + 30), state(NOW + 20, "break", "break"))
    assert (n.count("breaks_overrun", queue="service"), n.level("agents_overrun", queue="service")) == (2, 1)


def test_late_news_of_a_break_that_is_over_changes_nothing() -> None:
    n = Numbers().tell(state(NOW, "break", "ready"), state(NOW + 20, "ready", "break"), overran())
    assert (n.count("breaks_overrun", queue="service"), n.level("agents_overrun", queue="service")) == (0, 0)


def test_outcomes_are_counted_by_the_queue_of_the_conversation_as_first_given() -> None:
    n = Numbers().tell(state(NOW - 100, "ready", "offline"), *story(1, end=NOW - 10))
    n.tell(said("resolved", "o1"), said("other", "o1"), said("resolved", "o2"))
    assert n.count("outcomes", queue="service", outcome="resolved") == 2
    assert n.count("outcomes", queue="service", outcome="other") == 0
