"""How a supervisor's seat is rung, moved and hung up, and what its dialplan tells."""

import msgspec
import pytest

from hotline.commands import ChangeSupervision, EndSupervision, Refused, Supervise
from hotline.facts import NodeSurveyed, SnapshotTaken, SupervisionSeen
from telephony.adoption import reconcile, survey
from telephony.ami.messages import UserEventSeen
from telephony.lines import Lines, Told
from telephony.performance import Plan, plan
from tests.unit.telephony.test_adoption import caller, status
from tests.unit.telephony.test_lines import CALL, OFFER, SEAT, arrive, on, ringing, talking

NAME = f"{CALL}.e1.s1"


def supervise(**more: object) -> Supervise:
    given: dict[str, object] = {"offer_id": OFFER, "supervision_id": NAME, "extension": "1003", "mode": "listen"}
    return Supervise(node="n", call_id=CALL, **(given | more))  # type: ignore[arg-type]


def lines(stage: object = talking) -> Lines:
    made = Lines("n", ["1001", "1003"])  # type: ignore[arg-type]
    stage(made)  # type: ignore[operator]
    return made


def headers(planned: object) -> dict[str, str]:
    assert isinstance(planned, Plan)
    (action,) = planned.actions
    return {"Action": action.name, **action.headers}


def said(of: Lines, state: str, **fields: str) -> Told:
    fields = {"Id": NAME, "State": state} | fields
    return of.handle(UserEventSeen(name="HotlineSupervision", fields=fields, **on("Local/x;1")), now=30.0)


def test_the_seat_is_rung_by_a_channel_named_after_the_supervision_and_hears_the_agents_channel() -> None:
    sent = headers(plan(supervise(shown='O"Neil <x>', mode="whisper"), lines()))
    assert sent["Action"] == "Originate"
    assert (sent["Channel"], sent["ChannelId"]) == ("Local/1003*20@hotline-supervise-seat/n", NAME)
    assert (sent["Context"], sent["Exten"]) == ("hotline-supervise", "whisper")
    assert sent["Variable"] == f"__HOTLINE_SUPERVISION={NAME},HOTLINE_SPIED={SEAT}"
    assert sent["CallerID"] == '"O Neil x" <1003>'


def test_a_seat_of_another_node_is_rung_over_the_trunk_if_there_is_one() -> None:
    assert headers(plan(supervise(seat_node="b"), lines(), peers={"b"}))["Channel"].endswith(
        "@hotline-supervise-peer-b/n"
    )
    assert plan(supervise(seat_node="b"), lines()) == Refused(reason="no_such_peer")


@pytest.mark.parametrize("stage", [arrive, ringing])
def test_only_a_conversation_can_be_heard(stage: object) -> None:
    assert plan(supervise(), lines(stage)) == Refused(reason="not_talking")
    assert plan(supervise(offer_id="other"), lines()) == Refused(reason="not_talking")


def test_changing_and_ending_go_by_the_name() -> None:
    ids = {"node": "n", "call_id": CALL, "supervision_id": NAME}
    change = headers(plan(ChangeSupervision(**ids, mode="barge"), lines()))  # type: ignore[arg-type]
    assert (change["Action"], change["Channel"], change["Exten"]) == ("Redirect", NAME, "barge")
    end = headers(plan(EndSupervision(**ids), lines()))  # type: ignore[arg-type]
    assert (end["Action"], end["Channel"]) == ("Hangup", NAME)


@pytest.mark.parametrize(
    ("state", "status", "reason"),
    [("listen", "", ""), ("over", "", ""), ("unanswered", "BUSY", "busy"), ("unanswered", "NOANSWER", "no_answer"),
     ("unanswered", "CHANUNAVAIL", "refused")],
)  # fmt: skip
def test_what_becomes_of_the_seat_is_told(state: str, status: str, reason: str) -> None:
    (told,) = said(lines(), state, Status=status).records
    assert told == SupervisionSeen(at=30.0, node="n", supervision_id=NAME, state=state, reason=reason)  # type: ignore[arg-type]


def test_foreign_words_mean_nothing() -> None:
    assert said(lines(), "nonsense").records == []
    assert said(lines(), "listen", Id="; DROP").records == []


def test_the_beep_for_the_agent_follows_the_supervisors_first_word() -> None:
    (action,) = said(lines(), "listen", Tone="1", Spied=SEAT).actions
    assert (action.name, action.headers["Application"], action.headers["Data"]) == (
        "Originate",
        "ChanSpy",
        f"{SEAT},qESw",
    )
    assert said(lines(), "whisper", Tone="", Spied=SEAT).actions == []


def test_snapshots_and_surveys_show_which_supervisions_live_and_take_them_for_no_call() -> None:
    of = lines(arrive)
    local = status(
        "Local/1003*20@hotline-supervise-seat-1;1",
        "ChanSpy",
        "hotline-supervise",
        HOTLINE_CALL="",
        HOTLINE_SUPERVISION=NAME,
    )
    local = msgspec.structs.replace(local, exten="whisper")
    taken = reconcile(of, [caller(), local], now=40.0)[-1]
    assert isinstance(taken, SnapshotTaken)
    assert (taken.living, taken.supervisions) == ((CALL,), (NAME,))
    surveyed = survey(of, [caller(), local], epoch=1, now=40.0)
    assert isinstance(surveyed, NodeSurveyed)
    assert surveyed.supervisions == (NAME,)
    assert taken.heard == surveyed.heard == ((NAME, "whisper"),)
    rings = msgspec.structs.replace(local, application="", exten="listen")
    assert survey(of, [caller(), rings], epoch=1, now=40.0).heard == ()
