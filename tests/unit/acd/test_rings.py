"""Several phones that ring for one caller at once."""

import pytest

from hotline import commands as c
from hotline import facts as f
from tests.unit.acd.play import Play

CREW = ("1001", "1002", "1003")


def ringing(strategy: str = "ring_all", **queue: object) -> Play:
    play = Play(*CREW, strategy=strategy, **queue)
    play.ready(*CREW)
    play.queued("A")
    return play


def of(play: Play, agent: str) -> str:
    """Return the id of an agent's live offer."""
    return play.router.floor.offers.of_agent(agent).offer_id


def states(play: Play) -> list[str]:
    return [play.state(agent) for agent in CREW]


def test_all_who_can_are_reserved_and_one_command_rings_them():
    play = Play(*CREW, strategy="ring_all")
    play.ready(*CREW)
    said = play.queued("A")
    assert [text for text in said if text.startswith("offer")] == [f"offer A {agent}" for agent in CREW]
    assert said[-1] == "ring A 1001"
    [ring] = [o for o in play.out if isinstance(o, c.Ring)]
    assert [(t.agent_id, t.after_s) for t in ring.also] == [("1002", 0.0), ("1003", 0.0)]
    made = [o for o in play.out if isinstance(o, f.OfferMade)]
    assert {o.group for o in made} == {ring.offer_id}
    assert [o.offer_id for o in made] == [ring.offer_id, *(t.offer_id for t in ring.also)]
    assert states(play) == ["reserved"] * 3
    assert play.router.why("A")[0].also == ("1002", "1003")


def test_no_more_are_rung_than_the_queue_says():
    assert states(ringing(ring_at_once=2)) == ["reserved", "reserved", "ready"]


def test_one_alone_is_rung_as_ever():
    play = Play("1001", strategy="ring_all")
    play.ready("1001")
    play.queued("A")
    made, _, ring = play.out
    assert (made.group, ring.also) == (None, ())


def test_phones_ring_one_after_the_other_where_the_queue_says_so():
    play = ringing("ring_progressive", ring_more_every_s=6, ring_timeout_s=15)
    [ring] = [o for o in play.out if isinstance(o, c.Ring)]
    assert [(t.agent_id, t.after_s) for t in ring.also] == [("1002", 6.0), ("1003", 12.0)]


def test_nobody_is_reserved_whose_phone_would_begin_to_ring_when_the_time_is_up():
    assert states(ringing("ring_progressive", ring_more_every_s=8, ring_timeout_s=15)) == [
        "reserved",
        "reserved",
        "ready",
    ]


def test_who_answers_first_has_the_caller_and_the_others_are_free_at_their_phones_word():
    play = ringing()
    assert play.told(f.OfferAccepted, "A", of(play, "1002")) == ["1002 reserved -> talking"]
    for agent in ("1001", "1003"):
        play.told(f.OfferRescinded, "A", of(play, agent), reason="answered_elsewhere")
    assert states(play) == ["ready", "talking", "ready"]
    assert play.router.floor.line.get("A") is None


def test_who_rang_in_vain_keeps_his_place_among_the_idle():
    play = ringing()
    play.told(f.OfferAccepted, "A", of(play, "1002"))
    for agent in ("1003", "1001"):
        play.told(f.OfferRescinded, "A", of(play, agent), reason="answered_elsewhere")
    assert play.queued("B")[0] == "offer B 1001"


def test_a_second_answer_changes_nothing():
    play = ringing()
    second = of(play, "1003")
    play.told(f.OfferAccepted, "A", of(play, "1002"))
    assert play.told(f.OfferAccepted, "A", second) == []
    assert play.router.floor.ignored["late_offer"] == 1


def test_the_others_are_freed_by_their_clocks_if_nobody_tells():
    play = ringing()
    play.told(f.OfferAccepted, "A", of(play, "1002"))
    play.after(2)
    assert states(play) == ["ready", "talking", "ready"]


def test_one_who_rejects_leaves_the_others_ringing():
    play = ringing()
    assert play.told(f.OfferRejected, "A", of(play, "1001")) == ["1001 reserved -> ready (rejected)"]
    assert states(play) == ["ready", "reserved", "reserved"]
    assert play.told(f.OfferAccepted, "A", of(play, "1003")) == ["1003 reserved -> talking"]


def test_who_rejected_is_free_for_others_meanwhile():
    play = ringing()
    play.told(f.OfferRejected, "A", of(play, "1001"))
    assert play.queued("B")[0] == "offer B 1001"


def test_the_caller_comes_back_when_all_phones_rang_out():
    play = ringing(rest_after_no_answer_s=0)
    group = of(play, "1001")
    for agent in CREW:
        assert play.told(f.OfferTimedOut, "A", of(play, agent)) == [f"{agent} reserved -> ready (no_answer)"]
    assert [text for text in play.returned("A", offer=group) if text.startswith("offer")] == [
        f"offer A {agent}" for agent in CREW
    ]


def test_the_caller_may_be_back_before_the_phones_last_words():
    play = ringing(rest_after_no_answer_s=0)
    group = of(play, "1001")
    assert play.returned("A", offer=group) == []
    said = [play.told(f.OfferTimedOut, "A", of(play, agent)) for agent in CREW]
    assert [any(text.startswith("ring") for text in texts) for texts in said] == [False, False, True]


def test_when_nobody_tells_the_ring_is_taken_back_once():
    play = ringing(ring_timeout_s=10)
    said = play.after(11.5)
    assert said.count("cancel A") == 1
    assert said.count("unknown A") == 3
    assert play.outcome(c.CancelRing, c.Refused(reason="not_ringing")) == []
    assert play.router.floor.line.get("A").whereabouts == "here"


def test_a_ring_that_was_refused_frees_everybody():
    play = ringing()
    said = play.outcome(c.Ring, c.Refused(reason="link_down"))
    assert [text for text in said if text.startswith("failed")] == ["failed A link_down"] * 3
    assert play.router.floor.line.get("A").whereabouts == "paused"
    assert states(play) == ["rest"] * 3


def test_an_agent_who_leaves_while_they_ring_takes_the_whole_ring_back():
    play = ringing()
    group = of(play, "1001")
    assert play.ask("1002", "log_out")[-1] == "cancel A"
    cancel = play.sent[-1]
    assert (cancel.offer_id, len(play.router.floor.offers)) == (group, 3)
    for agent in CREW:
        play.told(f.OfferRescinded, "A", of(play, agent), reason="withdrawn")
    assert [text for text in play.returned("A", offer=group) if text.startswith("offer")] == [
        "offer A 1001",
        "offer A 1003",
    ]
    assert play.state("1002") == "offline"


def test_a_caller_who_hangs_up_frees_everybody_in_a_moment():
    play = ringing()
    assert play.ended("A") == ["abandoned A short while ringing"]
    play.after(2)
    assert states(play) == ["ready"] * 3
    assert len(play.router.floor.offers) == 0


def test_an_answer_after_we_gave_up_is_right():
    play = ringing(ring_timeout_s=10, rest_after_no_answer_s=0)
    second = of(play, "1002")
    play.after(11.2)
    assert "1002 ready -> talking" in play.told(f.OfferAccepted, "A", second)
    assert play.router.floor.line.get("A") is None


@pytest.mark.parametrize("told", ["group", "member"])
def test_a_ring_outlives_us(told):
    play = ringing()
    group, second = of(play, "1001"), of(play, "1002")
    heir = play.reborn()
    heir.adopted("A", "ringing", offer=group if told == "group" else second)
    assert states(heir) == ["reserved"] * 3
    assert heir.told(f.OfferAccepted, "A", second) == ["1002 reserved -> talking"]
    heir.told(f.OfferRescinded, "A", group, reason="answered_elsewhere")
    heir.after(2)
    assert states(heir) == ["ready", "talking", "ready"]


def test_an_answer_while_nobody_looked_is_found():
    play = ringing()
    second = of(play, "1002")
    heir = play.reborn()
    heir.surveyed(heir.found("A", "talking", offer=second))
    heir.after(2)
    assert states(heir) == ["ready", "talking", "ready"]


def test_a_ring_that_was_over_while_nobody_looked_is_closed():
    heir = ringing(rest_after_no_answer_s=0).reborn()
    said = heir.surveyed(heir.found("A", "session"))
    assert said.count("unknown A") == 3
    assert [text for text in said if text.startswith("offer")] == [f"offer A {agent}" for agent in CREW]


def test_an_offer_counts_once_however_many_rang():
    play = ringing(max_offers=2, rest_after_no_answer_s=0)
    for _ in range(2):
        group = of(play, "1001")
        for agent in CREW:
            play.told(f.OfferTimedOut, "A", of(play, agent))
        said = play.returned("A", offer=group)
    assert "release A fallback" in said


def test_the_answered_one_is_not_given_up_with_those_whose_last_word_is_missing():
    play = ringing(ring_timeout_s=10)
    second = of(play, "1002")
    heir = play.reborn()
    heir.now += 12
    heir.surveyed(heir.found("A", "talking", offer=second))
    heir.after(5)
    assert states(heir) == ["ready", "talking", "ready"]
    assert heir.told(f.TalkEnded, "A", second)[0] == "1002 talking -> wrap_up"


def test_the_callers_return_sends_nobody_into_wrap_up_but_who_talked_with_him():
    play = ringing()
    group, second = of(play, "1001"), of(play, "1002")
    play.told(f.OfferAccepted, "A", second)
    play.told(f.TalkEnded, "A", second)
    play.give(f.CallReturned(at=play.now, call_id="A", offer_id=group, answered=True))
    play.after(2)
    assert states(play) == ["ready", "wrap_up", "ready"], "although nobody told how the other rings ended"
