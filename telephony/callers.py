"""What a caller's SIP `From` header says about him, made harmless. Pure.

The dialplan hands the raw header over in base64, so that no byte of it can be taken for a part of the AMI protocol.
Syntax: RFC 3261, section 20.10: `"Display Name" <sip:user@host>;tag=…`, or `sip:user@host`.
"""

import base64
import binascii
import re

from hotline.text import clean_name, clean_number

_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*<', re.DOTALL)
_USER = re.compile(r"<?sips?:([^@>;]*)@", re.IGNORECASE)
_TOKENS = re.compile(r"\s*([^<\"]*?)\s*<", re.DOTALL)


def display_name(packed: str) -> str:
    """Return the cleaned display name of a base64-packed From header; empty when there is none or it is unreadable."""
    raw = _unpack(packed)
    match = _QUOTED.match(raw) or _TOKENS.match(raw)
    if match is None:
        return ""
    name = re.sub(r"\\(.)", r"\1", match.group(1), flags=re.DOTALL)
    return clean_name(name.replace("\N{REPLACEMENT CHARACTER}", " "))


def number(packed: str) -> str:
    """Return the caller's number from a base64-packed From header, `0-9+*#` only; empty when there is none."""
    match = _USER.search(_unpack(packed))
    return clean_number(match.group(1)) if match else ""


def _unpack(packed: str) -> str:
    try:
        return base64.b64decode(packed, validate=True).decode("utf-8", errors="replace")
    except (binascii.Error, ValueError):
        return ""
