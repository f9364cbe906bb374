"""Whatever is lost between an active router and one that stands by: in the end both remember the same."""

from hypothesis import given, settings
from hypothesis import strategies as st

from acd.office.replica import WHOLE_EVERY_S, Copy, Original
from hotline.facts import RouterRemembered

changes = st.dictionaries(
    st.sampled_from([*(f"acd/agent/{n}" for n in range(4)), "acd/offer/o"]),
    st.one_of(st.none(), st.binary(max_size=2)),
    min_size=1,
    max_size=3,
)
luck = st.sampled_from(("lost", "told", "asked", "answered"))
"""What becomes of a change, and of the sign of life after it: `asked` loses only the answer to that."""


class Memory:
    """The values that one keeps."""

    def __init__(self, **values: bytes) -> None:
        self.values = values

    def keep(self, values: dict[str, bytes | None]) -> None:
        for key, value in values.items():
            self.values.pop(key, None)
            if value is not None:
                self.values[key] = value


def deliver(signals: list[RouterRemembered], copy: Copy, memory: Memory) -> None:
    for update in filter(None, map(copy.take, signals)):
        if update.whole:
            memory.values.clear()
        memory.keep(update.values)


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.tuples(changes, luck), max_size=20))
def test_both_remember_the_same(steps: list[tuple[dict[str, bytes | None], str]]) -> None:
    original, copy, now = Original("A", 1, {}), Copy(), 1_000.0
    truth, kept = Memory(), Memory(old=b"?")
    for change, lucky in steps:
        now += 0.3
        truth.keep(change)
        told = original.changed(change, now)
        if lucky != "lost":
            deliver(told, copy, kept)
        if lucky in ("asked", "answered"):
            answer = original.heard(copy.says("B", now), now)
            deliver(answer if lucky == "answered" else [], copy, kept)
    for _ in range(4):
        now += WHOLE_EVERY_S
        deliver(original.heard(copy.says("B", now), now), copy, kept)
    assert kept.values == truth.values
    assert original.is_followed(now)
