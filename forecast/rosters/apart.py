"""Making a roster in a process of its own: a door. The solver holds the interpreter for seconds, so it never runs where calls are handled.

Progress comes through a pipe. `cancel` asks the solver to end with what it has; when the caller dies, the pipe breaks and the process ends too.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from forecast.rosters.explain import Conflict, Infeasible
from forecast.rosters.model import Duty, Plan
from forecast.rosters.outcome import Limits, Progress, Solved
from forecast.rosters.solve import make
from hotline.errors import HotlineError, OutcomeUnknown

NICE = 10
"""Calls come first."""
TELL_EVERY_S = 0.2


class Making:
    """One roster in the making. `poll` until it has ended, then take `result`; `close` in any case."""

    def __init__(self, plan: Plan, limits: Limits, start: Sequence[Duty] = ()) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, plan, limits, tuple(start)), daemon=True)
        self._process.start()
        theirs.close()
        self._ended: Solved | HotlineError | None = None

    @property
    def ended(self) -> bool:
        """Whether there is a result."""
        return self._ended is not None

    def poll(self, seconds: float) -> Progress | None:
        """Wait up to so long and return how far it is, or None when nothing was told or it has ended."""
        if self._ended is not None or not self._ours.poll(seconds):
            return None
        try:
            told = self._ours.recv()
        except (EOFError, ConnectionError):
            self._ended = OutcomeUnknown("the solver's process ended without a word; was it killed, or out of memory?")
            return None
        if isinstance(told, Progress):
            return told
        if isinstance(told, list):
            told = Infeasible([Conflict(person=person, text=text) for person, text in told])
        self._ended = told
        return None

    def cancel(self) -> None:
        """Ask it to end soon with the best roster that it has."""
        try:
            self._ours.send("stop")
        except (BrokenPipeError, ConnectionError):  # it has just ended by itself
            return

    def result(self) -> Solved:
        """Return what came of it; raises what the solver raised."""
        assert self._ended is not None
        if isinstance(self._ended, HotlineError):
            raise self._ended
        return self._ended

    def close(self) -> None:
        """End the process, whatever it does."""
        self._ours.close()
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._process.close()


def make_apart(
    plan: Plan,
    limits: Limits,
    *,
    start: Sequence[Duty] = (),
    tell: Callable[[Progress], None] = lambda _progress: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Solved:
    """Make a roster in a process of its own and wait for it; `make` says what is raised. For command lines and threads, not for an event loop.

    Ctrl-C asks for the best roster so far; a second one ends it without any.
    """
    making = Making(plan, limits, start)
    asked = False
    try:
        while not making.ended:
            try:
                progress = making.poll(TELL_EVERY_S)
                wanted = cancelled()
            except KeyboardInterrupt:
                if asked:
                    raise
                progress, wanted = None, True
            if progress is not None:
                tell(progress)
            if wanted and not asked:
                making.cancel()
                asked = True
        return making.result()
    finally:
        making.close()


def _work(pipe: Connection, plan: Plan, limits: Limits, start: Sequence[Duty]) -> None:
    """What the process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches it too; its caller decides
    os.nice(NICE)
    state = {"told": -TELL_EVERY_S}

    def tell(progress: Progress) -> None:
        if progress.seconds - state["told"] >= TELL_EVERY_S:
            state["told"] = progress.seconds
            pipe.send(progress)

    try:
        answer: Any = make(plan, limits, start=start, tell=tell, stop=pipe.poll)
    except Infeasible as exc:
        answer = [(conflict.person, conflict.text) for conflict in exc.conflicts]
    except HotlineError as exc:
        answer = exc
    pipe.send(answer)
