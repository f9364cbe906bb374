"""A private PostgreSQL: nothing to install, no port, no trace elsewhere on the machine.

Below `DATA_DIR/postgres` lie `lock` (held while its owner lives), `log`, and `server/` with `data/` (the cluster) and `password`;
`server/` appears by one rename, so a half-made cluster is never used. Where the user who must run the server cannot reach
that directory, `place` names the private directory that holds `server/` instead; no permission of a directory that is not ours is changed.

The server listens on a Unix socket only, asks for a password (SCRAM), dies with the process that started it, and is found
and ended by the next start if it did not.
"""

import asyncio
import fcntl
import hashlib
import os
import stat
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO
from urllib.parse import quote

import structlog

from hotline.errors import Misuse, Unavailable
from hotline.runtime.clock import stopwatch
from hotline.store import leftover
from hotline.store.cluster import DATABASE, USER, Base, home_of, initialise, settle
from hotline.store.identity import ENVIRONMENT, Identity

SOCKET_DIR_LIMIT = 107 - len("/.s.PGSQL.5432")
"""Bytes; sun_path in unix(7) holds 108 with its final zero."""
START_TIMEOUT_S = 300.0
"""After a crash the server first replays its log; normally it is up within a second."""
LOG_LIMIT_BYTES = 10_000_000
SHELTERS = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - a private directory of mode 0700 is made inside
_POLL_S = 0.02

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "40",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",  # /dev/shm is tiny or missing in many containers
    "huge_pages": "off",
    "io_method": "sync",  # no extra processes for a small server
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "min_wal_size": "64MB",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",  # statements and key values may hold personal data
    "log_error_verbosity": "terse",
}
_WITHOUT_FSYNC = {"fsync": "off", "full_page_writes": "off"}  # survives a kill, not a power cut

Progress = Callable[[str], None]
log = structlog.get_logger(__name__)


class PrivatePostgres:
    """A running server; made by `start`."""

    def __init__(self, base: "Base", process: asyncio.subprocess.Process, lock: IO[str], socket_dir: Path) -> None:
        self._base = base
        self._process = process
        self._lock = lock
        self._socket_dir = socket_dir
        self.dsn = _dsn(socket_dir, (base.server / "password").read_text().strip())
        """Where to connect; holds the password."""
        self.pid = process.pid

    @classmethod
    async def start(
        cls,
        data_dir: Path,
        *,
        fsync: bool = True,
        progress: Progress | None = None,
        shelters: Sequence[Path] = SHELTERS,
    ) -> "PrivatePostgres":
        """Start the server of `data_dir` (made when there is none) and return it when it takes connections.

        A leftover server of a dead owner is ended first. Raises Misuse or Unavailable with one sentence that says what to do;
        nothing half-made and no process stays behind.
        """
        tell = progress or (lambda _sentence: None)
        place = _place(data_dir)
        lock = _own(place)
        try:
            base = await settle(place, shelters)
            if base.cluster.exists():
                await _end_leftover(base.cluster)
            else:
                tell("Making a private PostgreSQL database …")
                await initialise(base, fsync=fsync)
            socket_dir = _socket_dir(base)
            _clear_socket_dir(socket_dir)
            process = await _launch(base, socket_dir, fsync=fsync, tell=tell)
            return cls(base, process, lock, socket_dir)
        except OSError as exc:
            lock.close()
            raise Unavailable(f"database: {exc.filename or place}: {exc.strerror}") from exc
        except BaseException:
            lock.close()
            raise

    async def stop(self) -> None:
        """Stop the server: cleanly within eight seconds, else by force; nothing committed is lost. May be called twice."""

        async def gone(timeout_s: float) -> bool:
            try:
                await asyncio.wait_for(self._process.wait(), timeout_s)
            except TimeoutError:
                return False
            return True

        if self._process.returncode is None:
            await leftover.signal_until(self._process.send_signal, gone)
        _remove_socket_dir(self._socket_dir)
        self._lock.close()

    async def wait_dead(self) -> str:
        """Wait until the server process is gone, and return the last thing it said."""
        status = await self._process.wait()
        return f"PostgreSQL ended with status {status}: {_last_line(self._base.log)}"


def find_running(data_dir: Path) -> int | None:
    """Return the process id of the live server of `data_dir`, whoever owns it, or None."""
    running = leftover.find(home_of(_place(data_dir)) / "server" / "data")
    return running.pid if running else None


async def stop_leftover(data_dir: Path) -> bool:
    """End a server of `data_dir` whose owner is dead; return whether there was one. Raises Misuse while its owner lives."""
    place = _place(data_dir)
    if not os.access(place, os.F_OK):
        return False
    with _own(place):
        return await _end_leftover(home_of(place) / "server" / "data")


# --- one owner -----------------------------------------------------------------------------------------------------


def _place(data_dir: Path) -> Path:
    return data_dir.absolute() / "postgres"


def _own(place: Path) -> IO[str]:
    """Make our directory and hold its lock. Raises Misuse while another living process holds it."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (place / "lock").open("a+", encoding="utf-8")
    except OSError as exc:
        raise Misuse(f"database: cannot use {place}: {exc.strerror}") from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        lock.seek(0)
        owner = lock.read().strip()
        lock.close()
        raise Misuse(
            f"database: {place} is in use by process {owner}; stop that hotline first or choose another data_dir"
        ) from exc
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


async def _end_leftover(cluster: Path) -> bool:
    running = leftover.find(cluster)
    if running is not None:
        log.info("ending a PostgreSQL that was left behind", pid=running.pid)
        await leftover.end(cluster, running)
        _remove_socket_dir(Path(running.socket_dir))
    leftover.remove_stale_pid_file(cluster)
    return running is not None


# --- a running server --------------------------------------------------------------------------------------------------


def _socket_dir(base: Base) -> Path:
    """Make a private directory for the socket whose path fits into a socket address."""
    beside = base.home / "run"
    if len(os.fsencode(beside)) <= SOCKET_DIR_LIMIT:
        beside.mkdir(mode=0o700, exist_ok=True)
        base.identity.give(beside)
        return beside
    name = "hotline-pg-" + hashlib.sha256(os.fsencode(base.home)).hexdigest()[:16]
    short = Path("/tmp") / name  # noqa: S108 - used only if it is ours and closed to others
    try:
        short.mkdir(mode=0o700)
    except FileExistsError:
        if not _is_private(short, base.identity):
            short = Path(tempfile.mkdtemp(prefix="hotline-pg-", dir="/tmp"))
    base.identity.give(short)
    return short


def _is_private(directory: Path, identity: Identity) -> bool:
    """Return whether nobody else can have put something there."""
    status = directory.lstat()
    owners = {os.geteuid(), identity.uid} if identity.mode == "drop" else {os.geteuid()}
    return stat.S_ISDIR(status.st_mode) and status.st_uid in owners and status.st_mode & 0o077 == 0


def _remove_socket_dir(directory: Path) -> None:
    """Remove a socket directory of ours with what a killed server left in it."""
    if directory.name != "run" and not directory.name.startswith("hotline-pg-"):
        return
    _clear_socket_dir(directory)
    try:
        directory.rmdir()
    except OSError as exc:
        log.warning("a socket directory stays behind", directory=str(directory), error=exc.strerror)


def _clear_socket_dir(directory: Path) -> None:
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (directory / name).unlink(missing_ok=True)


async def _launch(base: Base, socket_dir: Path, *, fsync: bool, tell: Progress) -> asyncio.subprocess.Process:
    settings = _SETTINGS | {"unix_socket_directories": str(socket_dir)} | ({} if fsync else _WITHOUT_FSYNC)
    arguments = [
        "-D",
        str(base.cluster),
        *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
    ]
    if base.log.exists() and base.log.stat().st_size > LOG_LIMIT_BYTES:
        base.log.replace(base.log.with_suffix(".old"))
    with base.log.open("ab") as output:
        base.identity.give(base.log)
        began = output.tell()
        process = await asyncio.create_subprocess_exec(
            *base.identity.command(base.bin_dir / "postgres", arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=ENVIRONMENT,
            start_new_session=True,  # Ctrl-C in a terminal is for us; we stop the server when our work is written
        )
    try:
        await _wait_ready(base, process, began, tell)
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        _remove_socket_dir(socket_dir)
        raise
    return process


async def _wait_ready(base: Base, process: asyncio.subprocess.Process, began: int, tell: Progress) -> None:
    waited, patient = stopwatch(), False
    while True:
        running = leftover.find(base.cluster)
        if running is not None and running.pid == process.pid and running.ready:
            return
        if process.returncode is not None:
            raise base.problem(
                "the private PostgreSQL did not start", base.log.read_bytes()[began:].decode(errors="replace")
            )
        if waited() > START_TIMEOUT_S:
            raise Unavailable(
                f"database: the private PostgreSQL was not ready after {START_TIMEOUT_S:.0f} s; see {base.log}"
            )
        if waited() > 2 and not patient:
            patient = True
            tell("PostgreSQL is recovering its data after an unclean end …")
        await asyncio.sleep(_POLL_S)


def _dsn(socket_dir: Path, password: str) -> str:
    return f"postgresql://{USER}:{quote(password, safe='')}@/{DATABASE}?host={quote(str(socket_dir), safe='/')}"


def _last_line(file: Path) -> str:
    lines = file.read_bytes()[-4000:].decode(errors="replace").splitlines()
    return lines[-1] if lines else "it said nothing"
