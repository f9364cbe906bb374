"""Why was this caller offered to that agent: the router's diary, bounded, and its words. Pure.

A decision is kept as the values that it went by, taken when it was made; reasons and words are found when somebody asks.
"""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Literal

import msgspec

from acd.core.agents.roster import Held
from acd.core.callers.demand import Wish
from acd.core.callers.ranking import AgentRank
from acd.core.matching.eligibility import Reason, unsuited
from acd.core.recent import Recent
from hotline.ids import AgentId, CallId, OfferId, QueueId
from hotline.settings.queues import BetweenQueues, Strategy

CALLS = 2_000
"""Of how many calls the decisions are kept."""
PER_CALL = 20
"""How many decisions of one call are kept."""
PASSED_OVER = 5
"""How many of those who were passed over are named in one decision."""

Language = Literal["en", "zh"]


class Before(msgspec.Struct, frozen=True, gc=False):
    """An agent who came before the one who was chosen, as he was at that moment."""

    agent_id: AgentId
    rank: AgentRank
    skills: Mapping[str, int]
    serves: tuple[QueueId, ...]
    held: Held | None
    """Why his phone was not rung, whoever waited."""
    takes_over: bool = False
    """Whether he was kept free for a caller whom he takes over."""

    def reasons(self, wish: Wish) -> tuple[Reason, ...]:
        """Return why he was not rung."""
        phone = [Reason(self.held)] if self.held is not None else []
        phone += [Reason("takes_over")] if self.takes_over else []
        return (*phone, *unsuited(self.agent_id, self.skills, wish, self.serves))


class Made(msgspec.Struct, frozen=True, gc=False):
    """A decision as it is kept: what it went by, from which the reasons are found when somebody asks."""

    known: "Decision"
    wish: Wish
    agents: tuple[Before, ...]
    chosen: Before
    callers: tuple[tuple[CallId, Wish], ...]

    def told(self) -> "Decision":
        """Return the decision with its reasons."""
        agents = [PassedAgent(agent_id=b.agent_id, reasons=b.reasons(self.wish), rank=b.rank) for b in self.agents]
        callers = [PassedCaller(call_id=call_id, reasons=self.chosen.reasons(wish)) for call_id, wish in self.callers]
        return msgspec.structs.replace(
            self.known,
            agents_passed=tuple(a for a in agents if a.reasons),
            callers_passed=tuple(c for c in callers if c.reasons),
        )


class PassedAgent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent who came before the one who was chosen, and was not rung."""

    agent_id: AgentId
    reasons: tuple[Reason, ...]
    rank: AgentRank


class PassedCaller(msgspec.Struct, frozen=True, kw_only=True):
    """A caller who ranked before the one who was chosen, but whom the agent could not serve."""

    call_id: CallId
    reasons: tuple[Reason, ...]


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """The first caller of another queue, whom the agent could have served as well."""

    queue_id: QueueId
    call_id: CallId
    score: float
    """What the policy between queues gave him; the smallest is served first."""


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One choice of the router."""

    at: float
    call_id: CallId
    queue_id: QueueId
    offer_id: OfferId
    agent_id: AgentId
    waited_s: float
    agent_idle_s: float
    both_since: float
    """Since when caller and agent were both there."""
    agents_considered: int
    """How many idle agents came before the chosen one, he himself included."""
    agents_passed: tuple[PassedAgent, ...] = ()
    callers_passed: tuple[PassedCaller, ...] = ()
    strategy: Strategy = "longest_idle"
    rank: AgentRank
    """What the chosen agent was ranked by: preference, two values of the strategy, id."""
    also: tuple[AgentId, ...] = ()
    """Who was rung with him."""
    priority: int = 0
    """The caller's, with those of his queue and his tier."""
    tier: str = ""
    relaxed: int = 0
    """How many steps of relaxation he had reached."""
    kept: bool = False
    """Whether the caller was kept for this agent."""
    between: BetweenQueues = "strict_priority"
    score: float = 0.0
    """What the policy between queues gave this caller."""
    rivals: tuple[Rival, ...] = ()

    def sentence(self, language: Language = "en", zone: tzinfo = UTC) -> str:
        """Return the decision in plain words, with times of day in `zone`."""
        chinese = language == "zh"
        parts = [_chosen(self, chinese), *_circumstances(self, chinese)]
        parts += [_passed_agent(self, passed, language, zone) for passed in self.agents_passed]
        parts += [_passed_caller(passed, language, zone) for passed in self.callers_passed]
        parts += [_rival(self, rival, chinese) for rival in self.rivals]
        return ("" if chinese else " ").join(parts)


_BY: dict[Strategy, tuple[str, str, str, str]] = {
    "longest_idle": (
        "nobody eligible had been idle longer ({idle:.1f} s)", "was free longer",
        "没有更久空闲的合格坐席(已空闲 {idle:.1f} 秒)", "空闲更久",
    ),
    "least_occupied": (
        "nobody eligible had been busy for a smaller share of the time ({first:.0%})", "was less occupied",
        "没有占用率更低的合格坐席({first:.0%})", "占用率更低",
    ),
    "fewest_calls": (
        "nobody eligible had had fewer calls ({first:.0f})", "had had fewer calls",
        "没有接听更少的合格坐席(已接 {first:.0f} 通)", "接听更少",
    ),
    "round_robin": (
        "it was nobody eligible's turn before his", "was before him in turn", "轮到该坐席", "轮序在前",
    ),
    "ordered": (
        "nobody eligible stands before him in the list", "stands before him in the list",
        "名单中没有排在其前的合格坐席", "在名单中排在前面",
    ),
    "random": ("the lot fell on him", "was drawn before him", "随机抽中该坐席", "先被抽中"),
    "ring_all": (
        "nobody eligible had been idle longer ({idle:.1f} s)", "was free longer",
        "没有更久空闲的合格坐席(已空闲 {idle:.1f} 秒)", "空闲更久",
    ),
    "ring_progressive": (
        "nobody eligible had been idle longer ({idle:.1f} s)", "was free longer",
        "没有更久空闲的合格坐席(已空闲 {idle:.1f} 秒)", "空闲更久",
    ),
}  # fmt: skip
"""For each strategy why the chosen agent was it, and what is said of one who came before him; in English, then in Chinese."""


def _chosen(d: Decision, chinese: bool) -> str:
    if d.kept:
        said = "他被保留给该坐席" if chinese else "he was kept for this agent"
    else:
        said = _BY[d.strategy][2 * chinese].format(idle=d.agent_idle_s, first=d.rank[1])
    if chinese:
        return f"来电者等待 {d.waited_s:.1f} 秒后派给坐席 {d.agent_id};查看了 {d.agents_considered} 名空闲坐席,{said}。"
    looked_at = "1 idle agent" if d.agents_considered == 1 else f"{d.agents_considered} idle agents"
    return f"Agent {d.agent_id} was offered the caller after a wait of {d.waited_s:.1f} s; of {looked_at} looked at, {said}."


def _circumstances(d: Decision, chinese: bool) -> list[str]:
    said = []
    if d.also:
        names = ", ".join(d.also)
        said.append(f"同时振铃:{names}。" if chinese else f"With him are rung: {names}.")
    if d.tier:
        said.append(
            f"客户等级 {d.tier},优先级 {d.priority}。"
            if chinese
            else f"As a customer of tier {d.tier} his priority was {d.priority}."
        )
    if d.relaxed:
        said.append(
            f"因等待较久,技能要求已放宽 {d.relaxed} 级。"
            if chinese
            else f"After this wait less was asked of agents (step {d.relaxed})."
        )
    return said


def _passed_agent(d: Decision, passed: PassedAgent, language: Language, zone: tzinfo) -> str:
    chinese = language == "zh"
    if passed.rank[0] < d.rank[0]:
        came_first = "更优先服务此队列" if chinese else "is preferred for this queue"
    else:
        came_first = _BY[d.strategy][1 + 2 * chinese]
    why = _because(passed.reasons, language, zone)
    return (
        f"坐席 {passed.agent_id} {came_first},但{why}。"
        if chinese
        else f"Agent {passed.agent_id} {came_first} but {why}."
    )


def _passed_caller(passed: PassedCaller, language: Language, zone: tzinfo) -> str:
    why = _because(passed.reasons, language, zone)
    if language == "zh":
        return f"来电 {passed.call_id} 排在前面,但该坐席{why}。"
    return f"Call {passed.call_id} came first but this agent {why}."


_COMPARED: dict[BetweenQueues, tuple[str, str]] = {
    "strict_priority": ("priority {here:.1f} against {there:.1f}", "优先级 {here:.1f} 对 {there:.1f}"),
    "longest_wait": ("he had waited {here:.0f} s, the other {there:.0f} s", "已等待 {here:.0f} 秒,对方 {there:.0f} 秒"),
    "service_level_at_risk": (
        "{here:.2f} answers in time were at risk in his queue, {there:.2f} in the other",
        "本队列预计损失 {here:.2f} 个及时应答,对方 {there:.2f}",
    ),
}
"""How a policy's scores are said, with the smaller one here."""


def _rival(d: Decision, rival: Rival, chinese: bool) -> str:
    if d.between == "longest_wait":
        here, there = d.at - d.score, d.at - rival.score
    else:
        here, there = -d.score + 0.0, -rival.score + 0.0
    scores = _COMPARED[d.between][chinese].format(here=here, there=there)
    if chinese:
        return f"队列 {d.queue_id} 先于队列 {rival.queue_id} 的来电 {rival.call_id}:{scores}。"
    return f"Queue {d.queue_id} went before call {rival.call_id} of queue {rival.queue_id}: {scores}."


def _because(reasons: tuple[Reason, ...], language: Language, zone: tzinfo) -> str:
    return ("且" if language == "zh" else " and ").join(r.text(language, zone) for r in reasons)


class Decisions:
    """The last decisions of the last calls."""

    wanted = True
    """Whether anybody may ask for them; in a simulated day nobody does, and they are not made."""

    def __init__(self) -> None:
        self._of_call: Recent[CallId, list[Made]] = Recent(CALLS)

    def add(self, made: Made) -> None:
        """Keep a decision."""
        call_id = made.known.call_id
        kept = self._of_call.get(call_id)
        if kept is None:
            self._of_call.put(call_id, [made])
            return
        kept.append(made)
        del kept[:-PER_CALL]

    def latest(self, call_id: CallId) -> Decision | None:
        """Return the last decision about a call, without its reasons."""
        kept = self._of_call.get(call_id)
        return kept[-1].known if kept else None

    def told(self, call_id: CallId, offer_id: OfferId) -> Decision | None:
        """Return the decision that made an offer, with its reasons, if it was the last one about its call."""
        kept = self._of_call.get(call_id)
        return kept[-1].told() if kept and kept[-1].known.offer_id == offer_id else None

    def of(self, call_id: CallId) -> list[Decision]:
        """Return the decisions about a call, oldest first."""
        return [made.told() for made in self._of_call.get(call_id) or ()]
