"""The door to the recordings on disk. Everything here blocks: the service calls it in worker threads.

Layout of the store: `YYYY/MM/DD/<id>.wav` (UTC day of the conversation), `quarantine/<id>.raw` (flawed audio, kept for a
person to look at), `pending/<id>.json` (recordings that are not closed yet; how the recorder knows after a crash what it was
doing). A WAV appears under its name only when it is complete and on disk; the raw file goes only after that.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import structlog

from hotline.ids import RecordingId
from recorder import audio
from recorder.audio import Audio, LoudnessMeter
from recorder.files import open_files, place_of, prepare, remove_old_days, safe_name, size_of, sync_directory
from recorder.notes import Notes
from recorder.records import Collect, Entry, Flawed, Grown, NoRoom, Result, Stored

CHUNK_BYTES = 1 << 18
QUARANTINE = "quarantine"
SILENCE = 8.0
"""Below this loudness a side said nothing at all."""

log = structlog.get_logger(__name__)


class RecordingStore:
    """Recordings from Asterisk's monitor directory into ours."""

    def __init__(
        self,
        monitor_dir: Path,
        store_dir: Path,
        *,
        tolerance_s: float,
        writer: Callable[[], int | None] = lambda: None,
        proc_dir: Path = Path("/proc"),
    ) -> None:
        """`writer` tells the process that writes the recordings (our Asterisk); without it all processes are looked at."""
        self._monitor = monitor_dir
        self._store = store_dir
        self.notes = Notes(store_dir, Entry, "recording", name_of=lambda entry: entry.recording_id)
        self._tolerance_s = tolerance_s
        self._writer = writer
        self._proc = proc_dir

    def prepare(self) -> None:
        """Make the directories and remove half-written files of a former life. Raises Unavailable when the disk refuses."""
        prepare("recordings", self._store, self.notes.directory, self._store / QUARANTINE)

    # --- what is going on ---------------------------------------------------------------------------------------------------

    def look(self, recording_ids: Iterable[RecordingId]) -> dict[RecordingId, tuple[int | None, bool]]:
        """Return for each recording its size (None: no file) and whether some process has it open."""
        wanted = {i: self._raw(i) for i in recording_ids}
        opened = self._opened(set(wanted.values()))
        return {i: (size_of(raw), raw in opened) for i, raw in wanted.items()}

    def _opened(self, wanted: set[Path]) -> set[Path]:
        """Return which of these files are open somewhere, as far as we may see: our own Asterisk's we may."""
        return open_files(wanted, self._writer(), self._proc)

    # --- collecting ---------------------------------------------------------------------------------------------------------

    def collect(self, job: Collect) -> Result:
        """Verify a recording and move it into the store. Repeating it is harmless at any point."""
        raw, target = self._raw(job.recording_id), self._target(job)
        try:
            size = size_of(raw)
            if size is None:
                return self._there(target) or Flawed(problem="missing", detail="Asterisk wrote no file")
            problem = audio.find_problem(Audio(data_bytes=size), job.talked_s, self._tolerance_s)
            if problem is not None:
                self._put_aside(raw, keep=size > 0)
                return Flawed(problem=problem[0], detail=problem[1])
            stored = self._write(raw, target, size)
            if stored is None:
                return Grown()
            raw.unlink(missing_ok=True)
            return stored
        except OSError as exc:
            return NoRoom(detail=f"{errno.errorcode.get(exc.errno or 0, 'error')}: {exc.strerror or exc}")

    def _write(self, raw: Path, target: Path, size: int) -> Stored | None:
        """Write the WAV beside its place and put it there; None when the raw file changed meanwhile."""
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        meter = LoudnessMeter()
        try:
            with raw.open("rb") as source, part.open("wb") as sink:
                digest = _copy(source, sink, size, meter)
                if os.fstat(source.fileno()).st_size != size:
                    return None
                sink.flush()
                os.fsync(sink.fileno())
            part.replace(target)
            sync_directory(target.parent)
        finally:
            part.unlink(missing_ok=True)
        _tell_silence(target, meter.loudness())
        return self._describe(target, digest, audio.HEADER_BYTES + size)

    def _there(self, target: Path) -> Stored | None:
        """Return the recording that a former life already stored, when it is whole."""
        size = size_of(target)
        if size is None:
            return None
        digest = hashlib.sha256()
        with target.open("rb") as file:
            header = file.read(audio.HEADER_BYTES)
            if audio.read_wav_header(header, size) is None:
                return None
            digest.update(header)
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
        return self._describe(target, digest.hexdigest(), size)

    def _describe(self, target: Path, sha256: str, size: int) -> Stored:
        held = Audio(data_bytes=size - audio.HEADER_BYTES)
        file = target.relative_to(self._store).as_posix()
        return Stored(file=file, sha256=sha256, size_bytes=size, duration_s=held.duration_s)

    def _put_aside(self, raw: Path, *, keep: bool) -> None:
        if keep:
            (self._store / QUARANTINE).mkdir(mode=0o700, parents=True, exist_ok=True)
            _move(raw, self._store / QUARANTINE / raw.name)
        else:
            raw.unlink(missing_ok=True)

    # --- cleaning -----------------------------------------------------------------------------------------------------------

    def strays(self, known: Iterable[RecordingId], *, older_than: float) -> list[str]:
        """Put files aside that belong to no known recording and have not changed since `older_than`; return their names.

        Their calls are unknown (a lost note), so they cannot be told as recordings; empty ones are removed.
        """
        ours = {self._raw(i).name for i in known}
        found: list[str] = []
        for raw in sorted(self._monitor.glob("*.raw")) if self._monitor.is_dir() else []:
            state = raw.stat()
            if raw.name in ours or state.st_mtime >= older_than or raw in self._opened({raw}):
                continue
            self._put_aside(raw, keep=state.st_size > 0)
            found.append(raw.name)
        return found

    def remove_expired(self, now: float, keep_days: int) -> int:
        """Delete recordings of conversations more than `keep_days` whole days ago; returns how many."""
        removed = remove_old_days(self._store, now, keep_days)
        oldest = now - keep_days * 86_400
        for aside in (self._store / QUARANTINE).glob("*"):
            if aside.stat().st_mtime < oldest:
                aside.unlink()
                removed += 1
        return removed

    # --- names --------------------------------------------------------------------------------------------------------------

    def _raw(self, recording_id: RecordingId) -> Path:
        return self._monitor / f"{safe_name(recording_id, 'recording')}.raw"

    def _target(self, job: Collect) -> Path:
        return place_of(self._store, job.at, job.recording_id, "recording")


def _copy(source: BinaryIO, sink: BinaryIO, size: int, meter: LoudnessMeter) -> str:
    """Write header and audio, and return the SHA-256 of the whole."""
    digest = hashlib.sha256()
    header = audio.wav_header(size)
    sink.write(header)
    digest.update(header)
    left = size
    while left and (chunk := source.read(min(CHUNK_BYTES, left))):
        sink.write(chunk)
        digest.update(chunk)
        meter.feed(chunk)
        left -= len(chunk)
    return digest.hexdigest()


def _tell_silence(target: Path, loudness: tuple[float, float]) -> None:
    silent = [side for side, level in zip(("caller", "agent"), loudness, strict=True) if level < SILENCE]
    if silent:
        log.info("a side of a recording is silent", recording=target.stem, sides=silent)


def _move(source: Path, target: Path) -> None:
    """Rename, or copy and remove where the store is on another file system."""
    try:
        source.replace(target)
    except OSError as exc:
        if exc.errno != errno.EXDEV:
            raise
        part = target.with_suffix(".part")
        part.write_bytes(source.read_bytes())
        part.replace(target)
        source.unlink()
