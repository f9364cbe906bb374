"""Customers in CSV: read with line numbers, written without formulas."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.customers.data import (
    PROBLEMS_LIMIT,
    Customer,
    CustomerInput,
    Draft,
    assign,
    check,
    csv_lines,
    decode_csv,
    read_customers,
    spreadsheet_safe,
    write_customers,
)
from hotline.ids import CustomerId


def read(text: str) -> tuple[list[Draft], list[tuple[int, str]]]:
    drafts, problems = read_customers(csv_lines(text), "86")
    return drafts, [(p.line, p.problem) for p in problems]


def test_chinese_headers_and_words_are_understood() -> None:
    drafts, problems = read("姓名,电话,等级,语言\n李雷,138 0013 8000；021-61234567,金,中文\n")
    assert problems == []
    (d,) = drafts
    assert (d.name, d.tier, d.language) == ("李雷", "金", "zh")
    assert list(d.numbers) == ["8613800138000", "862161234567"]


def test_english_headers_in_any_order_and_case() -> None:
    drafts, problems = read('\ufeffPhone,NAME,Notes\n1001,Ann,"two\nlines"\n')
    assert (problems, drafts[0].name, drafts[0].notes, drafts[0].line) == ([], "Ann", "two\nlines", 3)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("name,colour\nA,red\n", 1, "header 'colour' is unknown"),
        ("phone\n123\n", 1, "no column for the name"),
        ("name,phone,电话\nA,1,2\n", 1, "two columns for numbers"),
        ("", 1, "no column for the name"),
        ("name,phone\nA,1001\n,1002\n", 3, "the name is empty"),
        ("name,phone\nA,abc\n", 2, "'abc' is no telephone number"),
        ("name,phone\nA,1001,extra\n", 2, "3 cells, but 2 headers"),
        ("name,language\nA,klingon!\n", 2, "is no language"),
        ("id,name\n../x,A\n", 2, "is no id"),
        ("name,phone\nA,13800138000\nB,+8613800138000\n", 3, "stands in line 2 too"),
        ('name\n"A\n', 2, "this is not CSV"),
        ("name,notes\nA," + "x" * 2001 + "\n", 2, "longer than 2000"),
    ],
)
def test_what_cannot_be_taken_is_told_with_its_line(text: str, line: int, words: str) -> None:
    _, problems = read(text)
    assert len(problems) == 1
    assert problems[0][0] == line
    assert words in problems[0][1]


def test_empty_lines_are_skipped() -> None:
    drafts, problems = read("name\n\nA\n,\n \nB\n")
    assert ([d.name for d in drafts], problems) == (["A", "B"], [])


def test_a_file_full_of_mistakes_is_given_up() -> None:
    _, problems = read("name,phone\n" + "A,no\n" * (PROBLEMS_LIMIT + 50))
    assert len(problems) == PROBLEMS_LIMIT + 1
    assert "too many problems" in problems[-1][1]


def test_files_from_chinese_spreadsheets_are_decoded() -> None:
    assert decode_csv("姓名".encode("gb18030")) == decode_csv("姓名".encode()) == "姓名"
    with pytest.raises(ValueError, match="decode"):
        decode_csv(b"\xff\xff\xff")


def test_names_are_made_harmless() -> None:
    draft = check(CustomerInput(name='=HYPERLINK("x")<b>Ann</b>'), "86")
    assert isinstance(draft, Draft)
    assert draft.name == "HYPERLINK( x ) b Ann /b"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "＝1", "'=1"])
def test_no_cell_begins_like_a_formula(cell: str) -> None:
    assert spreadsheet_safe(cell) == "'" + cell


def test_plain_cells_stay_plain() -> None:
    assert [spreadsheet_safe(c) for c in ("Ann", "", "1-2")] == ["Ann", "", "1-2"]


NOTES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=50).map(str.strip)


@given(st.sampled_from(["李雷", "Ann O'Hara", "A & B"]), NOTES, st.sampled_from([["+8613800138000", "1001"], []]))
def test_what_is_written_is_read_back(name: str, notes: str, numbers: list[str]) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    given_customer = Customer(
        customer_id=CustomerId("c1"), name=name, numbers=numbers, tier="", language="zh", notes=notes,
        created_at=now, updated_at=now,
    )  # fmt: skip
    drafts, problems = read_customers(csv_lines(write_customers([given_customer])), "86")
    assert problems == []
    (d,) = drafts
    assert (d.customer_id, d.name, d.notes, list(d.numbers.values())) == ("c1", name, notes, numbers)


def draft(line: int, *keys: str, customer_id: str | None = None) -> Draft:
    given_id = CustomerId(customer_id) if customer_id else None
    return Draft(
        line=line, customer_id=given_id, name="A", numbers={k: k for k in keys}, tier="", language="", notes=""
    )


def test_a_row_is_about_the_owner_of_its_numbers() -> None:
    assigned, problems = assign([draft(2, "1", "2"), draft(3, "9")], {"2": CustomerId("c2")})
    assert ([c for _, c in assigned], problems) == (["c2", None], [])


@pytest.mark.parametrize(
    ("drafts", "words"),
    [
        ([draft(2, "1", "2")], "belong to customer c2"),
        ([draft(2, "1", customer_id="new")], "belong to customer c1"),
        ([draft(2, "1"), draft(3, "3")], "this is the customer of line 2"),
    ],
)
def test_rows_that_mix_customers_up_are_told(drafts: list[Draft], words: str) -> None:
    owners = {"1": CustomerId("c1"), "2": CustomerId("c2"), "3": CustomerId("c1")}
    _, problems = assign(drafts, owners)
    assert len(problems) == 1
    assert words in problems[0].problem
