"""The floor of the telephony benchmarks: a real `hotline up` with synthetic phones, whose Asterisk also serves the other side.

After its start the generated configuration gets two things that a hotline has not: a number that a plain static `app_queue`
with the same seats answers, and manager users without event filters. A restart of the hotline writes the configuration anew,
so `start` adds them again.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from hotline.errors import Unavailable
from hotline.runtime.tasks import TaskGroup
from hotline.secrets import load_or_create
from telephony.asterisk import layout, state
from telephony.asterisk.config.core import READ_CLASSES
from telephony.asterisk.process import Process
from telephony.phones.call import PhoneCall
from telephony.phones.callers import Callers
from telephony.phones.injection import Line
from telephony.phones.program import find_sipp
from telephony.phones.seats import Answer, Behave, Seats
from telephony.phones.sipp import Exchange
from telephony.phones.wire import Event
from tests.support.running import Running

OUR_NUMBER, QUEUE_NUMBER = "4001", "4900"
RING_S = 0.2
"""How long a seat rings before it answers."""
SECRET = "bench-secret-1234"

CONFIG = """
[http]
port = 0
[sip]
port = 0
rtp_start = 0
[ami]
port = 0
[seats]
count = {seats}
[numbers.hotline]
number = "4000"
flow = "main"
[numbers.bench]
number = "4001"
flow = "bench"
[ivr]
flows_dir = "{{flows}}"
[[queues]]
id = "service"
wrap_up_s = {wrap_up_s}
record = {record}
"""

FLOW = """
flow: bench
start: service
steps:
  service:
    kind: queue
    queue: service
    after: bye
  bye:
    kind: hangup
"""

_DIALPLAN = """
[hotline-trunk](+)
exten = 4900,1,Answer()
 same = n,Queue(bench,,,,60)
 same = n,Hangup()
"""

_QUEUE = """
[bench]
strategy = leastrecent
musicclass = default
timeout = 15
retry = 1
ringinuse = no
joinempty = yes
"""


def _manager_user(name: str, read: str) -> str:
    return (
        f"\n[{name}]\nsecret = {SECRET}\npermit = 127.0.0.0/255.0.0.0\nread = {read}\nwrite =\ndisplayconnects = no\n"
    )


class Floor:
    """A hotline with phones for measuring."""

    def __init__(self, hotline: Running, queue_members: int) -> None:
        self.hotline = hotline
        self._queue_members = queue_members
        command, environment = find_sipp(lambda _sentence: None)
        self._sipp, self._environment = command, dict(environment)

    async def start(self) -> None:
        """Start the hotline, or start it again after a kill, and add to its Asterisk what the benchmarks need."""
        await self.hotline.start()
        etc = Path(self.hotline.runtime["asterisk"]["config_dir"])
        members = "".join(f"member => PJSIP/{s},0,{s},PJSIP/{s}\n" for s in self.seats(self._queue_members))
        for name, text in (
            ("extensions.conf", _DIALPLAN),
            ("queues.conf", _QUEUE + members),
            ("manager.conf", _manager_user("unfiltered", READ_CLASSES) + _manager_user("everything", "all")),
        ):
            with (etc / name).open("a", encoding="utf-8") as file:
                file.write(text)
        for command in ("dialplan reload", "queue reload all", "manager reload"):
            await self.tell_asterisk(command)

    @property
    def pid(self) -> int:
        """The process id of the hotline."""
        return int(self.hotline.runtime["pid"])

    @property
    def asterisk_pid(self) -> int:
        """The process id of its Asterisk."""
        return int(self.hotline.runtime["asterisk"]["pid"])

    def seats(self, count: int) -> list[str]:
        """Return the first `count` extensions."""
        return [seat["extension"] for seat in self.hotline.runtime["seats"][:count]]

    async def tell_asterisk(self, command: str) -> str:
        """Perform a console command."""
        kept = state.load(self.hotline.data_dir / "asterisk")
        assert kept is not None
        config_file = layout.plan_dirs(self.hotline.data_dir).config_file
        process = Process(self.asterisk_pid, kept.installation, config_file)
        try:
            return await process.tell(command)
        finally:
            process.let_go()

    # --- phones ---------------------------------------------------------------------------------------------------------

    def exchange(self) -> Exchange:
        """Return what phones of this hotline need to know."""
        return self.hotline.exchange(self._sipp, self._environment)

    def phones(
        self,
        count: int,
        *,
        talk_s: float | None = None,
        behaviour: Behave | None = None,
        on_change: Callable[[PhoneCall, Event], None] | None = None,
    ) -> Seats:
        """Return `count` seats that answer every call, talk and hang up, or behave as told; not yet registered."""
        accounts = [self.hotline.account(seat) for seat in self.seats(count)]
        behaves = behaviour or Answer(after_s=RING_S, talk_s=talk_s)
        return Seats(self.exchange(), accounts, behaviour=behaves, on_change=on_change)

    async def play(self, number: str, calls: int, rate: float, seats: Seats) -> int:
        """Place calls, wait until all are over, and return how many a seat answered."""
        before = _answered(seats)
        lines = [Line(key=f"c{n}", number=number, caller_number=f"138{n:08d}") for n in range(calls)]
        async with Callers(self.exchange(), lines, rate=rate) as callers:
            for call in callers.calls.values():
                await call.finished(timeout_s=calls / rate + 30)
        return _answered(seats) - before

    async def make_ready(self, count: int) -> None:
        """Log the agents of the first seats in."""
        await self.hotline.set_ready(*(seat["agent"] for seat in self.hotline.runtime["seats"][:count]))


def _answered(seats: Seats) -> int:
    return sum(call.answered for seat in seats for call in seat.calls)


@asynccontextmanager
async def open_floor(
    *, seats: int, queue_members: int = 0, wrap_up_s: float = 0.0, record: bool = False
) -> AsyncIterator[Floor]:
    """Start a hotline in a directory of its own; afterwards it and everything it started is gone."""
    home = Path(tempfile.mkdtemp(prefix="hotline-bench-"))
    try:
        text = CONFIG.format(seats=seats, wrap_up_s=wrap_up_s, record=str(record).lower())
        hotline = Running(home / "data", text)
        (home / "data-flows" / "bench.yaml").write_text(FLOW, encoding="utf-8")
        floor = Floor(hotline, queue_members)
        try:
            await floor.start()
            yield floor
        finally:
            await hotline.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


# --- listening on the manager port --------------------------------------------------------------------------------------


class Tap:
    """A login on the manager port that counts what comes: `messages` and `bytes`; `on_message` sees each message."""

    def __init__(self, on_message: Callable[[bytes], None] | None = None) -> None:
        self.messages = 0
        self.bytes = 0
        self._on_message = on_message

    async def follow(self, reader: asyncio.StreamReader) -> None:
        """Count until the connection ends."""
        while True:
            message = await reader.readuntil(b"\r\n\r\n")
            if not message.startswith(b"Event: "):
                continue  # answers to the login
            self.messages += 1
            self.bytes += len(message)
            if self._on_message is not None:
                self._on_message(message)


@asynccontextmanager
async def open_tap(
    floor: Floor, username: str, on_message: Callable[[bytes], None] | None = None
) -> AsyncIterator[Tap]:
    """Log in as `hotline` (the rights and filters of ours), `unfiltered` (the same rights) or `everything`, and count."""
    own = load_or_create(floor.hotline.data_dir, []).ami_secret
    host, _, port = floor.hotline.runtime["asterisk"]["ami"].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 20)
    tasks = TaskGroup("tap")
    try:
        await reader.readline()
        secret = own if username == "hotline" else SECRET
        writer.write(f"Action: Login\r\nUsername: {username}\r\nSecret: {secret}\r\n\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b"Success" not in answer:
            raise Unavailable(f"the manager port does not let {username} in: {answer.decode(errors='replace').strip()}")
        tap = Tap(on_message)
        tasks.spawn(tap.follow(reader), name=username)
        yield tap
    finally:
        await tasks.close()
        writer.close()


def histogram(series: dict[str, float], name: str) -> list[tuple[float, float]]:
    """Return the buckets of a histogram in a reading of /metrics: upper edge and cumulated count, all labels together."""
    found: dict[float, float] = {}
    for key, value in series.items():
        if key.startswith(f"{name}_bucket{{"):
            edge = float(key.partition('le="')[2].partition('"')[0])
            found[edge] = found.get(edge, 0.0) + value
    return sorted(found.items())


def histogram_percentile(before: dict[str, float], after: dict[str, float], name: str, percent: float) -> float:
    """Return a percentile of what a histogram gained, interpolated within its bucket (as Prometheus does)."""
    earlier = dict(histogram(before, name))
    gained = [(edge, count - earlier.get(edge, 0.0)) for edge, count in histogram(after, name)]
    if not gained or gained[-1][1] <= 0:
        return float("nan")
    wanted = gained[-1][1] * percent / 100
    low, below = 0.0, 0.0
    for edge, count in gained:
        if count >= wanted:
            return low if edge == float("inf") else low + (edge - low) * (wanted - below) / max(count - below, 1e-9)
        low, below = edge, count
    return low


def gauge(series: dict[str, float], name: str) -> float:
    """Return the largest value of a gauge over its labels."""
    return max((value for key, value in series.items() if key.partition("{")[0] == name), default=float("nan"))
