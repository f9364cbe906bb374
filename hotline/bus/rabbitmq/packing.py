"""Several facts in one message, and back. Pure.

What a broker does, it does per message: a write to disk, a confirmation, an acknowledgement. So facts that wait together travel
together, one line of JSON for each, in the order they were told. Each keeps its own identity: a line that cannot be read is put
aside alone, and the others of its message are as good as ever. Facts of different ages go different ways and are not mixed.
"""

from collections.abc import Callable, Iterable

import msgspec

from hotline.codec import encode
from hotline.facts import Envelope
from hotline.ids import FactId

FACTS_MAX = 100
BYTES_MAX = 64 * 1024
"""A message is full once it has so many bytes."""

Age = Callable[[int, Envelope], str]
"""(number, envelope) -> the age of a fact, see `topology`."""


class Pack(msgspec.Struct, kw_only=True):
    """What one message carries."""

    age: str
    first: FactId
    source: str
    type: str
    """The type of its only fact, or `facts`."""
    numbers: list[int]
    lines: list[bytes]

    @property
    def body(self) -> bytes:
        """The body of the message."""
        return b"\n".join(self.lines)


def pack(facts: Iterable[tuple[int, Envelope]], age_of: Age) -> list[Pack]:
    """Put numbered facts into messages, in order."""
    packs: list[Pack] = []
    room = 0
    for number, envelope in facts:
        age, line = age_of(number, envelope), encode(envelope)
        last = packs[-1] if packs else None
        if last is None or room <= 0 or age != last.age or envelope.source != last.source:
            packs.append(_first(number, envelope, age, line))
            room = BYTES_MAX - len(line)
            continue
        last.type = "facts"
        last.numbers.append(number)
        last.lines.append(line)
        room = 0 if len(last.lines) >= FACTS_MAX else room - len(line)
    return packs


def _first(number: int, envelope: Envelope, age: str, line: bytes) -> Pack:
    kind = type(envelope.fact).__name__
    return Pack(age=age, first=envelope.fact_id, source=envelope.source, type=kind, numbers=[number], lines=[line])


def unpack(body: bytes) -> list[bytes]:
    """Return the facts of a message, each as it was written, readable or not."""
    return body.split(b"\n")
