"""How long things last: talks, wrap-up, patience, ringing. Pure: numbers come from a stream.

All kinds but `empirical` and `never` are given by their mean and, where they have one, the coefficient of variation (standard deviation by mean;
1 for the exponential). Talks of call centres are about lognormal with a coefficient around 1.2 (Brown et al., "Statistical analysis of a
telephone call center", JASA 100, 2005); patience is roughly exponential.
"""

from collections.abc import Callable
from math import inf, log, sqrt
from typing import Literal

from pydantic import Field, model_validator

from acd.simulation.streams import Stream
from hotline.settings.kinds import Section

DAY_S = 86_400.0


class Duration(Section):
    """A distribution of seconds."""

    kind: Literal["fixed", "exponential", "lognormal", "gamma", "empirical", "never"] = "exponential"
    """`empirical`: one of `values`, each as likely; `never`: endless (for patience: nobody hangs up)."""
    mean_s: float | None = Field(default=None, ge=0, le=DAY_S)
    cv: float = Field(default=1.0, gt=0, le=20)
    """Coefficient of variation, of `lognormal` and `gamma`."""
    values: tuple[float, ...] = ()
    """The seconds that were measured, of `empirical`."""
    file: str | None = None
    """A CSV file (`.gz` too) with the measured seconds instead of `values`, beside the scenario."""
    column: str | None = None
    """The column of `file`; default: the first that holds numbers."""

    @model_validator(mode="after")
    def _check(self) -> "Duration":
        if self.kind in ("fixed", "exponential", "lognormal", "gamma") and self.mean_s is None:
            raise ValueError(f"{self.kind} needs mean_s")
        if self.kind == "empirical" and not self.values and self.file is None:
            raise ValueError("empirical needs values or a file")
        if any(value < 0 for value in self.values):
            raise ValueError("values must not be below 0")
        return self

    @property
    def is_nothing(self) -> bool:
        """Whether it is always 0 s."""
        return self.kind == "fixed" and self.mean_s == 0

    def drawn_from(self, stream: Stream) -> Callable[[], float]:
        """Return a function that gives the next duration in seconds."""
        mean = self.mean_s or 0.0
        match self.kind:
            case "never":
                return lambda: inf
            case "empirical":
                values = self.values
                return lambda: values[int(stream.random() * len(values))]
            case _ if mean == 0 or self.kind == "fixed":
                return lambda: mean
            case "exponential":
                return lambda: stream.expovariate(1 / mean)
            case "lognormal":
                sigma2 = log(1 + self.cv**2)
                mu, sigma = log(mean) - sigma2 / 2, sqrt(sigma2)
                return lambda: stream.lognormvariate(mu, sigma)
            case _:
                shape = 1 / self.cv**2
                return lambda: stream.gammavariate(shape, mean / shape)
