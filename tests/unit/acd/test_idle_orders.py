"""The orders of idle agents: who has left is not rung, however long his rank stays in a list."""

from random import Random

import pytest

from acd.core.matching.idle import FEW, Idle

SKILLS = {"english": 1, "billing": 2}


def walked(order, needs, skills):
    """Return the ranks of those who have the skills, in the order in which they are looked at."""
    ranks, begin = order.able(needs, skills)
    return [r for r in ranks[begin:] if order.stands(r) and all(skill in skills[r[3]] for skill, _ in needs)]


def able(idle, needs=()):
    skills = {f"a{n}": SKILLS for n in range(1_000)}
    return [rank[3] for rank in walked(idle["q"], needs, skills)]


def enter(idle, name, since, *, free=True, skills=None):
    idle.enter(name, SKILLS if skills is None else skills, [("q", (5, since, 0.0, name))], free=free)


def test_who_left_is_in_no_order_and_who_came_back_stands_at_his_new_place():
    idle = Idle(["q"])
    for number in range(3):
        enter(idle, f"a{number}", float(number))
    assert able(idle, (("english", 1),)) == ["a0", "a1", "a2"]
    idle.leave("a1")
    idle.leave("a0")
    enter(idle, "a0", 9.0)
    assert able(idle) == able(idle, (("english", 1),)) == ["a2", "a0"]


def test_who_comes_back_with_the_rank_he_had_stands_there_once():
    idle = Idle(["q"])
    for number in range(3):
        enter(idle, f"a{number}", float(number))
    able(idle, (("english", 1),))
    idle.leave("a1")
    enter(idle, "a1", 1.0)
    assert able(idle, (("english", 1),)) == ["a0", "a1", "a2"]


def test_orders_by_skill_begin_anew_after_everybody_was_busy():
    idle, names = Idle(["q"]), [f"a{number}" for number in range(2 * FEW)]
    for round_of_calls in (0.0, 100.0):
        for number, name in enumerate(names):
            enter(idle, name, round_of_calls + number, skills=SKILLS if number % 2 else {})
        ranks, begin = idle["q"].able(
            (("english", 1),), {name: SKILLS if n % 2 else {} for n, name in enumerate(names)}
        )
        assert [rank[3] for rank in ranks[begin:]] == names[1::2]
        for name in names:
            idle.leave(name)


def test_agents_whose_phone_cannot_be_rung_are_only_named():
    idle = Idle(["q"])
    enter(idle, "a0", 0.0, free=False)
    enter(idle, "a1", 1.0)
    rank = (5, 1.0, 0.0, "a1")
    assert able(idle) == ["a1"]
    assert idle["q"].before(rank, 5) == (1, [(5, 0.0, 0.0, "a0")])
    assert idle["q"].before(rank, 0) == (1, [])


@pytest.mark.parametrize("coming", [0.5, 0.9], ids=["few are idle", "many are idle"])
def test_orders_agree_with_a_sorted_list_through_a_long_day(coming):
    dice, idle = Random(4), Idle(["q"])
    free: dict[str, tuple[int, float, float, str]] = {}
    skills = {f"a{n}": {"english": 1} if n % 3 else {"billing": 1} for n in range(240)}
    able(idle, (("english", 1),))
    for now in range(3_000):
        name = f"a{dice.randrange(240)}" if dice.random() < coming or not free else min(free.values())[3]
        if free.pop(name, None) is not None:
            idle.leave(name)
        else:
            since = float(now if dice.random() < 0.8 else now // 2)
            free[name] = (5, since, 0.0, name)
            enter(idle, name, since, skills=skills[name])
        expected = sorted(free.values())
        order = idle["q"]
        for needs, skill in (((), None), ((("english", 1),), "english"), ((("billing", 1),), "billing")):
            found = walked(order, needs, skills)
            assert found == [rank for rank in expected if skill is None or skill in skills[rank[3]]]
        if expected:
            chosen = dice.choice(expected)
            assert order.before(chosen, 3) == (expected.index(chosen), expected[: min(3, expected.index(chosen))])
