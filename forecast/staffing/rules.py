"""What staffing is asked for: targets, the work, and what must be added to it. Pure."""

from dataclasses import dataclass
from math import inf, isfinite

from forecast.staffing.erlang import MOST_AGENTS
from hotline.errors import Misuse
from hotline.settings.forecasting import Forecasting
from hotline.settings.queues import Queue

GOALS = ("service_level", "wait", "abandonment", "occupancy")
"""The kinds of targets, in the order in which they are named."""


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What shall be reached; None: not asked for. Several at once must all be met."""

    share: float | None = 0.8
    """The service level (formula B): the share of callers who are answered within `threshold_s`."""
    threshold_s: float = 30.0
    wait_s: float | None = None
    """The mean wait of those who are answered, at most."""
    abandoned: float | None = None
    """The share of callers who hang up, at most. Needs a finite patience to mean anything."""
    occupancy: float | None = None
    """The share of their time in which agents work, at most."""

    def __post_init__(self) -> None:
        shares = {"service level": self.share, "abandonment": self.abandoned, "occupancy": self.occupancy}
        for name, share in shares.items():
            if share is not None and not 0 < share < 1:
                raise Misuse(f"the target of the {name} must be a share between 0 and 1, not {share:g}")
        if self.wait_s is not None and not 0 < self.wait_s < inf:
            raise Misuse(f"the target of the mean wait must be more than 0 s, not {self.wait_s:g}")
        if not 0 <= self.threshold_s < inf:
            raise Misuse(f"the threshold must be 0 s or more, not {self.threshold_s:g}")
        if not self.named:
            raise Misuse("name at least one target: a service level, a mean wait, an abandonment or an occupancy")

    @property
    def named(self) -> tuple[str, ...]:
        """Return which of GOALS are asked for."""
        values = (self.share, self.wait_s, self.abandoned, self.occupancy)
        return tuple(goal for goal, value in zip(GOALS, values, strict=True) if value is not None)


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a call costs, and how long callers wait."""

    handling_s: float
    """Talk, hold and wrap-up together, on average (AHT)."""
    handling_cv: float = 1.0
    """Standard deviation of the handling time by its mean; see `forecast.staffing.erlang` for what it changes."""
    patience_s: float = inf
    """The mean patience (exponential); infinite: nobody hangs up (Erlang C)."""

    def __post_init__(self) -> None:
        if not 0 < self.handling_s < inf:
            raise Misuse(f"the handling time must be more than 0 s, not {self.handling_s:g}")
        if not 0 <= self.handling_cv < inf:
            raise Misuse(
                f"the coefficient of variation of the handling time must be 0 or more, not {self.handling_cv:g}"
            )
        if not self.patience_s > 0:
            raise Misuse(f"patience must be more than 0 s, not {self.patience_s:g}")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Everything but the forecast that a staffing plan follows from."""

    work: Work
    targets: Targets = Targets()
    shrinkage: float = 0.0
    """The share of paid time in which agents are not there for callers: paid = needed / (1 - shrinkage)."""
    least_agents: int = 0
    """So many at least whenever the queue is open."""
    most_agents: int = MOST_AGENTS
    volumes: float = 1.0
    """So many times as many calls as the forecast says."""
    carry_over: bool | None = None
    """Whether calls of one interval still keep agents busy in the next (`forecast.staffing.rates`); None: where intervals are shorter than
    four handling times."""

    def __post_init__(self) -> None:
        if not 0 <= self.volumes < inf:
            raise Misuse(f"volumes must be 0 or more times those of the forecast, not {self.volumes:g}")
        if not 0 <= self.shrinkage < 1:
            raise Misuse(f"shrinkage must be a share from 0 to less than 1, not {self.shrinkage:g}")
        if not 0 <= self.least_agents <= self.most_agents <= MOST_AGENTS:
            raise Misuse(f"agents must be between 0 and {MOST_AGENTS}, the least not above the most")
        if self.targets.abandoned is not None and not isfinite(self.work.patience_s):
            raise Misuse("a target of abandonment needs the callers' patience: without it nobody ever hangs up")


def rules_of(
    queue: Queue,
    house: Forecasting,
    *,
    handling_s: float | None = None,
    handling_cv: float = 1.0,
    patience_s: float | None = None,
) -> Rules:
    """Return the rules that the settings of a queue make.

    What was measured of it (None: nothing yet) counts; then the queue's own setting, then the house's.
    """
    asked = queue.staffing
    return Rules(
        work=Work(
            handling_s=_first(handling_s, asked.handling_s, house.handling_s),
            handling_cv=handling_cv,
            patience_s=_first(patience_s, asked.patience_s, house.patience_s),
        ),
        targets=Targets(
            share=queue.target_share,
            threshold_s=queue.threshold_s,
            wait_s=asked.wait_s,
            abandoned=asked.abandoned,
            occupancy=asked.occupancy,
        ),
        shrinkage=_first(asked.shrinkage, house.shrinkage),
        least_agents=asked.least_agents,
    )


def _first(*values: float | None) -> float:
    """Return the first value that is known."""
    return next(value for value in values if value is not None)
