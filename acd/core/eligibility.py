"""May this agent be rung for this caller, and if not, why. Pure.

`why_not` returns every reason against it; an empty list means yes. The same reasons steer the router and reach the
supervisor's screen, so there is no second opinion.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from acd.core.agents import Agent, Agents
from acd.core.line import Caller
from acd.core.states import ON_DUTY
from hotline.facts import AgentState
from hotline.ids import AgentId, QueueId

Code = Literal[
    "not_logged_in",
    "on_break",
    "in_wrap_up",
    "resting",
    "in_call",
    "unreachable",
    "phone_in_use",
    "node_unseen",
    "other_queues",
    "lacks_skill",
    "refused_caller",
]

TEXTS: dict[Code, tuple[str, str]] = {
    "not_logged_in": ("is not logged in", "未登录"),
    "on_break": ("is on a break", "示忙(小休)"),
    "in_wrap_up": ("is in wrap-up", "话后处理中"),
    "resting": ("rests after an unanswered ring", "未接来电后暂停派单"),
    "in_call": ("is busy with another call", "正在处理其他来电"),
    "unreachable": ("has a phone that cannot be reached", "话机无法接通"),
    "phone_in_use": ("has a phone in use", "话机占用中"),
    "node_unseen": ("has a phone at a node that cannot be seen", "话机所在节点失联"),
    "other_queues": ("does not serve this queue", "不服务此队列"),
    "lacks_skill": ("lacks the skill", "缺少技能"),
    "refused_caller": ("refused this caller", "已拒接该来电者"),
}
"""Each reason in English and Chinese, to follow the agent's name."""


class Reason(msgspec.Struct, frozen=True):
    """One reason why an agent is not rung for a caller."""

    code: Code
    detail: str = ""
    """The skill that is missing, or the reason of the break."""

    def text(self, language: Literal["en", "zh"] = "en") -> str:
        """Return the reason for people."""
        words = TEXTS[self.code][language == "zh"]
        return f"{words} ({self.detail})" if self.detail else words


_BY_STATE: dict[AgentState, Code] = {
    "offline": "not_logged_in",
    "reserved": "in_call",
    "ringing": "in_call",
    "talking": "in_call",
    "wrap_up": "in_wrap_up",
    "rest": "resting",
    "break": "on_break",
    "unreachable": "unreachable",
}


def why_not(agent: Agent, caller: Caller, serves: tuple[QueueId, ...]) -> list[Reason]:
    """Return the reasons why `agent`, who serves the queues `serves`, is not rung for `caller` now."""
    reasons: list[Reason] = []
    if agent.state != "ready":
        reasons.append(Reason(_BY_STATE[agent.state], agent.reason if agent.state == "break" else ""))
    elif agent.in_use:
        reasons.append(Reason("phone_in_use"))
    elif agent.cut_off:
        reasons.append(Reason("node_unseen"))
    if caller.queue_id not in serves:
        reasons.append(Reason("other_queues"))
    skills = agent.profile.skills
    reasons += [Reason("lacks_skill", skill) for skill in caller.skills if skill not in skills]
    if agent.id in caller.barred:
        reasons.append(Reason("refused_caller"))
    return reasons


def is_able(agent: Agent, caller: Caller, serves: tuple[QueueId, ...]) -> bool:
    """Return whether the agent has what the caller needs, whatever he is doing now."""
    return caller.queue_id in serves and all(skill in agent.profile.skills for skill in caller.skills)


def barred_agents(caller: Caller, agents: Agents, *, now: float) -> frozenset[AgentId]:
    """Return which agents are not rung for this caller because they rejected him.

    As long as somebody on duty who did not reject him can serve him, all who did are spared. Otherwise they are rung
    again, but not at once: each only when his refusal is `REFUSAL_S` old.
    """
    if not caller.refusals:
        return frozenset()
    if _another_can_serve(caller, agents.of_queue(caller.queue_id), agents):
        return frozenset(caller.refusals)
    return frozenset(agent_id for agent_id, until in caller.refusals.items() if now < until)


def _another_can_serve(caller: Caller, candidates: Iterable[Agent], agents: Agents) -> bool:
    return any(
        a.state in ON_DUTY and a.id not in caller.refusals and is_able(a, caller, agents.queues_of(a))
        for a in candidates
    )
