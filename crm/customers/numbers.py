"""When are two written telephone numbers the same number? Pure.

Trunks present callers as `+8613800138000`, `008613800138000`, `8613800138000`, `13800138000` or `02161234567`; people write
them down in as many ways. `comparable` turns them into one form: digits with the country code, no plus. A number that is neither
international nor national (an extension, a short code) stays as it is. The rules are ITU-T E.164 with the international
prefix `00` and the trunk prefix `0`; Chinese mobile numbers (eleven digits, first 1) are dialled without a trunk prefix.
"""

import re
import unicodedata

from hotline.text import clean_number

SHORT = 7
"""A number with fewer digits is an extension or a short code: it has one spelling."""

_MOBILE_CN = re.compile(r"1[3-9][0-9]{9}")


def cleaned(raw: str) -> str:
    """Return what was typed as `0-9+*#`, full-width digits too; empty when nothing usable is left."""
    return clean_number(unicodedata.normalize("NFKC", raw[:200]))


def comparable(raw: str, country: str) -> str:
    """Return the one form of a number that all its spellings share; empty when there is no number in `raw`."""
    number = cleaned(raw)
    if not number.strip("+") or "*" in number or "#" in number:
        return number.strip("+")
    if number.startswith("+"):
        return number[1:].replace("+", "")
    if number.startswith("00"):
        return number[2:].replace("+", "")
    number = number.replace("+", "")
    if number.startswith("0"):
        return country + number[1:]
    if country == "86" and _MOBILE_CN.fullmatch(number):
        return country + number
    return number


def spellings(raw: str, country: str) -> list[str]:
    """Return the ways in which a trunk may present this number, for a search among numbers as presented."""
    key = comparable(raw, country)
    found = {cleaned(raw), key} - {""}
    if len(key) >= SHORT and key.isdigit():
        found |= {"+" + key, "00" + key}
        if key.startswith(country):
            national = key[len(country) :]
            found.add("0" + national)
            if country == "86" and _MOBILE_CN.fullmatch(national):
                found.add(national)
    return sorted(found)
