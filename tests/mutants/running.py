"""Holds tests against mutants, all in one pytest session: collected once, every mutant in a child process of its own.

First all tests run once, and it is noted which functions each of them calls and how long it takes. Then, for a mutant, the function's code is
replaced in a forked child, and the tests that call it run there, quick ones first, until one fails (killed), all pass (alive), or the time is
over (killed: it hangs). What no test calls is alive without a run. A few changes make no code that could run: they do not count (`none`).
"""

import gc
import os
import resource
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, Literal

import pytest

from tests.mutants.making import Mutant, code_of

Fate = Literal["killed", "hangs", "alive", "untested", "none"]
Where = tuple[str, int]
"""File and first line of a function."""
SLOWER = 3.0
LEAST_S = 10.0
"""A mutant may use so many times the time that its tests took, and this at least: processor time, for the machine may be busy."""
PATIENCE = 10.0
"""So many times as long it may take by the clock: one that waits for something uses no processor."""
MOST_S = 60.0
"""Tests of a mutant that take longer than this together are cut off: the slowest are left out."""


@dataclass
class Known:
    """What the first run told."""

    calls: dict[str, set[Where]] = field(default_factory=dict)
    """Test -> functions."""
    lasts_s: dict[str, float] = field(default_factory=dict)

    def tests_of(self, where: Where) -> list[str]:
        """Return the tests that call a function, quick ones first."""
        found = sorted((t for t, called in self.calls.items() if where in called), key=lambda t: self.lasts_s[t])
        chosen, spent = [], 0.0
        for test in found:
            spent += self.lasts_s[test]
            if chosen and spent > MOST_S:
                break
            chosen.append(test)
        return chosen


class Trial:
    """The plugin that takes the place of pytest's own loop."""

    def __init__(
        self, root: Path, mutants: list[Mutant], sources: dict[str, str], told: Callable[[Mutant, Fate], None]
    ) -> None:
        self._root, self._mutants, self._sources, self._told = root, mutants, sources, told
        self._code = str(root / "acd")
        self._failed = False
        self.broken: list[str] = []
        """Tests that fail without any mutant: they are left out."""

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: Any) -> None:
        self._failed = self._failed or report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        items = {item.nodeid: item for item in session.items}
        known = self._look(items)
        functions = _functions(self._code)
        for mutant in self._mutants:
            self._told(mutant, self._try(mutant, items, known, functions))
        return True

    def _run(self, item: Any) -> bool:
        """Run a test; return whether it passed."""
        self._failed = False
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return not self._failed

    def _look(self, items: dict[str, Any]) -> Known:
        known, called = Known(), set[Where]()

        def note(frame: FrameType, event: str, _arg: object) -> None:
            code = frame.f_code
            if event == "call" and code.co_filename.startswith(self._code):
                called.add((code.co_filename, code.co_firstlineno))

        for name, item in items.items():
            called.clear()
            before = time.monotonic()
            sys.setprofile(note)
            passed = self._run(item)
            sys.setprofile(None)
            if passed:
                known.calls[name], known.lasts_s[name] = set(called), time.monotonic() - before
            else:
                self.broken.append(name)
        return known

    def _try(
        self, mutant: Mutant, items: dict[str, Any], known: Known, functions: dict[Where, list[FunctionType]]
    ) -> Fate:
        path = self._root / mutant.file
        where = (str(path), mutant.first_line)
        tests = known.tests_of(where)
        code = code_of(mutant, self._sources[mutant.file], str(path))
        if code is None:
            return "none"
        if not tests or where not in functions:
            return "untested"
        limit_s = int(LEAST_S + SLOWER * sum(known.lasts_s[t] for t in tests))
        child = os.fork()
        if child == 0:
            self._live(functions[where], code, [items[t] for t in tests], limit_s)
        return _fate(child, limit_s * PATIENCE)

    def _live(self, functions: Iterable[FunctionType], code: CodeType, items: list[Any], limit_s: int) -> None:
        """Be the child: never returns."""
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            for function in functions:
                function.__code__ = code
            status = 0 if all(self._run(item) for item in items) else 1
        finally:
            os._exit(status)


def _functions(root: str) -> dict[Where, list[FunctionType]]:
    """Return all functions of the code below a folder, wherever they are used."""
    found: dict[Where, list[FunctionType]] = defaultdict(list)
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename.startswith(root):
            found[thing.__code__.co_filename, thing.__code__.co_firstlineno].append(thing)
    return found


def _fate(child: int, within_s: float) -> Fate:
    deadline = time.monotonic() + within_s
    pause = 0.002
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            ended = os.waitstatus_to_exitcode(status)
            if ended in (-signal.SIGXCPU, -signal.SIGKILL):
                return "hangs"
            return "alive" if ended == 0 else "killed"
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "hangs"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
