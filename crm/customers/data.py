"""What a customer is, and how customers are written in CSV files. Pure.

A file is read completely before anything is decided: every line that cannot be taken is reported with its number, and one
such line stops the whole import. Headers are English or Chinese. A cell that a spreadsheet would take for a formula is
written with an apostrophe before it, which reading takes away again.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from crm.customers.numbers import comparable
from hotline.ids import CustomerId, is_safe_id
from hotline.text import clean_name

NOTES_LIMIT = 2000
NUMBERS_LIMIT = 20
ROWS_LIMIT = 100_000
PROBLEMS_LIMIT = 200
"""So many problems are listed; beyond, an import gives up."""

COLUMNS = {
    "customer_id": ("customer_id", "id", "编号", "客户编号"),
    "name": ("name", "customer", "姓名", "名称", "客户姓名"),
    "numbers": ("numbers", "number", "phone", "phones", "telephone", "电话", "号码", "手机", "电话号码"),
    "tier": ("tier", "level", "等级", "级别"),
    "language": ("language", "语言"),
    "notes": ("notes", "note", "remarks", "备注", "说明"),
}
"""The headers that each field is known by."""

_FIELD_OF_HEADER = {header: field for field, headers in COLUMNS.items() for header in headers}
_LANGUAGES = {"中文": "zh", "普通话": "zh", "chinese": "zh", "英文": "en", "英语": "en", "english": "en", "粤语": "yue"}
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_BETWEEN_NUMBERS = re.compile(r"[;；/、|]")
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_FORMULA_STARTS = "=+-@\t\r＝＋－＠'"


class CustomerInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer as somebody enters one."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    numbers: Annotated[list[str], msgspec.Meta(max_length=NUMBERS_LIMIT)] = []
    tier: Annotated[str, msgspec.Meta(max_length=60)] = ""
    language: Annotated[str, msgspec.Meta(max_length=35)] = ""
    notes: Annotated[str, msgspec.Meta(max_length=NOTES_LIMIT)] = ""


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as kept."""

    customer_id: CustomerId
    name: str
    numbers: list[str]
    tier: str
    language: str
    notes: str
    created_at: datetime
    updated_at: datetime


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A checked customer, ready to be written."""

    line: int
    """The line of the file it ends on; 0 when it does not come from a file."""
    customer_id: CustomerId | None
    name: str
    numbers: dict[str, str]
    """The comparable form of each number, and how it was written."""
    tier: str
    language: str
    notes: str


class ImportProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a line cannot be taken."""

    line: int
    problem: str


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, or would have done."""

    rows: int
    created: int
    updated: int
    errors: list[ImportProblem]
    written: bool
    """Whether the customers were written: never with a problem, never in a dry run."""


def check(given: CustomerInput, country: str, *, line: int = 0, customer_id: str = "") -> Draft | list[str]:
    """Return the customer made ready to be written, or what is wrong with it."""
    problems: list[str] = []
    name = clean_name(given.name)
    if not name:
        problems.append("the name is empty")
    if customer_id and not is_safe_id(customer_id):
        problems.append(f"{customer_id[:40]!r} is no id: use A-Z a-z 0-9 . _ : -")
    language = _LANGUAGES.get(given.language.strip().lower(), given.language.strip().lower())
    if language and not _LANGUAGE.fullmatch(language):
        problems.append(f"{given.language[:40]!r} is no language; use a code such as zh or en")
    if len(given.notes) > NOTES_LIMIT:
        problems.append(f"the notes are longer than {NOTES_LIMIT} characters")
    numbers: dict[str, str] = {}
    for number in given.numbers:
        key = comparable(number, country)
        if key:
            numbers.setdefault(key, number.strip()[:60])
        else:
            problems.append(f"{number[:40]!r} is no telephone number")
    if len(numbers) > NUMBERS_LIMIT:
        problems.append(f"more than {NUMBERS_LIMIT} numbers")
    return problems or Draft(
        line=line,
        customer_id=CustomerId(customer_id) if customer_id else None,
        name=name,
        numbers=numbers,
        tier=clean_name(given.tier),
        language=language,
        notes=_printable(given.notes),
    )


def _printable(text: str) -> str:
    """Return text without control characters, marks of direction, and line ends other than the plain one."""
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in _UNPRINTABLE).strip()


# --- reading -----------------------------------------------------------------------------------------------------------


def decode_csv(raw: bytes) -> str:
    """Return the text of a CSV file: UTF-8 (with or without a mark), else GB 18030, as spreadsheets in China write it.

    Raises ValueError when it is neither.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030")


def csv_lines(text: str) -> Iterable[str]:
    """Return the lines of a CSV text as `read_customers` wants them: only real line ends divide it."""
    return io.StringIO(text, newline="")


def read_customers(lines: Iterable[str], country: str) -> tuple[list[Draft], list[ImportProblem]]:
    """Read CSV lines, headers first, into drafts and problems."""
    reader = csv.reader(lines, strict=True)
    drafts: list[Draft] = []
    problems: list[ImportProblem] = []
    try:
        fields, problem = _fields(next(reader, []))
        if problem:
            return [], [ImportProblem(line=max(reader.line_num, 1), problem=problem)]
        for cells in reader:
            if not any(c.strip() for c in cells):
                continue
            draft = _draft(fields, cells, reader.line_num, country)
            if isinstance(draft, Draft):
                drafts.append(draft)
            else:
                problems += [ImportProblem(line=reader.line_num, problem=m) for m in draft]
            if len(problems) >= PROBLEMS_LIMIT or len(drafts) > ROWS_LIMIT:
                message = "too many problems, the rest was not read" if problems else f"more than {ROWS_LIMIT} rows"
                return drafts, [*problems, ImportProblem(line=reader.line_num, problem=message)]
    except csv.Error as exc:
        problems.append(ImportProblem(line=max(reader.line_num, 1), problem=f"this is not CSV: {exc}"))
    return drafts, problems + _doubles(drafts)


def _fields(headers: Sequence[str]) -> tuple[list[str], str]:
    fields: list[str] = []
    for header in headers:
        field = _FIELD_OF_HEADER.get(header.strip().strip("\ufeff").lower())
        if field is None:
            known = ", ".join(names[0] for names in COLUMNS.values())
            return [], f"the header {header.strip()[:40]!r} is unknown; known: {known}, 姓名, 电话, 等级, 语言, 备注"
        if field in fields:
            return [], f"two columns for {field}"
        fields.append(field)
    return fields, "" if "name" in fields else "there is no column for the name (name or 姓名)"


def _draft(fields: Sequence[str], cells: Sequence[str], line: int, country: str) -> Draft | list[str]:
    if len(cells) > len(fields):
        return [f"{len(cells)} cells, but {len(fields)} headers"]
    values = dict(zip(fields, (_plain(c) for c in cells), strict=False))
    given = CustomerInput(
        name=values.get("name", ""),
        numbers=[n.strip() for n in _BETWEEN_NUMBERS.split(values.get("numbers", "")) if n.strip()],
        tier=values.get("tier", ""),
        language=values.get("language", ""),
        notes=values.get("notes", ""),
    )
    return check(given, country, line=line, customer_id=values.get("customer_id", "").strip())


def _plain(cell: str) -> str:
    cell = cell.strip(" ")
    return cell[1:] if len(cell) > 1 and cell[0] == "'" and cell[1] in _FORMULA_STARTS else cell


def _doubles(drafts: Iterable[Draft]) -> list[ImportProblem]:
    """Return a problem for each number or id that stands in two rows."""
    first: dict[str, int] = {}
    problems: list[ImportProblem] = []
    for draft in drafts:
        ids = [f"the id {draft.customer_id}"] if draft.customer_id else []
        for what in [*ids, *(f"the number {written}" for written in draft.numbers)]:
            line = first.setdefault(what, draft.line)
            if line != draft.line:
                problems.append(ImportProblem(line=draft.line, problem=f"{what} stands in line {line} too"))
    return problems


def assign(
    drafts: Iterable[Draft], owners: Mapping[str, CustomerId]
) -> tuple[list[tuple[Draft, CustomerId | None]], list[ImportProblem]]:
    """Find the customer that each draft is about: the one with its id, else the owner of its numbers, else a new one (None)."""
    assigned: list[tuple[Draft, CustomerId | None]] = []
    problems: list[ImportProblem] = []
    taken: dict[CustomerId, int] = {}
    for draft in drafts:
        found = sorted({owners[key] for key in draft.numbers if key in owners})
        customer_id = draft.customer_id or (found[0] if found else None)
        foreign = [c for c in found if c != customer_id]
        if foreign:
            message = f"its numbers belong to customer {foreign[0]} already"
            problems.append(ImportProblem(line=draft.line, problem=message))
        elif customer_id is not None and taken.setdefault(customer_id, draft.line) != draft.line:
            message = f"this is the customer of line {taken[customer_id]}"
            problems.append(ImportProblem(line=draft.line, problem=message))
        assigned.append((draft, customer_id))
    return assigned, problems


# --- writing -----------------------------------------------------------------------------------------------------------


def spreadsheet_safe(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return "'" + cell if cell[:1] and cell[0] in _FORMULA_STARTS else cell


def write_customers(customers: Iterable[Customer]) -> str:
    """Return customers as CSV with headers, safe to open in a spreadsheet; `read_customers` reads it back."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for c in customers:
        cells = (c.customer_id, c.name, ";".join(c.numbers), c.tier, c.language, c.notes)
        writer.writerow([spreadsheet_safe(cell) for cell in cells])
    return out.getvalue()
