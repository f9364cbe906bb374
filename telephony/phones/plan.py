"""What the synthetic callers and agents of a demo do: drawn from a seed, so that a demo can be repeated. Pure.

Most callers press `1` (the default flow leads to the queue by it) and wait patiently. A few say nothing until the menu gives
up, a few press wrong digits first, a few lose patience early, some are gone before the menu ends. Conversations vary around
the asked length (a gamma distribution, as handling times do) and are ended by the agent or by the caller.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from hotline.errors import Misuse
from telephony.phones.injection import Line

Kind = Literal["patient", "impatient", "silent", "mistaken", "leaving"]

_SHARES: dict[Kind, float] = {"patient": 0.80, "impatient": 0.06, "silent": 0.04, "mistaken": 0.06, "leaving": 0.04}
_WRONG_KEYS = "9#7"
_TALK_SHAPE = 4.0
_CALLER_ENDS_SHARE = 0.35
_SURNAMES = ("Zhang", "Wang", "Li", "Zhao", "Chen", "Smith", "Garcia", "Okafor", "Ivanova", "Sato")


@dataclass(frozen=True, kw_only=True)
class DemoPlan:
    """How large a demo is."""

    calls: int
    rate: float
    """Calls per second."""
    agents: int
    talk_s: float = 5.0
    """Mean length of a conversation."""
    patience_s: float = 60.0
    """How long a patient caller waits, counted from the answer of the menu."""
    seed: int = 1
    number: str = "4000"

    def __post_init__(self) -> None:
        if self.calls < 1 or self.agents < 1 or not 0 < self.rate <= 200 or self.talk_s <= 0 or self.patience_s <= 0:
            raise Misuse("a demo needs at least one call, one agent, a rate up to 200 a second, and times above zero")


@dataclass(frozen=True, kw_only=True)
class Press:
    """Keys to press some time after the answer or after the keys before."""

    after_s: float
    keys: str


@dataclass(frozen=True, kw_only=True)
class CallerScript:
    """What one caller does."""

    kind: Kind
    line: Line
    presses: tuple[Press, ...]
    patience_s: float
    """After this time without an agent the caller hangs up."""
    ends_talk_after_s: float | None
    """The caller ends the conversation after this time; None: the agent does."""


@dataclass(frozen=True, kw_only=True)
class AgentTurn:
    """What an agent does with one call."""

    ring_s: float
    talk_s: float


def caller_scripts(plan: DemoPlan) -> list[CallerScript]:
    """Return what each caller does, in the order of their calls. Each has a number of its own, which is also its key."""
    draw = random.Random(f"callers {plan.seed}")  # noqa: S311 - a repeatable play, nothing secret
    return [_script(plan, number, draw) for number in range(plan.calls)]


def agent_turns(plan: DemoPlan) -> Iterator[AgentTurn]:
    """Yield what the agents do with their calls, for ever."""
    draw = random.Random(f"agents {plan.seed}")  # noqa: S311 - see above
    while True:
        yield AgentTurn(ring_s=draw.uniform(0.3, 1.2), talk_s=_talk(plan, draw))


def time_limit_s(plan: DemoPlan) -> float:
    """Return the time after which a demo is over even if somebody still talks."""
    return plan.calls / plan.rate + 2 * plan.patience_s + 5 * plan.talk_s + 30


def _script(plan: DemoPlan, number: int, draw: random.Random) -> CallerScript:
    kind = draw.choices(list(_SHARES), list(_SHARES.values()))[0]
    caller_number = f"139{number % 100_000_000:08d}"
    line = Line(key=caller_number, number=plan.number, caller_number=caller_number, caller_name=draw.choice(_SURNAMES))
    think = draw.uniform(0.8, 2.5)
    patience = {
        "patient": plan.patience_s * draw.uniform(0.8, 1.2),
        "mistaken": plan.patience_s,
        "silent": plan.patience_s,
        "impatient": min(draw.uniform(3.0, 8.0), plan.patience_s),
        "leaving": think,
    }[kind]
    caller_ends = draw.random() < _CALLER_ENDS_SHARE
    return CallerScript(
        kind=kind,
        line=line,
        presses=_presses(kind, think, draw),
        patience_s=patience,
        ends_talk_after_s=_talk(plan, draw) if caller_ends else None,
    )


def _presses(kind: Kind, think: float, draw: random.Random) -> tuple[Press, ...]:
    if kind in ("silent", "leaving"):
        return ()
    wrong = (Press(after_s=think, keys=draw.choice(_WRONG_KEYS)),) if kind == "mistaken" else ()
    return (*wrong, Press(after_s=think + 2.0 * len(wrong), keys="1"))


def _talk(plan: DemoPlan, draw: random.Random) -> float:
    return max(draw.gammavariate(_TALK_SHAPE, plan.talk_s / _TALK_SHAPE), 0.5)
