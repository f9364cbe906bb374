"""`hotline callback` against a client that writes down what it is asked: whom an operator means, and what he is told."""

from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from hotline.cli import callbacks
from hotline.cli.shell import Shell

LONG = "f5c40500-547f-496c-aae8-6f45aeed7a7e"


def callback(name: str, number: str, status: str = "waiting", *, at: int = 0, queue: str = "service") -> dict[str, Any]:
    return {
        "callback_id": name, "queue_id": queue, "number": number, "name": "Li Si", "entered_at": "2026-11-22T08:00:00Z",
        "requested_at": f"2026-11-22T08:00:{at:02}Z", "status": status, "reason": "", "attempts": 0, "retry_at": None,
        "call_id": None, "facts": [],
    }  # fmt: skip


KEPT = [
    callback("aa11", "13800138000", "reached", at=1),
    callback("aa22", "13800138000", at=2),
    callback("bb33", "13900139000", "calling", at=3),
    callback("cc44", "13700137000", at=4),
    callback("cc55", "13700137000", at=5, queue="sales"),
    callback("2222", "13600136000", at=6),
]


class Desk:
    """The API of a hotline with some callbacks."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self.more: str | None = None

    def get(self, path: str, **query: Any) -> Any:
        name = path.removeprefix("/api/v1/callbacks").removeprefix("/")
        if name:
            return next(c for c in KEPT if c["callback_id"] == name)
        asked = {key: value for key, value in query.items() if value is not None and key in ("status", "number")}
        return {"items": [c for c in KEPT if asked.items() <= c.items()], "next": self.more}

    def delete(self, path: str) -> Any:
        self.cancelled.append(path.rpartition("/")[2])
        return {"callback_id": self.cancelled[-1]}


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk()
    monkeypatch.setattr(Shell, "client", lambda _: made)
    monkeypatch.setattr(Shell, "zone", lambda _: None)
    monkeypatch.setattr(callbacks, "local_time", lambda at, _zone: at or "")
    monkeypatch.setenv("COLUMNS", "200")
    return made


def run(*words: str) -> Result:
    return CliRunner().invoke(callbacks.app, list(words))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("aa22", "aa22"),
        ("aa", "aa22"),
        ("13800138000", "aa22"),
        ("13900139000", "bb33"),
        ("2222", "2222"),
        (LONG, LONG),
    ],
    ids=["id", "beginning", "number", "number of one who is called", "an id of digits", "an id that is not listed"],
)
def test_a_callback_is_cancelled_by_its_id_its_beginning_or_the_customers_number(
    desk: Desk, name: str, meant: str
) -> None:
    found = run("cancel", name)
    assert found.exit_code == 0, found.output
    assert f"callback {meant} is cancelled" in found.output
    assert desk.cancelled == [meant]


def test_a_name_of_two_callbacks_cancels_neither_and_shows_both(desk: Desk) -> None:
    found = run("cancel", "13700137000")
    assert found.exit_code != 0
    assert "cc44 (service), cc55 (sales)" in found.output
    assert desk.cancelled == []


@pytest.mark.parametrize("name", ["aa11", "zzz", "13500135000"])
def test_what_is_over_or_unknown_cannot_be_cancelled(desk: Desk, name: str) -> None:
    found = run("cancel", name)
    assert found.exit_code != 0
    assert "no callback that waits or is being called" in found.output
    assert desk.cancelled == []


def test_of_a_number_the_newest_callback_is_shown_whatever_became_of_it(desk: Desk) -> None:
    assert "aa22" in run("show", "13800138000").output
    assert "cc55" in run("show", "13700137000").output


def test_a_status_that_there_is_not_is_refused_with_those_that_there_are(desk: Desk) -> None:
    found = run("list", "--status", "bogus")
    assert found.exit_code != 0
    assert "waiting, calling, reached, expired, cancelled, failed" in found.output


def test_a_list_says_when_it_is_not_all(desk: Desk) -> None:
    assert "older" not in run("list").output
    desk.more = "x"
    assert "only the newest 50 are shown" in run("list").output
