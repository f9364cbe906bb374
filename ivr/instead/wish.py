"""What a caller has said so far who is asked where he wants to be called back (see `callback`). Pure."""

from typing import Literal

import msgspec


class Wish(msgspec.Struct, kw_only=True):
    """An unfinished wish."""

    stage: Literal["offering", "typing"]
    number: str = ""
    """The number in question, as it would be dialled."""
    typed: str = ""
    tries: int = 0
