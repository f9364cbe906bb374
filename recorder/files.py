"""What the stores of recordings and messages ask of the file system. Everything here blocks."""

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
DAYS = "[0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]"
"""The directories of a store, one for each day."""


def open_files(wanted: set[Path], writer: int | None, proc: Path = PROC) -> set[Path]:
    """Return which of these files are open: in the process `writer`, or (None) in any that we may look into."""
    real = {os.path.realpath(path): path for path in wanted}
    found: set[Path] = set()
    for descriptors in [proc / str(writer) / "fd"] if writer else proc.glob("[0-9]*/fd"):
        for target in _links(descriptors):
            if target in real:
                found.add(real[target])
    return found


def _links(descriptors: Path) -> Iterator[str]:
    """Yield what the descriptors of a process lead to; nothing for a process that is not ours or just ended."""
    # Thousands of names at each look: plain strings are several times faster than Path objects.
    try:
        names = os.listdir(descriptors)  # noqa: PTH208 - see above
    except OSError:
        return
    for name in names:
        try:
            yield os.readlink(f"{descriptors}/{name}")  # noqa: PTH115 - see above
        except OSError:
            continue


def sync_directory(directory: Path) -> None:
    """Have the names in a directory written to the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def empty_day(day: Path) -> int:
    """Delete the files of a day's directory, and it, and what is empty without it; returns how many files."""
    files = list(day.iterdir())
    for file in files:
        file.unlink()
    day.rmdir()
    for parent in (day.parent, day.parent.parent):
        if any(parent.iterdir()):
            break
        parent.rmdir()
    return len(files)
