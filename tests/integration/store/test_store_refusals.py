"""A database that does not fit, and a DSN that leads nowhere: one clear sentence, and nothing is changed. On both servers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hotline.errors import HotlineError, Misuse, Unavailable
from hotline.store import migrate as migrate_module
from hotline.store.migrate import migrate, read_directory, require_current
from hotline.store.pool import Store
from tests.support.postgres15 import BOTH

pytestmark = [pytest.mark.real, BOTH]
OURS = Path(migrate_module.__file__).with_name("migrations")


async def content(store: Store) -> list[tuple[object, ...]]:
    """Return every table with its columns, and what is remembered of migrations."""
    tables = await store.fetch(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
    )
    applied = await store.fetch("SELECT number, name, sha256, applied_at FROM schema_migration ORDER BY number")
    return [tuple(r) for r in (*tables, *applied)]


async def test_every_file_applies_and_is_what_the_program_needs(store: Store) -> None:
    assert await migrate(store) == [m.name for m in read_directory(OURS)]
    await require_current(store)
    assert await migrate(store) == []


async def assert_refused(store: Store, message: str, directory: Path | None = None) -> None:
    before = await content(store)
    for attempt in (migrate, require_current):
        with pytest.raises(Misuse, match=message) as refusal:
            await attempt(store, directory)
        assert "\n" not in str(refusal.value)
    assert await content(store) == before


async def test_a_database_newer_than_the_program_is_refused(store: Store) -> None:
    await migrate(store)
    newest = len(read_directory(OURS)) + 1
    await store.execute("INSERT INTO schema_migration VALUES ($1, $2, 'x')", newest, f"{newest:04}_future.sql")
    await assert_refused(store, f"has migration {newest:04}_future.sql, .* needs a newer hotline")


async def test_a_file_that_was_edited_after_it_was_applied_is_refused(store: Store, tmp_path: Path) -> None:
    await migrate(store)
    for file in OURS.glob("*.sql"):
        text = file.read_text(encoding="utf-8")
        (tmp_path / file.name).write_text(
            text + "-- edited\n" if file.name == "0002_calls.sql" else text, encoding="utf-8"
        )
    await assert_refused(store, r"0002_calls\.sql was changed after it was applied", tmp_path)


async def test_a_database_that_lacks_an_earlier_file_is_refused(store: Store) -> None:
    await migrate(store)
    await store.execute("DELETE FROM schema_migration WHERE number = 2")
    await assert_refused(store, "lacks an earlier one; restore it from a backup")


async def test_a_command_does_not_work_on_an_older_or_foreign_database(store: Store, sql_files: Path) -> None:
    with pytest.raises(Misuse, match="older than this program, or not one of hotline's"):
        await require_current(store)
    assert not await store.fetchval("SELECT to_regclass('schema_migration') IS NOT NULL")
    (sql_files / "0001_journal.sql").write_text((OURS / "0001_journal.sql").read_text())
    await migrate(store, sql_files)
    with pytest.raises(Misuse, match="older"):
        await require_current(store)


WRONG: dict[str, tuple[Callable[[str], str], type[HotlineError], str]] = {
    "host": (lambda _: "postgresql://u:secret@nowhere.invalid/x", Unavailable, "nowhere.invalid cannot be reached"),
    "port": (lambda _: "postgresql://u:secret@127.0.0.1:1/x", Unavailable, "127.0.0.1:1 cannot be reached"),
    "socket": (lambda d: d.replace("?host=/", "?host=/nowhere/"), Unavailable, "/nowhere/.* cannot be reached"),
    "user": (lambda d: d.replace("//hotline:", "//nobody:"), Misuse, 'authentication failed for user "nobody"'),
    "password": (lambda d: d.replace("//hotline:", "//hotline:secret"), Misuse, "password authentication failed"),
    "database": (lambda d: d.replace("/test_", "/nothing_"), Misuse, 'database "nothing_[0-9]+" does not exist'),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_dsn_says_what_is_wrong_and_tells_no_secret(dsn: str, wrong: str) -> None:
    change, kind, message = WRONG[wrong]
    store = await Store.open(change(dsn), size=1, command_timeout_s=5.0)
    try:
        with pytest.raises(kind, match=message) as refusal:
            await migrate(store)
        assert "secret" not in str(refusal.value)
        assert "\n" not in str(refusal.value)
        assert not await store.healthy()
    finally:
        await store.close()


@pytest.mark.parametrize(
    "text", ["postgresql://u:secret@127.0.0.1:99999/x", "postgresql://u:secret@h:port/x", "mysql://u@h/x"]
)
async def test_what_is_no_dsn_is_refused_before_anything_is_connected(dsn: str, text: str) -> None:
    with pytest.raises(Misuse, match="DSN must look like") as refusal:
        await Store.open(text)
    assert "secret" not in str(refusal.value)
