"""The door to the messages on disk. Everything here blocks: the service calls it in worker threads.

Asterisk writes `<id>.sln` (raw samples; the fallback queue `<id>.wav`) into its spool. The store is laid out as that of the
recordings: `YYYY/MM/DD/<id>.wav` (UTC day), one channel, and `pending/<id>.json` for messages that are not closed yet. A message appears
under its name only when it is complete and on disk; the raw file goes only after that.
"""

import errno
import hashlib
import io
import os
import wave
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from hotline.ids import VoicemailId, is_safe_id
from recorder.audio import HEADER_BYTES, RATE_HZ, SAMPLE_BYTES
from recorder.files import open_files, place_of, prepare, remove_old_days, safe_name, size_of, sync_directory
from recorder.messages.policy import SHORTEST_S, Entry, Grown, NoRoom, Nothing, Result, Stored, Stray, Suffix
from recorder.notes import Notes

log = structlog.get_logger(__name__)


class MessageStore:
    """Messages from Asterisk's spool into our store."""

    def __init__(self, spool_dir: Path, store_dir: Path, *, writer: Callable[[], int | None] = lambda: None) -> None:
        """`writer` tells the process that writes the messages (our Asterisk); without it all processes are looked at."""
        self._spool = spool_dir
        self._store = store_dir
        self.notes = Notes(store_dir, Entry, "message", name_of=lambda entry: entry.message_id)
        self._writer = writer

    def prepare(self) -> None:
        """Make the directories and remove half-written files of a former life. Raises Unavailable when the disk refuses."""
        prepare("messages", self._store, self.notes.directory)

    def look(self, entries: Iterable[Entry]) -> dict[VoicemailId, tuple[int | None, bool]]:
        """Return for each message the size of its file (None: no file) and whether some process has it open."""
        wanted = {entry.message_id: self._raw(entry) for entry in entries}
        opened = open_files(set(wanted.values()), self._writer())
        return {message_id: (size_of(raw), raw in opened) for message_id, raw in wanted.items()}

    def collect(self, entry: Entry) -> Result:
        """Move a message into the store. Repeating it is harmless at any point."""
        raw, target = self._raw(entry), self._target(entry)
        try:
            size = size_of(raw)
            if size is None:
                return self._there(target) or Nothing(problem="missing")
            data = raw.read_bytes()
            if len(data) != size or size_of(raw) != size:
                return Grown()
            samples = _samples(data, entry.suffix)
            if len(samples) < SHORTEST_S * RATE_HZ * SAMPLE_BYTES:
                raw.unlink(missing_ok=True)
                return Nothing(problem="empty")
            stored = self._write(samples, target)
            raw.unlink(missing_ok=True)
            return stored
        except OSError as exc:
            return NoRoom(detail=f"{errno.errorcode.get(exc.errno or 0, 'error')}: {exc.strerror or exc}")

    def strays(self, *, older_than: float) -> list[Stray]:
        """Return the files in the spool that nobody has written to since `older_than`, those in work included."""
        found: list[Stray] = []
        for raw in sorted(self._spool.glob("*.sln")) + sorted(self._spool.glob("*.wav")):
            try:
                written_at = raw.stat().st_mtime
            except FileNotFoundError:  # it has just been collected
                continue
            if written_at < older_than and is_safe_id(raw.stem):
                suffix: Suffix = ".wav" if raw.suffix == ".wav" else ".sln"
                found.append(Stray(message_id=VoicemailId(raw.stem), suffix=suffix, at=written_at))
        return found

    def remove_expired(self, now: float, keep_days: int) -> int:
        """Delete messages of more than `keep_days` whole days ago; returns how many."""
        return remove_old_days(self._store, now, keep_days)

    def _write(self, samples: bytes, target: Path) -> Stored:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        packed = io.BytesIO()
        with wave.open(packed, "wb") as wav:
            wav.setparams((1, SAMPLE_BYTES, RATE_HZ, 0, "NONE", ""))
            wav.writeframes(samples)
        part = target.with_suffix(".part")
        try:
            with part.open("wb") as sink:
                sink.write(packed.getvalue())
                sink.flush()
                os.fsync(sink.fileno())
            part.replace(target)
            sync_directory(target.parent)
        finally:
            part.unlink(missing_ok=True)
        return self._describe(target, packed.getvalue())

    def _there(self, target: Path) -> Stored | None:
        """Return the message that a former life already stored."""
        return self._describe(target, target.read_bytes()) if target.is_file() else None

    def _describe(self, target: Path, wav: bytes) -> Stored:
        return Stored(
            file=target.relative_to(self._store).as_posix(),
            sha256=hashlib.sha256(wav).hexdigest(),
            size_bytes=len(wav),
            duration_s=(len(wav) - HEADER_BYTES) / (RATE_HZ * SAMPLE_BYTES),
        )

    def _raw(self, entry: Entry) -> Path:
        return self._spool / f"{safe_name(entry.message_id, 'message')}{entry.suffix}"

    def _target(self, entry: Entry) -> Path:
        return place_of(self._store, entry.at, entry.message_id, "message")


def _samples(data: bytes, suffix: str) -> bytes:
    """Return whole samples. A WAV whose writer died says nothing about its length: what is behind the header counts."""
    body = data[HEADER_BYTES:] if suffix == ".wav" else data
    return body[: len(body) - len(body) % SAMPLE_BYTES]
