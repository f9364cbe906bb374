"""What special days did to the calls, from counts of which it is known."""

from datetime import date, timedelta

import numpy as np
import pytest

from forecast.days.calendar import Calendar, Event
from forecast.days.effects import Effect, measure
from forecast.days.features import features
from forecast.days.scale import Scale, scale_of
from forecast.series.counts import Counts
from hotline.errors import Misuse
from tests.unit.forecast.generator import daily

FIRST = date(2023, 1, 2)
SALES = [FIRST + timedelta(days=number) for number in (30, 71, 115, 156)]
EVENTS = tuple(Event(name="sale", first=day, last=day) for day in SALES)


def with_factor(counts: Counts, when: list[date], factor: float) -> Counts:
    chosen = np.isin(counts.periods, np.array(when, dtype="datetime64[D]"))
    return counts.with_values(np.where(chosen[:, None], np.round(counts.values * factor), counts.values))


def effect_of(name: str, history: Counts, calendar: Calendar) -> Effect:
    return next(row for row in measure(history, calendar).rows if row.name == name)


def test_an_event_of_several_days_is_measured_with_its_interval() -> None:
    history = with_factor(daily(count=180), SALES, 1.6)
    found = effect_of("event:sale", history, Calendar(events=EVENTS))
    assert found.days == 4
    assert found.low < 1.6 < found.high
    assert found.ratio == pytest.approx(1.6, rel=0.12)


def test_one_day_says_less_than_four() -> None:
    history = with_factor(daily(count=180), SALES, 1.6)
    one, four = (effect_of("event:sale", history, Calendar(events=EVENTS[:count])) for count in (1, 4))
    assert one.high - one.low > four.high - four.low
    assert one.ratio > 1


def test_an_effect_that_is_none_is_not_found() -> None:
    found = effect_of("event:sale", daily(count=180), Calendar(events=EVENTS))
    assert found.low < 1 < found.high


def test_a_holiday_never_seen_is_expected_to_do_in_part_what_others_did() -> None:
    holidays = {day: f"feast {number}" for number, day in enumerate(SALES)}
    history = with_factor(daily(count=180), SALES, 0.2)
    unseen = date(2023, 7, 19)
    calendar = Calendar(holidays={**holidays, unseen: "another feast"})
    effects = measure(history, calendar)
    expected = effects.of(features(np.array([unseen], dtype="datetime64[D]"), calendar))[0]
    assert np.log(0.15) < expected < np.log(0.4)


def test_an_outage_that_nobody_noted_does_not_become_the_effect_of_its_weekday() -> None:
    history = daily(count=180)
    history.values[100] = 3
    found = effect_of("event:sale", with_factor(history, SALES, 1.6), Calendar(events=EVENTS))
    assert found.ratio == pytest.approx(1.6, rel=0.15)


def test_excluded_and_unknown_days_teach_nothing() -> None:
    history = with_factor(daily(count=180), SALES, 1.6)
    history.values[40:45] = np.nan
    broken = with_factor(history, [FIRST + timedelta(days=80)], 50.0)
    outage = Event(name="outage", first=FIRST + timedelta(days=80), last=FIRST + timedelta(days=80), excluded=True)
    clean = effect_of("event:sale", history, Calendar(events=EVENTS))
    assert effect_of("event:sale", broken, Calendar(events=(*EVENTS, outage))).ratio == pytest.approx(
        clean.ratio, rel=0.02
    )


def test_small_queues_have_effects_too() -> None:
    history = with_factor(daily(count=180, level=8, dispersion=1.5), SALES, 3.0)
    found = effect_of("event:sale", history, Calendar(events=EVENTS))
    assert found.low > 1
    assert found.ratio == pytest.approx(3.0, rel=0.4)


def test_nothing_known_and_no_days_are_refused() -> None:
    history = daily(count=30)
    with pytest.raises(Misuse, match="nothing is known"):
        measure(history.with_values(np.full((30, 1), np.nan)), Calendar())


@pytest.mark.parametrize("level", [4.0, 900.0])
def test_the_scale_goes_there_and_back(level: float) -> None:
    calls = level * np.array([0.25, 0.5, 1.0, 1.1, 3.0])
    scale = scale_of(calls)
    assert scale.kind == ("root" if level < 50 else "log")
    assert scale.calls(scale.learn(calls)) == pytest.approx(calls)
    assert scale.learn(np.array([level]))[0] == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("scale", [Scale(kind="log", middle=400), Scale(kind="root", middle=12)])
def test_the_variance_lifts_the_mean_as_drawn_numbers_show(scale: Scale) -> None:
    drawn = scale.calls(np.random.default_rng(3).normal(0.1, 0.2, 200_000))
    assert scale.mean(np.array([0.1]), np.array([0.04]))[0] == pytest.approx(drawn.mean(), rel=0.003)


def test_a_hundredfold_day_is_only_as_far_as_the_scale_goes() -> None:
    scale = Scale(kind="log", middle=100)
    assert scale.learn(np.array([1e9, 0.0])).tolist() == [4.0, -4.0]
