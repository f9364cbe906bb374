"""The data directory of a hotline that runs: made for us alone, and used by one hotline at a time.

The lock is held through an open file: the system frees it when we die, however that happens.
"""

import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from hotline.errors import Misuse, Unavailable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

LOCK = "lock"


@contextmanager
def own(data_dir: Path) -> Iterator[None]:
    """Hold the directory, which is made when there is none.

    Raises Misuse while another living hotline holds it, Unavailable when the system refuses; both with the remedy.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise _refused(exc, data_dir) from exc
    try:
        _hold(descriptor, data_dir)
        yield
    finally:
        os.close(descriptor)


def _hold(descriptor: int, data_dir: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, b"%d\n" % os.getpid())
    except BlockingIOError as exc:
        owner = os.read(descriptor, 20).decode("ascii", "replace").strip() or "?"
        raise Misuse(
            f"{data_dir} is in use by the hotline of process {owner}; end that one first, or choose another --data-dir"
        ) from exc
    except OSError as exc:
        raise _refused(exc, data_dir) from exc


def _refused(exc: OSError, data_dir: Path) -> Unavailable:
    place = exc.filename or data_dir
    return Unavailable(f"cannot write to {place}: {exc.strerror}; mend that, or choose another --data-dir")


def open_log(data_dir: Path) -> TextIO:
    """Open `DATA_DIR/log/hotline.log` for appending; raises Unavailable when the system refuses."""
    directory = data_dir / "log"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        return io.TextIOWrapper(Dropping(directory / "hotline.log", "a"), encoding="utf-8", write_through=True)
    except OSError as exc:
        raise _refused(exc, data_dir) from exc


class Dropping(io.FileIO):
    """A file that a full disk does not break: what cannot be written is dropped, and nobody is told; this is where it would stand."""

    def write(self, data: "ReadableBuffer") -> int:
        """Write, or drop."""
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes
