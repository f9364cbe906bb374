"""The automatic choice: by past errors only, with a margin, and never worse than the baseline for long."""

import numpy as np
import pytest

from forecast.backtest.choice import AUTOMATIC, Past, Rule, automatic, choose, loses, past_of, ranking
from forecast.backtest.intervals import stretch
from forecast.backtest.picks import NO_STRETCH, Pick, stretched
from forecast.backtest.protocol import Protocol, each_period, weekly
from forecast.backtest.rechoose import Look, recent, rechoose
from forecast.backtest.runner import Track, actual
from forecast.backtest.scores import covered, score
from forecast.days.calendar import Calendar
from forecast.horizons.plan import Histories
from forecast.models.base import LEVELS
from forecast.series.counts import Counts, Floats
from hotline.errors import Misuse
from tests.unit.forecast.fakes import NORMAL, Fails, Says, forecast_of, making
from tests.unit.forecast.generator import coming, daily, monthly, slots

HISTORY = slots(count=120, seed=5)
PROTOCOL = each_period(HISTORY, 30, leads=2, warmup=20)
CAME = actual(HISTORY, PROTOCOL)
BASE = "weekday-mean"


def off_by(
    share: float | Floats, *, width: float = 1.0, seed: int = 0, protocol: Protocol = PROTOCOL, counts: Counts = HISTORY
) -> Track:
    """Forecasts that are off by about a share of what came, at random; (O, 1, 1) for another share each origin."""
    came = actual(counts, protocol)
    noise = np.random.default_rng(seed).normal(0, 1, size=came.shape)
    mean = came * np.clip(1 + share * noise, 0.05, None)
    quantiles = np.clip(
        mean + width * NORMAL[:, None, None, None] * np.sqrt(np.where(np.isfinite(mean), mean, 0)), 0, None
    )
    return Track(model=str(share), mean=mean, quantiles=quantiles)


def past(**wapes: list[float]) -> Past:
    """Past of so many origins with one lead of 100 calls each."""
    errors = {name.replace("_", "-"): 100 * np.array(values)[:, None] for name, values in wapes.items()}
    return Past(errors=errors, totals=np.full((len(next(iter(errors.values()))), 1), 100.0))


def picked(past: Past, serving: str, **rule: float) -> str:
    return choose(past, serving=serving, baseline=BASE, rule=Rule(**rule))[0]  # type: ignore[arg-type]


def test_a_challenger_that_is_better_by_less_than_the_margin_is_not_taken() -> None:
    known = past(weekday_mean=[0.2] * 8, old=[0.100, 0.102] * 4, new=[0.099, 0.099] * 4)
    assert picked(known, "old", margin=0.03) == "old"
    assert picked(known, "old", margin=0.01) == "new"


def test_one_that_loses_to_the_baseline_beyond_chance_is_out() -> None:
    known = past(weekday_mean=[0.10, 0.11] * 4, old=[0.15, 0.16] * 4, new=[0.101, 0.108] * 4)
    found = choose(known, serving="old", baseline=BASE, rule=Rule())
    assert found == ("new", "old loses to weekday-mean")


def test_the_baseline_itself_serves_when_all_lose_to_it() -> None:
    known = past(weekday_mean=[0.10, 0.11] * 4, old=[0.15, 0.16] * 4)
    assert picked(known, "old") == BASE


def test_too_few_origins_change_nothing() -> None:
    assert picked(past(weekday_mean=[0.1] * 3, old=[0.5] * 3), "old") == "old"


def test_one_that_gave_no_forecasts_is_left() -> None:
    known = past(weekday_mean=[0.2] * 8, old=[np.nan] * 8, new=[0.1, 0.12] * 4)
    assert picked(known, "old") == "new"


def test_the_ranking_compares_the_same_forecasts_of_all() -> None:
    known = past(weekday_mean=[0.2, 0.2, 0.2, 0.9], new=[0.1, 0.1, 0.1, np.nan])
    assert ranking(known) == (("new", pytest.approx(0.1)), (BASE, pytest.approx(0.2)))


def test_a_worse_mean_by_chance_is_no_loss() -> None:
    random = np.random.default_rng(2)
    base = random.uniform(1, 2, 40)
    assert not loses(base + random.normal(0.01, 0.5, 40), base, 1.645)
    assert loses(base + random.normal(0.5, 0.5, 40), base, 1.645)
    assert not loses(base - 0.5, base, 1.645)


def test_only_what_had_come_is_known() -> None:
    tracks = {BASE: off_by(0.1)}
    origin = int(PROTOCOL.origins[10])
    known = past_of(tracks, CAME, PROTOCOL, origin, Rule())
    assert known.totals.shape == (10, 2)
    assert np.isfinite(known.totals[:-1]).all()
    assert np.isfinite(known.totals[-1]).tolist() == [True, False]  # its second day is still to come


def test_the_future_does_not_change_what_the_choice_says_today() -> None:
    tracks = {BASE: off_by(0.2), "factor": off_by(0.15, seed=1), "template": off_by(0.16, seed=2)}
    before, _ = automatic(tracks, HISTORY, PROTOCOL, preferred="factor", baseline=BASE)
    values = HISTORY.values.copy()
    values[-10:] *= 3
    after, _ = automatic(tracks, HISTORY.with_values(values), PROTOCOL, preferred="factor", baseline=BASE)
    assert after.mean[:40] == pytest.approx(before.mean[:40], nan_ok=True)
    assert after.quantiles[:, :40] == pytest.approx(before.quantiles[:, :40], nan_ok=True)


def test_candidates_alike_do_not_flap() -> None:
    tracks = {name: off_by(0.15, seed=seed) for seed, name in enumerate((BASE, "factor", "template"))}
    _, picks = automatic(tracks, HISTORY, PROTOCOL, preferred="factor", baseline=BASE, rule=Rule(margin=0.1))
    assert {pick.model for pick in picks} == {"factor"}


def test_a_model_that_goes_bad_is_left_within_weeks() -> None:
    share = np.where(np.arange(50) < 20, 0.02, 0.6)[:, None, None]
    tracks = {BASE: off_by(0.15), "factor": off_by(share, seed=1)}
    made, picks = automatic(tracks, HISTORY, PROTOCOL, preferred="factor", baseline=BASE, rule=Rule(looks_back=14))
    assert picks[-1].model == BASE
    assert (made.mean[-7:] == tracks[BASE].mean[-7:])[np.isfinite(made.mean[-7:])].all()


def test_a_gap_of_the_one_that_serves_is_filled_by_the_baseline() -> None:
    holey = off_by(0.01, seed=1)
    holey.mean[30] = np.nan
    tracks = {BASE: off_by(0.2), "factor": holey}
    made, _ = automatic(tracks, HISTORY, PROTOCOL, preferred="factor", baseline=BASE)
    assert (made.mean[30] == tracks[BASE].mean[30]).all()


def test_intervals_that_are_too_narrow_are_widened_by_what_the_past_says() -> None:
    counts = slots(count=420, level=200, dispersion=4, seed=3)
    protocol = each_period(counts, 280, warmup=40)
    by_day = np.stack([counts.values[:100][(np.arange(100) % 7) == day].mean(axis=0) for day in range(7)])
    mean = by_day[protocol.targets % 7]
    quantiles = np.clip(mean + NORMAL[:, None, None, None] * np.sqrt(mean), 0, None)  # as if counts were Poisson
    narrow = Track(model=BASE, mean=mean, quantiles=quantiles)
    made, _ = automatic({BASE: narrow}, counts, protocol, preferred=BASE, baseline=BASE)
    scored = protocol.scored()
    own = score(narrow.part(40, 320), counts, scored)
    better = score(made.part(40, 320), counts, scored)
    assert own.covered80 < 0.65
    assert better.covered80 == pytest.approx(0.8, abs=0.06)
    assert better.covered95 == pytest.approx(0.95, abs=0.04)
    assert better.pinball < own.pinball


def test_right_intervals_are_left_about_as_they_are() -> None:
    came = np.random.default_rng(1).poisson(100, size=(400, 1)).astype(float)
    quantiles = np.tile((100 + 10 * NORMAL)[:, None, None], (1, 400, 1))
    assert stretch(came, quantiles, "slot") == pytest.approx(NO_STRETCH, abs=0.15)


def test_a_dozen_bad_months_move_the_intervals_of_months_a_little_and_a_dozen_bad_days_move_those_of_days_much() -> (
    None
):
    came = np.full((12, 1), 130.0)
    quantiles = np.tile((100 + 10 * NORMAL)[:, None, None], (1, 12, 1))
    months, days = stretch(came, quantiles, "month"), stretch(came, quantiles, "day")
    assert 1.0 < months[-1] < 1.1
    assert 1.2 < days[-1] < 1.4


def test_stretching_keeps_mean_and_median_and_moves_the_rest() -> None:
    history = daily(count=40)
    told = forecast_of(coming(history, 3), np.full((3, 1), 400.0))
    wide = stretched(told, (2.0,) * 4 + (1.0,) + (2.0,) * 4)
    assert (wide.mean == told.mean).all()
    assert wide.quantiles[4] == pytest.approx(told.quantiles[4])
    assert (wide.quantiles[-1] - wide.quantiles[0] > 1.9 * (told.quantiles[-1] - told.quantiles[0])).all()
    assert stretched(told, NO_STRETCH) is told


def test_without_any_past_nothing_is_stretched() -> None:
    assert stretch(np.empty((0, 1)), np.empty((len(LEVELS), 0, 1)), "slot") == NO_STRETCH


def test_the_weekly_choice_takes_what_was_best_lately() -> None:
    make = making(seasonal_naive=Says(), weekday_mean=Says(factor=1.5), template=Says(factor=0.7))
    found = rechoose(
        Histories(days=daily(count=150)), Calendar(), "day", previous=Pick(unit="day", model="weekday-mean"), watch=lambda: 0.0,
        candidates=["template", "seasonal-naive"], make=make,
    )  # fmt: skip
    assert found.model == "seasonal-naive"
    assert [name for name, _ in found.wapes] == ["seasonal-naive", "template", "weekday-mean"]
    assert found.since is not None


def test_the_weekly_choice_keeps_who_serves_when_there_is_too_little_history() -> None:
    serving = Pick(unit="day", model="template")
    found = rechoose(Histories(days=daily(count=20)), Calendar(), "day", previous=serving, watch=lambda: 0.0)
    assert found.model == "template"
    assert "not enough" in found.why


def test_the_weekly_choice_survives_a_model_that_fails() -> None:
    make = making(seasonal_naive=Fails(error=RuntimeError("no")), weekday_mean=Says(), template=Fails())
    previous = Pick(unit="day", model="template")
    found = rechoose(
        Histories(days=daily(count=150)),
        Calendar(),
        "day",
        previous=previous,
        watch=lambda: 0.0,
        candidates=["seasonal-naive"],
        make=make,
    )
    assert found.model == "weekday-mean"


@pytest.mark.parametrize("counts", [slots(count=60), daily(count=120), monthly(count=40)])
def test_the_weekly_look_back_fits_each_candidate_a_few_times_only(counts: Counts) -> None:
    found = recent(counts, Look())
    assert -(-len(found.origins) // found.refit_every) <= 18
    assert found.origins[0] >= 14


def test_nothing_known_gives_no_look_back() -> None:
    with pytest.raises(Misuse):
        recent(None, Look())


def test_the_automatic_choice_goes_by_its_own_name() -> None:
    protocol = weekly(daily(count=80), 4)
    made, _ = automatic(
        {BASE: off_by(0.1, protocol=protocol, counts=daily(count=80))},
        daily(count=80),
        protocol,
        preferred="absent",
        baseline=BASE,
    )
    assert made.model == AUTOMATIC
    assert covered(np.ones(1), np.ones((len(LEVELS), 1)), 0.1, 0.9) == 1.0


def test_a_lead_that_may_be_chance_is_not_followed() -> None:
    lucky = past(weekday_mean=[0.3] * 8, old=[0.10, 0.10, 0.10, 0.10] * 2, new=[0.02, 0.17, 0.02, 0.17] * 2)
    assert picked(lucky, "old") == "old"
