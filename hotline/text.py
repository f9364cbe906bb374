"""Text that came from outside, made harmless. Pure.

Callers choose every byte of their name and number, so both are rebuilt here before anybody stores, shows or sends them.
"""

import unicodedata

NAME_LIMIT = 60
NUMBER_LIMIT = 32
_NUMBER_CHARACTERS = frozenset("0123456789+*#")
# Letters, marks, numbers, and the signs that occur in names of people and companies. Not
# `" < > [ ] $ { } | = @ ; % ` \\ + ! ? ~ ^`: they mean something to Asterisk, SIP, HTML, shells or spreadsheets.
_NAME_SIGNS = frozenset(" .,-_'&()/·・")
_FORMULA_STARTS = "=+-@ ."


def clean_name(raw: str, limit: int = NAME_LIMIT) -> str:
    """Return a display name that is safe to store, log, show and send.

    Unicode NFKC; letters, marks, digits and a few signs stay, everything else becomes a space; runs of spaces
    shrink to one; a start that a spreadsheet would take for a formula goes; at most `limit` characters.
    """
    text = unicodedata.normalize("NFKC", raw[: 8 * limit])
    kept = (c if _is_name_character(c) else " " for c in text)
    return " ".join("".join(kept).split()).lstrip(_FORMULA_STARTS)[:limit].strip()


def _is_name_character(character: str) -> bool:
    return character in _NAME_SIGNS or unicodedata.category(character)[0] in "LMN"


def clean_number(raw: str, limit: int = NUMBER_LIMIT) -> str:
    """Return a caller's number with `0-9+*#` only, or an empty text when it is longer than `limit` or nothing is left.

    A text of absurd length gives an empty text, not the number that its beginning happens to hold.
    """
    if len(raw) > 4 * limit:
        return ""
    kept = "".join(c for c in raw if c in _NUMBER_CHARACTERS)
    return kept if len(kept) <= limit else ""


def mask_number(number: str) -> str:
    """Return a number for logs: all but the last three digits hidden."""
    return "*" * max(len(number) - 3, 0) + number[-3:] if len(number) > 3 else "***"
