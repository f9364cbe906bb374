"""What each fact about a callback means for the numbers. Pure."""

from collections.abc import Iterator

from hotline.facts import (
    CallbackEnded,
    CallbackFact,
    CallbackPutOff,
    CallbackRefused,
    CallbackRequested,
)
from hotline.facts.callbacks import NO_ATTEMPT
from metrics.board import Observation, see


def count(fact: CallbackFact) -> Iterator[Observation]:
    """Yield what a fact adds. Each is told once in the life of a callback, or once for each attempt."""
    match fact:
        case CallbackRequested():
            yield see("callbacks", queue=fact.queue_id, result="requested")
        case CallbackRefused():
            yield see("callbacks", queue=fact.queue_id, result="failed")
        case CallbackPutOff() if fact.result not in NO_ATTEMPT:
            yield see("callbacks", queue=fact.queue_id, result="retried")
        case CallbackEnded():
            yield see("callbacks", queue=fact.queue_id, result=fact.result)
            if fact.result == "reached":
                yield see("callback_wait_seconds", fact.waited_s, queue=fact.queue_id)
            if fact.result == "reached" and fact.attempts <= 1:
                yield see("callbacks_reached_at_once", queue=fact.queue_id)
            if fact.held_s is not None:
                yield see("callback_answer_wait_seconds", fact.held_s, queue=fact.queue_id)
            if fact.result == "failed" and fact.reason == "hung_up":
                yield see("callbacks_hung_up", queue=fact.queue_id)
