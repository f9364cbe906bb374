"""Supervisors with live conversations, as the router sees them."""

from typing import cast

import msgspec
import pytest

from acd.core.floor import Output
from acd.core.matching.eligibility import why_not
from acd.core.offers.book import UNSEEN_S
from acd.core.requests import RequestRefused, SupervisionRequest
from acd.core.talks import taking_over
from acd.core.talks.supervising import HELD_S
from acd.core.views import why_view
from hotline import commands as c
from hotline import facts as f
from hotline.ids import AgentId, CallId, Extension, NodeId, SupervisionId
from tests.unit.acd.play import NODE, Play, line, profile, seat


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
        self.play.give(event)
        return self.play.out

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


def test_an_agent_who_is_only_asked_by_another_one_is_not_supervised() -> None:
    desk = Desk()
    desk.play.ready("1002")
    desk.play.wants("1001", "consult", "agent:1002")
    consult = desk.play.consulted("A")
    desk.play.told(f.OfferAccepted, "A", consult)
    assert desk.refused(agent="1002") == "only_asked"
    assert isinstance(desk.ask()[0], f.SupervisionAsked)


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


def test_an_answer_or_a_change_that_nobody_told_is_learnt_from_a_survey() -> None:
    desk = Desk()
    supervision = desk.supervise().supervision_id

    def surveyed(mode: f.SupervisionMode) -> list[f.SupervisionBegan]:
        survey = f.NodeSurveyed(
            at=desk.play.now + 1, node=NODE, epoch=0, calls=(desk.play.found("A", "talking", offer=offer),), seats=(),
            supervisions=(supervision,), heard=((supervision, mode),),
        )  # fmt: skip
        return [o for o in desk.give(survey) if isinstance(o, f.SupervisionBegan)]

    offer = desk.play.last_offer("A")
    assert [(o.mode, o.by) for o in surveyed("listen")] == [("listen", "mei")]
    assert surveyed("listen") == []
    desk.ask("barge", by="boss")
    assert [(o.mode, o.by) for o in surveyed("barge")] == [("barge", "boss")]


def test_a_hang_up_that_did_not_arrive_is_asked_for_again_when_the_node_is_seen() -> None:
    desk = Desk()
    supervision = desk.supervise().supervision_id
    (end,) = desk.ask("stop")
    assert desk.give(c.CommandEnded(command=end, outcome=c.Refused(reason="link_down"))) == []  # type: ignore[arg-type]
    seen = f.SnapshotTaken(at=desk.play.now + 1, node=NODE, living=("A",), supervisions=(supervision,))  # type: ignore[arg-type]
    assert desk.give(seen) == [end]


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


def busy_desk() -> tuple[Desk, list[str]]:
    """The supervisor listens, others wait, and he takes A over; what follows when his phone is hung up."""
    desk = Desk()
    supervision = desk.supervise().supervision_id
    desk.play.ready("1009")
    desk.play.seat("1009", in_use=True, node=NODE)
    desk.seen(supervision, "listen")
    assert desk.play.queued("B") == []
    assert desk.ask("take_over")
    desk.play.now += 1
    return desk, desk.play.seat("1009", in_use=False, node=NODE)


def comes(desk: Desk) -> list[str]:
    """A comes back into the line, handed on to the supervisor's agent."""
    desk.play.told(f.TalkEnded, "A", ended_by="agent")
    return desk.play.queued("A", wanted_agent="1009", entered_at=desk.play.now)


def test_who_takes_a_caller_over_is_given_nobody_else_meanwhile() -> None:
    desk, said = busy_desk()
    assert said == []
    floor = desk.play.router.floor
    caller, supervisor = floor.line.get(CallId("B")), floor.agents[AgentId("1009")]
    assert caller is not None
    assert [r.code for r in why_not(supervisor, caller, floor.agents.queues_of(supervisor))] == ["takes_over"]
    assert desk.refused("take_over") in ("takes_over_already", "not_talking")
    assert "offer A 1009" in comes(desk)
    (passed,) = desk.play.router.why(CallId("A"))[-1].callers_passed
    assert (passed.call_id, passed.reasons[0].text()) == ("B", "is kept free for another caller")
    assert supervisor.awaits is None


def test_a_caller_who_comes_before_the_supervisors_phone_is_free_is_rung_as_soon_as_it_is() -> None:
    desk = Desk()
    desk.supervise()
    desk.play.ready("1009")
    desk.play.seat("1009", in_use=True, node=NODE)
    desk.play.queued("B")
    assert not [o for o in desk.ask("take_over") if isinstance(o, RequestRefused)]
    assert not [line for line in comes(desk) if line.startswith("offer")]
    desk.play.now += 1
    assert [line for line in desk.play.seat("1009", in_use=False, node=NODE) if line.startswith("offer")] == [
        "offer A 1009"
    ]


@pytest.mark.parametrize("how", ["hangs up", "time", "refused"])
def test_when_the_caller_does_not_come_the_supervisor_is_there_for_others(how: str) -> None:
    desk, _ = busy_desk()
    match how:
        case "hangs up":
            said = desk.play.ended("A")
        case "time":
            said = desk.play.after(15.1)
        case _:
            said = desk.play.outcome(c.Transfer, c.Refused(reason="not_talking"))
    assert "offer B 1009" in said


def test_a_supervisor_who_goes_on_break_meanwhile_awaits_nobody() -> None:
    desk, _ = busy_desk()
    desk.play.ask("1009", "not_ready", "lunch")
    assert "offer B 1009" in desk.play.ready("1009")
    assert desk.play.after(15.1) is not None
    assert desk.play.state("1009") != "ready"


def test_a_new_life_of_the_router_goes_on_with_it() -> None:
    desk = Desk()
    supervision = desk.supervise().supervision_id
    desk.seen(supervision, "listen")
    kept = desk.play.remembered()
    other = Desk()
    other.play.router.restore({"supervision": kept["supervision"]}, now=other.play.now)
    assert other.living == [supervision]
    (ended,) = other.seen(supervision, "over")
    assert isinstance(ended, f.SupervisionEnded)
    assert other.play.taken("supervision") == {supervision: None}


def test_while_one_takes_a_caller_over_nobody_else_may() -> None:
    desk = Desk()
    desk.play.ready("1002", "1009")
    assert not [o for o in desk.ask("take_over") if isinstance(o, RequestRefused)]
    assert desk.refused("take_over", extension="1002") == "taken_over_already"
    taking_over.gone(desk.play.router.floor, CallId("A"))
    assert not taking_over.pending(desk.play.router.floor, CallId("A"))


# --- no caller rings where a supervisor is rung --------------------------------------------------------------------------


def rung_desk(*ready: str) -> tuple[Desk, SupervisionId]:
    """The supervisor's seat is rung for him; its phone has not been said to be in use. His agent is ready, as are these."""
    desk = Desk()
    desk.play.ready("1009", *ready)
    return desk, desk.supervise().supervision_id


def reasons(desk: Desk, agent: str, call: str = "B") -> list[str]:
    """Return why an agent is not rung for a caller."""
    waiting = why_view(desk.play.router.floor, CallId(call), desk.play.now).waiting
    assert waiting is not None
    return [o.code for o in waiting.why_nobody if o.code == "supervises"]


def test_a_seat_that_is_rung_for_a_supervisor_is_offered_nobody_and_others_are() -> None:
    desk, _ = rung_desk("1002")
    assert "offer B 1002" in desk.play.queued("B")
    (passed,) = desk.play.router.why(CallId("B"))[0].agents_passed
    assert (passed.agent_id, [r.code for r in passed.reasons]) == ("1009", ["supervises"])
    said = desk.play.router.why(CallId("B"))[0]
    assert "Agent 1009 was free longer but supervises another conversation" in said.sentence()
    assert "坐席 1009 空闲更久,但正在监听其他通话" in said.sentence("zh")


def test_who_waits_meanwhile_is_told_why_and_gets_him_when_it_is_over() -> None:
    desk, supervision = rung_desk()
    assert desk.play.queued("B") == []
    assert reasons(desk, "1009") == ["supervises"]
    desk.seen(supervision, "listen")
    assert reasons(desk, "1009") == ["supervises"]
    assert desk.play.after(3_600) == []
    assert "offer B 1009" in told(desk.seen(supervision, "over"))


def told(out: list[Output]) -> list[str]:
    return [line(o) for o in out]


@pytest.mark.parametrize("how", ["no answer", "refused", "stopped", "call over", "lost", "silence", "node away"])
def test_however_it_ends_he_is_there_for_callers_again(how: str) -> None:
    desk, supervision = rung_desk()
    assert desk.play.queued("B") == []
    play = desk.play
    match how:
        case "no answer":
            said = told(desk.seen(supervision, "unanswered", "no_answer"))
        case "refused":
            said = play.outcome(c.Supervise, c.Refused(reason="not_talking"))
        case "stopped":
            said = told(desk.ask("stop"))
        case "call over":
            play.told(f.TalkEnded, "A", ended_by="caller")
            said = told(desk.seen(supervision, "over"))
        case "lost":
            said = told(desk.give(f.SnapshotTaken(at=play.now + 1, node=NODE, living=(CallId("A"), CallId("B")))))
        case "silence":
            assert play.after(HELD_S - 0.1) == []
            said = play.after(0.2)
        case _:
            play.arrived("C", node="node2")
            play.queued("C")
            said = play.link(up=False)
            assert "offer C 1009" in said
            return
    assert "offer B 1009" in said


def test_a_seat_that_is_answered_after_all_is_offered_nobody_again() -> None:
    desk, supervision = rung_desk()
    desk.play.after(HELD_S + 1)
    desk.seen(supervision, "listen")
    assert desk.play.queued("B") == []
    assert desk.play.after(HELD_S + 1) == []


def test_nobody_is_asked_about_a_caller_where_a_supervisor_is_rung() -> None:
    desk, _ = rung_desk()
    assert desk.play.wants("1001", "consult", "agent:1009") == ["refused 1001 agent_not_free"]


def test_it_is_the_seat_that_is_kept_free_whoever_sits_there() -> None:
    desk = Desk()
    desk.play.define(msgspec.structs.replace(profile("1002"), devices=(Extension("1012"),)))
    desk.ask(extension="1012")
    desk.play.ready("1002")
    assert "offer B 1002" in desk.play.queued("B")
    desk.play.unanswered("B", f.OfferRejected)
    desk.play.dial("1012", "41")
    assert desk.play.state("1002") == "ready"
    assert desk.play.after(10) == []
    assert reasons(desk, "1002") == ["supervises"]


def heir_of(desk: Desk) -> Desk:
    """Return the desk with the next life of the router."""
    desk.play = desk.play.reborn()
    desk.play.now += 1
    return desk


def surveyed(desk: Desk, offer: str, *supervisions: str, heard: bool = False) -> list[str]:
    """The node tells everything: A talks, B waits, and these supervisions live."""
    modes = tuple((SupervisionId(s), "listen") for s in supervisions) if heard else ()
    calls = (desk.play.found("A", "talking", offer=offer), desk.play.found("B", "session"))
    survey = f.NodeSurveyed(
        at=desk.play.now, node=NODE, epoch=0, calls=calls, seats=(), heard=modes,  # type: ignore[arg-type]
        supervisions=tuple(map(SupervisionId, supervisions)),
    )  # fmt: skip
    return told(desk.give(survey))


@pytest.mark.parametrize("begun", [False, True])
def test_the_next_life_of_the_router_keeps_the_seat_free_as_long_as_its_node_shows_that_it_is_with_it(
    begun: bool,
) -> None:
    desk, supervision = rung_desk()
    if begun:
        desk.seen(supervision, "listen")
    offer = desk.play.last_offer("A")
    heir = heir_of(desk)
    assert not [said for said in surveyed(heir, offer, supervision, heard=begun) if said.startswith("offer")]
    assert not [said for said in heir.play.after(UNSEEN_S - 2) if said.startswith("offer")]
    assert ("offer B 1009" in heir.play.after(3)) is not begun
    if begun:
        assert "offer B 1009" in told(heir.seen(supervision, "over"))


def test_what_is_over_by_the_next_life_of_the_router_keeps_nobody() -> None:
    desk, supervision = rung_desk()
    desk.seen(supervision, "listen")
    offer = desk.play.last_offer("A")
    assert "offer B 1009" in surveyed(heir_of(desk), offer)


def test_a_node_that_the_next_life_never_hears_of_keeps_nobody_for_ever() -> None:
    desk, supervision = rung_desk()
    desk.seen(supervision, "listen")
    heir = heir_of(desk)
    heir.play.arrived("B", node="node2")
    heir.play.queued("B")
    assert reasons(heir, "1009") == ["supervises"]
    assert "offer B 1009" in heir.play.after(UNSEEN_S)
