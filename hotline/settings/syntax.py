"""What is wrong with a file that is no TOML, for people: the line, the words, and what to do. Pure.

`tomllib` says what it stumbled over and where. A setting that stands twice is the mistake of somebody who changed a file and left the
old line (two strategies of one queue, say), so both lines are named then.
"""

import re

from hotline.settings.mistakes import Mistake
from hotline.settings.places import lines_of

_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_KEY = re.compile(r"""[ \t]*([A-Za-z0-9_."'-]+)[ \t]*=""")
_TWICE = re.compile(r"Cannot (?:declare|mutate immutable namespace) \((.*?),?\)")
_REMEDIES = (
    ("Invalid value", 'text belongs in quotes: name = "text"'),
    ("Unescaped '\\'", "write text with a backslash in single quotes: name = 'D:\\calls'"),
    ("Illegal character '\\n'", "close the quotes on the same line"),
    ("Expected '='", "write name = value"),
    ("Expected newline", 'one setting a line; text belongs in quotes: name = "text"'),
    ("Unclosed", "close the bracket"),
    ("Expected ']'", "close the bracket"),
    ("Duplicate inline table key", "take one of the two away"),
)


def mistake_in(text: str, said: str, file: str) -> Mistake:
    """Return the mistake in a text that tomllib refused with the words `said`."""
    found = _AT.search(said)
    line = int(found[1]) if found is not None and found[1] else text.count("\n") + 1
    return _twice(text, said, line, file) or Mistake(
        text=f"this is not valid TOML: {_AT.sub('', said)}",
        remedy=next((remedy for part, remedy in _REMEDIES if part in said), ""),
        file=file,
        line=line,
    )


def _twice(text: str, said: str, line: int, file: str) -> Mistake | None:
    table = _TWICE.search(said)
    if table is not None:
        keys = tuple(re.findall(r"'([^']*)'", table[1]))
        first = lines_of(text).get(keys)
        remedy = "put what belongs to one table together, and begin each of several with [[…]]"
        told = f"the table {'.'.join(keys)} stands twice"
    elif said.startswith("Cannot overwrite a value"):
        key, first = _key_and_its_first_line(text.splitlines(), line)
        remedy = "take one of the two away"
        told = f"{key or 'a setting'} stands twice in this table"
    else:
        return None
    before = f", first on line {first}" if first is not None and first != line else ""
    return Mistake(text=told + before, remedy=remedy, file=file, line=line)


def _key_and_its_first_line(lines: list[str], line: int) -> tuple[str, int | None]:
    """Return the key that is set on a line, and the line before it in the same table that sets it too."""
    found = _KEY.match(lines[line - 1]) if line <= len(lines) else None
    if found is None:
        return "", None
    for earlier in range(line - 2, -1, -1):
        there = _KEY.match(lines[earlier])
        if there is not None and there[1] == found[1]:
            return found[1], earlier + 1
        if lines[earlier].lstrip().startswith("["):
            break
    return found[1], None


def not_utf8(raw: bytes, place: int, file: str) -> Mistake:
    """Return the mistake in a file whose byte at `place` is no UTF-8."""
    line = raw.count(b"\n", 0, place) + 1
    return Mistake(text="this is not valid TOML: no UTF-8", remedy="save the file as UTF-8", file=file, line=line)
