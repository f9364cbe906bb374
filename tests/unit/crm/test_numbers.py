"""Which spellings are one number."""

import pytest

from crm.customers.numbers import comparable, spellings


@pytest.mark.parametrize(
    "written",
    [
        "13800138000",
        "+8613800138000",
        "008613800138000",
        "8613800138000",
        "+86 138-0013-8000",
        "（+86）138 0013 8000",
        "１３８００１３８０００",
    ],
)
def test_a_chinese_mobile_number_has_one_form(written: str) -> None:
    assert comparable(written, "86") == "8613800138000"


def test_a_national_number_belongs_to_the_country_of_the_settings() -> None:
    assert comparable("021 6123 4567", "86") == comparable("+86 21 61234567", "86") == "862161234567"
    assert comparable("030 1234567", "49") == comparable("0049301234567", "49") == "49301234567"


def test_a_mobile_number_needs_no_trunk_prefix_in_china_only() -> None:
    assert comparable("13800138000", "49") == "13800138000"


@pytest.mark.parametrize("written", ["1001", "*41", "95588", "12345"])
def test_extensions_and_short_codes_stay_as_they_are(written: str) -> None:
    assert comparable(written, "86") == written


@pytest.mark.parametrize("written", ["", "anonymous", "+", "  ", "李雷", "9" * 40])
def test_what_is_no_number_has_no_form(written: str) -> None:
    assert comparable(written, "86") == ""


def test_every_spelling_of_a_number_has_the_same_form() -> None:
    found = spellings("138 0013 8000", "86")
    assert {"13800138000", "+8613800138000", "008613800138000", "8613800138000", "013800138000"} == set(found)
    assert {comparable(s, "86") for s in found if not s.startswith("01")} == {"8613800138000"}


def test_an_extension_has_one_spelling() -> None:
    assert spellings("1001", "86") == ["1001"]
