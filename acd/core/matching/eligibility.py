"""May this agent be rung for this caller, and if not, why. Pure.

`why_not` returns every reason against it; an empty list means yes. The same reasons steer the router and reach the
supervisor's screen, so there is no second opinion.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Literal

import msgspec

from acd.core.agents.roster import Agent, Agents
from acd.core.agents.states import ON_DUTY
from acd.core.callers.demand import Tokens, Wish
from acd.core.callers.line import Caller
from acd.core.offers.book import REFUSAL_S
from hotline.facts import AgentState
from hotline.ids import AgentId, QueueId

Code = Literal[
    "not_logged_in",
    "on_break",
    "in_wrap_up",
    "resting",
    "in_call",
    "unreachable",
    "supervises",
    "phone_in_use",
    "node_unseen",
    "outgoing_limit",
    "takes_over",
    "other_queues",
    "lacks_skill",
    "refused_caller",
    "kept_for_another",
    "no_outgoing_calls",
]

TEXTS: dict[Code, tuple[str, str]] = {
    "not_logged_in": ("is not logged in", "未登录"),
    "on_break": ("is on a break", "示忙(小休)"),
    "in_wrap_up": ("is in wrap-up", "话后处理中"),
    "resting": ("rests after an unanswered ring", "未接来电后暂停派单"),
    "in_call": ("is busy with another call", "正在处理其他来电"),
    "unreachable": ("has a phone that cannot be reached", "话机无法接通"),
    "supervises": ("supervises another conversation, or is being rung for it", "正在监听其他通话,或正为此振铃"),
    "phone_in_use": ("has a phone in use", "话机占用中"),
    "node_unseen": ("has a phone at a node that cannot be seen", "话机所在节点失联"),
    "outgoing_limit": (
        "is at an external number, and the house makes as many outgoing calls as it may",
        "位于外部号码,而全站外呼数已达上限",
    ),
    "takes_over": ("is kept free for another caller", "已为其他来电预留"),
    "other_queues": ("does not serve this queue", "不服务此队列"),
    "lacks_skill": ("lacks the skill", "缺少技能"),
    "refused_caller": ("refused this caller", "已拒接该来电者"),
    "no_outgoing_calls": ("is not given outgoing calls", "不参与外呼"),
    "kept_for_another": ("was not rung because the caller is kept for another agent", "因来电者保留给其他坐席而未派单"),
}
"""Each reason in English and Chinese, to follow the agent's name."""


_HAS = re.compile(r"\(has ([0-9]+)\)")


class Reason(msgspec.Struct, frozen=True):
    """One reason why an agent is not rung for a caller."""

    code: Code
    detail: str = ""
    """The skill that is missing (`english 5 (has 3)` where its level is too low), the reason of the break, or the other agent."""
    at: float | None = None
    """When it happened, of a refusal."""

    def text(self, language: Literal["en", "zh"] = "en", zone: tzinfo = UTC) -> str:
        """Return the reason for people, with times of day in `zone`."""
        words = TEXTS[self.code][language == "zh"]
        detail = _HAS.sub(r"(现有 \1)", self.detail) if language == "zh" else self.detail
        if self.at is not None:
            clock = f"{datetime.fromtimestamp(self.at, zone):%H:%M}"
            words = f"{clock} {words}" if language == "zh" else f"{words} at {clock}"
        return f"{words} ({detail})" if detail else words


FOR_EVER = float("inf")
"""Until when a caller is kept for an agent who was chosen by name: neither queue nor skill is asked of him."""

_BY_STATE: dict[AgentState, Code] = {
    "offline": "not_logged_in",
    "reserved": "in_call",
    "ringing": "in_call",
    "talking": "in_call",
    "holding": "in_call",
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
    elif agent.held is not None:
        reasons.append(Reason(agent.held))
    elif caller.outgoing and agent.last_outgoing and not caller.dialled:
        reasons.append(Reason("outgoing_limit"))  # he and the customer would be one too many
    if agent.awaits is not None and agent.awaits != caller.call_id:
        reasons.append(Reason("takes_over"))
    if caller.outgoing and not agent.profile.outbound:
        reasons.append(Reason("no_outgoing_calls"))
    return [*reasons, *unsuited(agent.id, agent.profile.skills, caller.wish, serves)]


def may_ring(agent: Agent, caller: Caller, serves: tuple[QueueId, ...], has: Tokens) -> bool:
    """Return whether `why_not` has no reason, faster; the agent has `has`."""
    if agent.state != "ready" or agent.held is not None:
        return False
    wanted = caller.wanted_agent
    if wanted is not None or caller.barred or caller.outgoing or agent.awaits is not None:
        return not why_not(agent, caller, serves)
    return caller.queue_id in serves and has.issuperset(caller.needs)


def unsuited(agent_id: AgentId, skills: Mapping[str, int], wish: Wish, serves: tuple[QueueId, ...]) -> list[Reason]:
    """Return the reasons why an agent does not suit a caller, whatever he is doing."""
    reasons: list[Reason] = []
    if wish.wanted_agent != agent_id or wish.wanted_until != FOR_EVER:
        if wish.queue_id not in serves:
            reasons.append(Reason("other_queues"))
        reasons += [
            Reason("lacks_skill", _lack(skill, level, skills.get(skill)))
            for skill, level in wish.needs
            if skills.get(skill, 0) < level
        ]
    if agent_id in wish.barred:
        reasons.append(Reason("refused_caller", at=wish.refusals.get(agent_id, 0.0) - REFUSAL_S))
    if wish.wanted_agent is not None and wish.wanted_agent != agent_id:
        reasons.append(Reason("kept_for_another", wish.wanted_agent))
    return reasons


def _lack(skill: str, level: int, has: int | None) -> str:
    wanted = f"{skill} {level}" if level > 1 else skill
    return f"{wanted} (has {has})" if has is not None else wanted


def is_able(agent: Agent, caller: Caller, serves: tuple[QueueId, ...], has: Tokens) -> bool:
    """Return whether the agent, who has `has`, is one for this caller, whatever he is doing now."""
    if caller.wanted_agent not in (None, agent.id):
        return False
    if caller.wanted_agent == agent.id and caller.wanted_until == FOR_EVER:
        return True
    return caller.queue_id in serves and has.issuperset(caller.needs)


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
        a.state in ON_DUTY and a.id not in caller.refusals and is_able(a, caller, agents.queues_of(a), agents.has(a))
        for a in candidates
    )
