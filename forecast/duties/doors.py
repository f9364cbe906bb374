"""What the forecaster's duties act through. No code here but records: tests put others in their place."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol

from forecast.books.reading import Reader
from forecast.books.scheduled import Spans
from forecast.books.tables import Tables
from forecast.processes.pool import Runner
from hotline.facts import Fact
from hotline.tally import Tally

if TYPE_CHECKING:
    from forecast.duties.pooled import Points, ToMeasure


class Rosters(Protocol):
    """Whoever knows who is scheduled: the tables of rosters, or a test."""

    async def spans(self, first: date, last: date) -> Spans:
        """Return the stretches of all shifts that are in force, of these days. Raises the store's errors."""


Publish = Callable[[Fact], None]


@dataclass(frozen=True, kw_only=True)
class Doors:
    """Where histories come from, where work is done, where results go."""

    reader: Reader
    tables: Tables
    rosters: Rosters
    slow: Runner
    """For what learns and compares."""
    quick: Runner
    """For the updates of the day, which must not wait for what takes long."""
    measure: "Callable[[ToMeasure], Points]"
    """Measures what it is worth that queues share agents: a function of a module, to be run in a process."""
    publish: Publish
    tally: Tally
