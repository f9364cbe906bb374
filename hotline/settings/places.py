"""On which line of a TOML file each setting stands. Pure.

`tomllib` reads values and forgets where they stood. This scanner does the opposite: it knows only as much of TOML 1.0 as it takes
to follow keys, tables and arrays, and is given text that `tomllib` has accepted already.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping

Path = tuple[str | int, ...]
"""Keys of tables and indexes of arrays, such as `("queues", 0, "wrap_up_s")`."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def lines_of(text: str) -> dict[Path, int]:
    """Return the line, counted from 1, on which each table, key and element of an array begins."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


def line_of(path: Path, lines: Mapping[Path, int]) -> int | None:
    """Return the line of a setting, or of what it would belong to if it is not there; None when that is nowhere either."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._begins = [0, *(newline.end() for newline in re.finditer("\n", text))]
        """Where each line begins."""
        self._counts: Counter[Path] = Counter()
        """How many tables each array of tables has so far."""

    def document(self) -> None:
        table: Path = ()
        self._skip()
        while self._at < len(self._text):
            if self._take("[["):
                table = self._element(self._keys())
                self._take("]]")
            elif self._take("["):
                table = self._resolved(self._keys())
                self._mark(table)
                self._take("]")
            else:
                self._pair(table)
            self._skip()

    def _element(self, keys: Path) -> Path:
        array = (*self._resolved(keys[:-1]), keys[-1])
        self._mark(array)
        self._counts[array] += 1
        table = (*array, self._counts[array] - 1)
        self._mark(table)
        return table

    def _resolved(self, keys: Path) -> Path:
        """Return the path of a table; a part that is an array of tables means its last one."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if self._counts[path]:
                path = (*path, self._counts[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        keys = self._keys()
        for length in range(1, len(keys) + 1):
            self._mark((*table, *keys[:length]))
        self._take("=")
        self._value((*table, *keys))

    def _value(self, path: Path) -> None:
        self._skip()
        if self._take("["):
            self._items(path)
        elif self._take("{"):
            while not self._take("}") and self._at < len(self._text):
                self._pair(path)
                self._take(",")
        elif (string := _STRING.match(self._text, self._at)) is not None:
            self._at = string.end()
        else:
            self._at = max(self._end(_SCALAR), min(self._at + 1, len(self._text)))

    def _items(self, path: Path) -> None:
        index = 0
        while not self._take("]") and self._at < len(self._text):
            self._mark((*path, index))
            self._value((*path, index))
            self._take(",")
            index += 1

    def _keys(self) -> tuple[str, ...]:
        keys = [self._key()]
        while self._take("."):
            keys.append(self._key())
        return tuple(keys)

    def _key(self) -> str:
        self._skip()
        found = _STRING.match(self._text, self._at) or _BARE_KEY.match(self._text, self._at)
        if found is None:
            self._at = min(self._at + 1, len(self._text))
            return ""
        self._at = found.end()
        return found[0].strip("\"'")

    def _mark(self, path: Path) -> None:
        self._skip()
        self.lines.setdefault(path, bisect_right(self._begins, self._at))

    def _take(self, sign: str) -> bool:
        self._skip()
        taken = self._text.startswith(sign, self._at)
        self._at += len(sign) if taken else 0
        return taken

    def _skip(self) -> None:
        self._at = self._end(_BLANK)

    def _end(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self._text, self._at)
        return found.end() if found is not None else self._at
