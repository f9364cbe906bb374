"""What a call flow is: steps that lead to each other, and the prompts they play. Pure records; `flow` reads them.

A flow is a graph. `exits` names the ways out of a step; a **passive** exit is one that a caller who does nothing takes
sooner or later. The passive exits of a good flow form no loop (`checks` sees to it), so such a caller always reaches a
queue, a goodbye or the fallback.
"""

from collections.abc import Iterator, Mapping

import msgspec

from hotline.hours import Hours
from hotline.ids import QueueId


class Say(msgspec.Struct, frozen=True, kw_only=True):
    """A text that is spoken: by a generated voice, or by the operator's own recording."""

    name: str
    """Of the operator's recording that replaces the generated one: `<flow>.<step>[.<field>][.<position>]`."""
    texts: Mapping[str, str]
    """Language -> text."""
    every: bool = False
    """Spoken in every language one after the other, not only in the caller's."""
    fallback: tuple[str, ...] = ("beep",)
    """The Asterisk sounds to play where no voice can be had."""


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """A sound that comes with Asterisk, the same in every language."""

    name: str


Prompt = tuple[Say | Sound, ...]


class PlayStep(msgspec.Struct, frozen=True, kw_only=True):
    """Plays a prompt and goes on. A digit skips it (unless `interrupt` is false) and is kept for the next menu."""

    prompt: Prompt
    next: str
    interrupt: bool = True


class _AskStep(msgspec.Struct, frozen=True, kw_only=True):
    """What every step has that asks for digits."""

    prompt: Prompt
    timeout_s: float
    """How long to wait for the first digit after the prompt, and for each further one."""
    retries: int
    """How often the prompt is repeated after no digit or wrong ones."""
    on_timeout: str
    on_invalid: str
    timeout_prompt: Prompt = ()
    """Played before a repetition, after no digit."""
    invalid_prompt: Prompt = ()
    """Played before a repetition, after wrong digits."""


class MenuStep(_AskStep, frozen=True, kw_only=True):
    """Asks for one digit."""

    keys: Mapping[str, str]
    """Digit -> next step."""


class CollectStep(_AskStep, frozen=True, kw_only=True):
    """Asks for a code of several digits and branches by it. What was typed is never told to anybody: it may be secret."""

    codes: Mapping[str, str]
    """Code -> next step."""
    otherwise: str
    """The next step for a complete code that is not listed; empty: it counts as a wrong one."""
    min_digits: int
    max_digits: int
    terminator: str
    """The key that ends the code early."""


class HoursStep(msgspec.Struct, frozen=True, kw_only=True):
    """Branches by the time of the week."""

    hours: Hours
    open: str
    closed: str


class LanguageStep(msgspec.Struct, frozen=True, kw_only=True):
    """Changes the language of the call, by the caller's choice."""

    language: str
    next: str


class QueueStep(msgspec.Struct, frozen=True, kw_only=True):
    """Puts the caller into a line; music plays after the announcement."""

    queue_id: QueueId
    priority: int = 0
    skills: tuple[str, ...] = ()
    levels: tuple[tuple[str, int], ...] = ()
    """The least levels of those that need more than the first."""
    announce: Prompt = ()
    after: str = ""
    """Where a caller goes who stays on the line after the agent has hung up; empty: hang up."""


class GoodbyeStep(msgspec.Struct, frozen=True, kw_only=True):
    """Plays a prompt and hangs up."""

    prompt: Prompt


class HangupStep(msgspec.Struct, frozen=True, kw_only=True):
    """Hangs up."""

    reason: str = "normal"


class ReleaseStep(msgspec.Struct, frozen=True, kw_only=True):
    """Hands the caller to the fallback queue of Asterisk."""

    reason: str = "flow"


Asking = MenuStep | CollectStep
Step = PlayStep | MenuStep | CollectStep | HoursStep | LanguageStep | QueueStep | GoodbyeStep | HangupStep | ReleaseStep


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """One way out of a step."""

    label: str
    """As the file says it: `next`, `keys.1`, `on_timeout` …"""
    target: str
    passive: bool = False
    """Whether a caller who does nothing takes it."""


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A checked call flow."""

    name: str
    version: str
    """The first 12 hexadecimal digits of the SHA-256 of its file."""
    languages: tuple[str, ...]
    language: str
    """Spoken until the caller chooses, or the CRM tells another one."""
    start: str
    steps: Mapping[str, Step]
    announcements: Mapping[str, Prompt] = {}
    """Its own announcements for callers who are treated otherwise than by waiting: name -> prompt."""


def exits(step: Step) -> tuple[Exit, ...]:
    """Return all ways out of `step`, in the order of its file."""
    match step:
        case PlayStep() | LanguageStep():
            return (Exit(label="next", target=step.next, passive=True),)
        case MenuStep():
            return (*_choices("keys", step.keys), *_asking_exits(step))
        case CollectStep():
            otherwise = (Exit(label="otherwise", target=step.otherwise),) if step.otherwise else ()
            return (*_choices("codes", step.codes), *otherwise, *_asking_exits(step))
        case HoursStep():
            return (
                Exit(label="open", target=step.open, passive=True),
                Exit(label="closed", target=step.closed, passive=True),
            )
        case QueueStep():
            return (Exit(label="after", target=step.after),) if step.after else ()
        case GoodbyeStep() | HangupStep() | ReleaseStep():
            return ()


def _choices(field: str, choices: Mapping[str, str]) -> tuple[Exit, ...]:
    return tuple(Exit(label=f"{field}.{digits}", target=target) for digits, target in choices.items())


def _asking_exits(step: Asking) -> tuple[Exit, Exit]:
    return (
        Exit(label="on_timeout", target=step.on_timeout, passive=True),
        Exit(label="on_invalid", target=step.on_invalid),
    )


def prompts(step: Step) -> Iterator[tuple[str, Prompt]]:
    """Yield each prompt of `step` that plays something, with the name of its field."""
    match step:
        case PlayStep() | GoodbyeStep():
            yield "prompt", step.prompt
        case MenuStep() | CollectStep():
            yield "prompt", step.prompt
            yield from (
                (field, prompt)
                for field, prompt in (("timeout_prompt", step.timeout_prompt), ("invalid_prompt", step.invalid_prompt))
                if prompt
            )
        case QueueStep() if step.announce:
            yield "announce", step.announce
        case _:
            return


def says(flow: Flow) -> Iterator[Say]:
    """Yield every spoken text of `flow`."""
    for step in flow.steps.values():
        for _, prompt in prompts(step):
            yield from (item for item in prompt if isinstance(item, Say))
    for prompt in flow.announcements.values():
        yield from (item for item in prompt if isinstance(item, Say))
