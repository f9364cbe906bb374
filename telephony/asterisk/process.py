"""One running Asterisk process: started so that it outlives us, watched, told things, ended.

It gets a session of its own (a Ctrl-C in our terminal does not reach it) and is not tied to our life. Whether we started it or
found it running makes no difference afterwards: it is known by its process id and watched through a process descriptor.
"""

import asyncio
import os
import signal
from pathlib import Path

from hotline.errors import Unavailable
from hotline.tools import last_lines
from telephony.asterisk import proc
from telephony.asterisk.install import Installation

COMMAND_TIMEOUT_S = 10.0
STOP_S, TERM_S, KILL_S = 8.0, 4.0, 4.0
"""How long each way of ending it may take: asking, SIGTERM, SIGKILL."""


class Process:
    """An Asterisk with our configuration file, alive when this is made."""

    def __init__(self, pid: int, installation: Installation, config_file: Path) -> None:
        self.pid = pid
        self.exit_code: int | None = None
        """Known after the end of a process that we started; negative: the signal that ended it."""
        self._installation = installation
        self._config_file = config_file
        self._dead = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._descriptor: int | None = None
        try:
            self._descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self._dead.set()
        else:
            self._loop.add_reader(self._descriptor, self._ended)

    @classmethod
    def spawn(cls, installation: Installation, config_file: Path, console: Path) -> "Process":
        """Start it; raises Unavailable when the system refuses."""
        command = installation.command("-f", "-C", str(config_file))
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(console), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        try:
            pid = os.posix_spawn(
                command[0], command, {**os.environ, **installation.env}, file_actions=actions, setsid=True,
                setsigmask=(), setsigdef=(signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM, signal.SIGCHLD),
            )  # fmt: skip
        except OSError as exc:
            raise Unavailable(f"Asterisk cannot be started: {exc.strerror}") from exc
        return cls(pid, installation, config_file)

    def _ended(self) -> None:
        self.exit_code = proc.collect(self.pid)
        self.let_go()
        self._dead.set()

    def running(self) -> bool:
        """Return whether it is alive, as far as the event loop has been told."""
        return not self._dead.is_set()

    def let_go(self) -> None:
        """Stop watching; it lives on."""
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    async def wait_dead(self) -> None:
        """Wait until it is gone, however it came to that."""
        await self._dead.wait()

    async def dies_within(self, seconds: float) -> bool:
        """Wait for its end, at most so long."""
        try:
            await asyncio.wait_for(self._dead.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def tell(self, command: str, timeout_s: float = COMMAND_TIMEOUT_S) -> str:
        """Perform a console command and return what it prints; raises Unavailable when it cannot be reached or takes too long."""
        line = self._installation.command("-C", str(self._config_file), "-rx", command)
        helper = await asyncio.create_subprocess_exec(
            *line, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **self._installation.env},
        )  # fmt: skip
        try:
            out, err = await asyncio.wait_for(helper.communicate(), timeout_s)
        except TimeoutError as exc:
            raise Unavailable(f"Asterisk did not answer {command!r} within {timeout_s:.0f} s") from exc
        finally:
            if helper.returncode is None:
                helper.kill()
                await helper.wait()
        said = out.decode(errors="replace")
        if helper.returncode != 0:
            raise Unavailable(f"Asterisk refused {command!r}: {last_lines(err.decode(errors='replace') or said)}")
        return said

    async def stop(self) -> None:
        """End it: by its own command, then by signals. Returns when it is gone; its calls are cut."""
        try:
            await self.tell("core stop now", STOP_S)
        except Unavailable:
            proc.send(self.pid, signal.SIGTERM)
        for number, seconds in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, TERM_S)):
            if await self.dies_within(seconds):
                return
            proc.send(self.pid, number)
        if not await self.dies_within(KILL_S):
            raise Unavailable(f"Asterisk (process {self.pid}) does not end, not even by SIGKILL")
