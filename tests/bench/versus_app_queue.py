"""Our distribution and `app_queue`, side by side in one Asterisk: same callers, same agents, same talks, one after the other.

An independent listener on the manager port gets every event on both sides, with Asterisk's own time stamps. From them alone comes the time that
matters: from the moment at which both a caller was there (his channel was created) and an agent was free (the last channel of his phone is hung up) to
`DialBegin` of that phone. Three kinds of blocks: plenty of agents at `RATE`, so that callers find somebody idle; few agents at 95 % occupancy,
where callers wait and lose patience; and ever more calls per second until one is lost. Talks are drawn from a seed, the same for both sides.

`app_queue` is a static queue (`leastrecent`, `retry = 1`, the least it takes) and runs with the hotline killed, so nothing of ours costs it anything.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from hotline.runtime.clock import SteadyClock
from hotline.runtime.tasks import TaskGroup
from telephony.phones.call import PhoneCall
from telephony.phones.callers import Callers
from telephony.phones.injection import Line
from telephony.phones.seats import Answer, Seats
from tests.bench.floor import OUR_NUMBER, RING_S, Floor, open_floor, open_tap
from tests.bench.processors import used_s
from tests.bench.report import Report, Scale, median, milliseconds, percentile, say

SEATS, FEW = 60, 20
FEW_NUMBER, MANY_NUMBER = "4901", "4902"
RATE = 20.0
TALK_S = 1.0
BUSY_RATE, BUSY_TALK_S = 8.3, 2.1
"""8.3 calls/s that ring 0.2 s and talk 2.1 s on average are 19.1 erlangs: 95 % of the 20 agents, if nobody gives up."""
PATIENCE_S = 4.0
RAMP = (10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0)
RAMP_PATIENCE_S = 10.0
SETTLES_S = 1.0
WARM_UP_S = 4.0
"""Until all phones have had a call; the occupancy is taken from then on until the last call is placed."""
GOAL_MS, GOAL_RATE = 15.0, 20.0
SIDES = {"ours": "ours", "app_queue": "app_queue"}

_PLAN = f"""
[hotline-trunk](+)
exten = {FEW_NUMBER},1,Set(FROM=${{CUT(PJSIP_HEADER(read,From),:,2)}})
 same = n,Set(CALLERID(num)=${{CUT(FROM,@,1)}})
 same = n,Answer()
 same = n,Queue(few,,,,60)
 same = n,Hangup()
exten = {MANY_NUMBER},1,Set(FROM=${{CUT(PJSIP_HEADER(read,From),:,2)}})
 same = n,Set(CALLERID(num)=${{CUT(FROM,@,1)}})
 same = n,Answer()
 same = n,Queue(bench,,,,60)
 same = n,Hangup()
"""
"""The caller's number is taken from his From header on both sides: the trunk itself shows none."""
_FEW = (
    "\n[few]\nstrategy = leastrecent\nmusicclass = default\ntimeout = 15\nretry = 1\nringinuse = no\njoinempty = yes\n"
)
_STAMPS = "\n[general](+)\ntimestampevents = yes\n"


@dataclass(kw_only=True)
class Heard:
    """What the listener heard: when callers were there, phones were free, who was dialled then, and who was answered."""

    there: dict[str, float] = field(default_factory=dict)
    free: dict[str, float] = field(default_factory=dict)
    dialled: set[str] = field(default_factory=set)
    late_s: list[float] = field(default_factory=list)
    """For the first dial of each caller: how long both had been there."""
    connected: set[str] = field(default_factory=set)
    """The numbers of the callers whom an agent answered."""

    def note(self, message: bytes) -> None:
        """Take an event of the manager port into account."""
        kind = message[7 : message.index(b"\r\n")]
        if kind not in (b"Newchannel", b"Hangup", b"DialBegin", b"DialEnd"):
            return
        values = dict(line.split(b": ", 1) for line in message.split(b"\r\n") if b": " in line)
        at, channel = float(values[b"Timestamp"]), values.get(b"Channel", b"").decode()
        match kind:
            case b"Newchannel":
                self.there[channel] = at
            case b"Hangup":
                self.free[_phone(channel)] = at
            case b"DialBegin" if channel in self.there and channel not in self.dialled:
                self.dialled.add(channel)
                seat = _phone(values[b"DestChannel"].decode())
                self.late_s.append(max(at - max(self.there[channel], self.free.get(seat, 0.0)), 0.0))
            case b"DialEnd" if values[b"DialStatus"] == b"ANSWER":
                self.connected.add(values[b"CallerIDNum"].decode())


def _phone(channel: str) -> str:
    return channel.rpartition("-")[0]


@dataclass(frozen=True, kw_only=True)
class Block:
    """What came of a block of calls."""

    calls: int
    connected: int
    late_s: list[float]
    asterisk_s: float
    """Processor time of Asterisk per call."""
    occupancy: float


@dataclass(kw_only=True)
class Stage:
    """The phones, and who talks to whom."""

    floor: Floor
    clock: SteadyClock = field(default_factory=SteadyClock)
    busy: list[tuple[float, float]] = field(default_factory=list)
    """From when to when a phone rang or talked."""
    luck: Random = field(default_factory=lambda: Random(1))
    talk_s: float = TALK_S

    def phones(self) -> Seats:
        return self.floor.phones(SEATS, behaviour=self._behave, on_change=self._at_a_seat)

    def _behave(self) -> Answer:
        return Answer(after_s=RING_S, talk_s=self.luck.expovariate(1 / self.talk_s))

    def _at_a_seat(self, call: PhoneCall, _event: object) -> None:
        if call.state == "over" and "ringing" in call.at:
            self.busy.append((call.at["ringing"], call.at["over"]))

    async def play(
        self, number: str, calls: int, rate: float, *, talk_s: float, patience_s: float, agents: int
    ) -> Block:
        """Place calls and wait until all are over. Who is connected stays; who is not hangs up when his patience ends."""
        await asyncio.sleep(SETTLES_S)
        self.busy.clear()
        self.luck, self.talk_s = Random(f"{calls}/{rate}"), talk_s
        heard, began = Heard(), self.clock.now()
        lines = [Line(key=f"c{n}", number=number, caller_number=f"138{n:08d}") for n in range(calls)]
        before = used_s(self.floor.asterisk_pid)
        tasks = TaskGroup("patience")

        def waits(call: PhoneCall, _event: object) -> None:
            if call.state == "talking":
                tasks.spawn(_wait(call, patience_s, heard), name=call.key)

        try:
            async with open_tap(self.floor, "everything", heard.note):
                async with Callers(self.floor.exchange(), lines, rate=rate, on_change=waits) as callers:
                    for call in callers.calls.values():
                        await call.finished(timeout_s=calls / rate + patience_s + 60)
                await asyncio.sleep(SETTLES_S / 2)
        finally:
            await tasks.close()
        return Block(
            calls=calls,
            connected=len(heard.connected),
            late_s=heard.late_s,
            asterisk_s=(used_s(self.floor.asterisk_pid) - before) / calls,
            occupancy=self._occupancy(began + WARM_UP_S, began + calls / rate, agents),
        )

    def _occupancy(self, since: float, until: float, agents: int) -> float:
        """Return the share of their time in which phones rang or talked."""
        spent = sum(max(min(end, until) - max(begin, since), 0.0) for begin, end in self.busy)
        return spent / ((until - since) * agents) if until > since else 0.0


async def _wait(call: PhoneCall, patience_s: float, heard: Heard) -> None:
    """Hang up if nobody has answered by then."""
    await asyncio.sleep(patience_s)
    if f"138{int(call.key[1:]):08d}" not in heard.connected:
        call.hang_up()


@dataclass(kw_only=True)
class Found:
    """All blocks of one side."""

    plenty: list[Block] = field(default_factory=list)
    few: list[Block] = field(default_factory=list)
    held: float = 0.0
    """The highest rate of the ramp at which nobody was lost."""
    lost_at: float | None = None


async def run(scale: Scale) -> Report:
    """Let both take turns."""
    rounds, seconds = scale.pick(3, 1), scale.pick(20, 10)
    found = {side: Found() for side in SIDES}
    say("versus_app_queue: starting a hotline")
    async with AsyncExitStack() as stack:
        floor = await stack.enter_async_context(open_floor(seats=SEATS, queue_members=SEATS))
        stage = Stage(floor=floor)
        await stack.enter_async_context(stage.phones())
        for number in range(rounds):
            if number:
                await floor.start()
            await _complete(floor)
            say(f"versus_app_queue: round {number + 1} of {rounds}, ours")
            await floor.make_ready(FEW)
            found["ours"].few.append(await _few(stage, OUR_NUMBER, seconds))
            await floor.make_ready(SEATS)
            found["ours"].plenty.append(await _plenty(stage, OUR_NUMBER, seconds))
            if number == 0:
                await _ramp(stage, OUR_NUMBER, found["ours"], scale)
            await floor.hotline.kill9()
            say(f"versus_app_queue: round {number + 1} of {rounds}, app_queue")
            found["app_queue"].few.append(await _few(stage, FEW_NUMBER, seconds))
            found["app_queue"].plenty.append(await _plenty(stage, MANY_NUMBER, seconds))
            if number == 0:
                await _ramp(stage, MANY_NUMBER, found["app_queue"], scale)
    return _report(found, rounds)


async def _complete(floor: Floor) -> None:
    """Add to Asterisk's configuration what the floor has not: a queue of few members, and time stamps."""
    etc = Path(floor.hotline.runtime["asterisk"]["config_dir"])
    members = "".join(f"member => PJSIP/{s},0,{s},PJSIP/{s}\n" for s in floor.seats(FEW))
    for name, text in (("extensions.conf", _PLAN), ("queues.conf", _FEW + members), ("manager.conf", _STAMPS)):
        with (etc / name).open("a", encoding="utf-8") as file:
            file.write(text)
    for command in ("dialplan reload", "queue reload all", "manager reload"):
        await floor.tell_asterisk(command)


async def _few(stage: Stage, number: str, seconds: int) -> Block:
    return await stage.play(
        number, round(2 * BUSY_RATE * seconds), BUSY_RATE, talk_s=BUSY_TALK_S, patience_s=PATIENCE_S, agents=FEW
    )


async def _plenty(stage: Stage, number: str, seconds: int) -> Block:
    return await stage.play(
        number, round(RATE * seconds), RATE, talk_s=TALK_S, patience_s=RAMP_PATIENCE_S, agents=SEATS
    )


async def _ramp(stage: Stage, number: str, found: Found, scale: Scale) -> None:
    """Raise the rate until somebody is not connected."""
    for rate in RAMP:
        say(f"versus_app_queue: {number} at {rate:g} calls/s")
        calls = round(rate * scale.pick(8, 4))
        block = await stage.play(number, calls, rate, talk_s=TALK_S, patience_s=RAMP_PATIENCE_S, agents=SEATS)
        if block.connected < calls:
            found.lost_at = rate
            return
        found.held = rate


def _report(found: dict[str, Found], rounds: int) -> Report:
    ours, theirs = found["ours"], found["app_queue"]
    late = {
        f"{side}_{name}": [s for block in blocks for s in block.late_s]
        for side, f in found.items()
        for name, blocks in (("plenty", f.plenty), ("few", f.few))
    }
    p99 = percentile(late["ours_plenty"], 99) * 1000
    rows = [
        _row(f"free and waiting to dial, {RATE:g} calls/s on {SEATS} agents, p50", found, lambda s: _late(late, s, "plenty", 50)),
        _row("… p99", found, lambda s: _late(late, s, "plenty", 99)),
        _row(f"… connected within {RAMP_PATIENCE_S:g} s", found, lambda s: f"{_connected(found[s].plenty):.1%}"),
        _row(f"… {BUSY_RATE:g} calls/s on {FEW} agents, p50", found, lambda s: _late(late, s, "few", 50)),
        _row("… p99", found, lambda s: _late(late, s, "few", 99)),
        _row("… occupancy of the phones, ringing and talking", found, lambda s: f"{median([b.occupancy for b in found[s].few]):.1%}"),
        _row(f"… connected within {PATIENCE_S:g} s", found, lambda s: f"{_connected(found[s].few):.1%}"),
        _row(f"Asterisk's processor time per call, {RATE:g} calls/s", found, lambda s: milliseconds(median([b.asterisk_s for b in found[s].plenty]))),
        _row(f"… {BUSY_RATE:g} calls/s on {FEW} agents", found, lambda s: milliseconds(median([b.asterisk_s for b in found[s].few]))),
        _row("nobody lost at / first loss at calls/s", found, lambda s: f"{found[s].held:g} / {found[s].lost_at or '-'}"),
    ]  # fmt: skip
    return Report(
        name="versus_app_queue",
        title=f"our distribution and app_queue, {rounds} rounds in one Asterisk, a listener for all events on both sides",
        head=("what", *SIDES.values()),
        rows=rows,
        goal=f"ours below {GOAL_MS:g} ms (p99) at {GOAL_RATE:g} calls/s",
        reached=p99 < GOAL_MS,
        notes=[
            f"{sum(b.calls for b in ours.plenty)} and {sum(b.calls for b in ours.few)} calls of each side",
            f"dials seen: {', '.join(f'{name} {len(times)}' for name, times in late.items())}",
        ],
        numbers={
            "late_ms": {n: {f"p{p}": percentile(t, p) * 1000 for p in (50, 99)} for n, t in late.items()},
            "connected": {side: _connected(f.few) for side, f in found.items()},
            "asterisk_ms": {side: median([b.asterisk_s for b in f.plenty]) * 1000 for side, f in found.items()},
            "held": {"ours": ours.held, "app_queue": theirs.held},
        },
    )


def _row(title: str, found: dict[str, Found], value: Callable[[str], str]) -> tuple[str, ...]:
    return (title, *(value(side) for side in found))


def _late(late: dict[str, list[float]], side: str, name: str, percent: int) -> str:
    return milliseconds(percentile(late[f"{side}_{name}"], percent))


def _connected(blocks: list[Block]) -> float:
    return sum(b.connected for b in blocks) / sum(b.calls for b in blocks)
