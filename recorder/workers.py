"""What both services of the recorder do besides deciding: work in threads, answers back on the event loop, notes in order.

Notes about what is open are written by one thread of their own. An answer from a worker waits until the service takes it, at its next
`wake`, so that the policy is touched on the event loop only.
"""

from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

import structlog

from hotline.runtime.clock import Clock
from hotline.runtime.tasks import TaskGroup
from hotline.tally import Tally

ANSWER_S = 0.1
"""How often answers of workers are taken while some are at work."""

A = TypeVar("A")
log = structlog.get_logger(__name__)


class Workers(Generic[A]):
    """The workers of the service `service`, whose subject is a `what`; their answers make a policy return `A`."""

    def __init__(self, service: str, what: str, clock: Clock, tally: Tally, tasks: TaskGroup) -> None:
        self._service = service
        self._what = what
        self._clock = clock
        self._tally = tally
        self._tasks = tasks
        self._notes = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"{what}-notes")
        self._answers: deque[Callable[[float], A]] = deque()
        self._at_work = 0

    def next_deadline(self) -> float | None:
        """Return when answers are to be taken; None while nobody is at work."""
        if self._answers:
            return self._clock.now()
        return self._clock.now() + ANSWER_S if self._at_work else None

    def answer(self, answer: Callable[[float], A]) -> None:
        """Leave an answer: what the policy is to be told, with the time at which it is."""
        self._answers.append(answer)

    def take(self, now: float) -> Iterator[A]:
        """Yield what follows from each answer, the first first."""
        while self._answers:
            yield self._answers.popleft()(now)

    def work(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Begin some work; its failure is counted and logged, and stops neither this service nor the house."""
        self._at_work += 1
        self._tasks.spawn(self._finish(work, name), name=f"{self._service} {name}")

    async def _finish(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception:
            self._tally.count("service_errors", service=self._service)
            log.exception("work failed", of=self._what, work=name)
        finally:
            self._at_work -= 1

    def note(self, write: Callable[[], None]) -> None:
        """Write a note, after those that were asked for before."""

        def ended(future: Future[None]) -> None:
            if (error := future.exception()) is not None:
                # A full disk says it all in a line, and will say it often.
                log.error(
                    "note not written",
                    of=self._what,
                    error=str(error),
                    exc_info=not isinstance(error, OSError) and error,
                )

        self._notes.submit(write).add_done_callback(ended)

    def shut_down(self) -> None:
        """Wait until all notes are written; none is taken any more."""
        self._notes.shutdown(wait=True)
