"""What operators see of forecast and staff in numbers: told when it is known, taken back when it is not."""

import pytest

from forecast.duties.gauges import OURS, Gauges, group_name, word
from hotline.facts import StaffingGapOpened
from hotline.ids import QueueId
from hotline.tally import Tally
from metrics.definitions import by_name
from metrics.exporter import undefined
from metrics.service import ProcessMetrics
from tests.unit.forecast.house import QUEUE, TODAY, House, at, history, settings
from tests.unit.forecast.test_shared_queues import CARDS, sharing

Numbers = dict[str, float]


def numbers(house: House, gauge: str, label: str = "queue") -> Numbers:
    """Return the levels of a gauge of the queue by one of its labels."""
    told = {
        (name, dict(labels).get(label, "")): (dict(labels), value)
        for (name, labels), value in house.tally.levels.items()
    }
    return {key: value for (name, key), (labels, value) in told.items() if name == gauge and labels["queue"] == QUEUE}


async def test_an_interval_that_is_over_is_shown_with_what_had_been_expected_of_it() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        await house.go_to("08:10")
        assert numbers(house, "forecast_came_calls") == {QUEUE: 0}, "it was closed from seven to eight"
        before = next(row for row in house.standing.made["today"].rows if row.starts_at == at("08:00"))
        await house.callers(90)
        await house.go_to("09:10")
        assert numbers(house, "forecast_came_calls") == {QUEUE: 90}
        said = numbers(house, "forecast_said_calls", "quantile")
        assert said["mean"] == pytest.approx(before.mean)
        assert said["0.1"] < said["0.5"] < said["0.9"]


async def test_what_is_expected_of_all_of_today_is_what_came_and_the_rest() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        for clock, many in (("08:10", 90), ("09:10", 80), ("10:10", 0)):
            await house.go_to(clock)
            await house.callers(many)
        assert numbers(house, "forecast_day_came_calls") == {QUEUE: 170}
        day = numbers(house, "forecast_day_calls", "quantile")
        rest = [row.mean for row in house.standing.made["today"].rows]
        assert day["mean"] == pytest.approx(170 + sum(rest))
        assert len(rest) == 4
        assert 170 < day["0.1"] < day["0.5"] < day["0.9"]


async def test_nobody_is_told_what_came_while_nobody_knows_it() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        await house.go_to("09:10")
        assert numbers(house, "forecast_came_calls")
        house.standing.came.clear()
        await house.service._daily.end_interval(house.standing, house.clock.now())
        house.service._gauges.show(house.standing, house.clock.now(), None)
        assert not numbers(house, "forecast_came_calls")
        assert not numbers(house, "forecast_said_calls")


async def test_a_closed_queue_expects_nobody() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        for hour in range(8, 14):
            await house.go_to(f"{hour:02}:10")
            await house.callers(90)
        await house.go_to("15:10")
        assert numbers(house, "forecast_came_calls") == {QUEUE: 0}
        assert set(numbers(house, "forecast_said_calls", "quantile").values()) == {0}
        assert numbers(house, "forecast_day_came_calls") == {QUEUE: 540}
        assert set(numbers(house, "forecast_day_calls", "quantile").values()) == {540}


async def test_an_alarm_is_shown_with_its_size_and_advice_until_it_ends() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        await house.agent("1001", "break")
        await house.go_to("09:06")
        (alarm,) = await house.wait_told(StaffingGapOpened)
        assert numbers(house, "staff_gap_agents", "kind") == {"short": alarm.required - alarm.expected, "over": 0}
        advised = {advice for advice, on in numbers(house, "staff_advice", "advice").items() if on}
        assert advised == set(alarm.advice)
        assert "call_back_breaks" in advised
        for number in range(1001, 1001 + alarm.required + 3):
            await house.agent(str(number), "ready")
        await house.go_to("09:40")
        assert numbers(house, "staff_gap_agents", "kind")["short"] == 0
        assert numbers(house, "staff_advice", "advice")["call_back_breaks"] == 0


async def test_who_is_scheduled_is_shown_where_there_is_a_roster_and_only_there() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        await house.go_to("08:10")
        assert not numbers(house, "staff_rostered")
        house.rosters.work = {str(n): (at("08:00"), at("14:00")) for n in range(1001, 1006)}
        for number in range(1001, 1006):
            await house.agent(str(number), "offline")
        await house.go_to("09:10")
        assert numbers(house, "staff_rostered") == {QUEUE: 5}
        await house.go_to("15:10")
        assert not numbers(house, "staff_rostered")


async def test_the_model_in_use_takes_the_place_of_the_one_before() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        await house.go_to("08:10")
        assert numbers(house, "forecast_model", "horizon") == dict.fromkeys(("today", "half_hour", "day", "month"), 1)
        used = {word(made.model) for made in house.standing.made.values()}
        assert "weekday-mean-summed" in used
        assert set(numbers(house, "forecast_model", "model")) == used
        one = house.standing.made["day"]
        house.standing.made["day"] = type(one)(**{**vars(one), "model": "another"})
        house.service._gauges.show(house.standing, house.clock.now(), None)
        assert set(numbers(house, "forecast_model", "model")) == {
            word(made.model) for made in house.standing.made.values()
        }
        assert "another" in numbers(house, "forecast_model", "model")
        assert len(numbers(house, "forecast_model", "horizon")) == 4


async def test_queues_that_share_agents_carry_the_name_of_their_group() -> None:
    async with sharing() as house:
        await house.settled()
        await house.go_to("08:10")
        names = {
            dict(labels)["queue"]: dict(labels)["group"] for name, labels in house.tally.levels if name == "staff_group"
        }
        assert names == {QUEUE: f"{QUEUE}+{CARDS}", CARDS: f"{QUEUE}+{CARDS}"}


@pytest.mark.parametrize(
    ("queues", "name"),
    [
        (("sales",), "sales"),
        (("sales", "service"), "sales+service"),
        (tuple(f"department-{n}" for n in range(5)), "department-0+4"),
    ],
)
def test_the_name_of_a_group_is_short(queues: tuple[QueueId, ...], name: str) -> None:
    assert group_name(queues) == name


async def test_all_that_is_told_is_defined_and_taken_back_with_the_turn() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        await house.agent("1001", "ready")
        await house.go_to("09:10", TODAY)
        assert undefined(house.tally) == []
        shown = ProcessMetrics(settings(), house.tally, house.clock).exposition()[0].decode()
        assert 'hotline_forecast_model{horizon="day",model="' in shown
        assert '="other"' not in shown, "a label that is no word"
        told = {name for name, _ in house.tally.levels}
        assert {name for name in told if "queue" in {label.name for label in by_name()[name].labels}} <= set(OURS)
        Gauges(house.tally).turn(ours=False)
        assert house.tally.levels == {("forecast_active", ()): 0}


def test_a_level_is_taken_back_by_its_labels() -> None:
    tally = Tally()
    for queue, kind in (("a", "x"), ("a", "y"), ("b", "x")):
        tally.level("gauge", 1.0, queue=queue, kind=kind)
    tally.forget("gauge", queue="a")
    assert [dict(labels) for _, labels in tally.levels] == [{"queue": "b", "kind": "x"}]
    tally.forget("gauge")
    assert not tally.levels
