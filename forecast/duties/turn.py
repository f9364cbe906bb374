"""Whose turn it is: of several processes that run the forecaster, one makes forecasts, the others listen.

It is an office of its own (`hotline.store.office`: an advisory lock that ends with its session), so that whoever dies loses it at once. Nothing
rings and nobody is harmed should two believe that it is theirs for a moment: what they write is kept once (the tables are written by
compare-and-set, the newer word wins), so no epoch is needed beyond that.
"""

import structlog

from hotline.errors import HotlineError
from hotline.store.office import Office

NAME = "forecast"

log = structlog.get_logger(__name__)


class Turn:
    """Ask `ours` before each duty; without an office (one process) it always is."""

    def __init__(self, office: Office | None) -> None:
        self._office = office
        self._epoch = 0
        self._ours = office is None

    @property
    def shared(self) -> bool:
        """Whether other processes may have it."""
        return self._office is not None

    async def ours(self) -> bool:
        """Return whether it is our turn; while the database is away it stays whose it was."""
        if self._office is None:
            return True
        try:
            seen = await (self._office.hold(self._epoch) if self._epoch else self._office.take())
        except HotlineError as exc:
            log.warning("whose turn it is to forecast cannot be asked", error=str(exc))
            return self._ours
        if seen.mine != self._ours:
            log.info("the turn to forecast changed", ours=seen.mine, holder=seen.holder)
        self._ours = seen.mine
        self._epoch = seen.epoch if seen.mine else 0
        return self._ours

    def let_go(self) -> None:
        """Let another process begin at once."""
        if self._office is not None:
            self._office.let_go()
