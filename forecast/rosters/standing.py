"""The best roster of a run, the bound, and the time: what all steps of a solver look at and change. Decides nothing about shifts.

The time counts from the moment at which the run began: it is the caller's. Whoever needs some says how much, and asks what is left.
"""

import math
from collections.abc import Callable, Sequence
from random import Random

from forecast.rosters.fairness import Fair
from forecast.rosters.frames import Frame
from forecast.rosters.mip import Stop
from forecast.rosters.model import Duty, Plan
from forecast.rosters.outcome import Limits, Progress, Stage, Tell, gap_of, gap_without_pay
from forecast.rosters.wishes import personal


class Standing:
    """How a run stands."""

    def __init__(
        self, plan: Plan, able: Sequence[Frame], limits: Limits, watch: Callable[[], float], tell: Tell, stop: Stop
    ) -> None:
        """`able` says what everybody can do; `watch` tells the seconds since the run began."""
        self.plan, self.limits, self.stop = plan, limits, stop
        self.watch, self.tell = watch, tell
        self.frames = list(able)
        self.frame_of = {plan.people[f.person].id: f for f in self.frames}
        self.serves = {name: frame.serves for name, frame in self.frame_of.items()}
        self.numbers = {kind.id: n for n, kind in enumerate(plan.types)}
        self.fair = Fair(plan)
        self.dice = Random(limits.seed)  # noqa: S311 - luck for a search, not a secret
        self.stage: Stage = "classes"
        self.bound = 0.0
        self.cost = math.inf
        self.duties: list[Duty] = []
        self._pay = 0.0

    @property
    def begun(self) -> bool:
        """Whether there is a roster."""
        return math.isfinite(self.cost)

    @property
    def reached(self) -> bool:
        """Whether the roster is as near to the bound as was wished."""
        near = gap_of(self.cost, self.bound) <= self.limits.gap + 1e-9
        return near and gap_without_pay(self.cost, self.bound, self._pay) <= self.limits.gap_without_pay + 1e-9

    @property
    def over(self) -> bool:
        """Whether there is nothing more to do: it is reached, the time is over, or somebody gave up."""
        return self.reached or self.left() <= 0 or self.stop()

    @property
    def pay(self) -> float:
        """What the hours of the roster cost."""
        return self._pay

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.limits.seconds - self.watch()

    def hear(self, bound: float) -> None:
        """Take a bound, if it is better."""
        if math.isfinite(bound):
            self.bound = max(self.bound, bound)
        self.report()

    def take(self, duties: Sequence[Duty], cost: float) -> None:
        """Take a roster, if it is better."""
        if cost < self.cost - 1e-9:
            self.duties, self.cost = list(duties), cost
            self._pay = self.plan.costs.hour * personal(self.plan, duties).hours
            self.report()

    def report(self) -> None:
        """Tell how far it is."""
        gap = gap_of(self.cost, self.bound)
        self.tell(Progress(stage=self.stage, seconds=self.watch(), cost=self.cost, bound=self.bound, gap=gap))
