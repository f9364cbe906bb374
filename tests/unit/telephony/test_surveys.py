"""When a node tells a router everything: once for each term, again only when the answer was lost."""

import pytest

from hotline.facts import RouterActive
from telephony.surveys import AGAIN_S, Surveys


def beat(epoch: int = 1, *surveyed: str, router: str = "r1") -> RouterActive:
    return RouterActive(at=0.0, router=router, epoch=epoch, surveyed=surveyed)  # type: ignore[arg-type]


@pytest.fixture
def surveys() -> Surveys:
    return Surveys("n")  # type: ignore[arg-type]


def test_a_router_that_does_not_list_us_is_answered_once(surveys: Surveys) -> None:
    assert surveys.hear(beat(), 10.0)
    assert not surveys.hear(beat(), 10.5)
    assert surveys.answer(10.6) == 1
    assert surveys.answer(10.6) is None
    assert not surveys.hear(beat(), 11.0)
    assert not surveys.hear(beat(1, "n"), 60.0)


def test_a_router_that_knows_us_is_not_answered(surveys: Surveys) -> None:
    assert not surveys.hear(beat(1, "m", "n"), 10.0)
    assert surveys.answer(10.0) is None


def test_an_answer_that_was_lost_is_repeated(surveys: Surveys) -> None:
    surveys.hear(beat(), 10.0)
    surveys.answer(10.0)
    assert surveys.hear(beat(1, "m"), 10.0 + AGAIN_S)
    assert surveys.answer(11.0) == 1


def test_a_newer_term_is_a_new_question_also_while_one_is_open(surveys: Surveys) -> None:
    surveys.hear(beat(1), 10.0)
    assert surveys.hear(beat(2, router="r2"), 10.1)
    assert surveys.answer(10.2) == 2
    assert surveys.hear(beat(3), 10.3)


def test_a_router_of_an_older_term_is_told_nothing(surveys: Surveys) -> None:
    surveys.hear(beat(2, "n"), 10.0)
    assert not surveys.hear(beat(1), 10.1)
    assert surveys.answer(10.2) is None


def test_where_there_are_no_terms_another_router_is_a_new_question(surveys: Surveys) -> None:
    surveys.hear(beat(0), 10.0)
    surveys.answer(10.0)
    assert surveys.hear(beat(0, router="r2"), 10.1)


def test_after_a_lost_link_the_question_is_asked_anew(surveys: Surveys) -> None:
    surveys.hear(beat(), 10.0)
    surveys.give_up()
    assert surveys.answer(10.1) is None
    assert surveys.hear(beat(), 10.2)


def test_a_router_that_learnt_of_us_in_between_needs_no_answer(surveys: Surveys) -> None:
    surveys.hear(beat(), 10.0)
    surveys.hear(beat(1, "n"), 10.1)
    assert surveys.answer(10.2) is None
