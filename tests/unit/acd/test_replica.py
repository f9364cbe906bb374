"""The memory that those who stand by keep: told in order, noticed when something is missing, told anew."""

from acd.office.replica import LISTENER_S, PART, WHOLE_EVERY_S, Copy, Original, Update
from hotline.facts import RouterRemembered, RouterStandsBy

NOW = 1_000.0
KEY = "acd/agent/1001"


def stands_by(follows: str = "", revision: int = 0, router: str = "B") -> RouterStandsBy:
    return RouterStandsBy(at=NOW, router=router, follows=follows, revision=revision)


def told(revision: int, value: bytes | None = b"1", *, router: str = "A", epoch: int = 1) -> RouterRemembered:
    return RouterRemembered(at=NOW, router=router, epoch=epoch, revision=revision, values={KEY: value})


def followed(original: Original | None = None) -> Copy:
    """Return a copy that has everything."""
    copy = Copy()
    for part in (original or Original("A", 1, {})).heard(stands_by(), NOW):
        copy.take(part)
    assert copy.is_complete
    return copy


# --- the active router ---------------------------------------------------------------------------------------------------


def test_who_asks_for_everything_is_told_everything() -> None:
    (whole,) = Original("A", 3, {KEY: b"1"}).heard(stands_by(), NOW)
    assert (whole.whole, whole.epoch, whole.revision, whole.values) == (True, 3, 0, {KEY: b"1"})


def test_nothing_is_everything_too() -> None:
    (whole,) = Original("A", 3, {}).heard(stands_by(), NOW)
    assert (whole.whole, whole.values) == (True, {})


def test_changes_are_told_while_somebody_listens_and_counted_always() -> None:
    original = Original("A", 1, {})
    assert original.changed({KEY: b"1"}, NOW) == []
    original.heard(stands_by(), NOW)
    (change,) = original.changed({KEY: b"2"}, NOW)
    assert (change.whole, change.revision, change.values) == (False, 2, {KEY: b"2"})
    assert original.changed({KEY: b"3"}, NOW + LISTENER_S) == []


def test_everything_comes_in_bounded_parts() -> None:
    values = {f"acd/agent/{n}": b"x" for n in range(2 * PART + 1)}
    parts = Original("A", 1, values).heard(stands_by(), NOW)
    assert [(p.part, p.parts, len(p.values)) for p in parts] == [(0, 3, PART), (1, 3, PART), (2, 3, 1)]
    assert {k: v for p in parts for k, v in p.values.items()} == values


def test_everything_is_not_told_again_to_each_of_many_who_ask() -> None:
    original = Original("A", 1, {KEY: b"1"})
    assert original.heard(stands_by(router="B"), NOW)
    assert original.heard(stands_by(router="C"), NOW + 0.1) == []
    assert original.heard(stands_by(router="C"), NOW + WHOLE_EVERY_S)


def test_who_says_that_he_has_everything_is_told_nothing() -> None:
    original = Original("A", 1, {})
    original.heard(stands_by(), NOW)
    assert original.heard(stands_by("A", 0), NOW + 2) == []
    assert original.is_followed(NOW + 2)
    assert not original.is_followed(NOW + 2 + LISTENER_S)


def test_what_was_told_just_now_may_be_on_its_way() -> None:
    original = Original("A", 1, {})
    original.heard(stands_by(), NOW)
    original.heard(stands_by("A", 0), NOW + 2)
    original.changed({KEY: b"1"}, NOW + 2.4)
    assert original.heard(stands_by("A", 0), NOW + 2.5) == []
    assert original.heard(stands_by("A", 0), NOW + 3.0)


def test_who_follows_another_or_an_earlier_term_is_told_everything() -> None:
    for signal in (stands_by("C", 0), stands_by("A", 9)):
        assert Original("A", 2, {}).heard(signal, NOW)


# --- one who stands by -----------------------------------------------------------------------------------------------------


def test_a_copy_that_has_nothing_asks_for_everything() -> None:
    assert Copy().says("B", NOW) == stands_by()


def test_changes_are_taken_in_their_order_each_once() -> None:
    copy = followed()
    assert copy.take(told(1)) == Update(values={KEY: b"1"}, whole=False)
    assert copy.take(told(1)) is None
    assert copy.take(told(2, None)) == Update(values={KEY: None}, whole=False)
    assert copy.says("B", NOW) == stands_by("A", 2)


def test_a_gap_makes_it_ask_again_and_take_nothing_before() -> None:
    copy = followed()
    assert copy.take(told(2)) is None
    assert copy.take(told(3)) is None
    assert copy.says("B", NOW) == stands_by()


def test_changes_without_the_beginning_are_not_taken() -> None:
    assert Copy().take(told(1)) is None


def test_a_new_leader_is_begun_anew_and_an_old_one_is_not_listened_to() -> None:
    copy = followed()
    copy.follow("C", 2)
    assert not copy.is_complete
    assert copy.take(told(1)) is None
    copy.follow("A", 1)
    assert copy.take(RouterRemembered(at=NOW, router="A", epoch=1, revision=0, whole=True, values={})) is None
    assert copy.take(RouterRemembered(at=NOW, router="C", epoch=2, revision=7, whole=True, values={})) is not None
    assert copy.says("B", NOW) == stands_by("C", 7)


def test_a_new_term_of_the_same_router_is_a_new_leader() -> None:
    copy = followed()
    copy.follow("A", 4)
    assert copy.says("B", NOW) == stands_by()


def test_parts_make_a_whole_only_if_none_is_missing() -> None:
    values = {f"acd/agent/{n}": b"x" for n in range(2 * PART + 1)}
    parts = Original("A", 1, values).heard(stands_by(), NOW)
    copy = Copy()
    assert [copy.take(p) for p in (parts[0], parts[2])] == [None, None]
    assert [copy.take(p) for p in (parts[1], parts[2])] == [None, None]
    assert not copy.is_complete
    assert [copy.take(p) for p in parts] == [None, None, Update(values=dict(values), whole=True)]


def test_keys_that_are_none_of_a_router_s_are_not_taken() -> None:
    copy = Copy()
    whole = RouterRemembered(at=NOW, router="A", epoch=1, revision=0, whole=True, values={KEY: b"1", "bus/known": b"0"})
    assert copy.take(whole) == Update(values={KEY: b"1"}, whole=True)
