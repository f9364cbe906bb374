"""What may be dialled to the outside."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline import dialling
from hotline.dialling import Ledger, Policy, Reason, Refusal, dialable, permit
from hotline.errors import Misuse
from hotline.hours import Hours
from hotline.settings import OpeningHours, Outbound, Settings

OPEN = Policy(trunk=True, allow=("1", "0", "4"), deny=("00", "0900"), own=frozenset({"4000"}))


def why(number: str, rules: Policy = OPEN, **given: Any) -> str:
    refusal = permit(number, rules, now=0.0, **given)
    return "" if refusal is None else refusal.reason


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("13800138000", "13800138000"),
        ("+86 138-0013-8000", "13800138000"),
        ("0086 13800138000", "13800138000"),
        ("8613800138000", "13800138000"),
        ("013800138000", "13800138000"),
        ("１３８００１３８０００", "13800138000"),
        ("+86 (21) 6123.4567", "02161234567"),
        ("008602161234567"[:4] + "2161234567", "02161234567"),
        ("+864008123456", "4008123456"),
        ("021/61234567", "02161234567"),
        ("+49 30 1234567", "0049301234567"),
        ("0049301234567", "0049301234567"),
        ("10086", "10086"),
    ],
)
def test_all_spellings_of_a_number_are_dialled_alike(written: str, dialled: str) -> None:
    assert dialable(written, OPEN) == dialled


def test_another_country_has_its_own_national_form() -> None:
    germany = Policy(trunk=True, country="49")
    assert dialable("+49 30 1234567", germany) == "0301234567"
    assert dialable("+8613800138000", germany) == "008613800138000"


@pytest.mark.parametrize(
    "hostile",
    [
        "", " ", "+", "++8613800138000", "13800138000+", "anonymous", "1380013800O", "*21*13800138000#", "13800138000&PJSIP/1001",
        "13800138000@evil.example", "13800138000,,1", "138;00138000", "${SHELL(id)}", "13800138000\r\nX: y", "138\n00138000",
        "1\x0038", "١٣٨٠٠١٣٨٠٠٠", "=1+1", "Local/4000@hotline-test", "1" * 41, "1" * 300,
    ],
)  # fmt: skip
def test_a_hostile_text_is_no_number(hostile: str) -> None:
    assert dialable(hostile, OPEN) == ""
    assert why(hostile) == "no_number"


@given(st.text(max_size=50))
def test_what_is_dialled_is_digits_and_is_its_own_form(raw: str) -> None:
    digits = dialable(raw, OPEN)
    assert digits == "" or (digits.isascii() and digits.isdigit())
    assert dialable(digits, OPEN) == digits


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("13800138000", ""),
        ("02161234567", ""),
        ("12", "too_short"),
        ("1234567890123456", "too_long"),
        ("4000", "own_number"),
        ("09001234567", "denied"),
        ("+49301234567", "denied"),
        ("0049301234567", "denied"),
        ("95555", "not_allowed"),
    ],
)
def test_rules_are_beginnings_of_the_form_in_which_it_is_dialled(number: str, reason: str) -> None:
    assert why(number) == reason


def test_deny_wins_over_allow_whatever_the_spelling() -> None:
    rules = Policy(trunk=True, allow=("1",), deny=("138",))
    assert [why(n, rules) for n in ("13800138000", "+8613800138000", "013800138000")] == ["denied"] * 3


def test_nothing_may_be_dialled_without_a_trunk_or_without_allowed_numbers() -> None:
    assert why("13800138000", Policy(trunk=False, allow=("1",))) == "no_trunk"
    assert why("13800138000", Policy(trunk=True)) == "not_allowed"
    assert why("13800138000", dialling.policy(Settings())) == "no_trunk"


def test_caps_count_the_calls_before_this_one() -> None:
    rules = Policy(trunk=True, allow=("1",), per_hour=2, at_once=1)
    assert why("13800138000", rules, last_hour=1, at_once=0) == ""
    assert why("13800138000", rules, last_hour=2, at_once=0) == "too_many_per_hour"
    assert why("13800138000", rules, last_hour=0, at_once=1) == "too_many_at_once"


def test_customers_are_called_within_opening_hours_and_agents_at_any_time() -> None:
    never = Policy(trunk=True, allow=("1",), opening=Hours(timezone="UTC", weekly={}))
    assert why("13800138000", never) == "closed"
    assert why("13800138000", never, customer=False) == ""


def test_the_settings_become_rules() -> None:
    settings = Settings(
        hours={"day": OpeningHours(timezone="UTC", weekly={"thu": ("09:00-18:00",)})},
        outbound=Outbound(trunk="127.0.0.9:5060", caller_number="02161234567", allow=("0", "1"), opening="day"),
    )
    rules = dialling.policy(settings)
    assert permit("+862161234567", rules, now=10 * 3600.0) == Refusal("own_number")
    assert permit("4000", rules, now=10 * 3600.0) == Refusal("own_number")
    assert permit("13800138000", rules, now=10 * 3600.0) is None
    assert permit("13800138000", rules, now=20 * 3600.0) == Refusal("closed")


def test_every_refusal_has_a_text_in_both_languages_and_says_whether_it_lasts() -> None:
    for reason in get_args(Reason):
        refusal = Refusal(reason)
        assert refusal.text("en").isascii()
        assert not refusal.text("zh").isascii()
    assert not Refusal("closed").lasting
    assert Refusal("denied").lasting


def test_the_ledger_counts_the_last_hour_and_what_lives() -> None:
    ledger = Ledger()
    ledger.begin("a", 0.0)
    ledger.begin("b", 10.0)
    ledger.begin("b", 20.0)
    ledger.end("a")
    ledger.end("never begun")
    assert (ledger.live, ledger.last_hour(100.0)) == (1, 2)
    assert ledger.last_hour(3600.0) == 1
    assert ledger.last_hour(3610.0) == 0


def test_the_dial_string_names_the_outgoing_trunk() -> None:
    assert dialling.dial_string("13800138000") == "PJSIP/13800138000@hotline-out"
    for other in ("", "+8613800138000", "1&PJSIP/1001", "1" * 21):
        with pytest.raises(Misuse):
            dialling.dial_string(other)


def test_a_ledger_is_taken_up_by_the_next_life_as_it_was() -> None:
    ledger = Ledger()
    ledger.begin("a", 0.0)
    ledger.begin("b", 10.0, node="node1")
    ledger.end("a")
    kept = {key: call for key, call in ledger.take_changed(20.0) if call is not None}
    assert ledger.take_changed(20.0) == []
    other = Ledger()
    other.restore(kept, 20.0)
    assert (other.live, other.last_hour(20.0)) == (1, 2)
    assert [key for key, _ in other.unsure_at("node1")] == ["b"]
    other.begin("b", 30.0)
    assert (other.unsure_at("node1"), other.last_hour(30.0)) == ([], 2)


def test_a_ledger_forgets_what_is_over_for_an_hour_and_keeps_what_lives() -> None:
    ledger = Ledger()
    ledger.begin("a", 0.0)
    ledger.begin("b", 1.0)
    ledger.end("a")
    ledger.take_changed(2.0)
    assert [(key, call is None) for key, call in ledger.take_changed(3700.0)] == [("a", True), ("b", False)]
    assert ledger.live == 1
