"""A roster is made in a process of its own: its answer, its progress, its errors, its end."""

import pytest

from forecast.rosters.apart import Making, make_apart
from forecast.rosters.check import violations
from forecast.rosters.explain import Infeasible
from forecast.rosters.outcome import Limits, Progress
from hotline.errors import OutcomeUnknown
from tests.unit.forecast.rosters.making import by_lot, person, plan
from tests.unit.forecast.rosters.test_solve import many


def test_a_process_of_its_own_hands_back_the_roster_and_tells_how_far_it_is() -> None:
    told: list[Progress] = []
    found = make_apart(by_lot(0), Limits(seconds=20.0, gap=0.05), tell=told.append)
    assert violations(by_lot(0), found.roster.duties) == []
    assert told


def test_rules_that_collide_come_back_as_what_they_are() -> None:
    with pytest.raises(Infeasible) as caught:
        make_apart(plan(person("王芳", hours_week_min=30, hours_week_max=20)), Limits())
    assert [c.person for c in caught.value.conflicts] == ["王芳"]


def test_who_gives_up_gets_what_there_is() -> None:
    found = make_apart(many(5), Limits(seconds=120.0, gap=0.0), cancelled=lambda: True)
    assert violations(many(5), found.roster.duties) == []
    assert found.seconds < 100


def test_a_process_that_is_killed_is_noticed_and_closing_ends_one_that_works() -> None:
    making = Making(many(8), Limits(seconds=120.0, gap=0.0))
    try:
        making._process.kill()
        while not making.ended:
            making.poll(5.0)
        with pytest.raises(OutcomeUnknown, match="killed"):
            making.result()
    finally:
        making.close()
