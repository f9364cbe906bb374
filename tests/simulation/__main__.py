"""Live through many stories: `python -m tests.simulation 10000`, or one again: `python -m tests.simulation --seed 17 --verbose`."""

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.simulation.coverage import table
from tests.simulation.story import Failed, Told, live

CHUNK = 20


def attempt(seed: int, verbose: bool = False, only: tuple[str, ...] = ()) -> Told | str:
    """Return what came of a seed, or why it failed."""
    try:
        return live(seed, verbose=verbose, only=only)
    except Failed as exc:
        return str(exc)
    except Exception as exc:  # noqa: BLE001 - whatever a seed brings to light is its finding
        return f"seed {seed}: {type(exc).__name__}: {exc}\nrepeat it with: .venv/bin/python -m tests.simulation --seed {seed} --verbose"


def main() -> int:
    """Run and report; the status tells whether anything failed."""
    options = argparse.ArgumentParser(prog="python -m tests.simulation", description="Seeded stories of a whole house.")
    options.add_argument("stories", nargs="?", type=int, default=300, help="how many seeds")
    options.add_argument("--first", type=int, default=0, help="the first seed")
    options.add_argument("--seed", type=int, help="live through this one only")
    options.add_argument("--verbose", action="store_true", help="print what happens")
    options.add_argument("--only", action="append", default=[], help="this feature, and no other besides `plain`")
    options.add_argument("--jobs", type=int, default=2, help="processes at a time")
    chosen = options.parse_args()
    if chosen.seed is not None:
        outcome = attempt(chosen.seed, chosen.verbose, tuple(chosen.only))
        print(outcome)
        return int(isinstance(outcome, str))
    return many(range(chosen.first, chosen.first + chosen.stories), chosen.jobs, tuple(chosen.only))


def many(seeds: range, jobs: int, only: tuple[str, ...]) -> int:
    """Live through many seeds and say how far it is."""
    failed: list[str] = []
    calls = offers = lives = 0
    happened: Counter[str] = Counter()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar, ProcessPoolExecutor(jobs) as pool:
        task = bar.add_task("stories", total=len(seeds))
        for outcome in pool.map(attempt, seeds, repeat(False), repeat(only), chunksize=CHUNK):
            if isinstance(outcome, str):
                failed.append(outcome)
                bar.console.print(outcome.splitlines()[0], style="red", markup=False)
            else:
                calls, offers, lives = calls + outcome.calls, offers + outcome.offers, lives + outcome.lives
                happened.update(outcome.happened)
            bar.update(task, advance=1, description=f"stories, {len(failed)} failed")
    print(table(happened, len(seeds)))
    if failed:
        print(failed[0])
    print(f"{len(seeds)} stories with {calls} calls, {offers} offers, {lives} routers' lives: {len(failed)} failed")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
