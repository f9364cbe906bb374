"""Jobs for the tests of the pool; they run in another process and are found there by name."""

import os
import signal
import time

import numpy as np

from forecast.models.base import CannotFit
from forecast.processes.worker import Tell


def add(a: int, b: int) -> int:
    return a + b


def own_pid() -> int:
    return os.getpid()


def threads() -> tuple[str, str]:
    return os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]


def chatter() -> str:
    print("a library says something")  # noqa: T201 - that is the point
    return "answer"


def hang() -> None:
    while True:
        time.sleep(1)


def eat() -> int:
    return sum(np.ones(50_000_000).nbytes for _ in [0]) + len([np.ones(20_000_000) for _ in range(100)])


def die() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    os._exit(7)


def fail() -> None:
    raise ZeroDivisionError("by nought")


def tell_and_hang(tell: Tell) -> None:
    """Take 1.6 s, telling twice, then hang."""
    for word in ("one", "another"):
        time.sleep(0.8)
        tell("slot", word)
    hang()


def tell_and_leave(tell: Tell) -> None:
    tell("slot", "one")
    os._exit(7)


def refuse() -> None:
    raise CannotFit("there is nothing to learn from")
