"""How good forecasts were. Pure.

All arrays are (O, L, S): origins, leads, slots; NaN is not scored. Shares are fractions, not per cent.

* WAPE: the sum of the absolute errors over the sum of what came (Kolassa & Schuetz 2007); it does not break on slots with no calls.
* MASE: the mean absolute error over that of the seasonal naive forecast within the history before the test (Hyndman & Koehler 2006).
* Pinball: the mean quantile loss over all levels, twice, over the mean count: comparable with WAPE (Gneiting & Raftery 2007).
* Floor: the WAPE that is left to somebody who knows the true rate of every slot, if counts are Poisson: the mean absolute deviation of a Poisson
  count, 2 exp(-m) m^(floor(m)+1) / floor(m)! (Crow 1958), over its mean.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.backtest.protocol import NO_TARGET, Protocol
from forecast.backtest.runner import Track, actual
from forecast.models.base import LEVELS
from forecast.models.baselines import phase
from forecast.series.counts import Counts, Floats


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The scores of one model over all origins."""

    model: str
    forecasts: int
    """How many counts were forecast and came."""
    wape: float
    mase: float
    bias: float
    """(sum forecast - sum actual) / sum actual."""
    mape: float
    """Over counts above zero."""
    rmse: float
    """The mean over periods of the root of the mean square error within the period."""
    covered80: float
    covered95: float
    pinball: float
    seconds: float
    """Of all origins."""
    seconds_each: float
    """For one origin."""
    failures: int


def score(track: Track, counts: Counts, protocol: Protocol) -> Scores:
    """Return the scores of a track over all its origins. NaN stands for what cannot be said (no forecast at all)."""
    came = actual(counts, protocol)
    known = np.isfinite(came) & np.isfinite(track.mean)
    truth, mean = came[known], track.mean[known]
    levels = track.quantiles[:, known]
    error = mean - truth
    total = truth.sum()
    return Scores(
        model=track.model,
        forecasts=int(known.sum()),
        wape=_ratio(np.abs(error).sum(), total),
        mase=_ratio(np.abs(error).mean() if error.size else np.nan, naive_error(counts, int(protocol.origins[0]))),
        bias=_ratio(error.sum(), total),
        mape=float(np.mean(np.abs(error[truth > 0]) / truth[truth > 0])) if (truth > 0).any() else np.nan,
        rmse=_rmse(track.mean - came, known),
        covered80=covered(truth, levels, 0.1, 0.9),
        covered95=covered(truth, levels, 0.025, 0.975),
        pinball=_ratio(2 * pinball(truth, levels).mean() if truth.size else np.nan, truth.mean() if truth.size else 0),
        seconds=track.seconds,
        seconds_each=track.seconds / max(1, len(protocol.origins)),
        failures=len(track.failures),
    )


def wape(mean: Floats, came: Floats) -> float:
    """Return the WAPE over all that is known on both sides."""
    known = np.isfinite(mean) & np.isfinite(came)
    return _ratio(np.abs(mean - came)[known].sum(), came[known].sum())


def covered(truth: Floats, levels: Floats, low: float, high: float) -> float:
    """Return the share of counts within two quantiles, the borders included."""
    if not truth.size:
        return float("nan")
    lower, upper = levels[LEVELS.index(low)], levels[LEVELS.index(high)]
    return float(np.mean((truth >= lower) & (truth <= upper)))


def pinball(truth: Floats, levels: Floats) -> Floats:
    """Return the quantile loss of each count, the mean over all levels: `levels` is (len(LEVELS), …), `truth` (…)."""
    shares = np.array(LEVELS).reshape(-1, *([1] * truth.ndim))
    off = truth[None] - levels
    loss: Floats = np.maximum(shares * off, (shares - 1) * off).mean(axis=0)
    return loss


def naive_error(counts: Counts, before: int) -> float:
    """Return the mean absolute error of the seasonal naive forecast within the first `before` periods: the scale of MASE."""
    values, phases = counts.values[:before], phase(counts.periods[:before], counts.unit)
    errors = [np.abs(np.diff(values[phases == one], axis=0)).ravel() for one in np.unique(phases)]
    all_errors = np.concatenate(errors) if errors else np.empty(0)
    known = all_errors[np.isfinite(all_errors)]
    return float(known.mean()) if len(known) else float("nan")


def floor(rates: Floats) -> float:
    """Return the WAPE that is left to somebody who knows these Poisson rates."""
    from scipy.special import gammaln

    known = rates[np.isfinite(rates) & (rates > 0)]
    if not len(known):
        return float("nan")
    whole = np.floor(known)
    deviation = 2 * np.exp(-known + (whole + 1) * np.log(known) - gammaln(whole + 1))
    return float(deviation.sum() / known.sum())


def by_weekday(track: Track, counts: Counts, protocol: Protocol) -> tuple[Floats, Floats]:
    """Return WAPE and bias of each weekday (of months: of each month) and slot, (7 or 12, S); NaN where nothing was forecast."""
    came = actual(counts, protocol)
    cycle = 12 if counts.unit == "month" else 7
    here = phase(counts.periods, counts.unit)[protocol.targets]
    wapes, biases = np.full((cycle, came.shape[2]), np.nan), np.full((cycle, came.shape[2]), np.nan)
    for one in range(cycle):
        rows = (here == one) & (protocol.targets != NO_TARGET)
        mean, truth = track.mean[rows], came[rows]
        known = np.isfinite(mean) & np.isfinite(truth)
        total = np.where(known, truth, 0).sum(axis=0)
        error = np.where(known, mean - truth, 0)
        np.divide(np.abs(error).sum(axis=0), total, out=wapes[one], where=total > 0)
        np.divide(error.sum(axis=0), total, out=biases[one], where=total > 0)
    return wapes, biases


def _rmse(error: Floats, known: NDArray[np.bool_]) -> float:
    square = np.where(known, error, 0.0) ** 2
    count = known.sum(axis=2)
    roots = np.sqrt(square.sum(axis=2)[count > 0] / count[count > 0])
    return float(roots.mean()) if len(roots) else float("nan")


def _ratio(above: float, below: float) -> float:
    return float(above / below) if below else float("nan")
