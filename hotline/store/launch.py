"""Become the user that the server shall run as, tie its life to ours, and turn into the server. A program of its own.

    launch.py PARENT_PID MODE UID GID PROGRAM [ARGUMENT…]

MODE `same`: stay who we are. `namespace`: a new user namespace in which we carry the ordinary ids UID and GID; outside, files
stay ours (user_namespaces(7)). `drop`: become UID and GID for good. PostgreSQL refuses to run as root, hence the last two.
When the process PARENT_PID dies, the server gets SIGINT (its fast shutdown): see PR_SET_PDEATHSIG in prctl(2); the kernel
forgets that wish when a process changes its ids, so it is made last. Exit status 71: the ids could not be taken.

Runs with `python -I -S` and imports the standard library only, because it stands between us and every start.
"""

import ctypes
import os
import signal
import sys

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
EX_OSERR = 71
EX_UNAVAILABLE = 69


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _enter_namespace(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    _check(libc.unshare(CLONE_NEWUSER))
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {outer_uid} 1")
    _write("/proc/self/gid_map", f"{gid} {outer_gid} 1")


def _drop(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def main(arguments: list[str]) -> int:
    """Do what the module says; returns only when something failed."""
    parent, mode, uid, gid = int(arguments[0]), arguments[1], int(arguments[2]), int(arguments[3])
    command = arguments[4:]
    libc = ctypes.CDLL(None, use_errno=True)
    os.umask(0o077)
    try:
        if mode == "namespace":
            _enter_namespace(libc, uid, gid)
        elif mode == "drop":
            _drop(uid, gid)
        _check(libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0))
    except OSError as exc:
        sys.stderr.write(f"cannot run as uid {uid} ({mode}): {exc}\n")
        return EX_OSERR
    if os.getppid() != parent:
        return EX_UNAVAILABLE  # the parent died before the wish was made
    try:
        os.execv(command[0], command)  # noqa: S606 - that is what a launcher is for
    except OSError as exc:
        sys.stderr.write(f"cannot run {command[0]}: {exc}\n")
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
