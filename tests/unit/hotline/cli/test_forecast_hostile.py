"""`hotline forecast backtest` and `hotline forecast run` on files that nobody wishes for: a sensible result, or one clear sentence."""

import json
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from hotline.cli.main import app

Row = tuple[str, str]
LEVEL = 200.0
COUNT = 84
Write = Callable[[Iterable[Row]], Path]


def days(count: int = COUNT, first: str = "2024-01-01") -> list[Row]:
    """Return days of about LEVEL calls, more on Mondays."""
    random = np.random.default_rng(4)
    start = date.fromisoformat(first)
    made = []
    for number in range(count):
        day = start + timedelta(days=number)
        rate = LEVEL * (1.3 if day.weekday() == 0 else 1.0) * random.gamma(30, 1 / 30)
        made.append((str(day), str(random.poisson(rate))))
    return made


def changed(change: Callable[[str, str], str]) -> list[Row]:
    return [(day, change(day, calls)) for day, calls in days()]


def shuffled() -> list[Row]:
    rows = days()
    return [rows[number] for number in np.random.default_rng(1).permutation(len(rows))]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(rows: Iterable[Row]) -> Path:
        path = tmp_path / "calls.csv"
        path.write_text("time,calls\n" + "".join(f"{time},{calls}\n" for time, calls in rows))
        return path

    return written


def forecast(command: str, csv: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["forecast", command, "--csv", str(csv), "--json", *options])


def backtest(csv: Path, *options: str) -> Result:
    return forecast("backtest", csv, "--models", "seasonal-naive", "--origins", "2", "--horizon", "day", *options)


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(result: Result, sentence: str) -> None:
    assert result.exit_code == 1
    assert sentence in result.output.replace("\n", " ")
    assert "Traceback" not in result.output
    assert not result.stdout.strip()


def coming(csv: Path, *options: str) -> list[float]:
    """Return the means of the week after a file; everything about them is sound."""
    rows = answer(forecast("run", csv, "--days", "7", *options))
    quantiles = np.array([list(row["quantiles"].values()) for row in rows])
    assert np.isfinite(quantiles).all()
    assert (quantiles >= 0).all()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    return [row["mean"] for row in rows]


SOUND = {
    "shuffled": (shuffled, "2024-03-11"),
    "duplicated": (lambda: [*days(), days()[40]], "2024-03-11"),
    "a missing week": (lambda: [row for row in days() if not "2024-02-12" <= row[0] <= "2024-02-18"], "2024-03-11"),
    "a spike of 100 x": (
        lambda: changed(lambda day, calls: str(100 * int(calls)) if day == "2024-03-05" else calls),
        "2024-03-11",
    ),
    "a leap year": (lambda: days(first="2023-12-20"), "2024-02-28"),
    "ten years": (lambda: days(3_653, "2014-01-01"), "2023-12-19"),
}


@pytest.mark.parametrize(("rows", "first"), SOUND.values(), ids=SOUND.keys())
def test_odd_but_sound_files_are_forecast_near_their_level(
    write: Write, rows: Callable[[], list[Row]], first: str
) -> None:
    csv = write(rows())
    tested = answer(backtest(csv))
    assert (tested["first"], tested["origins"], tested["leads"]) == (first, 2, 7)
    assert {model["failures"] for model in tested["models"]} == {0}
    means = coming(csv)
    assert len(means) == 7
    assert all(0.8 * LEVEL < mean < 1.5 * LEVEL for mean in means)


def test_the_same_rows_in_another_order_or_twice_say_the_same(write: Write) -> None:
    told = [answer(backtest(write(rows)))["models"][0]["wape"] for rows in (days(), shuffled(), [*days(), *days()])]
    assert told == [told[0]] * 3


@pytest.mark.parametrize("level", [0.0, 200.0])
def test_a_queue_without_a_call_or_with_always_the_same_is_forecast_so(write: Write, level: float) -> None:
    csv = write(changed(lambda _, __: f"{level:.0f}"))
    models = answer(backtest(csv))["models"]
    assert {model["covered95"] for model in models} == {1.0}
    assert {model["wape"] for model in models} == ({0.0} if level else {None})
    assert coming(csv) == pytest.approx([level] * 7, abs=0.5)


@pytest.mark.parametrize("count", [1, 2])
def test_one_day_or_two_cannot_be_tested_and_are_forecast_by_the_plainest_model(write: Write, count: int) -> None:
    csv = write(days(count))
    refused(backtest(csv), f"{count} days are not enough for 2 origins")
    assert all(0.5 * LEVEL < mean < 2 * LEVEL for mean in coming(csv))


@pytest.mark.parametrize("command", ["backtest", "run"])
@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "calls.csv: the file has a header and no row under it"),
        ([(day, "") for day, _ in days()], "calls.csv: no count in it is known, so there is nothing to learn from"),
        ([*days(20), ("2024-01-21", "-5")], "line 22: -5 calls in an interval cannot be"),
    ],
    ids=["empty", "all missing", "negative"],
)
def test_nothing_and_nonsense_are_one_sentence(write: Write, command: str, rows: list[Row], sentence: str) -> None:
    refused(forecast(command, write(rows), "--horizon", "day"), sentence)


def berlin(summer: date) -> list[Row]:
    """Return four weeks of hours from 09:00 to 12:00 by the clock of Berlin, written with its two offsets; the clock changes on `summer`."""
    found = []
    for number in range(28):
        day = summer + timedelta(days=number - 14)
        offset = "+02:00" if day >= summer else "+01:00"
        found += [(f"{day}T{hour:02d}:00:00{offset}", str(20 * hour)) for hour in range(9, 13)]
    return found


def test_a_file_with_two_offsets_is_read_in_the_zone_that_is_named(write: Write) -> None:
    csv = write(berlin(date(2024, 3, 31)))
    zone = ("--zone", "Europe/Berlin")
    rows = answer(forecast("run", csv, "--horizon", "half-hour", "--days", "2", *zone))
    assert [row["starts_at"][:16] for row in rows[:4]] == [f"2024-04-14T{hour:02d}:00" for hour in range(7, 11)]
    assert [row["mean"] for row in rows[:4]] == pytest.approx([180.0, 200.0, 220.0, 240.0], rel=0.02)
    tested = answer(forecast("backtest", csv, "--models", "seasonal-naive", "--origins", "2", *zone))
    assert {model["wape"] for model in tested["models"]} == {0.0}


def test_the_same_file_in_another_zone_has_other_hours(write: Write) -> None:
    utc = [(f"{day}T{hour:02d}:00:00Z", str(10 * hour)) for day, _ in days(28) for hour in (20, 21)]
    found = [
        answer(forecast("run", write(utc), "--horizon", "half-hour", "--days", "1", "--zone", zone))[0]
        for zone in ("UTC", "Asia/Shanghai")
    ]
    assert [row["period"] for row in found] == ["2024-01-29", "2024-01-30"]
    assert [row["starts_at"][:16] for row in found] == ["2024-01-29T20:00", "2024-01-29T20:00"]


@pytest.mark.parametrize("command", ["backtest", "run"])
def test_a_zone_that_there_is_not_is_one_sentence(write: Write, command: str) -> None:
    refused(forecast(command, write(days(20)), "--zone", "Mars/Olympus"), "is no time zone")
