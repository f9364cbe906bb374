"""What shared agents are worth, played by the router itself: the job that the forecaster has done each night by a process of its pool.

The forecaster decides what is tried (`forecast.staffing.measuring`) and knows no router; the router's simulation (`acd.simulation`) knows no forecast. Here
the one is handed to the other, in one function of a module, which is how a process of the pool is told what to do.

Played are the settings that say which caller an agent gets: priorities, ageing, strategies, preferences, the order between queues. Who serves which queue
is known already. What sends callers elsewhere (overflow, opening hours, a full queue) is left out, as Erlang's formulas leave it out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import TYPE_CHECKING

import numpy as np

from acd.simulation.making import Given, day_of, visitors_of
from acd.simulation.run import play
from acd.simulation.scenario import Callers, Scenario, Staff, own_policy
from acd.simulation.streams import Streams
from forecast.duties.pooled import Points, ToMeasure, lines_of
from forecast.series.counts import Floats
from forecast.staffing.crews import Kind
from hotline.settings.queues import BetweenQueues, Queue

if TYPE_CHECKING:  # Erlang's formulas need SciPy: only the process that computes them loads it
    from forecast.staffing.measuring import Trial
    from forecast.staffing.pooling import Line

CALLS = 12_000
"""So many callers are played for each number of agents that is tried: a second or two."""
WARM_UP_H = 1
LONGEST_H = 47
"""A day of the simulation ends after 48 hours."""
DAYS_MOST = 30
SEED = 5


def measure_sharing(task: ToMeasure, calls: int = CALLS) -> Points:
    """Return the pooling that the people of a group reach with the router, at several loads; `calls` are played for each trial."""
    from forecast.staffing.measuring import measured

    _, lines = lines_of(task.members)
    queues = [member.subject.queue for member in task.members]
    play_all = Played(queues=queues, lines=lines, between_queues=task.between_queues, calls=calls)
    alike = len({(q.priority, q.ageing_per_minute, tuple(sorted(q.tiers.items()))) for q in queues}) == 1
    points = measured(lines, task.kinds, play_all, task.step_s, alike=alike)
    return tuple((point.load, point.pooling) for point in points)


@dataclass(frozen=True, kw_only=True)
class Played:
    """`Play` of forecast.staffing.measuring."""

    queues: Sequence[Queue]
    lines: "Sequence[Line]"
    between_queues: BetweenQueues
    calls: int

    def __call__(self, trial: "Trial") -> tuple[Floats, Floats]:
        """See `forecast.staffing.measuring.Play`."""
        rate = max(sum(trial.rates), 1e-9)
        hours = int(min(max(ceil(self.calls / rate), 1), LONGEST_H - WARM_UP_H))
        scenario = self._scenario(trial, hours)
        policy, nothing = own_policy(scenario), tuple(Given() for _ in self.queues)
        names = [queue.id for queue in self.queues]
        came, in_time = np.zeros(len(names)), np.zeros(len(names))
        for day in range(min(ceil(self.calls / (rate * hours)), DAYS_MOST)):
            streams = Streams(SEED, day)
            visitors = visitors_of(scenario, nothing, streams)
            for stay in play(scenario, policy, day_of(scenario, policy, visitors), streams).books.stays:
                if stay.end in ("answered", "abandoned"):
                    at = names.index(stay.queue_id)
                    came[at] += 1
                    in_time[at] += stay.end == "answered" and stay.wait_s <= self.queues[at].threshold_s
        return came, in_time

    def _scenario(self, trial: "Trial", hours: int) -> Scenario:
        return Scenario(
            opens="00:00",
            closes=f"{hours + WARM_UP_H:02}:00",
            warm_up_minutes=WARM_UP_H * 60,
            between_queues="longest_wait" if trial.one_line else self.between_queues,
            queues=tuple(_plain(queue, one_line=trial.one_line) for queue in self.queues),
            callers=tuple(self._callers(trial.rates)),
            staff=tuple(_staff(kind, number) for number, kind in enumerate(trial.crew)),
        )

    def _callers(self, rates: Sequence[float]) -> Iterator[Callers]:
        for line, rate in zip(self.lines, rates, strict=True):
            work = line.rules.work
            patience = (
                {"kind": "never"} if work.patience_s == inf else {"kind": "exponential", "mean_s": work.patience_s}
            )
            talk = {"kind": "exponential", "mean_s": work.handling_s}
            yield Callers.model_validate(
                {"queue": line.name, "rate_per_hour": rate, "patience": patience, "talk": talk}
            )


def _plain(queue: Queue, *, one_line: bool) -> Queue:
    """Return a queue with the settings that say who comes first, and no other; in one line nobody does."""
    kept = set() if one_line else {"priority", "ageing_per_minute", "strategy", "ring_at_once"}
    said = {name: getattr(queue, name) for name in kept}
    return Queue(id=queue.id, wrap_up_s=0, threshold_s=queue.threshold_s, max_waiting=100_000, **said)


def _staff(kind: Kind, number: int) -> Staff:
    return Staff(count=kind.people, name=f"kind{number}", queues=kind.queues, preference=dict(kind.preference))
