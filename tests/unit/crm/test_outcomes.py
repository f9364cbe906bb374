"""How a conversation went, in the row of its offer and in the story of its call."""

from crm.api.story import describe
from crm.fold.projections import fold_call
from hotline.facts import HoldBegan, HoldEnded, OutcomeGiven
from hotline.ids import AgentId
from tests.support.envelopes import CALL, OFFER, T0, answered_call, told


def said(outcome: str, note: str = "", at: float = T0 + 60) -> OutcomeGiven:
    return OutcomeGiven(at=at, call_id=CALL, offer_id=OFFER, agent_id=AgentId("1001"), outcome=outcome, note=note)


def test_the_last_word_on_a_conversation_stands_in_its_offer() -> None:
    rows = fold_call(told(*answered_call(), said("resolved"), said("follow_up", "calls back", T0 + 61)))
    (offer,) = rows.offers
    assert (offer.result, offer.outcome, offer.outcome_note) == ("answered", "follow_up", "calls back")


def test_without_a_word_the_outcome_is_empty() -> None:
    (offer,) = fold_call(told(*answered_call())).offers
    assert (offer.outcome, offer.outcome_note) == ("", "")


def test_an_outcome_changes_nothing_else_of_a_call() -> None:
    before, after = fold_call(told(*answered_call())), fold_call(told(*answered_call(), said("resolved")))
    assert (before.call, before.segments) == (after.call, after.segments)


def test_hold_and_outcome_are_told_in_both_languages() -> None:
    ids = {"at": T0, "call_id": CALL, "offer_id": OFFER}
    assert describe(said("follow_up", "calls back")) == "agent 1001 says how it went: follow up (calls back)"
    assert "1001" in describe(said("resolved"), "zh")
    assert "hold" in describe(HoldBegan(**ids))
    assert "hold" in describe(HoldEnded(**ids))
    assert "保持" in describe(HoldBegan(**ids), "zh")
