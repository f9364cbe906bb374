"""The API that asks for callbacks and cancels them. What became of them is shown by the CRM (`crm.api.callbacks`)."""

import uuid
from typing import Annotated

import msgspec

from acd.callbacks.requests import CallbackCancel, CallbackWish
from acd.service import AcdService
from hotline import dialling
from hotline.errors import Misuse, Rejected
from hotline.facts import CallbackRequested
from hotline.ids import CallbackId, CustomerId, QueueId, is_safe_id
from hotline.text import clean_name
from hotline.web.routes import Request, Route

PATH = "/api/v1/callbacks-waiting"

_TEXTS = {
    "unknown_queue": ("not_found", "there is no such queue"),
    "full": ("conflict", "this queue takes no more callbacks"),
    "already_asked": ("conflict", "this number waits to be called back in this queue already"),
    "no_such_callback": ("not_found", "there is no such callback, or it is over"),
    "talking": ("conflict", "the customer has answered"),
}
_BY_SETTINGS = frozenset({"no_trunk", "denied", "not_allowed", "too_short", "too_long"})


class NewCallback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody shall be called back; he stands in the line from now on."""

    queue: str
    number: Annotated[str, msgspec.Meta(max_length=40)]
    """In any spelling; it must be one that `[outbound]` permits."""
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    customer_id: str | None = None
    priority: Annotated[int, msgspec.Meta(ge=-100, le=100)] = 0
    language: str = ""


class CallbackMade(msgspec.Struct, frozen=True, kw_only=True):
    """The callback that was asked for, or cancelled."""

    callback_id: CallbackId


def routes(service: AcdService) -> list[Route]:
    """Return the operations on `service`."""

    async def add(request: Request) -> CallbackMade:
        wanted: NewCallback = request.body
        for name, text in (("queue", wanted.queue), ("customer_id", wanted.customer_id), ("language", wanted.language)):
            if text and not is_safe_id(text):
                raise Misuse(f"{name}: not an id")
        now, rules = service.now(), service.router.floor.outbound
        made = CallbackId(str(uuid.uuid4()))
        wish = CallbackRequested(
            at=now,
            callback_id=made,
            queue_id=QueueId(wanted.queue),
            number=dialling.dialable(wanted.number, rules),
            entered_at=now,
            dialled=service.first_number,
            name=clean_name(wanted.name),
            customer_id=CustomerId(wanted.customer_id) if wanted.customer_id else None,
            priority=wanted.priority,
            language=wanted.language,
            by=request.by or "api",
        )
        _ask(service, CallbackWish(at=now, wish=wish))
        return CallbackMade(callback_id=made)

    async def cancel(request: Request) -> CallbackMade:
        callback_id = CallbackId(request.path["id"])
        _ask(service, CallbackCancel(at=service.now(), callback_id=callback_id, by=request.by or "api"))
        return CallbackMade(callback_id=callback_id)

    return [
        Route(
            method="POST",
            path=PATH,
            handler=add,
            summary="Have somebody called back when his turn comes",
            answer=CallbackMade,
            body=NewCallback,
        ),
        Route(method="DELETE", path=PATH + "/{id}", handler=cancel, summary="Cancel a callback", answer=CallbackMade),
    ]


def _remedy(reason: str) -> str:
    return "; see [outbound] in the settings, and `hotline doctor`" if reason in _BY_SETTINGS else ""


def _ask(service: AcdService, request: CallbackWish | CallbackCancel) -> None:
    try:
        service.ask(request)
    except Rejected as exc:
        reason, text = _TEXTS.get(exc.reason) or (
            "conflict",
            f"{dialling.refusal_text(exc.reason)}{_remedy(exc.reason)}",
        )
        raise Rejected(reason, text) from exc
