"""Replications of a scenario under one policy or several. Pure: streams are made by `streams`."""

from collections.abc import Callable

import msgspec

from acd.simulation.day import Day
from acd.simulation.engine import Engine
from acd.simulation.making import Given, day_of, rings_again, visitors_of
from acd.simulation.scenario import Policy, Scenario, seconds_of
from acd.simulation.streams import Streams
from acd.simulation.summary import Estimate, Values, differences, together, values_of
from hotline.errors import Misuse

Progress = Callable[[str, int, int], None]
"""What is being done, how many of how many are."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one policy led to."""

    policy: Policy
    replications: int
    calls: int
    """How many callers came in all replications."""
    events: int
    """How many events the router was given."""
    queues: dict[str, dict[str, Estimate | None]]
    """Queue, or `total` -> number -> estimate."""
    against_first: dict[str, dict[str, Estimate | None]] | None = None
    """The same for the differences to the first policy; None for the first."""


def run(
    scenario: Scenario,
    policies: tuple[Policy, ...],
    given: tuple[Given, ...],
    *,
    replications: int,
    seed: int,
    progress: Progress = lambda _what, _done, _total: None,
) -> tuple[Result, ...]:
    """Play every replication under every policy, with the same callers; return the results in the policies' order."""
    kept: list[list[dict[str, Values]]] = [[] for _ in policies]
    calls, events = 0, [0] * len(policies)
    for replication in range(replications):
        streams = Streams(seed, replication)
        visitors = visitors_of(scenario, given, streams)
        if not visitors:
            raise Misuse("nobody calls between opens and closes: look at rates, file and day")
        calls += len(visitors)
        for number, policy in enumerate(policies):
            progress(policy.name, replication * len(policies) + number, replications * len(policies))
            engine = play(scenario, policy, day_of(scenario, policy, visitors), Streams(seed, replication))
            kept[number].append(values_of(engine.books, policy.queues))
            events[number] += engine.decided
    progress("", replications * len(policies), replications * len(policies))
    return tuple(
        Result(
            policy=policy,
            replications=replications,
            calls=calls,
            events=events[number],
            queues=together(kept[number]),
            against_first=differences(kept[number], kept[0]) if number else None,
        )
        for number, policy in enumerate(policies)
    )


def play(scenario: Scenario, policy: Policy, day: Day, streams: Streams) -> Engine:
    """Play one day under a policy; the engine has the books."""
    opens = seconds_of(scenario.opens)
    engine = Engine(
        policy.queues,
        day,
        begin=opens,
        count_from=opens + scenario.warm_up_minutes * 60,
        count_to=seconds_of(scenario.closes),
        ring_again=rings_again(scenario, streams),
        between_queues=policy.between_queues,
    )
    engine.run()
    return engine
