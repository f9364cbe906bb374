"""Callers who are told of so late, after their node was lost, that they may be gone: they wait until a survey shows them, and not longer."""

from hotline.facts import NodeSurveyed
from hotline.ids import NodeId
from tests.unit.acd.play import NODE, START, Play


def late(play: Play) -> list[str]:
    """Return what follows when a caller who came at START is told of after his node was lost and found."""
    play.ready("1001")
    play.router.lose([NodeId(NODE)], now=play.now)
    play.surveyed()
    play.now = START + 10
    return play.queued("A", entered_at=START + 5)


def test_a_caller_told_of_late_is_not_offered_and_his_node_is_asked_anew() -> None:
    play = Play("1001")
    assert late(play) == []
    assert play.router.surveyed == ()


def test_a_survey_that_shows_him_has_him_offered() -> None:
    play = Play("1001")
    late(play)
    assert "offer A 1001" in play.surveyed(play.found("A", "session", entered_at=START + 5))
    assert play.router.surveyed == (NODE,)


def test_a_survey_from_before_he_came_leaves_the_node_to_be_asked_again() -> None:
    """Else nobody would ever ask about him, and he would wait for ever. Found by seed 357 of tests/simulation."""
    play = Play("1001")
    late(play)
    play.give(NodeSurveyed(at=START + 4, node=NODE, epoch=0, calls=(), seats=()))
    assert play.router.surveyed == ()
    assert "offer A 1001" in play.surveyed(play.found("A", "session", entered_at=START + 5))
