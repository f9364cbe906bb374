"""Wrap-up, and the outcome that an agent gives of his conversation."""

import msgspec
import pytest

from acd.core.requests import OutcomeRequest, outcome_of_code
from hotline import facts as f
from hotline.ids import AgentId, OfferId
from tests.unit.acd.play import Play

OUTCOMES = ("resolved", "follow_up", "nuisance")


def working(*, wrap_up_s: float = 10, outcome_required: bool = True, talked: bool = True, **queue: object) -> Play:
    """Return a house in which 1001 has talked to A (or talks to him)."""
    play = Play("1001", wrap_up_s=wrap_up_s, outcome_required=outcome_required, house={"outcomes": OUTCOMES}, **queue)
    play.ready("1001")
    play.queued("A")
    play.answered("A")
    if talked:
        play.told(f.TalkEnded, "A")
    return play


def say(play: Play, outcome: str = "resolved", *, offer: str = "", agent: str = "1001", note: str = "") -> list[str]:
    offer_id = OfferId(offer) if offer else None
    return play.give(
        OutcomeRequest(at=play.now, agent_id=AgentId(agent), outcome=outcome, offer_id=offer_id, note=note)
    )


def test_wrap_up_does_not_end_by_time_before_the_outcome_is_given():
    play = working()
    assert play.after(600) == []
    assert play.state("1001") == "wrap_up"
    assert say(play) == ["outcome of A resolved by 1001", "1001 wrap_up -> ready (outcome_given)"]


@pytest.mark.parametrize("ask", ["ready", "end_wrap_up"])
def test_nobody_is_ready_before_he_said_how_it_went(ask):
    play = working()
    assert play.ask("1001", ask) == ["refused 1001 outcome_required"]
    say(play)
    assert play.ask("1001", ask) == ["1001 wrap_up -> ready"]


def test_wrap_up_lasts_its_time_although_the_outcome_was_given():
    play = working(wrap_up_s=10)
    assert say(play) == ["outcome of A resolved by 1001"]
    assert play.after(10) == ["1001 wrap_up -> ready (wrap_up_over)"]


def test_an_outcome_given_during_the_conversation_is_enough():
    play = working(talked=False)
    assert say(play) == ["outcome of A resolved by 1001"]
    play.told(f.TalkEnded, "A")
    assert play.after(10) == ["1001 wrap_up -> ready (wrap_up_over)"]


def test_without_a_wrap_up_time_the_outcome_ends_it():
    play = working(wrap_up_s=0)
    assert (play.state("1001"), play.after(60)) == ("wrap_up", [])
    assert say(play)[-1] == "1001 wrap_up -> ready (outcome_given)"


def test_the_last_word_counts():
    play = working(outcome_required=False)
    say(play, "resolved")
    assert say(play, "follow_up") == ["outcome of A follow_up by 1001"]
    talk = play.router.floor.agents[AgentId("1001")].conversation
    assert talk is not None
    assert talk.outcome == "follow_up"


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"outcome": "golf"}, "unknown_outcome"),
        ({"offer": "A.other.1"}, "other_conversation"),
        ({"agent": "1009"}, "no_such_agent"),
    ],
)
def test_an_outcome_that_cannot_be_is_refused(said, refusal):
    play = working()
    assert say(play, **said) == [f"refused {said.get('agent', '1001')} {refusal}"]
    assert play.ask("1001", "ready") == ["refused 1001 outcome_required"]


def test_who_never_talked_has_nothing_to_say():
    play = Play("1001", house={"outcomes": OUTCOMES})
    assert say(play) == ["refused 1001 no_conversation"]


def test_the_outcome_is_owed_after_a_log_out_too():
    play = working()
    assert play.ask("1001", "log_out") == ["1001 wrap_up -> offline"]
    assert play.ask("1001", "ready") == ["refused 1001 outcome_required"]
    assert play.ask("1001", "log_in") == ["1001 offline -> break (logged_in)"]
    say(play)
    assert play.ask("1001", "ready") == ["1001 break -> ready"]


def test_a_supervisor_waives_it():
    play = working()
    assert play.ask("1001", "force_ready") == ["1001 wrap_up -> ready"]


def test_it_is_still_owed_after_our_own_death():
    heir = working().reborn()
    assert heir.after(60) == []
    assert heir.ask("1001", "ready") == ["refused 1001 outcome_required"]
    assert say(heir) == ["outcome of A resolved by 1001", "1001 wrap_up -> ready (outcome_given)"]


def test_the_next_conversation_owes_its_own():
    play = working()
    say(play)
    play.after(10)
    play.queued("B")
    play.answered("B")
    play.told(f.TalkEnded, "B")
    assert play.ask("1001", "ready") == ["refused 1001 outcome_required"]


def test_a_code_on_the_phone_gives_the_outcome():
    play = working()
    assert play.dial("1001", "45") == ["answer refused"]
    assert play.dial("1001", "462") == ["outcome of A follow_up by 1001", "answer done"]
    assert play.dial("1001", "45") == ["1001 wrap_up -> ready", "answer done"]
    assert play.dial("1001", "469") == ["answer refused"]


def test_codes_name_outcomes_by_their_number():
    assert [outcome_of_code(code, OUTCOMES) for code in ("461", "463", "464", "460", "46", "41", "4611", "46²")] == [
        "resolved", "nuisance", None, None, None, None, None, None,
    ]  # fmt: skip


def test_without_auto_ready_wrap_up_lasts_until_he_says_so():
    play = working(outcome_required=False, auto_ready=False, wrap_up_s=5)
    assert play.after(3_600) == []
    assert play.ask("1001", "end_wrap_up") == ["1001 wrap_up -> ready"]


def test_without_auto_ready_there_is_a_wrap_up_even_of_no_length():
    assert working(outcome_required=False, auto_ready=False, wrap_up_s=0).state("1001") == "wrap_up"


def hold(play: Play, kind: type[f.OfferFact]) -> list[str]:
    return play.told(kind, "A")


def test_an_agent_who_puts_his_caller_on_hold_holds_him():
    play = working(talked=False)
    assert hold(play, f.HoldBegan) == ["1001 talking -> holding"]
    assert hold(play, f.HoldBegan) == []
    assert hold(play, f.HoldEnded) == ["1001 holding -> talking"]


def test_a_conversation_may_end_on_hold():
    play = working(talked=False)
    hold(play, f.HoldBegan)
    assert play.told(f.TalkEnded, "A") == ["1001 holding -> wrap_up"]
    assert hold(play, f.HoldEnded) == []
    assert play.router.floor.ignored["late_hold"] == 1


@pytest.mark.parametrize(("held", "state"), [(True, "holding"), (False, "talking")])
def test_after_our_death_the_node_says_whether_he_still_holds(held, state):
    play = working(talked=False)
    hold(play, f.HoldBegan)
    offer = play.last_offer("A")
    heir = play.reborn()
    heir.surveyed(msgspec.structs.replace(heir.found("A", "talking", offer=offer), held=held))
    assert heir.state("1001") == state
    assert heir.told(f.TalkEnded, "A", offer) == [f"1001 {state} -> wrap_up"]
