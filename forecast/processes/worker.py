"""A process that learns: takes jobs on its standard input and answers on its standard output. A program of its own, started by `forecast.processes.pool`.

    python -m forecast.processes.worker PARENT_PID MEMORY_LIMIT_MB

A job is a function of a module (named, not sent) and its arguments; a message is its length in 8 bytes and a pickle. Both ends are the same
program on the same machine and the pipe is nobody else's, so a pickle here carries nothing that the other side could not do anyway.
A job may tell where it is; so the pool knows over what it hung or died.

Limits: memory by `RLIMIT_DATA` (setrlimit(2): since Linux 4.7 it bounds all private writable memory, and leaves out the code of
libraries, which RLIMIT_AS would count); one processor by the environment that the pool gives us. When the process PARENT_PID dies, however it
dies, the kernel kills us (PR_SET_PDEATHSIG, prctl(2)). Time is the pool's business: it kills us.
"""

import ctypes
import os
import pickle
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO

HEAD = 8
"""Bytes that tell a message's length."""
MESSAGE_BYTES = 512 * 1_048_576
PR_SET_PDEATHSIG = 1
NICE = 10
"""Calls come first: a process that learns takes what they leave of the processor."""

Tell = Callable[..., None]
"""Called with some words that say where a job is: `tell("slot", "factors")`."""


def die_with(parent: int) -> None:
    """Ask the kernel to kill us when the process `parent` dies; end at once when it is dead already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def limit_memory(megabytes: int) -> None:
    """From now on an allocation beyond this fails with MemoryError."""
    kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    limit = megabytes * 1_048_576
    resource.setrlimit(kind, (limit, limit))


def read(source: BinaryIO) -> Any:
    """Return the next message; None when there will be none."""
    head = source.read(HEAD)
    if len(head) < HEAD:
        return None
    body = source.read(int.from_bytes(head, "big"))
    return pickle.loads(body)  # noqa: S301 - from our own parent, see the module


def packed(message: object) -> bytes:
    """Return a message as it goes through the pipe."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return len(body).to_bytes(HEAD, "big") + body


def answer_of(job: tuple[Any, tuple[Any, ...], bool], tell: Tell) -> bytes:
    """Do a job and return the answer: `("done", value)`, or `("failed", kind of error, its text)`. A job that tells gets `tell` as its last argument."""
    function, arguments, tells = job
    if tells:
        arguments = (*arguments, tell)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # libraries warn about fits; what comes of them is judged by the guard of the models
            return packed(("done", function(*arguments)))
    except MemoryError:
        return packed(("failed", "MemoryError", "more memory than a job may have"))
    except Exception as exc:  # noqa: BLE001 - whatever a library raises is told to the pool, which judges it
        return packed(("failed", type(exc).__name__, str(exc)[:1000]))


def main(parent: int, megabytes: int) -> int:
    """Serve until the pipe is closed."""
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent; it ends us in its own time
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between the answers
    limit_memory(megabytes)
    os.nice(NICE)

    def send(message: bytes) -> None:
        answers.write(message)
        answers.flush()

    while (job := read(sys.stdin.buffer)) is not None:
        send(answer_of(job, lambda *words: send(packed(("at", words)))))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
