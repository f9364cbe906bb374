"""The API of supervisors: with live conversations, and surge mode of queues."""

from typing import Literal

import msgspec

from acd.core.requests import SupervisionRequest, SurgeRequest
from acd.core.talks.supervision_views import SupervisionView, supervision_view
from acd.core.views import QueueView, queue_view
from acd.service import AcdService
from hotline.errors import Misuse, Rejected
from hotline.ids import AgentId, Extension, QueueId
from hotline.web.routes import Request, Route


class NewSupervision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to be with an agent's conversation. Asked for again by the same seat, it changes the mode at once."""

    mode: Literal["listen", "whisper", "barge", "take_over"]
    """`listen`: nobody hears you; `whisper`: the agent does; `barge`: the caller too; `take_over`: the caller comes to your seat."""
    seat: str
    """The extension of your seat. To take over, an agent must sit there and be ready."""


class SeatQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whose supervision to end."""

    seat: str = ""
    """The supervisor's extension; empty: everybody who is with this agent."""


class NewSurge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the queue's surge agents serve it."""

    on: bool


def routes(service: AcdService) -> list[Route]:
    """Return the operations on `service`."""
    api = _Api(service)
    return [
        Route(
            method="GET",
            path="/api/v1/supervisions",
            handler=api.supervisions,
            summary="Who is with which conversation now",
            answer=list[SupervisionView],
        ),
        Route(
            method="POST",
            path="/api/v1/agents/{id}/supervision",
            handler=api.supervise,
            summary="Listen to an agent's conversation, whisper to him, barge in or take the caller over",
            answer=list[SupervisionView],
            body=NewSupervision,
        ),
        Route(
            method="DELETE",
            path="/api/v1/agents/{id}/supervision",
            handler=api.stop,
            summary="Leave an agent's conversation",
            answer=list[SupervisionView],
            query=SeatQuery,
        ),
        Route(
            method="PUT",
            path="/api/v1/queues/{id}/surge",
            handler=api.surge,
            summary="Call the agents of other departments to a queue, or let them go",
            answer=QueueView,
            body=NewSurge,
        ),
    ]


class _Api:
    """The handlers, bound to one service."""

    def __init__(self, service: AcdService) -> None:
        self._service = service

    async def supervisions(self, _request: Request) -> list[SupervisionView]:
        return [supervision_view(s) for s in self._service.router.floor.supervisions]

    async def supervise(self, request: Request) -> list[SupervisionView]:
        body: NewSupervision = request.body
        self._check_seat(body.seat)
        return self._ask(request, body.mode, body.seat)

    async def stop(self, request: Request) -> list[SupervisionView]:
        seat: str = request.query.seat
        if seat:
            self._check_seat(seat)
        return self._ask(request, "stop", seat)

    async def surge(self, request: Request) -> QueueView:
        queue_id, body = QueueId(request.path["id"]), request.body
        self._perform(SurgeRequest(at=self._service.now(), queue_id=queue_id, on=body.on, by=request.by or "api"))
        return queue_view(self._service.router.floor, queue_id, self._service.now())

    def _check_seat(self, seat: str) -> None:
        if not self._service.has_seat(seat):
            raise Misuse(f"{seat[:20]!r} is not one of the seats")

    def _ask(
        self, request: Request, ask: Literal["listen", "whisper", "barge", "take_over", "stop"], seat: str
    ) -> list[SupervisionView]:
        agent_id = AgentId(request.path["id"])
        self._perform(
            SupervisionRequest(
                at=self._service.now(), agent_id=agent_id, ask=ask, extension=Extension(seat), by=request.by or "api"
            )
        )
        return [supervision_view(s) for s in self._service.router.floor.supervisions.of_agent(agent_id)]

    def _perform(self, request: SupervisionRequest | SurgeRequest) -> None:
        try:
            self._service.ask(request)
        except Rejected as exc:
            reason, message = _REFUSALS.get(exc.reason, ("conflict", f"the caller cannot be handed on: {exc.reason}"))
            raise Rejected(reason, message) from exc


_REFUSALS = {
    "no_such_agent": ("not_found", "there is no such agent"),
    "unknown_queue": ("not_found", "there is no such queue"),
    "not_talking": ("conflict", "the agent is in no conversation"),
    "only_asked": ("conflict", "another agent asks this one about his caller; supervise that one"),
    "node_unseen": ("conflict", "the node of this call cannot be reached now"),
    "own_seat": ("conflict", "the agent sits at this seat himself"),
    "supervises_already": ("conflict", "this seat supervises another conversation; leave that one first"),
    "supervised_enough": ("conflict", "as many supervisors as may be are with this agent"),
    "seat_unreachable": ("conflict", "no phone is registered at this seat"),
    "seat_in_use": ("conflict", "the phone of this seat is in use"),
    "not_answered_yet": ("conflict", "the seat's phone still rings"),
    "ending": ("conflict", "this supervision is just ending"),
    "not_supervised": ("not_found", "nobody supervises this agent (from that seat)"),
    "seat_has_no_agent": ("conflict", "no agent sits at this seat, so that the caller cannot be counted as his"),
    "takes_over_already": ("conflict", "the agent at this seat takes another caller over already"),
    "taken_over_already": ("conflict", "another agent is taking this caller over already"),
    "supervisor_not_ready": (
        "conflict",
        "the agent at this seat is not ready: set him ready before he takes a caller over",
    ),
    "no_surge_agents": ("conflict", "this queue names no surge_agents in the settings"),
}
