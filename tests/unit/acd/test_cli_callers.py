"""`hotline queue priority|move|pull|close|open|emergency` and `hotline voicemail` against a client that writes down what it is asked."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from hotline.cli import callers
from hotline.cli.shell import Shell

QUEUES = [
    {"id": name, "closed_by": "", "emergency": "", "emergency_then": ""} for name in ("service", "sales")
]  # fmt: skip
LINES: dict[str, list[dict[str, Any]]] = {
    "service": [{"call_id": "5f3a-1"}, {"call_id": "77b0-2"}],
    "sales": [{"call_id": "5f3b-3"}],
}
MOVED = {"call_id": "5f3a-1", "queue_id": "sales", "waiting": {"position": 1, "priority": 7, "waited_s": 31.0}}


def message(name: str, **more: Any) -> dict[str, Any]:
    return {
        "message_id": name, "call_id": name.partition(".")[0], "queue_id": "sales", "began_at": "2026-11-22T07:55:55.863255Z",
        "settled_at": None, "status": "left", "detail": "", "duration_s": 8.0, "caller_number": "138", "customer_name": "",
        "handled_at": None, "handled_by": "", **more,
    }  # fmt: skip


MESSAGES = [message("5f3a-1.m1"), message("5f3a-1.m2"), message("77b0-2.m1", status="store_failed")]


class Desk:
    """The API of a hotline with two queues and three messages."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.changed: dict[str, Any] = MOVED

    def get(self, path: str, **query: Any) -> Any:
        match path.removeprefix("/api/v1/").split("/"):
            case ["queues"]:
                return QUEUES
            case ["queues", queue, "waiting"]:
                return LINES[queue]
            case ["voicemails"]:
                self.asked.append((path, query))
                return {"items": MESSAGES, "next": None}
            case _:
                self.asked.append((path,))
                return next(m for m in MESSAGES if path.endswith(m["message_id"]))

    def patch(self, path: str, body: Any) -> Any:
        self.asked.append((path, body))
        return self.changed

    def put(self, path: str, body: Any) -> Any:
        self.asked.append((path, body))
        if path.endswith("/handled"):
            by = "boss" if body["handled"] else ""
            return MESSAGES[1] | {"handled_at": "2026-11-22T08:00:00Z" if by else None, "handled_by": by}
        return QUEUES[0] | {"id": path.split("/")[-2], "emergency": body.get("announce", ""), "emergency_then": "stay"}

    def download(self, path: str, target: Path) -> int:
        self.asked.append((path, target))
        return 44


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk()
    monkeypatch.setattr(Shell, "client", lambda _: made)
    monkeypatch.setenv("COLUMNS", "200")
    return made


def queue(*words: str) -> Result:
    return CliRunner().invoke(callers.queue_app, list(words))


def voicemail(*words: str) -> Result:
    return CliRunner().invoke(callers.voicemail_app, list(words))


def test_a_caller_is_moved_by_the_first_characters_of_his_id(desk: Desk) -> None:
    result = queue("move", "5f3a", "sales")
    assert desk.asked == [("/api/v1/calls-waiting/5f3a-1", {"queue": "sales"})]
    assert result.output == "5f3a-1 waits in sales at place 1 with priority 7, for 31.0 s\n"


def test_a_caller_is_moved_by_force_only_when_that_is_said(desk: Desk) -> None:
    assert queue("move", "5f3a", "sales", "--force").exit_code == 0
    assert desk.asked == [("/api/v1/calls-waiting/5f3a-1", {"queue": "sales", "force": True})]


def test_a_caller_who_was_pulled_out_has_left(desk: Desk) -> None:
    desk.changed = MOVED | {"waiting": None}
    assert queue("pull", "77", "voicemail").output == "77b0-2 has left the line\n"
    assert desk.asked == [("/api/v1/calls-waiting/77b0-2", {"treatment": "voicemail"})]


@pytest.mark.parametrize(("start", "said"), [("5f3", "2 of those"), ("9", "none of those")])
def test_an_id_that_names_nobody_or_several_is_one_sentence(desk: Desk, start: str, said: str) -> None:
    result = queue("priority", start, "5")
    assert (result.exit_code, desk.asked) == (1, [])
    assert said in result.stderr


def test_a_switch_is_set_at_one_queue_or_at_all(desk: Desk) -> None:
    assert queue("close", "sales").output == "sales is open\n"
    assert desk.asked == [("/api/v1/queues/sales/switches", {"closed": True})]
    desk.asked.clear()
    body = {"emergency": True, "announce": "storm", "then": "stay"}
    result = queue("emergency", "all", "on", "--announce", "storm")
    assert desk.asked == [(f"/api/v1/queues/{name}/switches", body) for name in ("service", "sales")]
    assert "sales is open; announcement storm, then stay" in result.output
    assert len(json.loads(queue("open", "all", "--json").output)) == 2
    assert json.loads(queue("open", "sales", "--json").output)["id"] == "sales"


@pytest.mark.parametrize("words", [("sales", "maybe"), ("sales", "on", "--then", "sing")])
def test_an_emergency_is_on_or_off_and_ends_in_one_of_three_ways(desk: Desk, words: tuple[str, ...]) -> None:
    assert queue("emergency", *words).exit_code == 1
    assert desk.asked == []


def test_messages_are_listed_with_what_was_asked_for(desk: Desk) -> None:
    result = voicemail("list", "--queue", "sales", "--status", "left")
    (_, query) = desk.asked[0]
    assert (query["queue"], query["status"]) == ("sales", "left")
    assert "store failed" in result.output


def test_what_nobody_has_dealt_with_is_asked_for_with_one_word(desk: Desk) -> None:
    voicemail("list", "--open")
    (_, query) = desk.asked[0]
    assert (query["status"], query["handled"]) == ("left", "false")


@pytest.mark.parametrize(("words", "said"), [((), "dealt with by boss"), (("--undo",), "to be dealt with")])
def test_a_message_is_dealt_with_and_that_can_be_taken_back(desk: Desk, words: tuple[str, ...], said: str) -> None:
    assert voicemail("done", "5f3a-1.m2", *words).output == f"5f3a-1.m2: {said}\n"
    assert desk.asked[1:] == [("/api/v1/voicemails/5f3a-1.m2/handled", {"handled": not words})]


def test_a_message_is_shown_and_fetched_by_the_first_characters_of_its_id(desk: Desk, tmp_path: Path) -> None:
    target = tmp_path / "message.wav"
    result = voicemail("show", "5f3a-1.m2", "-o", str(target))
    assert desk.asked[1:] == [
        ("/api/v1/voicemails/5f3a-1.m2",),
        ("/api/v1/voicemails/5f3a-1.m2/audio", target),
    ]
    assert "44 bytes" in result.output
    assert "customer" not in result.output, "what is not known is left out"


@pytest.mark.parametrize(
    ("words", "said"), [(("5f3a",), "2 messages begin"), (("77", "-o", "x.wav"), "has no audio: store failed")]
)
def test_a_message_that_cannot_be_told_apart_or_played_is_one_sentence(
    desk: Desk, words: tuple[str, ...], said: str
) -> None:
    result = voicemail("show", *words)
    assert result.exit_code == 1
    assert said in result.stderr
