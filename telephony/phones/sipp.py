"""The door to SIPp: one process of synthetic phones, its events, and our requests to it.

A process has an address of its own, a directory of its own and a pipe through which its log reaches us at once. Nothing of it
outlives `stop`: calls are hung up, then the process is ended. If our program is killed, the kernel ends SIPp.
"""

import asyncio
import itertools
import os
import random
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from hotline.errors import Unavailable
from hotline.runtime.tasks import TaskGroup
from telephony.phones import wire
from telephony.phones.sounds import digit_files, tone, tone_file

MEDIA_PORTS = (20_000, 32_000)
"""Where SIPp looks for RTP ports: below the range from which the system takes free ports for others."""
MEDIA_SPAN = 4_000
STOP_S = 2.0
LIFE_LIMIT_S = 24 * 3600
"""SIPp ends itself after this time, in case nobody is left to do it."""
_LEASH = ("setpriv", "--pdeathsig", "TERM")
"""Has the kernel end SIPp when our program dies; part of util-linux, done without where that is not at hand."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What the phones are connected to, and by what."""

    sipp: tuple[str, ...]
    """The command that runs SIPp, without arguments (see `hotline.tools`)."""
    host: str
    port: int
    """Asterisk's SIP address."""
    trunk_from: str = "127.0.0.2"
    """The address that callers call from."""
    seats_from: str = "127.0.0.3"
    """The address that seats register from; any but the trunk's."""
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    trace_dir: Path | None = None
    """Keep each process's scenarios and SIP messages here, for looking into a failure."""


class SippProcess:
    """A running SIPp, at `port` or any free one; `on_event` is called for each of its events, in order, and `on_exit` once it has ended."""

    def __init__(
        self,
        exchange: Exchange,
        name: str,
        address: str,
        on_event: Callable[[wire.Event], None],
        on_exit: Callable[[], None] = lambda: None,
        *,
        port: int = 0,
    ) -> None:
        self.name = name
        self.address = address
        self.port = port
        self._exchange = exchange
        self._on_event = on_event
        self._on_exit = on_exit
        self._tasks = TaskGroup(f"sipp-{name}")
        self._serial = itertools.count(1)
        self._steering: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._home: Path | None = None

    async def start(
        self, files: Mapping[str, bytes], arguments: Sequence[str], *, tones_hz: Sequence[int] = ()
    ) -> None:
        """Write `files` (scenarios, injection files) and sounds into a fresh directory and start SIPp there.

        Raises Unavailable when SIPp cannot be started or ends at once.
        """
        if shutil.which(self._exchange.sipp[0]) is None:
            raise Unavailable(f"SIPp cannot be started: there is no program {self._exchange.sipp[0]}")
        self._home = Path(tempfile.mkdtemp(prefix=f"hotline-{self.name}-", dir=self._exchange.trace_dir))
        sounds = digit_files() | {tone_file(hertz): tone(hertz) for hertz in tones_hz}
        for name, content in (sounds | dict(files)).items():
            (self._home / name).write_bytes(content)
        self._steering = _bound_socket(self.address)
        self.port = self.port or free_port(self.address)
        reading, writing = os.pipe()
        try:
            self._process = await self._spawn([*arguments, *self._common(writing)], writing)
        except OSError as exc:
            os.close(reading)
            await self._clean()
            raise Unavailable(f"SIPp cannot be started: {exc.strerror}") from exc
        finally:
            os.close(writing)
        self._tasks.spawn(self._follow(reading), name="events")

    def tell(self, verb: wire.Verb, call_id: str, file: str = "") -> None:
        """Tell one call (or registration) what to do now. Late requests, for a call that is over, change nothing."""
        if self._steering is not None:
            datagram = wire.request(verb, call_id, next(self._serial), file)
            self._steering.sendto(datagram, (self.address, self.port))

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process id of SIPp."""
        assert self._process is not None
        return self._process.pid

    def complaint(self) -> str:
        """Return the first lines of SIPp's error log, empty when it had nothing to complain about."""
        errors = self._home / "errors.log" if self._home else None
        if errors is None or not errors.exists():
            return ""
        return " / ".join(errors.read_text(encoding="utf-8", errors="replace").split("\n")[1:3])[:300]

    def take_no_more(self) -> None:
        """Start no new calls; the present ones go on, and the process ends with the last of them.

        Not for a process that has already placed all it was asked for: it would take this as the second signal of `stop`.
        """
        if self.running:
            assert self._process is not None
            self._process.send_signal(signal.SIGUSR1)

    async def stop(self) -> None:
        """End the process and remove its directory. SIPp hangs up what is still in a call (first signal: no more calls, second: end)."""
        for number, patience_s in ((signal.SIGUSR1, 0.2), (signal.SIGUSR1, STOP_S), (signal.SIGKILL, STOP_S)):
            if self._process is None or self._process.returncode is not None:
                break
            self._process.send_signal(number)
            await self._ended(patience_s)
        await self._clean()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _ended(self, timeout_s: float) -> None:
        assert self._process is not None
        try:
            await asyncio.wait_for(self._process.wait(), timeout_s)
        except TimeoutError:
            log.debug("sipp goes on", phones=self.name, pid=self.pid)

    async def _clean(self) -> None:
        await self._tasks.close()
        if self._steering is not None:
            self._steering.close()
            self._steering = None
        if self._home is not None and self._exchange.trace_dir is None:
            shutil.rmtree(self._home, ignore_errors=True)

    def _common(self, log_fd: int) -> list[str]:
        low = random.randrange(MEDIA_PORTS[0], MEDIA_PORTS[1] - MEDIA_SPAN, 2)  # noqa: S311 - only keeps neighbours apart
        arguments = [
            "-i", self.address, "-bind_local", "-p", str(self.port), "-ci", self.address,
            "-mi", self.address, "-min_rtp_port", str(low), "-max_rtp_port", str(low + MEDIA_SPAN),
            "-cid_str", f"{os.urandom(6).hex()}-%u", "-aa", "-default_behaviors", "all,-abortunexp",
            "-nostdin", "-timeout", str(LIFE_LIMIT_S), "-skip_rlimit",
            "-trace_logs", "-log_file", f"/dev/fd/{log_fd}", "-trace_err", "-error_file", "errors.log",
        ]  # fmt: skip
        if self._exchange.trace_dir is not None:
            arguments += ["-trace_msg", "-message_file", "messages.log"]
        return [*arguments, f"{self._exchange.host}:{self._exchange.port}"]

    async def _spawn(self, arguments: Sequence[str], log_fd: int) -> asyncio.subprocess.Process:
        leash = _LEASH if shutil.which(_LEASH[0]) else ()
        return await asyncio.create_subprocess_exec(
            *leash, *self._exchange.sipp, *arguments, cwd=self._home, env=dict(self._exchange.env), pass_fds=(log_fd,),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip

    async def _follow(self, reading: int) -> None:
        """Pass SIPp's log on, line by line, until it ends."""
        assert self._process is not None
        stream = asyncio.StreamReader()
        pipe = os.fdopen(reading, "rb", buffering=0)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), pipe)
        try:
            while line := await stream.readline():
                if (event := wire.parse(line)) is not None:
                    self._on_event(event)
            await self._process.wait()
        finally:
            transport.close()
        if complaint := self.complaint():
            log.debug("sipp complained", phones=self.name, complaint=complaint)
        self._on_exit()


def _bound_socket(address: str) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setblocking(False)
    bound.bind((address, 0))
    return bound


def free_port(address: str) -> int:
    """Return a UDP port of `address` that nobody uses at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port
