"""Agents with several phones, and agents at external numbers."""

import msgspec
import pytest

from acd.core.agents.roster import Profile
from acd.core.requests import AgentRequest
from acd.core.views import agent_view
from hotline import commands as c
from hotline import facts as f
from hotline.dialling import Policy
from hotline.ids import AgentId, Extension
from tests.unit.acd.play import NODE, Play, profile

OUTBOUND = Policy(trunk=True, allow=("1",))


def mobile(*devices: str, **more: object) -> Profile:
    """Return agent 1001, who also has these seats."""
    return msgspec.structs.replace(profile("1001"), devices=tuple(map(Extension, devices)), **more)


def ring(play: Play) -> c.Ring:
    (found,) = [o for o in play.out if isinstance(o, c.Ring)]
    return found


def test_who_logs_in_from_another_phone_of_his_is_rung_there():
    play = Play(mobile("1011"))
    assert play.dial("1011", "41") == ["1001 offline -> break (logged_in)", "answer logged-in"]
    play.ready("1001")
    play.queued("A")
    made = next(o for o in play.out if isinstance(o, f.OfferMade))
    assert (ring(play).extension, made.extension, made.agent_id) == ("1011", "1011", "1001")


def test_codes_work_from_each_phone_but_only_a_log_in_moves_him():
    play = Play(mobile("1011"))
    assert play.dial("1011", "42")[-1] == "answer ready"
    assert play.dial("1011", "432")[-1] == "answer not-ready"
    assert agent_view(play.router.floor, play.router.floor.agents[AgentId("1001")]).extension == "1001"


def test_only_the_phone_where_he_sits_matters():
    play = Play(mobile("1011"))
    play.ready("1001")
    assert play.seat("1011", reachable=False) == []
    assert play.seat("1001", reachable=False) == ["1001 ready -> unreachable (phone_unreachable)"]
    assert play.dial("1001", "41")[-1] == "answer logged-in"
    assert play.state("1001") == "unreachable"


def test_who_moves_to_a_phone_is_there_with_what_was_said_about_it():
    play = Play(mobile("1011"))
    play.ready("1001")
    play.seat("1001", node=NODE)
    play.seat("1011", in_use=True, node="node2")
    assert play.dial("1011", "41") == ["answer logged-in"]
    assert play.queued("A") == []  # the phone of the code itself is in use
    assert play.seat("1011", in_use=False, node="node2")[0] == "offer A 1001"
    assert ring(play).seat_node == "node2"


def test_who_moves_to_a_phone_that_cannot_be_rung_is_unreachable():
    play = Play(mobile("1011"))
    play.ready("1001")
    play.seat("1011", reachable=False)
    request = AgentRequest(at=play.now, agent_id=AgentId("1001"), ask="log_in", extension=Extension("1011"))
    assert play.give(request) == ["1001 ready -> unreachable (phone_unreachable)"]


def test_nobody_moves_during_a_call():
    play = Play(mobile("1011"), wrap_up_s=10)
    play.ready("1001")
    play.queued("A")
    assert play.dial("1011", "41") == ["answer refused"]
    play.answered("A")
    play.told(f.TalkEnded, "A")
    assert play.dial("1011", "41") == ["answer logged-in"]


def test_a_seat_that_is_not_his_is_refused():
    play = Play(mobile("1011"), "1002")
    request = AgentRequest(at=play.now, agent_id=AgentId("1001"), ask="log_in", extension=Extension("1002"))
    assert play.give(request) == ["refused 1001 unknown_device"]


def test_where_he_sits_survives_our_death():
    play = Play(mobile("1011"))
    play.dial("1011", "41")
    play.ready("1001")
    heir = play.reborn()
    heir.surveyed()
    heir.queued("A")
    assert ring(heir).extension == "1011"


def test_a_phone_that_is_his_no_longer_is_left():
    play = Play(mobile("1011"))
    play.dial("1011", "41")
    assert play.define(mobile()) == ["refused 1001 seat_busy"]
    play.ask("1001", "log_out")
    assert play.define(mobile()) == ["added 1001"]
    assert play.dial("1011", "42") == ["answer refused"]
    assert play.dial("1001", "42")[-1] == "answer ready"


@pytest.mark.parametrize("extension", ["1002", "1012"])
def test_a_phone_belongs_to_one_agent(extension):
    other = msgspec.structs.replace(profile("1002"), devices=(Extension("1012"),))
    assert Play(other, "1001").define(mobile(extension)) == ["refused 1001 seat_taken"]


def test_who_is_ready_at_login_needs_no_second_code():
    play = Play(mobile(ready_at_login=True))
    assert play.dial("1001", "41") == [
        "1001 offline -> break (logged_in)", "1001 break -> ready", "answer logged-in",
    ]  # fmt: skip


def test_a_log_in_does_not_end_a_break():
    play = Play(mobile(ready_at_login=True))
    play.ready("1001")
    play.ask("1001", "not_ready", "lunch")
    assert play.dial("1001", "41") == ["answer logged-in"]
    assert play.state("1001") == "break"


# --- external numbers ------------------------------------------------------------------------------------------------------


def remote(number: str = "13800138000", outbound: Policy = OUTBOUND) -> Play:
    return Play(mobile(remote_number=number), house={"outbound": outbound})


def test_a_remote_agent_is_rung_at_his_number():
    play = remote("008613800138000")
    play.ready("1001")
    play.queued("A")
    assert (ring(play).number, ring(play).seat_node) == ("13800138000", None)


def test_what_his_seat_does_is_nothing_to_a_remote_agent():
    play = remote()
    play.seat("1001", reachable=False)
    play.ready("1001")
    assert play.seat("1001", in_use=True) == []
    assert play.state("1001") == "ready"
    assert play.queued("A")[0] == "offer A 1001"


@pytest.mark.parametrize("outbound", [Policy(trunk=False, allow=("1",)), Policy(trunk=True, allow=("2",))])
def test_a_remote_agent_whose_number_may_not_be_dialled_is_unreachable(outbound):
    play = remote(outbound=outbound)
    play.ready("1001")
    assert play.state("1001") == "unreachable"
    assert play.queued("A") == []


def test_who_answers_without_pressing_the_key_rests():
    play = remote()
    play.ready("1001")
    play.queued("A")
    play.told(f.OfferRang, "A")
    assert play.told(f.OfferTimedOut, "A") == ["1001 ringing -> rest (no_answer)"]


def test_a_seated_agent_becomes_a_remote_one_only_when_he_is_off():
    play = Play("1001", house={"outbound": OUTBOUND})
    play.ready("1001")
    assert play.define(mobile(remote_number="13800138000")) == ["refused 1001 seat_busy"]
    play.ask("1001", "log_out")
    assert play.define(mobile(remote_number="13800138000")) == ["added 1001"]


@pytest.mark.parametrize("kind", [f.OfferBusy, f.OfferFailed])
def test_a_remote_number_that_cannot_be_reached_is_not_dialled_for_ever(kind):
    play = Play(mobile(remote_number="13800138000"), house={"outbound": OUTBOUND}, no_answers_before_break=2)
    play.ready("1001")
    play.queued("A")
    more = {"reason": "congestion"} if kind is f.OfferFailed else {}
    assert play.unanswered("A", kind, **more) == ["1001 reserved -> rest (no_answer)"]
    play.after(10)
    assert play.unanswered("A", kind, **more) == ["1001 reserved -> break (no_answer)"]


def test_a_ring_outside_counts_as_an_outgoing_call():
    play = remote()
    play.ready("1001")
    play.queued("A")
    ledger = play.router.floor.callbacks.ledger
    assert (ledger.live, ledger.last_hour(play.now)) == (1, 1)
    play.unanswered("A")
    assert (ledger.live, ledger.last_hour(play.now)) == (0, 1)
