from typing import get_args

import pytest

from acd.core.agents.states import (
    IN_CALL,
    OUT_OF_PLACE,
    OWING,
    TABLE,
    Force,
    Go,
    Happening,
    Home,
    Later,
    Refuse,
    Stay,
    home,
    mermaid,
    step,
)  # fmt: skip
from acd.core.agents.states import Ask as Asks
from hotline.facts import AgentState

STATES = get_args(AgentState)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("ask", [*get_args(Asks), *get_args(Force)])
def test_every_request_has_an_answer_in_every_state(state, ask):
    assert ask in TABLE[state]


@pytest.mark.parametrize("state", STATES)
def test_a_phone_may_come_and_go_in_every_state(state):
    assert {"seat_lost", "seat_found"} <= TABLE[state].keys()


def test_only_a_ready_agent_can_be_reserved():
    assert [s for s in STATES if "reserve" in TABLE[s]] == ["ready"]


def test_a_pair_that_is_not_in_the_table_is_refused_by_name():
    assert step("break", "reserve") == OUT_OF_PLACE == Refuse("out_of_place")


@pytest.mark.parametrize("state", ["reserved", "ringing", "talking", "wrap_up"])
def test_a_break_waits_until_the_call_is_over(state):
    assert step(state, "not_ready") == Later()


def test_who_logs_out_in_wrap_up_leaves_at_once():
    assert step("wrap_up", "log_out") == Go("offline")


def test_holding_is_talking_with_the_caller_put_aside():
    assert step("talking", "held") == Go("holding")
    assert step("holding", "retrieved") == Go("talking")
    assert [step("talking", "retrieved"), step("holding", "held"), step("holding", "answered")] == [Stay()] * 3
    assert {given for given in TABLE["talking"] if step("talking", given) != step("holding", given)} == {
        "held", "retrieved"
    }  # fmt: skip


@pytest.mark.parametrize("state", sorted(IN_CALL))
def test_no_order_cuts_a_call(state):
    assert {step(state, order) for order in get_args(Force)} <= {Stay(), Later()}


@pytest.mark.parametrize("state", sorted({*get_args(AgentState)} - IN_CALL - {"offline", "wrap_up"}))
def test_who_is_in_no_call_obeys_at_once(state):
    assert step(state, "force_offline") == step(state, "offline_after_call") == Go("offline")
    assert step(state, "force_break") == step(state, "break_after_call") == Go("break")


def test_a_wrap_up_comes_to_its_end_unless_the_order_is_for_now():
    assert step("wrap_up", "force_offline") == Go("offline")
    assert step("wrap_up", "offline_after_call") == Later()


@pytest.mark.parametrize("state", sorted(OWING))
def test_who_owes_an_outcome_is_not_ready_by_his_own_wish_nor_by_time(state):
    assert step(state, "ready", owes=True) == Refuse("outcome_required")
    assert step(state, "time_over", owes=True) in (Stay(), step(state, "time_over"))
    assert step(state, "force_ready", owes=True) == Home()


def test_repeating_a_request_changes_nothing():
    assert [step(s, a) for s, a in (("ready", "ready"), ("offline", "log_out"), ("break", "log_in"))] == [Stay()] * 3


@pytest.mark.parametrize(
    ("wish", "reachable", "state"),
    [
        (None, True, "ready"),
        (None, False, "unreachable"),
        ("break", True, "break"),
        ("break", False, "break"),
        ("offline", False, "offline"),
    ],
)
def test_a_free_agent_goes_where_he_wished_or_where_his_phone_lets_him(wish, reachable, state):
    assert home(wish, reachable=reachable) == state


def test_every_state_can_be_reached_and_left():
    reached = {s.state for row in TABLE.values() for s in row.values() if isinstance(s, Go)} | {
        "ready", "unreachable",  # by `home`
    }  # fmt: skip
    left = {state for state, row in TABLE.items() if any(isinstance(s, Go | Home) for s in row.values())}
    assert reached == left == set(STATES)


def test_every_happening_is_used():
    assert {given for row in TABLE.values() for given in row} == {
        *get_args(Asks), *get_args(Force), *get_args(Happening)
    }  # fmt: skip


def test_the_diagram_shows_every_state_and_every_change():
    drawn = mermaid()
    assert drawn.startswith("stateDiagram-v2\n")
    assert "    ready --> reserved: reserve\n" in drawn
    assert "    talking --> talking: not_ready (kept), log_out (kept)\n" in drawn
    assert "    ringing --> free: handled, let_go\n" in drawn
    assert all(f" {state}" in drawn for state in STATES)
