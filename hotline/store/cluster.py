"""Where the private cluster lives, who runs it, and how a new one is made.

See `private.py` for the layout. Nothing here changes the permissions of a directory that is not ours.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hotline.errors import HotlineError, Misuse, Unavailable
from hotline.store import program
from hotline.store.identity import Identity, candidates

USER = "hotline"
DATABASE = "hotline"
INIT_TIMEOUT_S = 120.0
NEEDED_MEGABYTES = 150
_TEST = Path("/usr/bin/test")

# What PostgreSQL prints (in the C locale, which we choose) and what an operator should do about it.
_REMEDIES = (
    ("No space left on device", "no space is left on the disk that holds {home}; free some and start again"),
    ("Disk quota exceeded", "the disk quota at {home} is used up; free some space and start again"),
    ("Read-only file system", "{home} lies on a read-only file system"),
    (
        "could not create shared memory segment",
        "the machine gives no shared memory; raise kernel.shmmax or the container's limit",
    ),
    ("Cannot allocate memory", "the machine has not enough free memory"),
    ("Permission denied", "a file below {home} cannot be read or written by the user that runs PostgreSQL"),
)


class Base:
    """Where the server lives, who runs it, and with which programs."""

    def __init__(self, place: Path, home: Path, identity: Identity, bin_dir: Path) -> None:
        self.log = place / "log"
        self.home = home
        self.server = home / "server"
        self.cluster = self.server / "data"
        self.identity = identity
        self.bin_dir = bin_dir

    def problem(self, what: str, printed: str) -> HotlineError:
        """Return one sentence for what PostgreSQL printed."""
        for sign, remedy in _REMEDIES:
            if sign in printed:
                return Unavailable(f"database: {what}: {remedy.format(home=self.home)}")
        lines = printed.splitlines() or ["it said nothing"]
        telling = [line for line in lines if "FATAL" in line or "error" in line.lower()]
        return Unavailable(f"database: {what}: {(telling or lines)[0].strip()} (see {self.log})")


def home_of(place: Path) -> Path:
    """Return the directory that holds `server/`: the place itself, or where it points."""
    pointer = place / "place"
    return Path(pointer.read_text(encoding="utf-8").strip()) if pointer.is_file() else place


async def settle(place: Path, shelters: Sequence[Path]) -> Base:
    """Find a user who can run the server and a directory that he can use.

    Raises Misuse when there is none, or when the data that should be there is missing or not ours to run.
    """
    home = home_of(place)
    if not home.is_dir():
        raise Misuse(
            f"database: {place / 'place'} names {home}, which is gone; restore it, or remove that file to begin anew"
        )
    cluster = home / "server" / "data"
    owner = cluster.stat() if cluster.is_dir() else None
    programs = await program.locate(_major(cluster) if owner else None)
    for identity in candidates(owner):
        chosen = await _choose_home(identity, home, shelters if owner is None and home == place else ())
        if chosen is not None:
            if chosen != home:
                (place / "place").write_text(f"{chosen}\n", encoding="utf-8")
            return Base(place, chosen, identity, await program.runnable(programs, identity, chosen))
    raise Misuse(
        f"database: nobody whom we can become could run PostgreSQL in {home}; start hotline as an ordinary user or set database.dsn"
    )


def _major(cluster: Path) -> int:
    try:
        return int((cluster / "PG_VERSION").read_text(encoding="ascii"))
    except (OSError, ValueError) as exc:
        raise Misuse(f"database: {cluster} is damaged (no PG_VERSION); restore it from a backup") from exc


async def _choose_home(identity: Identity, home: Path, shelters: Sequence[Path]) -> Path | None:
    """Return `home` if the identity works on this machine and can use it, else a new directory in a shelter, else None."""
    identity.give(home)
    if await identity.can(_TEST, "-w", str(home), "-a", "-x", str(home)):
        return home
    for shelter in shelters:
        if os.access(shelter, os.W_OK) and await identity.can(_TEST, "-x", str(shelter)):
            directory = Path(tempfile.mkdtemp(prefix="hotline-postgres-", dir=shelter))
            identity.give(directory)
            return directory
    return None


# --- a new cluster -----------------------------------------------------------------------------------------------------


async def initialise(base: Base, *, fsync: bool) -> None:
    """Make a new cluster with its password; it is there completely or not at all."""
    for half_made in base.home.glob("new-*"):
        shutil.rmtree(half_made)
    free = shutil.disk_usage(base.home).free // 1_000_000
    if free < NEEDED_MEGABYTES:
        raise Unavailable(
            f"database: only {free} MB are free at {base.home}; PostgreSQL needs {NEEDED_MEGABYTES} MB to begin"
        )
    making = Path(tempfile.mkdtemp(prefix="new-", dir=base.home))
    try:
        base.identity.give(making)
        _write_password(base.identity, making / "password")
        await _make_cluster(base, making, fsync=fsync)
        os.rename(making, base.server)  # noqa: PTH104 - one system call
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    if fsync:
        _sync_directory(base.home)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_password(identity: Identity, file: Path) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(secrets.token_urlsafe(24) + "\n")
    identity.give(file)


async def _make_cluster(base: Base, making: Path, *, fsync: bool) -> None:
    cluster = making / "data"
    options = [
        f"--pgdata={cluster}",
        f"--username={USER}",
        f"--pwfile={making / 'password'}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",  # the same order of texts on every machine, and no locale to install
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
        *([] if fsync else ["--no-sync"]),
    ]
    await _tool(base, "initdb", options, "")
    await _tool(
        base,
        "postgres",
        ["--single", *([] if fsync else ["-F"]), "-D", str(cluster), "postgres"],
        f"CREATE DATABASE {DATABASE};\n",
    )


async def _tool(base: Base, name: str, options: Sequence[str], text: str) -> None:
    try:
        status, printed = await base.identity.run(base.bin_dir / name, options, text=text, timeout_s=INIT_TIMEOUT_S)
    except TimeoutError as exc:
        raise Unavailable(f"database: {name} did not end within {INIT_TIMEOUT_S:.0f} s") from exc
    if status != 0 or "ERROR:" in printed or "FATAL:" in printed:
        raise base.problem("a new database could not be made", printed)
