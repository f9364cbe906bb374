"""The automatic choice: which model serves a queue, by its errors in the past and nothing else. Pure.

Every week the candidates are compared by what they said of the last weeks before it came. The one that serves is left only for one that is
better by a margin and beyond chance (Diebold & Mariano 1995: a t-test of the differences of their losses, origin by origin): candidates are
close to each other, the difference of two WAPEs over some weeks is mostly luck, and a forecast that changes its model each week is no better
and hard to explain. A candidate that loses to the baseline beyond chance is out, however good it looked before.

`automatic` plays this over a protocol as the product would have done it, and so its score is honest: at each origin it knows only what had come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

import numpy as np
from numpy.typing import NDArray

from forecast.backtest.intervals import stretch
from forecast.backtest.picks import NO_STRETCH, Pick, stretched_quantiles
from forecast.backtest.protocol import NO_TARGET, Protocol
from forecast.backtest.runner import Track, actual
from forecast.models.base import LEVELS
from forecast.series.counts import Counts, Floats

AUTOMATIC = "automatic"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How the choice is made."""

    margin: float = 0.03
    """A challenger must have a WAPE lower by this share."""
    every_days: int = 7
    """Days between two choices."""
    looks_back: int = 60
    """So many of the last origins are compared."""
    measures_back: int = 120
    """So many of the last origins say how wide the intervals have to be."""
    least: int = 8
    """With fewer origins whose targets have come, nothing is changed."""
    significance: float = 1.645
    """A t-value above this is beyond chance (one side, 5 %): of a loss to the baseline, and of a challenger's lead."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Past:
    """What had come of each candidate's forecasts at some moment: (O, L) sums over the slots; NaN where nothing had come."""

    errors: Mapping[str, Floats]
    totals: Floats


def choose(past: Past, *, serving: str, baseline: str, rule: Rule) -> tuple[str, str]:
    """Return the model that is to serve from now on, and why, in one sentence."""
    losses = {name: _sum(errors) for name, errors in past.errors.items()}
    if int(np.isfinite(_sum(past.totals)).sum()) < rule.least:
        return serving, "too little has come to compare"
    out = [name for name in losses if name != baseline and loses(losses[name], losses[baseline], rule.significance)]
    wapes = {name: one for name, one in ranking(past) if name not in out}
    if not wapes:
        return baseline, "no model gave a forecast"
    best = min(wapes, key=lambda name: wapes[name])
    if serving in out:
        return best, f"{serving} loses to {baseline}"
    if serving not in wapes:
        return best, f"{serving} gave no forecasts"
    better = [
        name
        for name, value in wapes.items()
        if value < wapes[serving] * (1 - rule.margin) and loses(losses[serving], losses[name], rule.significance)
    ]
    if better:
        return better[0], f"{better[0]} is better than {serving}: {wapes[better[0]]:.2%} to {wapes[serving]:.2%}"
    return serving, f"no other is better by {rule.margin:.0%} and beyond chance"


def ranking(past: Past) -> tuple[tuple[str, float], ...]:
    """Return the WAPE of each candidate over the forecasts that all of them made, the best first."""
    common = np.isfinite(past.totals)
    for errors in past.errors.values():
        if np.isfinite(errors).any():
            common &= np.isfinite(errors)
    total = past.totals[common].sum()
    found = [
        (name, float(errors[common].sum() / total))
        for name, errors in past.errors.items()
        if np.isfinite(errors).any() and total
    ]
    return tuple(sorted(found, key=lambda one: one[1]))


def loses(losses: Floats, baseline: Floats, significance: float) -> bool:
    """Return whether a model's losses (O,) are larger than the baseline's beyond chance."""
    difference = (losses - baseline)[np.isfinite(losses) & np.isfinite(baseline)]
    if len(difference) < 4 or difference.mean() <= 0:
        return False
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return bool(error == 0 or difference.mean() / error > significance)


def past_of(tracks: Mapping[str, Track], came: Floats, protocol: Protocol, origin: int, rule: Rule) -> Past:
    """Return what is known at the period number `origin` of the last forecasts."""
    start, stop, had_come = _window(protocol, origin, rule.looks_back)
    known = had_come[:, :, None] & np.isfinite(came[start:stop])
    errors = {
        name: _sum(np.where(known, np.abs(one.mean[start:stop] - came[start:stop]), np.nan))
        for name, one in tracks.items()
    }
    return Past(errors=errors, totals=_sum(np.where(known, came[start:stop], np.nan)))


def stretch_of(one: Track, came: Floats, protocol: Protocol, origin: int, rule: Rule) -> tuple[float, ...]:
    """Return how the intervals of a model must be stretched, as known at the period number `origin`."""
    start, stop, had_come = _window(protocol, origin, rule.measures_back)
    if stop - start < rule.least:
        return NO_STRETCH
    return stretch(
        np.where(had_come[:, :, None], came[start:stop], np.nan), one.quantiles[:, start:stop], protocol.unit
    )


def automatic(
    tracks: Mapping[str, Track],
    counts: Counts,
    protocol: Protocol,
    *,
    preferred: str,
    baseline: str,
    rule: Rule | None = None,
) -> tuple[Track, tuple[Pick, ...]]:
    """Return what the automatic choice would have said from each origin, and its picks one after the other.

    Args:
        tracks: the forecasts of the candidates, `baseline` among them.
        counts: the history.
        protocol: of the tracks.
        preferred: the model that serves at first; the baseline where it is no candidate.
        baseline: of `forecast.models.table.BASELINES`.
        rule: how the choice is made.
    """
    rule = rule or Rule()
    came = actual(counts, protocol)
    pick = Pick(unit=protocol.unit, model=preferred if preferred in tracks else baseline, why="preferred at first")
    picks = [pick]
    mean, quantiles = np.full_like(came, np.nan), np.full((len(LEVELS), *came.shape), np.nan)
    chosen_on: np.datetime64 | None = None
    for number, origin in enumerate(protocol.origins):
        today = counts.periods[origin]
        if chosen_on is None or (today - chosen_on).astype(int) >= rule.every_days:
            chosen_on, pick = today, _next(pick, tracks, came, protocol, int(origin), baseline, rule, today)
            if pick.model != picks[-1].model:
                picks.append(pick)
        served = _serving(tracks, (pick.model, baseline), number)
        mean[number] = served.mean[number]
        quantiles[:, number] = stretched_quantiles(
            served.quantiles[:, number], pick.stretch if served.model == pick.model else NO_STRETCH
        )
    return Track(
        model=AUTOMATIC, mean=mean, quantiles=quantiles, seconds=sum(one.seconds for one in tracks.values())
    ), tuple(picks)


def _next(
    pick: Pick,
    tracks: Mapping[str, Track],
    came: Floats,
    protocol: Protocol,
    origin: int,
    baseline: str,
    rule: Rule,
    today: np.datetime64,
) -> Pick:
    past = past_of(tracks, came, protocol, origin, rule)
    model, why = choose(past, serving=pick.model, baseline=baseline, rule=rule)
    return Pick(
        unit=protocol.unit,
        model=model,
        stretch=stretch_of(tracks[model], came, protocol, origin, rule),
        since=cast("date", today.item()) if model != pick.model else pick.since,
        wapes=ranking(past),
        why=why,
    )


def _serving(tracks: Mapping[str, Track], order: Sequence[str], number: int) -> Track:
    """Return the first of these that said something from this origin; the last one if none did."""
    for name in order:
        if np.isfinite(tracks[name].mean[number]).any():
            return tracks[name]
    return tracks[order[-1]]


def _window(protocol: Protocol, origin: int, back: int) -> tuple[int, int, NDArray[np.bool_]]:
    """Return which of the origins are looked at and which of their targets had come before the period number `origin`."""
    stop = int(np.searchsorted(protocol.origins, origin))
    start = max(0, stop - back)
    targets = protocol.targets[start:stop]
    return start, stop, (targets < origin) & (targets != NO_TARGET)


def _sum(values: Floats) -> Floats:
    """Return the sums along the last axis over what is known; NaN where nothing is."""
    known = np.isfinite(values)
    found: Floats = np.where(known.any(axis=-1), np.where(known, values, 0.0).sum(axis=-1), np.nan)
    return found
