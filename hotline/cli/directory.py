"""The data directory of a hotline that runs: made for us alone, and used by one hotline at a time.

The lock is held through an open file: the system frees it when we die, however that happens.
"""

import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

from hotline.errors import Misuse, Unavailable
from hotline.files import put_aside

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


def open_log(data_dir: Path, *, max_bytes: int, keep: int) -> TextIO:
    """Open `DATA_DIR/log/hotline.log` for appending; beyond `max_bytes` it is put aside, and the last `keep` such files stay.

    Raises Unavailable when the system refuses.
    """
    directory = data_dir / "log"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        log = LogFile(directory / "hotline.log", max_bytes=max_bytes, keep=keep)
        return io.TextIOWrapper(cast("BinaryIO", log), encoding="utf-8", write_through=True)
    except OSError as exc:
        raise _refused(exc, data_dir) from exc


class LogFile(io.RawIOBase):
    """A file that grows to a limit and is then put aside. A full disk does not break it.

    What cannot be written is dropped, and nobody is told; this is where it would stand.
    """

    def __init__(self, path: Path, *, max_bytes: int, keep: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._open()

    def _open(self) -> None:
        self._file = self._path.open("ab", buffering=0)
        self._size = self._file.tell()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: "ReadableBuffer") -> int:
        """Write, or drop."""
        size = memoryview(data).nbytes
        try:
            if self._size and self._size + size > self._max_bytes:
                self._put_aside()
            self._file.write(data)
            self._size += size
        except OSError:
            pass  # see above
        return size

    def _put_aside(self) -> None:
        put_aside(self._path, keep=self._keep)
        self._file.close()
        self._open()

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()
