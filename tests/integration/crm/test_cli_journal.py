"""`hotline journal …` as an operator runs it: in a process of its own, on a database that is named by its DSN."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crm.journal.ledger import WRITER_LOCK
from hotline.store.pool import Store
from tests.integration.crm.test_archive import HISTORY, everything, journal, write
from tests.support.places import Ended, Place

pytestmark = pytest.mark.real


class Shell:
    """Commands on one database."""

    def __init__(self, place: Place, dsn: str) -> None:
        self.place, self.dsn = place, dsn
        self.archive = place.home / "archive"

    def run(self, *args: str, dsn: str | None = None) -> Ended:
        return self.place.run(*args, env={"HOTLINE_DATABASE__DSN": dsn or self.dsn})

    def json(self, *args: str) -> Any:
        ended = self.run(*args, "--json")
        assert (ended.status, ended.err) == (0, ""), ended
        return json.loads(ended.out)


@pytest.fixture
def shell(tmp_path: Path, dsn: str) -> Iterator[Shell]:
    place = Place(tmp_path / "place")
    yield Shell(place, dsn)
    place.clean_up()


async def test_a_month_goes_and_comes_back_by_command(store: Store, shell: Shell) -> None:
    await write(store, HISTORY)
    before, rows = await journal(store), await everything(store)
    to = ("--to", str(shell.archive))
    planned = shell.json("journal", "archive", "--before", "2024-03", *to, "--dry-run")
    assert [(m["month"], m["sha256"]) for m in planned] == [("2024-01", ""), ("2024-02", "")]
    assert await journal(store) == before
    done = shell.json("journal", "archive", "--before", "2024-03", *to)
    assert [(m["month"], m["facts"]) for m in done] == [(m["month"], m["facts"]) for m in planned]
    assert "no month to archive" in shell.run("journal", "archive", "--before", "2024-03", *to).out
    report = shell.json("journal", "rebuild", "--dry-run")
    assert (report["differing"], report["archived"]) == (0, 4)
    for month in done:
        assert shell.json("journal", "restore", month["file"])["month"] == month["month"]
    assert (await journal(store), await everything(store)) == (before, rows)


async def test_mistakes_are_one_sentence(store: Store, shell: Shell) -> None:
    await write(store, HISTORY)
    to = ("--to", str(shell.archive))
    assert "no month" in shell.run("journal", "archive", "--before", "01/2024", *to).refused()
    assert "present month" in shell.run("journal", "archive", "--before", "2099-01", *to).refused()
    assert "manifest" in shell.run("journal", "restore", str(shell.archive / "journal-2024-01.csv.gz")).refused()
    (done,) = shell.json("journal", "archive", "--before", "2024-02", *to)
    os.truncate(done["file"], 100)
    assert "is damaged" in shell.run("journal", "restore", done["file"]).refused()


async def test_a_run_that_is_killed_loses_nothing_and_can_be_repeated(store: Store, shell: Shell) -> None:
    await write(store, HISTORY)
    before = await journal(store)
    command = ("journal", "archive", "--before", "2024-02", "--to", str(shell.archive))
    part = shell.archive / "journal-2024-01.csv.gz.part"
    async with store.session() as writer:
        await writer.fetch("SELECT pg_advisory_lock($1)", WRITER_LOCK)
        running = shell.place.hotline(*command, env={"HOTLINE_DATABASE__DSN": shell.dsn})
        running.wait(lambda: part.exists() and part.stat().st_size > 0, "the file written")
        running.process.kill()
        running.process.wait()
    assert await journal(store) == before
    (done,) = shell.json(*command)
    assert (done["file"], part.exists()) == (str(shell.archive / "journal-2024-01.csv.gz"), False)
    shell.json("journal", "restore", done["file"])
    assert await journal(store) == before


async def test_a_rebuild_by_several_processes_puts_right_what_differs(
    store: Store, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crm.rebuild import rebuilding as module

    await write(store, HISTORY)
    rows = await everything(store)
    await store.execute("UPDATE call SET talk_s = 1 WHERE call_id = 'march'; DELETE FROM call WHERE call_id = 'left'")
    await store.execute("UPDATE agent SET name = 'nobody'; DELETE FROM agent_state")
    monkeypatch.setattr(module, "ALONE_BELOW", 0)
    found = await module.rebuild(store, write=False, dsn=shell.dsn)
    report = await module.rebuild(store, dsn=shell.dsn)
    assert (found.differing, report.differing) == (6, 6)
    assert await everything(store) == rows
    assert (await module.rebuild(store, dsn=shell.dsn)).differing == 0


async def test_a_rebuild_whose_helpers_fail_says_why(
    store: Store, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crm.rebuild import rebuilding as module
    from hotline.errors import Unavailable

    await write(store, HISTORY)
    monkeypatch.setattr(module, "ALONE_BELOW", 0)
    with pytest.raises(Unavailable, match="password"):
        await module.rebuild(store, dsn=shell.dsn.replace("hotline:", "hotline:x"))


# --- a wrong DSN ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda d: "postgresql://u:secret@nowhere.invalid/x", "nowhere.invalid cannot be reached"),
        (lambda d: "postgresql://u:secret@127.0.0.1:1/x", "127.0.0.1:1 cannot be reached"),
        (lambda d: "postgresql://u:secret@127.0.0.1:99999/x", "DSN must look like"),
        (lambda d: d.replace("//hotline:", "//nobody:"), 'user "nobody"'),
        (lambda d: d.replace("//hotline:", "//hotline:secret"), "password authentication failed"),
        (lambda d: d.replace("/test_", "/nothing_"), "does not exist"),
    ],
    ids=["host", "port", "no port", "user", "password", "database"],
)
def test_a_wrong_dsn_is_one_sentence(shell: Shell, wrong: Any, said: str) -> None:
    refusal = shell.run("journal", "rebuild", dsn=wrong(shell.dsn)).refused()
    assert said in refusal
    assert "secret" not in refusal


def test_a_database_that_never_answers_is_one_sentence(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        dsn = f"postgresql://u:secret@127.0.0.1:{deaf.getsockname()[1]}/x"
        assert "no answer within 5 s" in shell.run("journal", "rebuild", dsn=dsn).refused()
