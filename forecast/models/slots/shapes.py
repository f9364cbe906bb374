"""Shapes of the day, their scores, and the scores to come: the arithmetic of the factor model. Pure; the theory is in `forecast.models.slots.factor`."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from forecast.series.counts import Floats

Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]

FILLING_ROUNDS = 2
USUAL_MEMORY = (0.1, 0.2, 0.4)
"""What the last day, week and four weeks say about a day to come while nothing is known: most of a level lasts."""
FAR_DAY = 4.0
"""A day further off than so many robust standard deviations loses weight; twice as far, all of it."""
FAR_SLOT = 8.0
"""A slot further off is taken for not known: a count of a hundred times the usual is a fault of the counting, and one slot must not bend a shape."""
ROBUST = 1.4826
"""Median absolute deviation to standard deviation, of a normal distribution."""
_TINY = 1e-9


class Options(Protocol):
    """What `learn_shapes` needs of the model."""

    @property
    def factors(self) -> int: ...
    @property
    def half_life(self) -> float: ...
    @property
    def level_half_life(self) -> float: ...
    @property
    def calendar_ridge(self) -> float: ...
    @property
    def weekday_ridge(self) -> float: ...
    @property
    def memory_ridge(self) -> float: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Shapes:
    """What was learnt."""

    middle: Floats
    """(S,): m."""
    shapes: Floats
    """(K, S): f, orthonormal."""
    coefficients: Floats
    """(C + 1, K): scores by the regressors; the last row is the constant."""
    memory: Floats
    """(T, K): u, what the regressors leave of the scores, outliers drawn in."""
    weights: Floats
    """(T,): how much each u counts; 0 is not known."""
    windows: tuple[int, ...]
    """Over how many days u is averaged."""
    memory_ridge: float
    within: Floats
    """(T, S): the ordinary day that each day of the history would have been."""
    variance: Floats
    """(S,): of what is left, in sample."""

    def ahead(self, rows: Floats, leads: Integers) -> Floats:
        """Return sqrt(y) (P, S) for regressors (P, C) and leads (P,)."""
        scores = np.column_stack([rows, np.ones(len(rows))]) @ self.coefficients
        remembered = {int(lead): self._remembered(int(lead)) for lead in np.unique(leads)}
        if len(leads):
            scores = scores + np.stack([remembered[int(lead)] for lead in leads])
        made: Floats = self.middle + scores @ self.shapes
        return made

    def _remembered(self, lead: int) -> Floats:
        """Return u (K,) so many days ahead."""
        seen = self._features
        count = len(self.memory)
        first = max(self.windows) // 2
        origins = np.arange(first, count - lead + 1)
        if len(origins) < 2 * len(self.windows):
            return np.zeros(self.memory.shape[1])
        made = np.empty(self.memory.shape[1])
        usual = np.array(USUAL_MEMORY)
        weight = self.weights[origins + lead - 1]
        for k in range(len(made)):
            x, y = seen[origins, :, k], self.memory[origins + lead - 1, k]
            pulls = self.memory_ridge * x.var(axis=0) + _TINY
            slopes = usual + ridge(x, (y - x @ usual)[:, None], pulls, weight)[:, 0]
            made[k] = seen[count, :, k] @ slopes
        return made

    @cached_property
    def _features(self) -> Floats:
        """(T + 1, windows, K): the weighted means of u before each day."""
        weighted = np.vstack(
            [np.zeros((1, self.memory.shape[1])), np.cumsum(self.memory * self.weights[:, None], axis=0)]
        )
        mass = np.r_[0.0, np.cumsum(self.weights)]
        now = np.arange(len(mass))
        columns = []
        for window in self.windows:
            back = np.maximum(now - window, 0)
            columns.append((weighted[now] - weighted[back]) / np.maximum(mass[now] - mass[back], 1e-3)[:, None])
        return np.stack(columns, axis=1)


def learn_shapes(roots: Floats, *, rows: Floats, ordinary: Bools, week: int, model: Options) -> Shapes:
    """Learn from square roots (T, S; NaN is not known) and regressors (T, C); days that are not ordinary have no weight."""
    count, slots = roots.shape
    known = np.isfinite(roots)
    share = known.mean(axis=1)
    weights = 0.5 ** (np.arange(count)[::-1] / model.half_life) * share * ordinary
    if weights.sum() <= 0.0:
        weights = np.where(share > 0, 1.0, 0.0)
    design = np.column_stack([rows, np.ones(count)])
    pulls = np.r_[np.full(7, model.weekday_ridge), np.full(rows.shape[1] - 7, model.calendar_ridge), _TINY]
    filled = _first_guess(roots, known, rows[:, :7], weights)
    smoother = 0.5 ** (np.abs(np.subtract.outer(np.arange(count), np.arange(count))) / model.level_half_life)
    np.fill_diagonal(smoother, 0.0)
    size = max(1, min(model.factors, slots, count // 4))
    for last in [False] * FILLING_ROUNDS + [True]:
        middle: Floats = weights @ filled / weights.sum()
        shapes = _principal((filled - middle) * np.sqrt(weights)[:, None], size)
        scores = (filled - middle) @ shapes.T
        coefficients, level = _calendar(design, scores, pulls, weights, smoother)
        fitted = middle + (design @ coefficients + level) @ shapes
        if last:
            break
        weights, far = _far(roots - fitted, known, weights)
        filled = np.where(known & ~far, roots, middle + scores @ shapes if not far.any() else fitted)
    memory = scores - design @ coefficients
    left = (filled - fitted) ** 2
    return Shapes(
        middle=middle,
        shapes=shapes,
        coefficients=coefficients,
        memory=_drawn_in(memory, weights),
        weights=np.where(ordinary & (share > 0), np.maximum(weights, 0.1 * weights.max()), 0.0),
        windows=(1, week, 4 * week),
        memory_ridge=model.memory_ridge,
        within=fitted,
        variance=weights @ left / weights.sum(),
    )


def ridge(x: Floats, y: Floats, pulls: Floats, weights: Floats) -> Floats:
    """Return the weighted least-squares coefficients (C, K) of y (N, K) on x (N, C), each drawn to 0 as if by `pulls` squares."""
    weighted = x * weights[:, None]
    return np.asarray(np.linalg.solve(weighted.T @ x + np.diag(pulls + _TINY), weighted.T @ y), dtype=np.float64)


def _calendar(
    design: Floats, scores: Floats, pulls: Floats, weights: Floats, smoother: Floats
) -> tuple[Floats, Floats]:
    """Return coefficients and the slow level around them, found in turns (backfitting; Hastie & Tibshirani 1990)."""
    mass = np.maximum(smoother @ weights, _TINY)[:, None]
    weighted = (design * weights[:, None]).T
    solved = np.linalg.solve(weighted @ design + np.diag(pulls + _TINY), weighted)
    level = np.zeros_like(scores)
    for _ in range(3):
        coefficients = solved @ (scores - level)
        level = smoother @ ((scores - design @ coefficients) * weights[:, None]) / mass
    return coefficients, level


def _principal(centred: Floats, size: int) -> Floats:
    """Return the first right singular vectors (K, S), from the smaller of the two Gram matrices."""
    count, slots = centred.shape
    if slots <= count:
        _, vectors = np.linalg.eigh(centred.T @ centred)
        return _signed(vectors[:, ::-1][:, :size].T)
    _, _, rows = np.linalg.svd(centred, full_matrices=False)
    return _signed(rows[:size])


def _signed(rows: Floats) -> Floats:
    """Return the rows with their largest entry positive: the sign of a singular vector is arbitrary, and forecasts must not depend on it."""
    at = np.abs(rows).argmax(axis=1)
    return rows * np.where(rows[np.arange(len(rows)), at] < 0, -1.0, 1.0)[:, None]


def _first_guess(roots: Floats, known: Bools, like: Floats, weights: Floats) -> Floats:
    """Return the roots with what is not known taken from the weekday's mean, or the mean of all."""
    if known.all():
        return roots
    zeroed = np.where(known, roots, 0.0)
    mass = like.T @ (known * (weights[:, None] + _TINY))
    total = like.T @ (zeroed * (weights[:, None] + _TINY))
    overall = zeroed.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    by_weekday = np.where(mass > _TINY * 1e-3, total / np.maximum(mass, 1e-300), overall)
    return np.where(known, roots, like @ by_weekday)


def _far(left: Floats, known: Bools, weights: Floats) -> tuple[Floats, Bools]:
    """Return the weights without days far off, and which slots are far off what their day was off.

    Days that are far off together, one after the other, are no outliers: the level has changed, and they are the ones that know it.
    """
    used = weights > 0
    left = np.where(known, left, 0.0)
    days = np.median(left, axis=1)
    beyond = left - days[:, None]
    by_slot = ROBUST * np.median(np.abs(beyond[used]), axis=0)
    far = known & used[:, None] & (np.abs(beyond) > FAR_SLOT * np.maximum(by_slot, 0.5))
    off = days / max(ROBUST * float(np.median(np.abs(days[used]))), _TINY)
    keep = np.clip(2.0 - np.abs(off) / FAR_DAY, 0.0, 1.0)
    keep[used] = np.where(_lasting(off[used, None] / FAR_DAY)[:, 0], 1.0, keep[used])
    made = weights * keep
    return (made if made.sum() > 0.2 * weights.sum() else weights), far


def _lasting(off: Floats) -> Bools:
    """Return which days (T, K) are off, on the same side, together with two neighbours: `off` is 1 where an outlier begins."""
    made = np.zeros(off.shape, dtype=bool)
    for side in (off > 0.5, off < -0.5):
        three = side[:-2] & side[1:-1] & side[2:]
        for place in range(3):
            made[place : len(off) - 2 + place] |= three
    return made


def _drawn_in(memory: Floats, weights: Floats) -> Floats:
    """Return u with single outliers drawn in to `FAR_DAY` robust deviations; a level that really jumped is followed."""
    used = weights > 0
    ordinary = memory[used]
    scale = ROBUST * np.median(np.abs(ordinary - np.median(ordinary, axis=0)), axis=0)
    reach = np.maximum(FAR_DAY * scale, _TINY)
    made = np.clip(memory, -reach, reach)
    made[used] = np.where(_lasting(ordinary / reach), ordinary, made[used])
    return made
