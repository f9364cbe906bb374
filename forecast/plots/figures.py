"""The pictures: fan chart, heat maps, ACF and PACF, bars of models. Draws with matplotlib into memory; no file, no screen.

Each function draws into axes it is given, so that a page can have one picture or many. What is drawn is numbers; whose they are decides the
caller (`forecast.plots.pages`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from forecast.models.base import LEVELS, Forecast
from forecast.plots.words import Language, word
from forecast.series.counts import Counts, Floats

INK, FORECAST, BAND = "#1f2933", "#b5541c", "#e8a87c"
MOST_TICKS = 10


def fan(axes: Any, forecast: Forecast, *, came: Floats | None, language: Language) -> None:
    """Draw means with the 80 % and 95 % bands, slot after slot, and what came (H, S) where it is known."""
    flat = np.arange(forecast.mean.size)
    low95, low80, high80, high95 = (forecast.quantiles[LEVELS.index(one)].ravel() for one in (0.025, 0.1, 0.9, 0.975))
    axes.fill_between(flat, low95, high95, color=BAND, alpha=0.35, linewidth=0, label=word("band95", language))
    axes.fill_between(flat, low80, high80, color=BAND, alpha=0.7, linewidth=0, label=word("band80", language))
    axes.plot(flat, forecast.mean.ravel(), color=FORECAST, linewidth=1.2, label=word("mean", language))
    if came is not None:
        axes.plot(flat, came.ravel(), ".", color=INK, markersize=3, label=word("came", language))
    width = forecast.mean.shape[1]
    every = max(1, -(-len(forecast.periods) // MOST_TICKS))
    axes.set_xticks(flat[:: width * every], [str(day) for day in forecast.periods[::every]], rotation=30, ha="right")
    axes.set_ylabel(word("calls", language))
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    axes.legend(loc="upper right", fontsize="small", ncols=4, frameon=False)
    axes.set_title(word("fan" if came is not None else "fan_only", language))


def heat(
    axes: Any, values: Floats, *, rows: Sequence[str], columns: Sequence[str], title: str, signed: bool, share: bool
) -> None:
    """Draw a table (R, C) in colours, with its numbers where there is room; NaN stays empty. `share`: fractions, shown in per cent."""
    known = values[np.isfinite(values)]
    edge = float(np.abs(known).max()) if known.size else 1.0
    low, high = (-edge, edge) if signed else (0.0, edge)
    image = axes.imshow(values, aspect="auto", cmap="RdBu_r" if signed else "OrRd", vmin=low, vmax=high or 1.0)
    every = max(1, -(-len(columns) // 14))
    axes.set_xticks(range(0, len(columns), every), columns[::every], rotation=45, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    axes.set_title(title)
    bar = axes.figure.colorbar(image, ax=axes, fraction=0.03, pad=0.01)
    if share:
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    if values.size <= 120:
        _write_numbers(axes, values, edge, share=share)


def correlations(axes: Any, values: Floats, *, amount: int, title: str, language: Language) -> None:
    """Draw autocorrelations from lag 1 on, with the band in which 95 % lie when there is none: 1.96 / sqrt(amount) (Bartlett 1946)."""
    lags = np.arange(1, len(values) + 1)
    edge = 1.96 / np.sqrt(max(amount, 1))
    axes.axhspan(-edge, edge, color=BAND, alpha=0.5, linewidth=0)
    axes.vlines(lags, 0, values, color=INK, linewidth=1.5)
    axes.plot(lags, values, "o", color=FORECAST, markersize=3)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xlabel(word("lag", language))
    axes.set_title(title)


def bars(
    axes: Any, names: Sequence[str], shares: Sequence[float], *, marked: str, floor: float, language: Language
) -> None:
    """Draw a bar for each model's WAPE, the marked one in colour, and the floor as a line."""
    place = np.arange(len(names))[::-1]
    colours = [FORECAST if name == marked else BAND for name in names]
    axes.barh(place, [100 * one for one in shares], color=colours)
    axes.set_yticks(place, names)
    if np.isfinite(floor):
        axes.axvline(100 * floor, color=INK, linestyle=":", label=f"{word('floor', language)} {floor:.2%}")
        axes.legend(loc="lower right", fontsize="small", frameon=False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.set_title(word("models", language))


def times(counts: Counts | Forecast) -> list[str]:
    """Return the beginnings of the slots as 08:30; whole days have none."""
    if len(counts.starts_min) == 1:
        return [""]
    return [f"{one // 60:02d}:{one % 60:02d}" for one in counts.starts_min]


def _write_numbers(axes: Any, values: Floats, edge: float, *, share: bool) -> None:
    for row, column in np.argwhere(np.isfinite(values)):
        value = values[row, column]
        text = f"{100 * value:.0f}" if share else f"{value:.0f}"
        colour = "white" if abs(value) > 0.65 * edge else INK
        axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
