"""What operators ask about callbacks. Pure."""

from hotline.facts import CallbackRequested, Signal
from hotline.ids import CallbackId


class CallbackWish(Signal, frozen=True, kw_only=True):
    """An operator, or a program, asks for a callback on somebody's behalf."""

    wish: CallbackRequested


class CallbackCancel(Signal, frozen=True, kw_only=True):
    """An operator cancels a callback."""

    callback_id: CallbackId
    by: str = "api"
