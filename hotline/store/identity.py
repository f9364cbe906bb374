"""Who runs the private server. PostgreSQL refuses root, and its files must belong to the user that runs it.

In order of preference: an ordinary user stays himself; root carries an ordinary id inside a user namespace, so that the files
remain root's own and nothing on the machine needs to change; root drops to another user where namespaces are forbidden.
A cluster that exists is always run by the user who owns it.
"""

import asyncio
import os
import pwd
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from hotline.errors import Misuse

_LAUNCHER = Path(__file__).with_name("launch.py")
_DROP_USERS = ("postgres", "nobody")
_PROBE_TIMEOUT_S = 20.0
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""What the server and its tools see; nothing of ours (PGDATA, PGOPTIONS, LD_PRELOAD …) leaks in."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A user as whom a program can be run."""

    mode: Literal["same", "namespace", "drop"]
    uid: int
    """As the program sees itself."""
    gid: int

    def command(self, program: Path, arguments: Sequence[str]) -> list[str]:
        """Return the command line that runs `program` so, and ends it when this process dies."""
        launcher = [
            sys.executable,
            "-I",
            "-S",
            str(_LAUNCHER),
            str(os.getpid()),
            self.mode,
            str(self.uid),
            str(self.gid),
        ]
        return [*launcher, str(program), *arguments]

    async def run(
        self, program: Path, arguments: Sequence[str], *, text: str = "", timeout_s: float
    ) -> tuple[int, str]:
        """Run a program to its end and return its exit status and all it printed. Raises TimeoutError."""
        process = await asyncio.create_subprocess_exec(
            *self.command(program, arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd="/",  # ours may be unreadable for the other user
            env=ENVIRONMENT,
            start_new_session=True,
        )
        try:
            printed, _ = await asyncio.wait_for(process.communicate(text.encode()), timeout_s)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return process.returncode, printed.decode(errors="replace")

    async def can(self, program: Path, *arguments: str) -> bool:
        """Return whether the program, run so, ends well."""
        try:
            status, _ = await self.run(program, arguments, timeout_s=_PROBE_TIMEOUT_S)
        except TimeoutError:
            return False
        return status == 0

    def give(self, path: Path) -> None:
        """Hand a file or directory that we made to this identity."""
        if self.mode == "drop":
            os.chown(path, self.uid, self.gid)


def candidates(owner: os.stat_result | None) -> list[Identity]:
    """Return the identities worth trying, best first; `owner` describes a cluster that exists.

    Raises Misuse when the cluster belongs to somebody whom we cannot become.
    """
    uid, gid = os.geteuid(), os.getegid()
    if owner is not None and owner.st_uid != uid:
        if uid != 0:
            raise Misuse(
                f"database: the private PostgreSQL belongs to user {_name(owner.st_uid)}; run hotline as that user"
            )
        return [Identity(mode="drop", uid=owner.st_uid, gid=owner.st_gid)]
    if uid != 0 and _is_named(uid):
        return [Identity(mode="same", uid=uid, gid=gid)]
    ordinary = [user for user in pwd.getpwall() if user.pw_uid not in (0, uid)]
    inside = [
        Identity(mode="namespace", uid=u.pw_uid, gid=u.pw_gid) for u in sorted(ordinary, key=lambda u: u.pw_uid)[:1]
    ]
    if uid != 0 or owner is not None:
        return inside
    by_name = {user.pw_name: user for user in ordinary}
    dropped = [by_name[name] for name in _DROP_USERS if name in by_name]
    return inside + [Identity(mode="drop", uid=u.pw_uid, gid=u.pw_gid) for u in dropped]


def _is_named(uid: int) -> bool:
    """Return whether the user database knows `uid`: initdb insists on a name (containers often run nameless users)."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _name(uid: int) -> str:
    return pwd.getpwuid(uid).pw_name if _is_named(uid) else str(uid)
