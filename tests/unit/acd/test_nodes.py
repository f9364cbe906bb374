"""Two Asterisk nodes, one line of callers, one pool of agents."""

import msgspec
import pytest

from acd.core import views
from acd.core.agents import seats
from acd.core.agents.roster import Agent
from hotline import commands as c
from hotline import facts as f
from hotline.commands import Refused
from tests.unit.acd.play import START, Play, profile, seat

A, B = "node1", "node2"


def rung(play: Play) -> tuple[str, str | None]:
    """Return the node that got the last ring, and the node of the seat where it is another."""
    ring = next(command for command in reversed(play.sent) if isinstance(command, c.Ring))
    return ring.node, ring.seat_node


def crew(*agents: str) -> Play:
    """A router with ready agents whose phones are all at node B."""
    play = Play(*agents, wrap_up_s=0)
    for agent in agents:
        play.seat(agent, node=B)
    play.ready(*agents)
    return play


# --- where a phone is rung ---


@pytest.mark.parametrize(("of_call", "of_seat", "told"), [(A, B, B), (B, A, A), (B, B, None), (A, A, None)])
def test_a_seat_is_rung_at_its_node_by_the_caller_s(of_call: str, of_seat: str, told: str | None):
    play = Play("1001")
    play.seat("1001", node=of_seat)
    play.arrived("X", of_call)
    play.queued("X")
    play.ready("1001")
    assert rung(play) == (of_call, told)


def test_a_phone_of_which_nobody_told_is_rung_at_the_caller_s_node():
    play = Play("1001")
    play.arrived("X", B)
    play.queued("X")
    play.ready("1001")
    assert rung(play) == (B, None)


def test_callers_of_all_nodes_stand_in_one_line():
    play = Play("1001", "1002", "1003")
    for call, node in (("X", A), ("Y", B), ("Z", A)):
        play.arrived(call, node)
        play.queued(call)
        play.now += 1
    play.seat("1001", node=B)
    lines = play.ready("1001", "1002", "1003")
    assert [line for line in lines if line.startswith("offer")] == ["offer X 1001", "offer Y 1002", "offer Z 1003"]


def test_a_phone_is_reachable_when_some_node_says_so():
    play = Play("1001")
    play.seat("1001", reachable=False, node=A)
    play.seat("1001", node=B)
    assert play.ask("1001", "ready") == ["1001 offline -> ready"]
    assert play.seat("1001", reachable=False, node=A) == []
    assert play.seat("1001", reachable=False, node=B) == ["1001 ready -> unreachable (phone_unreachable)"]


def test_a_phone_that_moves_is_rung_where_it_was_found_last():
    play = crew("1001")
    play.now += 5
    play.seat("1001", node=A)
    play.now += 5
    play.seat("1001", node=B)  # its old node has not noticed, and says it again at each snapshot
    play.arrived("X", A)
    play.queued("X")
    assert rung(play) == (A, None)


def test_when_the_newer_place_is_lost_the_older_one_counts():
    play = crew("1001")
    play.now += 5
    play.seat("1001", node=A)
    assert play.seat("1001", reachable=False, node=A) == []
    play.queued("X")
    assert rung(play) == (A, B)


def test_a_phone_found_again_at_a_node_is_there():
    play = crew("1001")
    play.seat("1001", node=A)
    play.now += 1
    play.seat("1001", reachable=False, node=B)
    play.now += 1
    play.seat("1001", node=B)
    play.queued("X")
    assert rung(play) == (A, B)


def test_whether_a_phone_is_in_use_is_for_its_own_node_to_say():
    play = crew("1001")
    play.seat("1001", reachable=False, in_use=True, node=A)
    play.seat("1001", in_use=True, node=B)
    assert play.queued("X") == []
    assert play.seat("1001", reachable=False, in_use=False, node=A) == []
    assert play.seat("1001", node=B)[0] == "offer X 1001"


def test_late_news_are_judged_for_each_node_by_itself():
    play = crew("1001")
    play.now += 10
    play.seat("1001", reachable=False, node=B)
    assert play.seat("1001", node=B, at=play.now - 1) == []
    assert play.seat("1001", node=A, at=play.now - 5) == ["1001 unreachable -> ready"]


def test_who_sits_down_later_gets_the_phone_as_it_is():
    play = Play("1001")
    play.seat("1009", node=B)
    play.seat("1008", reachable=False, node=B)
    play.define(profile("new", extension="1009"))
    play.define(profile("away", extension="1008"))
    assert play.ask("away", "ready") == ["away offline -> unreachable"]
    play.queued("X")
    play.ask("new", "ready")
    assert rung(play) == (A, B)


def test_who_changes_seats_leaves_his_phone_behind():
    play = Play("1001")
    play.seat("1001", reachable=False, node=B)
    play.define(profile("1001", extension="1002"))
    play.define(profile("other", extension="1001"))
    assert play.ask("other", "ready") == ["other offline -> unreachable"]
    assert play.ask("1001", "ready") == ["1001 offline -> ready"]


# --- a node that cannot be seen ---


def test_phones_of_a_node_that_cannot_be_seen_are_not_rung_and_their_agents_keep_their_state():
    play = crew("1001")
    assert play.link(False, B) == []
    assert play.queued("X") == []
    view = views.waiting_views(play.router.floor, play.router.floor.line.get("X").queue_id, play.now, limit=1)[0]
    assert [o.code for o in view.why_nobody] == ["node_unseen"]
    assert play.link(True, B)[0] == "offer X 1001"


def test_a_phone_that_comes_over_from_a_node_that_cannot_be_seen_is_rung():
    play = crew("1001")
    play.link(False, B)
    play.queued("X")
    play.now += 1
    assert play.seat("1001", node=A)[0] == "offer X 1001"
    assert rung(play) == (A, None)


def test_a_phone_in_use_is_not_rung_because_its_node_is_seen_again():
    play = crew("1001")
    play.seat("1001", in_use=True, node=B)
    play.link(False, B)
    play.queued("X")
    assert play.link(True, B) == []


def test_a_node_without_a_trunk_to_the_seat_s_node_fails_the_ring():
    play = crew("1001")
    play.queued("X")
    assert play.outcome(c.Ring, Refused(reason="no_such_peer"))[0] == "failed X no_such_peer"


# --- what survives ---


def test_where_a_phone_was_survives_our_death_and_what_it_did_does_not():
    play = crew("1001")
    play.seat("1001", in_use=True, node=B)
    heir = play.reborn()
    heir.queued("X")
    assert rung(heir) == (A, B)


def test_after_our_death_every_word_is_news_wherever_the_clock_was_set():
    play = crew("1001")
    play.seat("1001", node=A)
    heir = play.reborn()
    heir.now = START - 500
    heir.seat("1001", node=B)  # that it still has it is nothing new
    heir.queued("X")
    assert rung(heir) == (A, None)
    assert heir.seat("1001", reachable=False, node=A) == []
    assert heir.router.floor.agents.at("1001").seat_node == B


def test_an_agent_who_was_moved_in_the_settings_has_another_phone():
    play = crew("1001")
    agents = play.taken("agent")
    heir = Play(profile("1001", extension="1002"))
    heir.router.restore({"agent": agents}, now=heir.now)
    heir.queued("X")
    assert rung(heir) == (A, None)


def test_an_agent_is_encoded_with_his_phones():
    play = crew("1001")
    agent = play.router.floor.agents.at("1001")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(agent), type=Agent) == agent


def test_an_agent_remembered_before_there_were_nodes_can_be_read():
    old = {"profile": {"id": "1001", "extension": "1001"}, "state": "ready", "in_use": True, "seat_told_at": 7.5}
    agent = msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=Agent)
    play = Play("1001")
    play.router.restore({"agent": {"1001": agent}}, now=play.now)
    assert play.queued("X")[0] == "offer X 1001"


def test_an_unreachable_agent_remembered_before_there_were_nodes_stays_so_until_he_is_found():
    old = {"profile": {"id": "1001", "extension": "1001"}, "state": "unreachable", "reachable": False}
    play = Play("1001")
    agent = msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=Agent)
    play.router.restore({"agent": {"1001": agent}}, now=play.now)
    assert play.seat("1001", node=B) == ["1001 unreachable -> ready"]


def test_the_order_of_places_is_recalled_and_no_time():
    phones = {
        "x": seats.Phone(reachable=True, in_use=True, told_at=9.0, found_at=5.0),
        "y": seats.Phone(reachable=True, told_at=7.0, found_at=7.0),
    }
    recalled = seats.recalled(phones)
    assert seats.registered_at(recalled) == seats.registered_at(phones) == "y"
    assert {(p.in_use, p.told_at) for p in recalled.values()} == {(False, 0.0)}


# --- everything, told by a node ---


def test_a_new_router_takes_up_every_caller_and_every_phone_a_node_tells_of():
    play = Play("1001")
    play.ready("1001")
    play.seat("1001", in_use=True, node=B, at=START - 5)
    found = (play.found("X", "session", entered_at=START - 9, node=B), play.found("Y", "session", node=B))
    assert play.surveyed(*found, seats=(seat("1001", node=B, at=play.now),), node=B)[0] == "offer X 1001"
    assert rung(play) == (B, None)
    assert [caller.call_id for caller in play.router.floor.line.waiting("q")] == ["X", "Y"]


def test_the_nodes_that_were_heard_are_known():
    play = Play()
    assert play.router.surveyed == ()
    play.surveyed(node=B)
    play.surveyed(node=A)
    play.surveyed(node=B)
    assert play.router.surveyed == (B, A)


def test_a_survey_that_comes_twice_changes_nothing():
    play = Play("1001", "1002")
    play.seat("1001", node=A)
    play.ready("1001", "1002")
    calls = (play.found("X", "session"), play.found("Y", "ringing", offer="Y.old.1"), play.found("Z", "fallback"))
    play.surveyed(*calls)
    before = msgspec.to_builtins(list(play.router.floor.line))
    assert play.surveyed(*calls) == []
    assert msgspec.to_builtins(list(play.router.floor.line)) == before


def test_a_survey_does_not_take_back_a_ring_that_is_on_its_way():
    play = Play("1001", "1002")
    play.queued("X")
    play.ready("1001", "1002")
    play.now += 1
    assert play.surveyed(play.found("X", "session", entered_at=START)) == []
    assert play.state("1001") == "reserved"


def test_a_survey_does_not_shorten_the_pause_of_a_caller():
    play = Play("1001", "1002")
    play.queued("X")
    play.ready("1001", "1002")
    play.outcome(c.Ring, Refused(reason="busy_today"))
    assert play.surveyed(play.found("X", "session", entered_at=START)) == []
    assert play.after(1)[0] == "offer X 1002"


def test_a_survey_brings_a_caller_back_whose_return_nobody_told():
    play = Play("1001", "1002")
    play.queued("X")
    play.ready("1001", "1002")
    play.told(f.OfferTimedOut, "X")
    assert play.surveyed(play.found("X", "session", entered_at=START))[0] == "offer X 1002"


def test_a_caller_who_rings_under_an_offer_before_our_time_is_offered_when_he_is_back():
    play = Play("1001")
    play.queued("X")
    play.surveyed(play.found("X", "ringing", entered_at=START, offer="X.old.1"))
    assert play.ready("1001") == ["1001 offline -> ready"]
    assert play.returned("X", offer="X.old.1")[0] == "offer X 1001"


def test_what_a_node_does_not_tell_of_is_no_more_there_and_only_there():
    play = Play("1001")
    for call, node in (("X", A), ("Y", B)):
        play.arrived(call, node)
        play.queued(call)
    play.now += 1
    assert play.surveyed(node=A) == ["abandoned X short"]
    assert [caller.call_id for caller in play.router.floor.line] == ["Y"]


def test_a_talk_that_ended_while_no_router_lived_is_closed_by_the_survey_of_its_node():
    play = crew("1001")
    play.arrived("X", B)
    play.queued("X")
    play.answered("X")
    heir = play.reborn()
    assert heir.surveyed(node=A) == []
    assert heir.surveyed(node=B) == ["1001 talking -> ready"]


def test_a_survey_shows_that_the_link_is_up():
    play = Play("1001")
    play.link(False)
    play.queued("X")
    play.ready("1001")
    assert play.surveyed(play.found("X", "session", entered_at=START))[0] == "offer X 1001"


def test_a_caller_whose_node_was_guessed_wrong_is_rung_where_he_is():
    play = Play("1001")
    play.queued("X")
    play.surveyed(play.found("X", "session", entered_at=START, node=B), node=B)
    play.ready("1001")
    assert rung(play) == (B, None)


def test_a_served_caller_is_not_told_into_an_older_place():
    play = Play("1001", wrap_up_s=0)
    play.queued("X")
    play.ready("1001")
    play.answered("X")
    play.told(f.TalkEnded, "X")
    served = f.Place(flow="main", flow_version="1", step="queue", served=True)
    talking = msgspec.structs.replace(play.found("X", "talking", offer="X.e1.1"), place=served)
    play.surveyed(talking)
    assert play.queued("X", entered_at=START) == []  # the old entry, told once more


def test_a_ring_whose_time_was_over_before_we_lived_waits_for_the_word_of_its_node():
    play = Play("1001", wrap_up_s=0)
    play.ready("1001")
    play.queued("X")
    play.now += 60
    heir = play.reborn()
    assert heir.after(0.5) == []
    assert heir.surveyed(heir.found("X", "talking", offer="X.e1.1")) == ["1001 reserved -> talking"]


def test_a_call_at_which_we_failed_is_not_taken_up_by_the_next_survey(monkeypatch: pytest.MonkeyPatch):
    play = Play("1001")
    calls = (play.found("bad", "session"), play.found("X", "session"))

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken, pytest.raises(RuntimeError):
        broken.setattr("acd.core.callers.arriving.enter", fail)
        play.surveyed(*calls)
    play.router.evict(now=play.now)
    assert play.router.surveyed == ()
    play.surveyed(*calls)
    assert [caller.call_id for caller in play.router.floor.line] == ["X"]


def test_supervisors_see_where_a_phone_is():
    play = crew("1001", "1002")
    play.seat("1002", reachable=False, node=B)
    seen = [views.agent_view(play.router.floor, agent).phone_node for agent in play.router.floor.agents]
    assert seen == [B, None]


def test_a_phone_that_moves_is_remembered_at_once():
    play = crew("1001")
    play.taken("agent")
    play.seat("1001", in_use=True, node=B)
    assert play.taken("agent") == {}
    play.seat("1001", node=A)
    assert list(play.taken("agent")) == ["1001"]
