"""The diagnosis that the source shows beside ARIMA(p,1,q), as numbers and as sentences in English and Chinese. Pure; plots are drawn by `forecast.plots`.

What is shown, in the order of Box & Jenkins: is the series stationary as it is and after each difference (KPSS, whose null is stationary, and the
augmented Dickey-Fuller test, whose null is a unit root), ACF and PACF of the differenced series with their 95 % bands, the candidates with AIC and
BIC, and whether the residuals of the best are white (Ljung & Box 1978) and normal (Jarque & Bera 1980).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from forecast.models.arima.regression import Regression
from forecast.models.arima.search import KPSS_LIMIT, kpss, lagged, p1q, search
from forecast.models.base import CannotFit
from forecast.series.counts import Floats

Language = Literal["en", "zh"]

LAGS = 36
SIGNIFICANT = 0.05
MOST_DIFFERENCES = 2
SHOWN_CANDIDATES = 12
LEAST_VALUES = 20


@dataclass(frozen=True, kw_only=True)
class UnitRoot:
    """The tests of one degree of differencing."""

    d: int
    seasonal_d: int
    kpss: float
    """The statistic around a level; above `KPSS_LIMIT` the series is not stationary (5 %)."""
    adf: float
    """The statistic of the augmented Dickey-Fuller test with a constant."""
    adf_p: float
    """Its p-value: below 5 % there is no unit root."""

    @property
    def stationary(self) -> bool:
        """Whether both tests agree that the series is stationary."""
        return self.kpss <= KPSS_LIMIT and self.adf_p < SIGNIFICANT


@dataclass(frozen=True, kw_only=True)
class Row:
    """A candidate of the table of orders."""

    order: str
    aic: float
    bic: float
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """All that is shown of one ARIMA model."""

    values: int
    """Known values of the series."""
    unit_roots: tuple[UnitRoot, ...]
    """By degree of differencing, none first."""
    d: int
    """As the model differences."""
    seasonal_d: int
    period: int
    acf: tuple[float, ...]
    """Of the differenced series, lags 0 to at most `LAGS`."""
    pacf: tuple[float, ...]
    acf_band: tuple[float, ...]
    """Half the width of the 95 % band at each lag, by Bartlett's formula."""
    pacf_band: float
    candidates: tuple[Row, ...]
    """The best first."""
    order: str
    coefficients: tuple[tuple[str, float], ...]
    """Of the lag polynomials: (`ar1`, 0.4), (`ma1`, -0.6), …"""
    ljung_box: float
    ljung_box_lags: int
    ljung_box_p: float
    """Below 5 % the residuals are not white: the model leaves something unexplained."""
    jarque_bera: float
    jarque_bera_p: float
    """Below 5 % the residuals are not normal: normal intervals would be wrong."""
    skew: float
    kurtosis: float
    """3 for a normal distribution."""

    def sentences(self, language: Language = "en") -> tuple[str, ...]:
        """Return what the numbers mean, one sentence for each step."""
        words = _WORDS[language]
        tests = [
            words["test"].format(
                what=_differences(one, language), kpss=one.kpss, limit=KPSS_LIMIT, adf=one.adf, p=one.adf_p,
                verdict=words["stationary" if one.stationary else "not stationary"],
            )
            for one in self.unit_roots
        ]  # fmt: skip
        white = words["white" if self.ljung_box_p >= SIGNIFICANT else "not white"]
        normal = words["normal" if self.jarque_bera_p >= SIGNIFICANT else "not normal"]
        best = next((row for row in self.candidates if row.chosen), None)
        chosen = words["chosen"].format(
            order=self.order, count=len(self.candidates), aic=best.aic if best else 0.0, bic=best.bic if best else 0.0
        )
        return (
            *tests,
            chosen,
            words["ljung"].format(lags=self.ljung_box_lags, value=self.ljung_box, p=self.ljung_box_p, verdict=white),
            words["jarque"].format(value=self.jarque_bera, p=self.jarque_bera_p, verdict=normal),
        )


_WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "test": "{what}: KPSS {kpss:.3f} (limit {limit}), ADF {adf:.2f} (p = {p:.3f}): {verdict}.",
        "stationary": "stationary",
        "not stationary": "not stationary",
        "none": "the series itself",
        "d": "after {d} difference(s)",
        "seasonal": "after {d} difference(s) and a seasonal one",
        "chosen": "ARIMA{order} has the least criterion of the {count} candidates shown: AIC {aic:.1f}, BIC {bic:.1f}.",
        "ljung": "Ljung-Box over {lags} lags: {value:.1f} (p = {p:.3f}): {verdict}.",
        "white": "the residuals are white noise, nothing is left to explain",
        "not white": "the residuals are not white noise, something is left unexplained",
        "jarque": "Jarque-Bera: {value:.1f} (p = {p:.3f}): {verdict}.",
        "normal": "the residuals are normal",
        "not normal": "the residuals are not normal, so the intervals take their shape from past errors",
    },
    "zh": {
        "test": "{what}:KPSS {kpss:.3f}(临界值 {limit}),ADF {adf:.2f}(p = {p:.3f}):{verdict}。",
        "stationary": "平稳",
        "not stationary": "不平稳",
        "none": "原序列",
        "d": "{d} 阶差分后",
        "seasonal": "{d} 阶差分及一次季节差分后",
        "chosen": "在列出的 {count} 个候选模型中,ARIMA{order} 的信息准则最小:AIC {aic:.1f},BIC {bic:.1f}。",
        "ljung": "Ljung-Box 检验({lags} 阶):{value:.1f}(p = {p:.3f}):{verdict}。",
        "white": "残差为白噪声,信息已充分提取",
        "not white": "残差不是白噪声,仍有未解释的信息",
        "jarque": "Jarque-Bera 检验:{value:.1f}(p = {p:.3f}):{verdict}。",
        "normal": "残差服从正态分布",
        "not normal": "残差不服从正态分布,区间的形状取自以往误差",
    },
}  # fmt: skip


def _differences(one: UnitRoot, language: Language) -> str:
    words = _WORDS[language]
    key = "seasonal" if one.seasonal_d else "d" if one.d else "none"
    return words[key].format(d=one.d)


def diagnose(y: Floats, exog: Floats | None = None, *, period: int = 1, source: bool = False) -> Diagnosis:
    """Choose an ARIMA model of `y` (N,), NaN where missing, and return its diagnosis.

    Args:
        y: on the scale of the model (the logarithm of calls, for instance).
        exog: (N, K) regressors.
        period: of the season; 1: none.
        source: ARIMA(p,1,q) by AIC as in the source document, instead of the stepwise search.

    Raises:
        CannotFit: there are too few values, or all are the same.
    """
    known = y[np.isfinite(y)]
    if len(known) < LEAST_VALUES or float(np.ptp(known)) == 0.0:
        raise CannotFit(f"a diagnosis needs {LEAST_VALUES} known values that are not all the same")
    choice = p1q(y, exog) if source else search(y, exog, period=period)
    best = choice.best
    rows = []
    for candidate in choice.candidates[:SHOWN_CANDIDATES]:
        found = choice.fitted.get(candidate.order)
        if found is not None:
            rows.append(
                Row(order=str(candidate.order), aic=found.aic, bic=found.bic, chosen=candidate.order == best.order)
            )
    return _described(y, best, tuple(rows))


def _described(y: Floats, best: Regression, rows: tuple[Row, ...]) -> Diagnosis:
    from scipy.stats import chi2
    from statsmodels.stats.stattools import jarque_bera

    order = best.order
    noise = best.completed() - best.exog @ best.beta
    base = lagged(noise, order.period) if order.seasonal_d else noise
    roots = [_unit_root(noise, 0, 0)]
    roots += [
        _unit_root(np.diff(base, d), d, order.seasonal_d) for d in range(MOST_DIFFERENCES + 1) if d or order.seasonal_d
    ]
    stationary = np.diff(base, order.d)
    acf, pacf = correlations(stationary)
    rest = best.residuals
    rest = rest[np.isfinite(rest)]
    lags = min(2 * order.period if order.period > 1 else 10, len(rest) // 5)
    q = ljung_box(rest, lags)
    jb, jb_p, skew, kurtosis = (float(value) for value in jarque_bera(rest))
    ar, ma = order.polynomials(best.at)
    coefficients = [(f"ar{lag}", -value) for lag, value in enumerate(ar) if lag and value]
    coefficients += [(f"ma{lag}", value) for lag, value in enumerate(ma) if lag and value]
    return Diagnosis(
        values=int(np.isfinite(y).sum()), unit_roots=tuple(roots), d=order.d, seasonal_d=order.seasonal_d, period=order.period,
        acf=tuple(acf.tolist()), pacf=tuple(pacf.tolist()), acf_band=tuple(_bartlett(acf, len(stationary)).tolist()),
        pacf_band=1.96 / float(np.sqrt(len(stationary))), candidates=rows, order=str(order),
        coefficients=tuple((name, float(value)) for name, value in coefficients), ljung_box=q, ljung_box_lags=lags,
        ljung_box_p=float(chi2.sf(q, max(lags - len(best.at), 1))), jarque_bera=jb, jarque_bera_p=jb_p, skew=skew, kurtosis=kurtosis,
    )  # fmt: skip


def _unit_root(values: Floats, d: int, seasonal_d: int) -> UnitRoot:
    from statsmodels.tsa.stattools import adfuller

    if float(np.ptp(values)) < 1e-12 * max(float(np.abs(values).max()), 1.0):
        return UnitRoot(d=d, seasonal_d=seasonal_d, kpss=0.0, adf=0.0, adf_p=1.0)
    # The lags as Schwert (1989) has them, fixed: a search for them would make the table differ by a hair from run to run of other software.
    lags = min(int(12 * (len(values) / 100) ** 0.25), len(values) // 2 - 2)
    statistic, p = adfuller(values, maxlag=lags, autolag=None, result_object=False)[:2]
    return UnitRoot(d=d, seasonal_d=seasonal_d, kpss=kpss(values), adf=float(statistic), adf_p=float(p))


def correlations(values: Floats, most: int = LAGS) -> tuple[Floats, Floats]:
    """Return ACF and PACF, lag 0 first: the biased autocovariances, and Durbin-Levinson on them (Brockwell & Davis, section 3.4)."""
    rest = values - values.mean()
    lags = min(most, len(rest) // 3)
    square = float(rest @ rest)
    if square <= 0:
        return np.r_[1.0, np.zeros(lags)], np.r_[1.0, np.zeros(lags)]
    acf = np.array([float(rest[lag:] @ rest[: len(rest) - lag]) / square for lag in range(lags + 1)])
    pacf = np.zeros(lags + 1)
    pacf[0] = 1.0
    phi: Floats = np.zeros(0)
    for lag in range(1, lags + 1):
        left = 1.0 - float(phi @ acf[1:lag])
        partial = (acf[lag] - float(phi @ acf[1:lag][::-1])) / left if left > 1e-12 else 0.0
        phi = np.r_[phi - partial * phi[::-1], partial]
        pacf[lag] = partial
    return acf, pacf


def _bartlett(acf: Floats, count: int) -> Floats:
    """Return half the width of the 95 % band at each lag, were all later correlations 0 (Bartlett 1946)."""
    variance = np.r_[0.0, 1.0, 1.0 + 2.0 * np.cumsum(acf[1:-1] ** 2)][: len(acf)] / count
    return np.asarray(1.96 * np.sqrt(variance))


def ljung_box(rest: Floats, lags: int) -> float:
    """Return the statistic of Ljung & Box over `lags` lags of residuals."""
    n = len(rest)
    acf = correlations(rest, lags)[0]
    return float(n * (n + 2) * sum(acf[lag] ** 2 / (n - lag) for lag in range(1, min(lags, len(acf) - 1) + 1)))
