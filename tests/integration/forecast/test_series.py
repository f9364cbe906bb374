"""A queue's series from a real PostgreSQL: what the house saw, what was imported, and both together."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crm.journal.ledger import Ledger
from forecast.books.reading import Archive
from forecast.series.counts import Counts
from forecast.series.handling import measure as measure_handling
from forecast.series.history import (
    drop_history,
    list_history,
    read_days,
    read_history,
    read_months,
    read_series,
    write_history,
)
from forecast.series.journal import read_calls, read_counts, read_intervals, read_outages
from forecast.series.live import LiveSeries, with_closed
from forecast.series.patience import measure as measure_patience
from forecast.series.redials import redials
from hotline.facts import AgentStateChanged, Fact, LinkChanged, ServiceStarted, TalkEnded
from hotline.hours import Hours, always
from hotline.ids import CallId, NodeId, OfferId
from hotline.settings import Settings
from hotline.store.pool import Store
from hotline.tally import Tally
from tests.support.envelopes import (
    AGENT,
    QUEUE,
    T0,
    abandoned_call,
    answered_call,
    arrived,
    told,
)
from tests.support.places import Ended, Place

pytestmark = pytest.mark.real

SHANGHAI = always("Asia/Shanghai")
DAY_S = 86_400.0
MIDNIGHT = (T0 + 8 * 3_600) // DAY_S * DAY_S - 8 * 3_600  # of T0's day in Shanghai
MORNING = 9 * 3_600 - (T0 - MIDNIGHT)
"""09:00 in Shanghai of that day, as seconds after T0."""


async def write(store: Store, facts: list[Fact]) -> None:
    ledger = Ledger(store, Tally())
    envelopes = told(*facts)
    for start in range(0, len(envelopes), 200):
        await ledger.append(envelopes[start : start + 200])


def caller(n: int, at: float, *, gives_up: bool = False, number: str = "", wait_s: float = 30.0) -> list[Fact]:
    """Return the facts of a caller who enters the line at `at` and is served after 4 s for 100 s, or gives up."""
    call = CallId(f"call-{n:06d}")
    first = arrived(at - 5, call, caller_number=number or f"138{n:08d}")
    if gives_up:
        return [first, *abandoned_call(call, at - 5, wait_s)[1:]]
    return [first, *answered_call(call, OfferId(f"offer-{n:06d}"), at - 5, talk_s=100.0)[1:]]


def a_day() -> list[Fact]:
    """Return calls from 09:00 to 12:00, one every 100 s, every fifth gives up and every tenth of them calls again."""
    facts: list[Fact] = []
    for n in range(108):
        at = MORNING + 100.0 * n
        facts += caller(n, at, gives_up=n % 5 == 0)
        if n % 10 == 0:
            facts += caller(1_000 + n, at + 90, number=f"138{n:08d}")
    return facts


def until(hour: float) -> float:
    return MIDNIGHT + hour * 3_600


async def test_five_minute_counts_are_those_of_the_view(store: Store) -> None:
    await write(store, a_day())
    rows = await read_intervals(store, QUEUE, begin=MIDNIGHT, end=until(24))
    view = await store.fetch(
        "SELECT EXTRACT(EPOCH FROM interval_start)::bigint AS began, offered, answered, abandoned, short_abandoned"
        " FROM v_interval_volume WHERE queue_id = $1 ORDER BY 1",
        QUEUE,
    )
    for n, name in enumerate(("began", "offered", "answered", "abandoned", "short_abandoned")):
        assert getattr(rows, name).tolist() == [row[n] for row in view]
    assert (rows.offered.sum(), rows.abandoned.sum(), rows.redials.sum()) == (119, 22, 11)
    assert rows.wait_s.sum() == pytest.approx(22 * 30 + 97 * 5)


async def test_a_series_has_zeros_where_nobody_called_and_nothing_before_the_house_or_after_now(store: Store) -> None:
    await write(store, a_day())
    counts = await read_counts(store, QUEUE, hours=SHANGHAI, begin=MIDNIGHT - 9 * DAY_S, end=until(15), step_min=30)
    assert counts is not None
    assert (counts.values.shape, counts.zone, counts.queue) == ((1, 48), "Asia/Shanghai", QUEUE)
    assert np.isnan(counts.values[0, :18]).all(), "the house began at nine"
    assert counts.values[0, 24:30].tolist() == [0] * 6
    assert np.isnan(counts.values[0, 30:]).all()
    assert np.nansum(counts.values) == 119
    fresh = await read_counts(store, QUEUE, hours=SHANGHAI, begin=0, end=until(15), step_min=30, fresh=True)
    assert fresh is not None
    assert np.nansum(fresh.values) == np.nansum(counts.values) - 11


async def test_a_queue_that_nobody_entered_has_no_series(store: Store) -> None:
    await write(store, a_day())
    assert await read_counts(store, "other", hours=SHANGHAI, begin=0, end=until(24)) is None
    assert await read_series(store, "other", hours=SHANGHAI, begin=0, end=until(24)) is None


async def test_hours_of_the_queue_are_those_of_the_series(store: Store) -> None:
    await write(store, a_day())
    hours = Hours(
        timezone="Asia/Shanghai", weekly=dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), ((600, 690),))
    )
    counts = await read_counts(store, QUEUE, hours=hours, begin=0, end=until(24), step_min=30)
    assert counts is not None
    assert counts.starts_min == (600, 630, 660)
    assert not np.isnan(counts.values).any()


async def test_outages_told_by_facts_are_not_known(store: Store) -> None:
    at = T0 + MORNING
    node = NodeId("node1")
    house: list[Fact] = [
        LinkChanged(at=at + 3_700, node=node, up=False),
        LinkChanged(at=at + 5_300, node=node, up=True),
        ServiceStarted(at=at + 6 * 3_600, service="acd"),
    ]
    await write(store, [*a_day(), *house])
    spans = await read_outages(store, QUEUE, begin=MIDNIGHT, end=until(24))
    assert spans[0] == (at + 3_700, at + 5_300)
    assert spans[1][1] == at + 6 * 3_600
    assert spans[1][0] == pytest.approx(at + 107 * 100 + 105.5, abs=1), "since the last call that ended"
    counts = await read_counts(store, QUEUE, hours=SHANGHAI, begin=0, end=until(24), step_min=30)
    assert counts is not None
    assert np.flatnonzero(~np.isnan(counts.values[0])).tolist() == [18, 19, 21, 22, 23, *range(30, 48)]


async def test_calls_have_their_waits_handling_times_and_numbers(store: Store) -> None:
    facts = a_day()
    over = next(f for f in facts if isinstance(f, TalkEnded))
    facts += [
        AgentStateChanged(at=over.at, agent_id=AGENT, state="wrap_up", previous="talking", call_id=over.call_id),
        AgentStateChanged(at=over.at + 17, agent_id=AGENT, state="ready", previous="wrap_up", call_id=over.call_id),
    ]
    await write(store, facts)
    calls = await read_calls(store, QUEUE, zone="Asia/Shanghai", begin=MIDNIGHT, end=until(24))
    assert str(calls.entered[0]).endswith("T09:00:00")
    handling, patience = measure_handling(calls.handled_s), measure_patience(calls.wait_s, calls.abandoned)
    assert handling is not None
    assert patience is not None
    assert (handling.calls, handling.mean_s) == (97, pytest.approx(100 + 17 / 97))
    assert patience.mean_s == pytest.approx(22 * 25 / 22)
    assert redials(calls).sum() == 11


async def test_the_live_fold_and_the_journal_count_alike(store: Store) -> None:
    facts = sorted(a_day(), key=lambda f: f.at)
    await write(store, facts)
    live = LiveSeries([QUEUE], now=MIDNIGHT)
    mixed = [*facts, *facts[::3]]
    random.Random(3).shuffle(mixed)
    for fact in sorted(mixed, key=lambda f: f.at + random.Random(f.at).uniform(0, 4)):
        live.advance(fact.at)
        live.take(fact, now=fact.at + 4)
    live.advance(until(15) + 1)
    empty = Counts(
        unit="slot", periods=np.array([], dtype="datetime64[D]"), values=np.empty((0, 48)),
        starts_min=tuple(range(0, 1_440, 30)), step_min=30, queue=QUEUE, zone="Asia/Shanghai",
    )  # fmt: skip
    seen = with_closed(empty, live.intervals(QUEUE), hours=SHANGHAI)
    read = await read_counts(store, QUEUE, hours=SHANGHAI, begin=0, end=until(15), step_min=30)
    assert read is not None
    known = ~np.isnan(read.values)
    np.testing.assert_array_equal(seen.values[known], read.values[known])
    totals = [c.volumes for c in live.intervals(QUEUE)]
    assert sum(v.redials for v in totals) == 11
    assert sum(v.abandoned for v in totals) == 22
    assert sum(v.handled_s for v in totals) == pytest.approx(97 * 100)


# --- imported ---------------------------------------------------------------------------------------------------------------------


def imported(days: int = 60, step_min: int = 30, first_min: int = 480, slots: int = 24, each: float = 7.0) -> Counts:
    last = np.datetime64(int(MIDNIGHT + 8 * 3_600), "s").astype("datetime64[D]")
    values = np.full((days, slots), each)
    values[3, 5] = np.nan
    return Counts(
        unit="slot",
        periods=last - days + 1 + np.arange(days),
        values=values,
        starts_min=tuple(range(first_min, first_min + slots * step_min, step_min)),
        step_min=step_min,
        queue=QUEUE,
        zone="Asia/Shanghai",
    )


async def test_what_is_imported_is_read_back_as_it_was(store: Store) -> None:
    counts, progress = imported(300), []
    done = await write_history(
        store, QUEUE, counts, source="calls.csv", now=T0, progress=lambda n, of: progress.append((n, of))
    )
    read = await read_history(store, QUEUE, "slot")
    assert read is not None
    np.testing.assert_array_equal(read.values, counts.values)
    assert (done, read.starts_min, read.step_min, read.zone) == (300, counts.starts_min, 30, "Asia/Shanghai")
    np.testing.assert_array_equal(read.periods, counts.periods)
    assert progress == [(200, 300), (300, 300)]
    (row,) = await list_history(store)
    assert (row["queue_id"], row["unit"], row["days"], row["sources"]) == (QUEUE, "slot", 300, ["calls.csv"])
    assert await store.fetchval("SELECT sum(calls) FROM v_interval_history") == np.nansum(counts.values)


async def test_importing_again_replaces_and_forgetting_forgets(store: Store) -> None:
    await write_history(store, QUEUE, imported(10), source="a", now=T0)
    await write_history(store, QUEUE, imported(10, each=9.0), source="b", now=T0 + 1)
    read = await read_history(store, QUEUE, "slot")
    assert read is not None
    assert np.nanmax(read.values) == np.nanmin(read.values) == 9
    assert await drop_history(store, QUEUE, "day") == 0
    assert await drop_history(store, QUEUE) == 10
    assert await read_history(store, QUEUE, "slot") is None


async def test_days_of_several_steps_come_in_the_finest_common_one(store: Store) -> None:
    await write_history(store, QUEUE, imported(10, step_min=6, slots=120), source="a", now=T0)
    await write_history(store, QUEUE, imported(4, step_min=30, each=1.0), source="b", now=T0)
    read = await read_history(store, QUEUE, "slot")
    assert read is not None
    assert (read.step_min, len(read.periods)) == (30, 10)
    assert (read.values[0, 0], read.values[-1, 0]) == (35, 1)


async def test_the_journal_counts_where_it_has_counts(store: Store) -> None:
    await write(store, a_day())
    await write_history(store, QUEUE, imported(), source="a", now=T0)
    counts = await read_series(store, QUEUE, hours=SHANGHAI, begin=0, end=until(15), step_min=30, clean=False)
    assert counts is not None
    today = dict(zip(counts.starts_min, counts.values[-1].tolist(), strict=True))
    assert len(counts.periods) == 60
    assert (today[480], today[510]) == (7, 7), "before the house began"
    assert (today[540], today[570], today[720]) == (20, 20, 0)
    assert today[1_170] == 7, "to come, for the journal"
    cleaned = await read_series(store, QUEUE, hours=SHANGHAI, begin=0, end=until(15), step_min=30)
    assert cleaned is not None
    assert np.isnan(cleaned.values[-1, list(counts.starts_min).index(720)]), "three hours without a call"
    days = await read_days(store, QUEUE, hours=SHANGHAI, begin=0, end=until(15))
    assert days is not None
    assert days.values[0, 0] == 24 * 7
    assert np.flatnonzero(np.isnan(days.values[:, 0])).tolist() == []


async def test_of_hours_that_neither_file_nor_house_counted_nothing_is_learnt(store: Store) -> None:
    await write(store, a_day())
    await write_history(store, QUEUE, imported(), source="office hours", now=T0)
    queue = next(q for q in Settings().queues if q.id == QUEUE)
    known = await Archive(store, Settings()).read(queue, until(15))
    assert known.histories.slots is not None
    assert known.histories.slots.starts_min == tuple(range(480, 1_200, 30))


async def test_a_step_that_does_not_fit_serves_the_days(store: Store) -> None:
    await write_history(store, QUEUE, imported(step_min=60, slots=12), source="a", now=T0)
    assert await read_series(store, QUEUE, hours=SHANGHAI, begin=0, end=until(24), step_min=30) is None
    days = await read_days(store, QUEUE, hours=SHANGHAI, begin=0, end=until(24))
    assert days is not None
    assert days.values[-1, 0] == 84


async def test_days_and_months_are_kept_beside_intervals(store: Store) -> None:
    months = np.arange(np.datetime64("2024-01"), np.datetime64("2026-01")).astype("datetime64[D]")
    await write_history(store, QUEUE, Counts(unit="month", periods=months, values=np.ones((24, 1))), source="m", now=T0)
    await write_history(store, QUEUE, imported(30).daily(), source="d", now=T0)
    got = await read_months(store, QUEUE)
    assert got is not None
    assert (got.unit, len(got.periods)) == ("month", 24)
    days = await read_days(store, QUEUE, hours=SHANGHAI, begin=0, end=until(24))
    assert days is not None
    assert len(days.periods) == 30


# --- by command --------------------------------------------------------------------------------------------------------------------


class Shell:
    """Commands on one database, with one queue."""

    def __init__(self, place: Place, dsn: str) -> None:
        self.place, self.dsn = place, dsn

    def run(self, *args: str) -> Ended:
        return self.place.run("forecast", *args, env={"HOTLINE_DATABASE__DSN": self.dsn})

    def json(self, *args: str) -> Any:
        ended = self.run(*args, "--json")
        assert (ended.status, ended.err) == (0, ""), ended
        return json.loads(ended.out)


@pytest.fixture
def shell(tmp_path: Path, dsn: str) -> Iterator[Shell]:
    place = Place(tmp_path / "place")
    yield Shell(place, dsn)
    place.clean_up()


async def test_a_file_is_imported_and_comes_out_as_it_went_in(store: Store, shell: Shell, tmp_path: Path) -> None:
    rows = [
        f"{np.datetime64('2026-03-02') + day} {8 + slot // 2:02d}:{30 * (slot % 2):02d}:00,{100 + 10 * slot + day % 7}"
        for day in range(70)
        for slot in range(1, 21)
    ]
    rows[800] = rows[800].rpartition(",")[0] + ",99999"
    source, copy = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("时间,来电量\n" + "\n".join(rows) + "\n", encoding="gb18030")
    planned = shell.json("import", str(source), "--queue", "service", "--dry-run")
    assert (planned["imported"], planned["periods"], planned["hours"]) == (False, 70, "08:30-18:30")
    assert [mark["reason"][:11] for mark in planned["marks"]] == ["99999 calls"]
    assert await list_history(store) == []
    assert shell.json("import", str(source), "--queue", "service")["imported"]
    assert "imported as the history of service" in shell.run("import", str(source), "--queue", "service").out
    assert shell.json("export", "--queue", "service", str(copy))["periods"] == 70
    assert copy.read_text().splitlines() == ["ts,calls", *rows]
    clean = shell.run("export", "--queue", "service", "--clean", "-").out.splitlines()
    assert clean[801] == rows[800].replace("99999", "")
    assert len(shell.run("export", "--queue", "service", "--unit", "day", "-").out.splitlines()) == 71
    assert [row["queue_id"] for row in shell.json("history")] == ["service"]
    assert shell.json("forget", "--queue", "service") == {"queue": "service", "forgotten": 70}


async def test_mistakes_are_one_sentence(store: Store, shell: Shell, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("ts,calls\n2026-03-02 08:30,1\n2026-03-02 09:00,-3\n")
    for args, says in (
        (("import", str(bad), "--queue", "service"), "line 3: -3 calls in an interval cannot be"),
        (("import", str(bad), "--queue", "nobody"), "there is no queue 'nobody'"),
        (("import", str(tmp_path / "none.csv"), "--queue", "service"), "cannot be read"),
        (("export", "--queue", "service", "-"), "nothing is known of the queue service"),
        (("export", "--queue", "service", "--unit", "year", "-"), "--unit is one of slot, day, month"),
        (("export", "--queue", "service", "--from", "today", "-"), "is not a day such as"),
        (("export", "--queue", "service", "--step", "7", "-"), "a step of 7 is no multiple"),
    ):
        done = shell.run(*args)
        assert done.status == 1, done
        assert says in " ".join(done.err.split()), done
