"""Reads a call flow from YAML and refuses a wrong one with every mistake at once, each with its line and column. Pure.

The parts of a step are read in `parts`, each kind of step in `kinds`; whether the steps form a sound flow is decided in `checks`.
"""

import hashlib
from collections.abc import Collection

import yaml

from ivr.flow.checks import check_graph
from ivr.flow.kinds import KINDS
from ivr.flow.marks import Fields, FlowInvalid, Mark, Notes, compose, mark_of, suggestion
from ivr.flow.model import Flow, Prompt, Step
from ivr.flow.parts import Reader, Surroundings

STEPS_LIMIT = 200
"""Steps of one flow."""


def load_flow(
    text: str,
    *,
    source: str,
    known_queues: Collection[str],
    known_languages: Collection[str],
    known_skills: Collection[str] | None = None,
    language: str = "",
    timezone: str = "Asia/Shanghai",
) -> Flow:
    """Return the flow that `text` describes.

    `source` names the file in messages. `language` and `timezone` count where the flow names none; `known_skills=None`
    accepts every skill. Raises FlowInvalid with all mistakes.
    """
    around = Surroundings(
        queues=known_queues, languages=tuple(known_languages), skills=known_skills, language=language, timezone=timezone
    )
    notes = Notes()
    reader = Reader(notes, around)
    top = Fields(compose(text, source), "flow", notes)
    flow, start = _read(top, reader, hashlib.sha256(text.encode()).hexdigest()[:12])
    if not notes.problems:
        notes.problems += check_graph(flow, reader.marks, start)
    if notes.problems:
        raise FlowInvalid(source, notes.problems)
    return flow


def _read(top: Fields, reader: Reader, version: str) -> tuple[Flow, Mark]:
    """Return the flow and where its start is named."""
    reader.name = reader.word(top.need("flow"), "flow")
    reader.languages = _languages(top, reader)
    reader.timezone = top.take("timezone")
    language_node = top.take("language")
    start_node = top.need("start", ": it names the first step")
    steps = _steps(top, reader)
    announcements = _announcements(top, reader)
    reader.step = ""
    flow = Flow(
        name=reader.name,
        version=version,
        languages=reader.languages,
        language=reader.language(language_node, "language") or _default_language(reader),
        start=reader.target(start_node, "start"),
        steps=steps,
        announcements=announcements,
    )
    top.close()
    return flow, mark_of(start_node) if start_node is not None else Mark(1, 1)


def _default_language(reader: Reader) -> str:
    return reader.around.language if reader.around.language in reader.languages else reader.languages[0]


def _languages(top: Fields, reader: Reader) -> tuple[str, ...]:
    node = top.take("languages")
    if node is None:
        return reader.around.languages
    found: list[str] = []
    for item in reader.notes.items(node, "languages"):
        language = reader.notes.text(item, "languages")
        if language not in reader.around.languages:
            reader.notes.add(item, f"languages: `{language[:20]}` is not one of {', '.join(reader.around.languages)}")
        elif language in found:
            reader.notes.add(item, f"languages: `{language}` stands twice")
        else:
            found.append(language)
    if not found:
        reader.notes.add(node, "languages: at least one is needed")
    return tuple(found) or reader.around.languages


def _steps(top: Fields, reader: Reader) -> dict[str, Step]:
    node = top.need("steps")
    if node is None:
        return {}
    pairs = list(reader.notes.pairs(node, "steps", twice="step `{key}` stands twice"))
    if isinstance(node, yaml.MappingNode) and not pairs:
        reader.notes.add(node, "steps: at least one is needed")
    if len(pairs) > STEPS_LIMIT:
        reader.notes.add(node, f"steps: at most {STEPS_LIMIT} are allowed")
        return {}
    reader.known = {key for key, _, _ in pairs}
    steps: dict[str, Step] = {}
    for key, key_node, value in pairs:
        reader.step = reader.word(key_node, "step")
        reader.marks[key, ""] = mark_of(key_node)
        step = _step(value, reader)
        if step is not None:
            steps[key] = step
    return steps


def _announcements(top: Fields, reader: Reader) -> dict[str, Prompt]:
    """Return the flow's own announcements; their recordings are called `<flow>.announce.<name>`."""
    node = top.take("announcements")
    if node is None:
        return {}
    reader.step = "announce"
    fields = Fields(node, "announcements", reader.notes)
    found: dict[str, Prompt] = {}
    for key, key_node, _ in reader.notes.pairs(node, "announcements", twice="announcement `{key}` stands twice"):
        found[reader.word(key_node, "announcements")] = reader.prompt(fields, key, needed=True)
    return found


def _step(node: yaml.Node, reader: Reader) -> Step | None:
    fields = Fields(node, f"step `{reader.step}`", reader.notes)
    kind_node = fields.need("kind", f" ({', '.join(KINDS)})")
    if kind_node is None:
        return None
    kind = reader.notes.text(kind_node, "kind")
    read = KINDS.get(kind)
    if read is None:
        reader.notes.add(kind_node, f"kind: `{kind[:40]}` is none of {', '.join(KINDS)}{suggestion(kind, KINDS)}")
        return None
    step = read(reader, fields)
    fields.close()
    return step
