"""The API of call distribution: agents (see `agents`), queues and who waits in them, and why.

A router that stands by answers none of it (503, with the name of the active one), but always who routes.
"""

import msgspec

from acd.api import agents, callbacks, callers, supervision, transfers
from acd.api.explained import explained
from acd.core.views import QueueView, WaitingView, WhyView, queue_view, waiting_views, why_view
from acd.office.standby import RouterView
from acd.service import AcdService
from hotline.errors import Rejected
from hotline.ids import CallId, QueueId
from hotline.store.pool import Store
from hotline.web.routes import Request, Route

WAITING_SHOWN = 200
"""How many callers of a queue are shown at most, if no limit is given."""


class WaitingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the line to show."""

    limit: int = WAITING_SHOWN


def routes(service: AcdService, store: Store) -> list[Route]:
    """Return the operations on `service`; what it has forgotten is looked up in the journal of `store`."""
    api = _Api(service, store)
    return [
        *agents.routes(service),
        *transfers.routes(service),
        *supervision.routes(service),
        *callers.routes(service),
        *callbacks.routes(service),
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

    def __init__(self, service: AcdService, store: Store) -> None:
        self._service = service
        self._store = store

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
        service, call_id = self._service, CallId(request.path["id"])
        floor = service.router.floor
        journal = await explained(self._store, call_id)
        view = why_view(floor, call_id, service.now(), service.zone, journal=journal)
        if not view.decisions and view.waiting is None:
            raise Rejected("not_found", "nothing is known about this call, or no longer")
        return view

    async def view_router(self, _request: Request) -> RouterView:
        return self._service.standby.view()
