"""The door to flow files: finds and reads those that the numbers of the settings name. What is in them is read in `flow`."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from hotline.errors import Misuse
from hotline.settings import Settings
from ivr.flow.marks import SIZE_LIMIT
from ivr.flow.model import Flow, QueueStep
from ivr.flow.reading import load_flow
from ivr.speech.naming import LANGUAGES

OWN_FLOWS = Path(__file__).parents[1] / "flows"
"""The flows that come with hotline."""


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """The flows in use. A flow that is missing or wrong is in `problems`; its numbers go to the fallback queue."""

    by_number: Mapping[str, Flow]
    problems: tuple[str, ...] = ()

    @property
    def flows(self) -> tuple[Flow, ...]:
        """Each flow once."""
        return tuple({flow.name: flow for flow in self.by_number.values()}.values())


def flows_directory(settings: Settings) -> Path:
    """Return where flow files are looked for."""
    return Path(settings.ivr.flows_dir) if settings.ivr.flows_dir else OWN_FLOWS


def flow_file(settings: Settings, name: str) -> Path:
    """Return the file of the flow `name`."""
    return flows_directory(settings) / f"{name}.yaml"


def read_flow(file: Path, settings: Settings) -> Flow:
    """Return the flow of a file, checked against the queues and skills of the settings. Raises Misuse with all mistakes."""
    try:
        if file.stat().st_size > 4 * SIZE_LIMIT:  # a character has at most four bytes
            raise Misuse(f"{file}: larger than {SIZE_LIMIT} characters")
        text = file.read_text(encoding="utf-8")
    except OSError as exc:
        raise Misuse(f"{file}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise Misuse(f"{file}: is not UTF-8 (byte {exc.start + 1})") from exc
    skills = (
        {
            skill: max(agent.skills.get(skill, 0) for agent in settings.agents)
            for skill in sorted({skill for agent in settings.agents for skill in agent.skills})
        }
        if settings.agents
        else None
    )
    return load_flow(
        text,
        source=str(file),
        known_queues=[queue.id for queue in settings.queues],
        known_languages=LANGUAGES,
        known_skills=skills,
        language=settings.ivr.language,
        timezone=settings.ivr.timezone,
    )


def read_flows(settings: Settings) -> Library:
    """Return the flow of every number; mistakes are told in `problems`, for the log and for `hotline doctor`."""
    flows: dict[str, Flow] = {}
    problems: dict[str, str] = {}
    for name in dict.fromkeys(number.flow for number in settings.numbers.values()):
        try:
            flow = read_flow(flow_file(settings, name), settings)
        except Misuse as exc:
            problems[name] = str(exc)
            continue
        if flow.name == name:
            flows[name] = flow
        else:
            problems[name] = f"{flow_file(settings, name)}: calls itself `{flow.name}`, expected `{name}`"
    by_number = {n.number: _preferring(flows[n.flow], n.priority) for n in settings.numbers.values() if n.flow in flows}
    return Library(by_number=by_number, problems=tuple(problems.values()))


def _preferring(flow: Flow, priority: int) -> Flow:
    """Return a flow with the priority of a number added to that of each of its queue steps."""
    if not priority:
        return flow
    steps = {
        name: _raised(step, priority) if isinstance(step, QueueStep) else step for name, step in flow.steps.items()
    }
    return msgspec.structs.replace(flow, steps=steps)


def _raised(step: QueueStep, priority: int) -> QueueStep:
    return msgspec.structs.replace(step, priority=max(-100, min(step.priority + priority, 100)))
