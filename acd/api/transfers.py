"""The API of what agents do with their callers besides talking: hold, consult, transfer."""

from typing import Literal, cast, get_args

import msgspec

from acd.core.requests import TransferRequest
from acd.core.views import AgentView, agent_view
from acd.service import AcdService
from hotline import dialling, transfers
from hotline.errors import Misuse, Rejected
from hotline.ids import AgentId
from hotline.web.routes import Request, Route

Step = Literal["hold", "retrieve", "swap", "conference", "complete", "cancel"]
STEPS: tuple[Step, ...] = get_args(Step)


class NewTransfer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom an agent hands his caller on to."""

    to: str
    """`agent:ID`, `queue:ID` or `number:DIGITS`."""
    attended: bool = False
    """Whether he asks there first, while the caller hears music: that agent, the first free one of that queue, or who answers that
    number. Then `complete` or `cancel` follows."""


def routes(service: AcdService) -> list[Route]:
    """Return the operations on the conversations of agents."""
    api = _Api(service)
    return [
        Route(
            method="POST",
            path="/api/v1/agents/{id}/transfer",
            handler=api.transfer,
            summary="Hand an agent's caller on to an agent, a queue or a number; or ask there first",
            answer=AgentView,
            body=NewTransfer,
        ),
        Route(
            method="POST",
            path="/api/v1/agents/{id}/call/{step}",
            handler=api.step,
            summary="Do something with an agent's caller: hold, retrieve; in a consult swap, conference, complete, cancel",
            answer=AgentView,
        ),
    ]


class _Api:
    """The handlers, bound to one service."""

    def __init__(self, service: AcdService) -> None:
        self._service = service

    async def transfer(self, request: Request) -> AgentView:
        body: NewTransfer = request.body
        wanted = transfers.parse(body.to) if not body.to.startswith("number:") else self._number(body.to)
        return self._ask(request, "consult" if body.attended else "transfer", str(wanted))

    async def step(self, request: Request) -> AgentView:
        step = request.path["step"]
        if step not in STEPS:
            raise Misuse(f"there is no step {step[:40]!r}; use one of {', '.join(STEPS)}")
        return self._ask(request, step, "")

    def _number(self, to: str) -> transfers.Destination:
        """Return a number in the form in which it is dialled."""
        digits = dialling.dialable(to.removeprefix("number:"), self._service.router.floor.outbound)
        return transfers.parse(f"number:{digits}")

    def _ask(self, request: Request, ask: Literal["transfer", "consult"] | Step, to: str) -> AgentView:
        agent_id = AgentId(request.path["id"])
        try:
            self._service.ask(
                TransferRequest(at=self._service.now(), agent_id=agent_id, ask=ask, to=to, by=request.by or "api")
            )
        except Rejected as exc:
            raise _for_people(exc) from exc
        floor = self._service.router.floor
        return agent_view(floor, floor.agents[agent_id])


_REFUSALS = {
    "no_such_agent": ("not_found", "there is no such agent"),
    "not_talking": ("conflict", "the agent talks with no caller"),
    "node_unseen": ("conflict", "the node of this call cannot be seen now"),
    "consulting": ("conflict", "the agent is asking another one already; complete or cancel that first"),
    "not_consulting": ("conflict", "the agent asks nobody"),
    "not_answered": ("conflict", "the other agent has not answered yet"),
    "agent_not_free": ("conflict", "that agent cannot be rung now: he is not ready, or his phone is in use"),
    "unknown_agent": ("unknown_agent", "there is no agent of that name to hand the caller on to"),
    "unknown_queue": ("unknown_queue", "there is no such queue"),
    "himself": ("himself", "the agent cannot hand his caller on to himself"),
    "nobody_free": ("conflict", "nobody of that queue is free now; hand the caller on without asking, or wait"),
    "bad_destination": ("bad_destination", f"use {transfers.ACCEPTED}"),
}


def _for_people(refusal: Rejected) -> Rejected:
    known = _REFUSALS.get(refusal.reason)
    if known is not None:
        return Rejected(*known)
    reasons: tuple[str, ...] = get_args(dialling.Reason)
    if refusal.reason in reasons:
        return Rejected(refusal.reason, dialling.Refusal(cast("dialling.Reason", refusal.reason)).text())
    return refusal
