"""The wallboard in the terminal."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from hotline.cli.board import render
from hotline.errors import Misuse
from hotline.web.stream_client import Board

QUEUE = {
    "id": "service", "waiting": 2, "longest_wait_s": 75.0, "expected_p50_s": 30.0, "on_duty": 1, "closed_by": "", "emergency": "storm",
    "surge": True, "agents": {"ready": 0, "talking": 1, "wrap_up": 0},
}  # fmt: skip
AGENT = {
    "id": "1001", "name": "李 [bold]Li", "extension": "1001", "state": "talking", "reason": "", "since": 940.0, "call_id": "A",
    "supervised_by": [{"seat": "1009", "mode": "whisper"}],
}  # fmt: skip
CALL = {"id": "A", "queue_id": "service", "state": "talking", "entered_at": 900.0, "agent_id": "1001", "priority": 3}


def message(kind: str, topic: str, *items: dict[str, Any], gone: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"type": kind, "topic": topic, "at": 1000.0, "items": list(items), "gone": list(gone)}


def shown(board: Board, now: float) -> str:
    console = Console(width=200, record=True, file=StringIO())
    console.print(render(board, now))
    return console.export_text()


def test_the_screen_has_queues_agents_and_calls() -> None:
    board = Board()
    for topic, item in (("queues", QUEUE), ("agents", AGENT), ("calls", CALL)):
        board.take(message("snapshot", topic, item))
    text = shown(board, 1001.0)
    assert all(
        word in text
        for word in ("service", "1:15", "0:30", "emergency surge", "李 [bold]Li", "1:01", "1009 (whisper)", "1:41")
    )


def test_updates_change_and_remove_and_a_snapshot_begins_anew() -> None:
    board = Board()
    board.take(message("snapshot", "calls", CALL, {**CALL, "id": "B"}))
    board.take(message("update", "calls", {**CALL, "state": "waiting"}, gone=("B",)))
    assert [(c["id"], c["state"]) for c in board.of("calls")] == [("A", "waiting")]
    board.take(message("snapshot", "calls"))
    assert board.of("calls") == []


def test_a_refusal_is_an_error() -> None:
    with pytest.raises(Misuse, match="no topic"):
        Board().take({"type": "refused", "reason": "there is no topic x"})
