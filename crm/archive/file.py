"""The files of an archived month: `journal-2026-01.csv.gz` with the facts, and `journal-2026-01.json` that describes it.

Both carry the ending `.part` until the database has let the month go: a `.part` file may be written over, any other never is.
What is written is on the disk (fsync) before anybody relies on it, and was read back.
"""

import asyncio
import fcntl
import gzip
import hashlib
import os
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import date
from io import FileIO
from pathlib import Path
from typing import Literal

import msgspec

from crm.journal.months import show_month
from hotline.errors import Misuse, Rejected, Unavailable
from hotline.ids import CallId

COLUMNS = ("fact_id", "at", "call_id", "agent_id", "type", "version", "source", "seq", "body")
"""The columns of the CSV, in this order, with a header."""
FORMAT: Literal["hotline journal 1"] = "hotline journal 1"
PART = ".part"
_CHUNK = 1 << 20
_LEVEL = 6
_GZIP = 31
"""zlib's number for the gzip format with the largest window."""
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file holds."""

    format: Literal["hotline journal 1"] = FORMAT
    month: str
    """Such as `2026-01`."""
    file: str
    facts: int
    """Rows of the file: the facts of the month, and those of earlier months that had stayed behind for a call that is over now."""
    bytes: int
    sha256: str
    """Of the file as it lies there (compressed)."""
    first: str | None
    """The time of the earliest fact (RFC 3339)."""
    last: str | None
    columns: tuple[str, ...] = COLUMNS
    carried: list[CallId]
    """Calls of the month that reach beyond it: their facts stay in the journal until a later month takes all of them along."""
    program: str
    """The version of hotline that wrote it."""
    written_at: str


class Paths(msgspec.Struct, frozen=True):
    """Where the two files of a month lie."""

    csv: Path
    manifest: Path

    @classmethod
    def of_month(cls, directory: Path, month: date) -> "Paths":
        """Return the paths in a directory."""
        stem = directory.absolute() / f"journal-{show_month(month)}"
        return cls(stem.with_name(stem.name + ".csv.gz"), stem.with_name(stem.name + ".json"))

    @classmethod
    def of_file(cls, file: Path) -> "Paths":
        """Return the paths of a given file of facts, also of one that was not given its final name yet. Raises Misuse."""
        name = file.name.removesuffix(PART)
        if not name.endswith(".csv.gz"):
            raise Misuse(f"{file} is no archive of the journal; name a file such as journal-2026-01.csv.gz")
        part = PART if file.name.endswith(PART) else ""
        return cls(file, file.with_name(name.removesuffix(".csv.gz") + ".json" + part))

    def parts(self) -> "Paths":
        """Return where the files lie while they are written."""
        return Paths(*(path.with_name(path.name + PART) for path in (self.csv, self.manifest)))


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk says into one sentence."""
    try:
        yield
    except OSError as exc:
        raise Unavailable(f"{exc.filename or path}: {exc.strerror or exc}") from exc


class Writer:
    """Writes the CSV of a month, compressed; made by `open`. Everything here blocks."""

    def __init__(self, path: Path, file: FileIO) -> None:
        self._path = path
        self._file = file
        self._zip = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        self._content = hashlib.sha256()

    @classmethod
    def open(cls, path: Path) -> "Writer":
        """Begin the file; what an interrupted run left there is written over. Raises Misuse while another program writes it."""
        with disk_errors(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            file.close()
            raise Misuse(f"{path} is being written by another program") from exc
        with disk_errors(path):
            file.truncate()
        return cls(path, file)

    def write(self, data: bytes) -> None:
        """Add uncompressed bytes. Raises Unavailable when the disk takes no more."""
        self._content.update(data)
        self._put(self._zip.compress(data))

    def finish(self) -> str:
        """End the file, carry it to the disk and return the hash of its content; it stays locked until `close`."""
        self._put(self._zip.flush())
        with disk_errors(self._path):
            os.fsync(self._file.fileno())
        return self._content.hexdigest()

    def _put(self, data: bytes) -> None:
        left = memoryview(data)
        with disk_errors(self._path):
            while left:
                left = left[self._file.write(left) or 0 :]

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def discard(self) -> None:
        """Remove the file, so that a full disk has room again."""
        self._path.unlink(missing_ok=True)
        self.close()


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What reading a file showed."""

    sha256: str
    content_sha256: str
    bytes: int


def examine(path: Path) -> Seen:
    """Read a whole file and unpack it. Raises Rejected("damaged") or Unavailable. Blocks."""
    content, raw = hashlib.sha256(), hashlib.sha256()
    with disk_errors(path), path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            raw.update(chunk)
        size = file.tell()
    for chunk in _unpacked(path):
        content.update(chunk)
    return Seen(sha256=raw.hexdigest(), content_sha256=content.hexdigest(), bytes=size)


def _unpacked(path: Path) -> Iterator[bytes]:
    with disk_errors(path):
        try:
            with gzip.open(path, "rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        except _DAMAGE as exc:
            raise Rejected("damaged", f"{path} is damaged: {exc}") from exc


async def unpacked(path: Path) -> AsyncIterator[bytes]:
    """Yield the content of a file part by part, without holding up the loop. Raises as `examine`."""
    parts = _unpacked(path)
    while (part := await asyncio.to_thread(next, parts, None)) is not None:
        yield part


# --- manifests ---------------------------------------------------------------------------------------------------------


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest and carry it to the disk. Blocks."""
    with disk_errors(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        _sync(path.parent)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest. Raises Misuse when it is missing, unreadable or none of ours."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError as exc:
        raise Misuse(f"the manifest {path} is missing; it belongs beside the file") from exc
    except OSError as exc:
        raise Misuse(f"{path} cannot be read: {exc.strerror}") from exc
    except msgspec.DecodeError as exc:
        raise Misuse(f"{path} is no manifest of an archived month: {exc}") from exc


def refuse_existing(paths: Paths) -> None:
    """Raise Misuse when one of the files is there already."""
    for path in (paths.csv, paths.manifest):
        if os.path.lexists(path):
            raise Misuse(f"{path} exists already; move it away or choose another directory with --to")


def publish(paths: Paths) -> None:
    """Give the finished files their names; nothing is ever written over. Blocks. May be repeated after an interruption."""
    parts = paths.parts()
    for part, final in ((parts.csv, paths.csv), (parts.manifest, paths.manifest)):
        with disk_errors(final):
            if not part.exists() and final.exists():
                continue  # an interrupted run has come this far
            if os.path.lexists(final):
                raise Misuse(f"{final} has appeared meanwhile; the archive stays in {part}")
            part.rename(final)
    with disk_errors(paths.csv.parent):
        _sync(paths.csv.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
