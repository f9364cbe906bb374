"""The pictures: there is one, it says what it should, and Chinese does not become boxes."""

import re
import struct
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from forecast.backtest.today import rest_of_day
from forecast.backtest.whole import Amount, Backtest, backtest
from forecast.days.calendar import Calendar
from forecast.horizons.plan import Histories
from forecast.plots import fonts, pages
from forecast.plots.words import MONTHS, WEEKDAYS, WORDS
from tests.unit.forecast.fakes import forecast_of
from tests.unit.forecast.generator import daily, days, monthly, slots


def tried(histories: Histories, horizon: str, origins: int) -> Backtest:
    return backtest(
        histories, Calendar(), horizon, watch=lambda: 0.0, names=["seasonal-naive"], amount=Amount(origins=origins, warmup=5, leads=2),
    )  # type: ignore[arg-type]  # fmt: skip


SLOTS = tried(Histories(slots=slots(count=60)), "half-hour", 10)


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def svgs(page: str) -> list[str]:
    return re.findall(r"<svg.*?</svg>", page, re.DOTALL)


def test_a_page_has_the_table_and_all_pictures_and_needs_nothing_from_elsewhere() -> None:
    page = pages.html(SLOTS, "队列 <one>")
    assert "<h1>队列 &lt;one&gt;</h1>" in page
    assert "weekday-mean" in page
    drawn = svgs(page)
    assert len(drawn) == 7
    for one in drawn:
        ET.fromstring(one)
    outside = [link for link in re.findall(r'(?:href|src)="([^"]+)"', page) if not link.startswith(("#", "data:"))]
    assert outside == []
    assert "<script" not in page


def test_words_in_a_page_are_text_in_the_language_that_was_asked_for() -> None:
    drawn = pages.svg([pages.pictures(SLOTS)[0], pages.heat_picture(SLOTS.counts)], "zh")
    assert "预测与实际" in drawn
    assert "周一" in drawn


def test_the_same_numbers_give_the_same_picture() -> None:
    assert pages.svg(pages.pictures(SLOTS)[:1], "en") == pages.svg(pages.pictures(SLOTS)[:1], "en")


def test_a_png_has_all_pictures_under_each_other() -> None:
    width, height = size(pages.png(SLOTS, "x"))
    assert width == 1_210
    assert height > 2_000


@pytest.mark.parametrize(
    "found",
    [
        tried(Histories(days=daily(count=120)), "day", 4),
        tried(Histories(months=monthly(count=48)), "month", 6),
        rest_of_day(SLOTS, watch=lambda: 0.0, at_min=11 * 60),
    ],
    ids=["day", "month", "today"],
)
def test_every_horizon_can_be_drawn(found: Backtest) -> None:
    assert pages.svg(pages.pictures(found), "en").startswith("<svg")


def test_where_no_font_has_chinese_a_png_is_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "chinese_font", lambda: None)
    monkeypatch.setattr(pages, "chinese_font", lambda: None)
    assert fonts.drawable("客服", "queue") == "queue"
    assert fonts.drawable("Störung: 30 %", "queue") == "Störung: 30 %"
    assert fonts.families() == [fonts.LATIN]
    size(
        pages.png(SLOTS, "客服", language="zh")
    )  # a character without a glyph would warn, and a warning is an error here


def test_where_a_font_has_chinese_it_stands_behind_the_latin_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "chinese_font", lambda: "Noto Sans CJK SC")
    assert fonts.families() == [fonts.LATIN, "Noto Sans CJK SC"]
    assert fonts.drawable("客服", "queue") == "客服"


def test_a_forecast_can_be_drawn_before_anything_came() -> None:
    told = forecast_of(days("2024-01-01", 30), np.full((30, 1), 400.0))
    assert len(svgs(pages.forecast_html([told, told], "x"))) == 2
    size(pages.forecast_png([told], "x"))


def test_autocorrelations_are_drawn_with_the_band_of_chance() -> None:
    random = np.random.default_rng(1)
    drawn = pages.correlation_pictures(random.uniform(-1, 1, 20), random.uniform(-1, 1, 20), 100)
    found = pages.svg(drawn, "zh")
    assert "自相关 (ACF)" in found
    assert "偏自相关 (PACF)" in found


def test_every_word_is_there_in_both_languages() -> None:
    assert all(english and chinese for english, chinese in WORDS.values())
    assert len(WEEKDAYS["zh"]) == 7
    assert len(MONTHS["zh"]) == 12


def test_it_is_said_which_font_draws_chinese_or_which_package_brings_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "chinese_font", lambda: None)
    assert "install fonts-noto-cjk" in fonts.sentence()
    monkeypatch.setattr(fonts, "chinese_font", lambda: "WenQuanYi Micro Hei")
    assert fonts.sentence() == "Chinese in PNG pictures is drawn with WenQuanYi Micro Hei"
