"""Whether expected waits come true: the router's own estimates in simulated days of several kinds, against the waits that came.

The simulation drives the same router as the service, on virtual time, and hears what callers' flows hear: `WaitEstimated`. Judged is the first estimate of
each caller who would never hang up (a tenth of all, the others have their patience): those who hang up leave before it is known how long they would have
waited, and to leave them out would count long waits as if they never came. Half of the waits should be below P50 and nine of ten below P90.

What is said is judged of everybody, as `acd.estimates.promises` does: the range that the first announcement would have told, if the router called its
estimates calibrated then.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from acd.core.floor import Output
from acd.estimates.estimates import Estimates
from acd.estimates.learnt import Learnt
from acd.simulation.books import Stay
from acd.simulation.engine import Engine
from acd.simulation.making import Given, day_of, rings_again, visitors_of
from acd.simulation.scenario import Policy, Scenario, own_policy, scenario_of, seconds_of
from acd.simulation.streams import Streams
from hotline.facts import WaitEstimated
from hotline.ids import CallId
from hotline.kpi import share
from hotline.ranges import Promise, spoken_range
from tests.bench.report import Report, Scale, say

STAYERS = 0.1
"""The share of callers who never hang up."""
OPENS = 7
SAID_AFTER_S = 20.0
"""When the first announcement comes."""
COMFORT = {"expected_wait": True, "first_after_s": SAID_AFTER_S}
DAYS = 3
"""The first is there to learn from."""
HOURS, HOURS_QUICK = 8, 4
OFF = 0.1
"""So far from 50 % and 90 % the shares may be."""
EXPONENTIAL = {"kind": "exponential", "mean_s": 180}


@dataclass(frozen=True, kw_only=True)
class Load:
    """A kind of day."""

    name: str
    queues: tuple[Mapping[str, Any], ...] = ({"id": "q"},)
    callers: tuple[Mapping[str, Any], ...]
    staff: tuple[Mapping[str, Any], ...]
    known: bool = True
    """Whether the estimate can know all that counts; if not, it need not come true, but then less is said."""
    hours: int | None = None
    """How long the day is; None: as long as the bench likes."""
    times: int = 1
    """So many more days are needed for as many waits as with the others."""


def _simple(agents: int, erlangs: float, **callers: Any) -> dict[str, Any]:
    """Return a queue with so much work, of calls as long as `EXPONENTIAL` if nothing else is said."""
    kind = {"queue": "q", "rate_per_hour": erlangs * 20, "talk": EXPONENTIAL, **callers}
    return {"callers": (kind,), "staff": ({"count": agents},)}


def _patience(mean_s: float) -> dict[str, Any]:
    return {"kind": "exponential", "mean_s": mean_s}


LOGNORMAL = {"kind": "lognormal", "mean_s": 150, "cv": 1.2}
RING = {"kind": "gamma", "mean_s": 5, "cv": 0.5}
SHAPE = (120, 240, 420, 500, 460, 380, 300, 360, 430, 400, 300, 200, 120, 60)
"""Callers per hour of a day from 7 to 21 o'clock."""

LOADS: tuple[Load, ...] = (
    Load(name="M/M/10, 95 % busy", **_simple(10, 9.5)),
    Load(name="M/M/1+M", times=8, **_simple(1, 1.0, patience=_patience(600))),
    Load(name="M/M/10+M, too few by a fifth", **_simple(10, 12, patience=_patience(120))),
    Load(name="M/M/50+M, too few by a tenth", **_simple(50, 55, patience=_patience(240))),
    Load(
        name="lognormal talks, wrap-up, rings, one of ten not answered",
        **_simple(
            20, 24, talk=LOGNORMAL, wrap_up=_patience(30), ring=RING, no_answer=0.1, patience=_patience(300)
        ),
    ),
    Load(
        name="two queues with a skill each, a third of the agents has both",
        queues=({"id": "q", "skills": ["cards"]}, {"id": "r", "skills": ["loans"]}),
        callers=(
            {"queue": "q", "rate_per_hour": 240, "talk": EXPONENTIAL, "patience": _patience(240)},
            {"queue": "r", "rate_per_hour": 120, "talk": LOGNORMAL, "patience": _patience(240)},
        ),
        staff=(
            {"name": "cards", "count": 6, "queues": ["q"], "skills": ["cards"]},
            {"name": "loans", "count": 3, "queues": ["r"], "skills": ["loans"]},
            {"name": "both", "count": 5, "skills": ["cards", "loans"]},
        ),
    ),
    Load(
        name="a queue of higher priority beside it, the same agents",
        queues=({"id": "q"}, {"id": "vip", "priority": 10}),
        callers=(
            {"queue": "q", "rate_per_hour": 200, "talk": EXPONENTIAL, "patience": _patience(300)},
            {"queue": "vip", "rate_per_hour": 60, "talk": EXPONENTIAL, "patience": _patience(300)},
        ),
        staff=({"count": 12},),
    ),
    Load(
        name="a day with peaks, three shifts, breaks",
        hours=14,
        callers=(
            {
                "queue": "q", "rates_per_hour": SHAPE, "interval_minutes": 60, "talk": LOGNORMAL, "wrap_up": _patience(20),
                "ring": RING, "patience": _patience(300),
            },
        ),
        staff=(
            {"name": "early", "count": 10, "shift": ["07:00", "15:00"], "breaks": [["11:00", "11:30"]]},
            {"name": "day", "count": 8, "shift": ["09:00", "18:00"], "breaks": [["12:30", "13:15"]]},
            {"name": "late", "count": 9, "shift": ["13:00", "21:00"], "breaks": [["17:00", "17:30"]]},
        ),
    ),
    Load(
        name="every fourth caller asks for a skill that a fifth of the agents has",
        callers=(
            {"queue": "q", "rate_per_hour": 150, "talk": EXPONENTIAL, "patience": _patience(300)},
            {"queue": "q", "rate_per_hour": 50, "skills": ["english"], "talk": EXPONENTIAL, "patience": _patience(300)},
        ),
        staff=({"name": "zh", "count": 8}, {"name": "en", "count": 2, "skills": ["english"]}),
    ),
    Load(
        name="talks four times as long from noon to two, without a warning",
        callers=(
            {"queue": "q", "rates_per_hour": [140] * 5 + [0] * 2 + [140] * 7, "interval_minutes": 60, "talk": EXPONENTIAL, "patience": _patience(400)},
            {"queue": "q", "rates_per_hour": [0] * 5 + [140] * 2 + [0] * 7, "interval_minutes": 60, "talk": {"kind": "exponential", "mean_s": 720}, "patience": _patience(400)},
        ),
        staff=({"count": 8},),
        known=False,
        hours=14,
    ),
)  # fmt: skip


@dataclass
class Heard:
    """What the flow of one caller hears."""

    first: WaitEstimated
    announced: WaitEstimated | None = None
    """The last before the first announcement."""


@dataclass
class Tally:
    """What came of estimates."""

    waits: int = 0
    below_p50: int = 0
    below_p90: int = 0
    announced: int = 0
    """Callers who waited when the first announcement came."""
    said: Counter[str] = field(default_factory=Counter)
    unsaid: Counter[str] = field(default_factory=Counter)
    """What would have come of ranges that were not said, because the estimates were not calibrated."""

    @property
    def kept(self) -> float | None:
        """The share of what was said that came true."""
        return _kept(self.said)

    @property
    def would_be_kept(self) -> float:
        """The same of what was not said; 1 if everything was said."""
        kept = _kept(self.unsaid)
        return 1.0 if kept is None else kept

    def judge(self, heard: Heard, stay: Stay, *, stays: bool) -> None:
        """Take what one caller heard, and what came."""
        waited = stay.left_at - heard.first.at
        if stays and stay.end == "answered":
            self.waits += 1
            self.below_p50 += waited <= heard.first.p50_s
            self.below_p90 += waited <= heard.first.p90_s
        announced_at, last = stay.entered_at + SAID_AFTER_S, heard.announced
        if last is None or stay.left_at <= announced_at:
            return
        self.announced += 1
        said = spoken_range(last.p50_s, last.p90_s)
        if said.high_s is None:
            return
        result = Promise(announced_at, said.low_s, said.high_s).judge(stay.left_at, answered=stay.end == "answered")
        (self.said if last.calibrated else self.unsaid)[result or "unjudged"] += 1


def _kept(results: Counter[str]) -> float | None:
    kept = results["kept"] + results["early"]
    return share(kept, kept + results["late"])


async def run(scale: Scale) -> Report:
    """Play some days of each kind."""
    found: dict[str, Tally] = {}
    for load in LOADS:
        say(f"expected_wait: {load.name}")
        found[load.name] = await asyncio.to_thread(measure, load, scale.pick(HOURS, HOURS_QUICK), scale.pick(DAYS, 2))
    known = [found[load.name] for load in LOADS if load.known]
    reached = all(abs(t.below_p50 / t.waits - 0.5) <= OFF and abs(t.below_p90 / t.waits - 0.9) <= OFF for t in known)
    return Report(
        name="expected_wait",
        title="expected waits against those that came",
        head=(
            "day",
            "waits",
            "below P50",
            "below P90",
            "range said to",
            "kept",
            "of them early",
            "unsaid, would be kept",
        ),
        rows=[(name, *_row(tally)) for name, tally in found.items()],
        goal=f"50 % below P50 and 90 % below P90, within {OFF * 100:.0f} points, but for the last",
        reached=reached,
        numbers={name: _numbers(tally) for name, tally in found.items()},
    )


def _row(tally: Tally) -> Iterator[str]:
    yield f"{tally.waits:,}"
    yield _percent(share(tally.below_p50, tally.waits))
    yield _percent(share(tally.below_p90, tally.waits))
    yield _percent(share(tally.said.total(), tally.announced))
    yield _percent(tally.kept)
    yield _percent(share(tally.said["early"], tally.said["kept"] + tally.said["early"]))
    yield _percent(_kept(tally.unsaid))


def _numbers(tally: Tally) -> dict[str, Any]:
    return {
        "waits": tally.waits, "below_p50": tally.below_p50 / tally.waits, "below_p90": tally.below_p90 / tally.waits,
        "announced": tally.announced, "said": dict(tally.said), "unsaid": dict(tally.unsaid),
    }  # fmt: skip


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


# --- a day --------------------------------------------------------------------------------------------------------------


def measure(load: Load, hours: int, days: int, *, seed: int = 1) -> Tally:
    """Play days of a kind: what was learned stays from each to the next, and the first is not judged."""
    tally = Tally()
    scenario = _scenario(load, hours)
    policy = own_policy(scenario)
    learnt: dict[str, Learnt] = {}
    for day in range(1 + (days - 1) * load.times):
        learnt = _play(scenario, policy, Streams(seed, day), learnt, tally, judge=day > 0)
    return tally


def _scenario(load: Load, hours: int) -> Scenario:
    """Return the scenario with those among the callers who stay whatever comes."""
    callers: list[dict[str, Any]] = []
    for kind in load.callers:
        callers.append({**kind, "scale": 1 - STAYERS})
        callers.append({**kind, "scale": STAYERS, "patience": {"kind": "never"}})
    queues = [{"max_waiting": 10_000, "comfort": COMFORT, "max_offers": 10_000, **queue} for queue in load.queues]
    closes = f"{OPENS + (load.hours or hours):02}:00"
    day = {"opens": f"{OPENS:02}:00", "closes": closes, "queues": queues, "callers": callers, "staff": list(load.staff)}
    return scenario_of(day, load.name)


def _play(
    scenario: Scenario, policy: Policy, streams: Streams, learnt: Mapping[str, Learnt], tally: Tally, *, judge: bool
) -> dict[str, Learnt]:
    """Play one day with what was learned before it; return what is known after it."""
    visitors = visitors_of(scenario, (Given(),) * len(scenario.callers), streams)
    heard: dict[CallId, Heard] = {}
    entered = {visitor.call_id: visitor.at for visitor in visitors}

    def hear(output: Output) -> None:
        if not isinstance(output, WaitEstimated):
            return
        known = heard.setdefault(output.call_id, Heard(output))
        if output.at <= entered[output.call_id] + SAID_AFTER_S:
            known.announced = output

    opens = seconds_of(scenario.opens)
    engine = Engine(
        policy.queues,
        day_of(scenario, policy, visitors),
        begin=opens,
        count_from=opens,
        ring_again=rings_again(scenario, streams),
        told=hear,
    )
    estimates = engine.router.floor.estimates = Estimates(engine.router.floor)
    estimates.restore(learnt)
    books = engine.run()
    stayers = {visitor.call_id for visitor in visitors if visitor.patience_s == inf}
    for stay in books.stays if judge else ():
        found = heard.get(stay.call_id)
        if found is not None and found.first.p90_s > 0:
            tally.judge(found, stay, stays=stay.call_id in stayers)
    return {queue_id: estimates.book(queue_id).learnt for queue_id in engine.router.floor.queues}
