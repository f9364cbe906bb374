"""The API of call distribution: agents and their states, queues and who waits in them, and why.

A router that stands by answers none of it (503, with the name of the active one), but always who routes.
"""

from typing import Literal

import msgspec

from acd.core.agents import Agent, Profile
from acd.core.requests import AgentDefinition, AgentRequest
from acd.core.states import Ask
from acd.core.views import AgentView, QueueView, WaitingView, WhyView, agent_view, queue_view, waiting_views, why_view
from acd.office.standby import RouterView
from acd.service import AcdService
from hotline.errors import Misuse, Rejected
from hotline.ids import AgentId, CallId, Extension, QueueId, is_safe_id
from hotline.text import clean_name
from hotline.web.routes import Request, Route

WAITING_SHOWN = 200
"""How many callers of a queue are shown at most, if no limit is given."""
SKILLS = 100
"""How many skills an agent may have."""

_ASKS: dict[str, Ask] = {
    "ready": "ready",
    "break": "not_ready",
    "offline": "log_out",
    "end_wrap_up": "end_wrap_up",
}


class NewAgent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent to add, or to change if the id exists."""

    id: str
    name: str = ""
    extension: str
    skills: dict[str, int] = {}
    """Skill to level, 1 to 10."""
    queues: tuple[str, ...] = ()
    """Empty: all queues."""


class NewState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state that an agent shall have. During a call, a break or leaving is kept until the call is over."""

    state: Literal["ready", "break", "offline", "end_wrap_up"]
    reason: str = ""
    """Of a break: one of the setting `break_reasons`; empty means the first."""


class WaitingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the line to show."""

    limit: int = WAITING_SHOWN


def routes(service: AcdService) -> list[Route]:
    """Return the operations on `service`."""
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
            summary="Log an agent in or out, set a break, end wrap-up",
            answer=AgentView,
            body=NewState,
        ),
        Route(
            method="GET",
            path="/api/v1/queues",
            handler=api.queues,
            summary="All queues now: waiting callers, longest wait, agents by state",
            answer=list[QueueView],
        ),
        Route(
            method="GET",
            path="/api/v1/queues/{id}/waiting",
            handler=api.waiting,
            summary="The line of a queue, and why nobody is rung for those who wait",
            answer=list[WaitingView],
            query=WaitingQuery,
        ),
        Route(
            method="GET",
            path="/api/v1/calls-why/{id}",
            handler=api.why,
            summary="Which agents a call was offered to and why, in records and plain words",
            answer=WhyView,
        ),
        Route(
            method="GET",
            path="/api/v1/router",
            handler=api.view_router,
            summary="Which router is active, and whether another could take over",
            answer=RouterView,
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
        self._ask(
            AgentRequest(
                at=self._service.now(),
                agent_id=agent_id,
                ask=_ASKS[wanted.state],
                reason=wanted.reason,
                by=request.by or "api",
            )
        )
        return self._view(agent_id)

    async def queues(self, _request: Request) -> list[QueueView]:
        floor, now = self._service.router.floor, self._service.now()
        return [queue_view(floor, queue_id, now) for queue_id in floor.queues]

    async def waiting(self, request: Request) -> list[WaitingView]:
        floor, queue_id = self._service.router.floor, QueueId(request.path["id"])
        if queue_id not in floor.queues:
            raise Rejected("not_found", f"there is no queue {queue_id}")
        limit = max(1, min(request.query.limit, WAITING_SHOWN))
        return waiting_views(floor, queue_id, self._service.now(), limit=limit)

    async def why(self, request: Request) -> WhyView:
        view = why_view(self._service.router.floor, CallId(request.path["id"]), self._service.now())
        if not view.decisions and view.waiting is None:
            raise Rejected("not_found", "nothing is known about this call, or no longer")
        return view

    async def view_router(self, _request: Request) -> RouterView:
        return self._service.standby.view()

    def _ask(self, request: AgentRequest | AgentDefinition) -> None:
        try:
            self._service.ask(request)
        except Rejected as exc:
            raise _for_people(exc) from exc

    def _view(self, agent_id: AgentId) -> AgentView:
        agent: Agent | None = self._service.router.floor.agents.get(agent_id)
        if agent is None:
            raise Rejected("not_found", f"there is no agent {agent_id}")
        return agent_view(self._service.router.floor, agent)


_REFUSALS = {
    "no_such_agent": ("not_found", "there is no such agent"),
    "not_logged_in": ("conflict", "the agent is not logged in"),
    "not_in_wrap_up": ("conflict", "the agent is not in wrap-up"),
    "seat_taken": ("conflict", "another agent sits at this extension"),
    "seat_busy": ("conflict", "log the agent out before giving him another extension"),
    "unknown_reason": ("unknown_reason", "the reason is not one of the setting break_reasons"),
    "unknown_queue": ("unknown_queue", "a queue in the list does not exist"),
    "limit": ("conflict", "there are as many agents as there may be"),
}


def _for_people(refusal: Rejected) -> Rejected:
    reason, message = _REFUSALS.get(refusal.reason, (refusal.reason, refusal.reason))
    return Rejected(reason, message)


def _checked(body: NewAgent, service: AcdService) -> Profile:
    """Return the profile, or raise Misuse with everything that is wrong with it."""
    problems = [
        f"{what!r} is not a usable id" for what in (body.id, *body.skills, *body.queues) if not is_safe_id(what)
    ]
    problems += [f"skill {s}: the level must be 1 to 10" for s, level in body.skills.items() if not 1 <= level <= 10]
    if len(body.skills) > SKILLS:
        problems.append(f"an agent may have {SKILLS} skills")
    if not service.has_seat(body.extension):
        problems.append(f"{body.extension!r} is not one of the seats")
    if problems:
        raise Misuse("; ".join(problems))
    return Profile(
        id=AgentId(body.id),
        name=clean_name(body.name),
        extension=Extension(body.extension),
        skills=body.skills,
        queues=tuple(QueueId(q) for q in body.queues),
    )
