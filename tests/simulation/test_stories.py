"""Three hundred stories, each from its seed: whatever goes wrong, the invariants hold and everybody is served in the end.

A failure names its seed and how to live through it again. More: `make simulate-seeds N=10000`.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from acd.core import router
from acd.core.floor import Floor
from acd.core.matching import match
from acd.core.offers.book import Offer
from hotline.facts import TalkEnded
from tests.simulation.coverage import CAPABILITIES, table
from tests.simulation.story import Failed, Told, live
from tests.simulation.virtual import Stuck

STORIES, CHUNK = 300, 30
ROOT = Path(__file__).resolve().parents[2]


@cache
def told_of(seed: int) -> Told:
    """Return what the story of a seed came to; it is told once for all tests of this file."""
    return live(seed)


@pytest.mark.parametrize("first", range(0, STORIES, CHUNK))
def test_everybody_is_served_whatever_happens(first: int) -> None:
    told = [told_of(seed) for seed in range(first, first + CHUNK)]
    assert sum(t.calls for t in told) > 10 * CHUNK
    assert sum(t.lives for t in told) > CHUNK, "no router was ever replaced"


def test_each_capability_happens_in_these_stories() -> None:
    """What never happens is not tried: a change that lets it vanish from all stories would leave the others green."""
    happened: Counter[str] = Counter()
    for seed in range(STORIES):
        happened.update(told_of(seed).happened)
    assert not [name for name in CAPABILITIES if not happened[name]], table(happened, STORIES)


def test_a_seed_always_tells_the_same_story() -> None:
    """In another process too, whatever its hashes are: else a seed would be no bug report."""
    again = "from tests.simulation.story import live; print(live(5).digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", again],
            env={**os.environ, "PYTHONHASHSEED": hashes},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hashes in ("1", "2")
    }
    assert digests == {str(live(5).digest)}


def everybody_will_do(*_: object) -> bool:
    return True


def nothing_ends_by_itself(_floor: Floor, _offer: Offer, _now: float) -> None:
    return


def nobody_is_freed(_floor: Floor, _offer: Offer, _now: float, *, reason: str) -> None:
    return


def deaf(_floor: Floor, _fact: Any, _now: float) -> None:
    return


FAULTS: dict[str, tuple[object, str, Callable[..., object]]] = {
    "agents are rung for whomever": (match, "may_ring", everybody_will_do),
    "offers have no clock": (router.endings, "overdue", nothing_ends_by_itself),
    "talks never end": (router.after_talk, "follow", nobody_is_freed),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_stories_have_teeth(fault: str) -> None:
    """A fault that is planted into the router is found within a few seeds."""
    where, name, planted = FAULTS[fault]
    with mock.patch.object(where, name, planted), pytest.raises((Failed, Stuck)):
        for seed in range(60):
            live(seed)


def test_that_a_talk_has_ended_is_known_also_when_the_end_itself_is_never_told() -> None:
    """The caller's return, or his end, says it too: so this is no fault that a story could find."""
    with mock.patch.object(router, "REACTIONS", {**router.REACTIONS, TalkEnded: deaf}):
        for seed in range(5):
            assert live(seed).offers
