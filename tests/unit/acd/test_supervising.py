"""Supervisors with live conversations, as the router sees them."""

from typing import cast

import msgspec
import pytest

from acd import oversight
from acd.core.floor import Output
from acd.core.requests import RequestRefused, SupervisionRequest
from hotline import commands as c
from hotline import facts as f
from hotline.ids import AgentId, Extension, NodeId, SupervisionId
from tests.unit.acd.play import NODE, Play, seat


class Desk:
    """A supervisor at seat 1009; agent 1001 talks with caller A."""

    def __init__(self, *, talking: bool = True) -> None:
        self.play = Play("1001", "1002", "1009")
        self.play.ready("1001")
        self.play.arrived("A")
        self.play.queued("A")
        if talking:
            self.play.answered("A")

    def ask(self, ask: str = "listen", extension: str = "1009", agent: str = "1001", by: str = "mei") -> list[Output]:
        request = SupervisionRequest(
            at=self.play.now, agent_id=AgentId(agent), ask=ask, extension=Extension(extension), by=by  # type: ignore[arg-type]
        )  # fmt: skip
        return self.give(request)

    def give(self, event: f.Record) -> list[Output]:
        return self.play.router.handle(event, now=self.play.now)

    def refused(self, *args: str, **more: str) -> str:
        (output,) = self.ask(*args, **more)
        return cast("RequestRefused", output).reason

    def supervise(self) -> c.Supervise:
        return next(o for o in self.ask() if isinstance(o, c.Supervise))

    def seen(self, supervision: SupervisionId, state: str, reason: str = "") -> list[Output]:
        return self.give(
            f.SupervisionSeen(at=self.play.now, node=NODE, supervision_id=supervision, state=state, reason=reason)  # type: ignore[arg-type]
        )

    @property
    def living(self) -> list[str]:
        return [s.id for s in self.play.router.floor.supervisions]


def test_a_supervision_is_asked_for_begins_and_ends_with_the_name_of_who_did_it() -> None:
    desk = Desk()
    asked, command = desk.ask()
    assert isinstance(asked, f.SupervisionAsked)
    assert (asked.agent_id, asked.call_id, asked.extension, asked.by, asked.mode) == (
        "1001",
        "A",
        "1009",
        "mei",
        "listen",
    )
    assert isinstance(command, c.Supervise)
    assert (command.node, command.offer_id, command.shown, command.tone) == (
        NODE,
        desk.play.last_offer("A"),
        "Agent 1001",
        False,
    )
    (began,) = desk.seen(command.supervision_id, "listen")
    assert isinstance(began, f.SupervisionBegan)
    (ended,) = desk.seen(command.supervision_id, "over")
    assert isinstance(ended, f.SupervisionEnded)
    assert (ended.by, ended.reason) == ("mei", "hung_up")
    assert desk.living == []


def test_the_mode_changes_live_and_the_fact_names_who_changed_it() -> None:
    desk = Desk()
    supervision = desk.supervise().supervision_id
    desk.seen(supervision, "listen")
    (change,) = desk.ask("barge", by="boss")
    assert isinstance(change, c.ChangeSupervision)
    assert (change.supervision_id, change.mode) == (supervision, "barge")
    (began,) = desk.seen(supervision, "barge")
    assert (cast("f.SupervisionBegan", began).mode, cast("f.SupervisionBegan", began).by) == ("barge", "boss")
    assert desk.seen(supervision, "barge") == []


def test_the_end_of_the_conversation_is_why_it_ended() -> None:
    desk = Desk()
    supervision = desk.supervise().supervision_id
    desk.seen(supervision, "listen")
    desk.play.told(f.TalkEnded, "A", ended_by="caller")
    (ended,) = desk.seen(supervision, "over")
    assert cast("f.SupervisionEnded", ended).reason == "call_over"


def test_a_seat_that_does_not_answer_ends_it() -> None:
    desk = Desk()
    (ended,) = desk.seen(desk.supervise().supervision_id, "unanswered", "no_answer")
    assert cast("f.SupervisionEnded", ended).reason == "no_answer"


def test_stopping_hangs_the_seat_up_and_is_told_when_that_is_done() -> None:
    desk = Desk()
    supervision = desk.supervise().supervision_id
    desk.seen(supervision, "listen")
    (end,) = desk.ask("stop", "", by="boss")
    assert isinstance(end, c.EndSupervision)
    (ended,) = desk.seen(supervision, "over")
    assert (cast("f.SupervisionEnded", ended).reason, cast("f.SupervisionEnded", ended).by) == ("stopped", "boss")


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        ({"agent": "1008"}, "no_such_agent"),
        ({"agent": "1002"}, "not_talking"),
        ({"extension": "1001"}, "own_seat"),
        ({"ask": "stop"}, "not_supervised"),
        ({"ask": "take_over", "extension": "1010"}, "seat_has_no_agent"),
        ({"ask": "take_over"}, "supervisor_not_ready"),
    ],
)
def test_what_cannot_be_is_refused_by_name(ask: dict[str, str], reason: str) -> None:
    assert Desk().refused(**ask) == reason


def test_a_ringing_agent_is_not_supervised() -> None:
    assert Desk(talking=False).refused() == "not_talking"


def test_a_seat_whose_phone_is_away_or_in_use_is_refused() -> None:
    desk = Desk()
    desk.give(seat("1009", in_use=True, node=NODE))
    assert desk.refused() == "seat_in_use"
    desk.give(seat("1009", reachable=False, node=NODE, at=desk.play.now + 1))
    assert desk.refused() == "seat_unreachable"


def test_a_seat_supervises_one_agent_at_a_time_and_an_agent_has_few_supervisors() -> None:
    desk = Desk()
    desk.play.ready("1002")
    desk.play.queued("B")
    desk.play.answered("B")
    desk.supervise()
    assert desk.refused(agent="1002") == "supervises_already"
    assert desk.refused() == "not_answered_yet"
    for extension in ("1010", "1011"):
        desk.ask(extension=extension)
    assert desk.refused(extension="1012") == "supervised_enough"


def test_a_refused_command_ends_it_and_a_late_word_changes_nothing() -> None:
    desk = Desk()
    command = desk.supervise()
    (ended,) = desk.give(c.CommandEnded(command=command, outcome=c.Refused(reason="not_talking")))
    assert cast("f.SupervisionEnded", ended).reason == "refused"
    assert desk.seen(command.supervision_id, "listen") == []
    assert desk.play.router.floor.ignored["late_supervision"] == 1


def test_a_snapshot_without_it_ends_it_unless_it_is_older() -> None:
    desk = Desk()
    supervision = desk.supervise().supervision_id
    desk.seen(supervision, "listen")
    old = f.SnapshotTaken(at=desk.play.now - 1, node=NODE, living=("A",))  # type: ignore[arg-type]
    elsewhere = f.SnapshotTaken(at=desk.play.now + 1, node=NodeId("other"), living=())
    with_it = f.SnapshotTaken(at=desk.play.now + 1, node=NODE, living=("A",), supervisions=(supervision,))  # type: ignore[arg-type]
    for snapshot in (old, elsewhere, with_it):
        desk.give(snapshot)
        assert desk.living == [supervision]
    out = desk.give(msgspec.structs.replace(with_it, supervisions=()))
    assert [o.reason for o in out if isinstance(o, f.SupervisionEnded)] == ["lost"]


def test_taking_over_hands_the_caller_to_the_agent_at_that_seat() -> None:
    desk = Desk()
    supervision = desk.supervise().supervision_id
    desk.play.ready("1009")
    desk.seen(supervision, "listen")
    out = desk.ask("take_over", by="boss")
    started = next(o for o in out if isinstance(o, f.TransferStarted))
    assert (started.to, started.by) == ("agent:1009", "boss")
    assert [o.to for o in out if isinstance(o, c.Transfer)] == ["agent:1009"]
    assert [o.supervision_id for o in out if isinstance(o, c.EndSupervision)] == [supervision]
    ended = next(o for o in desk.seen(supervision, "over") if isinstance(o, f.SupervisionEnded))
    assert ended.reason == "taken_over"


def test_a_new_life_of_the_router_goes_on_with_it() -> None:
    desk = Desk()
    supervision = desk.supervise().supervision_id
    desk.seen(supervision, "listen")
    kept = {key: value for key, value in oversight.changed(desk.play.router.floor).items() if value is not None}
    other = Desk()
    assert oversight.restore(other.play.router.floor, {**kept, "acd/supervision/broken": b"\xff"}) == [
        "acd/supervision/broken"
    ]
    assert other.living == [supervision]
    (ended,) = other.seen(supervision, "over")
    assert isinstance(ended, f.SupervisionEnded)
    assert oversight.changed(other.play.router.floor) == {f"acd/supervision/{supervision}": None}
