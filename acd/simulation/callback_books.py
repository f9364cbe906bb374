"""What became of the callbacks of one day. Pure: it only counts."""

from collections.abc import Iterator

import msgspec

from hotline.facts import CallbackEnded, CallbackFact, CallbackPutOff, CallbackRefused, CallbackRequested
from hotline.facts.callbacks import NO_ATTEMPT
from hotline.ids import CallbackId


class Kept(msgspec.Struct, kw_only=True):
    """One callback."""

    asked: CallbackRequested
    attempts: int = 0
    result: str = ""
    waited_s: float = 0.0


class CallbackBooks:
    """Those that were asked for or open in the time that counts."""

    def __init__(self) -> None:
        self._kept: dict[CallbackId, Kept] = {}

    def __iter__(self) -> Iterator[Kept]:
        return iter(self._kept.values())

    def asked(self, wish: CallbackRequested) -> None:
        """Somebody asks to be called back."""
        self._kept.setdefault(wish.callback_id, Kept(asked=wish))

    def told(self, fact: CallbackFact) -> None:
        """Something is told of one."""
        kept = self._kept.get(fact.callback_id)
        match fact:
            case _ if kept is None or kept.result:
                return
            case CallbackPutOff() if fact.result not in NO_ATTEMPT:
                kept.attempts += 1
            case CallbackRefused():
                kept.result = "failed"
            case CallbackEnded():
                kept.result, kept.waited_s = fact.result, fact.at - kept.asked.at
                kept.attempts = max(kept.attempts, fact.attempts)
