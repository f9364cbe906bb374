"""Whole pictures of a forecast or a backtest: PNG, or one HTML page with its pictures inside. Draws into memory; whoever asked writes the file.

The same input gives the same bytes: no date is written into a picture.
"""

import html as escaping
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecast.backtest.choice import AUTOMATIC
from forecast.backtest.protocol import NO_TARGET
from forecast.backtest.scores import by_weekday
from forecast.backtest.whole import Backtest
from forecast.models.arima.diagnosis import correlations
from forecast.models.base import Forecast
from forecast.models.baselines import phase
from forecast.plots import figures
from forecast.plots.fonts import chinese_font, drawable, families
from forecast.plots.words import MONTHS, WEEKDAYS, Language, word
from forecast.series.counts import Counts, Floats

FAN_PERIODS = 14
"""So many of the last periods are in the fan chart of half hours; of days and months four times as many."""
_DPI = 110


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture of a page."""

    draw: Callable[[Any, Language], None]
    height: float = 3.4
    """Inches; all are 11 wide."""


def html(found: Backtest, title: str, *, language: Language = "en") -> str:
    """Return one page with the table and all pictures of a backtest; it needs nothing from elsewhere."""
    return page(title, [_table(found), *(svg([one], language) for one in pictures(found))], language=language)


def png(found: Backtest, title: str, *, language: Language = "en") -> bytes:
    """Return all pictures of a backtest under each other. Where no font has Chinese, the words are English."""
    return drawn_png(pictures(found), title, language=language)


def forecast_html(forecasts: Sequence[Forecast], title: str, *, language: Language = "en") -> str:
    """Return one page with a fan chart for each of the forecasts."""
    return page(title, [svg([_fan_picture(one)], language) for one in forecasts], language=language)


def forecast_png(forecasts: Sequence[Forecast], title: str, *, language: Language = "en") -> bytes:
    """Return fan charts under each other."""
    return drawn_png([_fan_picture(one) for one in forecasts], title, language=language)


def correlation_pictures(acf: Floats, pacf: Floats, amount: int) -> list[Picture]:
    """Return ACF and PACF (from lag 1 on) of a series with so many values, for `page` and `drawn_png`."""

    def picture(name: str, values: Floats) -> Picture:
        return Picture(
            draw=lambda axes, language: figures.correlations(
                axes, values, amount=amount, title=word(name, language), language=language
            )
        )

    return [picture("acf", acf), picture("pacf", pacf)]


def heat_picture(counts: Counts) -> Picture:
    """Return the mean count of each weekday (month) and slot."""
    here = phase(counts.periods, counts.unit)
    cycle = 12 if counts.unit == "month" else 7
    means = np.full((cycle, counts.values.shape[1]), np.nan)
    for one in range(cycle):
        values = counts.values[here == one]
        known = np.isfinite(values)
        np.divide(np.where(known, values, 0).sum(axis=0), known.sum(axis=0), out=means[one], where=known.any(axis=0))
    return _map(means, counts, "heat", signed=False, share=False)


def pictures(found: Backtest) -> list[Picture]:
    """Return the pictures of a backtest: fan, models, errors by weekday and time, bias, calls, ACF and PACF."""
    wapes, biases = by_weekday(found.tracks[AUTOMATIC], found.counts, found.protocol)
    scored = [one for one in found.scores if np.isfinite(one.wape)]
    return [
        _last_fan(found),
        Picture(
            height=1.2 + 0.28 * len(scored),
            draw=lambda axes, language: figures.bars(
                axes,
                [one.model for one in scored],
                [one.wape for one in scored],
                marked=AUTOMATIC,
                floor=found.floor,
                language=language,
            ),
        ),
        _map(wapes, found.counts, "wape", signed=False, share=True),
        _map(biases, found.counts, "bias", signed=True, share=True),
        heat_picture(found.counts),
        *differenced(found.counts),
    ]


def differenced(counts: Counts) -> list[Picture]:
    """Return ACF and PACF of the whole days or months, differenced once by the season: what an ARIMA model is chosen by. None of a short history."""
    sums = counts.values.sum(axis=1)
    known = sums[np.isfinite(sums)]
    season = 12 if counts.unit == "month" else len(np.unique(phase(counts.periods, counts.unit)))
    if len(known) < 4 * season:
        return []
    change = known[season:] - known[:-season]
    acf, pacf = correlations(change)
    return correlation_pictures(acf[1:], pacf[1:], len(change))


def svg(drawn: Sequence[Picture], language: Language) -> str:
    """Return pictures as one `<svg>` element; text stays text, so that the reader's browser brings the font."""
    target = io.StringIO()
    with _drawing({"svg.fonttype": "none", "svg.hashsalt": "hotline"}):
        figure = _figure(drawn, language, title="")
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    text = target.getvalue()
    return text[text.index("<svg") :]


def drawn_png(drawn: Sequence[Picture], title: str, *, language: Language = "en") -> bytes:
    """Return pictures under each other as PNG."""
    language = language if chinese_font() is not None else "en"
    target = io.BytesIO()
    with _drawing({}):
        figure = _figure(drawn, language, title=drawable(title, word("queue", language)))
        figure.savefig(target, format="png", dpi=_DPI, metadata={"Software": None})
    return target.getvalue()


def page(title: str, parts: Sequence[str], *, language: Language = "en") -> str:
    """Return an HTML page of these parts."""
    name = escaping.escape(title)
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{name}</title>\n'
        "<style>body{font-family:sans-serif;margin:2em;color:#1f2933}svg{max-width:100%;height:auto;display:block}"
        "table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .8em;text-align:right;border-bottom:1px solid #ddd}"
        "td:first-child,th:first-child{text-align:left}.chosen{font-weight:bold}</style></head><body>\n"
        f"<h1>{name}</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


@contextmanager
def _drawing(settings: dict[str, Any]) -> Iterator[None]:
    """Settings for one figure. In SVG the browser brings the glyphs: that this machine's font lacks them is no reason to warn."""
    from matplotlib import rc_context

    chosen: Any = {"font.family": families(), "font.size": 9, **settings}
    with warnings.catch_warnings(), rc_context(chosen):
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        yield


def _figure(drawn: Sequence[Picture], language: Language, *, title: str) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heights = [one.height for one in drawn]
    figure = Figure(figsize=(11, sum(heights) + (0.4 if title else 0.0)), layout="constrained")
    FigureCanvasAgg(figure)
    for one, axes in zip(
        drawn, np.ravel(figure.subplots(len(drawn), 1, squeeze=False, height_ratios=heights)), strict=True
    ):
        one.draw(axes, language)
    if title:
        figure.suptitle(title)
    return figure


def _fan_picture(forecast: Forecast, came: Floats | None = None) -> Picture:
    return Picture(draw=lambda axes, language: figures.fan(axes, forecast, came=came, language=language))


def _last_fan(found: Backtest) -> Picture:
    """Return the last periods as the automatic choice saw them from the nearest origin, with what came."""
    track, periods = found.tracks[AUTOMATIC], found.counts.periods
    nearest: dict[int, tuple[int, int]] = {}
    for origin, lead in np.argwhere(found.protocol.targets != NO_TARGET):
        nearest[int(found.protocol.targets[origin, lead])] = (int(origin), int(lead))
    last = sorted(nearest)[-(FAN_PERIODS if found.counts.unit == "slot" else 4 * FAN_PERIODS) :]
    rows, leads = (np.array([nearest[one][part] for one in last]) for part in (0, 1))
    forecast = Forecast(
        periods=periods[last],
        mean=track.mean[rows, leads],
        quantiles=track.quantiles[:, rows, leads],
        starts_min=found.counts.starts_min,
        step_min=found.counts.step_min,
        model=AUTOMATIC,
    )
    return _fan_picture(forecast, found.counts.values[last])


def _map(values: Floats, counts: Counts, name: str, *, signed: bool, share: bool) -> Picture:
    rows: list[bool] = [bool(np.isfinite(one).any()) for one in values]

    def draw(axes: Any, language: Language) -> None:
        names = (MONTHS if counts.unit == "month" else WEEKDAYS)[language]
        shown = [label for label, kept in zip(names, rows, strict=True) if kept]
        if values.shape[1] == 1:  # whole days and months: one row reads better than one column
            figures.heat(
                axes, values[rows].T, rows=[""], columns=shown, title=word(name, language), signed=signed, share=share
            )
        else:
            columns = figures.times(counts)
            figures.heat(
                axes, values[rows], rows=shown, columns=columns, title=word(name, language), signed=signed, share=share
            )

    return Picture(draw=draw, height=1.6 if values.shape[1] == 1 else 3.4)


def _table(found: Backtest) -> str:
    """Return the scores as an HTML table."""
    rows = []
    for one in found.scores:
        cells = (
            f"{one.wape:.2%}", f"{one.mase:.3f}", f"{one.bias:+.2%}", f"{one.covered80:.1%}", f"{one.covered95:.1%}", f"{one.pinball:.2%}",
            f"{one.seconds:.1f}",
        )  # fmt: skip
        kind = ' class="chosen"' if one.model == AUTOMATIC else ""
        rows.append(
            f"<tr{kind}><td>{escaping.escape(one.model)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
        )
    head = "".join(f"<th>{one}</th>" for one in ("", "WAPE", "MASE", "bias", "80 %", "95 %", "pinball", "s"))
    return f"<table><tr>{head}</tr>\n" + "\n".join(rows) + "</table>"
