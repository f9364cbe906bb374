"""Text from outside becomes harmless; ids are safe everywhere."""

import unicodedata
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.ids import is_safe_id, new_fact_id
from hotline.text import NAME_LIMIT, NUMBER_LIMIT, clean_name, clean_number, mask_number


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Ann O'Neil-Smith", "Ann O'Neil-Smith"),
        ("王小明", "王小明"),
        ("  José\t\r\nGarcía  ", "José García"),
        ("<script>alert(1)</script>", "script alert(1) /script"),
        ('=HYPERLINK("http://x")', "HYPERLINK( http //x )"),
        ("+cmd|' /C calc'!A0", "cmd ' /C calc' A0"),
        ("${SHELL(id)}", "SHELL(id)"),
        ("{{7*7}}", "7 7"),
        ("＝１＋１", "1 1"),
        ("a\u202eb\u200fc\u0000d", "a b c d"),
        ("Robert'); DROP TABLE call;--", "Robert') DROP TABLE call --"),
        ("- =@Ann", "Ann"),
        ("\ud800x", "x"),
        ("", ""),
        ("=", ""),
    ],
)
def test_names_become_harmless(raw: str, clean: str) -> None:
    assert clean_name(raw) == clean


@given(st.text(max_size=400))
def test_no_name_is_long_or_dangerous(raw: str) -> None:
    name = clean_name(raw)
    assert len(name) <= NAME_LIMIT
    assert not set(name) & set('<>"`$|;%{}[]=@\\+\n\r\t\0')
    assert name[:1] not in set("=+-@\t\r ")
    assert not any(unicodedata.category(c)[0] == "C" for c in name)
    name.encode()


@given(st.text(max_size=100))
def test_a_clean_name_stays_as_it_is(raw: str) -> None:
    assert clean_name(clean_name(raw)) == clean_name(raw)


def test_a_name_without_end_is_cut() -> None:
    assert len(clean_name("x" * 3_000_000)) == NAME_LIMIT
    assert len(clean_name("\ufdfa" * 3000)) <= NAME_LIMIT


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("+86 (10) 1234-5678", "+861012345678"),
        ("300&PJSIP/x", "300"),
        ("٣٤٥", ""),
        ("12\n34", "1234"),
        ("", ""),
        ("anonymous", ""),
        ("1" * NUMBER_LIMIT, "1" * NUMBER_LIMIT),
        ("1" * (NUMBER_LIMIT + 1), ""),
        ("1" * 300, ""),
        (" " * 125 + "123456", ""),
    ],
)
def test_numbers_hold_digits_only_or_are_empty(raw: str, clean: str) -> None:
    assert clean_number(raw) == clean


@given(st.text(alphabet="0123456789 -()", max_size=500))
def test_a_number_is_whole_or_empty(raw: str) -> None:
    assert clean_number(raw) in ("", "".join(c for c in raw if c.isdigit()))


@pytest.mark.parametrize(
    ("number", "masked"), [("12345678", "*****678"), ("123", "***"), ("", "***"), ("1234", "*234")]
)
def test_a_masked_number_shows_three_digits_at_most(number: str, masked: str) -> None:
    assert mask_number(number) == masked


@pytest.mark.parametrize("text", ["a", "1001", "a" * 100, "A.b_c:d-e", "550e8400-e29b-41d4-a716-446655440000"])
def test_safe_ids(text: str) -> None:
    assert is_safe_id(text)


@pytest.mark.parametrize(
    "text", ["", "a" * 101, "-a", ".", "..", "../x", "a/b", "a b", "a\n", "é", "a,b", "a;b", "a&b", "${x}", "a\0"]
)
def test_unsafe_ids(text: str) -> None:
    assert not is_safe_id(text)


@given(st.floats(0, 4_000_000_000), st.floats(0.002, 1_000_000))
def test_fact_ids_are_uuids_whose_text_follows_time(at: float, later: float) -> None:
    first, second = new_fact_id(at), new_fact_id(at + later)
    assert first < second
    value = uuid.UUID(first)
    assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert value.int >> 80 == int(at * 1000)


def test_fact_ids_of_one_moment_differ() -> None:
    assert len({new_fact_id(1.0) for _ in range(1000)}) == 1000


def test_fact_ids_of_one_moment_follow_the_order_in_which_they_were_made() -> None:
    made = [new_fact_id(1_700_000_000.0) for _ in range(3000)]
    assert made == sorted(made)
