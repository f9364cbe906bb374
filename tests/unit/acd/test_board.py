"""What boards are shown while the router works."""

from typing import Any

import pytest

from acd.board import Board
from acd.core.requests import AgentRequest
from hotline import facts as f
from hotline.errors import StandingBy
from hotline.ids import AgentId
from tests.unit.acd.play import NODE, Play, seat


class Wall:
    """A board over a router; `after` gives an event to both, as the service does."""

    def __init__(self) -> None:
        self.play = Play("1001", "1002")
        self.board = Board(lambda: self.play.router, lambda: self.play.now)
        self.board.watch(True)
        self.play.ready("1001")
        self.changes()

    def give(self, event: f.Record) -> None:
        out = self.play.router.handle(event, now=self.play.now)
        self.board.hear(out)
        self.board.hear([event])

    def changes(self) -> dict[str, dict[str, Any]]:
        """Return what changed: topic -> id -> item, None for what is gone."""
        found = self.board.take_changes()
        return {
            topic: {**{item.id: item for item in change.items}, **dict.fromkeys(change.gone)}
            for topic, change in found.items()
        }

    def queue(self, call: str) -> None:
        self.give(f.CallArrived(at=self.play.now, call_id=call, node=NODE, leg="leg", number="4000"))  # type: ignore[arg-type]
        self.give(f.CallQueued(at=self.play.now, call_id=call, queue_id="q", entered_at=self.play.now))  # type: ignore[arg-type]

    def offer(self, kind: type[f.OfferFact], call: str) -> None:
        self.give(kind(at=self.play.now, call_id=call, offer_id=self.play.router.why(call)[-1].offer_id))  # type: ignore[arg-type]


def test_a_call_is_shown_ringing_talking_and_gone_with_its_agent_and_queue() -> None:
    wall = Wall()
    wall.queue("A")
    changed = wall.changes()
    assert (changed["calls"]["A"].state, changed["calls"]["A"].agent_id) == ("ringing", "1001")
    assert changed["agents"]["1001"].state == "reserved"
    assert changed["queues"]["q"].waiting == 1
    wall.offer(f.OfferAccepted, "A")
    changed = wall.changes()
    assert changed["calls"]["A"].state == "talking"
    assert changed["queues"]["q"].waiting == 0
    wall.give(f.CallEnded(at=wall.play.now, call_id="A"))  # type: ignore[arg-type]
    assert wall.changes()["calls"] == {"A": None}


def test_who_waits_without_an_agent_is_shown() -> None:
    wall = Wall()
    for call in "AB":
        wall.queue(call)
    assert {c.id: c.state for c in wall.changes()["calls"].values()} == {"A": "ringing", "B": "waiting"}
    assert [c.id for c in wall.board.snapshot("calls")] == ["A", "B"]


def test_what_did_not_change_is_not_told_again() -> None:
    wall = Wall()
    wall.queue("A")
    wall.changes()
    assert wall.changes() == {"calls": {}, "agents": {}, "queues": {}}


def test_a_break_that_lasts_too_long_changes_its_agent() -> None:
    wall = Wall()
    wall.play.router.floor.break_limit_s = {"lunch": 60.0}
    wall.give(AgentRequest(at=wall.play.now, agent_id=AgentId("1001"), ask="not_ready", reason="lunch"))
    shown = wall.changes()["agents"]["1001"]
    assert (shown.state, shown.until, shown.overran) == ("break", wall.play.now + 60, False)
    wall.play.now += 60
    wall.board.hear(wall.play.router.wake(now=wall.play.now))
    assert wall.changes()["agents"]["1001"].overran


def test_a_phone_in_use_changes_its_agent() -> None:
    wall = Wall()
    wall.give(seat("1002", in_use=True, node=NODE))
    assert wall.changes()["agents"]["1002"].phone_in_use


def test_after_a_snapshot_of_a_node_everything_is_told_and_what_is_gone() -> None:
    wall = Wall()
    wall.queue("A")
    wall.changes()
    wall.give(f.SnapshotTaken(at=wall.play.now + 1, node=NODE, living=()))
    changed = wall.changes()
    assert changed["agents"].keys() == {"1001", "1002"}
    assert changed["queues"].keys() == {"q"}


def test_queues_are_shown_anew_because_waits_change_by_themselves() -> None:
    wall = Wall()
    wall.play.now += 10
    assert wall.changes()["queues"].keys() == {"q"}


def test_nobody_looks_and_nothing_is_kept() -> None:
    wall = Wall()
    wall.board.watch(False)
    wall.queue("A")
    wall.board.watch(True)
    assert wall.changes()["calls"] == {}


def test_a_router_that_stands_by_shows_nothing() -> None:
    def stands_by() -> Any:
        raise StandingBy("another one routes")

    board = Board(stands_by, lambda: 0.0)
    with pytest.raises(StandingBy):
        board.snapshot("agents")
    with pytest.raises(StandingBy):
        board.take_changes()
