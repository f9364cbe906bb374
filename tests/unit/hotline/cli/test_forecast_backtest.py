"""`hotline forecast backtest` on a plain CSV, without any server."""

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from hotline.cli.main import app

DAYS = 98


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three months of hours from 09:00 to 13:00, Monday to Sunday."""
    random = np.random.default_rng(4)
    lines = ["ts,calls"]
    for number in range(DAYS):
        day = date(2024, 1, 1) + timedelta(days=number)
        for hour in range(9, 13):
            rate = (30 + 8 * hour) * (1.3 if day.weekday() == 0 else 1.0) * random.gamma(20, 1 / 20)
            lines.append(f"{day} {hour:02d}:00:00,{random.poisson(rate)}")
    path = tmp_path_factory.mktemp("csv") / "calls.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def run(csv: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["forecast", "backtest", "--csv", str(csv), "--models", "seasonal-naive", *options])


def asked(csv: Path, *options: str) -> dict[str, object]:
    done = run(csv, "--json", *options)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_the_table_has_every_score_and_marks_the_automatic_choice(csv: Path) -> None:
    done = run(csv, "--origins", "10")
    assert done.exit_code == 0, done.output
    for head in ("WAPE", "MASE", "bias", "80 % covers", "95 % covers", "floor"):
        assert head in done.stdout
    assert "> automatic" in done.stdout
    assert "weekday-mean" in done.stdout


def test_programs_get_fractions(csv: Path) -> None:
    found = asked(csv, "--origins", "10")
    assert (found["origins"], found["horizon"], found["last"]) == (10, "half-hour", "2024-04-07")
    models = {one["model"]: one for one in found["models"]}  # type: ignore[attr-defined]
    assert set(models) == {"seasonal-naive", "weekday-mean", "automatic"}
    assert 0.05 < models["weekday-mean"]["wape"] < 0.4
    assert models["weekday-mean"]["wape"] < models["seasonal-naive"]["wape"]


def test_days_come_from_the_same_file(csv: Path) -> None:
    found = asked(csv, "--horizon", "day", "--origins", "3", "--slots", "09:00-12:00")
    assert (found["leads"], found["origins"]) == (7, 3)


def test_the_rest_of_today_is_compared_with_the_forecast_left_as_it_was(csv: Path) -> None:
    found = asked(csv, "--horizon", "today", "--origins", "5")
    assert {one["model"] for one in found["models"]} == {"update", "ratio", "as forecast", "automatic"}  # type: ignore[attr-defined]
    assert {one["forecasts"] for one in found["models"]} == {5}  # type: ignore[attr-defined]


def test_only_some_weekdays(csv: Path) -> None:
    found = asked(csv, "--weekdays", "sun-thu", "--origins", "5")
    assert found["first"] == "2024-04-01"  # Sunday 7 April is the last: Monday to Thursday before it are four


def test_a_page_is_written(csv: Path, tmp_path: Path) -> None:
    done = run(csv, "--origins", "5", "--plot", str(tmp_path / "out.html"))
    assert done.exit_code == 0, done.output
    assert "<svg" in (tmp_path / "out.html").read_text()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--horizon", "year"], "--horizon is one of half-hour, day, month, today"),
        (["--plot", "x.gif"], "--plot writes .html, .png"),
        (["--models", "crystal-ball"], "there is no model crystal-ball of slots"),
        (["--origins", "500"], "98 slots are not enough for 500 origins"),
        (["--weekdays", "someday"], "--weekdays is written as mon-fri"),
        (["--country", "XX"], "XX"),
        (["--horizon", "month"], "are not enough"),
    ],
)
def test_what_cannot_be_is_one_sentence(csv: Path, options: list[str], sentence: str) -> None:
    done = run(csv, *options)
    assert done.exit_code == 1
    assert sentence in done.output
    assert "Traceback" not in done.output


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = run(tmp_path / "nothing.csv")
    assert done.exit_code == 1
    assert "nothing.csv" in done.output


def test_the_help_has_an_example() -> None:
    assert (
        "hotline forecast backtest --csv calls.csv"
        in CliRunner().invoke(app, ["forecast", "backtest", "--help"]).output
    )
