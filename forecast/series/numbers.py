"""Numbers as people and programs write them. Pure.

A cell that says nothing is not known (NaN). A cell that says something else than a number is an error with its line, as is a negative
count: who writes -1 for "not known" and who writes it by mistake cannot be told apart.
"""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from forecast.series.counts import Floats
from hotline.errors import Misuse

NOTHING = frozenset(
    {"", "-", "--", "—", "na", "n/a", "#n/a", "nan", "nil", "null", "none", "nd", ".", "?", "缺", "无", "空", "缺失"}
)
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:[,' \u00a0\u202f]\d{3})+(?:\.\d+)?")
_GROUPED_BY_POINTS = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+,\d+|[-+]?\d{1,3}(?:\.\d{3}){2,}")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?")
MOST = 1e12
"""More calls in an interval are a mistake."""


def read_counts(texts: Sequence[str], lines: Sequence[int]) -> Floats:
    """Return the numbers of a column; NaN is not known. Raises Misuse, with the line, for what is no count."""
    values = read_numbers(texts, lines)
    wrong = np.flatnonzero((values < 0) | (values > MOST))
    if wrong.size:
        n = int(wrong[0])
        raise Misuse(
            f"line {lines[n]}: {texts[n][:40]} calls in an interval cannot be; accepted are 0 and more, or an empty cell for what is not known"
        )
    return values


def read_numbers(texts: Sequence[str], lines: Sequence[int]) -> Floats:
    """Return the numbers of a column, of any sign; NaN is not known. Raises Misuse, with the line."""
    if all(map(str.isdecimal, texts)):
        return np.array(texts, dtype=np.float64)
    known: dict[str, float] = {}
    for text, line in zip(texts, lines, strict=True):
        if text in known:
            continue
        value = number(text)
        if value is None:
            raise Misuse(
                f"line {line}: `{text[:40]}` is no number; accepted are 12, 12.5, 1,234 and an empty cell for what is not known"
            )
        known[text] = value
    return np.array([known[text] for text in texts], dtype=np.float64)


def number(text: str) -> float | None:
    """Return the number, NaN for a cell that says nothing, None for what is no number."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if plain.lower() in NOTHING:
        return float("nan")
    if _GROUPED.fullmatch(plain):
        plain = re.sub(r"[,' \u00a0\u202f]", "", plain)
    elif _GROUPED_BY_POINTS.fullmatch(plain):
        plain = plain.replace(".", "").replace(",", ".")
    elif _DECIMAL_COMMA.fullmatch(plain):
        plain = plain.replace(",", ".")
    return float(plain) if _NUMBER.fullmatch(plain) else None
