"""The wallboard in the terminal."""

from datetime import UTC
from io import StringIO
from typing import Any, get_args

import pytest
from rich.console import Console

from acd.core.views import STATES
from hotline.cli.board_screen import AGENTS, CALLS, WORDS, Language, Look, duration, screen
from hotline.errors import Misuse
from hotline.facts import SupervisionMode
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


TODAY = {
    "queues": [
        {
            "queue_id": "service", "threshold_s": 30.0, "connect_rate": 0.875,
            "counts": {"offered": 9, "answered": 7, "abandoned": 1},
        }
    ]
}  # fmt: skip


def shown(board: Board, now: float = 1001.0, *, today: dict[str, Any] | None = None, **more: Any) -> str:
    console = Console(width=200, record=True, file=StringIO())
    console.print(screen(board, today, Look(now=now, zone=UTC, **more)))
    return console.export_text()


def full() -> Board:
    board = Board()
    for topic, item in (("queues", QUEUE), ("agents", AGENT), ("calls", CALL)):
        board.take(message("snapshot", topic, item))
    return board


def has(text: str, *words: str) -> bool:
    missing = [word for word in words if word not in text]
    assert not missing, (missing, text)
    return True


def test_the_screen_has_queues_agents_and_calls() -> None:
    text = shown(full())
    assert has(
        text, "00:16:41", "service", "1:16", "0:30", "emergency surge", "李 [bold]Li", "1:01", "1009 (whisper)", "1:41"
    )
    assert "connect rate" not in text


def test_it_speaks_chinese() -> None:
    text = shown(full(), today=TODAY, language="zh")
    assert has(text, "队列", "最长等待", "应急公告 增援", "通话", "1009 (密语)", "87.5 %", "接通率 = 今日阈值内接通")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_word_that_the_views_use_is_known(language: Language) -> None:
    look = Look(now=0.0, zone=UTC, language=language)
    words = {*STATES, "waiting", *get_args(SupervisionMode)}
    assert {word for word in words if word not in WORDS} == set()
    assert all(look.say(word) for word in words)


def test_the_day_so_far_stands_beside_each_queue_with_its_formula() -> None:
    text = shown(full(), today=TODAY)
    assert has(text, "connect rate = answered within the threshold / (answered + abandoned)")
    assert "9      7         1          87.5 %" in text


def test_agents_who_are_not_there_are_counted_only() -> None:
    board = full()
    board.take(message("update", "agents", {**AGENT, "id": "1002", "state": "offline", "name": "王"}))
    assert has(shown(board), "1 offline")
    assert "王" not in shown(board)
    assert "王" in shown(board, everybody=True)


def test_what_does_not_fit_is_counted() -> None:
    board = Board()
    board.take(message("snapshot", "calls", *({**CALL, "id": f"c{n}"} for n in range(CALLS + 3))))
    board.take(message("snapshot", "agents", *({**AGENT, "id": f"a{n}"} for n in range(AGENTS + 2))))
    assert has(shown(board), "3 more", "2 more")


def test_a_callback_is_marked() -> None:
    board = Board()
    board.take(message("snapshot", "calls", {**CALL, "state": "waiting", "kind": "callback"}))
    assert has(shown(board), "waiting (callback)")
    assert has(shown(board, language="zh"), "等待 (回呼)")


def test_nobody_there_is_said() -> None:
    assert has(shown(Board()), "nobody is logged in", "no calls")


def test_old_figures_say_so() -> None:
    assert has(shown(full(), lost_at=1000.0), "no news since 00:16:40")


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0:00"), (59.6, "1:00"), (75, "1:15"), (3755, "1:02:35")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


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
