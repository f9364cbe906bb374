"""The forecaster over virtual days: when it forecasts what, what it tells, and what it does when something fails."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from forecast.backtest.picks import Pick
from forecast.books.kept_choice import choice_of
from forecast.duties.jobs import learn
from forecast.models import table
from forecast.processes.pool import JobFailed, Pool
from forecast.series.counts import Counts
from forecast.service import ForecastService
from hotline.errors import Rejected, StandingBy
from hotline.facts import (
    Fact,
    ForecastUpdated,
    ModelChosen,
    ModelFellBack,
    StaffingGapClosed,
    StaffingGapOpened,
    StaffingUpdated,
)
from tests.support.wait import eventually
from tests.unit.forecast.house import QUEUE, TODAY, House, Inline, at, history, settings, stalled
from tests.unit.forecast.leaving import learn_where_template_leaves

TOMORROW = TODAY + timedelta(days=1)


async def test_with_a_history_all_horizons_are_forecast_and_staffed_at_the_start() -> None:
    async with House(slots=history()) as house:
        await house.wait_told(StaffingUpdated)
        told = {f.horizon: f for f in house.told(ForecastUpdated, reason="start")}
        assert set(told) == {"half_hour", "day", "month"}
        assert told["half_hour"].first == at("08:00")
        assert told["half_hour"].low < told["half_hour"].calls < told["half_hour"].high
        (staffed,) = house.told(StaffingUpdated)[:1]
        assert (staffed.first, staffed.last) == (at("08:00"), at("14:00"))
        assert staffed.peak > 0
        assert house.standing.state == "ready"
        assert {h for (_, h) in house.tables.kept} <= {"half_hour", "day", "month"}
        assert len(house.tables.needs) == 14 * 6


async def test_too_little_history_is_a_state_and_no_error() -> None:
    async with House(slots=history(days=9)) as house:
        await eventually(lambda: house.standing.state == "too_little_history")
        assert house.standing.why == "9 days are known, 14 are needed"
        assert not house.facts
        await house.go_to("12:00")
        await eventually(lambda: house.tally.levels.get(("forecast_ready", (("queue", QUEUE),))) == 0)
        assert not house.tally.counts


async def test_no_history_at_all_is_the_same() -> None:
    async with House(slots=None) as house:
        await eventually(lambda: house.standing.state == "too_little_history")
        assert house.standing.why == "0 days are known, 14 are needed"


async def test_a_database_that_is_away_is_a_state_and_is_tried_again_in_the_night() -> None:
    async with House(slots=history()) as house:
        house.past.away = True
        await eventually(lambda: house.standing.state == "failed")
        assert "away" in house.standing.why
        house.past.away = False
        await house.go_to("02:30", TOMORROW)
        await house.wait_told(ForecastUpdated, reason="nightly", horizon="day")
        assert house.standing.state == "ready"


async def test_a_fit_that_stalls_gives_way_to_the_plain_models_and_says_so() -> None:
    house = House(slots=history())
    house.tables.kept[QUEUE, "half_hour"] = choice_of(QUEUE, Pick(unit="slot", model="seasonal-naive"), 0.0)
    house.runner.breaks["learn"] = [stalled()]
    async with house:
        await house.wait_told(StaffingUpdated)
        (fell,) = house.told(ModelFellBack, horizon="half_hour")
        assert (fell.model, fell.used, fell.reason) == ("seasonal-naive", "weekday-mean", "timeout")
        assert house.standing.state == "ready"
        assert house.tally.counts["forecast_fallbacks", (("horizon", "half_hour"), ("reason", "timeout"))] == 1


def three_models(*ranked: str) -> House:
    """A forecaster with three models, of which `template` serves half hours and days; `ranked`: how half hours were compared, the best first."""
    house = House(settings(models=["weekday-mean", "seasonal-naive", "template"]), slots=history())
    wapes = tuple((name, 0.1 + 0.01 * number) for number, name in enumerate(ranked))
    house.tables.kept[QUEUE, "half_hour"] = choice_of(QUEUE, Pick(unit="slot", model="template", wapes=wapes), 0.0)
    house.tables.kept[QUEUE, "day"] = choice_of(QUEUE, Pick(unit="day", model="template"), 0.0)
    return house


async def test_a_model_that_stalls_drops_out_alone_and_the_next_best_serves_the_same_night() -> None:
    house = three_models("template", "seasonal-naive", "weekday-mean")
    house.runner.stalls = {("slot", "template")}
    async with house:
        await house.wait_told(StaffingUpdated)
        (fell,) = house.told(ModelFellBack)
        assert (fell.horizon, fell.model, fell.used, fell.reason) == (
            "half_hour", "template", "seasonal-naive", "timeout",
        )  # fmt: skip
        assert fell.detail.endswith("at slot template")
        assert {h: made.model for h, made in house.standing.made.items() if h in ("half_hour", "day")} == {
            "half_hour": "seasonal-naive", "day": "template",
        }  # fmt: skip
        assert house.tally.counts["forecast_fallbacks", (("horizon", "half_hour"), ("reason", "timeout"))] == 1


async def test_models_that_stall_one_after_the_other_each_drop_out() -> None:
    house = three_models("template", "seasonal-naive", "weekday-mean")
    house.runner.stalls = {("slot", "template"), ("slot", "seasonal-naive"), ("day", "template")}
    async with house:
        await house.wait_told(StaffingUpdated)
        assert [(f.horizon, f.model, f.used) for f in house.told(ModelFellBack)] == [
            ("half_hour", "template", "weekday-mean"), ("half_hour", "seasonal-naive", "weekday-mean"), ("day", "template", "weekday-mean"),
        ]  # fmt: skip
        assert house.standing.state == "ready"


async def test_what_dies_after_the_models_gives_way_to_the_plain_ones() -> None:
    house = three_models()
    house.runner.stalls = {("staffing",)}
    async with house:
        await eventually(lambda: house.standing.state == "failed")
        assert house.runner.ran.count("learn") == 2
        assert not house.facts


async def test_an_error_beside_the_models_is_blamed_on_none_of_them() -> None:
    house = three_models("template", "seasonal-naive", "weekday-mean")
    house.runner.breaks["learn"] = [JobFailed("error", "ZeroDivisionError: by nought", ("slot", "template"))]
    async with house:
        await house.wait_told(StaffingUpdated)
        assert {(f.model, f.used, f.reason) for f in house.told(ModelFellBack, horizon="half_hour")} == {
            ("template", "weekday-mean", "error"),
        }  # fmt: skip


async def test_the_model_that_stalls_in_a_comparison_is_left_out_of_it() -> None:
    async with three_models("template", "seasonal-naive", "weekday-mean") as house:
        await house.settled()
        house.runner.stalls = {("slot", "template")}
        house.service.order(None, choose=True)
        await house.settled()
        (told,) = house.told(ModelChosen, horizon="half_hour")
        assert (told.before, told.model) == ("template", house.standing.picks["slot"].model)
        assert {name for name, _ in house.standing.picks["slot"].wapes} == {"weekday-mean", "seasonal-naive"}
        assert {name for name, _ in house.standing.picks["day"].wapes} == {"weekday-mean", "seasonal-naive", "template"}
        assert house.tally.counts["forecast_failures", (("duty", "choose"),)] == 1


async def test_a_model_whose_process_dies_drops_out_alone() -> None:
    house = three_models("template", "seasonal-naive", "weekday-mean")
    pool = Pool(house.tally)

    class There:
        """Learns in a real process, in which `template` of half hours leaves; does everything else here."""

        async def run(self, function: Callable[..., Any], *arguments: Any, limit_s: float, tells: bool = False) -> Any:
            if function is learn:
                return await pool.run(learn_where_template_leaves, *arguments, limit_s=limit_s, tells=tells)
            return await Inline().run(function, *arguments, limit_s=limit_s, tells=tells)

    house.service = house.service_with(There())
    try:
        async with house:
            (fell,) = await house.wait_told(ModelFellBack)
            assert (fell.model, fell.used, fell.reason) == ("template", "seasonal-naive", "died")
            assert fell.detail == "the process that learnt ended with 7, at slot template"
            assert house.standing.made["day"].model == "template"
    finally:
        await pool.close()


async def test_when_the_plain_models_fail_too_the_forecast_before_stays() -> None:
    async with House(slots=history()) as house:
        await house.wait_told(StaffingUpdated)
        before = dict(house.standing.made)
        house.runner.breaks["learn"] = [stalled()] * 10
        house.service.order(None, choose=False)
        await eventually(lambda: house.standing.state == "failed")
        assert "took longer" in house.standing.why
        assert (
            house.runner.ran.count("learn") == 2
        )  # at the start, and now: with the baselines chosen there is nobody to leave out
        assert {h: house.standing.made[h] for h in before} == before


async def test_after_each_interval_the_rest_of_the_day_follows_what_came() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        for clock in ("08:30", "09:30", "10:30"):
            await house.go_to(clock)
            await house.callers(200)
        await house.go_to("11:01")
        await house.wait_told(ForecastUpdated, horizon="today", at=at("11:00") + 0.5)
        rest = house.standing.made["today"].rows
        morning = {row.starts_at: row for row in house.standing.made["half_hour"].rows}
        assert [row.starts_at for row in rest] == [at("11:00"), at("12:00"), at("13:00")]
        assert all(row.mean > 1.3 * morning[row.starts_at].mean for row in rest)
        need = house.tables.needs[QUEUE, at("12:00")]
        assert need.calls == rest[1].mean


async def test_what_the_journal_knows_of_the_morning_counts_for_a_process_that_began_at_noon() -> None:
    async with House(slots=history(), clock="11:10") as house:
        house.past.today = {480: 300.0, 540: 300.0, 600: 300.0}
        await house.wait_told(ForecastUpdated, horizon="today")
        assert house.standing.came == {at("08:00"): 300.0, at("09:00"): 300.0, at("10:00"): 300.0}
        (told,) = house.told(ForecastUpdated, horizon="today")[:1]
        assert told.first == at("11:00")


async def test_an_update_that_fails_leaves_the_forecast_of_the_morning() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        house.quick.breaks["revise"] = [stalled()]
        await house.go_to("08:01")
        (fell,) = await house.wait_told(ModelFellBack, horizon="today")
        assert (fell.model, fell.used, fell.reason) == ("update", house.standing.made["half_hour"].model, "timeout")
        assert "today" not in {made.horizon for made in house.tables.made if made.made_at > at("07:59")}


async def test_people_who_are_missing_are_an_alarm_that_ends_when_they_come() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        await house.agent("1001", "break")
        await house.agent("1002", "offline")
        await house.go_to("09:06")
        (alarm,) = await house.wait_told(StaffingGapOpened)
        assert (alarm.kind, alarm.advice[0]) == ("short", "call_back_breaks")
        assert alarm.required > alarm.expected
        for number in range(1001, 1001 + alarm.required + 3):
            await house.agent(str(number), "ready")
        await house.go_to("09:40")
        (closed,) = await house.wait_told(StaffingGapClosed, kind="short")
        assert (closed.opened_at, closed.reason) == (alarm.at, "covered")


async def test_who_was_there_is_kept_with_each_interval() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        await house.go_to("08:01")
        for number in range(7):
            await house.agent(str(number), "ready")
        await house.go_to("09:10")
        await eventually(lambda: house.tables.presence == {at("08:00"): (7, None)})
        assert house.tally.levels["staff_present", (("queue", QUEUE),)] == 7
        assert house.tally.levels["staff_required", (("queue", QUEUE),)] > 0


async def test_a_fit_in_the_middle_of_an_interval_changes_nothing_about_who_was_there() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        await house.agent("1001", "ready")
        await house.go_to("09:10")
        assert house.tables.presence[at("08:00")] == (1, None)
        await house.agent("1002", "ready")
        await house.go_to("09:20")
        house.service.order(None, choose=False)
        await house.settled()
        assert house.tables.presence == {at("08:00"): (1, None)}
        await house.go_to("10:10")
        assert house.tables.presence[at("09:00")] == (2, None)


async def test_with_a_roster_it_is_who_is_scheduled_that_will_be_there() -> None:
    async with House(slots=history()) as house:
        house.rosters.work = {
            str(n): (at("08:00"), at("11:00") if n > 1003 else at("14:00")) for n in range(1001, 1011)
        }
        await house.settled()
        for number in range(1001, 1011):
            await house.agent(str(number), "ready")
        await house.go_to("09:10")
        (alarm,) = house.told(StaffingGapOpened, kind="short")
        assert (alarm.first, alarm.expected) == (at("11:00"), 3)
        assert house.standing.scheduled[at("10:00")] == 10
        assert house.tables.presence[at("08:00")] == (10, 10)


async def test_every_night_it_learns_anew_and_scores_what_was_said() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        await house.go_to("01:30", TOMORROW)
        house.past.slots = extended()
        await house.go_to("02:01", TOMORROW)
        await house.wait_told(ForecastUpdated, reason="nightly", horizon="half_hour")
        await eventually(lambda: house.tables.forgotten)
        scored = {(s.horizon, s.lead, s.period) for s in house.tables.scored}
        assert ("half_hour", 0, TODAY) in scored
        assert {("day", 0, TODAY), ("today", 0, TODAY)} <= scored
        whole = next(s for s in house.tables.scored if (s.horizon, s.lead, s.period) == ("half_hour", 0, TODAY))
        assert whole.intervals == 6
        assert 0 <= whole.inside80 <= whole.inside95 <= 6


def extended() -> Counts:
    """Return the history with TODAY, which came as the Monday before."""
    past = history()
    more = np.concatenate([past.values, past.values[-7:-6]])
    return replace(past, periods=np.append(past.periods, past.periods[-1] + 1), values=more)


async def test_once_a_week_the_models_are_compared_anew() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        await house.go_to("02:59", TOMORROW)
        assert not house.told(ModelChosen)
        await house.go_to("03:01", TOMORROW)
        assert {f.horizon for f in house.told(ModelChosen)} == {"half_hour", "day", "month"}
        (told,) = house.told(ModelChosen, horizon="half_hour")
        assert told.before == table.BASELINES["slot"]
        assert told.model == house.tables.kept[QUEUE, "half_hour"].model
        assert told.wape is not None
        assert told.wape < 0.5
        assert house.told(ForecastUpdated, reason="chosen", horizon="day")


async def test_a_queue_without_a_choice_is_forecast_at_once_and_gets_one_then() -> None:
    async with House(slots=history(), chosen=False) as house:
        await house.settled()
        assert house.runner.ran[:3] == ["learn", "rehearse", "choose"]
        assert {horizon for _, horizon in house.tables.kept} == {"half_hour", "day", "month"}
        assert {choice.model for choice in house.tables.kept.values()} <= {"weekday-mean", "seasonal-naive"}


async def test_a_comparison_that_stalls_leaves_the_choice_as_it_was() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        before = dict(house.tables.kept)
        house.runner.breaks["choose"] = [stalled()] * 3
        house.service.order(None, choose=True)
        await house.settled()
        assert house.tables.kept == before
        assert house.standing.state == "ready"
        assert house.tally.counts["forecast_failures", (("duty", "choose"),)] == 3


async def test_a_rehearsal_that_stalls_leaves_an_assumed_correlation() -> None:
    async with House(slots=history(), clock="11:10") as house:
        house.runner.breaks["rehearse"] = [stalled()]
        house.past.today = {480: 300.0, 540: 300.0, 600: 300.0}
        await house.settled()
        assert house.told(ForecastUpdated, horizon="today")
        assert house.tally.counts["forecast_failures", (("duty", "rehearse"),)] == 1


async def test_a_day_on_which_the_database_is_away_is_updated_by_what_was_heard() -> None:
    async with House(slots=history()) as house:
        await house.settled()
        house.past.away = house.tables.away = True
        await house.go_to("08:30")
        await house.callers(50)
        await house.go_to("09:01")
        assert house.standing.came == {at("08:00"): 50.0}
        assert house.told(ForecastUpdated, horizon="today", at=at("09:00") + 0.5)
        assert house.told(StaffingUpdated, at=at("09:00") + 0.5)
        assert house.standing.state == "ready"


async def test_one_that_stands_by_tells_nothing_until_it_is_its_turn() -> None:
    async with House(slots=history(), ours=False) as house:
        await house.go_to("09:30")
        with pytest.raises(StandingBy):
            house.service.order(None, choose=False)
        assert not house.facts
        assert house.tally.levels["forecast_active", ()] == 0
        house.turn.is_ours = True
        await house.go_to("09:31")
        await house.wait_told(ForecastUpdated, reason="start", horizon="day")
        assert house.tally.levels["forecast_active", ()] == 1


async def test_a_queue_that_there_is_not_cannot_be_forecast() -> None:
    async with House(slots=history()) as house:
        await house.wait_told(StaffingUpdated)
        with pytest.raises(Rejected):
            house.service.order("sales", choose=False)


async def test_an_error_of_our_own_ends_one_duty_and_not_the_service() -> None:
    async with House(slots=history()) as house:
        house.runner.breaks["learn"] = [ZeroDivisionError("a bug")]
        await eventually(lambda: house.tally.counts.get(("service_errors", (("service", "forecast"),))))
        house.service.order(None, choose=False)
        await house.wait_told(ForecastUpdated, reason="asked", horizon="day")


async def test_months_and_today_can_be_switched_off() -> None:
    async with House(settings(months=0, today=False), slots=history()) as house:
        await house.wait_told(StaffingUpdated)
        await house.go_to("11:01")
        await eventually(lambda: len(house.told(StaffingUpdated)) > 1)
        assert {f.horizon for f in house.told(ForecastUpdated)} == {"half_hour", "day"}


def test_it_hears_every_fact() -> None:
    assert ForecastService.kinds == (Fact,)
