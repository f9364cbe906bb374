"""How many calls of a day the simulation plays in a second, and the same waiting line in SimPy and ciw.

The day: 100,000 calls spread over 24 hours as in a bank (`SHAPE`), 300 agents, phones that ring, wrap-up, impatient callers; the router decides everything.
The ratio: one M/M/n with the same arrivals and services in all three. SimPy and ciw are needed only here (`pip install simpy ciw`); without
them their columns are empty. They have no router: no skills, no offers, no explanations.
"""

import asyncio
from collections.abc import Callable
from importlib.util import find_spec
from random import Random
from typing import Any

from acd.simulation.making import Given
from acd.simulation.run import run as simulate
from acd.simulation.scenario import own_policy, scenario_of
from hotline.runtime import collector
from hotline.runtime.clock import processor_seconds
from tests.bench.report import Report, Scale, say

DAY_CALLS, DAY_AGENTS = 100_000, 300
SHAPE = (1, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 8, 8, 8, 8, 8, 7, 6, 4, 3, 2, 2, 1, 1)
GOAL_S, GOAL_RATIO = 10.0, 5.0
AGENTS, SERVICE_S, PER_HOUR = 50, 180.0, 900.0
"""The line for the ratio: 45 erlangs on 50 agents."""


async def run(scale: Scale) -> Report:
    """Play the day, then the line in each program."""
    say("simulation: a day of 100,000 calls")
    collector.set_aside()  # as `hotline simulate` does; it serves all three programs
    share = scale.pick(100, 20)
    seconds, calls, events = await asyncio.to_thread(_day, share)
    hours = scale.pick(24, 6)
    waits: dict[str, tuple[float, float]] = {}
    for name, play in PROGRAMS.items():
        if name != "ours" and find_spec(name) is None:
            continue
        say(f"simulation: M/M/{AGENTS} in {name}")
        waits[name] = await asyncio.to_thread(play, hours)
    ours = waits["ours"][0]
    whole_s = seconds * 100 / share
    ratios = {name: found[0] / ours for name, found in waits.items() if name != "ours"}
    return Report(
        name="simulation",
        title="simulated calls",
        head=("what", "processor time", "calls/s", "against ours", "mean wait"),
        rows=[
            (
                f"a day of {DAY_CALLS:,} calls, {DAY_AGENTS} agents",
                f"{whole_s:.1f} s",
                f"{calls / seconds:,.0f}",
                "",
                "",
            ),
            *(
                (
                    f"M/M/{AGENTS}, {hours} h, {name}",
                    f"{found[0]:.2f} s",
                    f"{PER_HOUR * hours / found[0]:,.0f}",
                    "" if name == "ours" else f"{ratios[name]:.2f} x",
                    f"{found[1]:.1f} s",
                )
                for name, found in waits.items()
            ),
        ],
        goal=f"the day below {GOAL_S:g} s, and {GOAL_RATIO:g} times as fast as SimPy or ciw",
        reached=whole_s < GOAL_S and max(ratios.values(), default=0.0) >= GOAL_RATIO,
        notes=[f"{events / calls:.1f} events of the router for each call", *_missing(waits)],
        numbers={"day_s": whole_s, "calls_per_s": calls / seconds, "ratios": ratios},
    )


def _missing(waits: dict[str, Any]) -> list[str]:
    absent = [name for name in PROGRAMS if name not in waits]
    return [f"not installed, so not measured: {', '.join(absent)}"] if absent else []


def _day(percent: int) -> tuple[float, int, int]:
    """Play `percent` of the agents' and callers' number of the day; return seconds, calls and events."""
    scale = percent / 100
    total = sum(SHAPE)
    scenario = scenario_of(
        {
            "opens": "00:00",
            "closes": "24:00",
            "queues": [{"id": "q", "max_waiting": 10_000}],
            "callers": [
                {
                    "queue": "q",
                    "rates_per_hour": [DAY_CALLS * scale * part / total for part in SHAPE],
                    "interval_minutes": 60,
                    "talk": {"kind": "lognormal", "mean_s": 90, "cv": 1.2},
                    "wrap_up": {"kind": "exponential", "mean_s": 15},
                    "patience": {"kind": "exponential", "mean_s": 180},
                    "ring": {"kind": "gamma", "mean_s": 4, "cv": 0.5},
                    "no_answer": 0.02,
                }
            ],
            "staff": [{"count": round(DAY_AGENTS * scale)}],
        },
        "the bench's day",
    )
    before = processor_seconds()
    (result,) = simulate(scenario, (own_policy(scenario),), (Given(),), replications=1, seed=1)
    return processor_seconds() - before, result.calls, result.events


# --- the same line -----------------------------------------------------------------------------------------------------


def _ours(hours: int) -> tuple[float, float]:
    """Return processor time and mean wait."""
    scenario = scenario_of(
        {
            "opens": "00:00",
            "closes": f"{hours:02}:00",
            "queues": [{"id": "q", "max_waiting": 100_000}],
            "callers": [
                {"queue": "q", "rate_per_hour": PER_HOUR, "talk": {"kind": "exponential", "mean_s": SERVICE_S}}
            ],
            "staff": [{"count": AGENTS}],
        },
        "the bench's line",
    )
    before = processor_seconds()
    (result,) = simulate(scenario, (own_policy(scenario),), (Given(),), replications=1, seed=1)
    asa = result.queues["q"]["asa_s"]
    return processor_seconds() - before, asa.mean if asa is not None else 0.0


def _simpy(hours: int) -> tuple[float, float]:
    import simpy

    luck, waits = Random(1), []
    world = simpy.Environment()
    agents = simpy.Resource(world, capacity=AGENTS)

    def caller() -> Any:
        came = world.now
        with agents.request() as turn:
            yield turn
            waits.append(world.now - came)
            yield world.timeout(luck.expovariate(1 / SERVICE_S))

    def source() -> Any:
        while True:
            yield world.timeout(luck.expovariate(PER_HOUR / 3_600))
            if world.now > hours * 3_600:
                return
            world.process(caller())

    before = processor_seconds()
    world.process(source())
    world.run()
    return processor_seconds() - before, sum(waits) / len(waits)


def _ciw(hours: int) -> tuple[float, float]:
    import ciw

    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=PER_HOUR / 3_600)],
        service_distributions=[ciw.dists.Exponential(rate=1 / SERVICE_S)],
        number_of_servers=[AGENTS],
    )
    ciw.seed(1)
    before = processor_seconds()
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(hours * 3_600)
    seconds = processor_seconds() - before
    waits = [record.waiting_time for record in simulation.get_all_records()]
    return seconds, sum(waits) / len(waits)


PROGRAMS: dict[str, Callable[[int], tuple[float, float]]] = {"ours": _ours, "simpy": _simpy, "ciw": _ciw}
