"""The API of supervisors over those who wait and over queues: priorities, moves, pulling out, closing, emergencies."""

from typing import Annotated, Literal

import msgspec

from acd.core.callers import steering
from acd.core.requests import CallerRequest, QueueRequest
from acd.core.views import QueueView, WaitingView, position_of, queue_view, waiting_view
from acd.service import AcdService
from hotline import treatments
from hotline.errors import Misuse, Rejected
from hotline.ids import CallId, QueueId, is_safe_id
from hotline.web.routes import Request, Route


class ChangedCaller(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall be done with one who waits; at least one of them."""

    priority: Annotated[int, msgspec.Meta(ge=-100, le=100)] | None = None
    """The priority of his own; higher is served first."""
    queue: str = ""
    """The queue that he shall wait in, with the time that he has waited."""
    treatment: str = ""
    """What shall be done with him instead of waiting: `voicemail`, `callback`, `hang_up`, `fallback`, `number:DIGITS`, `announce:NAME`."""
    force: bool = False
    """Whether he is moved also to a queue where nobody, logged in or not, has the skills that he needs."""


class CallerWaiting(msgspec.Struct, frozen=True, kw_only=True):
    """One caller and his line; `waiting` is None once he has left it."""

    call_id: CallId
    queue_id: QueueId | None
    waiting: WaitingView | None


class QueueSwitches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is switched at a queue; what is left out stays as it is."""

    closed: bool | None = None
    """Closed by hand: who comes is treated by `when_closed`, who waits by `at_closing`. False: open by its hours."""
    emergency: bool | None = None
    """Whether those who wait, and those who come, hear an announcement first."""
    announce: str = ""
    """Which one; empty: `emergency`."""
    then: Literal["stay", "hang_up", "fallback"] = "stay"
    """What follows it."""


def routes(service: AcdService) -> list[Route]:
    """Return the operations on `service`."""
    api = _Api(service)
    one = "/api/v1/calls-waiting/{id}"
    text = "Change the priority of a waiting caller, move him to another queue, or pull him out of the line"
    switch = "Close or open a queue, or switch its emergency announcement"
    return [
        Route(method="GET", path=one, handler=api.caller, summary="One waiting caller", answer=CallerWaiting),
        Route(method="PATCH", path=one, handler=api.change, summary=text, answer=CallerWaiting, body=ChangedCaller),
        Route(
            method="PUT",
            path="/api/v1/queues/{id}/switches",
            handler=api.switch,
            summary=switch,
            answer=QueueView,
            body=QueueSwitches,
        ),
    ]


class _Api:
    """The handlers, bound to one service."""

    def __init__(self, service: AcdService) -> None:
        self._service = service

    async def caller(self, request: Request) -> CallerWaiting:
        found = self._view(CallId(request.path["id"]))
        if found.waiting is None:
            raise Rejected("not_found", _TEXTS["not_waiting"][1])
        return found

    async def change(self, request: Request) -> CallerWaiting:
        wanted: ChangedCaller = request.body
        call_id = CallId(request.path["id"])
        treatment = _treatment(wanted)
        if wanted.priority is None and not treatment:
            raise Misuse("say what shall be done: priority, queue or treatment")
        self._ask(
            CallerRequest(
                at=self._service.now(),
                call_id=call_id,
                priority=wanted.priority,
                treatment=treatment,
                force=wanted.force,
                by=request.by or "api",
            )
        )
        return self._view(call_id)

    async def switch(self, request: Request) -> QueueView:
        wanted: QueueSwitches = request.body
        if wanted.announce and not is_safe_id(wanted.announce):
            raise Misuse(f"announce: {wanted.announce[:40]!r} is no name of an announcement")
        queue_id = QueueId(request.path["id"])
        self._ask(
            QueueRequest(
                at=self._service.now(),
                queue_id=queue_id,
                closed=wanted.closed,
                emergency=wanted.emergency,
                announce=wanted.announce,
                then=wanted.then,
                by=request.by or "api",
            )
        )
        return queue_view(self._service.router.floor, queue_id, self._service.now())

    def _ask(self, request: CallerRequest | QueueRequest) -> None:
        try:
            self._service.ask(request)
        except Rejected as exc:
            if exc.reason == "nobody_able" and isinstance(request, CallerRequest):
                raise self._nobody_able(request) from exc
            reason, message = _TEXTS.get(exc.reason, (exc.reason, exc.reason))
            raise Rejected(reason, message) from exc

    def _nobody_able(self, request: CallerRequest) -> Rejected:
        """Return the refusal to move a caller to where nobody could serve him, with the skills that are missing."""
        floor, to = self._service.router.floor, QueueId(treatments.parse(request.treatment).target)
        caller = floor.line.get(request.call_id)
        needs = steering.lacking(floor, caller, to) if caller is not None else ()
        named = " and ".join(f"{skill} {level}" if level > 1 else skill for skill, level in needs)
        skills = f"the skill{'s' if len(needs) > 1 else ''} {named}"
        return Rejected(
            "nobody_able",
            f"nobody who serves queue {to}, logged in or not, has {skills} that this caller needs; with force he is moved all the same",
        )

    def _view(self, call_id: CallId) -> CallerWaiting:
        floor = self._service.router.floor
        caller = floor.line.get(call_id)
        if caller is None:
            return CallerWaiting(call_id=call_id, queue_id=None, waiting=None)
        view = waiting_view(floor, caller, position_of(floor, caller), self._service.now())
        return CallerWaiting(call_id=call_id, queue_id=caller.queue_id, waiting=view)


_TEXTS = {
    "callback": ("conflict", "this is a callback: cancel it, or ask for another one"),
    "not_waiting": ("not_found", "this caller does not wait (any more)"),
    "not_in_our_hands": ("conflict", "a phone rings for this caller just now, or his node cannot be reached"),
    "already_there": ("conflict", "the caller waits in this queue already"),
    "unknown_queue": ("not_found", "there is no such queue"),
    "queue_full": ("conflict", "this queue is full"),
    "queue_closed": ("conflict", "this queue is closed"),
    "queue_emergency": ("conflict", "this queue sends its callers away with an emergency announcement"),
}


def _treatment(wanted: ChangedCaller) -> str:
    if wanted.queue and wanted.treatment:
        raise Misuse("a caller is either moved to a queue or treated otherwise")
    text = f"queue:{wanted.queue}" if wanted.queue else wanted.treatment
    return str(treatments.parse(text)) if text else ""
