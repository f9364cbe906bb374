"""Migrations: applied once, in order, all or nothing."""

import asyncio
from pathlib import Path

import pytest

from hotline.errors import Misuse
from hotline.store import migrate as migrate_module
from hotline.store.migrate import migrate, read_directory
from hotline.store.pool import Store


def write(directory: Path, name: str, sql: str) -> None:
    (directory / name).write_text(sql)


async def tables(store: Store) -> list[str]:
    return [
        r[0]
        for r in await store.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
    ]


async def test_missing_files_are_applied_in_order_and_only_once(store: Store, sql_files: Path) -> None:
    write(sql_files, "0001_a.sql", "CREATE TABLE a (id integer);")
    write(sql_files, "0002_b.sql", "ALTER TABLE a ADD b text; INSERT INTO a VALUES (1, 'x;{y}')")
    assert await migrate(store, sql_files) == ["0001_a.sql", "0002_b.sql"]
    assert await migrate(store, sql_files) == []
    write(sql_files, "0003_c.sql", "CREATE TABLE c (id integer) -- the end")
    assert await migrate(store, sql_files) == ["0003_c.sql"]
    assert await tables(store) == ["a", "c", "schema_migration"]


async def test_a_failing_file_leaves_nothing_and_those_before_it_stay(store: Store, sql_files: Path) -> None:
    write(sql_files, "0001_a.sql", "CREATE TABLE a (id integer)")
    write(sql_files, "0002_b.sql", "CREATE TABLE b (id integer); SELEKT")
    with pytest.raises(Misuse, match=r"0002_b\.sql failed"):
        await migrate(store, sql_files)
    assert await tables(store) == ["a", "schema_migration"]
    write(sql_files, "0002_b.sql", "CREATE TABLE b (id integer)")
    assert await migrate(store, sql_files) == ["0002_b.sql"]


async def test_an_edited_file_is_refused_and_nothing_changes(store: Store, sql_files: Path) -> None:
    write(sql_files, "0001_a.sql", "CREATE TABLE a (id integer)")
    await migrate(store, sql_files)
    write(sql_files, "0001_a.sql", "CREATE TABLE a (id bigint)")
    write(sql_files, "0002_b.sql", "CREATE TABLE b (id integer)")
    with pytest.raises(Misuse, match=r"0001_a\.sql was changed"):
        await migrate(store, sql_files)
    assert await tables(store) == ["a", "schema_migration"]


async def test_other_line_ends_are_not_an_edit(store: Store, sql_files: Path) -> None:
    write(sql_files, "0001_a.sql", "CREATE TABLE a (\n id integer)")
    await migrate(store, sql_files)
    (sql_files / "0001_a.sql").write_bytes(b"CREATE TABLE a (\r\n id integer)")
    assert await migrate(store, sql_files) == []


async def test_a_database_newer_than_the_program_is_refused(store: Store, sql_files: Path) -> None:
    write(sql_files, "0001_a.sql", "CREATE TABLE a (id integer)")
    write(sql_files, "0002_b.sql", "CREATE TABLE b (id integer)")
    await migrate(store, sql_files)
    (sql_files / "0002_b.sql").unlink()
    with pytest.raises(Misuse, match="newer hotline"):
        await migrate(store, sql_files)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["0002_b.sql"], "0001 must be"),
        (["0001_a.sql", "0003_c.sql"], "0002 must be"),
        (["0001_a.sql", "0001_b.sql"], "0002 must be"),
        (["1_a.sql"], "not named like"),
    ],
)
def test_gaps_duplicates_and_bad_names_are_refused(sql_files: Path, names: list[str], message: str) -> None:
    for name in names:
        write(sql_files, name, "SELECT 1")
    with pytest.raises(Misuse, match=message):
        read_directory(sql_files)


def test_a_file_that_handles_transactions_itself_is_refused(sql_files: Path) -> None:
    write(sql_files, "0001_a.sql", "CREATE TABLE a ();\ncommit;\n")
    with pytest.raises(Misuse, match="transaction"):
        read_directory(sql_files)


def test_a_function_body_is_not_taken_for_a_transaction(sql_files: Path) -> None:
    write(sql_files, "0001_a.sql", "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$\nBEGIN\nEND;\n$$;")
    assert [m.number for m in read_directory(sql_files)] == [1]


async def test_programs_that_start_together_migrate_once(dsn: str, sql_files: Path) -> None:
    write(sql_files, "0001_a.sql", "CREATE TABLE a (id integer); SELECT pg_sleep(0.2)")
    stores = [await Store.open(dsn, size=1) for _ in range(4)]
    done = await asyncio.gather(*(migrate(s, sql_files) for s in stores))
    assert sorted(map(len, done)) == [0, 0, 0, 1]
    for store in stores:
        await store.close()


async def test_the_lock_is_free_after_a_failure(dsn: str, sql_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate_module, "LOCK_TIMEOUT_S", 1.0)
    write(sql_files, "0001_a.sql", "SELEKT")
    first, second = await Store.open(dsn, size=1), await Store.open(dsn, size=1)
    with pytest.raises(Misuse):
        await migrate(first, sql_files)
    with pytest.raises(Misuse):
        await migrate(second, sql_files)
    await first.close()
    await second.close()


async def test_the_files_that_come_with_hotline_apply_to_an_empty_database(store: Store) -> None:
    names = [m.name for m in read_directory(Path(migrate_module.__file__).with_name("migrations"))]
    assert await migrate(store) == names
