"""`hotline forecast show|run` against a client that writes down what it is asked, and on a plain file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from hotline.cli.forecast import show as forecast_show
from hotline.cli.forecast import words as forecast_words
from hotline.cli.main import app
from hotline.cli.shell import Shell

LEVELS = ("0.025", "0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95", "0.975")
ROW = {
    "period": "2026-03-02", "starts_at": "2026-03-02T01:00:00Z", "ends_at": "2026-03-02T01:30:00Z", "made_at": "2026-03-01T18:00:00Z",
    "model": "factor", "mean": 41.25, "quantiles": {level: 30.0 + n for n, level in enumerate(LEVELS)},
}  # fmt: skip


def queue(name: str = "service", **more: Any) -> dict[str, Any]:
    horizon = {
        "horizon": "half_hour", "model": "factor", "why": "best by 0.4 points", "wape": 0.0712, "made_at": "2026-03-01T18:00:00Z",
        "first": "2026-03-02T00:00:00Z", "last": "2026-03-16T00:00:00Z", "calls": 5123.4, "low": 4800.0, "high": 5500.0,
    }  # fmt: skip
    return {
        "queue_id": name, "state": "ready", "why": "", "history_days": 300, "tried_at": "2026-03-01T18:00:00Z", "gap": None,
        "required": 9, "horizons": [horizon], **more,
    }  # fmt: skip


class Desk:
    """The API of a hotline with two queues."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.queues = [
            queue(),
            queue("sales", state="too_little_history", why="3 days are known, 14 are needed", horizons=[]),
        ]
        self.tries = 0

    def get(self, path: str, **query: Any) -> Any:
        self.asked.append((path, query))
        if path.endswith("-accuracy"):
            return [
                {
                    "queue_id": "service", "horizon": "half_hour", "lead": 1, "periods": 28, "intervals": 700, "calls": 9000.0,
                    "wape": 0.0755, "bias": -0.011, "coverage80": 0.79, "coverage95": 0.944,
                }
            ]  # fmt: skip
        if path == forecast_show.PATH:
            self.tries += 1
            tried = "2026-03-02T09:00:01Z" if self.tries > 1 else "2026-03-01T18:00:00Z"
            return [q | {"tried_at": tried} for q in self.queues]
        return {"items": [ROW], "next": None}

    def post(self, path: str, body: Any) -> Any:
        self.asked.append((path, body))
        return {"queues": ["service"], "at": "2026-03-02T09:00:00Z"}


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk()
    monkeypatch.setattr(Shell, "client", lambda _: made)
    monkeypatch.setattr(forecast_show, "LOOK_S", 0.0)
    monkeypatch.setenv("COLUMNS", "200")
    return made


def hotline(*words: str) -> Result:
    return CliRunner().invoke(app, ["forecast", *words])


def cells(result: Result) -> list[list[str]]:
    assert result.exit_code == 0, result.output
    return [line.split() for line in result.output.splitlines()]


def test_queues_are_summed_up_with_model_and_reason(desk: Desk) -> None:
    shown = hotline("show").output
    assert "80 % between" in shown
    said = " ".join(shown.split())
    assert "service half hours 2026-03-02 08:00 5123 4800-5500 factor 7.1 % best by 0.4 points" in said
    assert "too little history" in shown
    assert "3 days are known, 14 are needed" in shown


def test_an_open_alarm_is_said(desk: Desk) -> None:
    desk.queues[0]["gap"] = "short"
    assert "service: people will be missing in the next hours" in hotline("show").output
    assert "service: 未来几小时人手不足" in hotline("show", "--language", "zh").output


def test_interval_by_interval_with_quantiles_in_the_houses_zone(desk: Desk) -> None:
    head, row = cells(hotline("show", "--queue", "service", "--horizon", "half-hour"))
    assert row == ["service", "2026-03-02", "09:00", "41.2", "32", "34", "36", "30-38", "factor", "2026-03-02", "02:00"]
    assert head[:3] == ["queue", "from", "calls"]
    assert desk.asked[-1][0] == "/api/v1/forecasts/service/half_hour"


def test_in_chinese(desk: Desk) -> None:
    assert cells(hotline("show", "--horizon", "day", "--queue", "service", "--language", "zh"))[0][:3] == [
        "队列",
        "起始",
        "话务量",
    ]


def test_json_is_what_the_api_says(desk: Desk) -> None:
    assert json.loads(hotline("show", "--queue", "service", "--json").output)[0]["queue_id"] == "service"
    (row,) = json.loads(hotline("show", "--queue", "service", "--horizon", "month", "--json").output)
    assert row == {"queue_id": "service", **ROW}


def test_past_forecasts_are_judged(desk: Desk) -> None:
    row = cells(hotline("show", "--accuracy"))[1]
    assert row == ["service", "half", "hours", "1", "28", "7.5", "%", "-1.1", "%", "79.0", "%", "94.4", "%"]


def test_an_order_waits_for_what_comes_of_it(desk: Desk) -> None:
    result = hotline("run", "--queue", "service", "--choose", "--json")
    assert json.loads(result.output)[0]["tried_at"] == "2026-03-02T09:00:01Z"
    assert desk.asked[0] == ("/api/v1/forecasts-runs", {"queue": "service", "choose": True})
    assert desk.tries == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "--horizon", "year"), "--horizon is one of today, half-hour, day, month"),
        (("show", "--language", "fr"), "there is no language 'fr'"),
        (("run", "--csv", "x.csv", "--horizon", "today"), "needs a hotline that runs"),
        (("run", "--csv", "there-is-none.csv"), "cannot be read"),
    ],
)
def test_what_cannot_be_is_one_clear_sentence(desk: Desk, words: tuple[str, ...], said: str) -> None:
    result = hotline(*words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("horizon", ["half-hour", "day"])
def test_a_plain_file_is_forecast_without_a_hotline(tmp_path: Path, horizon: str) -> None:
    random = np.random.default_rng(4)
    lines = ["time,calls"]
    for day in np.datetime64("2025-01-06") + np.arange(70):
        if int(day.astype(int) + 3) % 7 < 5:
            lines += [f"{day} {hour:02d}:00,{random.poisson(40)}" for hour in range(9, 13)]
    (tmp_path / "calls.csv").write_text("\n".join(lines), encoding="utf-8")
    result = hotline("run", "--csv", str(tmp_path / "calls.csv"), "--horizon", horizon, "--days", "3", "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [r["starts_at"] for r in rows][:1] == [
        "2025-03-17T09:00:00+00:00" if horizon == "half-hour" else "2025-03-17T00:00:00+00:00"
    ]
    assert len(rows) == (12 if horizon == "half-hour" else 3)
    assert all(30 < r["mean"] / (4 if horizon == "day" else 1) < 50 for r in rows)


def test_every_word_is_in_both_languages() -> None:
    for english, chinese in forecast_words.WORDS.values():
        assert english
        assert chinese
    assert forecast_words.say("a name that is no word", "zh") == "a name that is no word"
