"""A demo's plan: repeatable, mixed, and of the asked size."""

from itertools import islice

import pytest

from hotline.errors import Misuse
from telephony.phones.plan import DemoPlan, agent_turns, caller_scripts, time_limit_s

PLAN = DemoPlan(calls=2000, rate=20, agents=10, talk_s=6, patience_s=40, seed=7)


def test_the_same_seed_gives_the_same_callers_and_agents() -> None:
    assert caller_scripts(PLAN) == caller_scripts(PLAN)
    assert list(islice(agent_turns(PLAN), 50)) == list(islice(agent_turns(PLAN), 50))


def test_another_seed_gives_others() -> None:
    other = DemoPlan(calls=2000, rate=20, agents=10, talk_s=6, patience_s=40, seed=8)
    assert caller_scripts(other) != caller_scripts(PLAN)


def test_every_caller_has_a_number_of_its_own_and_dials_the_number_of_the_plan() -> None:
    lines = [s.line for s in caller_scripts(PLAN)]
    assert len({line.caller_number for line in lines}) == PLAN.calls
    assert {line.number for line in lines} == {"4000"}


def test_most_are_patient_and_every_kind_occurs() -> None:
    kinds = [s.kind for s in caller_scripts(PLAN)]
    assert set(kinds) == {"patient", "impatient", "silent", "mistaken", "leaving"}
    assert kinds.count("patient") > 0.7 * PLAN.calls


def test_who_wants_an_agent_presses_one_last() -> None:
    for script in caller_scripts(PLAN):
        keys = [p.keys for p in script.presses]
        if script.kind in ("silent", "leaving"):
            assert keys == []
        else:
            assert keys[-1] == "1"
            assert (len(keys) == 2) == (script.kind == "mistaken")


def test_conversations_are_as_long_as_asked_on_average() -> None:
    turns = list(islice(agent_turns(PLAN), 2000))
    assert abs(sum(t.talk_s for t in turns) / len(turns) - PLAN.talk_s) < 0.5
    assert min(t.talk_s for t in turns) >= 0.5


def test_the_time_limit_leaves_room_for_every_call() -> None:
    assert time_limit_s(PLAN) > PLAN.calls / PLAN.rate + PLAN.patience_s + PLAN.talk_s


@pytest.mark.parametrize("wrong", [{"calls": 0}, {"agents": 0}, {"rate": 0}, {"rate": 1000}, {"talk_s": 0}])
def test_a_plan_of_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(Misuse):
        DemoPlan(**{"calls": 1, "rate": 1, "agents": 1, **wrong})  # type: ignore[arg-type]
