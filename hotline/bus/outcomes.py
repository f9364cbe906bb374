"""How a service hears what came of its commands: through its own inbox, like everything else it reacts to."""

from collections.abc import Awaitable

from hotline.bus.base import Inbox
from hotline.commands import Command, CommandEnded, Outcome, Unknown
from hotline.errors import HotlineError
from hotline.runtime.clock import Clock


async def hear(inbox: Inbox, command: Command, outcome: Awaitable[Outcome], clock: Clock) -> None:
    """Wait for the outcome that `Bus.request` promised, and put `CommandEnded` into the inbox of the sender.

    An expected error of the way there is `Unknown`: the command may have been done.
    """
    try:
        came = await outcome
    except HotlineError as exc:
        came = Unknown(reason=str(exc))
    inbox.put(CommandEnded(at=clock.now(), command=command, outcome=came))
