"""What the kernel tells about processes and their sockets (Linux, /proc): no signal, no packet, no guess."""

import contextlib
import ipaddress
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
_LISTENING = "0A"
_UDP_UNCONNECTED = "07"


def find_by_arguments(*wanted: str) -> int | None:
    """Return the process of ours whose command line ends with `wanted`, or None."""
    tail = [os.fsencode(w) for w in wanted]
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):  # it ended meanwhile, or is not ours to see
            if entry.stat().st_uid == os.getuid() and _arguments(entry)[-len(tail) :] == tail:
                return int(entry.name)
    return None


def is_alive(pid: int) -> bool:
    """Return whether the process runs; one that ended and only waits to be collected does not."""
    try:
        state = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in "ZX"


def collect(pid: int) -> int | None:
    """Return the exit code of a child of ours that ended (negative: its signal), or None: alive, or not our child."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if ended == pid else None


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal; a process that is gone already is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def listens(pid: int, kind: str, host: str, port: int) -> bool:
    """Return whether this very process has a socket of `kind` (`tcp`, `udp`) bound to the address: that somebody has is not enough."""
    address = ipaddress.ip_address(host)
    table = PROC / str(pid) / "net" / (kind if address.version == 4 else f"{kind}6")
    try:
        found = {i for a, p, i in parse_sockets(table.read_text(), kind) if (a, p) == (address, port)}
    except OSError:
        return False
    return bool(found) and not found.isdisjoint(_socket_inodes(pid))


def parse_sockets(table: str, kind: str) -> Iterator[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int, int]]:
    """Read a table of /proc/net: local address, port and inode of each socket that waits for others (see proc_net(5))."""
    wanted = _LISTENING if kind == "tcp" else _UDP_UNCONNECTED
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == wanted:
            address, _, port = fields[1].partition(":")
            yield _address(address), int(port, 16), int(fields[9])


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an address from the kernel's notation: 32-bit words in the byte order of the machine."""
    raw = bytes.fromhex(text)
    if sys.byteorder == "little":
        raw = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    return ipaddress.ip_address(raw)


def _socket_inodes(pid: int) -> Iterator[int]:
    for descriptor in (PROC / str(pid) / "fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                yield int(target[8:-1])


def _arguments(entry: Path) -> list[bytes]:
    return (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
