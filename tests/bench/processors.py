"""Processor time of other programs and of the machine, as the kernel counts it (proc_pid_stat(5), proc_stat(5))."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def used_s(pid: int) -> float:
    """Return the processor time that a process (all its threads, not its children) has used; 0 when it is gone."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def used_by_tree_s(root: int, without: Iterable[int] = ()) -> float:
    """Return what a process and its descendants have used, those that ended and were collected included.

    Whole branches below the processes `without` are left out.
    """
    children: dict[int, list[int]] = {}
    stats: dict[int, list[str]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            stats[int(entry.name)] = fields
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    total, open_branches, closed = 0, [root], set(without)
    while open_branches:
        pid = open_branches.pop()
        if pid in closed or pid not in stats:
            continue
        total += sum(int(value) for value in stats[pid][11:15])
        open_branches += children.get(pid, [])
    return total / _TICKS


def _stat(pid: int) -> list[str]:
    """Return the fields of `/proc/PID/stat` behind the program's name: index 0 is the state, 1 the parent."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A look at all processors since the start of the machine, in seconds."""

    busy: float
    idle: float

    @classmethod
    def look(cls) -> "Machine":
        """Look now."""
        ticks = [int(value) for value in (_PROC / "stat").read_text().splitlines()[0].split()[1:9]]
        idle = ticks[3] + ticks[4]
        return cls(busy=(sum(ticks) - idle) / _TICKS, idle=idle / _TICKS)

    def busy_share_since(self, before: "Machine") -> float:
        """Return how much of all processors was used between the two looks."""
        busy, idle = self.busy - before.busy, self.idle - before.idle
        return busy / (busy + idle) if busy + idle else 0.0
