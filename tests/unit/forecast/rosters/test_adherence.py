"""Minutes in the scheduled kind of state by scheduled minutes, with a tolerance around each change."""

from datetime import UTC, datetime

import pytest

from forecast.rosters.adherence import Adherence, spans_of
from hotline.facts import AgentState
from tests.unit.forecast.rosters.making import day, duty, person, plan

PLAN = plan(person("a"), zone="UTC")
EIGHT = datetime(2026, 11, 23, 8, tzinfo=UTC).timestamp()
HOUR = 3_600.0


def fold(tolerance_s: float = 0.0, shift: str = "E", *breaks: int) -> Adherence:
    made = Adherence(tolerance_s)
    made.schedule(spans_of(PLAN, [duty("a", 0, shift, *(breaks or (180,)))]), EIGHT - HOUR)
    return made


def kept(made: Adherence, until: float) -> tuple[float, float]:
    """Minutes scheduled and kept."""
    made.settle(until)
    found = made.sums(day(0))["a"]
    return found.scheduled_s / 60, found.kept_s / 60


def told(made: Adherence, hours: float, state: AgentState) -> None:
    made.changed("a", state, EIGHT + hours * HOUR, EIGHT + hours * HOUR)


def test_a_shift_is_work_break_work() -> None:
    spans = spans_of(PLAN, [duty("a", 0, "E", 180)])["a"]
    assert [(s.kind, (s.begin - EIGHT) / HOUR, (s.end - EIGHT) / HOUR) for s in spans] == [
        ("work", 0, 3),
        ("break", 3, 4),
        ("work", 4, 9),
    ]


def test_who_is_where_the_roster_wants_him_keeps_everything() -> None:
    made = fold()
    told(made, 0, "ready")
    told(made, 1, "talking")
    told(made, 3, "break")
    told(made, 4, "wrap_up")
    assert kept(made, EIGHT + 9 * HOUR) == (540.0, 540.0)
    assert made.sums(day(0))["a"].ratio == 1.0


@pytest.mark.parametrize(
    ("state", "minutes"), [("ready", 60.0), ("rest", 60.0), ("break", 0.0), ("offline", 0.0), ("unreachable", 0.0)]
)
def test_states_that_are_work(state: AgentState, minutes: float) -> None:
    made = fold()
    told(made, 0, state)
    assert kept(made, EIGHT + HOUR) == (60.0, minutes)


def test_coming_late_and_working_into_the_break_are_counted() -> None:
    made = fold()
    told(made, 0.5, "ready")
    told(made, 3.25, "break")
    assert kept(made, EIGHT + 4 * HOUR) == (240.0, 150.0 + 45.0)


def test_the_tolerance_forgives_a_call_that_lasts_into_the_break_and_no_more() -> None:
    made = fold(180.0)
    told(made, 0, "ready")
    told(made, 3 + 2 / 60, "break")
    assert kept(made, EIGHT + 4 * HOUR) == (240.0, 240.0)
    late = fold(180.0)
    told(late, 0, "ready")
    told(late, 3 + 10 / 60, "break")
    assert kept(late, EIGHT + 4 * HOUR) == (240.0, pytest.approx(233.0))


def test_settling_often_changes_nothing() -> None:
    often, once = fold(100.0), fold(100.0)
    for made in (often, once):
        told(made, 0.1, "ready")
    for minute in range(0, 300, 7):
        often.settle(EIGHT + minute * 60)
    assert kept(often, EIGHT + 5 * HOUR) == pytest.approx(kept(once, EIGHT + 5 * HOUR))


def test_an_older_fact_than_the_last_changes_nothing() -> None:
    made = fold()
    told(made, 0, "ready")
    made.changed("a", "offline", EIGHT - HOUR, EIGHT + HOUR)
    assert kept(made, EIGHT + HOUR) == (60.0, 60.0)


def test_where_everybody_should_be_now() -> None:
    made = fold(60.0)
    told(made, 0, "ready")
    place = made.places(EIGHT + HOUR)[0]
    assert (place.person, place.scheduled, place.actual, place.adheres, place.until) == (
        "a",
        "work",
        "work",
        True,
        EIGHT + 3 * HOUR,
    )
    assert [p.adheres for p in made.places(EIGHT + 3.5 * HOUR)] == [False]
    told(made, 9, "offline")
    assert made.places(EIGHT + 10 * HOUR) == []


def test_a_changed_roster_counts_from_now_on() -> None:
    made = fold()
    told(made, 0, "ready")
    made.schedule({}, EIGHT + HOUR)
    assert kept(made, EIGHT + 9 * HOUR) == (60.0, 60.0)
    assert made.places(EIGHT + 2 * HOUR) == []


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    made = Adherence(0.0)
    made.schedule(spans_of(PLAN, [duty("a", 0, "N", 180)]), EIGHT)
    told(made, 14, "ready")
    made.settle(EIGHT + 30 * HOUR)
    assert list(made.sums(day(0))) == ["a"]
    assert made.sums(day(1)) == {}
