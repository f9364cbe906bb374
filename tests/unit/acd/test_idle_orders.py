"""The orders of idle agents: who has left is not rung, however long his rank stays in a list."""

from random import Random

from acd.core.matching.idle import Idle

SKILLS = {"english": 1, "billing": 2}


def able(idle, needs=()):
    order = idle["q"]
    skills = {f"a{n}": SKILLS for n in range(1_000)}
    return [rank[3] for rank in order.able(needs, skills) if order.stands(rank)]


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


def test_agents_whose_phone_cannot_be_rung_are_only_named():
    idle = Idle(["q"])
    enter(idle, "a0", 0.0, free=False)
    enter(idle, "a1", 1.0)
    rank = (5, 1.0, 0.0, "a1")
    assert able(idle) == ["a1"]
    assert idle["q"].number(rank) == 1
    assert [r[3] for r in idle["q"].before(rank, 5)] == ["a0"]


def test_orders_agree_with_a_sorted_list_through_a_long_day():
    dice, idle = Random(4), Idle(["q"])
    free: dict[str, tuple[int, float, float, str]] = {}
    skills = {f"a{n}": {"english": 1} if n % 3 else {"billing": 1} for n in range(120)}
    able(idle, (("english", 1),))
    for now in range(4_000):
        name = f"a{dice.randrange(120)}" if dice.random() < 0.5 or not free else min(free.values())[3]
        if free.pop(name, None) is not None:
            idle.leave(name)
        else:
            since = float(now if dice.random() < 0.8 else now // 2)
            free[name] = (5, since, 0.0, name)
            enter(idle, name, since, skills=skills[name])
        expected = sorted(free.values())
        order = idle["q"]
        for needs, skill in (((), None), ((("english", 1),), "english"), ((("billing", 1),), "billing")):
            found = [rank for rank in order.able(needs, skills) if order.stands(rank)]
            assert found == [rank for rank in expected if skill is None or skill in skills[rank[3]]]
        if expected:
            chosen = dice.choice(expected)
            assert order.number(chosen) == expected.index(chosen)
            assert list(order.before(chosen, 3)) == expected[: min(3, expected.index(chosen))]
