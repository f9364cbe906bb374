"""What can be done about a gap in staff, the least costly first. Pure.

Whoever is only on a break is there already; who works in another department is missed there; callers who are offered a callback keep their
place and hang up gladly; callers who go elsewhere are the last resort, since somebody else has to serve them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hotline.facts import Advice, GapKind

Language = Literal["en", "zh"]

WORDS: Mapping[Advice, tuple[str, str]] = {
    "call_back_breaks": ("call people back from their breaks", "召回小休坐席"),
    "call_in_surge": ("call in agents of other departments (surge mode)", "启用增援坐席"),
    "offer_callbacks": ("offer callers a callback", "向来电者提供回呼"),
    "open_overflow": ("let callers overflow to another queue or number", "开启溢出转接"),
    "let_go": ("let people go, or give them other work", "安排坐席提前下班或转做其他工作"),
}
"""Each advice in English and Chinese."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """What a queue has at hand in this moment."""

    on_break: int = 0
    """Agents of the queue who are on a break."""
    surge_agents: int = 0
    """Agents of other departments whom it could call in; 0 where they are in already."""
    callbacks: bool = False
    """Whether customers can be called back at all (there is a trunk)."""


def advise(kind: GapKind, means: Means) -> tuple[Advice, ...]:
    """Return what to do, in order; an empty tuple never: there is always something."""
    if kind == "over":
        return ("let_go",)
    can: dict[Advice, bool] = {
        "call_back_breaks": means.on_break > 0,
        "call_in_surge": means.surge_agents > 0,
        "offer_callbacks": means.callbacks,
        "open_overflow": True,
    }
    return tuple(advice for advice, possible in can.items() if possible)


def words(advice: Advice, language: Language = "en") -> str:
    """Return an advice for people."""
    return WORDS[advice][language == "zh"]
