"""A table of text: bytes of any usual encoding and separator become rows with their line numbers. Pure.

What spreadsheets, switches and scripts write is read as it is: UTF-8 with or without a byte order mark, UTF-16 with one, GB18030 (which
holds GBK and GB 2312); commas, semicolons, tabs or bars; titles above the header; quoted fields. Everything has a limit.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from hotline.errors import Misuse

MAX_BYTES = 512 * 1024 * 1024
"""Of one file, unpacked."""
MAX_ROWS = 4_000_000
"""38 years of five-minute intervals, or two million calls a year for two years."""
MAX_COLUMNS = 1_000
LOOK_AT_ROWS = 50
"""So many rows are looked at to find out what the file is like."""

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_SEPARATORS = ",;\t|"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of one width under a header."""

    header: tuple[str, ...]
    """As written; `column 1` … when the file has none."""
    columns: tuple[tuple[str, ...], ...]
    """One tuple of cells for each name of the header, stripped; cells that a row lacks are empty."""
    lines: tuple[int, ...]
    """The line of the file on which each row ends."""

    def cells(self, name: str) -> tuple[str, ...]:
        """Return the cells of a column of the header."""
        return self.columns[self.header.index(name)]


def decode(data: bytes) -> str:
    """Return the text of a file. Raises Misuse for bytes that are no text."""
    if len(data) > MAX_BYTES:
        raise Misuse(f"the file has more than {MAX_BYTES // 2**20} MiB; split it")
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    for encoding in (marked,) if marked else ("utf-8", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Misuse("the file is no text in UTF-8, UTF-16 with a byte order mark, or GB18030; save it as CSV, UTF-8")


def table(text: str) -> Table:
    """Return the table of a text. Raises Misuse, with the line, for what is no table."""
    separator = _separator(text)
    rows = list(_rows(text, separator))
    if not rows:
        raise Misuse("the file is empty; it needs a header such as `ts,calls` and a row for each interval")
    width = max(len(row) for row, _ in rows[:LOOK_AT_ROWS])
    if width > MAX_COLUMNS:
        raise Misuse(f"the file has {width} columns; at most {MAX_COLUMNS} are read")
    filled = [sum(map(bool, row)) for row, _ in rows[:LOOK_AT_ROWS]]
    top = next(n for n, cells in enumerate(filled) if cells >= min(max(filled), 2))  # titles stand alone on their line
    head = rows[top][0]
    headless = any(cell[:1].isdigit() for cell in head[:1])  # no name of a column begins with a digit, every time does
    body = rows[top:] if headless else rows[top + 1 :]
    if not body:
        raise Misuse("the file has a header and no row under it; it needs a row for each interval")
    header = _names([] if headless else head, width)
    return Table(header=header, columns=_columns(body, len(header)), lines=tuple(line for _, line in body))


def _separator(text: str) -> str:
    """Return the separator that cuts the first lines into the most fields alike."""
    lines = [line for line in text[:65_536].splitlines()[:LOOK_AT_ROWS] if line.strip()]
    return max(_SEPARATORS, key=lambda sign: sum(sign in line for line in lines))


def _rows(text: str, separator: str) -> Iterator[tuple[list[str], int]]:
    """Yield each row that is not empty, stripped, with its line. Raises Misuse."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    count = 0
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells) or cells[0].startswith("#"):
                continue
            count += 1
            if count > MAX_ROWS:
                raise Misuse(f"line {reader.line_num}: more than {MAX_ROWS} rows; split the file")
            yield cells, reader.line_num
    except csv.Error as exc:
        raise Misuse(f"line {reader.line_num}: {exc}; the file must be a table such as `ts,calls`") from exc


def _names(head: list[str], width: int) -> tuple[str, ...]:
    """Return a name for every column; a name that comes twice is numbered."""
    names: list[str] = []
    for n in range(width):
        name = head[n] if n < len(head) and head[n] else f"column {n + 1}"
        names.append(name if name not in names else f"{name} ({n + 1})")
    return tuple(names)


def _columns(body: list[tuple[list[str], int]], width: int) -> tuple[tuple[str, ...], ...]:
    lacking = [""] * width
    whole = (row if len(row) == width else (row + lacking)[:width] for row, _ in body)
    return tuple(zip(*whole, strict=True))
