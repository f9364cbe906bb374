"""`hotline staff` of a running hotline whose queues share agents: what it is told, and what if."""

import csv
import io
import json
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from hotline.cli.main import app

START, END = "2026-03-02T01:00:00Z", "2026-03-02T01:30:00Z"


def row(queue: str, needed: int, **more: Any) -> dict[str, Any]:
    shares = {"service": ["cards"], "cards": ["service"]}.get(queue, [])
    return {
        "queue_id": queue, "starts_at": START, "ends_at": END, "calls": 100.0, "required": 10, "low": 9, "high": 12, "to_schedule": 12,
        "method": "pooled" if shares else "erlang", "shares_with": shares, "together": 20 if shares else None, "needed": needed,
        "there": 10, "planned": False, "missing": needed - 10, "service_level": 0.8, **more,
    }  # fmt: skip


class Hotline:
    """Answers as the API does: 20 % more calls need two more."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.queues = ["cards", "service", "sales"]

    def get(self, path: str, **query: Any) -> Any:
        if path == "/api/v1/staffing":
            return {"items": [row(query["queue"], 10)]}
        assert path == "/api/v1/staffing-whatif"
        self.asked.append(query)
        more = 2 if query.get("volumes", 1.0) > 1 else 0
        level = 0.8 - 0.1 * more - 0.05 * query.get("absent", 0)
        group = {"service", "cards"} if query.get("queue") == "service" else set(self.queues)
        return [row(queue, 10 + more, service_level=level) for queue in self.queues if queue in group]


@pytest.fixture
def hotline(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Hotline:
    made = Hotline()
    monkeypatch.setattr("hotline.cli.shell.Shell.client", lambda _self: made)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["staff", *arguments])


def test_a_queue_that_shares_agents_is_shown_with_its_group_and_by_which_method(hotline: Hotline) -> None:
    said = " ".join(run("--queue", "service").stdout.split())
    assert "2026-03-02 09:00 service 100.0 10 9-12 12 shared 20 80.0 %" in said
    assert "cards, service: 10.0 agent hours, at most 20 people at once; they share people: counted together" in said
    assert "sales" not in said
    assert hotline.asked == [{"days": 1, "queue": "service"}]


def test_the_whole_house_and_what_if(hotline: Hotline) -> None:
    done = run("--house", "--volumes", "+20%", "--absent", "2", "--days", "3")
    said = " ".join(done.stdout.split())
    assert "sales 100.0 10 9-12 12 Erlang 80.0 %" in said
    assert "2026-03-02 09:00 sales 10 | 12 +2 60.0 % | 10 0 70.0 % | 12 +2 50.0 %" in said
    assert "calls x1.2: +3.0 agent hours needed; if nobody does anything: level 60.0 %" in said
    assert [(one.get("volumes"), one.get("absent"), one["days"]) for one in hotline.asked] == [
        (None, None, 3), (1.2, 0, 3), (1.0, 2, 3), (1.2, 2, 3),
    ]  # fmt: skip


def test_for_programs_and_for_a_spreadsheet(hotline: Hotline, tmp_path: Any) -> None:
    out = tmp_path / "staff.csv"
    found = json.loads(run("--house", "--handling", "-10", "--json", "--out", str(out)).stdout)
    assert [one["queue_id"] for one in found["intervals"]] == ["cards", "sales", "service"]
    assert found["intervals"][0]["variants"]["handling -10 s"]["needed"] == 10
    assert found["agent_hours"] == 15.0
    assert hotline.asked[-1]["handling_s"] == -10
    head, first, *_ = csv.reader(io.StringIO(out.read_text()))
    assert dict(zip(head, first, strict=True))["method"] == "pooled"


def test_mistakes_are_one_sentence(hotline: Hotline) -> None:
    assert "--house goes with" in run("--house", "--aht", "100").stderr
    assert "--house goes with" in run("--house", "--queue", "service").stderr
    assert "say of what" in run("--house", "--csv", "x.csv").stderr
    hotline.queues = []
    assert "nothing is forecast for the time" in run("--house").stderr
