"""The recordings on disk: collected whole or not at all, flawed ones put aside, old ones deleted."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from hotline.errors import Misuse, Unavailable
from hotline.ids import CallId, OfferId, RecordingId
from recorder.audio import HEADER_BYTES
from recorder.records import Collect, Entry, Flawed, Grown, NoRoom, Stored
from recorder.store import RecordingStore
from tests.support.tones import channels_of, interleave, share, sine

ID = RecordingId("offer-1")
AT = 1_700_000_000.0
FILE = "2023/11/14/offer-1.wav"
DAY_S = 86_400


@pytest.fixture
def monitor(tmp_path: Path) -> Path:
    directory = tmp_path / "monitor"
    directory.mkdir()
    return directory


@pytest.fixture
def store(tmp_path: Path, monitor: Path) -> RecordingStore:
    made = RecordingStore(monitor, tmp_path / "store", tolerance_s=1.5)
    made.prepare()
    return made


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "store"


def record(monitor: Path, seconds: float = 2.0, *, extra: bytes = b"", recording_id: str = ID) -> bytes:
    frames = interleave(sine(440, seconds), sine(1000, seconds)) + extra
    (monitor / f"{recording_id}.raw").write_bytes(frames)
    return frames


def job(talked_s: float | None = 2.0, recording_id: RecordingId = ID) -> Collect:
    return Collect(recording_id=recording_id, at=AT, talked_s=talked_s)


def entry(recording_id: str = ID) -> Entry:
    return Entry(
        recording_id=RecordingId(recording_id),
        call_id=CallId("c"),
        offer_id=OfferId(recording_id),
        at=AT,
        accepted_at=AT,
    )


def files(directory: Path) -> list[str]:
    return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file())


# --- collecting --------------------------------------------------------------------------------------------------------


def test_a_complete_recording_becomes_a_wav_of_both_sides(store: RecordingStore, monitor: Path, kept: Path) -> None:
    frames = record(monitor)
    result = store.collect(job())
    whole = (kept / FILE).read_bytes()
    assert result == Stored(
        file=FILE, sha256=hashlib.sha256(whole).hexdigest(), size_bytes=len(frames) + HEADER_BYTES, duration_s=2.0
    )
    assert whole[HEADER_BYTES:] == frames
    caller, agent = channels_of(kept / FILE)
    assert share(caller, 440) > 0.95
    assert share(agent, 1000) > 0.95
    assert files(monitor) == []
    assert files(kept) == [FILE]


def test_collecting_twice_gives_the_same_answer(store: RecordingStore, monitor: Path) -> None:
    record(monitor)
    assert store.collect(job()) == store.collect(job())


def test_a_raw_file_that_a_crash_left_beside_its_wav_is_cleared(
    store: RecordingStore, monitor: Path, kept: Path
) -> None:
    record(monitor)
    first = store.collect(job())
    record(monitor)
    assert store.collect(job()) == first
    assert files(monitor) == []
    assert files(kept) == [FILE]


def test_a_recording_that_does_not_exist_is_missing(store: RecordingStore) -> None:
    result = store.collect(job())
    assert isinstance(result, Flawed)
    assert result.problem == "missing"


def test_a_broken_wav_does_not_count_as_stored(store: RecordingStore, kept: Path) -> None:
    (kept / FILE).parent.mkdir(parents=True)
    (kept / FILE).write_bytes(b"RIFF....")
    result = store.collect(job())
    assert isinstance(result, Flawed)
    assert result.problem == "missing"


@pytest.mark.parametrize(
    ("seconds", "extra", "talked_s", "problem"),
    [(2.0, b"x", 2.0, "broken"), (2.0, b"", 10.0, "too_short")],
)
def test_flawed_audio_is_put_aside_and_kept(
    store: RecordingStore, monitor: Path, kept: Path, seconds: float, extra: bytes, talked_s: float, problem: str
) -> None:
    frames = record(monitor, seconds, extra=extra)
    result = store.collect(job(talked_s))
    assert isinstance(result, Flawed)
    assert result.problem == problem
    assert (kept / "quarantine" / "offer-1.raw").read_bytes() == frames
    assert files(monitor) == []


def test_an_empty_file_is_told_and_removed(store: RecordingStore, monitor: Path, kept: Path) -> None:
    (monitor / "offer-1.raw").touch()
    result = store.collect(job())
    assert isinstance(result, Flawed)
    assert result.problem == "empty"
    assert files(monitor) == []
    assert files(kept) == []


def test_without_room_the_raw_file_stays_and_no_half_file_is_left(
    store: RecordingStore, monitor: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = record(monitor)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    result = store.collect(job())
    assert result == NoRoom(detail=f"ENOSPC: {os.strerror(errno.ENOSPC)}")
    assert (monitor / "offer-1.raw").read_bytes() == frames
    assert files(kept) == []
    monkeypatch.undo()
    assert isinstance(store.collect(job()), Stored)


def test_a_store_that_cannot_be_written_is_told_as_no_room(tmp_path: Path, monitor: Path) -> None:
    broken = RecordingStore(monitor, Path("/dev/full/store"), tolerance_s=1.5)
    record(monitor)
    with pytest.raises(Unavailable, match="recordings cannot be kept in /dev/full/store"):
        broken.prepare()
    assert isinstance(broken.collect(job()), NoRoom)
    assert files(monitor) == ["offer-1.raw"]


def test_a_file_that_grows_while_it_is_copied_is_left_alone(
    store: RecordingStore, monitor: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = record(monitor)
    monkeypatch.setattr("recorder.store.size_of", lambda path: len(frames) - 4)
    assert store.collect(job()) == Grown()
    assert files(monitor) == ["offer-1.raw"]
    assert files(kept) == []


@pytest.mark.parametrize("bad", ["../offer", "a/b", "..", "", "a\0b", "x" * 200])
def test_a_name_that_could_leave_the_directory_is_refused(store: RecordingStore, bad: str) -> None:
    with pytest.raises(Misuse):
        store.collect(job(recording_id=RecordingId(bad)))


# --- looking -----------------------------------------------------------------------------------------------------------


def test_a_look_tells_the_size_and_whether_anybody_writes(store: RecordingStore, monitor: Path) -> None:
    frames = record(monitor)
    other = RecordingId("offer-2")
    assert store.look([ID, other]) == {ID: (len(frames), False), other: (None, False)}
    with (monitor / "offer-1.raw").open("ab"):
        assert store.look([ID]) == {ID: (len(frames), True)}
    assert store.look([ID]) == {ID: (len(frames), False)}


def test_an_open_file_is_seen_through_a_linked_directory_too(tmp_path: Path, monitor: Path) -> None:
    record(monitor)
    (tmp_path / "link").symlink_to(monitor)
    linked = RecordingStore(tmp_path / "link", tmp_path / "store", tolerance_s=1.5)
    with (monitor / "offer-1.raw").open("ab"):
        assert linked.look([ID])[ID][1] is True


# --- notes -------------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_found_again_until_it_is_forgotten(store: RecordingStore) -> None:
    store.notes.keep(entry("a"))
    store.notes.keep(entry("b"))
    store.notes.keep(entry("b"))
    assert store.notes.kept() == [entry("a"), entry("b")]
    store.notes.forget(RecordingId("a"))
    store.notes.forget(RecordingId("a"))
    assert store.notes.kept() == [entry("b")]


def test_a_note_that_cannot_be_read_is_dropped_and_the_others_are_kept(store: RecordingStore, kept: Path) -> None:
    store.notes.keep(entry("a"))
    (kept / "pending" / "b.json").write_bytes(b'{"recording_id": ')
    assert store.notes.kept() == [entry("a")]
    assert files(kept) == ["pending/a.json"]


def test_half_written_files_of_a_former_life_are_removed(store: RecordingStore, monitor: Path, kept: Path) -> None:
    record(monitor)
    store.collect(job())
    for name in ("2023/11/14/offer-2.part", "pending/x.part"):
        (kept / name).write_bytes(b"half")
    store.prepare()
    assert files(kept) == [FILE]


# --- cleaning ----------------------------------------------------------------------------------------------------------


def test_old_recordings_are_deleted_and_younger_ones_kept(store: RecordingStore, monitor: Path, kept: Path) -> None:
    for name, days in (("old", 181), ("limit", 180), ("new", 0)):
        record(monitor, 0.1, recording_id=name)
        store.collect(Collect(recording_id=RecordingId(name), at=AT - days * DAY_S, talked_s=None))
    assert store.remove_expired(AT, 180) == 1
    left = files(kept)
    assert len(left) == 2
    assert not any("old" in name for name in left)
    assert store.remove_expired(AT, 180) == 0
    assert store.remove_expired(AT + 365 * DAY_S, 180) == 2
    assert sorted(p.name for p in kept.iterdir()) == ["pending", "quarantine"]


def test_flawed_audio_is_deleted_when_it_is_old(store: RecordingStore, kept: Path) -> None:
    for name, age in (("old.raw", 181), ("new.raw", 1)):
        (kept / "quarantine" / name).write_bytes(b"x")
        os.utime(kept / "quarantine" / name, (AT - age * DAY_S, AT - age * DAY_S))
    assert store.remove_expired(AT, 180) == 1
    assert files(kept) == ["quarantine/new.raw"]


def test_files_that_nobody_knows_are_put_aside_once_they_are_old(
    store: RecordingStore, monitor: Path, kept: Path
) -> None:
    for name in ("known", "stray", "young", "open"):
        record(monitor, 0.1, recording_id=name)
        age = 0 if name == "young" else 2 * DAY_S
        os.utime(monitor / f"{name}.raw", (AT - age, AT - age))
    (monitor / "hollow.raw").touch()
    os.utime(monitor / "hollow.raw", (AT - DAY_S, AT - DAY_S))
    with (monitor / "open.raw").open("rb"):
        found = store.strays([RecordingId("known")], older_than=AT - 3600)
    assert found == ["hollow.raw", "stray.raw"]
    assert files(monitor) == ["known.raw", "open.raw", "young.raw"]
    assert files(kept) == ["quarantine/stray.raw"]
