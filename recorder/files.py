"""What the stores of recordings and messages ask of the file system. Everything here blocks."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hotline.errors import Misuse, Unavailable
from hotline.ids import is_safe_id

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


def prepare(what: str, *directories: Path) -> None:
    """Make the directories of a store, itself first, and remove half-written files of a former life.

    Raises Unavailable, in words about `what` (such as `recordings`), when the disk refuses.
    """
    try:
        for directory in directories:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for half in directories[0].glob("**/*.part"):
            half.unlink(missing_ok=True)
    except OSError as exc:
        raise Unavailable(f"{what} cannot be kept in {directories[0]}: {exc.strerror}") from exc


def place_of(store: Path, at: float, name: str, what: str) -> Path:
    """Return where a store has the WAV of what happened at `at`: below its UTC day."""
    return store / f"{datetime.fromtimestamp(at, UTC):%Y/%m/%d}" / f"{safe_name(name, what)}.wav"


def remove_old_days(store: Path, now: float, keep_days: int) -> int:
    """Delete what is of more than `keep_days` whole days ago; returns how many files."""
    limit = (datetime.fromtimestamp(now, UTC) - timedelta(days=keep_days)).date().isoformat()
    days = sorted(store.glob(DAYS))
    return sum(empty_day(day) for day in days if "-".join(day.relative_to(store).parts) < limit)


def safe_name(name: str, what: str) -> str:
    """Return an id that may stand in a file name. Raises Misuse."""
    if not is_safe_id(name) or ".." in name:
        raise Misuse(f"a {what} id that is not safe in a file name")
    return name


def size_of(path: Path) -> int | None:
    """Return the size of a file; None when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
