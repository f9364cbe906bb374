"""The Asterisk Manager Interface as bytes: an incremental decoder for what Asterisk says, an encoder for what we say. Pure.

It decides what a message is and which messages are **poison**: not to be trusted, dropped by the caller, counted, and
followed by a new snapshot. It does not know what an event means (`messages.py`) and owns no connection (`guard.py`).

The format, as Asterisk 22 writes it: one banner line; then messages, each a run of `Name: value` lines with an empty line
at the end. A line ends with CR LF and with nothing else: Asterisk never ends a line with a bare LF, but it does print
values that contain one (the `Data:` of a `Status` event shows a channel's application data as it is), so a bare CR or LF
is part of the value. Were it a line end, whoever chooses such a value could forge headers. A CR LF inside a value
(`Variable:`, user-event fields) cannot be told from a real line end; forging one of Asterisk's own headers with it makes
a duplicate, which is poison.

What comes out depends on the bytes only, not on how reads cut them: a message is decoded when its end has arrived, and
bytes that are not UTF-8 become U+FFFD then.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

import msgspec

from hotline.errors import Misuse

BANNER = b"Asterisk Call Manager/"
_END = b"\r\n\r\n"

REPEATABLE = frozenset({"variable", "chanvariable", "destchanvariable", "output"})
"""Lower-case names of the headers that may occur more than once in a message."""

HEADS_LIMIT = 200
SHAPES_PER_HEAD = 4
SHAPE_HEADERS = 100
HEAD_CHARACTERS = 100
"""How many first lines a decoder remembers patterns for, how many for each, and how long these may be."""

SENT_LINE_LIMIT = 1022
"""Bytes of one line towards Asterisk, without its end: a longer one is dumped by its 1,024-byte input buffer (tried on 22.10.1)."""

SENT_HEADERS_LIMIT = 127
"""Headers of one action beside `Action` itself: Asterisk ignores what comes after 128."""

_SENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_() -]{0,78}[A-Za-z0-9_()]|[A-Za-z0-9]")
_FORBIDDEN = re.compile(r"[\r\n\0]")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the decoder accepts; beyond it the message, or the whole stream, is poison."""

    banner_bytes: int = 256
    message_bytes: int = 1_048_576
    """Without the end of a message in this many bytes the stream is given up: memory stays bounded."""
    line_characters: int = 65_536
    headers: int = 1_000


class Shape:
    """The header names of a message. Asterisk writes few different ones, so what follows from the names is found once for each."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.keys = tuple(name.lower() for name in names)
        self.first: dict[str, int] = {}
        """Lower-case name -> where it occurs first."""
        self.duplicate = ""
        """A header that occurs again and may not."""
        for at, key in enumerate(self.keys):
            if self.first.setdefault(key, at) != at and key not in REPEATABLE:
                self.duplicate = self.duplicate or key
        self.is_event = self.keys[0] == "event"
        self.is_message = self.keys[0] in ("event", "response")

    def pattern(self) -> re.Pattern[str]:
        """Return what matches a whole message with these names, and gives its values; except values with a LF (`.` is anything but that)."""
        return re.compile("\r\n".join(f"{re.escape(name)}: (.*)" for name in self.names))


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message: its header names and their values, in order."""

    shape: Shape
    values: tuple[str, ...]

    @property
    def is_event(self) -> bool:
        """Whether this is an event; otherwise it is the response to an action."""
        return self.shape.is_event

    @property
    def name(self) -> str:
        """The event's name, or the word after `Response:`."""
        return self.values[0]

    @property
    def action_id(self) -> str:
        """The id of the action this belongs to, or an empty text."""
        return self.get("actionid")

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Every header as Asterisk wrote it: name and value, in order."""
        return tuple(zip(self.shape.names, self.values, strict=True))

    def get(self, name: str, default: str = "") -> str:
        """Return the (first) value of a header, whatever the case of its name."""
        at = self.shape.first.get(name.lower())
        return default if at is None else self.values[at]

    def all(self, name: str) -> list[str]:
        """Return every value of a header, in order."""
        wanted = name.lower()
        return [value for key, value in zip(self.shape.keys, self.values, strict=True) if key == wanted]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self.shape.first

    def __repr__(self) -> str:
        return f"<{self.shape.names[0]} {self.name}>"  # values may be personal

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self.pairs == other.pairs

    def __hash__(self) -> int:
        return hash(self.values)


class Poison(msgspec.Struct, frozen=True, kw_only=True):
    """Something that must not be trusted. `fatal`: the stream has lost its frame, nothing after it can be read."""

    reason: str
    """A short word: `duplicate_header`, `missing_header`, `bad_line`, `not_a_message`, `too_many_headers`, `line_too_long`,
    `message_too_long`, `not_asterisk`; from the link also `bad_value`, `before_login`, `our_error`."""
    detail: str = ""
    """The name of the header or event concerned; never a value."""
    action_id: str = ""
    """The action whose response this was, if it was one."""
    fatal: bool = False


class Decoder:
    """Turns the bytes of one connection into messages.

    `required` maps lower-case event names to the lower-case names of headers without which the event is poison.
    """

    def __init__(
        self,
        *,
        required: Mapping[str, frozenset[str]] = MappingProxyType({}),
        limits: Limits | None = None,
        expect_banner: bool = True,
    ) -> None:
        self.version: str | None = None if expect_banner else ""
        """What the banner said after the slash; None until it came."""
        self.dead = False
        """Whether a fatal poison came; everything after it is ignored."""
        self._required = required
        self._limits = limits or Limits()
        self._buffer = bytearray()
        self._searched = 0
        self._known: dict[str, list[tuple[re.Pattern[str], Shape]]] = {}
        """First line (so, event name) of good messages -> their patterns."""

    def feed(self, data: bytes) -> list[Message | Poison]:
        """Take the next bytes and return what is complete now, in order."""
        if self.dead:
            return []
        self._buffer += data
        if self.version is None and not self._take_banner():
            return [self._give_up("not_asterisk")] if self.dead else []
        return self._take_messages()

    @property
    def buffered_bytes(self) -> int:
        """How much is kept of a message whose end has not come."""
        return len(self._buffer)

    def _take_banner(self) -> bool:
        """Read the banner line; return whether it is there. Sets `dead` when it cannot be one."""
        buffer = self._buffer
        end = buffer.find(b"\r\n")
        if end < 0 and len(buffer) < self._limits.banner_bytes + 2:
            self.dead = not BANNER.startswith(bytes(buffer[: len(BANNER)]))
            return False
        if not buffer.startswith(BANNER) or not 0 <= end <= self._limits.banner_bytes:
            self.dead = True
            return False
        self.version = buffer[len(BANNER) : end].decode("ascii", "replace")
        del buffer[: end + 2]
        return True

    def _take_messages(self) -> list[Message | Poison]:
        buffer, limit = self._buffer, self._limits.message_bytes
        found: list[Message | Poison] = []
        if buffer.find(_END, self._searched) >= 0:
            *complete, self._buffer = buffer.split(_END)
            for lines in complete:
                if len(lines) > limit:
                    found.append(self._give_up("message_too_long"))
                    return found
                text = lines.decode("utf-8", "replace").removeprefix("\r\n")  # an empty line too many is no message
                if text:
                    found.append(self._read(text))
        if len(self._buffer) >= limit + len(_END):
            found.append(self._give_up("message_too_long"))
        # The end may have begun in the last three bytes.
        self._searched = max(len(self._buffer) - 3, 0)
        return found

    def _give_up(self, reason: str) -> Poison:
        self.dead = True
        self._buffer = bytearray()
        return Poison(reason=reason, fatal=True)

    def _read(self, text: str) -> Message | Poison:
        """Read one message. One that looks like an earlier good one is recognised by a pattern, which is twice as fast as reading it line by line."""
        if len(text) <= self._limits.line_characters:
            for pattern, shape in self._known.get(text[: text.find("\r\n")], ()):
                if match := pattern.fullmatch(text):
                    return Message(shape, match.groups())
        return self._read_lines(text.split("\r\n"))

    def _read_lines(self, lines: list[str]) -> Message | Poison:
        names: list[str] = []
        values: list[str] = []
        for line in lines:
            name, colon, value = line.partition(": ")
            if not colon:
                if not line.endswith(":"):
                    return Poison(reason="bad_line", detail=_shown(lines[0]))
                name = line[:-1]
            names.append(name)
            values.append(value)
        shape = Shape(tuple(names))
        poison = self._refuse(shape, values)
        if poison is not None:
            return poison
        self._remember(lines[0], shape)
        return Message(shape, tuple(values))

    def _remember(self, head: str, shape: Shape) -> None:
        """Keep the pattern of a good message under its first line; what the peer can make us keep is bounded."""
        known = self._known.get(head, [])
        full = len(known) >= SHAPES_PER_HEAD or (not known and len(self._known) >= HEADS_LIMIT)
        if full or len(head) > HEAD_CHARACTERS or len(shape.names) > SHAPE_HEADERS:
            return
        if all(shape.names != other.names for _, other in known):
            self._known[head] = [*known, (shape.pattern(), shape)]

    def _refuse(self, shape: Shape, values: Sequence[str]) -> Poison | None:
        """Return why a message is poison, or None."""
        limits = self._limits
        if not shape.is_message or not values[0]:
            return Poison(reason="not_a_message", detail=_shown(shape.names[0]))
        if shape.duplicate:
            action_id = "" if shape.is_event else Message(shape, tuple(values)).action_id
            return Poison(reason="duplicate_header", detail=_shown(shape.duplicate), action_id=action_id)
        if len(values) > limits.headers:
            return Poison(reason="too_many_headers", detail=_shown(values[0]))
        if max(len(n) + len(v) for n, v in zip(shape.names, values, strict=True)) > limits.line_characters:
            return Poison(reason="line_too_long", detail=_shown(values[0]))
        missing = self._required.get(values[0].lower(), frozenset()) - shape.first.keys() if shape.is_event else None
        return Poison(reason="missing_header", detail=f"{_shown(values[0])}.{min(missing)}") if missing else None


def _shown(name: str) -> str:
    """Return a name fit for a log."""
    return name if name.isprintable() and len(name) <= 80 else "?"


Header = tuple[str, str | Sequence[str]]


def encode_action(name: str, headers: Iterable[Header] | Mapping[str, str | Sequence[str]]) -> bytes:
    """Return the bytes of an action; a sequence of values repeats its header.

    Raises Misuse for what Asterisk would misread: CR, LF or NUL anywhere (they would inject a header or an action), an
    odd or second header name, a second `Action`, a line or a number of headers beyond Asterisk's limits.
    """
    lines = [_line("Action", name)]
    seen = {"action"}
    for header, value in headers.items() if isinstance(headers, Mapping) else headers:
        if header.lower() in seen:
            raise Misuse(f"AMI action {name!r}: header {header!r} stands twice")
        seen.add(header.lower())
        lines.extend(_line(header, v) for v in ([value] if isinstance(value, str) else value))
    if len(lines) > SENT_HEADERS_LIMIT + 1:
        raise Misuse(f"AMI action {name!r}: more than {SENT_HEADERS_LIMIT} headers")
    return b"\r\n".join(lines) + _END


@lru_cache(maxsize=256)
def _is_name(name: str) -> bool:
    """Return whether this can be a header's name; few different ones are ever sent."""
    return _SENT_NAME.fullmatch(name) is not None


def _line(name: str, value: str) -> bytes:
    if not _is_name(name):
        raise Misuse(f"AMI header name {name[:40]!r}: use letters, digits, `-`, `_`, `()` and inner spaces")
    if _FORBIDDEN.search(value) is not None:
        raise Misuse(f"AMI header {name}: the value holds CR, LF or NUL")
    try:
        line = f"{name}: {value}".encode()
    except UnicodeEncodeError as exc:
        raise Misuse(f"AMI header {name}: the value is not valid Unicode") from exc
    if len(line) > SENT_LINE_LIMIT:
        raise Misuse(f"AMI header {name}: {len(line)} bytes, Asterisk reads {SENT_LINE_LIMIT}")
    return line
