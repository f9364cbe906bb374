"""From a scenario to a day: who calls when, and who is there. Pure: files are given, numbers come from streams."""

from collections.abc import Callable, Iterator
from heapq import merge
from itertools import count
from math import inf

import msgspec

from acd.core.agents.roster import Profile
from acd.simulation.arrivals import Interval, as_counted, intervals_of, poisson
from acd.simulation.day import Day, Duty, Visitor, Worker
from acd.simulation.scenario import Callers, Policy, Scenario, Staff, seconds_of
from acd.simulation.streams import Streams
from hotline.ids import AgentId, CallId, Extension, QueueId

Ask = tuple[float, float | None]
"""When somebody calls, and how long he talks if that is known."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What the file of one kind of callers holds."""

    intervals: tuple[Interval, ...] = ()
    calls: tuple[Ask, ...] = ()


def visitors_of(scenario: Scenario, given: tuple[Given, ...], streams: Streams) -> tuple[Visitor, ...]:
    """Return the callers of one replication. `given` has an entry for each kind of callers."""
    numbers = count(1)
    kinds = [
        _visitors(kind, number, scenario, held, streams)
        for number, (kind, held) in enumerate(zip(scenario.callers, given, strict=True))
    ]
    together = merge(*kinds, key=lambda v: v.at)
    return tuple(msgspec.structs.replace(v, call_id=CallId(f"c{next(numbers):06}")) for v in together)


def _visitors(kind: Callers, number: int, scenario: Scenario, given: Given, streams: Streams) -> Iterator[Visitor]:
    talk = kind.talk.drawn_from(streams.of(f"talk.{number}"))
    wrap_up = kind.wrap_up.drawn_from(streams.of(f"wrap_up.{number}"))
    patience = kind.patience.drawn_from(streams.of(f"patience.{number}"))
    ring = _rings(kind, streams, f"ring.{number}")
    skills = tuple(sorted(kind.skills))
    levels = tuple((skill, level) for skill, level in sorted(kind.skills.items()) if level > 1)
    for at, talk_s in _asks(kind, number, scenario, given, streams):
        drawn_s = talk()  # also where it is known: the others keep theirs
        yield Visitor(
            call_id=CallId(""),
            at=at,
            queue_id=QueueId(kind.queue),
            priority=kind.priority,
            skills=skills,
            levels=levels,
            language=kind.language,
            tier=kind.tier,
            patience_s=patience(),
            talk_s=drawn_s if talk_s is None else talk_s,
            wrap_up_s=wrap_up(),
            ring_s=ring(),
        )


def _rings(kind: Callers, streams: Streams, purpose: str) -> Callable[[], float | None]:
    lasts = kind.ring.drawn_from(streams.of(purpose))
    luck = streams.of(f"{purpose}.luck")
    if kind.no_answer == 0:
        return lasts
    return lambda: None if luck.random() < kind.no_answer else lasts()


def rings_again(scenario: Scenario, streams: Streams) -> Callable[[Visitor], float | None]:
    """Return how long further phones ring for a caller, by his queue."""
    again = {QueueId(k.queue): _rings(k, streams, f"again.{number}") for number, k in enumerate(scenario.callers)}
    return lambda visitor: again[visitor.queue_id]()


def _asks(kind: Callers, number: int, scenario: Scenario, given: Given, streams: Streams) -> Iterator[Ask]:
    opens, closes = seconds_of(scenario.opens), seconds_of(scenario.closes)
    stream = streams.of(f"arrivals.{number}")
    if given.calls:
        chosen = (ask for ask in given.calls if kind.scale >= 1 or stream.random() < kind.scale)
        yield from (ask for ask in chosen if opens <= ask[0] < closes)
        return
    intervals = tuple(
        msgspec.structs.replace(i, calls=i.calls * kind.scale) for i in given.intervals or _rates(kind, opens, closes)
    )
    exactly = kind.file is not None and kind.file.as_counted
    times = as_counted(intervals, stream) if exactly else poisson(intervals, stream, dispersion=kind.dispersion)
    yield from ((at, None) for at in times if opens <= at < closes)


def _rates(kind: Callers, opens: float, closes: float) -> tuple[Interval, ...]:
    """Return the intervals of the rates. A constant rate is cut into them too, so that `dispersion` has its meaning."""
    length_s = kind.interval_minutes * 60
    if kind.rate_per_hour is None:
        return intervals_of((r * length_s / 3_600 for r in kind.rates_per_hour), start_s=opens, length_s=length_s)
    number = int(-(-(closes - opens) // length_s))
    return intervals_of([kind.rate_per_hour * length_s / 3_600] * number, start_s=opens, length_s=length_s)


# --- people --------------------------------------------------------------------------------------------------------------


def workers_of(policy: Policy, scenario: Scenario) -> tuple[tuple[Worker, ...], tuple[Duty, ...]]:
    """Return the agents and when they come and go."""
    workers: list[Worker] = []
    duties: list[Duty] = []
    opens = seconds_of(scenario.opens)
    for staff in policy.staff:
        for _ in range(staff.count):
            worker = _worker(staff, len(workers) + 1)
            workers.append(worker)
            duties += _duties(staff, worker.profile.id, opens)
    return tuple(workers), tuple(sorted(duties, key=lambda d: d.at))


def _worker(staff: Staff, number: int) -> Worker:
    profile = Profile(
        id=AgentId(f"{staff.name}{number:03}"),
        name=f"{staff.name} {number}",
        extension=Extension(str(100_000 + number)),
        skills=dict(staff.skills),
        queues=tuple(QueueId(q) for q in staff.queues),
    )
    if staff.preference and "preference" in Profile.__struct_fields__:
        preference = {QueueId(q): rank for q, rank in staff.preference.items()}
        profile = msgspec.structs.replace(profile, preference=preference)
    return Worker(profile=profile, pace=staff.pace)


def _duties(staff: Staff, agent_id: AgentId, opens: float) -> Iterator[Duty]:
    begins, ends = (seconds_of(t) for t in staff.shift) if staff.shift else (opens, inf)
    yield Duty(at=max(begins, opens), agent_id=agent_id, ask="ready")
    for since, until in ((seconds_of(a), seconds_of(b)) for a, b in staff.breaks):
        if begins <= since and until <= ends:
            yield Duty(at=since, agent_id=agent_id, ask="not_ready")
            yield Duty(at=until, agent_id=agent_id, ask="ready")
    if ends < inf:
        yield Duty(at=ends, agent_id=agent_id, ask="log_out")


def day_of(scenario: Scenario, policy: Policy, visitors: tuple[Visitor, ...]) -> Day:
    """Return the day under a policy."""
    workers, duties = workers_of(policy, scenario)
    return Day(visitors=visitors, workers=workers, duties=duties)
