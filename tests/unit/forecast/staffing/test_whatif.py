"""What if more call, calls are shorter, people are ill or more is asked for."""

import numpy as np
import pytest

from forecast.staffing.plan import plan
from forecast.staffing.rules import Rules, Targets, Work
from forecast.staffing.whatif import Variant, compare
from hotline.errors import Misuse
from tests.unit.forecast.staffing.forecasts import forecast

RULES = Rules(work=Work(handling_s=180, patience_s=300), targets=Targets(share=0.8, threshold_s=30))
ASKED = forecast([40, 200, 600] * 8 + [90, 30])


def outcome(variant, **given):
    return compare(ASKED, RULES, [variant], **given)[1][0]


def test_a_fifth_more_calls_needs_what_a_plan_for_them_needs_and_hurts_until_then():
    base, (more,) = compare(ASKED, RULES, [Variant(name="more", volumes=1.2)])
    assert (more.needed.agents >= base.agents).all()
    assert more.needed.load == pytest.approx(base.load * 1.2)
    assert more.needed.calls == pytest.approx(base.calls * 1.2)
    assert (more.missing == more.needed.agents - base.agents).all()
    assert more.total()["service_level"] < 0.8 <= more.needed.total()["service_level"]


def test_shorter_calls_need_fewer_and_help_at_once():
    base, (shorter,) = compare(ASKED, RULES, [Variant(name="shorter", handling_s=-30)])
    assert (shorter.needed.agents <= base.agents).all()
    assert shorter.needed.agents.sum() < base.agents.sum()
    assert shorter.total()["service_level"] > base.total()["service_level"]


def test_people_who_are_ill_are_missing_everywhere_and_never_below_nobody():
    base, (ill,) = compare(ASKED, RULES, [Variant(name="ill", absent=2)])
    assert (ill.needed.agents == base.agents).all()
    assert (ill.missing == np.minimum(2, base.agents)).all()
    assert (outcome(Variant(name="all ill", absent=10_000)).there == 0).all()


def test_another_target_changes_the_need_and_not_what_callers_meet():
    base, (strict,) = compare(ASKED, RULES, [Variant(name="strict", targets={"share": 0.95})])
    assert (strict.needed.agents > base.agents).all()
    assert strict.unchanged.service_level == pytest.approx(base.expected.service_level)


def test_nothing_otherwise_is_the_plan():
    base, (same,) = compare(ASKED, RULES, [Variant(name="same")])
    assert (same.needed.agents == plan(ASKED, RULES).agents).all()
    assert (same.missing == 0).all()
    assert same.total() == pytest.approx(base.total())


def test_who_is_scheduled_may_be_given():
    given = np.full((1, 26), 30)
    found = outcome(Variant(name="ill", absent=1), agents=given)
    assert (found.there == 29).all()
    assert (found.missing == found.needed.agents - 29).all()


def test_handling_times_of_intervals_change_by_the_same_seconds():
    found = outcome(Variant(name="longer", handling_s=60), handling_s=np.full((1, 26), 100.0))
    assert found.needed.load == pytest.approx(ASKED.mean * 160 / 1_800)


@pytest.mark.parametrize(
    "variant",
    [
        Variant(name="no call lasts", handling_s=-180),
        Variant(name="fewer than none", absent=-1),
        Variant(name="less than no calls", volumes=-0.5),
        Variant(name="nonsense", targets={"speed": 1.0}),
        Variant(name="too much", targets={"share": 1.5}),
    ],
)
def test_a_variant_that_makes_no_sense_is_one_clear_error(variant):
    with pytest.raises(Misuse):
        outcome(variant)
