"""The programs that a fetch runs, and how all of them are ended at once when our own program is told to stop.

A fetch blocks a thread for minutes. Cancelling the task that waits for the thread does not end the thread, and the process
could not end before apt does; so whoever stops the process calls `end_all`. There is no way back: a process that ends fetches no more.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence

from hotline.errors import Unavailable


class Children:
    """Programs under way, each in a process group of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._ended = False

    def run(
        self, command: Sequence[str], env: Mapping[str, str] | None, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end and return what it wrote.

        Raises Unavailable once `end_all` was called, OSError when it cannot be started, TimeoutExpired after `timeout_s`; it is gone then.
        """
        with self._lock:
            self.check()
            process = subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, errors="replace", process_group=0,
            )  # fmt: skip
            self._running.add(process)
        with process:
            try:
                out, err = process.communicate(timeout=timeout_s)
            except BaseException:
                _end(process, signal.SIGKILL)
                raise
            finally:
                with self._lock:
                    self._running.discard(process)
        self.check()
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def check(self) -> None:
        """Raise Unavailable once `end_all` was called."""
        if self._ended:
            raise Unavailable("the fetch was ended because hotline stops")

    def __len__(self) -> int:
        """Return how many run."""
        return len(self._running)

    def end_all(self) -> None:
        """End every program, now and for good. Safe from any thread."""
        with self._lock:
            self._ended = True
            for process in self._running:
                _end(process, signal.SIGTERM)


def _end(process: subprocess.Popen[str], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass  # it ended by itself meanwhile


children = Children()
"""Those of this process."""
