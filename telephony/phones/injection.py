"""Injection files: the values of each call that one SIPp makes, a line per call or per seat. Pure.

Values go into these files and never into a scenario's XML, so any byte may stand in a caller's name but line ends and NUL.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hotline.errors import Misuse


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a seat registers with."""

    extension: str
    password: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """One call to make: who calls whom."""

    key: str
    """Names the call in events; unique among the lines of one process."""
    number: str
    """The number to dial."""
    caller_number: str = "13800000001"
    caller_name: str = ""
    from_raw: str | bytes = ""
    """A whole From header (without tag) instead of name and number, for hostile input; anything but line ends and NUL."""


def lines_file(lines: Sequence[Line], *, local_ip: str) -> bytes:
    """Return the injection file of callers. All lines must have as many `;` in their From header (a `;` ends a field)."""
    return _table([line.key.encode(), line.number.encode(), *_from_pieces(line, local_ip)] for line in lines)


def seat_lines_file(lines: Sequence[Line], account: Account) -> bytes:
    """Return the injection file of calls that a seat makes itself."""
    own = [account.extension.encode(), account.password.encode()]
    return _table([line.key.encode(), line.number.encode(), *own] for line in lines)


def accounts_file(accounts: Sequence[Account]) -> bytes:
    """Return the injection file of seats."""
    return _table([a.extension.encode(), a.password.encode()] for a in accounts)


def from_width(lines: Sequence[Line]) -> int:
    """Return how many fields the From header takes in `lines_file`. Raises Misuse when the lines differ."""
    widths = {len(_from_pieces(line, "")) for line in lines}
    if len(widths) != 1:
        raise Misuse("callers of one process need the same number of semicolons in their From header")
    return widths.pop()


def _from_pieces(line: Line, local_ip: str) -> list[bytes]:
    header = line.from_raw or f'"{line.caller_name}" <sip:{line.caller_number}@{local_ip}>'
    return (header.encode() if isinstance(header, str) else header).split(b";")


def _table(rows: Iterable[Sequence[bytes]]) -> bytes:
    found = [b"SEQUENTIAL"]
    for row in rows:
        for value in row:
            if any(sign in value for sign in (b"\r", b"\n", b"\0")):
                raise Misuse("a value of a phone holds a line end or NUL; SIPp cannot send it")
        if row[0][:1] in (b"#", b"") or b";" in row[0] or b";" in row[1]:
            raise Misuse("the key and the number of a phone are plain words without semicolons")
        found.append(b";".join(row))
    return b"\n".join(found) + b"\n"
