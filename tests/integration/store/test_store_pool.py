"""What callers of the store get back, above all when something goes wrong."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from hotline.errors import Misuse, OutcomeUnknown, Rejected, Unavailable
from hotline.store.pool import Store
from hotline.store.private import PrivatePostgres
from tests.support.postgres15 import BOTH


@pytest.fixture
async def table(store: Store) -> Store:
    await store.execute("CREATE TABLE t (id integer PRIMARY KEY, name text NOT NULL CHECK (name <> 'bad'))")
    return store


async def test_rows_are_read_by_column_name(table: Store) -> None:
    assert await table.execute("INSERT INTO t VALUES (1, 'Ann'), (2, 'Bo')") == "INSERT 0 2"
    rows = await table.fetch("SELECT * FROM t ORDER BY id")
    assert [dict(r) for r in rows] == [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bo"}]
    row = await table.fetchrow("SELECT name FROM t WHERE id = $1", 2)
    assert row is not None
    assert row["name"] == "Bo"
    assert await table.fetchrow("SELECT * FROM t WHERE id = 9") is None
    assert await table.fetchval("SELECT count(*) FROM t") == 2


async def test_many_rows_come_in_by_copy_and_by_executemany(table: Store) -> None:
    async with table.transaction() as connection:
        count = await connection.copy_records("t", columns=["id", "name"], records=[(i, f"n{i}") for i in range(1000)])
        await connection.executemany("INSERT INTO t VALUES ($1, $2)", [(i, "x") for i in range(1000, 1010)])
    assert count == 1000
    assert await table.fetchval("SELECT count(*) FROM t") == 1010


@BOTH
async def test_rows_go_out_as_csv_and_come_in_again(table: Store) -> None:
    strange = [(1, 'a "quoted", one'), (2, "two\nlines"), (3, "热线 \\N"), (4, " ")]
    parts: list[bytes] = []

    async def take(part: bytes) -> None:
        parts.append(part)

    async def give() -> AsyncIterator[bytes]:
        for part in parts:
            for start in range(0, len(part), 7):
                yield part[start : start + 7]

    async with table.transaction() as connection:
        await connection.executemany("INSERT INTO t VALUES ($1, $2)", strange)
        assert await connection.copy_out("SELECT * FROM t ORDER BY id", take, timeout_s=10) == 4
        assert b"".join(parts).startswith(b"id,name\n")
        await connection.execute("DELETE FROM t")
        assert await connection.copy_in("t", columns=["id", "name"], source=give(), timeout_s=10) == 4
        assert [tuple(r) for r in await connection.fetch("SELECT * FROM t ORDER BY id")] == strange


@BOTH
async def test_a_copy_that_is_broken_off_leaves_the_connection_usable(table: Store) -> None:
    async def full(_: bytes) -> None:
        raise Unavailable("the disk is full")

    async def broken() -> AsyncIterator[bytes]:
        yield b"id,name\n1,a\n"
        raise Rejected("damaged", "the file is damaged")

    for _ in range(3):
        with pytest.raises(Unavailable, match="disk is full"):
            async with table.transaction() as connection:
                await connection.copy_out("SELECT * FROM generate_series(1, 100000)", full, timeout_s=10)
        with pytest.raises(Rejected, match="file is damaged"):
            async with table.transaction() as connection:
                await connection.copy_in("t", columns=["id", "name"], source=broken(), timeout_s=10)
    assert await table.fetchval("SELECT count(*) FROM t") == 0


async def test_a_transaction_that_raises_changes_nothing(table: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        async with table.transaction() as connection:
            await connection.execute("INSERT INTO t VALUES (1, 'Ann')")
            raise ZeroDivisionError
    assert await table.fetchval("SELECT count(*) FROM t") == 0


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("INSERT INTO t VALUES (1, 'twice')", "conflict"),
        ("INSERT INTO t VALUES (2, NULL)", "invalid"),
        ("INSERT INTO t VALUES (2, 'bad')", "invalid"),
        ("SELECT 'x'::integer", "invalid"),
        ("DO $$ BEGIN RAISE EXCEPTION 'no'; END $$", "invalid"),
    ],
)
async def test_what_the_database_refuses_is_rejected_with_a_reason(table: Store, sql: str, reason: str) -> None:
    await table.execute("INSERT INTO t VALUES (1, 'Ann')")
    with pytest.raises(Rejected) as caught:
        await table.execute(sql)
    assert caught.value.reason == reason


async def test_a_zero_byte_in_a_text_is_rejected_not_fatal(table: Store) -> None:
    with pytest.raises(Rejected):
        await table.execute("INSERT INTO t VALUES (1, $1)", "a\0b")
    assert await table.healthy()


@pytest.mark.parametrize("sql", ["SELEKT 1", "SELECT * FROM nowhere", "SELECT $1::integer"])
async def test_wrong_sql_is_misuse(store: Store, sql: str) -> None:
    with pytest.raises(Misuse):
        await store.fetch(sql)


async def test_a_value_of_the_wrong_type_is_rejected(store: Store) -> None:
    with pytest.raises(Rejected):
        await store.fetch("SELECT $1::integer", "seven")


async def test_no_server_is_unavailable_and_unhealthy(tmp_path) -> None:
    store = await Store.open(f"postgresql://u:p@/d?host={tmp_path}", command_timeout_s=1.0)
    with pytest.raises(Unavailable):
        await store.fetchval("SELECT 1")
    assert not await store.healthy()
    await store.close()


async def test_a_wrong_password_is_misuse(dsn: str) -> None:
    store = await Store.open(dsn.replace("hotline:", "hotline:x"))
    with pytest.raises(Misuse, match="password"):
        await store.fetchval("SELECT 1")
    await store.close()


@pytest.mark.parametrize("dsn", ["", "data.db", "mysql://u@h/d"])
async def test_what_is_no_dsn_is_misuse(dsn: str) -> None:
    with pytest.raises(Misuse):
        await Store.open(dsn)


async def test_a_closed_store_is_unavailable(store: Store) -> None:
    await store.close()
    await store.close()
    with pytest.raises(Unavailable):
        await store.fetchval("SELECT 1")


async def test_waiting_too_long_for_a_connection_is_unavailable(dsn: str) -> None:
    store = await Store.open(dsn, size=1, command_timeout_s=0.2)
    async with store.transaction():
        with pytest.raises(Unavailable):
            await store.fetchval("SELECT 1")
    assert await store.fetchval("SELECT 1") == 1
    await store.close()


async def test_a_lone_statement_without_an_answer_has_an_unknown_outcome(store: Store) -> None:
    with pytest.raises(OutcomeUnknown):
        await store.execute("SELECT pg_sleep(5)", timeout_s=0.1)
    assert await store.fetchval("SELECT 1") == 1


async def test_inside_a_transaction_a_statement_without_an_answer_has_changed_nothing(table: Store) -> None:
    with pytest.raises(Unavailable):
        async with table.transaction() as connection:
            await connection.execute("INSERT INTO t VALUES (1, 'Ann')")
            await connection.execute("SELECT pg_sleep(5)", timeout_s=0.1)
    assert await table.fetchval("SELECT count(*) FROM t") == 0


async def test_the_servers_own_time_limit_is_unavailable(store: Store) -> None:
    with pytest.raises(Unavailable):
        async with store.session() as connection:
            await connection.execute("SET statement_timeout = 50")
            await connection.execute("SELECT pg_sleep(5)")


async def test_a_session_leaves_nothing_behind_and_a_statement_costs_one_round_trip(dsn: str, store: Store) -> None:
    alone = await Store.open(dsn, size=1)
    try:
        async with alone.session() as connection:
            await connection.execute("SET statement_timeout = 77000")
            assert await connection.fetchval("SELECT pg_try_advisory_lock(4711)")
        assert await alone.fetchval("SHOW statement_timeout") != "77s"
        assert await store.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711") == 0
        pid = await alone.fetchval("SELECT pg_backend_pid()")
        said = await store.fetchval("SELECT query FROM pg_stat_activity WHERE pid = $1", pid)
        assert said == "SELECT pg_backend_pid()"  # nothing was asked for when it came back
    finally:
        await alone.close()


async def test_a_deadlock_is_unavailable_for_one_and_done_for_the_other(table: Store) -> None:
    await table.execute("INSERT INTO t VALUES (1, 'Ann'), (2, 'Bo')")
    both = asyncio.Barrier(2)

    async def change(first: int, second: int) -> None:
        async with table.transaction() as connection:
            await connection.execute("SET LOCAL deadlock_timeout = 50")
            await connection.execute("UPDATE t SET name = 'x' WHERE id = $1", first)
            await both.wait()
            await connection.execute("UPDATE t SET name = 'x' WHERE id = $1", second)

    results = await asyncio.gather(change(1, 2), change(2, 1), return_exceptions=True)
    assert sorted(type(r) for r in results if r is not None) == [Unavailable]


async def test_a_connection_cut_by_the_server_heals(store: Store) -> None:
    async with store.session() as one:
        pid = await one.fetchval("SELECT pg_backend_pid()")
        async with store.session() as other:
            await other.execute("SELECT pg_terminate_backend($1, 2000)", pid)
        with pytest.raises((Unavailable, OutcomeUnknown)):
            await one.fetchval("SELECT 1")
    assert await store.fetchval("SELECT 1") == 1


async def test_a_connection_lost_inside_a_transaction_is_unavailable(store: Store) -> None:
    with pytest.raises(Unavailable):
        async with store.transaction() as one:
            pid = await one.fetchval("SELECT pg_backend_pid()")
            async with store.session() as other:
                await other.execute("SELECT pg_terminate_backend($1, 2000)", pid)
            await one.fetchval("SELECT 1")


async def test_cancelling_a_caller_gives_the_connection_back(dsn: str) -> None:
    store = await Store.open(dsn, size=1, command_timeout_s=2.0)
    waiting = asyncio.ensure_future(store.fetchval("SELECT pg_sleep(5)"))
    while not store._pool.get_size():
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await store.fetchval("SELECT 1") == 1
    await store.close()


async def test_a_frozen_server_costs_each_caller_its_time_limit_and_no_more(tmp_path) -> None:
    server = await PrivatePostgres.start(tmp_path, fsync=False)
    store = await Store.open(server.dsn, size=1, command_timeout_s=0.3)
    loop = asyncio.get_running_loop()
    try:
        backend = await store.fetchval("SELECT pg_backend_pid()")
        os.kill(backend, signal.SIGSTOP)
        os.kill(server.pid, signal.SIGSTOP)
        began = loop.time()
        with pytest.raises(OutcomeUnknown):
            await store.fetchval("SELECT 1")
        with pytest.raises(Unavailable):
            await store.fetchval("SELECT 1")
        assert not await store.healthy()
        assert loop.time() - began < 5
        os.kill(server.pid, signal.SIGCONT)
        os.kill(backend, signal.SIGCONT)
        assert await store.fetchval("SELECT 1", timeout_s=5) == 1
    finally:
        await store.close()
        await server.stop()
