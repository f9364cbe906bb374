"""`hotline staff`: from files of counts, calls and forecasts, what if, and mistakes."""

import csv
import gzip
import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from forecast.models.base import LEVELS
from forecast.staffing.plan import plan
from forecast.staffing.rules import Rules, Work
from hotline.cli.main import app
from hotline.cli.staff.options import factor, service_level, share
from hotline.cli.staff.show import Shown, needed_now, summary
from hotline.cli.staff.source import of_hotline, of_rows
from hotline.errors import Misuse
from tests.unit.forecast import generator

EXAMPLE = Path(__file__).parents[4] / "docs" / "examples" / "staffing-shared.toml"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["staff", *map(str, arguments)])


def said(*arguments: object) -> dict:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    made = generator.slots(count=42, width=4, level=80)
    path = tmp_path / "calls.csv"
    lines = [
        f"{day} {start // 60:02}:{start % 60:02},{value:.0f}"
        for day, row in zip(made.periods, made.values, strict=True)
        for start, value in zip(made.starts_min, row, strict=True)
    ]
    path.write_text("ts,calls\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def forecast(tmp_path: Path) -> Path:
    path = tmp_path / "forecast.csv"
    rows = ["2026-03-02 09:00,100,80,121", "2026-03-02 09:30,140,115,166", "2026-03-02 10:00,0,0,0"]
    path.write_text("ts,mean,p10,p90\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_counts_give_the_agents_of_the_days_after_them(counts):
    found = said(
        "--csv", counts, "--aht", 180, "--target", "80/30", "--patience", 300, "--shrinkage", "30%", "--days", 2
    )
    assert [one["interval"] for one in found["intervals"]][::4] == ["2023-02-13 08:00", "2023-02-14 08:00"]
    for one in found["intervals"]:
        assert one["service_level"] >= 0.8 - 1e-4
        assert one["low"] <= one["agents"] <= one["high"]
        assert one["paid"] == int(np.ceil(one["agents"] / 0.7 - 1e-9))
        assert one["decided_by"] == ["service_level"]
    assert found["targets"] == {"share": 0.8, "threshold_s": 30, "wait_s": None, "abandoned": None, "occupancy": None}
    assert found["source"].endswith(", from calls.csv up to 2023-02-12")


def test_a_table_for_people_says_what_was_asked_and_what_comes_of_it(counts):
    done = run("--csv", counts, "--aht", 180, "--patience", 0, "--model", "seasonal-naive")
    assert done.exit_code == 0, done.output
    assert (
        "seasonal-naive, from calls.csv up to 2023-02-12; handling 180 s; nobody hangs up; 80.0 % within 30 s"
        in done.stdout
    )
    assert "2023-02-13 08:00" in done.stdout
    assert "agent hours" in done.stdout


def test_a_forecast_is_taken_as_it_is(forecast):
    found = said("--csv", forecast, "--aht", 240, "--patience", 200)
    assert [one["calls"] for one in found["intervals"]] == [100, 140, 0]
    assert found["intervals"][0]["low"] < found["intervals"][0]["agents"] <= found["intervals"][0]["high"]
    assert found["intervals"][2]["agents"] == 1
    assert found["intervals"][2]["decided_by"] == ["least"]


def test_what_if_shows_each_change_and_all_together(forecast):
    found = said("--csv", forecast, "--volumes", "+20%", "--handling", -10, "--absent", 2, "--other-target", "90/20")
    assert [one["name"] for one in found["variants"]] == [
        "calls x1.2",
        "handling -10 s",
        "2 absent",
        "90/20",
        "all of it",
    ]
    first = found["intervals"][0]
    assert first["variants"]["calls x1.2"]["agents"] > first["agents"]
    assert first["variants"]["handling -10 s"]["agents"] <= first["agents"]
    assert first["variants"]["2 absent"]["missing"] == 2
    assert first["variants"]["90/20"]["unchanged"]["service_level"] < first["service_level"]
    shown = run("--csv", forecast, "--volumes", "120%").stdout
    assert "calls x1.2: agents" in shown
    assert "if nobody does anything: level" in shown


def test_agents_who_are_given_say_which_level_they_reach(forecast, tmp_path):
    found = said("--csv", forecast, "--agents", 12)["intervals"][0]
    assert found["gap"] == 12 - found["agents"]
    assert 0 < found["reached"]["service_level"] < 1
    there = tmp_path / "there.csv"
    there.write_text("ts,agents\n2026-03-02 09:00,11\n2026-03-02 09:30,13\n", encoding="utf-8")
    by_file = said("--csv", forecast, "--agents", there)["intervals"]
    assert [one["there"] for one in by_file] == [11, 13, None]
    assert "reached" not in by_file[2]


def test_the_result_can_be_written_for_a_spreadsheet(forecast, tmp_path):
    out = tmp_path / "staff.csv"
    assert run("--csv", forecast, "--volumes", 1.1, "--out", out).exit_code == 0
    with out.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["ts"] for row in rows] == ["2026-03-02 09:00", "2026-03-02 09:30", "2026-03-02 10:00"]
    assert int(rows[0]["agents"]) <= int(rows[0]["calls x1.1: agents"])


def test_calls_tell_how_long_they_last_and_how_long_people_wait(tmp_path):
    luck = np.random.default_rng(1)
    rows = []
    for day in range(28):
        for _ in range(40):
            at = (
                np.datetime64("2026-01-05T09:00:00")
                + np.timedelta64(day, "D")
                + np.timedelta64(int(luck.integers(0, 7_200)), "s")
            )
            left = luck.random() < 0.2
            rows.append(
                f"{str(at).replace('T', ' ')},{luck.exponential(60):.0f},{0 if left else luck.exponential(200):.0f},{'HANG' if left else 'AGENT'}"
            )
    path = tmp_path / "calls.csv.gz"
    path.write_bytes(gzip.compress(("ts,wait,handled,outcome\n" + "\n".join(rows) + "\n").encode()))
    found = said("--csv", path, "--slots", "09:00-11:00", "--step", 60)
    assert 170 < found["handling_s"] < 230
    assert 150 < found["patience_s"] < 600
    assert said("--csv", path, "--slots", "09:00-11:00", "--step", 60, "--aht", 100)["handling_s"] == 100


def test_other_targets_stand_instead_of_the_usual_one_or_beside_a_named_one(forecast):
    assert said("--csv", forecast, "--asa", 20)["targets"] == {
        "share": None, "threshold_s": 30, "wait_s": 20, "abandoned": None, "occupancy": None,
    }  # fmt: skip
    both = said("--csv", forecast, "--target", "90/10", "--occupancy", "80%", "--abandon", "3%")
    assert both["targets"] == {"share": 0.9, "threshold_s": 10, "wait_s": None, "abandoned": 0.03, "occupancy": 0.8}


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--csv", "nowhere.csv"),
        ("--csv", "FORECAST", "--target", "eighty"),
        ("--csv", "FORECAST", "--target", "180/30"),
        ("--csv", "FORECAST", "--shrinkage", "150%"),
        ("--csv", "FORECAST", "--aht", "-3"),
        ("--csv", "FORECAST", "--abandon", "3%", "--patience", "0"),
        ("--csv", "FORECAST", "--volumes", "much"),
        ("--csv", "FORECAST", "--handling", "-1000"),
        ("--csv", "FORECAST", "--agents", "nowhere.csv"),
        ("--csv", "FORECAST", "--out", "/nowhere/at/all.csv"),
        ("--csv", "COUNTS", "--model", "nonsense"),
        ("--csv", "COUNTS", "--column", "nonsense"),
        ("--csv", "COUNTS", "--country", "nowhere"),
        ("--csv", "FORECAST", "--shared", "also.toml"),
        ("--shared", "nowhere.toml"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_1(arguments, counts, forecast):
    real = {"FORECAST": forecast, "COUNTS": counts}
    done = run(*(real.get(one, one) for one in arguments))
    assert done.exit_code == 1, done.output
    assert done.stderr.startswith("hotline: ")
    assert done.stderr.strip().count("\n") == 0


@pytest.mark.parametrize(
    "text",
    [
        "ts,mean,p10\n2026-03-02 09:00,100,80\n2026-03-02 09:30,100,80\n",
        "ts,mean,p10,p90\n2026-03-02 09:00,100,80,60\n2026-03-02 09:30,100,80,60\n",
        "ts,mean,p10,p90\n2026-03-02 09:00,100,,120\n2026-03-02 09:30,100,80,120\n",
        "ts,p10,p90\n2026-03-02 09:00,80,120\n2026-03-02 09:30,80,120\n",
        "ts,mean,p0,p90\n2026-03-02 09:00,100,80,120\n2026-03-02 09:30,100,80,120\n",
        "ts,mean,p10,p90\n2026-03-02,100,80,120\n2026-03-03,100,80,120\n",
    ],
)
def test_a_forecast_that_is_none_is_one_clear_error(text, tmp_path):
    path = tmp_path / "f.csv"
    path.write_text(text, encoding="utf-8")
    done = run("--csv", path)
    assert done.exit_code == 1, done.output
    assert done.stderr.startswith("hotline: ")


def test_options_may_be_written_as_people_write_them():
    assert (
        service_level("--target", "80/30")
        == service_level("--target", "80% / 30 s")
        == service_level("--target", "0.8/30")
        == (0.8, 30)
    )
    assert [share("--shrinkage", text) for text in ("30%", "30", "0.3", "0%")] == [0.3, 0.3, 0.3, 0.0]
    assert [factor(text) for text in ("1.2", "+20%", "120%", "-10%")] == pytest.approx([1.2, 1.2, 1.2, 0.9])
    with pytest.raises(Misuse):
        share("--shrinkage", "nan")


def test_rows_of_the_running_hotline_become_a_forecast_with_who_is_scheduled():
    from zoneinfo import ZoneInfo

    def row(at: str, until: str, mean: float) -> dict:
        quantiles = {f"{level:g}": mean * (0.5 + level) for level in LEVELS}
        return {"starts_at": at, "ends_at": until, "made_at": at, "model": "m", "mean": mean, "quantiles": quantiles}

    rows = [
        row("2026-03-02T01:00:00Z", "2026-03-02T01:30:00Z", 10), row("2026-03-02T01:30:00Z", "2026-03-02T02:00:00Z", 20),
        row("2026-03-03T01:00:00Z", "2026-03-03T01:30:00Z", 30), row("2026-03-02T15:00:00Z", "2026-03-02T15:30:00Z", 1),
    ]  # fmt: skip
    staffed = {
        "2026-03-02T01:00:00Z": {"handling_s": 200.0, "scheduled": 4},
        "2026-03-02T01:30:00Z": {"handling_s": 220.0, "scheduled": None},
        "2026-03-03T01:00:00Z": {"handling_s": 210.0, "scheduled": 5},
    }
    found = of_rows(rows, staffed, ZoneInfo("Asia/Shanghai"))
    assert [str(day) for day in found.forecast.periods] == ["2026-03-02", "2026-03-03"]
    assert found.forecast.starts_min == (540, 570, 1_380)
    assert found.forecast.step_min == 30
    assert found.is_open.tolist() == [[True, True, False], [True, False, False]]
    assert found.forecast.mean[0].tolist() == [10, 20, 1]
    assert found.handling_s[0, :2].tolist() == [200, 220]
    assert found.scheduled[:, 0].tolist() == [4, 5]
    assert np.isnan(found.scheduled[0, 1])


class Answers:
    """The API of a running hotline, as far as it is asked."""

    def __init__(self, rows: list[dict]) -> None:
        self.rows = rows

    def get(self, path: str, **_query: object) -> object:
        if path == "/api/v1/queues":
            return [{"id": "other", "on_duty": 1}, {"id": "service", "on_duty": 7}]
        if path == "/api/v1/staffing":
            return {
                "items": [{"starts_at": row["starts_at"], "handling_s": 150.0, "scheduled": 9} for row in self.rows]
            }
        return {"items": self.rows if path.endswith("/half_hour") else []}


def test_the_running_hotline_is_asked_for_its_forecast_and_who_is_there(monkeypatch, tmp_path):
    quantiles = {f"{level:g}": 80.0 + 40 * level for level in LEVELS}
    row = {
        "starts_at": "2026-03-02T01:00:00Z",
        "ends_at": "2026-03-02T01:30:00Z",
        "made_at": "2026-03-02T00:00:00Z",
        "model": "m",
        "mean": 100.0,
    }
    monkeypatch.setattr("hotline.cli.shell.Shell.client", lambda _self: Answers([{**row, "quantiles": quantiles}]))
    monkeypatch.chdir(tmp_path)
    found = said("--queue", "service")
    assert (found["handling_s"], found["patience_s"], found["on_duty"]) == (150.0, 180.0, 7)
    only = found["intervals"][0]
    assert only["interval"] == "2026-03-02 09:00"
    assert (only["there"], only["gap"]) == (9, 9 - only["agents"])
    assert 0 < only["reached"]["service_level"] < 1
    monkeypatch.setattr("hotline.cli.shell.Shell.client", lambda _self: Answers([]))
    assert "nothing is forecast for the queue service until" in run("--queue", "service").stderr
    assert "there is no queue" in run("--queue", "nonsense").stderr


def test_who_is_logged_in_is_held_against_the_present_interval():
    rows = [
        {
            "starts_at": f"2026-03-02T01:{minute}:00Z", "ends_at": until, "made_at": "2026-03-02T00:00:00Z", "model": "m", "mean": mean,
            "quantiles": {f"{level:g}": mean for level in LEVELS},
        }
        for minute, until, mean in (("00", "2026-03-02T01:30:00Z", 30.0), ("30", "2026-03-02T02:00:00Z", 90.0))
    ]  # fmt: skip
    rules = Rules(work=Work(handling_s=150))
    for clock, number in (("09:10", 0), ("09:30", 1), ("10:00", None)):
        now = datetime.fromisoformat(f"2026-03-02T{clock}:00+08:00")
        source = of_hotline(Answers(rows), "service", days=1, now=now)
        made = plan(source.forecast, rules)
        shown = Shown(staffing=made, rules=rules, where="", on_duty=source.on_duty, now=source.now)
        assert needed_now(shown) == (None if number is None else made.agents[0, number])
    assert list(summary(shown))[-1] == "on duty now: 7"


# --- shared agents -------------------------------------------------------------------------------------------------------


def test_shared_agents_are_found_with_the_routers_own_simulation(tmp_path):
    """Every group is asked for, nobody outside of his shift, never more than there are; the same seed finds the same."""
    short = (
        EXAMPLE.read_text(encoding="utf-8").replace('closes = "12:00"', 'closes = "09:30"').replace("12:00", "09:30")
    )
    scenario, out = tmp_path / "short.toml", tmp_path / "groups.csv"
    scenario.write_text(short, encoding="utf-8")
    found = said("--shared", scenario, "--simulated", 12, "--out", out)
    assert found["simulated_days"] <= 12
    assert [one["id"] for one in found["queues"]] == ["service", "cards"]
    assert [one["interval"] for one in found["intervals"]] == ["08:00", "08:30", "09:00"]
    assert found["intervals"][0]["agents"]["both"] == 0
    assert all(0 <= one["agents"]["both"] <= 4 for one in found["intervals"])
    assert sum(found["intervals"][2]["agents"].values()) > sum(found["intervals"][0]["agents"].values()) > 0
    assert all(one["level"] > 0.6 for one in found["queues"])
    with out.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["interval"] for row in rows] == [one["interval"] for one in found["intervals"]]
    shown = run("--shared", scenario, "--simulated", 12).stdout
    assert f"{found['agent_hours']:.1f} agent hours; each queue by itself would need" in shown


def test_agents_in_neighbouring_intervals_are_the_same_people():
    from acd.simulation.files import read_scenario
    from hotline.cli.staff.shared import Played

    played = Played(read_scenario(EXAMPLE), ((), ()), 1)
    agents = np.zeros((3, 8), dtype=np.int64)
    agents[0] = [2, 3, 3, 2, 0, 1, 1, 1]
    shifts = sorted((staff.count, staff.shift) for staff in played.staff(agents))
    assert shifts == [(1, ("08:30", "09:30")), (1, ("10:30", "13:00")), (2, ("08:00", "10:00"))]
