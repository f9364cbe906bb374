"""The rest of today, from the forecast of the day and what was counted until now. Pure; a millisecond or two.

Who calls in the morning tells about the afternoon: the errors of a day's forecast go together over its slots. Three ways to use that, and their mean,
for no single one is best at every hour and volume (Shen & Huang 2008, section 4; Aldor-Noiman, Feigin & Mandelbaum 2009):

* **Shrunk ratio.** The forecast of the rest times 1 + b (counted / forecast - 1), where b is how much of that ratio lasted on past days. The plain
  ratio (b = 1) takes the noise of a few calls for a trend.
* **Gaussian conditional.** With e the errors on the square-root scale, normal with the covariance C of past days, the mean of the rest given what is
  known is C_ro C_oo^-1 e_o. A hundred days of thirty slots make a poor covariance, so it is drawn towards equal variances without
  correlation (Ledoit & Wolf 2004), and by a few days' weight towards one correlation for all slots.
* **Penalised least squares.** The errors are a few shapes; how much of each is fitted to the slots that are known, with a penalty on each
  that is the inverse of its variance on past days. Shapes of small counts are mostly noise, so this one joins only above
  `CALLS_FOR_SHAPES` a slot.

A day whose forecast is much more doubtful than usual (a holiday) is corrected faster: the doubt that its quantiles show beyond the usual is taken for one of the
whole day's level. The quantiles of the rest come from what the same update was off on past days it had not learnt from, by how much was known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecast.models.base import LEVELS, Forecast
from forecast.models.saved import pack, unpack
from forecast.models.spread import UNKNOWN_DISPERSION, spread
from forecast.series.counts import Floats
from hotline.errors import Misuse

Bools = NDArray[np.bool_]

SHAPES = 4
CALLS_FOR_SHAPES = 30.0
"""Expected calls a slot, of the day's mean."""
RATIO_RIDGE = 10.0
"""So many days on which nothing lasted stand against the shrunk ratio."""
PRIOR_DAYS = 5.0
"""So many days of `PRIOR_CORRELATION` stand against the covariance that was seen."""
PRIOR_CORRELATION = 0.5
FOLDS = 5
MOST_CUTS = 12
"""At so many times of the day the spread is measured."""
SPREAD_DAYS = 60
"""The spread is that of the newest so many days: how sure a forecast is changes sooner than how its errors go together."""
USUAL_DOUBT = 1.5
"""A forecast is more doubtful than usual when its variance is so many times that of the past."""
FAR_DAY = 4.0
KIND = "today"
_Z90 = 1.281552
_TINY = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class Learnt:
    """What some past days say about how errors go together."""

    errors: Floats
    """(N, S): on the square-root scale, 0 where not known."""
    expected: Floats
    """(N, S): what had been forecast."""
    covariance: Floats
    """(S, S)"""
    shapes: Floats
    """(K, S), orthonormal."""
    sizes: Floats
    """(K,): the variance of each shape."""
    noise: Floats
    """(): the variance of what the shapes leave."""

    def moved(self, expected: Floats, observed: Floats, known: Bools, extra: float = 0.0) -> Floats:
        """Return by how much the roots of the forecast (S,) move, given the counts of the slots `known`."""
        root = np.sqrt(expected)
        off = np.sqrt(observed[known]) - root[known]
        ways = [self._by_ratio(expected, observed, known, extra), self._by_covariance(root, off, known, extra)]
        if extra == 0.0 and len(self.shapes) and expected.mean() >= CALLS_FOR_SHAPES:
            ways.append(self._by_shapes(off, known))
        # The mean is one of calls, not of roots.
        mean = np.mean([np.clip(root + way, 0.0, None) ** 2 for way in ways], axis=0)
        moved: Floats = np.sqrt(mean) - root
        return moved

    def _by_ratio(self, expected: Floats, observed: Floats, known: Bools, extra: float) -> Floats:
        lasted = self._lasting(known)
        usual = float(np.trace(self.covariance)) / len(expected)
        lasted = (lasted * usual + extra) / (usual + extra)
        ratio = observed[known].sum() / max(float(expected[known].sum()), _TINY)
        root = np.sqrt(expected)
        moved: Floats = (np.sqrt(max(1 + lasted * (ratio - 1), 0.02)) - 1.0) * root
        return moved

    def _lasting(self, known: Bools) -> float:
        """Return which share of the ratio until now the rest of past days showed."""
        if not len(self.errors) or known.all():
            return PRIOR_CORRELATION
        actual = (np.sqrt(self.expected) + self.errors) ** 2
        until = actual[:, known].sum(axis=1) / np.maximum(self.expected[:, known].sum(axis=1), _TINY) - 1
        after = actual[:, ~known].sum(axis=1) / np.maximum(self.expected[:, ~known].sum(axis=1), _TINY) - 1
        until, after = np.clip(until, -0.9, 1.0), np.clip(after, -0.9, 1.0)
        square = float(until @ until)
        share = float(until @ after) / max(square + RATIO_RIDGE * square / len(until), _TINY)
        return min(max(share, 0.0), 1.0)

    def _by_covariance(self, root: Floats, off: Floats, known: Bools, extra: float) -> Floats:
        joint = self.with_doubt(root, extra)
        moved: Floats = joint[:, known] @ np.linalg.solve(joint[np.ix_(known, known)], off)
        return moved

    def with_doubt(self, root: Floats, extra: float) -> Floats:
        """Return the covariance with the day's own doubt: one of its level, proportional to the roots of its slots."""
        if extra == 0.0:
            return self.covariance
        whole: Floats = self.covariance + extra * np.outer(root, root) / max(float((root**2).mean()), _TINY)
        return whole

    def left(self, root: Floats, known: Bools, extra: float) -> Floats:
        """Return the variances (S,) that remain on the square-root scale."""
        joint = self.with_doubt(root, extra)
        gained = np.linalg.solve(joint[np.ix_(known, known)], joint[known])
        left: Floats = np.maximum(np.diag(joint) - (joint[known] * gained).sum(axis=0), _TINY)
        return left

    def _by_shapes(self, off: Floats, known: Bools) -> Floats:
        seen = self.shapes[:, known]
        normal = seen @ seen.T / self.noise + np.diag(1 / np.maximum(self.sizes, _TINY))
        moved: Floats = np.linalg.solve(normal, seen @ off / self.noise) @ self.shapes
        return moved


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """All that an update needs, made once when the day's forecast is made."""

    learnt: Learnt
    cuts: NDArray[np.int64]
    """(C,): how many slots were known when the spread was measured, ascending."""
    spreads: Floats
    """(C, N, S): the errors that were left then, on the square-root scale; NaN is not known."""
    gains: Floats
    """(C, S): the mean square by which the roots moved: how much variance the update takes from the day's forecast."""

    def update(self, forecast: Forecast, observed: Floats) -> Forecast:
        """Return the forecast of today with what was counted in it.

        Args:
            forecast: of one period, as the day began; never one that was updated already.
            observed: (S,), NaN for what is not over yet or not known. A slot that is known has its count as mean and as every quantile.

        Raises Misuse when the shapes do not fit.
        """
        expected = forecast.mean[0] if len(forecast.periods) == 1 else np.zeros(0)
        if expected.shape != self.learnt.covariance.shape[:1] or observed.shape != expected.shape:
            raise Misuse(f"an update of today needs one period of {len(self.learnt.covariance)} slots")
        if (observed < 0).any() or np.isinf(observed).any():
            raise Misuse("counts must not be negative or infinite")
        known = np.isfinite(observed)
        if not known.any() or expected.sum() <= 0:
            return _told(forecast, forecast.mean[0], forecast.quantiles[:, 0], observed)
        root = np.sqrt(expected)
        extra = self._doubt(forecast)
        moved = self.learnt.moved(expected, observed, known, extra)
        left, gained = self._measured(int(known.sum()))
        updated = np.clip(root + moved, 0.0, None)
        mean = np.maximum(updated**2 - np.minimum(gained, 0.5 * expected), 0.25 * updated**2)
        return _told(forecast, mean, self._quantiles(updated, left, known, root, extra), observed)

    def _measured(self, known: int) -> tuple[Floats, Floats]:
        """Return the errors left (N, S) and the squares moved (S,) with so many slots known, between the cuts by a straight line."""
        if not len(self.cuts):
            return np.empty((0, self.gains.shape[1])), np.zeros(self.gains.shape[1])
        above = min(int(np.searchsorted(self.cuts, known)), len(self.cuts) - 1)
        below = above if self.cuts[above] <= known else max(above - 1, 0)
        part = (known - self.cuts[below]) / (self.cuts[above] - self.cuts[below]) if above > below else 0.0
        left = (1 - part) * self.spreads[below] + part * self.spreads[above]
        # A slot between both cuts was known at the later one.
        left = np.where(np.isfinite(left), left, self.spreads[below])
        gains: Floats = (1 - part) * self.gains[below] + part * self.gains[above]
        return left, gains

    def _doubt(self, forecast: Forecast) -> float:
        """Return the variance of the day's roots beyond the usual; 0 for a usual day."""
        low, high = (np.sqrt(forecast.quantiles[LEVELS.index(level), 0]) for level in (0.1, 0.9))
        today = float((((high - low) / (2 * _Z90)) ** 2).mean())
        usual = float(np.trace(self.learnt.covariance)) / len(low)
        return max(today - usual, 0.0) if today > USUAL_DOUBT * usual else 0.0

    def _quantiles(self, updated: Floats, left: Floats, known: Bools, root: Floats, extra: float) -> Floats:
        made: Floats = spread(updated[None] ** 2, left)[:, 0]
        if extra == 0.0:
            return made
        wider = np.sqrt(self.learnt.left(root, known, extra) / self.learnt.left(root, known, 0.0))
        return np.clip(updated + (np.sqrt(made) - updated) * np.maximum(wider, 1.0), 0.0, None) ** 2

    def save(self) -> bytes:
        """Return what `load` needs; no code is in it."""
        part = self.learnt
        arrays = {"cuts": self.cuts, "spreads": self.spreads, "gains": self.gains, "errors": part.errors}
        arrays |= {"expected": part.expected, "covariance": part.covariance, "shapes": part.shapes}
        return pack(KIND, {}, {**arrays, "sizes": part.sizes, "noise": part.noise})


def load(saved: bytes) -> Prepared:
    """Return what `Prepared.save` kept. Raises Misuse for bytes of something else."""
    _, arrays = unpack(KIND, saved)
    own = {name: arrays.pop(name) for name in ("cuts", "spreads", "gains")}
    return Prepared(learnt=Learnt(**_all(arrays)), **own)


def _all(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    return {name: np.asarray(array, dtype=np.float64) for name, array in arrays.items()}


def prepare(actual: Floats, expected: Floats) -> Prepared:
    """Learn how the errors of past days go together.

    Args:
        actual: (N, S): counts of past ordinary days, NaN is not known. None at all is allowed: then an assumed correlation serves.
        expected: (N, S): the means that had been forecast for these days before they began.
    """
    if actual.shape != expected.shape or actual.ndim != 2:
        raise Misuse("past counts and past forecasts must have the same days and slots")
    errors = np.sqrt(actual) - np.sqrt(np.maximum(expected, 0.0))
    kept = _usable(errors)
    errors, expected = np.where(np.isfinite(errors), errors, 0.0)[kept], np.maximum(expected, 0.0)[kept]
    cuts = _cuts(errors.shape[1])
    spreads, gains = _rehearse(errors, expected, cuts)
    return Prepared(learnt=_learn(errors, expected), cuts=cuts, spreads=spreads[:, -SPREAD_DAYS:], gains=gains)


def _cuts(slots: int) -> NDArray[np.int64]:
    """Return after how many slots the spread is measured: closer in the morning, when each slot says most."""
    places = 1 + (slots - 2) * np.linspace(0.0, 1.0, MOST_CUTS) ** 1.5
    return np.unique(places.round().astype(np.int64)) if slots > 1 else np.zeros(0, dtype=np.int64)


def _usable(errors: Floats) -> Bools:
    """Return which days to learn from: at least half known, and none that is far off as a whole."""
    known = np.isfinite(errors)
    share = known.mean(axis=1)
    mean = np.where(known, errors, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    enough: Bools = share >= 0.5
    if not enough.any():
        return enough
    middle = float(np.median(mean[enough]))
    reach = FAR_DAY * 1.4826 * float(np.median(np.abs(mean[enough] - middle)))
    near: Bools = np.abs(mean - middle) <= max(reach, _TINY)
    return enough & near


def _learn(errors: Floats, expected: Floats) -> Learnt:
    count, slots = errors.shape
    size = min(SHAPES, count // 5, slots)
    if count:
        _, singular, rows = np.linalg.svd(errors, full_matrices=False)
        shapes, sizes = rows[:size], singular[:size] ** 2 / count
        noise = max(float(((errors - errors @ shapes.T @ shapes) ** 2).mean()), 0.25)
    else:
        shapes, sizes, noise = np.empty((0, slots)), np.empty(0), 0.25
    seen = ledoit_wolf(errors) if count else np.zeros((slots, slots))
    variance = np.trace(seen) / slots if count else UNKNOWN_DISPERSION / 4
    assumed = max(variance, 0.25) * ((1 - PRIOR_CORRELATION) * np.eye(slots) + PRIOR_CORRELATION)
    covariance = (count * seen + PRIOR_DAYS * assumed) / (count + PRIOR_DAYS)
    return Learnt(
        errors=errors, expected=expected, covariance=covariance, shapes=shapes, sizes=sizes, noise=np.array(noise)
    )


def ledoit_wolf(errors: Floats) -> Floats:
    """Return the covariance (S, S) of errors (N, S) around 0, drawn towards equal variances by the amount that is best on average.

    Ledoit & Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices", lemma 3.2 to 3.4.
    """
    count, slots = errors.shape
    sample = errors.T @ errors / count
    level = np.trace(sample) / slots
    away = ((sample - level * np.eye(slots)) ** 2).sum()
    doubt = (((errors**2).sum(axis=1) ** 2).sum() / count - (sample**2).sum()) / count
    share = min(max(doubt / away, 0.0), 1.0) if away > 0 else 1.0
    drawn: Floats = (1 - share) * sample + share * level * np.eye(slots)
    return drawn


def _rehearse(errors: Floats, expected: Floats, cuts: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return the errors left (C, N, S) and the squares moved (C, S) on past days, each updated by what the other days taught."""
    count, slots = errors.shape
    left = np.full((len(cuts), count, slots), np.nan)
    moved = np.zeros((len(cuts), slots))
    actual = (np.sqrt(expected) + errors) ** 2
    for fold in range(min(FOLDS, count) if count >= 2 * FOLDS else 0):
        mine = np.arange(count) % FOLDS == fold
        others = _learn(errors[~mine], expected[~mine])
        for at, cut in enumerate(cuts):
            known = np.arange(slots) < cut
            for day in np.flatnonzero(mine & (expected.sum(axis=1) > 0)):
                step = others.moved(expected[day], actual[day], known)
                left[at, day, cut:] = errors[day, cut:] - step[cut:]
                moved[at, cut:] += step[cut:] ** 2 / count
    return left, moved


def _told(forecast: Forecast, mean: Floats, quantiles: Floats, observed: Floats) -> Forecast:
    """Return the forecast with what is known in it."""
    known = np.isfinite(observed)
    return Forecast(
        periods=forecast.periods,
        mean=np.where(known, observed, mean)[None],
        quantiles=np.maximum.accumulate(np.where(known, observed, quantiles), axis=0)[:, None],
        starts_min=forecast.starts_min,
        step_min=forecast.step_min,
        model=forecast.model,
    )
