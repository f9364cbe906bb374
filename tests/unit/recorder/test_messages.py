"""Messages of callers: when they are collected, and what becomes of their files."""

import json
import os
import wave
from contextlib import closing
from pathlib import Path

import pytest

from hotline.facts import (
    CallCameBack,
    CallEnded,
    CallFellBack,
    SnapshotTaken,
    VoicemailBegan,
    VoicemailLeft,
    VoicemailMissed,
)
from hotline.ids import CallId, NodeId, QueueId, VoicemailId
from recorder.messages.policy import (
    LATE_S,
    MISSING_AFTER_S,
    SETTLE_S,
    STILL_OPEN_S,
    Action,
    Collect,
    Entry,
    Forget,
    Grown,
    Keep,
    Look,
    NoRoom,
    Nothing,
    Policy,
    Stored,
    Stray,
)
from recorder.messages.store import MessageStore

NODE = NodeId("node1")
CALL = CallId("call-1")
MESSAGE = VoicemailId("call-1.m1")
DAY = 1_700_000_000.0
STORED = Stored(file="2023/11/14/call-1.m1.wav", sha256="ab", size_bytes=100, duration_s=2.0)


class Messages:
    """A policy with a clock."""

    def __init__(self, *entries: Entry) -> None:
        self.now = DAY
        self.policy = Policy(NODE, entries, now=self.now)

    def begin(self, node: str = NODE) -> list[Action]:
        began = VoicemailBegan(
            at=self.now, call_id=CALL, node=NodeId(node), message_id=MESSAGE, queue_id=QueueId("q"), max_s=60
        )
        return self.policy.handle(began, self.now)

    def hang_up(self) -> list[Action]:
        return self.policy.handle(CallEnded(at=self.now, call_id=CALL), self.now)

    def after(self, seconds: float) -> list[Action]:
        self.now += seconds
        return self.policy.wake(self.now)

    def looked(self, size: int | None, *, is_open: bool = False, message: VoicemailId = MESSAGE) -> list[Action]:
        return self.policy.looked(message, size, is_open=is_open, now=self.now)

    def collecting(self) -> "Messages":
        self.begin()
        self.hang_up()
        self.after(SETTLE_S)
        self.looked(32_000)
        self.after(SETTLE_S)
        (collect,) = self.looked(32_000)
        assert isinstance(collect, Collect)
        return self

    def collected(self, result: Stored | Nothing | Grown | NoRoom) -> list[Action]:
        return self.policy.collected(MESSAGE, result, self.now)


def kinds(actions: list[Action]) -> list[str]:
    return [type(a).__name__ for a in actions]


# --- when


def test_a_message_is_collected_when_its_caller_is_gone_and_its_file_rests() -> None:
    out = Messages().collecting().collected(STORED)
    assert kinds(out) == ["VoicemailLeft", "Forget"]
    assert isinstance(out[0], VoicemailLeft)
    assert (out[0].call_id, out[0].queue_id, out[0].file) == (CALL, "q", STORED.file)


def test_it_is_over_too_when_he_is_back_in_our_hands() -> None:
    messages = Messages()
    assert kinds(messages.begin()) == ["Keep"]
    back = CallCameBack(at=messages.now, call_id=CALL, errand="message", result="done")
    messages.policy.handle(back, messages.now)
    assert kinds(messages.after(SETTLE_S)) == ["Look"]


def test_while_he_speaks_nobody_looks_and_if_nobody_tells_the_end_it_is_looked_at_late() -> None:
    messages = Messages()
    messages.begin()
    assert messages.after(60) == []
    assert kinds(messages.after(LATE_S)) == ["Look"]


def test_a_file_that_grows_or_is_open_is_looked_at_again() -> None:
    messages = Messages()
    messages.begin()
    messages.hang_up()
    messages.after(SETTLE_S)
    for size in (100, 200, 200):
        assert messages.looked(size, is_open=True) == []
        assert kinds(messages.after(SETTLE_S)) == ["Look"]
    assert kinds(messages.looked(200)) == ["Collect"]


def test_a_file_that_somebody_keeps_open_for_ever_is_collected_all_the_same() -> None:
    messages = Messages()
    messages.begin()
    messages.hang_up()
    messages.after(SETTLE_S)
    messages.looked(200, is_open=True)
    messages.after(STILL_OPEN_S)
    assert kinds(messages.looked(200, is_open=True)) == ["Collect"]


def test_of_another_node_nothing_is_collected() -> None:
    messages = Messages()
    assert messages.begin(node="node2") == []
    assert messages.policy.next_deadline() is None


def test_the_same_news_twice_is_one_message() -> None:
    messages = Messages().collecting()
    messages.collected(STORED)
    assert messages.begin() == []
    assert messages.hang_up() == []
    assert messages.collected(STORED) == []


# --- what came of it


@pytest.mark.parametrize("problem", ["empty", "missing"])
def test_a_message_without_a_word_is_told_as_missed(problem: str) -> None:
    out = Messages().collecting().collected(Nothing(problem=problem))  # type: ignore[arg-type]
    assert [f.problem for f in out if isinstance(f, VoicemailMissed)] == [problem]


def test_a_file_that_never_appears_is_not_waited_for_for_ever() -> None:
    messages = Messages()
    messages.begin()
    messages.hang_up()
    messages.after(SETTLE_S)
    assert messages.looked(None) == []
    messages.after(MISSING_AFTER_S)
    assert kinds(messages.looked(None)) == ["Collect"]


def test_without_room_it_is_told_once_and_tried_until_there_is() -> None:
    messages = Messages().collecting()
    assert kinds(messages.collected(NoRoom(detail="ENOSPC"))) == ["VoicemailMissed", "Keep"]
    assert kinds(messages.after(30)) == ["Collect"]
    assert kinds(messages.collected(NoRoom(detail="ENOSPC"))) == ["Keep"]
    messages.after(30)
    assert kinds(messages.collected(STORED)) == ["VoicemailLeft", "Forget"]


def test_a_file_that_grew_while_it_was_taken_is_taken_anew() -> None:
    messages = Messages().collecting()
    assert messages.collected(Grown()) == []
    assert kinds(messages.after(SETTLE_S)) == ["Look"]


# --- deaths, and the fallback queue


def test_after_our_death_what_was_open_is_looked_at() -> None:
    entry = Entry(message_id=MESSAGE, call_id=CALL, queue_id=QueueId("q"), at=DAY - 60, due=DAY + 30)
    messages = Messages(entry)
    assert kinds(messages.after(0)) == ["Look"]
    assert messages.looked(100, is_open=True) == []


def test_a_call_that_ended_while_nobody_looked_left_its_message() -> None:
    messages = Messages()
    messages.begin()
    messages.policy.handle(SnapshotTaken(at=messages.now, node=NODE, living=()), messages.now)
    assert kinds(messages.after(SETTLE_S)) == ["Look"]


def test_what_was_left_in_the_fallback_queue_is_a_message_too() -> None:
    messages = Messages()
    messages.policy.handle(CallFellBack(at=DAY, call_id=CALL, reason="not_handled"), DAY)
    assert kinds(messages.hang_up()) == ["Keep"]
    (look,) = messages.after(SETTLE_S)
    assert isinstance(look, Look)
    assert (look.entry.message_id, look.entry.suffix) == (CALL, ".wav")
    fallen = VoicemailId(CALL)
    messages.looked(32_000, message=fallen)
    messages.after(SETTLE_S)
    messages.looked(32_000, message=fallen)
    out = messages.policy.collected(fallen, STORED, messages.now)
    assert [f.queue_id for f in out if isinstance(f, VoicemailLeft)] == [""]


def test_whom_the_fallback_queue_asked_for_nothing_has_missed_nothing() -> None:
    messages = Messages()
    messages.policy.handle(CallFellBack(at=DAY, call_id=CALL, reason="not_handled"), DAY)
    messages.hang_up()
    messages.after(SETTLE_S)
    assert kinds(messages.looked(None, message=VoicemailId(CALL))) == ["Collect"]
    out = messages.policy.collected(VoicemailId(CALL), Nothing(problem="missing"), messages.now)
    assert [type(a) for a in out] == [Forget]


# --- files


def test_a_file_that_nobody_told_us_of_is_taken_up_and_one_in_work_is_not() -> None:
    messages = Messages()
    messages.begin()
    known = Stray(message_id=MESSAGE, suffix=".sln", at=DAY)
    stray = Stray(message_id=VoicemailId("call-2.m18c"), suffix=".sln", at=DAY - 900)
    fallen = Stray(message_id=VoicemailId("call-3"), suffix=".wav", at=DAY - 900)
    kept = messages.policy.strayed([known, stray, fallen], messages.now)
    assert [(a.entry.call_id, a.entry.queue_id, a.entry.expected) for a in kept if isinstance(a, Keep)] == [
        ("call-2", "", False), ("call-3", "", False),
    ]  # fmt: skip
    (look, _) = messages.after(0)
    assert isinstance(look, Look)
    messages.looked(32_000, message=stray.message_id)
    messages.after(SETTLE_S)
    assert kinds(messages.looked(32_000, message=stray.message_id)) == ["Collect"]
    (left, _) = messages.policy.collected(stray.message_id, STORED, messages.now)
    assert isinstance(left, VoicemailLeft)
    assert messages.policy.strayed([stray], messages.now) == [], "it is in the store by now"


@pytest.fixture
def store(tmp_path: Path) -> MessageStore:
    (tmp_path / "spool").mkdir()
    made = MessageStore(tmp_path / "spool", tmp_path / "messages")
    made.prepare()
    return made


ENTRY = Entry(message_id=MESSAGE, call_id=CALL, queue_id=QueueId("q"), at=DAY)


def test_raw_audio_becomes_a_wav_of_one_channel(store: MessageStore, tmp_path: Path) -> None:
    raw = tmp_path / "spool" / f"{MESSAGE}.sln"
    raw.write_bytes(b"\x01\x02" * 16_000)
    stored = store.collect(ENTRY)
    assert isinstance(stored, Stored)
    assert stored.duration_s == 2.0
    assert not raw.exists()
    with closing(wave.open(str(tmp_path / "messages" / stored.file))) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (1, 8000, 16_000)
    assert store.collect(ENTRY) == stored, "and once more it is the same"


def test_a_wav_whose_writer_died_is_read_to_its_end(store: MessageStore, tmp_path: Path) -> None:
    (tmp_path / "spool" / f"{CALL}.wav").write_bytes(bytes(44) + b"\x01\x02" * 8_000)
    entry = Entry(message_id=VoicemailId(CALL), call_id=CALL, queue_id=QueueId(""), at=DAY, suffix=".wav")
    stored = store.collect(entry)
    assert isinstance(stored, Stored)
    assert stored.duration_s == 1.0


def test_a_second_of_nothing_is_no_message(store: MessageStore, tmp_path: Path) -> None:
    raw = tmp_path / "spool" / f"{MESSAGE}.sln"
    raw.write_bytes(bytes(1_000))
    assert store.collect(ENTRY) == Nothing(problem="empty")
    assert not raw.exists()
    assert store.collect(ENTRY) == Nothing(problem="missing")


def test_a_store_without_room_keeps_the_message_where_it_is(store: MessageStore, tmp_path: Path) -> None:
    raw = tmp_path / "spool" / f"{MESSAGE}.sln"
    raw.write_bytes(b"\x01\x02" * 16_000)
    (tmp_path / "messages" / "2023").write_text("in the way")
    assert isinstance(store.collect(ENTRY), NoRoom)
    assert raw.exists()


def test_notes_survive_and_broken_ones_are_dropped(store: MessageStore, tmp_path: Path) -> None:
    store.notes.keep(ENTRY)
    (tmp_path / "messages" / "pending" / "broken.json").write_text("{")
    assert store.notes.kept() == [ENTRY]
    assert json.loads((tmp_path / "messages" / "pending" / f"{MESSAGE}.json").read_text())["queue_id"] == "q"
    store.notes.forget(MESSAGE)
    assert store.notes.kept() == []


def test_old_messages_go(store: MessageStore, tmp_path: Path) -> None:
    (tmp_path / "spool" / f"{MESSAGE}.sln").write_bytes(b"\x01\x02" * 16_000)
    store.collect(ENTRY)
    assert store.remove_expired(DAY + 10 * 86_400, keep_days=10) == 0
    assert store.remove_expired(DAY + 12 * 86_400, keep_days=10) == 1
    assert list((tmp_path / "messages").glob("2*")) == []


def test_what_has_rested_for_long_in_the_spool_is_a_stray(store: MessageStore, tmp_path: Path) -> None:
    for name, age_s in (
        ("old.m1.sln", 400),
        ("older.wav", 500),
        ("new.m1.sln", 10),
        ("un safe.sln", 900),
        ("x.txt", 900),
    ):
        file = tmp_path / "spool" / name
        file.write_bytes(b"\x01\x02")
        os.utime(file, (DAY - age_s, DAY - age_s))
    found = store.strays(older_than=DAY - 300)
    assert [(s.message_id, s.suffix, s.call_id) for s in found] == [
        ("old.m1", ".sln", "old"),
        ("older", ".wav", "older"),
    ]


def test_what_is_kept_for_later_is_what_was_told(store: MessageStore) -> None:
    (kept,) = Messages().begin()
    assert isinstance(kept, Keep)
    store.notes.keep(kept.entry)
    assert store.notes.kept() == [kept.entry]
