"""However facts are delivered (twice, late, swapped, by two writers at once): the projections are those of an orderly delivery."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import pytest

from crm.journal.writer import JournalWriter
from crm.rebuild.rebuilding import rebuild
from hotline.facts import AgentFact, Envelope, Fact, OfferMade
from hotline.ids import AgentId
from hotline.runtime.clock import ManualClock
from hotline.store.pool import Store
from hotline.tally import Tally
from tests.integration.crm.test_archive import everything
from tests.integration.crm.test_journal_writer import NoSpool
from tests.support.envelopes import T0, many_calls, told
from tests.support.postgres15 import BOTH
from tests.support.stories import agent_day, story, traffic

pytestmark = [pytest.mark.real, BOTH]
BATCH = 40
LATE_BATCHES = 4
REPEATED = 0.05
CALLS = 120


def history() -> list[Envelope]:
    """Return the facts of many calls and of their agents, as two processes tell them: the router, and everybody else."""
    facts: list[Fact] = many_calls(CALLS)
    for (number, ending), at in zip(traffic(), range(0, 300, 10), strict=False):
        facts += story(number, end=T0 + 400 + at, ending=ending)
    for number in range(30):
        facts += agent_day(AgentId(f"{1001 + number % 7}"), T0 + 100 + 20 * number)
    facts.sort(key=lambda f: f.at)
    router = [f for f in facts if isinstance(f, OfferMade | AgentFact)]
    others = [f for f in facts if not isinstance(f, OfferMade | AgentFact)]
    envelopes = told(*router, source="hotline@acd") + told(*others, source="hotline@node1")
    return sorted(envelopes, key=lambda e: (e.fact.at, e.source, e.seq))


def disturbed(envelopes: list[Envelope], chance: random.Random) -> Iterator[list[Envelope]]:
    """Yield the facts batch by batch: some come twice, some some batches late, and no batch is in order."""
    batches: dict[int, list[Envelope]] = {}
    for n, envelope in enumerate(envelopes):
        for _ in range(1 + (chance.random() < REPEATED)):
            delay = chance.choice([0, 0, 0, *range(LATE_BATCHES)])
            batches.setdefault(n // BATCH + delay, []).append(envelope)
    for _, batch in sorted(batches.items()):
        chance.shuffle(batch)
        yield batch


@pytest.fixture(scope="session")
def orderly() -> dict[str, Any]:
    """Return what an orderly delivery leaves; filled by the first test that makes one."""
    return {}


async def delivered_in_order(store: Store, orderly: dict[str, Any]) -> Any:
    if "rows" not in orderly:
        writer = JournalWriter(store, NoSpool(), ManualClock(T0), Tally())
        envelopes = history()
        for start in range(0, len(envelopes), BATCH):
            await writer.write(envelopes[start : start + BATCH])
        orderly["rows"] = await everything(store)
        await store.execute("TRUNCATE journal, call, segment, offer, recording, agent, agent_state")
    return orderly["rows"]


@pytest.mark.parametrize("seed", range(4))
async def test_the_way_of_delivery_leaves_no_trace(store: Store, orderly: dict[str, Any], seed: int) -> None:
    expected = await delivered_in_order(store, orderly)
    chance, tally = random.Random(seed), Tally()
    batches = disturbed(history(), chance)
    writers = [JournalWriter(store, NoSpool(), ManualClock(T0), tally) for _ in range(2)]

    async def carry(writer: JournalWriter) -> None:
        last: list[Envelope] = []
        for batch in batches:
            await writer.write([*last, *batch])
            last = batch if chance.random() < REPEATED else []  # an outcome was unknown: all of it once more

    await asyncio.gather(*map(carry, writers))
    assert await store.fetchval("SELECT count(*) FROM journal") == len(history())
    assert await everything(store) == expected
    report = await rebuild(store, write=False)
    assert (report.calls, report.differing) == (CALLS + 30, 0)
    assert not [name for name, _ in tally.counts if name.startswith("journal_")]
