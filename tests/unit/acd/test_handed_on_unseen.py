"""A caller was handed on while no router looked: the next one finds him waiting anew, and does not take him for one who is done.

Found by a story of tests/simulation.
"""

import pytest

from hotline import facts as f
from tests.unit.acd.play import START, Play


def talking() -> Play:
    play = Play("1", "2")
    play.ready("1", "2")
    play.queued("A")
    play.answered("A")
    return play


def test_who_joined_a_line_after_his_talk_began_waits_anew() -> None:
    heir = talking().reborn()
    heir.now += 5
    lines = heir.surveyed(heir.found("A", "session", entered_at=heir.now - 1))
    assert "1 talking -> wrap_up (reconciled)" in lines
    assert "offer A 2" in lines


def test_who_is_found_at_the_place_that_he_had_before_his_talk_is_done() -> None:
    heir = talking().reborn()
    heir.now += 5
    lines = heir.surveyed(heir.found("A", "session", entered_at=START))
    assert "1 talking -> wrap_up (reconciled)" in lines
    assert not [line for line in lines if line.startswith("offer")]


@pytest.mark.parametrize("how", ["found", "told", "found under a lost offer"])
def test_who_refused_him_before_somebody_answered_unseen_may_be_rung_when_he_is_handed_on(how: str) -> None:
    play = Play("1", "2", wrap_up_s=60)
    play.ready("1", "2")
    play.queued("A")
    play.unanswered("A", f.OfferRejected)
    offer = play.last_offer("A")
    heir = play.reborn()
    heir.now += 1
    if how == "told":
        heir.told(f.OfferAccepted, "A", offer)
    else:
        heir.surveyed(heir.found("A", "talking", offer=offer if how == "found" else "unknown"))
    heir.now += 10
    heir.told(f.TalkEnded, "A", offer)
    assert "offer A 1" in heir.queued("A")
