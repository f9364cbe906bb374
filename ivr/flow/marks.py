"""YAML with a place for every mistake: nodes with line and column, read field by field, problems collected. Pure.

Values are taken as they are written: `no` stays the text "no" and `09:00` no number of base 60, as YAML 1.1 would have it.
What makes YAML dangerous or ambiguous is refused: aliases (the "billion laughs"), tags, duplicate keys, deep nesting, size.
"""

import difflib
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec
import yaml

from hotline.errors import Misuse

SIZE_LIMIT = 256 * 1024
"""Characters of one flow file."""
DEPTH_LIMIT = 12
PROBLEM_LIMIT = 100
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge")
)


class Mark(msgspec.Struct, frozen=True, order=True):
    """A place in a file; both numbers count from 1."""

    line: int
    column: int


class Problem(msgspec.Struct, frozen=True, order=True):
    """One mistake and where it is."""

    mark: Mark
    message: str


class FlowInvalid(Misuse):
    """A call flow has mistakes; `problems` tells all of them, in the order of the file."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = tuple(sorted(set(problems)))
        super().__init__(
            "\n".join(f"{source}:{p.mark.line}:{p.mark.column}: {p.message}" for p in self.problems[:PROBLEM_LIMIT])
        )


def mark_of(node: yaml.Node) -> Mark:
    """Return where `node` begins."""
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)


class _Loader(yaml.SafeLoader):
    """Composes nodes; refuses aliases, tags and deep nesting before they can cost anything."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call] # PyYAML's stubs leave it open
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases (`*name`) are not allowed here", mark)
        if getattr(event, "anchor", None) is not None:
            raise yaml.composer.ComposerError(None, None, "anchors (`&name`) are not allowed here", mark)
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise yaml.composer.ComposerError(None, None, "nested too deeply", mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        if node is not None and node.tag not in _PLAIN_TAGS:
            raise yaml.composer.ComposerError(None, None, f"the tag `{node.tag}` is not allowed", mark)
        return node


def compose(text: str, source: str) -> yaml.Node:
    """Return the root node of one YAML document. Raises FlowInvalid with the one thing that cannot be read."""
    if len(text) > SIZE_LIMIT:
        raise FlowInvalid(source, [Problem(Mark(1, 1), f"larger than {SIZE_LIMIT} characters")])
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        place = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
        raise FlowInvalid(source, [Problem(place, exc.problem or "not valid YAML")]) from exc
    except yaml.reader.ReaderError as exc:
        before = text[: exc.position]
        place = Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise FlowInvalid(source, [Problem(place, "a character that YAML does not allow")]) from exc
    except RecursionError as exc:
        raise FlowInvalid(source, [Problem(Mark(1, 1), "nested too deeply")]) from exc
    if root is None:
        raise FlowInvalid(source, [Problem(Mark(1, 1), "the file is empty")])
    return root


def suggestion(word: str, known: Collection[str]) -> str:
    """Return `, did you mean …?` when `word` is close to a known one, else an empty text."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean `{close[0]}`?" if close else ""


class Notes:
    """The problems found so far."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, node: yaml.Node, message: str) -> None:
        """Note that something is wrong at `node`."""
        self.problems.append(Problem(mark_of(node), message))

    def text(self, node: yaml.Node, what: str) -> str:
        """Return the text of a scalar, as written; notes a problem and returns an empty text otherwise."""
        if not isinstance(node, yaml.ScalarNode):
            self.add(node, f"{what}: a single value is expected here")
            return ""
        return str(node.value)

    def items(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        """Return the members of a list."""
        if not isinstance(node, yaml.SequenceNode):
            self.add(node, f"{what}: a list is expected here")
            return []
        return list(node.value)

    def pairs(self, node: yaml.Node, what: str, *, twice: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """Yield `(key, key node, value node)` of a mapping; a key that stands twice is noted with the text `twice`."""
        if not isinstance(node, yaml.MappingNode):
            self.add(node, f"{what}: names with values (`name: value`) are expected here")
            return
        seen: set[str] = set()
        for key_node, value in node.value:
            key = self.text(key_node, what)
            if key in seen:
                self.add(key_node, twice.format(key=key))
            else:
                seen.add(key)
                yield key, key_node, value


class Fields:
    """The named fields of one mapping; whatever is not taken until `close` is noted as unknown."""

    def __init__(self, node: yaml.Node, what: str, notes: Notes) -> None:
        self.node = node
        self.what = what
        self.notes = notes
        self._taken: set[str] = set()
        self._pairs = {k: (kn, v) for k, kn, v in notes.pairs(node, what, twice="{key}: stands twice")}

    def __contains__(self, key: str) -> bool:
        return key in self._pairs

    def take(self, key: str) -> yaml.Node | None:
        """Return the node of an optional field."""
        self._taken.add(key)
        pair = self._pairs.get(key)
        return pair[1] if pair else None

    def need(self, key: str, why: str = "") -> yaml.Node | None:
        """Return the node of a field that must be there; notes a problem at the mapping when it is not."""
        node = self.take(key)
        if node is None and isinstance(self.node, yaml.MappingNode):
            self.notes.add(self.node, f"{self.what}: `{key}` is missing{why}")
        return node

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """Return a number between `low` and `high`."""
        node = self.take(key)
        if node is None:
            return default
        text = self.notes.text(node, key)
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if low <= value <= high:
            return value
        self.notes.add(node, f"{key}: a number from {low:g} to {high:g} is expected, not `{text[:40]}`")
        return default

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number between `low` and `high`."""
        value = self.number(key, default, low, high)
        node = self.take(key)
        if value != int(value) and node is not None:
            self.notes.add(node, f"{key}: a whole number is expected")
        return int(value)

    def yes(self, key: str, *, default: bool) -> bool:
        """Return a truth value."""
        node = self.take(key)
        if node is None:
            return default
        text = self.notes.text(node, key).lower()
        if text in ("true", "false", "yes", "no"):
            return text in ("true", "yes")
        self.notes.add(node, f"{key}: true or false is expected")
        return default

    def close(self) -> None:
        """Note every field that nobody took."""
        for key, (key_node, _) in self._pairs.items():
            if key not in self._taken:
                self.notes.add(key_node, f"{self.what}: `{key[:60]}` is not known here{suggestion(key, self._taken)}")
