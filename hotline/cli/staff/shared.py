"""`hotline staff --shared`: agents of skill groups for several queues, with the router's own simulation behind `forecast.staffing.shared`."""

import csv as csv_file
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from hotline.cli.shell import console, print_json, print_table
from hotline.cli.simulate import progress_bar

if TYPE_CHECKING:  # numpy and the simulation cost start-up time that `--help` need not pay
    from acd.simulation.making import Given
    from acd.simulation.scenario import Scenario, Staff
    from forecast.series.counts import Floats
    from forecast.staffing.erlang import Ints
    from forecast.staffing.shared import Demand, Group, Seen, Shared

LOOKED_AT = 20
"""So many days of callers are drawn to learn how many come, how long they talk and how long they wait."""
AFTER_S = 3_600
"""Who is there in the last interval stays for so long to serve those who wait then."""


def staff_shared(path: Path, *, simulated: int, seed: int | None, out: Path | None, as_json: bool) -> None:
    """Search, and print what was found. Raises Misuse."""
    from acd.simulation import files
    from forecast.staffing.shared import share_out

    scenario = files.read_scenario(path)
    played = Played(scenario, files.read_given(scenario, path.parent), scenario.seed if seed is None else seed)
    with progress_bar("simulating") as progress:
        found = share_out(
            played.groups(), played.demands(), played, step_s=played.step_s, days=simulated, progress=progress
        )
    if as_json:
        print_json(as_builtins(played, found))
    else:
        show(played, found)
    if out is not None:
        from hotline.cli.staff.command import write

        write(out, as_csv(played, found))


class Played:
    """A scenario whose staff is asked for: `Simulate` of forecast.staffing.shared. The scenario's own counts and shifts say who there is."""

    def __init__(self, scenario: "Scenario", given: "tuple[Given, ...]", seed: int) -> None:
        from acd.simulation.scenario import seconds_of

        self.scenario, self._given, self._seed = scenario, given, seed
        self.opens, self.closes = seconds_of(scenario.opens), seconds_of(scenario.closes)
        self.step_s = min(callers.interval_minutes for callers in scenario.callers) * 60
        self.queues = [queue.id for queue in scenario.queues]
        self._thresholds = {queue.id: queue.threshold_s for queue in scenario.queues}

    @property
    def starts_s(self) -> list[float]:
        """When each interval begins, in seconds of the day."""
        count = int(-(-(self.closes - self.opens) // self.step_s))
        return [self.opens + number * self.step_s for number in range(count)]

    def groups(self) -> "list[Group]":
        """Return the groups of agents: each entry of the scenario's staff, with the queues that it may serve by its skills."""
        from forecast.staffing.shared import Group

        return [
            Group(name=staff.name, queues=tuple(self._served(staff)), most=self._most(staff))
            for staff in self.scenario.staff
        ]

    def _most(self, staff: "Staff") -> "Ints":
        """Return how many there can be in each interval: all of them within their shift, nobody outside of it."""
        import numpy as np

        from acd.simulation.scenario import seconds_of

        begins, ends = (seconds_of(time) for time in staff.shift) if staff.shift else (self.opens, self.closes)
        whole = [begins <= start and min(start + self.step_s, self.closes) <= ends for start in self.starts_s]
        return np.where(whole, staff.count, 0)

    def _served(self, staff: "Staff") -> Iterator[str]:
        for queue in self.scenario.queues:
            named = not staff.queues or queue.id in staff.queues
            if named and all(staff.skills.get(skill, 0) >= level for skill, level in queue.skills.items()):
                yield queue.id

    def demands(self) -> "list[Demand]":
        """Return what the queues ask for, from days of callers."""
        import numpy as np

        from acd.simulation.making import visitors_of
        from acd.simulation.streams import Streams
        from forecast.staffing.shared import Demand

        drawn = [visitors_of(self.scenario, self._given, Streams(self._seed, day)) for day in range(LOOKED_AT)]
        found = []
        for queue in self.scenario.queues:
            ours = [visitor for day in drawn for visitor in day if visitor.queue_id == queue.id]
            counts = np.zeros((LOOKED_AT, len(self.starts_s)))
            for number, day in enumerate(drawn):
                for visitor in day:
                    counts[number, self._interval(visitor.at)] += visitor.queue_id == queue.id
            patience = fmean(visitor.patience_s for visitor in ours) if ours else float("inf")
            handling = fmean(visitor.talk_s + visitor.wrap_up_s for visitor in ours) if ours else 1.0
            found.append(
                Demand(
                    name=queue.id, calls=without_noise(counts), handling_s=max(handling, 1.0), share=queue.target_share, threshold_s=queue.threshold_s,
                    patience_s=max(patience, 1.0),
                )
            )  # fmt: skip
        return found

    def _interval(self, at: float) -> int:
        return min(int((at - self.opens) // self.step_s), len(self.starts_s) - 1)

    def __call__(self, agents: "Ints", days: range) -> "Seen":
        """See `forecast.staffing.shared.Simulate`."""
        import msgspec
        import numpy as np

        from acd.simulation.making import day_of, visitors_of
        from acd.simulation.run import play
        from acd.simulation.scenario import own_policy
        from acd.simulation.streams import Streams
        from forecast.staffing.shared import Seen

        policy = msgspec.structs.replace(own_policy(self.scenario), staff=tuple(self.staff(agents)))
        shape = (len(days), len(self.starts_s), len(self.queues))
        offered, in_time = np.zeros(shape), np.zeros(shape)
        for number, day in enumerate(days):
            streams = Streams(self._seed, day)
            visitors = visitors_of(self.scenario, self._given, streams)
            books = play(self.scenario, policy, day_of(self.scenario, policy, visitors), streams).books
            for stay in books.stays:
                if stay.end in ("answered", "abandoned"):
                    at = number, self._interval(stay.entered_at), self.queues.index(stay.queue_id)
                    offered[at] += 1
                    in_time[at] += stay.end == "answered" and stay.wait_s <= self._thresholds[stay.queue_id]
        return Seen(offered=offered, in_time=in_time)

    def staff(self, agents: "Ints") -> "Iterator[Staff]":
        """Return shifts that add up to `agents` (G, S): whoever is there in two intervals one after the other stays; nobody goes and comes at once."""
        for staff, counts in zip(self.scenario.staff, agents, strict=True):
            spans: dict[tuple[int, int], int] = {}
            for level in range(1, int(counts.max(initial=0)) + 1):
                for span in _runs([int(count) >= level for count in counts]):
                    spans[span] = spans.get(span, 0) + 1
            for (first, stop), count in sorted(spans.items()):
                shift = self.clock(first), self.clock(stop)
                yield staff.model_copy(update={"count": count, "shift": shift, "breaks": ()})

    def clock(self, number: int) -> str:
        """Return the time of day at which an interval begins; for the end of the last one, somewhat later."""
        starts = self.starts_s
        minutes = round((starts[number] if number < len(starts) else self.closes + AFTER_S) / 60)
        return f"{minutes // 60:02}:{minutes % 60:02}"


def _runs(there: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Return from where to where (not included) it is true."""
    begin = None
    for number, here in enumerate((*there, False)):
        if here and begin is None:
            begin = number
        elif not here and begin is not None:
            yield begin, number
            begin = None


def without_noise(counts: "Floats") -> "Floats":
    """Return counts of days (D, S) drawn towards their mean, so that their variance is that of the rate: less by the mean."""
    import numpy as np

    mean, variance = counts.mean(axis=0), counts.var(axis=0, ddof=1)
    left = np.divide(np.maximum(variance - mean, 0.0), variance, out=np.zeros(mean.shape), where=variance > 0)
    return np.asarray(np.maximum(mean + (counts - mean) * np.sqrt(left), 0.0))


# --- what is printed -----------------------------------------------------------------------------------------------------


def show(played: Played, found: "Shared") -> None:
    """Print the agents of each group in each interval, and the queues' levels."""
    hours = played.step_s / 3_600
    total, before = float(found.agents.sum()) * hours, float(found.start.sum()) * hours
    console.print(
        f"{found.days} simulated days, judged on {found.judged_on} that nothing was chosen on; ± is half of the 95 % interval",
        soft_wrap=True,
        markup=False,
    )
    names = [group.name for group in played.groups()]
    rows = [
        (
            played.clock(at),
            *(int(count) for count in found.agents[:, at]),
            int(found.agents[:, at].sum()),
            *_levels(found, at),
        )
        for at in range(found.agents.shape[1])
    ]
    print_table(("interval", *names, "agents", *played.queues), rows, empty="nobody calls")
    console.print()
    levels = [
        (queue.id, f"{100 * queue.target_share:.1f} % within {queue.threshold_s:g} s", _percent(found.day.mean[n], found.day.half[n]), _word(found.held[n]))
        for n, queue in enumerate(played.scenario.queues)
    ]  # fmt: skip
    print_table(("queue", "target", "expected over the day", "held"), levels, empty="there are no queues")
    console.print(
        f"{total:.1f} agent hours; each queue by itself would need {before:.1f} by Erlang's formulas", markup=False
    )


def _levels(found: "Shared", at: int) -> Iterator[str]:
    for mean, half in zip(found.interval.mean[at], found.interval.half[at], strict=True):
        yield _percent(mean, half)


def _percent(mean: float, half: float) -> str:
    return f"{100 * mean:.1f} %" + (f" ± {100 * half:.1f}" if half < 1 else "")


def _word(held: bool) -> str:
    return "yes" if held else "NO: see the intervals below it; more days, or more agents, are needed"


def as_builtins(played: Played, found: "Shared") -> dict[str, Any]:
    """Return everything for programs."""
    hours = played.step_s / 3_600
    return {
        "simulated_days": found.days,
        "judged_on": found.judged_on,
        "agent_hours": float(found.agents.sum()) * hours,
        "agent_hours_each_queue_by_itself": float(found.start.sum()) * hours,
        "queues": [
            {
                "id": queue.id, "target_share": queue.target_share, "threshold_s": queue.threshold_s, "level": float(found.day.mean[n]),
                "half_width": _finite(float(found.day.half[n])), "held": found.held[n],
            }
            for n, queue in enumerate(played.scenario.queues)
        ],
        "intervals": [
            {
                "interval": played.clock(at),
                "agents": {group.name: int(found.agents[g, at]) for g, group in enumerate(played.groups())},
                "levels": {queue: float(found.interval.mean[at, n]) for n, queue in enumerate(played.queues)},
            }
            for at in range(found.agents.shape[1])
        ],
    }  # fmt: skip


def _finite(value: float) -> float | None:
    return value if value < float("inf") else None


def as_csv(played: Played, found: "Shared") -> str:
    """Return a row for each interval with the agents of each group."""
    text = io.StringIO()
    writer = csv_file.writer(text, lineterminator="\n")
    writer.writerow(("interval", *(group.name for group in played.groups())))
    for at in range(found.agents.shape[1]):
        writer.writerow((played.clock(at), *(int(count) for count in found.agents[:, at])))
    return text.getvalue()
