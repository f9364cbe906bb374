"""The houses that the router is tried in: queues, agents, and which queue comes first."""

from dataclasses import dataclass

import msgspec

from acd.core.agents.roster import Profile
from hotline.settings.queues import BetweenQueues, Overflow, Queue, Relax
from tests.unit.acd.play import profile

A = Queue(id="a", ring_timeout_s=8, wrap_up_s=3, rest_after_no_answer_s=4, no_answers_before_break=2, short_abandon_s=2)
B = Queue(
    id="b", ring_timeout_s=5, wrap_up_s=0, rest_after_no_answer_s=0, priority=2, skills=("card",), max_offers=3,
    outcome_required=True,
)  # fmt: skip
AGENTS = (
    profile("1001"),
    profile("1002", skills=("card", "english")),
    profile("1003", skills=("english",), queues=("a",)),
    profile("1004", skills=("card",), queues=("b",)),
)
TIERS = {"gold": 3, "bad": -2}


@dataclass(frozen=True)
class House:
    """One of them."""

    name: str
    queues: tuple[Queue, ...] = (A, B)
    between: BetweenQueues = "strict_priority"
    agents: tuple[Profile, ...] = AGENTS


def _levels(agent: Profile, **levels: int) -> Profile:
    return msgspec.structs.replace(agent, skills=levels, preference={"a": 9} if levels else {"a": 2})


def _house(name: str, a: dict[str, object], b: dict[str, object], **more: object) -> House:
    return House(name=name, queues=(A.model_copy(update=a), B.model_copy(update=b)), **more)  # type: ignore[arg-type]


DEFAULT = House(name="as ever")
HOUSES = (
    DEFAULT,
    _house(
        "levels that relax",
        {"skills": {"english": 3}, "relax": (Relax(after_s=2, skills={"english": 2}), Relax(after_s=6, skills={"english": 0})),
         "strategy": "round_robin"},
        {"strategy": "least_occupied", "relax": (Relax(after_s=4, skills={"card": 1, "english": 0}),), "skills": {"card": 4}},
        agents=(
            _levels(AGENTS[0]),
            _levels(AGENTS[1], card=5, english=2),
            _levels(AGENTS[2], english=5),
            _levels(AGENTS[3], card=2),
        ),
    ),
    _house(
        "tiers that age",
        {"ageing_per_minute": 20.0, "tiers": TIERS, "strategy": "fewest_calls"},
        {"ageing_per_minute": 60.0, "tiers": TIERS, "strategy": "random"},
    ),
    _house(
        "phones that ring together",
        {"strategy": "ring_all", "ring_at_once": 3},
        {"strategy": "ring_progressive", "ring_more_every_s": 1.0},
        between="longest_wait",
    ),
    _house(
        "all phones ring, one queue before the other", {"strategy": "ring_all"}, {"strategy": "ring_all", "skills": {}}
    ),
    _house(
        "customers with agents of their own",
        {"sticky": "last_agent", "sticky_s": 4.0, "strategy": "ordered", "tiers": TIERS},
        {"sticky": "personal_agent", "sticky_s": 9.0},
        between="service_level_at_risk",
    ),
    _house(
        "who waits for long goes elsewhere",
        {"overflow": (Overflow(when="waited", over=4.0, to="queue:b"),), "ageing_per_minute": 10.0,
         "relax": (Relax(after_s=3, skills={"english": 0}),)},
        {"overflow": (Overflow(when="waited", over=12.0, to="voicemail"), Overflow(when="nobody_logged_in", to="queue:a")),
         "strategy": "longest_idle", "relax": (Relax(after_s=5, skills={"card": 0}),)},
        between="longest_wait",
    ),
)  # fmt: skip
