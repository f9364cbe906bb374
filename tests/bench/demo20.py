"""A busy minute: `hotline demo` at 20 calls/s against a running hotline with its default flow, recordings included.

Nothing may be lost (the demo's own account of phones against database). Besides: how long an offer takes, as the hotline's histogram says
and as an independent listener sees it (decision in the journal to `DialBegin` on the manager port), how late the event loop is,
and who used the processors. If the rate does not hold, lower ones are tried and the highest that holds is reported.
"""

import asyncio
import json
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hotline.facts import OfferMade
from hotline.runtime.clock import SteadyClock
from hotline.store.pool import Store
from tests.bench.floor import Floor, gauge, histogram_percentile, open_floor, open_tap
from tests.bench.processors import Machine, used_by_tree_s, used_s
from tests.bench.report import Report, Scale, milliseconds, percentile, say

RATE = 20.0
LOWER_RATES = (15.0, 10.0, 5.0)
AGENTS = 120
WRAP_UP_S = 1.0
TALK_S = 2.0
SAMPLE_S = 1.0
LAG_EVERY = 5
LOWER_S = 15
PATIENCE_S, QUICK_PATIENCE_S = 30, 10
"""How long callers wait at the most; the last of them end a run."""
TIME_LIMIT_S = 300.0
SATURATED = 0.95
MATCH_WITHIN_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One look at all programs."""

    at: float
    busy: float
    """Share of all processors in use since the look before."""
    used: dict[str, float]
    """Processor seconds so far, by program."""


@dataclass(kw_only=True)
class Watch:
    """What was seen while a demo ran."""

    samples: list[Sample] = field(default_factory=list)
    loop_lag_s: list[float] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    last_hangup_at: float = 0.0
    dials: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When each seat was rung (`DialBegin`)."""

    def note(self, message: bytes, at: float) -> None:
        """Take an event of the manager port into account."""
        if message.startswith(b"Event: Hangup\r\n"):
            self.last_hangup_at = at
        elif message.startswith(b"Event: DialBegin\r\n"):
            channel = message.partition(b"\r\nDestChannel: PJSIP/")[2].partition(b"-")[0]
            self.dials[channel.decode()].append(at)
        elif message.startswith(b"Event: AsyncAGIStart\r\n") and b"%3A%20arrive%0A" in message:
            self.arrivals.append(at)

    def busy(self) -> list[float]:
        """Return how busy all processors were, second by second, while calls arrived."""
        first, last = min(self.arrivals, default=0.0), max(self.arrivals, default=0.0)
        return [sample.busy for sample in self.samples if first + SAMPLE_S <= sample.at <= last]

    def used(self) -> dict[str, float]:
        """Return what each program used from the first call to the end of the last one (logging agents in and out is not in it)."""
        first = min(self.arrivals, default=0.0)
        before = max((s for s in self.samples if s.at <= first), key=lambda s: s.at, default=self.samples[0])
        after = min(
            (s for s in self.samples if s.at >= self.last_hangup_at), key=lambda s: s.at, default=self.samples[-1]
        )
        return {who: after.used[who] - before.used[who] for who in after.used}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One demo."""

    rate: float
    calls: int
    account: dict[str, Any]
    watch: Watch
    latency_s: dict[str, float]
    dial_s: list[float]
    """From the decision to `DialBegin`, offer by offer."""

    @property
    def problems(self) -> list[str]:
        """What was lost or does not add up."""
        return list(self.account["database"]["problems"])

    @property
    def kinds(self) -> Counter[str]:
        """How many problems of each kind, without their numbers and ids."""
        return Counter(re.sub(r"\(?\bcall [0-9a-f-]{36}\)?|\d+", "…", problem) for problem in self.problems)

    @property
    def held(self) -> bool:
        """Whether nothing was lost."""
        return not self.problems and self.account["phones"]["placed"] == self.calls


async def run(scale: Scale) -> Report:
    """Play the minute; where it does not hold, find what does."""
    patience_s = scale.pick(PATIENCE_S, QUICK_PATIENCE_S)
    say("demo20: starting a hotline")
    async with AsyncExitStack() as stack:
        floor = await stack.enter_async_context(open_floor(seats=AGENTS, wrap_up_s=WRAP_UP_S, record=True))
        first = await play(floor, RATE, round(RATE * scale.pick(60, 10)), patience_s)
        held = first if first.held else None
        for rate in () if held or scale.quick else LOWER_RATES:
            tried = await play(floor, rate, round(rate * LOWER_S), patience_s)
            if tried.held:
                held = tried
                break
    return _report(first, held)


async def play(floor: Floor, rate: float, calls: int, patience_s: int) -> Outcome:
    """Play one demo and watch."""
    clock = SteadyClock()
    watch = Watch()
    before = await floor.hotline.metrics()
    began = clock.now()
    async with open_tap(floor, "hotline", lambda message: watch.note(message, clock.now())):
        account = await _demo(floor, watch, rate, calls, patience_s)
    after = await floor.hotline.metrics()
    name = "hotline_offer_latency_seconds"
    return Outcome(
        rate=rate,
        calls=calls,
        account=account,
        watch=watch,
        latency_s={f"p{p}": histogram_percentile(before, after, name, p) for p in (50, 99)},
        dial_s=_decision_to_dial(await _offers(floor, began), watch.dials),
    )


async def _demo(floor: Floor, watch: Watch, rate: float, calls: int, patience_s: int) -> dict[str, Any]:
    words = {"calls": calls, "rate": f"{rate:g}", "agents": AGENTS, "talk": f"{TALK_S:g}", "patience": patience_s}
    options = [word for name, value in words.items() for word in (f"--{name}", str(value))]
    process = await asyncio.create_subprocess_exec(
        *floor.hotline.command("demo", *options, "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
    )
    answering = asyncio.ensure_future(process.communicate())
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            await _follow(floor, watch, process.pid, answering)
            out, err = await answering
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        answering.cancel()
    text = out.decode(errors="replace")
    start = text.find("{\n")  # behind log lines, if any
    if start < 0:
        raise RuntimeError(f"the demo gave no account: {(text + err.decode(errors='replace'))[-500:]}")
    account: dict[str, Any] = json.loads(text[start:])
    return account


async def _follow(floor: Floor, watch: Watch, demo_pid: int, done: "asyncio.Future[Any]") -> None:
    """Look at the programs each second until the demo is done."""
    clock = SteadyClock()
    looked = Machine.look()
    while not done.done():
        now = Machine.look()
        busy, looked = now.busy_share_since(looked), now
        watch.samples.append(Sample(at=clock.now(), busy=busy, used=_used(floor, demo_pid)))
        if len(watch.samples) % LAG_EVERY == 0:
            watch.loop_lag_s.append(gauge(await floor.hotline.metrics(), "hotline_event_loop_lag_seconds"))
            say(f"demo20: {len(watch.arrivals)} calls arrived; processors {busy:.0%} busy")
        await asyncio.wait([done], timeout=SAMPLE_S)


def _used(floor: Floor, demo_pid: int) -> dict[str, float]:
    return {
        "hotline": used_s(floor.pid),
        "asterisk": used_s(floor.asterisk_pid),
        "postgres": used_by_tree_s(floor.pid, (floor.asterisk_pid,)) - used_s(floor.pid),
        "phones": used_by_tree_s(demo_pid),
    }


async def _offers(floor: Floor, since: float) -> list[OfferMade]:
    store = await Store.open(floor.hotline.runtime["database"], size=1)
    try:
        rows = await store.fetch(
            "SELECT body::text AS body FROM journal WHERE type = 'OfferMade' AND at >= to_timestamp($1) ORDER BY at",
            since,
        )
    finally:
        await store.close()
    return [msgspec.json.decode(row["body"], type=OfferMade) for row in rows]


def _decision_to_dial(offers: list[OfferMade], dials: dict[str, list[float]]) -> list[float]:
    """Match each `DialBegin` at a seat with the last offer to that seat before it."""
    made: dict[str, list[float]] = defaultdict(list)
    for offer in offers:
        made[offer.extension].append(offer.at)
    found = []
    for seat, times in dials.items():
        for at in times:
            index = bisect_right(made[seat], at) - 1
            if index >= 0 and at - made[seat][index] < MATCH_WITHIN_S:
                found.append(at - made[seat][index])
    return found


def _report(first: Outcome, held: Outcome | None) -> Report:
    phones, database, watch = first.account["phones"], first.account["database"], first.watch
    lags, busy, used = watch.loop_lag_s, watch.busy(), watch.used()
    dial = {f"p{p}": percentile(first.dial_s, p) for p in (50, 99)}
    rows: list[tuple[str, ...]] = [
        (
            "calls placed / answered by an agent / problems",
            f"{phones['placed']} / {phones['connected']} / {len(first.problems)}",
        ),
        ("recordings stored / marked", f"{database['recordings']} / {database['recordings_marked']}"),
        ("offer latency (histogram) p50 / p99", _pair(first.latency_s)),
        (f"decision to DialBegin ({len(first.dial_s)} seen) p50 / p99", _pair(dial)),
        (
            "event loop lag, worst in 15 s: median / worst",
            f"{milliseconds(percentile(lags, 50))} / {milliseconds(percentile(lags, 100))}",
        ),
        ("both processors busy, median / worst second", f"{percentile(busy, 50):.0%} / {percentile(busy, 100):.0%}"),
        *((f"processor time per call, {who}", milliseconds(seconds / first.calls)) for who, seconds in used.items()),
    ]
    notes = [f"! {count} x {kind}" for kind, count in first.kinds.most_common(10)]
    if percentile(busy, 50) >= SATURATED:
        notes.append("the processors were full: this measures the machine (phones included), not the hotline alone")
    if not first.held:
        notes.append(
            f"highest rate that held: {held.rate:g} calls/s" if held else "no lower rate held, or none was tried"
        )
    return Report(
        name="demo20",
        title=f"hotline demo, {first.calls} calls at {first.rate:g} calls/s, {AGENTS} agents, talks of {TALK_S:g} s",
        head=("measure", "value"),
        rows=rows,
        goal=f"none lost at {RATE:g} calls/s",
        reached=first.held,
        notes=notes,
        numbers={
            "account": first.account,
            "offer_latency_s": first.latency_s,
            "decision_to_dial_s": dial,
            "dials_seen": len(first.dial_s),
            "event_loop_lag_worst_s": percentile(lags, 100),
            "processors_busy": percentile(busy, 50),
            "processor_s_per_call": {who: seconds / first.calls for who, seconds in used.items()},
            "rate_held": held.rate if held else None,
        },
    )  # fmt: skip


def _pair(values: dict[str, float]) -> str:
    return f"{milliseconds(values['p50'])} / {milliseconds(values['p99'])}"
