"""The table of what outlives the router: every line is taken, told to those who stand by, read, and taken up again."""

import msgspec

from acd.core import memories
from acd.core.callers.opening import Switch
from acd.core.memories import KEYS, MEMORIES, Memory
from acd.office.replica import Copy, Original
from hotline.facts import RouterStandsBy
from hotline.ids import QueueId
from tests.unit.acd.play import START, Play


def test_every_memory_has_keys_of_its_own():
    assert len({memory.name for memory in MEMORIES}) == len(MEMORIES) == len(KEYS)
    assert not [(one, other) for one in KEYS for other in KEYS if one != other and one.startswith(other)]
    assert all(memories.key(memory.name, "x").startswith(memory.prefix) for memory in MEMORIES)


def test_what_cannot_be_read_is_named_and_what_is_not_ours_is_left_alone():
    closed = msgspec.msgpack.encode(Switch(queue_id=QueueId("q"), closed_at=1.0))
    kept, unread = memories.read({"acd/switch/q": closed, "acd/switch/r": b"\xff", "acd/nodes": b"\x90", "ivr/x": b""})
    assert unread == ["acd/switch/r"]
    assert {name: list(found) for name, found in kept.items() if found} == {"switch": ["q"]}
    assert set(kept) == {memory.name for memory in MEMORIES}


def test_every_memory_is_taken_up_even_if_nothing_was_remembered(monkeypatch):
    heard: list[tuple[str, list[str]]] = []
    table = tuple(
        Memory(m.name, m.kind, m.take, lambda floor, kept, now, name=m.name: heard.append((name, list(kept))))
        for m in MEMORIES
    )
    monkeypatch.setattr(memories, "MEMORIES", table)
    Play("1001").router.restore({"agent": {"1001": None}}, now=START)
    assert heard == [(m.name, ["1001"] if m.name == "agent" else []) for m in table]


def test_who_stands_by_keeps_every_memory():
    values = {memory.prefix + "x": b"1" for memory in MEMORIES}
    original, copy = Original("a", 1, values), Copy()
    copy.follow("a", 1)
    told = original.heard(RouterStandsBy(at=START, router="b"), START)
    [update] = [update for part in told if (update := copy.take(part)) is not None]
    assert update.values == values


def test_what_was_told_once_is_not_told_again():
    play = Play("1001")
    play.ready("1001")
    assert list(play.taken("agent")) == ["1001"]
    assert play.router.take_changed(now=play.now) == {}
