"""Reads the parts that steps are made of: names of steps, digits with targets, prompts. Pure."""

import re
from collections.abc import Callable, Collection

import msgspec
import yaml

from hotline.ids import is_safe_id
from ivr.flow.marks import Fields, Mark, Notes, mark_of, suggestion
from ivr.flow.model import Prompt, Say, Sound

TEXT_LIMIT = 500
"""Characters of one spoken text."""
SOUNDS_LIMIT = 12
"""Sounds of one prompt."""
FALLBACK_LIMIT = 6
"""Sounds that stand in for one text."""
CODES_LIMIT = 200
"""Choices of one step."""
_SOUND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*){0,5}")


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow may refer to, and what counts where it says nothing."""

    queues: Collection[str]
    languages: tuple[str, ...]
    skills: Collection[str] | None = None
    """None: skills are not checked."""
    language: str = ""
    timezone: str = "Asia/Shanghai"


class Reader:
    """What is known while a file is read; `marks` remembers where each step and each of its exits stands."""

    def __init__(self, notes: Notes, around: Surroundings) -> None:
        self.notes = notes
        self.around = around
        self.marks: dict[tuple[str, str], Mark] = {}
        """(step, exit) -> place; exit "" is the step itself."""
        self.name = ""
        """Of the flow."""
        self.languages = around.languages
        self.timezone: yaml.Node | None = None
        """The flow's own time zone."""
        self.known: set[str] = set()
        """The names of all steps."""
        self.step = ""
        """The step that is being read."""

    def word(self, node: yaml.Node | None, what: str) -> str:
        """Return a text that is safe as an id."""
        text = self.notes.text(node, what) if node is not None else ""
        if node is not None and text and not is_safe_id(text):
            self.notes.add(node, f"{what}: `{text[:40]}` may have letters, digits and . _ : - only (100 at most)")
        return text

    def target(self, node: yaml.Node | None, label: str) -> str:
        """Return the name of a step that another one leads to."""
        name = self.notes.text(node, label) if node is not None else ""
        if node is not None:
            self.marks[self.step, label] = mark_of(node)
            if name not in self.known:
                self.notes.add(node, f"{label}: there is no step `{name[:60]}`{suggestion(name, self.known)}")
        return name

    def exit(self, fields: Fields, label: str) -> str:
        """Return a way out that the step must have."""
        return self.target(fields.need(label, ": without it the step is a dead end"), label)

    def choices(self, fields: Fields, label: str, allowed: Callable[[str], str]) -> dict[str, str]:
        """Return digits -> next step; `allowed` says what is wrong with digits, or nothing."""
        node = fields.need(label)
        if node is None:
            return {}
        found: dict[str, str] = {}
        for digits, digits_node, value in self.notes.pairs(node, label, twice="{key}: these digits are used twice"):
            wrong = allowed(digits)
            if wrong:
                self.notes.add(digits_node, f"{label}: {wrong}")
            found[digits] = self.target(value, f"{label}.{digits}")
        if isinstance(node, yaml.MappingNode) and not node.value:
            self.notes.add(node, f"{label}: at least one is needed")
        if len(found) > CODES_LIMIT:
            self.notes.add(node, f"{label}: at most {CODES_LIMIT} are allowed")
        return found

    def prompt(self, fields: Fields, field: str, *, needed: bool = False) -> Prompt:
        """Return a prompt: a list of texts and sounds."""
        node = fields.need(field) if needed else fields.take(field)
        if node is None:
            return ()
        items: list[Say | Sound] = []
        for position, item in enumerate(self.notes.items(node, field), start=1):
            part = self.prompt_item(item, field, position)
            if part is not None:
                items.append(part)
        if needed and isinstance(node, yaml.SequenceNode) and not node.value:
            self.notes.add(node, f"{field}: nothing would be played")
        sounds = sum(len(item.texts) if isinstance(item, Say) and item.every else 1 for item in items)
        if sounds > SOUNDS_LIMIT:
            self.notes.add(node, f"{field}: at most {SOUNDS_LIMIT} sounds are allowed")
        return tuple(items)

    def prompt_item(self, node: yaml.Node, field: str, position: int) -> Say | Sound | None:
        fields = Fields(node, field, self.notes)
        say, say_all, sound, fallback = (fields.take(k) for k in ("say", "say_all", "sound", "fallback"))
        fields.close()
        given = [n for n in (say, say_all, sound) if n is not None]
        if len(given) != 1:
            self.notes.add(node, f"{field}: each entry is one of `say`, `say_all` or `sound`")
            return None
        if sound is not None:
            return Sound(name=self.sound(sound, "sound"))
        parts = (self.name, self.step, "" if field == "prompt" else field.removesuffix("_prompt"))
        name = ".".join(p for p in (*parts, "" if position == 1 else str(position)) if p)
        return Say(
            name=name,
            texts=self.texts(given[0]),
            every=say_all is not None,
            fallback=self.fallback(fallback),
        )

    def fallback(self, node: yaml.Node | None) -> tuple[str, ...]:
        if node is None:
            return ("beep",)
        items = self.notes.items(node, "fallback") if isinstance(node, yaml.SequenceNode) else [node]
        if not 1 <= len(items) <= FALLBACK_LIMIT:
            self.notes.add(node, f"fallback: 1 to {FALLBACK_LIMIT} sounds are expected")
        return tuple(self.sound(item, "fallback") for item in items)

    def sound(self, node: yaml.Node, what: str) -> str:
        name = self.notes.text(node, what)
        if _SOUND.fullmatch(name) is None or len(name) > 100:
            self.notes.add(node, f"{what}: `{name[:40]}` is no name of a sound (letters, digits, _ - and /)")
        return name

    def texts(self, node: yaml.Node) -> dict[str, str]:
        found: dict[str, str] = {}
        for language, key_node, value in self.notes.pairs(node, "say", twice="{key}: this language stands twice"):
            if language not in self.languages:
                self.notes.add(key_node, f"say: `{language}` is not a language of this flow")
            text = " ".join(self.notes.text(value, "say").split())
            if not text and isinstance(value, yaml.ScalarNode):
                self.notes.add(value, f"say: the text in `{language}` is empty")
            if len(text) > TEXT_LIMIT or not text.isprintable():
                self.notes.add(value, f"say: at most {TEXT_LIMIT} printable characters are allowed")
            found[language] = text
        missing = [language for language in self.languages if language not in found]
        if missing and isinstance(node, yaml.MappingNode):
            self.notes.add(node, f"say: the text in {', '.join(f'`{m}`' for m in missing)} is missing")
        return {**found, **dict.fromkeys(missing, "")}

    def language(self, node: yaml.Node | None, what: str) -> str:
        text = self.notes.text(node, what) if node is not None else ""
        if node is not None and text and text not in self.languages:
            self.notes.add(node, f"{what}: `{text}` is not a language of this flow ({', '.join(self.languages)})")
        return text
