"""What announcements add to the time until a phone rings: on a real Asterisk, who hears music against who is being told something.

One caller waits, and the only agent becomes ready: at a moment when music plays, or in the middle of a long announcement. Taken is the time from the
request that makes the agent ready to `DialBegin` of his phone, seen by a second listener on the manager port. Both kinds take turns; the
difference of their medians is what the announcement costs.
"""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from hotline.runtime.clock import stopwatch
from telephony.ami.messages import DialBegun
from telephony.phones.callers import Caller
from telephony.phones.program import find_sipp
from telephony.phones.seats import Answer, Seats
from telephony.phones.sipp import Exchange
from tests.bench.report import Report, Scale, median, milliseconds, percentile, say
from tests.support.manager import manager
from tests.support.running import CONFIG, Running

GOAL_S = 0.1
MUSIC, TOLD = "music", "an announcement"
NUMBERS = {MUSIC: "4001", TOLD: "4003"}
INTO_IT_S = 1.0
"""So long into the announcement, or the music, the agent becomes ready."""
SETTLES_S = 3.0
"""Until the greeting of the line is over and music plays."""
PATIENT = """
[numbers.patient]
number = "4003"
flow = "patient"
[[queues]]
id = "patient"
wrap_up_s = 1
record = false
[queues.comfort]
first_after_s = 4
every_s = 60
messages = ["story"]
"""


async def run(scale: Scale) -> Report:
    """Let both take turns."""
    rounds = scale.pick(20, 6)
    found: dict[str, list[float]] = {MUSIC: [], TOLD: []}
    command, environment = find_sipp(print)
    say("comfort_delay: starting a hotline")
    async with AsyncExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix="hotline-bench-", ignore_cleanup_errors=True)
        hotline = Running(Path(stack.enter_context(made)) / "data", CONFIG + PATIENT)
        stack.push_async_callback(hotline.stop)
        await hotline.start()
        exchange = hotline.exchange(command, dict(environment))
        await stack.enter_async_context(Seats(exchange, [hotline.account("1001")], behaviour=Answer()))
        for number in range(2 * rounds):
            what = (MUSIC, TOLD)[number % 2]
            say(f"comfort_delay: {number + 1} of {2 * rounds}")
            found[what].append(await _until_it_rings(hotline, exchange, what, f"1390000{number:04d}"))
    added = median(found[TOLD]) - median(found[MUSIC])
    return Report(
        name="comfort_delay",
        title="from the agent's being ready to the ring of his phone, by what the caller hears",
        head=("hears", "times", "p50", "p95", "worst"),
        rows=[
            (what, str(len(t)), *(milliseconds(value) for value in (median(t), percentile(t, 95), max(t))))
            for what, t in found.items()
        ],
        goal=f"an announcement adds at most {milliseconds(GOAL_S, 0)}",
        reached=added <= GOAL_S,
        notes=[f"an announcement adds {milliseconds(added)} (difference of the medians)"],
        numbers={"seconds": found, "added_s": added},
    )


async def _until_it_rings(hotline: Running, exchange: Exchange, what: str, caller: str) -> float:
    async with manager(hotline) as link, Caller(exchange, number=NUMBERS[what], caller_number=caller) as call:
        await hotline.wait_fact(caller, "CallQueued")
        if what == TOLD:
            await hotline.wait_fact(caller, "IvrStepTaken", result="comforted")
        else:
            await asyncio.sleep(SETTLES_S)
        await asyncio.sleep(INTO_IT_S)
        watch = stopwatch()
        ready = asyncio.ensure_future(hotline.put("agents/1001/state", {"state": "ready"}))
        while not isinstance(await asyncio.wait_for(link.next_message(), 20), DialBegun):
            pass
        rang_s = watch()
        await ready
        await hotline.wait_fact(caller, "OfferAccepted")
        call.hang_up()
    await hotline.ended(caller)
    await hotline.put("agents/1001/state", {"state": "break"})
    await hotline.wait_agent("1001", "break")
    return rang_s


if __name__ == "__main__":
    print(asyncio.run(run(Scale(quick=True))).text())
