"""The API of agents: who they are, their states, orders of supervisors, and how their conversations went."""

from typing import Literal

import msgspec

from acd.core.agents.roster import Agent, Profile
from acd.core.agents.sitting import may_ring
from acd.core.agents.states import Ask, Force
from acd.core.requests import AgentDefinition, AgentRequest, OutcomeRequest
from acd.core.views import AgentView, agent_view
from acd.service import AcdService
from hotline.errors import Misuse, Rejected
from hotline.ids import AgentId, Extension, OfferId, QueueId, is_safe_id
from hotline.text import clean_name
from hotline.web.routes import Request, Route

SKILLS = 100
"""How many skills an agent may have."""
DEVICES = 10
"""How many seats besides his own an agent may have."""
NOTE_LENGTH = 500

_ASKS: dict[str, Ask | Force] = {
    "log_in": "log_in",
    "ready": "ready",
    "break": "not_ready",
    "offline": "log_out",
    "end_wrap_up": "end_wrap_up",
    "cancel": "call_off",
}
_ORDERS: dict[tuple[str, str], Force] = {
    ("ready", "now"): "force_ready",
    ("break", "now"): "force_break",
    ("offline", "now"): "force_offline",
    ("break", "after_call"): "break_after_call",
    ("offline", "after_call"): "offline_after_call",
}


class NewAgent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent to add, or to change if the id exists."""

    id: str
    name: str = ""
    extension: str
    devices: tuple[str, ...] = ()
    """Other seats of his."""
    remote_number: str = ""
    """An external number that is rung instead of any seat; who answers there must press 1."""
    outbound: bool = True
    """Whether he may be given outgoing calls."""
    ready_at_login: bool = False
    skills: dict[str, int] = {}
    """Skill to level, 1 to 10."""
    queues: tuple[str, ...] = ()
    """Empty: all queues."""
    preference: dict[str, int] = {}
    """Queue -> how gladly its callers are given to him, 1 (first) to 10."""


class NewState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state that an agent shall have. During a call, a break or leaving is kept until the call is over; `cancel` drops that."""

    state: Literal["log_in", "ready", "break", "offline", "end_wrap_up", "cancel"]
    reason: str = ""
    """Of a break: one of the setting `break_reasons`; empty means the first."""
    extension: str = ""
    """Of a log-in: at which of his seats he sits now; empty: where he sat last."""


class ForcedState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A supervisor's order. No conversation is cut: what is ordered during one follows when it is over."""

    state: Literal["ready", "break", "offline"]
    when: Literal["now", "after_call"] = "now"
    """`now` takes a ring back, ends a wrap-up and waives an outcome that is owed; `after_call` lets them come to their end."""
    reason: str = ""
    """Of a break: one of the setting `break_reasons`; otherwise any words. It is kept with the change of state."""


class NewOutcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an agent's conversation went: the one he is in, or else his last one. The last word counts."""

    outcome: str
    """One of the setting `acd.outcomes`."""
    note: str = ""
    offer_id: str = ""
    """Which conversation is meant; refused when it is no longer the latest one. Empty: the latest."""


def routes(service: AcdService) -> list[Route]:
    """Return the operations on the agents of `service`."""
    api = _Api(service)
    return [
        Route(
            method="GET",
            path="/api/v1/agents",
            handler=api.agents,
            summary="All agents and their states",
            answer=list[AgentView],
        ),
        Route(method="GET", path="/api/v1/agents/{id}", handler=api.agent, summary="One agent", answer=AgentView),
        Route(
            method="POST",
            path="/api/v1/agents",
            handler=api.define_agent,
            summary="Add an agent, or change one",
            answer=AgentView,
            body=NewAgent,
        ),
        Route(
            method="PUT",
            path="/api/v1/agents/{id}/state",
            handler=api.set_state,
            summary="Log an agent in or out, set a break, end wrap-up, call off what was to follow his call",
            answer=AgentView,
            body=NewState,
        ),
        Route(
            method="PUT",
            path="/api/v1/agents/{id}/forced-state",
            handler=api.force,
            summary="Order an agent into a state, at once or after his call",
            answer=AgentView,
            body=ForcedState,
        ),
        Route(
            method="PUT",
            path="/api/v1/agents/{id}/outcome",
            handler=api.give_outcome,
            summary="Say how an agent's conversation went",
            answer=AgentView,
            body=NewOutcome,
        ),
    ]


class _Api:
    """The handlers, bound to one service."""

    def __init__(self, service: AcdService) -> None:
        self._service = service

    async def agents(self, _request: Request) -> list[AgentView]:
        floor = self._service.router.floor
        return [agent_view(floor, a) for a in sorted(floor.agents, key=lambda a: a.id)]

    async def agent(self, request: Request) -> AgentView:
        return self._view(AgentId(request.path["id"]))

    async def define_agent(self, request: Request) -> AgentView:
        profile = _checked(request.body, self._service)
        self._ask(AgentDefinition(at=self._service.now(), profile=profile, by=request.by or "api"))
        return self._view(profile.id)

    async def set_state(self, request: Request) -> AgentView:
        agent_id = AgentId(request.path["id"])
        wanted: NewState = request.body
        extension = Extension(wanted.extension) if wanted.extension else None
        return self._order(request, _ASKS[wanted.state], wanted.reason, agent_id, extension)

    async def force(self, request: Request) -> AgentView:
        wanted: ForcedState = request.body
        order = _ORDERS.get((wanted.state, wanted.when))
        if order is None:
            raise Misuse("an agent is made ready now, or not at all: use break or offline with `after_call`")
        reason = wanted.reason if wanted.state == "break" else clean_name(wanted.reason)
        return self._order(request, order, reason, AgentId(request.path["id"]))

    async def give_outcome(self, request: Request) -> AgentView:
        agent_id, said = AgentId(request.path["id"]), request.body
        if len(said.note) > NOTE_LENGTH:
            raise Misuse(f"a note has at most {NOTE_LENGTH} characters")
        self._ask(
            OutcomeRequest(
                at=self._service.now(),
                agent_id=agent_id,
                outcome=said.outcome,
                note=clean_name(said.note, NOTE_LENGTH),
                offer_id=OfferId(said.offer_id) if said.offer_id else None,
                by=request.by or "api",
            )
        )
        return self._view(agent_id)

    def _order(
        self, request: Request, ask: Ask | Force, reason: str, agent_id: AgentId, extension: Extension | None = None
    ) -> AgentView:
        by = request.by or "api"
        at = self._service.now()
        self._ask(AgentRequest(at=at, agent_id=agent_id, ask=ask, reason=reason, by=by, extension=extension))
        return self._view(agent_id)

    def _ask(self, request: AgentRequest | AgentDefinition | OutcomeRequest) -> None:
        try:
            self._service.ask(request)
        except Rejected as exc:
            raise self._for_people(exc) from exc

    def _for_people(self, refusal: Rejected) -> Rejected:
        reason, message = _REFUSALS.get(refusal.reason, (refusal.reason, refusal.reason))
        floor = self._service.router.floor
        choices = {
            "unknown_reason": floor.break_reasons,
            "unknown_outcome": floor.outcomes,
            "unknown_queue": floor.queues,
        }
        if refusal.reason in choices:
            message = f"{message}; choose one of {', '.join(choices[refusal.reason])}"
        return Rejected(reason, message)

    def _view(self, agent_id: AgentId) -> AgentView:
        agent: Agent | None = self._service.router.floor.agents.get(agent_id)
        if agent is None:
            raise Rejected("not_found", f"there is no agent {agent_id}")
        return agent_view(self._service.router.floor, agent)


_REFUSALS = {
    "no_such_agent": ("not_found", "there is no such agent"),
    "not_logged_in": ("conflict", "the agent is not logged in: log_in or ready comes first"),
    "not_in_wrap_up": ("conflict", "the agent is not in wrap-up"),
    "seat_taken": ("conflict", "another agent sits at this extension"),
    "seat_busy": ("conflict", "log the agent out before giving him another extension"),
    "unknown_reason": ("unknown_reason", "the reason is not one of the setting break_reasons"),
    "unknown_queue": ("unknown_queue", "one of the queues does not exist"),
    "limit": ("conflict", "there are as many agents as there may be"),
    "outcome_required": (
        "outcome_required",
        "say first how the last call went: hotline agent outcome ID OUTCOME, or *46 and its digit on the phone",
    ),
    "unknown_outcome": ("unknown_outcome", "the outcome is not one of the setting acd.outcomes"),
    "no_conversation": ("conflict", "the agent has had no conversation"),
    "other_conversation": ("conflict", "the agent has had another conversation since"),
    "unknown_device": ("unknown_device", "the extension is not one of the agent's seats"),
    "in_call": ("conflict", "the agent is in a call; he can sit elsewhere when it is over"),
}


def _checked(body: NewAgent, service: AcdService) -> Profile:
    """Return the profile, or raise Misuse with everything that is wrong with it."""
    problems = [
        f"{what!r} is not a usable id"
        for what in (body.id, *body.skills, *body.queues, *body.preference)
        if not is_safe_id(what)
    ]
    problems += [f"skill {s}: the level must be 1 to 10" for s, level in body.skills.items() if not 1 <= level <= 10]
    problems += [f"preference for {q}: use 1 to 10" for q, grade in body.preference.items() if not 1 <= grade <= 10]
    if len(body.skills) > SKILLS:
        problems.append(f"an agent may have {SKILLS} skills")
    problems += _seat_problems(body, service)
    if problems:
        raise Misuse("; ".join(problems))
    return Profile(
        id=AgentId(body.id),
        name=clean_name(body.name),
        extension=Extension(body.extension),
        devices=tuple(Extension(d) for d in body.devices),
        remote_number=body.remote_number,
        outbound=body.outbound,
        ready_at_login=body.ready_at_login,
        skills=body.skills,
        queues=tuple(QueueId(q) for q in body.queues),
        preference={QueueId(q): grade for q, grade in body.preference.items()},
    )


def _seat_problems(body: NewAgent, service: AcdService) -> list[str]:
    seats = (body.extension, *body.devices)
    problems = [f"{seat!r} is not one of the seats" for seat in seats if not service.has_seat(seat)]
    if len(body.devices) > DEVICES:
        problems.append(f"an agent may have {DEVICES} seats besides his own")
    if len(set(seats)) < len(seats):
        problems.append("a seat is named twice")
    if body.remote_number and not may_ring(body.remote_number, service.router.floor.outbound):
        problems.append("the remote number may not be dialled: see the settings [outbound]")
    return problems
