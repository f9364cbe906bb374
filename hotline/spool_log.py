"""What one turn changes in the spool, and the log in front of its database, to which each change is appended by one write.

A commit of SQLite costs about 45 us of processor time, an append to a file a tenth of that, and nearly every fact is in the journal and forgotten
again before the database would need to know of it. So changes go here first (a write-ahead log: C. Mohan et al., "ARIES", 1992) and are carried into the database together, when
there are many; after our death the next life does it. What is appended survives our death at once, as a commit does.

A log has a number. The database notes the number of the last one that it took in, in the same transaction, so that one whose file could not be emptied any more
is never taken in twice. A last record without its end was never acknowledged and is left out; anything else that cannot be read is damage.
"""

import os
import struct
from pathlib import Path
from zlib import crc32

import msgspec

Row = tuple[int, float, bytes]
"""Number, time of keeping, wire form."""

_HEAD = struct.Struct("<4sI")
_MAGIC = b"spl1"
_FRAME = struct.Struct("<II")
"""Before each record: its length and its CRC-32."""


class Changes(msgspec.Struct, array_like=True):
    """What one transaction shall do, in this order."""

    rows: list[Row] = []
    dead: list[tuple[int, str]] = []
    """Rows to put aside, with the reason."""
    remove_up_to: int = 0
    remove: set[int] = set()
    memory: dict[str, bytes | None] = {}

    def split(self, rows: int) -> tuple["Changes", "Changes"]:
        """Return what to do now and later, with at most `rows` rows now.

        Everything else waits for the last rows: what is remembered may say that they are written.
        """
        if len(self.rows) <= rows:
            return self, Changes()
        later = Changes(self.rows[rows:], self.dead, self.remove_up_to, self.remove, self.memory)
        return Changes(self.rows[:rows]), later

    def removes(self, number: int) -> bool:
        """Return whether a row is removed."""
        return number <= self.remove_up_to or number in self.remove

    def __bool__(self) -> bool:
        return bool(self.rows or self.dead or self.remove_up_to or self.remove or self.memory)


class Fresh:
    """What the changes of a log come to: rows and remembered values that the database does not know yet."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.memory: dict[str, bytes | None] = {}
        self.last = 0
        """The number of the newest row that there was."""

    def take(self, changes: Changes) -> None:
        """Take changes in. Those that put rows aside, or that remove what the database has, are not for a log."""
        for row in changes.rows:
            self.rows[row[0]] = row
            self.last = row[0]
        if changes.remove_up_to or changes.remove:
            for number in [n for n in self.rows if changes.removes(n)]:
                del self.rows[number]
        self.memory.update(changes.memory)


class SpoolLog:
    """An open log; raises OSError for what the disk does not do."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self.size = os.fstat(self._fd).st_size
        """Bytes in it."""
        self._encode = msgspec.msgpack.Encoder().encode

    def append(self, changes: Changes, number: int) -> None:
        """Append changes, all or none; `number` is that of the log, which its first record brings along."""
        body = self._encode(changes)
        record = _FRAME.pack(len(body), crc32(body)) + body
        if not self.size:
            record = _HEAD.pack(_MAGIC, number) + record
        try:
            written = os.write(self._fd, record)
            if written < len(record):
                raise OSError(f"{written} of {len(record)} bytes were written")
        except OSError:
            os.ftruncate(self._fd, self.size)
            raise
        self.size += len(record)

    def empty(self) -> None:
        """Begin anew."""
        os.ftruncate(self._fd, 0)
        self.size = 0

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def read_log(path: Path) -> tuple[int, list[Changes], bool]:
    """Return the number of a log, its changes, and whether something in it is damaged. An empty log, or none, has the number 0.

    Raises OSError.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return 0, [], False
    if len(raw) < _HEAD.size:
        return 0, [], False
    magic, number = _HEAD.unpack_from(raw)
    if magic != _MAGIC:
        return 0, [], True
    found: list[Changes] = []
    at = _HEAD.size
    decode = msgspec.msgpack.Decoder(Changes).decode
    while at + _FRAME.size <= len(raw):
        length, check = _FRAME.unpack_from(raw, at)
        body = raw[at + _FRAME.size : at + _FRAME.size + length]
        if len(body) < length:
            break
        if not length or crc32(body) != check:
            return number, found, True
        try:
            found.append(decode(body))
        except msgspec.MsgspecError:
            return number, found, True
        at += _FRAME.size + length
    return number, found, False
