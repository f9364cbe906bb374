"""Do the tests of the pure core have teeth? `python -m tests.mutants 400` plants 400 faults, one at a time, and says how many are found.

Which ones is drawn from a seed; `--all` plants every fault there is, and `--only acd/core/matching` those of a part. Survivors are listed.
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.mutants.making import Mutant, mutants_of
from tests.mutants.running import Fate, Trial

ROOT = Path(__file__).resolve().parents[2]
CORE = ("acd/core", "acd/callbacks")
STORIES = "tests/simulation/test_stories.py::test_everybody_is_served_whatever_happens"
TESTS = ("tests/unit/acd", "tests/properties/test_callbacks.py", "tests/properties/test_overflow.py",
         "tests/properties/test_router.py", "tests/properties/test_transfers.py", f"{STORIES}[0]", f"{STORIES}[30]")  # fmt: skip
GOAL = 0.85


def planned(parts: list[str]) -> list[Mutant]:
    """Return every fault of these parts of the code."""
    files = sorted(f for part in parts for f in (ROOT / part).rglob("*.py")) if parts else []
    files += [ROOT / part for part in parts if part.endswith(".py")]
    return [m for f in files for m in mutants_of(f.read_text(encoding="utf-8"), str(f.relative_to(ROOT)))]


def main() -> int:
    """Plant and report; the status tells whether enough were found."""
    options = argparse.ArgumentParser(prog="python -m tests.mutants", description="Mutants of the pure core.")
    options.add_argument("mutants", nargs="?", type=int, default=400, help="how many faults")
    options.add_argument("--all", action="store_true", help="every fault there is")
    options.add_argument("--only", action="append", help=f"this part of the code; default: {', '.join(CORE)}")
    options.add_argument("--tests", nargs="+", default=list(TESTS), help="the tests that shall find them")
    options.add_argument("--seed", type=int, default=1, help="which ones")
    chosen = options.parse_args()
    there = planned(chosen.only or list(CORE))
    number = len(there) if chosen.all else min(chosen.mutants, len(there))
    drawn = sorted(Random(chosen.seed).sample(there, number), key=lambda m: (m.file, m.line))
    return hold(drawn, len(there), chosen.tests)


def hold(mutants: list[Mutant], of: int, tests: list[str]) -> int:
    """Hold the tests against the mutants and say how far it is."""
    console, fates, alive = Console(stderr=True), Counter[Fate](), list[str]()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=console, disable=not console.is_terminal) as bar,
        tempfile.TemporaryDirectory() as work,
    ):
        task = bar.add_task("one run without faults", total=len(mutants))

        def told(mutant: Mutant, fate: Fate) -> None:
            fates[fate] += 1
            bar.update(task, advance=1, description=f"{fates['alive'] + fates['untested']} alive")
            if fate == "hangs":
                bar.console.print(f"does not end: {mutant}", markup=False, highlight=False, soft_wrap=True)
            if fate in ("alive", "untested"):
                alive.append(f"{fate}: {mutant}")
                bar.console.print(alive[-1], markup=False, highlight=False, soft_wrap=True)

        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = work
        sources = {m.file: (ROOT / m.file).read_text(encoding="utf-8") for m in mutants}
        trial = Trial(ROOT, mutants, sources, told)
        pytest.main(
            [*tests, "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:terminal", "-o", "addopts=", f"--basetemp={work}/tests",
             f"--rootdir={ROOT}"],
            plugins=[trial],
        )  # fmt: skip
    if trial.broken:
        print(f"left out, because they fail without any fault: {', '.join(trial.broken)}")
    found = fates["killed"] + fates["hangs"]
    tried = sum(fates.values()) - fates["none"]
    share = found / max(tried, 1)
    print(
        f"{found} of {tried} faults found ({share:.1%}; {fates['hangs']} by not ending), {fates['untested']} in code that no test"
        f" calls; there are {of} in all; goal {GOAL:.0%}: {'reached' if share >= GOAL else 'MISSED'}"
    )
    return int(share < GOAL)


if __name__ == "__main__":
    sys.exit(main())
