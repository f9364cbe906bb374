"""What the settings say to a forecast, choices that are kept, who is on duty, whose turn it is, the gauges."""

from datetime import date
from typing import Any, get_args

import pytest

from acd.core.agents.states import ON_DUTY
from forecast.backtest.picks import Pick
from forecast.books.kept_choice import choice_of, pick_of
from forecast.books.tables import Choice
from forecast.duties.gauges import Gauges
from forecast.duties.turn import Turn
from forecast.of_settings import calendar_of, hours_of, queue_of, weekdays_of, zone_of
from forecast.today.staff import AGENTS_MAX, PRESENT, Staff
from hotline.errors import Misuse, Unavailable
from hotline.facts import AgentState, AgentStateChanged, SurgeSwitched
from hotline.ids import AgentId, QueueId
from hotline.settings import Settings
from hotline.store.standing import Standing
from hotline.tally import Tally

QUEUE = QueueId("service")


def settings(**forecast: Any) -> Settings:
    return Settings(  # type: ignore[call-arg] # the settings read themselves
        queues=[{"id": "service", "opening": "desk"}, {"id": "night"}],
        hours={"desk": {"timezone": "Europe/Berlin", "weekly": {"mon-fri": ["09:00-17:00"]}, "closed_dates": ["2026-12-24"]}},
        forecast=forecast,
    )  # fmt: skip


# --- settings -------------------------------------------------------------------------------------------------------------


def test_the_calendar_knows_the_countrys_holidays_the_closed_days_and_ones_own_events() -> None:
    said = settings(
        country="CN", events=[{"name": "bill run", "first": "2026-03-05"}, {"name": "outage", "first": "2026-03-09", "last": "2026-03-10", "excluded": True}]
    )  # fmt: skip
    found = calendar_of(said.forecast, hours_of(said, queue_of(said, "service")), [2026])
    assert found.is_off(date(2026, 10, 1))
    assert found.closed == {date(2026, 12, 24)}
    assert [(e.name, e.first, e.last, e.excluded) for e in found.events] == [
        ("bill run", date(2026, 3, 5), date(2026, 3, 5), False),
        ("outage", date(2026, 3, 9), date(2026, 3, 10), True),
    ]
    assert found.weekend == {5, 6}


def test_a_weekend_that_is_set_counts_and_otherwise_the_countrys() -> None:
    hours = hours_of(settings(), settings().queues[1])
    assert calendar_of(settings(country="IL").forecast, hours, [2026]).weekend == {4, 5}
    assert calendar_of(settings(country="IL", weekend=["sun"]).forecast, hours, [2026]).weekend == {6}


def test_a_country_that_there_is_not_is_one_clear_error() -> None:
    said = settings()
    elsewhere = said.forecast.model_copy(update={"country": "XX"})
    with pytest.raises(Misuse, match="XX"):
        calendar_of(elsewhere, hours_of(said, said.queues[0]), [2026])


def test_open_weekdays_are_those_of_the_hours_and_without_hours_nobody_says() -> None:
    said = settings()
    assert weekdays_of(said, queue_of(said, "service")) == frozenset(range(5))
    assert weekdays_of(said, queue_of(said, "night")) is None
    assert [zone_of(said, q) for q in said.queues] == ["Europe/Berlin", "Asia/Shanghai"]


def test_a_queue_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(Misuse, match="service, night"):
        queue_of(settings(), "sales")


@pytest.mark.parametrize(
    "wrong",
    [
        {"country": "cn"},
        {"slot_min": 7},
        {"shrinkage": 0.95},
        {"events": [{"name": "x", "first": "2026-03-05", "last": "2026-03-04"}]},
        {"models": ["Robert'); DROP"]},
        {"weekend": ["someday"]},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="forecast"):
        settings(**wrong)


# --- choices --------------------------------------------------------------------------------------------------------------


def test_a_choice_is_kept_as_it_is() -> None:
    pick = Pick(unit="day", model="weekday-mean", since=date(2026, 3, 2), wapes=(("weekday-mean", 0.05), ("seasonal-naive", 0.07)), why="best")  # fmt: skip
    choice = choice_of(QUEUE, pick, 9.0)
    assert (choice.horizon, choice.wape, choice.chosen_at) == ("day", 0.05, 9.0)
    assert pick_of(choice) == pick


@pytest.mark.parametrize(("horizon", "model"), [("day", "crystal-ball"), ("today", "weekday-mean")])
def test_a_choice_that_this_program_does_not_know_is_none(horizon: Any, model: str) -> None:
    kept = Choice(queue_id=QUEUE, horizon=horizon, model=model, chosen_at=0.0, reason="", wape=None, state={})
    assert pick_of(kept) is None


def test_a_choice_of_another_set_of_levels_loses_only_its_stretch() -> None:
    kept = Choice(
        queue_id=QUEUE, horizon="day", model="weekday-mean", chosen_at=0.0, reason="", wape=None, state={"stretch": [2.0, 2.0]}
    )  # fmt: skip
    assert pick_of(kept) == Pick(unit="day", model="weekday-mean")


# --- staff ----------------------------------------------------------------------------------------------------------------


def changed(agent: str, state: AgentState, at: float = 1.0, *queues: str) -> AgentStateChanged:
    served = tuple(QueueId(q) for q in queues or ("service",))
    return AgentStateChanged(at=at, agent_id=AgentId(agent), state=state, previous="offline", queues=served)


def test_present_are_the_states_that_the_router_calls_on_duty() -> None:
    assert PRESENT == ON_DUTY
    assert set(get_args(AgentState)) > PRESENT


def test_agents_count_for_every_queue_that_they_serve_and_breaks_apart() -> None:
    staff = Staff()
    assert not staff.known
    staff.learn([changed("1", "ready", 1, "service", "sales"), changed("2", "talking"), changed("3", "break")])
    assert (staff.present(QUEUE), staff.on_break(QUEUE), staff.present(QueueId("sales"))) == (2, 1, 1)


def test_a_state_that_comes_late_changes_nothing() -> None:
    staff = Staff()
    staff.take(changed("1", "ready", 5.0))
    staff.take(changed("1", "offline", 4.0))
    assert staff.present(QUEUE) == 1


def test_surge_is_on_until_it_is_switched_off() -> None:
    staff = Staff()
    staff.take(SurgeSwitched(at=1.0, queue_id=QUEUE, on=True, by="mei"))
    assert staff.surges(QUEUE)
    staff.take(SurgeSwitched(at=2.0, queue_id=QUEUE, on=False, by="mei"))
    assert not staff.surges(QUEUE)


def test_there_is_a_limit_to_agents() -> None:
    staff = Staff()
    staff.learn(changed(str(n), "ready") for n in range(AGENTS_MAX + 5))
    assert staff.present(QUEUE) == AGENTS_MAX


# --- turn -----------------------------------------------------------------------------------------------------------------


class Desk:
    """An office as the test wants it."""

    def __init__(self) -> None:
        self.answer: Standing | Exception = Standing(mine=True, epoch=3, holder="us", session=1)
        self.asked: list[str] = []

    async def take(self) -> Standing:
        return self._tell("take")

    async def hold(self, epoch: int) -> Standing:
        return self._tell(f"hold {epoch}")

    def _tell(self, what: str) -> Standing:
        self.asked.append(what)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_without_an_office_it_is_always_our_turn() -> None:
    assert await Turn(None).ours()


async def test_the_turn_is_taken_then_held_and_kept_while_the_database_is_away() -> None:
    desk = Desk()
    turn = Turn(desk)  # type: ignore[arg-type] # it asks for no more
    assert await turn.ours()
    assert await turn.ours()
    desk.answer = Unavailable("away")
    assert await turn.ours()
    desk.answer = Standing(mine=False, epoch=4, holder="them", session=2)
    assert not await turn.ours()
    assert not await turn.ours()
    assert desk.asked == ["take", "hold 3", "hold 3", "hold 3", "take"]


async def test_while_the_database_was_never_there_it_is_nobodys_turn() -> None:
    desk = Desk()
    desk.answer = Unavailable("away")
    assert not await Turn(desk).ours()  # type: ignore[arg-type] # as above


# --- gauges ---------------------------------------------------------------------------------------------------------------


def test_accuracy_is_exported_for_a_few_leads_only() -> None:
    tally = Tally()
    row = {
        "queue_id": "service",
        "horizon": "half_hour",
        "wape": 0.07,
        "bias": -0.01,
        "coverage80": 0.79,
        "coverage95": 0.95,
    }
    Gauges(tally).accuracy([{**row, "lead": lead} for lead in (1, 2, 7, 13)])
    assert {dict(labels)["lead"] for name, labels in tally.levels if name == "forecast_wape_ratio"} == {"1", "7"}
    assert len([name for name, _ in tally.levels if name == "forecast_coverage_ratio"]) == 4


def test_one_that_stands_by_takes_its_numbers_back() -> None:
    tally = Tally()
    gauges = Gauges(tally)
    gauges.turn(ours=True)
    tally.level("staff_required", 5, queue="service")
    gauges.turn(ours=False)
    assert tally.levels == {("forecast_active", ()): 0}
