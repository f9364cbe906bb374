"""Months of the journal go into files and come back: nothing is lost, no call is folded from half of its facts."""

import asyncio
import csv
import gzip
import json
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crm.api.calls import get_call
from crm.archive import archiving as archive_module
from crm.archive.archiving import ArchivedMonth, archive
from crm.archive.file import Paths, examine
from crm.archive.restore import restore
from crm.audit.auditing import audit
from crm.fold.rows import moment, seconds
from crm.journal.ledger import Ledger, read_call
from crm.journal.writer import JournalWriter
from crm.rebuild.rebuilding import rebuild
from hotline.errors import Misuse, OutcomeUnknown, Rejected, Unavailable
from hotline.facts import AgentAdded, AgentStateChanged, Envelope, Fact
from hotline.ids import AgentId, CallId, Extension, OfferId
from hotline.runtime.clock import ManualClock
from hotline.store.pool import Store
from hotline.tally import Tally
from tests.integration.crm.test_journal_writer import NoSpool, all_rows
from tests.support.envelopes import T0, abandoned_call, answered_call, arrived, ended, told
from tests.support.postgres15 import BOTH

pytestmark = pytest.mark.real
NOW = seconds(datetime(2024, 5, 10, tzinfo=UTC))


def at(*when: int) -> float:
    """Return a moment of 2024 as the envelopes' helpers want it: seconds after T0."""
    return seconds(datetime(2024, *when, tzinfo=UTC)) - T0  # type: ignore[arg-type]


def call(name: str, start: float, **more: Any) -> list[Fact]:
    return answered_call(CallId(name), OfferId(f"offer-{name}"), start, **more)


def state(now: str, start: float) -> AgentStateChanged:
    return AgentStateChanged(at=T0 + start, agent_id=AgentId("1001"), state=now, previous="offline")  # type: ignore[arg-type]


def added(start: float, agent: str, name: str) -> AgentAdded:
    return AgentAdded(at=T0 + start, agent_id=AgentId(agent), name=name, extension=Extension(agent))


NIGHT = at(1, 31, 23, 59, 50)
"""A call that begins here is answered at midnight and ends in February."""
HISTORY: list[Envelope] = told(
    *call("january", at(1, 10)),
    *abandoned_call(CallId("left"), at(1, 11)),
    state("ready", at(1, 10)),
    added(at(1, 10), "1001", "Li"),
    *call("night", NIGHT),
    *call("february", at(2, 10)),
    state("break", at(2, 10)),
    *call("march", at(3, 10)),
    added(at(3, 10), "1002", "Wang"),
)


async def write(store: Store, envelopes: Sequence[Envelope]) -> None:
    await Ledger(store, Tally()).append(envelopes)


async def bury_or_write(store: Store, *facts: Fact, source: str = "late") -> list[str]:
    """Send facts the way of the journal writer and return why those were put aside that were."""
    await JournalWriter(store, NoSpool(), ManualClock(NOW), Tally()).write(told(*facts, source=source))
    return [r["reason"] for r in await store.fetch("SELECT reason FROM journal_dead ORDER BY id")]


async def journal(store: Store) -> list[tuple[Any, ...]]:
    return [tuple(r) for r in await store.fetch("SELECT * FROM journal ORDER BY fact_id, at")]


async def partitions(store: Store) -> dict[str, int]:
    rows = await store.fetch(
        "SELECT tableoid::regclass::text AS name, count(*) AS facts FROM journal GROUP BY 1 ORDER BY 1"
    )
    return {r["name"]: r["facts"] for r in rows}


async def everything(store: Store) -> tuple[Any, ...]:
    """Return all that the projections hold."""
    agents = [dict(r) for r in await store.fetch("SELECT * FROM agent ORDER BY agent_id")]
    states = [dict(r) for r in await store.fetch("SELECT * FROM agent_state ORDER BY fact_id")]
    return await all_rows(store), agents, states


async def assert_sound(store: Store) -> None:
    report = await rebuild(store, write=False)
    assert (report.differing, report.failed) == (0, 0), report.differences
    found = await audit(store, moment(0.0), moment(NOW), NOW)
    assert found.findings == []


@pytest.fixture
async def history(store: Store) -> tuple[Any, ...]:
    await write(store, HISTORY)
    return await everything(store)


async def archived(store: Store, directory: Path, before: str = "2024-02", **more: Any) -> list[ArchivedMonth]:
    return await archive(store, before, directory, now=NOW, **more)


def rows_of(file: Path) -> list[dict[str, str]]:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


# --- away --------------------------------------------------------------------------------------------------------------


@BOTH
async def test_a_month_lies_in_a_file_and_nothing_else_changes(
    store: Store, history: tuple[Any, ...], tmp_path: Path
) -> None:
    before = await journal(store)
    (done,) = await archived(store, tmp_path)
    file = tmp_path / "journal-2024-01.csv.gz"
    rows = rows_of(file)
    assert list(rows[0]) == ["fact_id", "at", "call_id", "agent_id", "type", "version", "source", "seq", "body"]
    away = [r for r in before if r[1] < datetime(2024, 2, 1, tzinfo=UTC)]
    assert [(r["fact_id"], datetime.fromisoformat(r["at"]), r["seq"], r["body"]) for r in rows] == [
        (r[0], r[1], str(r[7]), r[8]) for r in away
    ]
    assert (done.month, done.facts, done.file) == ("2024-01", len(away), str(file))
    assert await everything(store) == history
    await assert_sound(store)


async def test_the_manifest_tells_what_the_file_holds(store: Store, history: tuple[Any, ...], tmp_path: Path) -> None:
    (done,) = await archived(store, tmp_path)
    manifest = json.loads((tmp_path / "journal-2024-01.json").read_text())
    assert manifest["sha256"] == done.sha256 == examine(Path(done.file)).sha256
    assert (manifest["facts"], manifest["month"], manifest["file"]) == (done.facts, "2024-01", "journal-2024-01.csv.gz")
    assert (manifest["first"][:10], manifest["last"][:10]) == ("2024-01-10", "2024-01-31")
    assert (manifest["carried"], bool(manifest["program"])) == (["night"], True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["journal-2024-01.csv.gz", "journal-2024-01.json"]


@BOTH
async def test_a_call_that_reaches_into_a_month_that_stays_keeps_all_its_facts(
    store: Store, history: tuple[Any, ...], tmp_path: Path
) -> None:
    (done,) = await archived(store, tmp_path)
    assert done.stay == 1
    assert {f["call_id"] for f in rows_of(Path(done.file))} == {"january", "left", "night", ""}
    assert len(await read_call(store, CallId("night"))) == len(call("night", NIGHT))
    assert (await partitions(store))["journal_2024_01"] < len(call("night", NIGHT))
    assert await bury_or_write(store, ended(at(2, 1, 0, 1), CallId("night"), reconciled=True)) == []
    assert (await get_call(store, CallId("night"))).call.talk_s == 20.0
    await assert_sound(store)


@BOTH
async def test_what_stayed_behind_leaves_with_the_month_in_which_its_call_is_over(
    store: Store, history: tuple[Any, ...], tmp_path: Path
) -> None:
    months = await archived(store, tmp_path, "2024-03")
    assert [(m.month, m.stay) for m in months] == [("2024-01", 1), ("2024-02", 0)]
    february = rows_of(tmp_path / "journal-2024-02.csv.gz")
    assert len([r for r in february if r["call_id"] == "night"]) == len(call("night", NIGHT))
    assert await partitions(store) == {"journal_2024_03": len(call("march", 0.0)) + 1}
    assert await everything(store) == history
    await assert_sound(store)


async def test_open_calls_and_calls_that_moved_lately_stay(store: Store, tmp_path: Path) -> None:
    now = seconds(datetime(2024, 2, 3, tzinfo=UTC))
    facts = [*call("done", at(1, 10)), arrived(at(1, 5), CallId("open")), *call("fresh", at(1, 31, 23, 50))]
    await write(store, told(*facts))
    (done,) = await archive(store, "2024-02", tmp_path, now=now)
    assert (done.facts, done.stay) == (len(facts), 2)
    stored = call("fresh", at(1, 31, 23, 50))[-1]
    assert await bury_or_write(store, ended(at(2, 2), CallId("open")), stored) == [
        "archived: 2024-01 lies in a file; `hotline journal restore` takes both in"
    ]
    assert (await get_call(store, CallId("open"))).call.outcome == "ivr_only"


async def test_a_dry_run_tells_and_changes_nothing(store: Store, history: tuple[Any, ...], tmp_path: Path) -> None:
    before = await journal(store)
    months = await archived(store, tmp_path, "2024-03", dry_run=True)
    assert [m.month for m in months] == ["2024-01", "2024-02"]
    assert all(m.facts and not m.sha256 for m in months)
    assert (list(tmp_path.iterdir()), await journal(store)) == ([], before)


async def test_nothing_to_archive_is_no_error(store: Store, history: tuple[Any, ...], tmp_path: Path) -> None:
    await archived(store, tmp_path)
    assert await archived(store, tmp_path) == []
    assert await archived(store, tmp_path, "2023-01") == []


async def test_progress_is_told(store: Store, history: tuple[Any, ...], tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    await archived(store, tmp_path, tell=lambda *what: heard.append(what))
    assert heard[-1] == ("2024-01: reading back", heard[0][2], heard[0][2])


# --- late facts --------------------------------------------------------------------------------------------------------


@BOTH
async def test_a_late_fact_of_an_archived_month_is_put_aside_and_the_rest_flows(
    store: Store, history: tuple[Any, ...], tmp_path: Path
) -> None:
    await archived(store, tmp_path)
    there = await partitions(store)
    new = call("new", at(3, 20))
    late = [
        ended(at(1, 20), CallId("january"), cause=99),
        state("ready", at(1, 20)),
        arrived(at(1, 21), CallId("unheard")),
    ]
    reasons = await bury_or_write(store, *new[:4], *late, *new[4:])
    assert reasons == ["archived: 2024-01 lies in a file; `hotline journal restore` takes both in"] * 3
    assert (await partitions(store)).keys() == there.keys()
    assert (await everything(store))[1:] == history[1:]
    assert (await get_call(store, CallId("january"))).call.cause == 16
    assert (await get_call(store, CallId("new"))).call.outcome == "answered"
    assert (await rebuild(store, write=False)).differing == 0


async def test_facts_that_come_again_are_put_aside_or_known(
    store: Store, history: tuple[Any, ...], tmp_path: Path
) -> None:
    await archived(store, tmp_path)
    writer = JournalWriter(store, NoSpool(), ManualClock(NOW), Tally())
    await writer.write(HISTORY)
    aside = {r["fact_id"] for r in await store.fetch("SELECT fact_id FROM journal_dead")}
    known = {e.fact_id for e in HISTORY if getattr(e.fact, "call_id", "") == "night" or e.fact.at > T0 + at(2, 1)}
    assert aside == {e.fact_id for e in HISTORY} - known
    assert await everything(store) == history


async def test_a_fact_of_today_about_an_archived_call_is_put_aside_not_folded_alone(
    store: Store, history: tuple[Any, ...], tmp_path: Path
) -> None:
    await archived(store, tmp_path)
    reasons = await bury_or_write(store, ended(at(3, 1), CallId("january"), cause=99))
    assert reasons == [
        "archived: the other facts of call january lie in a file; `hotline journal restore` takes all in"
    ]
    assert await everything(store) == history
    await rebuild(store)
    assert await everything(store) == history


async def test_a_writer_that_knew_the_month_does_not_make_it_anew(store: Store, tmp_path: Path) -> None:
    ledger = Ledger(store, Tally())
    await ledger.append(HISTORY)
    await archived(store, tmp_path)
    writer = JournalWriter(store, NoSpool(), ManualClock(NOW), Tally())
    writer._ledger = ledger
    await writer.write(told(ended(at(1, 20), CallId("january")), source="late"))
    assert await store.fetchval("SELECT count(*) FROM journal_dead") == 1


async def test_the_journal_of_an_archived_call_says_where_it_is(
    store: Store, history: tuple[Any, ...], tmp_path: Path
) -> None:
    await archived(store, tmp_path)
    with pytest.raises(Rejected, match="january are archived"):
        await read_call(store, CallId("january"))
    with pytest.raises(Rejected, match="no call nobody"):
        await read_call(store, CallId("nobody"))


# --- back --------------------------------------------------------------------------------------------------------------


@BOTH
async def test_a_restored_month_has_the_same_facts_and_the_same_rows(
    store: Store, history: tuple[Any, ...], tmp_path: Path
) -> None:
    before = await journal(store)
    (done,) = await archived(store, tmp_path)
    back = await restore(store, Path(done.file))
    assert (back.month, back.facts, back.elsewhere, back.late) == ("2024-01", done.facts, 0, 0)
    assert await journal(store) == before
    assert await everything(store) == history
    await assert_sound(store)
    assert await store.fetchval("SELECT count(*) FROM journal_archive_run") == 0


@BOTH
@pytest.mark.parametrize("order", [("01", "02"), ("02", "01")])
async def test_months_come_back_in_any_order_without_half_calls(
    store: Store, history: tuple[Any, ...], tmp_path: Path, order: tuple[str, str]
) -> None:
    before = await journal(store)
    await archived(store, tmp_path, "2024-03")
    for month in order:
        await restore(store, tmp_path / f"journal-2024-{month}.csv.gz")
        await assert_sound(store)
        assert await everything(store) == history
    assert await journal(store) == before


async def test_facts_that_came_meanwhile_are_taken_in(store: Store, history: tuple[Any, ...], tmp_path: Path) -> None:
    (done,) = await archived(store, tmp_path)
    await bury_or_write(store, ended(at(3, 1), CallId("january"), reconciled=True), state("offline", at(1, 20)))
    back = await restore(store, Path(done.file))
    assert (back.late, await store.fetchval("SELECT count(*) FROM journal_dead")) == (2, 0)
    assert len(await read_call(store, CallId("january"))) == len(call("january", 0.0)) + 1
    await assert_sound(store)


async def test_a_month_can_leave_again_to_another_place(store: Store, history: tuple[Any, ...], tmp_path: Path) -> None:
    (first,) = await archived(store, tmp_path / "a")
    await restore(store, Path(first.file))
    (second,) = await archived(store, tmp_path / "b")
    assert rows_of(Path(second.file)) == rows_of(Path(first.file))
    await assert_sound(store)


@BOTH
async def test_a_month_can_be_brought_into_a_new_database(
    store: Store, history: tuple[Any, ...], tmp_path: Path, dsn: str
) -> None:
    months = await archived(store, tmp_path, "2024-03")
    march = [e for e in HISTORY if e.fact.at > T0 + at(3, 1)]
    await store.execute("DROP TABLE journal_2024_03; DELETE FROM journal_archive")
    await store.execute("TRUNCATE call, segment, offer, recording, agent, agent_state")
    for month in months:
        await restore(store, Path(month.file))
    await rebuild(store)
    await write(store, march)
    assert await everything(store) == history


# --- trouble -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("2024-1", "no month"),
        ("2024-13", "no month"),
        ("yesterday", "no month"),
        ("2024-06", r"present month, 2024-05, and those after it stay"),
        ("2030-01", "stay"),
    ],
)
async def test_wrong_months_are_refused(store: Store, tmp_path: Path, before: str, message: str) -> None:
    with pytest.raises(Misuse, match=message):
        await archived(store, tmp_path, before)


async def test_a_month_that_has_only_just_ended_is_left_alone(
    store: Store, history: tuple[Any, ...], tmp_path: Path
) -> None:
    with pytest.raises(Misuse, match="only just ended"):
        await archive(store, "2024-04", tmp_path, now=seconds(datetime(2024, 4, 1, 1, tzinfo=UTC)))
    await write(store, told(arrived(at(4, 1), CallId("april"))))
    await archive(store, "2024-04", tmp_path, now=seconds(datetime(2024, 4, 2, 1, tzinfo=UTC)))


@pytest.mark.parametrize("name", ["journal-2024-01.csv.gz", "journal-2024-01.json"])
async def test_a_file_in_the_way_is_never_written_over(
    store: Store, history: tuple[Any, ...], tmp_path: Path, name: str
) -> None:
    before = await journal(store)
    (tmp_path / name).write_text("mine")
    with pytest.raises(Misuse, match=f"{name} exists already"):
        await archived(store, tmp_path)
    assert ((tmp_path / name).read_text(), await journal(store)) == ("mine", before)


async def test_leftovers_of_an_interrupted_run_are_written_over(
    store: Store, history: tuple[Any, ...], tmp_path: Path
) -> None:
    (tmp_path / "journal-2024-01.csv.gz.part").write_text("half a file, longer than the whole one will be " * 1000)
    await archived(store, tmp_path)
    assert rows_of(tmp_path / "journal-2024-01.csv.gz")


@contextmanager
def little_room(size: int) -> Iterator[None]:
    """No file may become larger than this, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_one_sentence_and_changes_nothing(
    store: Store, history: tuple[Any, ...], tmp_path: Path
) -> None:
    before = await journal(store)
    with little_room(500), pytest.raises(Unavailable, match=r"journal-2024-01\.csv\.gz\.part: File too large"):
        await archived(store, tmp_path)
    assert (list(tmp_path.iterdir()), await journal(store)) == ([], before)
    assert await store.healthy()


async def test_a_directory_that_cannot_be_is_one_sentence(
    store: Store, history: tuple[Any, ...], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="file"):
        await archived(store, tmp_path / "file" / "below")


async def test_a_disk_that_forgets_is_noticed(
    store: Store, history: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(path: Path) -> Any:
        raw = bytearray(path.read_bytes())
        path.write_bytes(raw[:-40])
        return examine(path)

    before = await journal(store)
    monkeypatch.setattr(archive_module, "examine", spoil)
    with pytest.raises(Rejected, match="damaged"):
        await archived(store, tmp_path)
    assert await journal(store) == before


@pytest.mark.parametrize("step", ["_export", "_drop", "use_alone", "_take_out", "write_manifest"])
async def test_a_run_that_fails_anywhere_changes_nothing_and_can_be_repeated(
    store: Store, history: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = await journal(store)
    real = getattr(archive_module, step)

    async def fail(*args: Any, **more: Any) -> Any:
        await real(*args, **more)
        raise Unavailable("struck by lightning")

    def fail_at_once(*args: Any) -> None:
        real(*args)
        raise Unavailable("struck by lightning")

    with monkeypatch.context() as patch:
        patch.setattr(archive_module, step, fail_at_once if step == "write_manifest" else fail)
        if step == "_drop":
            with pytest.raises(Unavailable):
                await archived(store, tmp_path)
            return  # its transaction is done: see the test of interruptions
        with pytest.raises(Unavailable, match="lightning"):
            await archived(store, tmp_path)
    assert (list(tmp_path.iterdir()), await journal(store)) == ([], before)
    await archived(store, tmp_path)
    await assert_sound(store)


@BOTH
async def test_an_end_in_the_middle_of_the_commit_loses_nothing(
    store: Store, history: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = archive_module._drop

    async def die(*args: Any) -> Any:
        await real(*args)
        raise asyncio.CancelledError

    before = await journal(store)
    with monkeypatch.context() as patch:
        patch.setattr(archive_module, "_drop", die)
        with pytest.raises(asyncio.CancelledError):
            await archived(store, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["journal-2024-01.csv.gz.part", "journal-2024-01.json.part"]
    assert await archived(store, tmp_path) == []
    await restore(store, tmp_path / "journal-2024-01.csv.gz")
    assert await journal(store) == before


async def test_an_unknown_commit_says_what_to_do_and_keeps_the_files(
    store: Store, history: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = archive_module._drop

    async def forget(*args: Any) -> Any:
        await real(*args)
        raise OutcomeUnknown("database: no answer in time")

    with monkeypatch.context() as patch:
        patch.setattr(archive_module, "_drop", forget)
        with pytest.raises(OutcomeUnknown, match="nothing is lost, run this again"):
            await archived(store, tmp_path)
    back = await restore(store, tmp_path / "journal-2024-01.csv.gz.part")
    assert back.facts
    await assert_sound(store)


async def test_facts_that_come_during_the_export_are_not_dropped(
    store: Store, history: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = archive_module._export

    async def slow(*args: Any) -> Any:
        found = await real(*args)
        await write(store, told(arrived(at(1, 20), CallId("late")), ended(at(1, 20, 1), CallId("late")), source="late"))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(archive_module, "_export", slow)
        with pytest.raises(Unavailable, match="came in while it was written"):
            await archived(store, tmp_path)
    await archived(store, tmp_path)
    assert "late" in {r["call_id"] for r in rows_of(tmp_path / "journal-2024-01.csv.gz")}
    await assert_sound(store)


async def test_a_call_that_moves_on_during_the_export_stays(
    store: Store, history: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = archive_module._export

    async def slow(*args: Any) -> Any:
        found = await real(*args)
        await write(store, told(ended(at(3, 1), CallId("january"), reconciled=True), source="late"))
        return found

    monkeypatch.setattr(archive_module, "_export", slow)
    (done,) = await archived(store, tmp_path)
    assert done.stay == 2
    assert len(await read_call(store, CallId("january"))) == len(call("january", 0.0)) + 1
    await assert_sound(store)


@BOTH
async def test_two_programs_do_not_archive_at_once(
    store: Store, history: tuple[Any, ...], tmp_path: Path, dsn: str
) -> None:
    other = await Store.open(dsn, size=3)
    results = await asyncio.gather(
        archived(store, tmp_path), archived(other, tmp_path / "other"), return_exceptions=True
    )
    refused = [r for r in results if isinstance(r, Unavailable)]
    assert ([str(r)[:15] for r in refused], len(results)) == (["another program"], 2)
    await other.close()


@BOTH
async def test_a_journal_that_somebody_reads_for_long_is_left_alone(
    store: Store, history: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = archive_module._sql.be_patient
    monkeypatch.setitem(archive_module._sql._texts, "be_patient", patient.replace("10000", "50"))
    async with store.transaction() as reader:
        await reader.fetch("SELECT count(*) FROM journal")
        with pytest.raises(Unavailable, match="journal is in use"):
            await archived(store, tmp_path)
    await archived(store, tmp_path)


async def test_calls_without_a_row_do_not_leave(store: Store, history: tuple[Any, ...], tmp_path: Path) -> None:
    await store.execute("DELETE FROM call WHERE call_id = 'left'")
    with pytest.raises(Rejected, match="such as left; run `hotline journal rebuild` first"):
        await archived(store, tmp_path)
    await rebuild(store)
    await archived(store, tmp_path)


async def test_a_writer_at_work_loses_nothing(store: Store, history: tuple[Any, ...], tmp_path: Path) -> None:
    stop = asyncio.Event()
    written = 0

    async def keep_writing() -> None:
        nonlocal written
        ledger = Ledger(store, Tally())
        while not stop.is_set():
            facts = call(f"live-{written}", at(3, 15) + 100 * written)
            await ledger.append(told(*facts, source=f"live-{written}"))
            written += 1

    writing = asyncio.ensure_future(keep_writing())
    await archived(store, tmp_path, "2024-03")
    stop.set()
    await writing
    assert await store.fetchval("SELECT count(*) FROM call WHERE call_id LIKE 'live-%'") == written > 0
    await assert_sound(store)


# --- damaged and foreign archives ----------------------------------------------------------------------------------------


def spoil_middle(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    file.write_bytes(raw)


def spoil_cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


def spoil_all(file: Path) -> None:
    file.write_bytes(b"not gzip at all")


@pytest.mark.parametrize("spoil", [spoil_middle, spoil_cut, spoil_all])
async def test_a_damaged_archive_is_refused(store: Store, history: tuple[Any, ...], tmp_path: Path, spoil: Any) -> None:
    (done,) = await archived(store, tmp_path)
    before = await journal(store)
    spoil(Path(done.file))
    with pytest.raises(Rejected, match=r"journal-2024-01\.csv\.gz is damaged"):
        await restore(store, Path(done.file))
    assert await journal(store) == before


async def test_a_manifest_that_lies_is_refused(store: Store, history: tuple[Any, ...], tmp_path: Path) -> None:
    (done,) = await archived(store, tmp_path)
    before = await journal(store)
    manifest = Paths.of_file(Path(done.file)).manifest
    text = manifest.read_text()
    manifest.write_text(text.replace(f'"facts": {done.facts}', '"facts": 3'))
    with pytest.raises(Rejected, match=f"holds {done.facts} facts"):
        await restore(store, Path(done.file))
    for wrong, message in (
        ("{}", "no manifest of"),
        (text[:100], "no manifest of"),
        (text.replace('"at"', '"when"'), "columns"),
    ):
        manifest.write_text(wrong)
        with pytest.raises(Misuse, match=message):
            await restore(store, Path(done.file))
    manifest.unlink()
    with pytest.raises(Misuse, match=r"manifest .* is missing"):
        await restore(store, Path(done.file))
    assert await journal(store) == before


async def test_only_what_this_database_wrote_is_taken_back(
    store: Store, history: tuple[Any, ...], tmp_path: Path
) -> None:
    (first,) = await archived(store, tmp_path / "a")
    await restore(store, Path(first.file))
    with pytest.raises(Misuse, match="2024-01 is not archived"):
        await restore(store, Path(first.file))
    await write(store, told(arrived(at(1, 20), CallId("more")), ended(at(1, 20, 1), CallId("more")), source="more"))
    await archived(store, tmp_path / "b")
    with pytest.raises(Misuse, match="not what this database wrote for 2024-01"):
        await restore(store, Path(first.file))


@pytest.mark.parametrize(("name", "message"), [("x.txt", "no archive"), ("nothing.csv.gz", "is missing")])
async def test_what_is_no_archive_is_refused(store: Store, tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(Misuse, match=message):
        await restore(store, tmp_path / name)


@BOTH
async def test_a_restore_that_fails_changes_nothing(
    store: Store, history: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (done,) = await archived(store, tmp_path)
    before = await journal(store)

    async def fail(*_: Any) -> None:
        raise Unavailable("struck by lightning")

    with monkeypatch.context() as patch:
        patch.setattr("crm.archive.restore._return_others", fail)
        with pytest.raises(Unavailable, match="lightning"):
            await restore(store, Path(done.file))
    assert await journal(store) == before
    await restore(store, Path(done.file))
    await assert_sound(store)


# --- agents and numbers --------------------------------------------------------------------------------------------------


async def test_agents_and_states_of_archived_months_are_no_foreigners(
    store: Store, history: tuple[Any, ...], tmp_path: Path
) -> None:
    await archived(store, tmp_path, "2024-03")
    report = await rebuild(store)
    assert (report.differing, report.archived) == (0, 4)
    assert await everything(store) == history


async def test_a_row_that_the_journal_and_no_archive_explains_is_still_foreign(
    store: Store, history: tuple[Any, ...], tmp_path: Path
) -> None:
    await archived(store, tmp_path)
    await store.execute("INSERT INTO call SELECT (c).* FROM (SELECT jsonb_populate_record(call, "
                        "'{\"call_id\":\"x\",\"arrived_at\":\"2024-03-02T00:00:00Z\"}') AS c FROM call LIMIT 1) AS t")  # fmt: skip
    await store.execute("UPDATE agent_state SET state = 'offline' WHERE began_at > '2024-02-01'")
    report = await rebuild(store)
    assert [(d.table, d.kind) for d in report.differences] == [("call", "foreign"), ("agent_state", "changed")]
    assert await everything(store) == history


@BOTH
async def test_numbers_that_left_with_a_month_are_no_lost_facts_and_lost_ones_are(store: Store, tmp_path: Path) -> None:
    january, night, february = call("a", at(1, 10)), call("night", NIGHT), call("b", at(2, 10))
    # A fact of January that was told in the middle of February's, and one of February that is lost.
    told_late = ended(at(1, 10, 1), CallId("a"), reconciled=True)
    envelopes = told(*january, *night, *february[:4], told_late, *february[4:])
    lost = envelopes[-3]
    await write(store, [e for e in envelopes if e is not lost])
    before = [f.detail for f in (await audit(store, moment(0.0), moment(NOW), NOW)).findings if f.kind == "lost_facts"]
    await archived(store, tmp_path)
    after = [f.detail for f in (await audit(store, moment(0.0), moment(NOW), NOW)).findings if f.kind == "lost_facts"]
    assert before == after == [f"test: numbers {lost.seq} to {lost.seq}"]
