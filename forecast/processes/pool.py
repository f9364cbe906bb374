"""The door to processes that learn: runs a job in one of them, with limits of time and memory, without blocking the event loop.

A process is started when it is needed and kept for the jobs after it (to import the libraries takes longer than many a fit). It does
one job at a time on one processor. One that hangs, eats too much or dies is killed and replaced by the next job; nobody else notices.
Nothing is left behind: `close` kills what there is, and when our own process is killed the kernel kills them (see `forecast.processes.worker`).
"""

import asyncio
import os
import pickle
import signal
import sys
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeVar

import structlog

from forecast.models.base import CannotFit
from forecast.processes.worker import HEAD, MESSAGE_BYTES, packed
from hotline.errors import Misuse, Rejected, Unavailable
from hotline.tally import Tally

JOBS_MAX = 200
"""After so many jobs a process is replaced: what a library leaks does not add up for ever."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LIGHTGBM_NUM_THREADS"), "1")  # fmt: skip
END_S = 5.0

T = TypeVar("T")
Job = tuple[Callable[..., Any], tuple[Any, ...], bool]
"""A function, its arguments, and whether it tells where it is."""
JobReason = Literal["timeout", "memory", "died", "error"]

log = structlog.get_logger(__name__)


class JobFailed(Rejected):
    """A job did not come to its end; `reason` is one of `JobReason`. Its process is gone, nothing else is harmed."""

    def __init__(self, reason: JobReason, message: str, at: tuple[str, ...] = ()) -> None:
        super().__init__(reason, f"{message}, at {' '.join(at)}" if at else message)
        self.why: JobReason = reason
        self.at = at
        """Where the job had told that it is; empty: it had told nothing."""


class Runner(Protocol):
    """Whoever runs jobs: the pool, or a test in its own process."""

    async def run(self, function: Callable[..., T], *arguments: Any, limit_s: float, tells: bool = False) -> T:
        """Return what `function(*arguments)` returns. Raises JobFailed, Misuse that it raised, and Unavailable when no process can be started.

        With `tells` the function gets one argument more, to be called with words that say where it is (`forecast.processes.worker.Tell`). Each
        time it says that, it has `limit_s` again.
        """


class Pool:
    """At most `workers` processes; jobs that find none free wait in the order in which they came."""

    def __init__(self, tally: Tally, *, workers: int = 1, memory_limit_mb: int = 2_048) -> None:
        self._tally = tally
        self._memory_mb = memory_limit_mb
        self._places: asyncio.LifoQueue[_Worker | None] = asyncio.LifoQueue()
        for _ in range(workers):
            self._places.put_nowait(None)
        self._started: set[_Worker] = set()
        """Those that live, and perhaps some whose end is not known yet."""
        self._closed = False

    async def run(self, function: Callable[..., T], *arguments: Any, limit_s: float, tells: bool = False) -> T:
        """See `Runner`. The time that a job waits for a free process is not counted. Cancelled, its process is killed."""
        worker = await self._places.get()
        kept: _Worker | None = None
        try:
            if worker is None or not worker.fresh:
                worker = await self._start(worker)
            result: T = await self._ask(worker, (function, arguments, tells), limit_s)
            kept = worker
            return result
        except Misuse:
            kept = worker  # it did what it was told, and said what is wrong with that
            raise
        finally:
            if kept is None and worker is not None:
                self._kill(worker)
            self._places.put_nowait(kept)

    async def _start(self, old: "_Worker | None") -> "_Worker":
        if self._closed:
            raise Unavailable("the forecaster stops")
        if old is not None:
            self._kill(old)
        worker = await _Worker.start(self._memory_mb)
        self._started.add(worker)
        self._tally.count("forecast_workers_started")
        return worker

    async def _ask(self, worker: "_Worker", job: Job, limit_s: float) -> Any:
        at: tuple[str, ...] = ()
        try:
            async with asyncio.timeout(limit_s):
                await worker.give(job)
                answer = await worker.hear()
            while answer[0] == "at":
                at = answer[1]
                async with asyncio.timeout(limit_s):
                    answer = await worker.hear()
        except TimeoutError as exc:
            self._tally.limit_reached("forecast_fit_time")
            raise JobFailed("timeout", f"{job[0].__name__} took longer than {limit_s:g} s", at) from exc
        except (asyncio.IncompleteReadError, ConnectionError) as exc:
            raise JobFailed("died", f"the process that learnt {await worker.how_it_ended()}", at) from exc
        if answer[0] == "done":
            return answer[1]
        raise self._failure(at, *answer[1:])

    def _failure(self, at: tuple[str, ...], kind: str, text: str) -> Exception:
        if kind == "CannotFit":
            return CannotFit(text)
        if kind == "Misuse":
            return Misuse(text)
        if kind == "MemoryError":
            self._tally.limit_reached("forecast_memory")
            return JobFailed("memory", f"a job used more than {self._memory_mb} MB", at)
        return JobFailed("error", f"{kind}: {text}", at)

    def _kill(self, worker: "_Worker") -> None:
        worker.kill()
        self._started = {other for other in self._started if other.lives}

    async def close(self) -> None:
        """Kill every process, whatever it does, and wait for its end."""
        self._closed = True
        for worker in self._started:
            worker.kill()
        for worker in self._started:
            await worker.gone()

    @property
    def pids(self) -> list[int]:
        """Return the processes that live."""
        return sorted(worker.pid for worker in self._started if worker.lives)


class _Worker:
    """One process. After any failure it is of no use any more: kill it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._jobs = 0
        self.pid = process.pid

    @classmethod
    async def start(cls, memory_mb: int) -> "_Worker":
        """Start a process. Raises Unavailable."""
        command = [sys.executable, "-m", "forecast.processes.worker", str(os.getpid()), str(memory_mb)]
        paths = os.pathsep.join(path for path in sys.path if path)
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL, env=os.environ | ONE_THREAD | {"PYTHONPATH": paths},
                start_new_session=True,
            )  # fmt: skip
        except OSError as exc:
            raise Unavailable(f"no process can be started that learns: {exc.strerror}") from exc
        return cls(process)

    @property
    def lives(self) -> bool:
        """Whether its end is not known."""
        return self._process.returncode is None

    @property
    def fresh(self) -> bool:
        """Whether it may do another job."""
        return self.lives and self._jobs < JOBS_MAX

    async def give(self, job: Job) -> None:
        """Send a job. Raises ConnectionError when the process has died."""
        self._jobs += 1
        assert self._process.stdin is not None
        self._process.stdin.write(packed(job))
        await self._process.stdin.drain()

    async def hear(self) -> tuple[Any, ...]:
        """Return the next word or the answer. Raises asyncio.IncompleteReadError when the process dies over it."""
        assert self._process.stdout is not None
        size = int.from_bytes(await self._process.stdout.readexactly(HEAD), "big")
        if size > MESSAGE_BYTES:
            raise JobFailed("error", f"an answer of {size} bytes is too long")
        body = await self._process.stdout.readexactly(size)
        answer: tuple[Any, ...] = pickle.loads(body)  # noqa: S301 - from our own child, see forecast.processes.worker
        return answer

    async def how_it_ended(self) -> str:
        """Return how, for people."""
        try:
            async with asyncio.timeout(END_S):
                status = await self._process.wait()
        except TimeoutError:
            return "closed its pipe"
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with {status}"

    def kill(self) -> None:
        """End it now."""
        if self._process.returncode is None:
            try:
                self._process.kill()
            except ProcessLookupError:
                log.debug("a process that learns had ended", pid=self.pid)

    async def gone(self) -> None:
        """Wait until it has ended."""
        await self._process.wait()
