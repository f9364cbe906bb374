"""The door to the router's office: puts the questions of `term`, each in a task of its own, and tells the answers to an inbox.

Nobody waits for the office: a database that hangs costs an answer, not a decision.
"""

from typing import Protocol

import structlog

from acd.office.term import EndSession, Hold, Look, Question, Take
from hotline.bus.base import Inbox
from hotline.errors import HotlineError
from hotline.facts import Signal
from hotline.runtime.clock import Clock
from hotline.store.standing import Standing

log = structlog.get_logger(__name__)


class Office(Protocol):
    """Chooses the one active router; see `hotline.store.office`. Each method raises a HotlineError when it is away."""

    async def look(self) -> Standing:
        """Tell who has it."""

    async def take(self, above: int = 0) -> Standing:
        """Take it if it is free."""

    async def hold(self, epoch: int) -> Standing:
        """Keep it, or take it back, for our term."""

    async def end_session(self, server_process: int) -> Standing:
        """Take it away from a frozen holder."""

    def let_go(self) -> None:
        """Give it up."""


class OfficeAnswered(Signal, frozen=True, kw_only=True):
    """What came of a question to the office, told to our own inbox; it never travels."""

    question: Question
    standing: Standing | None
    """None: the office is away."""


class Inquiries:
    """Puts questions to one office."""

    def __init__(self, office: Office, clock: Clock) -> None:
        self._office = office
        self._clock = clock
        self._away = ""

    async def put(self, question: Question, inbox: Inbox) -> None:
        """Ask, and tell `inbox` what came of it."""
        standing: Standing | None = None
        try:
            standing = await self._ask(question)
            self._away = ""
        except HotlineError as exc:
            if str(exc) != self._away:
                self._away = str(exc)
                log.warning("the router's office cannot be reached", error=str(exc))
        inbox.put(OfficeAnswered(at=self._clock.now(), question=question, standing=standing))

    async def _ask(self, question: Question) -> Standing:
        match question:
            case Look():
                return await self._office.look()
            case Take(above=above):
                return await self._office.take(above)
            case Hold(epoch=epoch):
                return await self._office.hold(epoch)
            case EndSession(session=session):
                seen = await self._office.end_session(session)
                if seen.session != session:
                    log.warning("the database session of the silent router is over", session=session)
                return seen
            case _:
                raise NotImplementedError(type(question).__name__)
