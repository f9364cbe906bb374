"""The private Asterisk of a data directory: start it or take over the one that still runs, and end it.

A killed hotline leaves its Asterisk, and the conversations in it, alive. The next start finds it by its command line (the
path of its configuration file is unique), keeps its ports, writes the configuration anew and has it reloaded when it changed.
Readiness is a fact, not a pause: Asterisk says that it is fully booted, and the kernel says that this very process holds
the manager and SIP ports.
"""

import asyncio
import fcntl
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hotline.errors import Misuse, Unavailable
from hotline.secrets import Secrets
from hotline.settings import Settings
from hotline.tools import last_lines
from telephony.asterisk import layout, ports, proc, state
from telephony.asterisk.certificate import make_certificate
from telephony.asterisk.config import Dirs, Plan, Ports, render
from telephony.asterisk.files import write_files
from telephony.asterisk.install import Installation, find_or_bring
from telephony.asterisk.process import Process

BOOT_TIMEOUT_S = 30.0
BANNER_TIMEOUT_S = 5.0
ATTEMPTS = 3
"""Starts with other free ports, when somebody took one between our look and Asterisk's."""
_POLL_S = 0.05
_FILES_PER_CALL = 24
_FILES_BASE = 1024

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class _House:
    """What is known before there is a process."""

    settings: Settings
    secrets: Secrets
    dirs: Dirs
    data_dir: Path

    def ami_secret(self) -> str:
        own = self.settings.ami.secret
        return own.get_secret_value() if own is not None else self.secrets.ami_secret

    def plan(self, chosen: Ports, installation: Installation) -> Plan:
        classes = {self.settings.asterisk.music_class, "default", *(q.music_class for q in self.settings.queues)}
        own_music = {name: self.dirs.home.parent / "music" / name for name in classes}
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        wanted = _FILES_BASE + _FILES_PER_CALL * self.settings.asterisk.max_calls
        return Plan(
            settings=self.settings,
            dirs=self.dirs,
            ports=chosen,
            modules_dir=installation.modules_dir,
            ami_secret=self.ami_secret(),
            seat_passwords=self.secrets.seats,
            music={name: path if path.is_dir() else installation.moh_dir for name, path in own_music.items()},
            open_files=wanted if hard == resource.RLIM_INFINITY else min(wanted, hard),
        )


class PrivateAsterisk:
    """An Asterisk of ours that runs. Made by `start`; ended by `stop`, or left alive by `let_go`."""

    def __init__(self, house: _House, found: state.State, process: Process, lock: int, *, taken_over: bool) -> None:
        settings = house.settings
        self.version = found.installation.version
        self.ami_host, self.ami_port = settings.ami.host, found.ports.ami
        self.ami_username, self.ami_secret = settings.ami.username, house.ami_secret()
        self.sip_host, self.sip_port = settings.sip.host, found.ports.sip
        self.rtp_ports = (found.ports.rtp_start, found.ports.rtp_end)
        self.dirs = house.dirs
        self.config_dir, self.log_dir, self.spool_dir = house.dirs.etc, house.dirs.log, house.dirs.spool
        self.monitor_dir, self.cel_file = house.dirs.monitor, house.dirs.cel_file
        self.pid = process.pid
        self.taken_over = taken_over
        """Whether it was running already: there may be calls in it."""
        self._process = process
        self._lock: int | None = lock

    @classmethod
    async def start(cls, settings: Settings, data_dir: Path, secrets: Secrets, progress: Progress) -> "PrivateAsterisk":
        """Start the Asterisk of `data_dir`, or take over the one that runs; returns when it takes calls.

        Raises Misuse (a taken port, a directory in use, a bad setting) or Unavailable (it cannot be brought, or does not
        start), each with one sentence that says what to do; nothing is left running then that was not running before.
        """
        house = _House(settings=settings, secrets=secrets, dirs=layout.plan_dirs(data_dir), data_dir=data_dir)
        lock = _take_lock(house.dirs.home)
        try:
            pid = proc.find_by_arguments(*_tail(house.dirs.config_file))
            if pid is not None:
                found, process = await _take_over(house, pid, progress)
            else:
                found, process = await _start_fresh(house, progress)
        except BaseException:
            os.close(lock)
            raise
        return cls(house, found, process, lock, taken_over=pid is not None)

    @property
    def exit_code(self) -> int | None:
        """How it ended, when it did and we had started it; negative: the signal."""
        return self._process.exit_code

    def running(self) -> bool:
        """Return whether it is alive."""
        return self._process.running()

    async def wait_dead(self) -> str:
        """Wait until it ends, wanted or not; return how it ended."""
        await self._process.wait_dead()
        return f"process {self.pid} ended with status {self.exit_code}"

    async def tell(self, command: str) -> str:
        """Perform a console command (for tests of the installation and for reloads) and return what it prints."""
        return await self._process.tell(command)

    async def stop(self) -> None:
        """End it and everything in it. May be called again, and after it died; does nothing after `let_go`."""
        if self._lock is None:
            return
        try:
            if self.running():
                await self._process.stop()
        finally:
            self.let_go()
        layout.remove_run(self.dirs)

    def let_go(self) -> None:
        """Leave it running for a later start to take over."""
        self._process.let_go()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def find_running(data_dir: Path) -> int | None:
    """Return the process id of the private Asterisk of `data_dir`, if one runs."""
    return proc.find_by_arguments(*_tail(layout.plan_dirs(data_dir).config_file))


async def stop_running(data_dir: Path) -> bool:
    """End the Asterisk that a killed hotline left behind; return whether there was one.

    Raises Misuse when a living hotline uses the directory, Unavailable when it does not end.
    """
    dirs = layout.plan_dirs(data_dir)
    pid = find_running(data_dir)
    if pid is None:
        return False
    lock = _take_lock(dirs.home)
    try:
        kept = state.load(dirs.home)
        process = Process(pid, kept.installation if kept else _nothing_known(), dirs.config_file)
        try:
            await process.stop()
        finally:
            process.let_go()
        layout.remove_run(dirs)
    finally:
        os.close(lock)
    return True


def _nothing_known() -> Installation:
    """Stand in for the installation when the state is lost: telling fails at once, signals still work."""
    nowhere = Path(os.devnull)
    return Installation(
        program=("/bin/false",), version="", modules_dir=nowhere, sounds_dir=nowhere, moh_dir=nowhere,
        documentation_dir=nowhere, env={},
    )  # fmt: skip


def _tail(config_file: Path) -> tuple[str, ...]:
    return ("-f", "-C", str(config_file))


def _take_lock(home: Path) -> int:
    """Make sure that one living hotline at a time manages this directory; the system frees the lock when we die."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise Unavailable(f"cannot use {exc.filename or home}: {exc.strerror}") from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(lock)
        raise Misuse(f"{home.parent} is in use by another hotline; end that one or choose another --data-dir") from exc
    return lock


async def _take_over(house: _House, pid: int, progress: Progress) -> tuple[state.State, Process]:
    found = state.load(house.dirs.home)
    if found is None:
        raise Misuse(
            f"an Asterisk (process {pid}) runs for {house.data_dir}, but {state.FILE} is gone; run `hotline down` first"
        )
    if (difference := ports.conflict(house.settings, found.ports)) is not None:
        raise Misuse(difference)
    process = Process(pid, found.installation, house.dirs.config_file)
    try:
        progress(f"taking over the Asterisk that runs (process {pid})")
        layout.make_dirs(house.dirs, found.installation)
        changed = write_files(house.dirs.etc, render(house.plan(found.ports, found.installation)))
        await _wait_ready(house, found.ports, process)
        if changed:
            await process.tell("core reload")
    except BaseException:
        process.let_go()
        raise
    return found, process


async def _start_fresh(house: _House, progress: Progress) -> tuple[state.State, Process]:
    installation = await asyncio.to_thread(find_or_bring, house.settings, progress)
    kept = state.load(house.dirs.home)
    earlier = kept.ports if kept else None
    for attempt in range(1, ATTEMPTS + 1):
        chosen = ports.choose(house.settings, earlier if attempt == 1 else None)
        found = state.State(ports=chosen, installation=installation)
        process = _spawn(house, found)
        try:
            await _wait_ready(house, chosen, process)
        except _PortLost as lost:
            await process.stop()
            if attempt == ATTEMPTS:
                raise Unavailable(str(lost)) from lost
        except BaseException:
            await process.stop()
            process.let_go()
            layout.remove_run(house.dirs)
            raise
        else:
            progress(f"Asterisk {installation.version} runs (process {process.pid})")
            return found, process
    raise AssertionError("unreachable: the last attempt returns or raises")


def _spawn(house: _House, found: state.State) -> Process:
    """Write everything that Asterisk needs, and start it."""
    layout.make_dirs(house.dirs, found.installation)
    layout.clear_run(house.dirs)
    if house.settings.sip.tls:
        make_certificate(house.dirs.keys, house.settings.sip.host)
    write_files(house.dirs.etc, render(house.plan(found.ports, found.installation)))
    state.save(house.dirs.home, found)
    return Process.spawn(found.installation, house.dirs.config_file, house.dirs.log / "console.log")


class _PortLost(Unavailable):
    """Asterisk runs without one of its ports: somebody else took it."""


async def _wait_ready(house: _House, chosen: Ports, process: Process) -> None:
    """Wait until it is fully booted, and check that the ports are its own and that the manager answers."""
    try:
        async with asyncio.timeout(BOOT_TIMEOUT_S):
            while not await _is_booted(process):
                if not process.running():
                    raise Unavailable(f"Asterisk ended while starting: {_last_words(house.dirs)}")
                await asyncio.sleep(_POLL_S)
    except TimeoutError as exc:
        raise Unavailable(f"Asterisk did not start within {BOOT_TIMEOUT_S:.0f} s: {_last_words(house.dirs)}") from exc
    settings = house.settings
    for name, kind, host, port in (
        ("ami.port", "tcp", settings.ami.host, chosen.ami),
        ("sip.port", "udp", settings.sip.host, chosen.sip),
    ):
        if not proc.listens(process.pid, kind, host, port):
            raise _PortLost(f"Asterisk could not take {name} {port} on {host}: {_last_words(house.dirs)}")
    await _check_banner(settings.ami.host, chosen.ami)


async def _is_booted(process: Process) -> bool:
    try:
        await process.tell("core waitfullybooted", BOOT_TIMEOUT_S)
    except Unavailable:
        return False  # its control socket is not there yet
    return True


async def _check_banner(host: str, port: int) -> None:
    try:
        async with asyncio.timeout(BANNER_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                banner = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError) as exc:
        raise Unavailable(f"Asterisk's manager on {host}:{port} does not answer") from exc
    if not banner.startswith(b"Asterisk Call Manager/"):
        raise Unavailable(f"what answers on {host}:{port} is no Asterisk manager")


def _last_words(dirs: Dirs) -> str:
    said = ""
    for file in (dirs.log / "messages.log", dirs.log / "console.log"):
        if file.is_file():
            said += "\n".join(file.read_text(encoding="utf-8", errors="replace").splitlines()[-50:]) + "\n"
    troubles = [line for line in said.splitlines() if "ERROR" in line]
    return last_lines("\n".join(troubles) or said)
