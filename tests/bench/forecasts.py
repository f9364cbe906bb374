"""Accuracy of the default automatic choice on real series, line by line against its goal, and libraries on the same origins.

Needs the reference data (HOTLINE_BENCH_DATA, by default ../shared/data). The origins of a line are those of docs/backtest.md; the origins before them,
from which the choice learns, are not scored. With --quick only some of the last origins are played: the numbers then show that it works, and reach no goal.
Libraries (statsforecast, Prophet) are those of the extra `bench`; without them their columns say so.
"""

import asyncio
import statistics
from dataclasses import replace
from typing import Any

import numpy as np

from forecast.backtest.choice import AUTOMATIC
from forecast.backtest.protocol import NO_TARGET, Protocol
from forecast.backtest.today import NOON, RATIO, rest_of_day
from forecast.backtest.whole import Backtest, backtest
from forecast.horizons.plan import plan
from forecast.models.table import BASELINES
from hotline.runtime.clock import processor_seconds, stopwatch
from tests.bench import forecast_libraries as libraries
from tests.bench.forecast_cases import CASES, COVERAGE_WITHIN, Case, Goal, covered, directory, us_bank
from tests.bench.report import Report, Scale, say

GOAL_REFIT_S, GOAL_TODAY_S = 3.0, 0.010
QUICK_ORIGINS = 6


async def run(scale: Scale) -> Report:
    """Play every case, then the libraries, then one queue's nightly work."""
    if not directory().is_dir():
        return Report(
            name="forecasts", title="accuracy of forecasts", head=("what",), rows=[("no reference data: set HOTLINE_BENCH_DATA",)],
            numbers={"data": None}, notes=[f"looked in {directory()}"],
        )  # fmt: skip
    return await asyncio.to_thread(_measured, scale)


def _measured(scale: Scale) -> Report:
    from threadpoolctl import threadpool_limits

    rows: list[tuple[str, ...]] = []
    numbers: dict[str, Any] = {}
    missed: list[str] = []
    today_s = float("nan")
    covers: dict[str, list[tuple[int, float, float]]] = {}
    with threadpool_limits(1):
        for case in CASES:
            found = _play(case, scale)
            amount = int(np.isfinite(found.came).sum()) if found.counts.unit != "slot" else len(found.came)
            covers.setdefault(found.counts.unit, []).append((amount, *covered(found)))
            compared = libraries.compare(case, found, scale)
            rows += _rows(case.goals, found, compared, missed)
            numbers[case.name] = _numbers(case.goals, found, compared)
            if case.rest is not None:
                rest = rest_of_day(found, watch=stopwatch())
                today_s = max(today_s, _today(found)) if today_s == today_s else _today(found)
                rows += _rows((case.rest,), rest, {}, missed, against=RATIO)
                numbers[f"{case.name}-rest"] = _numbers((case.rest,), rest, {})
        refit_s = _refit()
    rows += _coverage(covers, missed)
    speeds = (
        ("refit of one queue, all horizons", refit_s, GOAL_REFIT_S),
        ("update of today with staffing", today_s, GOAL_TODAY_S),
    )
    for title, seconds, limit in speeds:
        rows.append((title, f"{seconds:.4f} s", f"< {limit:g} s", _verdict(seconds < limit), *[""] * 6))
        if not seconds < limit:
            missed.append(title)
    return Report(
        name="forecasts",
        title="the default automatic choice, and libraries on the same origins",
        head=("what", "automatic", "goal", "", "baseline", "best before", "80 %", "95 %", "model(s)", "libraries (WAPE or MAPE %, s an origin)"),
        rows=rows,
        goal="" if scale.quick else "every line at its goal, coverage within 3 points",
        reached=None if scale.quick else not missed,
        numbers={**numbers, "refit_s": refit_s, "today_s": today_s},
        notes=["a few of the origins only: what is missed or reached here says nothing"] * scale.quick
        + [f"missed: {', '.join(missed)}"] * bool(missed)
        + libraries.notes(),
    )  # fmt: skip


def _play(case: Case, scale: Scale) -> Backtest:
    histories = case.load()
    counts = case.counts(histories)
    protocol = case.plan(counts)
    if scale.quick:
        protocol = _short(protocol)

    def progress(model: str, done: int, total: int) -> None:
        if done % 10 == 0 or done == total:
            say(f"forecasts: {case.name}: {model} {done}/{total}")

    return backtest(
        histories, case.calendar(counts), case.horizon, watch=stopwatch(), protocol=protocol, progress=progress
    )


def _short(protocol: Protocol) -> Protocol:
    """Return the last origins only (that have all their targets), a third of them for the choice to learn from."""
    full = (protocol.targets != NO_TARGET).sum(axis=1)
    total = int(np.flatnonzero(full == full.max())[-1]) + 1
    kept = protocol.part(max(0, total - QUICK_ORIGINS), total)
    return replace(kept, warmup=min(2, len(kept.origins) - 1))


def _rows(
    goals: tuple[Goal, ...],
    found: Backtest,
    compared: dict[str, "libraries.Compared"],
    missed: list[str],
    *,
    against: str = "",
) -> list[tuple[str, ...]]:
    covers = covered(found)
    rows = []
    for number, goal in enumerate(goals):
        value, baseline = goal.measure(found, AUTOMATIC), goal.measure(found, against or BASELINES[found.counts.unit])
        if not value <= goal.at_most:
            missed.append(goal.title)
        models = "" if number else ", ".join(dict.fromkeys(pick.model for pick in found.picks))
        rows.append((
            goal.title, f"{value:.2f}", f"<= {goal.at_most:g}", _verdict(value <= goal.at_most), f"{baseline:.2f}", goal.found,
            f"{covers[0]:.1f}", f"{covers[1]:.1f}", models, _others(goal, found, compared),
        ))  # fmt: skip
    return rows


def _others(goal: Goal, found: Backtest, compared: dict[str, "libraries.Compared"]) -> str:
    """Return what the libraries reached on their origins, and what we reached on the same."""
    if not compared:
        return ""
    some = next(iter(compared.values()))
    seconds = found.tracks[AUTOMATIC].seconds / len(found.whole[0].origins)
    cells = [f"ours {goal.measure(some.ours(found), AUTOMATIC):.2f} {seconds:.2f} s"]
    for name, one in compared.items():
        cells.append(f"{name} {goal.measure(one.as_backtest(found), name):.2f} {one.seconds_each:.2f} s")
    return f"{some.origins} origins: {'; '.join(cells)}"


def _coverage(covers: dict[str, list[tuple[int, float, float]]], missed: list[str]) -> list[tuple[str, ...]]:
    """Return a line for each unit: the coverage over its files, by the number of periods. One file of 18 months alone says little."""
    rows = []
    for unit, found in covers.items():
        total = sum(amount for amount, _, _ in found)
        means = [sum(one[0] * one[part] for one in found) / total for part in (1, 2)]
        is_within = all(abs(one - nominal) <= COVERAGE_WITHIN for one, nominal in zip(means, (80.0, 95.0), strict=True))
        if not is_within:
            missed.append(f"coverage of {unit}s")
        wanted = f"80, 95 +- {COVERAGE_WITHIN:g}"
        rows.append(
            (
                f"coverage of {unit}s, {total} periods",
                "",
                wanted,
                _verdict(is_within),
                "",
                "",
                f"{means[0]:.1f}",
                f"{means[1]:.1f}",
                "",
                "",
            )
        )
    return rows


def _numbers(goals: tuple[Goal, ...], found: Backtest, compared: dict[str, "libraries.Compared"]) -> dict[str, Any]:
    covers = covered(found)
    return {
        "lines": {
            goal.title: {
                "goal": goal.at_most,
                **{name: goal.measure(found, name) for name in found.tracks},
            }
            for goal in goals
        },
        "covered80": covers[0],
        "covered95": covers[1],
        "floor": 100 * found.floor,
        "picks": [(pick.model, str(pick.since or ""), pick.why) for pick in found.picks],
        "seconds": {name: one.seconds for name, one in found.tracks.items()},
        "libraries": {
            name: {
                "origins": one.origins,
                "seconds_each": one.seconds_each,
                "ours": {goal.title: goal.measure(one.ours(found), AUTOMATIC) for goal in goals},
                "theirs": {goal.title: goal.measure(one.as_backtest(found), name) for goal in goals},
            }
            for name, one in compared.items()
        },
    }


def _refit() -> float:
    """Return the processor seconds of one queue's nightly work: fits and forecasts of all horizons, made coherent."""
    from forecast.days.holidays import calendar_for

    histories = us_bank()
    assert histories.slots is not None
    calendar = calendar_for("US", years=range(2003, 2006))
    first = histories.slots.periods[-1] + 3
    plan(
        histories, calendar, {}, first=first
    )  # the modules are loaded and the caches are warm, as in a pool that lives
    times = []
    for _ in range(3):
        began = processor_seconds()
        plan(histories, calendar, {}, first=first)
        times.append(processor_seconds() - began)
    return statistics.median(times)


def _today(found: Backtest) -> float:
    """Return the processor seconds of what each interval of today brings: the rest of the day forecast anew, and how many agents it needs."""
    from forecast.models.base import Forecast
    from forecast.staffing.plan import plan as staff
    from forecast.staffing.rules import Rules, Work
    from forecast.today.updating import prepare

    counts, track = found.counts, found.tracks[AUTOMATIC]
    told = Forecast(
        periods=counts.periods[-1:],
        mean=track.mean[-1, :1],
        quantiles=track.quantiles[:, -1, :1],
        starts_min=counts.starts_min,
        step_min=counts.step_min,
    )
    observed = np.where(np.array(counts.starts_min) < NOON, counts.values[-1], np.nan)
    prepared = prepare(found.came[:-1, 0], track.mean[:-1, 0])
    rules = Rules(work=Work(handling_s=180.0, patience_s=347.0))

    def once() -> float:
        began = processor_seconds()
        staff(prepared.update(told, observed), rules)
        return processor_seconds() - began

    return statistics.median([once() for _ in range(30)])


def _verdict(is_reached: bool) -> str:
    return "reached" if is_reached else "MISSED"
