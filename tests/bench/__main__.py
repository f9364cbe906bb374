"""The numbers of docs/performance.md.

    python -m tests.bench [NAME…] [--quick] [--json]

Benchmarks: codec, router, fairness, journal, bus, events, asterisk_cpu, demo20, takeover, versus_app_queue, comfort_delay (these six start a real hotline with
synthetic phones), simulation, expected_wait, forecasts, month_intervals, staffing, rosters. Ratios are
measured within one run, because the machine is shared; absolute numbers belong to the machine. A missed goal is shown and is no
failure of the program; exit status 1 means that a benchmark could not be run.
"""

import argparse
import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable, Callable

from hotline.runtime import logs
from hotline.runtime.clock import stopwatch
from tests.bench import (
    ami_codec,
    asterisk_cpu,
    bus,
    comfort_delay,
    demo20,
    events,
    expected_wait,
    fairness,
    forecasts,
    journal,
    month_intervals,
    rosters,
    router,
    simulation,
    staffing,
    takeover,
    versus_app_queue,
)
from tests.bench.report import Report, Scale, say, say_done

LIMITS_S = {
    "codec": 60,
    "router": 300,
    "rosters": 900,
    "fairness": 120,
    "journal": 120,
    "bus": 180,
    "events": 120,
    "asterisk_cpu": 300,
    "demo20": 420,
    "takeover": 300,
    "simulation": 180,
    "expected_wait": 900,
    "comfort_delay": 420,
    "versus_app_queue": 1200,
    "forecasts": 3600,
    "month_intervals": 1800,
    "staffing": 300,
}
CODEC_GOAL = 3.0


async def codec(scale: Scale) -> Report:
    """Compare our AMI codec with stock panoramisk."""
    say("codec: our AMI codec and stock panoramisk")
    seconds = scale.pick(6, 2)
    names = {"call-filtered": "a call, our events", "call-all-events": "a call, all events"}
    found = {
        name: await asyncio.to_thread(ami_codec.measure, ami_codec.DATA / f"{name}.ami", seconds) for name in names
    }
    worst = min(result["ratio"] for result in found.values())
    return Report(
        name="codec",
        title="AMI messages per second, the same bytes",
        head=("bytes", "panoramisk", "our codec", "with types", "ratio", "ratio with types"),
        rows=[
            (title, *(f"{found[name][who]:,.0f}" for who in ("stock panoramisk", "our codec", "codec and types")),
             f"{found[name]['ratio']:.1f} x", f"{found[name]['ratio with types']:.1f} x")
            for name, title in names.items()
        ],
        goal=f"our codec at least {CODEC_GOAL:g} times as fast",
        reached=worst >= CODEC_GOAL,
        numbers=dict(found),
    )  # fmt: skip


BENCHES: dict[str, Callable[[Scale], Awaitable[Report]]] = {
    "codec": codec,
    "router": router.run,
    "rosters": rosters.run,
    "fairness": fairness.run,
    "journal": journal.run,
    "bus": bus.run,
    "events": events.run,
    "asterisk_cpu": asterisk_cpu.run,
    "demo20": demo20.run,
    "takeover": takeover.run,
    "simulation": simulation.run,
    "expected_wait": expected_wait.run,
    "comfort_delay": comfort_delay.run,
    "versus_app_queue": versus_app_queue.run,
    "forecasts": forecasts.run,
    "month_intervals": month_intervals.run,
    "staffing": staffing.run,
}


def main() -> int:
    """Run what was asked for and print it."""
    options = argparse.ArgumentParser(prog="python -m tests.bench", description="Benchmarks of the hotline.")
    options.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHES)}; default: all")
    options.add_argument("--quick", action="store_true", help="less of everything: under two minutes")
    options.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    chosen = options.parse_args()
    if unknown := set(chosen.names) - set(BENCHES):
        options.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    logs.configure(json=False, level="error", show_personal=False, stream=sys.stderr)
    watch = stopwatch()
    reports, failed = asyncio.run(_run(chosen.names or list(BENCHES), Scale(quick=chosen.quick), shown=not chosen.json))
    if chosen.json:
        print(json.dumps({report.name: report.as_json() for report in reports}, indent=2))
    else:
        print(f"{len(reports)} of {len(reports) + failed} benchmarks in {watch():.0f} s")
    return 1 if failed else 0


async def _run(names: list[str], scale: Scale, *, shown: bool) -> tuple[list[Report], int]:
    reports, failed = [], 0
    for name in names:
        try:
            report = await asyncio.wait_for(BENCHES[name](scale), LIMITS_S[name])
        except Exception:  # noqa: BLE001 - one that fails must not keep the others from running
            say_done()
            failed += 1
            print(f"{name} could not be run:", file=sys.stderr)
            traceback.print_exc()
        else:
            say_done()
            reports.append(report)
            if shown:
                print(report.text(), end="\n\n", flush=True)
    return reports, failed


if __name__ == "__main__":
    sys.exit(main())
