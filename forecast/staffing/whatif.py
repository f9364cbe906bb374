"""What if: more calls, shorter calls, people who are ill, another target. Pure.

Each variant answers two questions per interval: who would be needed then, and what callers would meet if it came so and nobody did
anything: with the agents of the plan, less those who are absent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from forecast.models.base import Forecast
from forecast.series.counts import Floats
from forecast.staffing.erlang import Ints
from forecast.staffing.levels import Levels
from forecast.staffing.plan import Staffing, plan, reached
from forecast.staffing.rules import Rules, Targets
from hotline.errors import Misuse


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What is otherwise."""

    name: str
    volumes: float = 1.0
    """So many times as many calls: 1.2 for 20 % more."""
    handling_s: float = 0.0
    """So many seconds longer; less than 0: shorter."""
    absent: int = 0
    """So many agents fewer are there than planned, in every interval."""
    targets: Mapping[str, float | None] | None = None
    """Fields of Targets that are otherwise."""

    def rules(self, rules: Rules) -> Rules:
        """Return the rules under this variant. Raises Misuse for a handling time of 0 s or less, or a target or number that makes no sense."""
        if self.absent < 0:
            raise Misuse(f"{self.name}: fewer than 0 agents cannot be absent")
        try:
            targets = replace(rules.targets, **cast("dict[str, float]", dict(self.targets or {})))
        except TypeError as exc:
            raise Misuse(f"{self.name}: a target is one of {', '.join(Targets.__dataclass_fields__)}") from exc
        work = replace(rules.work, handling_s=rules.work.handling_s + self.handling_s)
        return replace(rules, work=work, targets=targets, volumes=rules.volumes * self.volumes)


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What a variant means."""

    variant: Variant
    needed: Staffing
    """The plan for it."""
    there: Ints
    """(H, S): who is there if nobody does anything."""
    unchanged: Levels
    """What callers meet then."""
    missing: Ints
    """(H, S): needed less there; below 0: so many too many."""

    def total(self) -> dict[str, float]:
        """Return the levels over all intervals if nobody does anything."""
        return replace(self.needed, expected=self.unchanged, agents=self.there).total()


def compare(
    forecast: Forecast,
    rules: Rules,
    variants: Iterable[Variant],
    *,
    agents: ArrayLike | None = None,
    handling_s: Floats | None = None,
    is_open: ArrayLike | None = None,
) -> tuple[Staffing, tuple[Outcome, ...]]:
    """Return the plan, and what each variant makes of it.

    `agents` are those who are scheduled, (H, S) or what broadcasts to it; None: those of the plan. `handling_s` and `is_open` are as in `plan`.
    """
    base = plan(forecast, rules, handling_s=handling_s, is_open=is_open)
    given = base.agents if agents is None else np.broadcast_to(np.asarray(agents, dtype=np.int64), base.agents.shape)
    outcomes = tuple(_outcome(forecast, rules, one, given, handling_s, is_open) for one in variants)
    return base, outcomes


def _outcome(
    forecast: Forecast,
    rules: Rules,
    variant: Variant,
    agents: Ints,
    handling_s: Floats | None,
    is_open: ArrayLike | None,
) -> Outcome:
    changed = variant.rules(rules)
    service = None if handling_s is None else handling_s + variant.handling_s
    needed = plan(forecast, changed, handling_s=service, is_open=is_open)
    there = np.maximum(agents - variant.absent, 0)
    return Outcome(
        variant=variant,
        needed=needed,
        there=there,
        unchanged=reached(forecast, changed, there, handling_s=service, is_open=is_open),
        missing=needed.agents - there,
    )
