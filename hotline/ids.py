"""One type for every kind of identity, so that a type checker refuses to mix them.

All ids are short printable ASCII strings. They are made by us (never from caller text) and are safe in file names,
channel variables, URLs and SQL parameters; `is_safe_id` is the test that every door applies to an id from outside.
"""

import itertools
import os
import re
import struct
from typing import NewType

CallId = NewType("CallId", str)
"""A call from arrival to end; made by the dialplan (`UUID()`), kept on the channel."""

LegId = NewType("LegId", str)
"""One channel of a call, by Asterisk's channel name; meaningful on its node only."""

OfferId = NewType("OfferId", str)
"""One attempt to connect one caller to one agent."""

AgentId = NewType("AgentId", str)
"""A person who answers callers; in the default configuration equal to the extension of the seat."""

Extension = NewType("Extension", str)
"""A seat: the number of a phone that can register."""

QueueId = NewType("QueueId", str)
"""A line of waiting callers."""

RecordingId = NewType("RecordingId", str)
"""One recording; equal to the offer id whose conversation it holds."""

VoicemailId = NewType("VoicemailId", str)
"""One message of a caller."""

SupervisionId = NewType("SupervisionId", str)
"""One time that a supervisor listens to an agent's conversation; also the id of his channel in Asterisk."""

CallbackId = NewType("CallbackId", str)
"""A caller's wish to be called back. The calls that are made for it are named `ID.1`, `ID.2` …"""

NodeId = NewType("NodeId", str)
"""One Asterisk."""

CustomerId = NewType("CustomerId", str)
"""A person or company known to the CRM."""

FactId = NewType("FactId", str)
"""One fact; unique for ever, ordered roughly by time."""

PlayId = NewType("PlayId", str)
"""One request to play prompts; lets a late "finished" be told from a current one."""

_COUNTER_BITS = 20
_made = itertools.count()
_DRAWN = struct.Struct("<256Q")
_random: list[int] = []
"""Random numbers that are not used yet: asking the system for each would cost more than all the rest of an id."""
os.register_at_fork(after_in_child=_random.clear)
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


def is_safe_id(text: str) -> bool:
    """Return whether `text` may be used as an id: 1 to 100 characters of `A-Z a-z 0-9 . _ : -`, not starting with a sign."""
    return _SAFE.fullmatch(text) is not None


def new_fact_id(at: float) -> FactId:
    """Return a fresh fact id, in the layout of UUID version 7 (RFC 9562): its text order follows the time `at` (seconds since 1970).

    Ids of one process and one millisecond follow the order in which they were made: a counter stands before the random
    part (method 1 of RFC 9562, section 6.2). It starts anew with each process and wraps after a million ids.
    """
    milliseconds = int(at * 1000) & ((1 << 48) - 1)
    counted = next(_made) & ((1 << _COUNTER_BITS) - 1)
    low_bits = 74 - _COUNTER_BITS
    if not _random:
        _random.extend(_DRAWN.unpack(os.urandom(_DRAWN.size)))
    tail = counted << low_bits | _random.pop() & ((1 << low_bits) - 1)
    value = milliseconds << 80 | 0x7 << 76 | (tail >> 62) << 64 | 0b10 << 62 | (tail & ((1 << 62) - 1))
    text = f"{value:032x}"  # as `str(UUID(int=value))` writes it, in a fifth of the time
    return FactId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")
