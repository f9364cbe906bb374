"""One office, several who want it: what PostgreSQL keeps, what it tells, and what happens when it does not answer."""

import asyncio
import itertools
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from hotline.errors import HotlineError, Misuse, Rejected, Unavailable
from hotline.store.migrate import migrate
from hotline.store.office import Office
from hotline.store.pool import Store
from hotline.store.private import PrivatePostgres
from hotline.store.standing import Standing
from tests.support.postgres import DEBIAN_15, DebianPostgres, Freezer
from tests.support.wait import eventually

HOLDER = """
import asyncio, sys
from hotline.store.office import Office

async def main():
    office = Office(sys.argv[1], holder="A", limit_s=20.0)
    print((await office.take()).epoch, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""

pytestmark = pytest.mark.asyncio(loop_scope="session")
_numbers = itertools.count()


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["embedded", "debian-15"])
async def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PrivatePostgres | DebianPostgres]:
    """Return a server of our own to freeze: the one that we bring, and the oldest that we support."""
    running: PrivatePostgres | DebianPostgres
    if request.param == "embedded":
        running = await PrivatePostgres.start(tmp_path_factory.mktemp("office"), fsync=False)
    elif DEBIAN_15.is_dir():
        running = DebianPostgres()
        await running.start()
    else:
        pytest.skip("PostgreSQL 15 is not installed")
    yield running
    await running.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def base(server: PrivatePostgres | DebianPostgres) -> str:
    """Return the DSN of a fresh migrated database."""
    name = f"office_{next(_numbers)}"
    admin = await Store.open(server.dsn, size=1)
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    head, _, query = server.dsn.partition("?")
    dsn = f"{head.rpartition('/')[0]}/{name}?{query}"
    store = await Store.open(dsn, size=1)
    await migrate(store)
    await store.close()
    return dsn


@pytest.fixture
def offices(base: str) -> Iterator[dict[str, Office]]:
    made = {name: Office(base, holder=name) for name in ("A", "B", "C")}
    yield made
    for office in made.values():
        office.let_go()


async def sql(dsn: str, statement: str, *args: object) -> object:
    store = await Store.open(dsn, size=1)
    try:
        return await store.fetchval(statement, *args)
    finally:
        await store.close()


async def test_nobody_has_an_office_before_the_first_term(offices: dict[str, Office]) -> None:
    seen = await offices["A"].look()
    assert (seen.mine, seen.epoch, seen.holder, seen.session) == (False, 0, "", 0)


async def test_the_first_who_takes_it_has_it_and_the_others_are_told_who(offices: dict[str, Office]) -> None:
    mine = await offices["A"].take()
    assert (mine.mine, mine.epoch, mine.holder) == (True, 1, "A")
    for seen in (await offices["B"].take(), await offices["B"].look()):
        assert (seen.mine, seen.epoch, seen.holder, seen.session) == (False, 1, "A", mine.session)
    assert (await offices["A"].look()).mine


async def test_of_many_who_take_it_at_once_one_wins(base: str) -> None:
    many = [Office(base, holder=f"p{n}", limit_s=10.0) for n in range(8)]
    for epoch in range(1, 6):
        seen = await asyncio.gather(*(office.take() for office in many))
        winners = [s for s in seen if s.mine]
        assert [s.epoch for s in winners] == [epoch]
        for office in many:
            office.let_go()
        await eventually(lambda: _is_free(many[0]), every_s=0.01)
    many[0].let_go()


async def _is_free(office: Office) -> bool:
    return (await office.look()).session == 0


async def test_an_epoch_is_greater_than_every_one_before_and_than_what_is_asked(offices: dict[str, Office]) -> None:
    epochs = []
    for name, above in (("A", 0), ("B", 7), ("A", 3)):
        epochs.append((await offices[name].take(above)).epoch)
        offices[name].let_go()
        await eventually(lambda: _is_free(offices["C"]), every_s=0.01)
    assert epochs == [1, 8, 9]


async def test_the_lock_of_one_who_let_go_is_free_and_its_term_remembered(offices: dict[str, Office]) -> None:
    await offices["A"].take()
    offices["A"].let_go()
    seen = await eventually(lambda: offices["B"].look(), what="a look")
    await eventually(lambda: _is_free(offices["B"]), every_s=0.01)
    assert (seen.epoch, seen.holder) == (1, "A")


async def test_the_session_of_the_holder_can_be_ended_and_he_learns_of_it(offices: dict[str, Office]) -> None:
    holder = (await offices["A"].take()).session
    seen = await offices["B"].end_session(holder)
    assert (seen.mine, seen.epoch, seen.session) == (False, 1, 0)
    taken = await offices["B"].take()
    assert (taken.mine, taken.epoch) == (True, 2)
    seen = await offices["A"].hold(1)
    assert (seen.mine, seen.epoch, seen.holder) == (False, 2, "B")


async def test_only_a_session_that_has_the_lock_is_ended(offices: dict[str, Office], base: str) -> None:
    taken = await offices["A"].take()
    store = await Store.open(base, size=1)
    async with store.session() as other:
        bystander = await other.fetchval("SELECT pg_backend_pid()")
        assert (await offices["B"].end_session(bystander)).session == taken.session
        assert await other.fetchval("SELECT true")
    await store.close()
    assert (await offices["A"].look()).mine


async def test_a_lock_of_another_database_is_not_ours(offices: dict[str, Office], server: PrivatePostgres) -> None:
    taken = await offices["A"].take()
    elsewhere = await Store.open(server.dsn, size=1)
    async with elsewhere.session() as other:
        for keys in ((0x486F746C, key) for key in offices["A"]._keys[1:]):
            assert await other.fetchval("SELECT pg_try_advisory_lock($1, $2)", *keys)
        assert (await offices["B"].look()).session == taken.session
    await elsewhere.close()


async def test_a_holder_who_lost_his_session_takes_the_lock_back_under_the_same_term(
    offices: dict[str, Office],
) -> None:
    await offices["A"].take()
    offices["A"].let_go()
    again = await eventually(lambda: _held(offices["A"], 1), every_s=0.01)
    assert again
    assert (await offices["A"].look()).epoch == 1


async def _held(office: Office, epoch: int) -> bool:
    return (await office.hold(epoch)).mine


async def test_a_session_of_ours_that_the_server_still_believes_in_is_ended(offices: dict[str, Office]) -> None:
    await offices["A"].take()
    forgotten = offices["A"]._session  # as if the network had lost the end of the connection
    offices["A"]._session = None
    assert await eventually(lambda: _held(offices["A"], 1), every_s=0.01)
    assert forgotten is not None
    forgotten.cut()


async def test_nobody_takes_a_lock_back_for_a_term_that_is_over(offices: dict[str, Office]) -> None:
    await offices["A"].take()
    offices["A"].let_go()
    await eventually(lambda: _is_free(offices["B"]), every_s=0.01)
    await offices["B"].take()
    offices["B"].let_go()
    await eventually(lambda: _is_free(offices["C"]), every_s=0.01)
    seen = await offices["A"].hold(1)
    assert (seen.mine, seen.epoch) == (False, 2)
    assert await _is_free(offices["C"])


async def test_offices_of_other_names_are_others(base: str) -> None:
    one, two = Office(base, holder="A", name="router"), Office(base, holder="B", name="dialer")
    assert [(await o.take()).mine for o in (one, two)] == [True, True]
    assert [(await o.look()).epoch for o in (one, two)] == [1, 1]
    one.let_go()
    two.let_go()


async def test_a_term_cannot_be_given_twice(offices: dict[str, Office], base: str) -> None:
    await offices["A"].take()
    store = await Store.open(base, size=1)
    with pytest.raises(Rejected) as caught:
        await store.execute("INSERT INTO office_term (office, epoch, holder) VALUES ('router', 1, 'X')")
    assert caught.value.reason == "conflict"
    await store.close()


async def test_operators_see_whose_session_it_is(offices: dict[str, Office], base: str) -> None:
    session = (await offices["A"].take()).session
    assert (
        await sql(base, "SELECT application_name FROM pg_stat_activity WHERE pid = $1", session) == "hotline router A"
    )


async def test_a_frozen_database_is_away_within_the_limit_and_is_found_again(
    offices: dict[str, Office], server: PrivatePostgres | DebianPostgres, base: str
) -> None:
    quick, cold = Office(base, holder="A", limit_s=0.3), Office(base, holder="B", limit_s=0.3)
    await eventually(lambda: _took(quick))
    freezer = Freezer(server.pid)
    freezer.freeze()
    try:
        for ask in (lambda: quick.hold(1), lambda: quick.look(), lambda: cold.take(), lambda: cold.end_session(1)):
            async with asyncio.timeout(20):  # it stays frozen until `finally`: without a limit this would never end
                with pytest.raises(Unavailable):
                    await ask()
    finally:
        freezer.thaw()
    held = await eventually(lambda: _held_patiently(quick, 1), every_s=0.02)
    assert held
    quick.let_go()
    cold.let_go()


async def _took(office: Office) -> bool:
    try:
        return (await office.take()).mine
    except Unavailable:
        return False


async def _held_patiently(office: Office, epoch: int) -> bool:
    try:
        return (await office.hold(epoch)).mine
    except HotlineError:
        return False


async def test_a_database_that_is_not_there_is_away(tmp_path: Path) -> None:
    office = Office(f"postgresql://hotline@/nowhere?host={tmp_path}", holder="A")
    with pytest.raises(Unavailable):
        await office.look()


async def test_a_database_without_the_table_is_a_mistake_and_not_away(server: PrivatePostgres | DebianPostgres) -> None:
    office = Office(server.dsn, holder="A")
    with pytest.raises(Misuse):
        await office.take()
    office.let_go()
    assert await eventually(lambda: _nobody_holds(server.dsn), every_s=0.01)


async def _nobody_holds(dsn: str) -> bool:
    return await sql(dsn, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


async def test_the_lock_goes_with_the_connection_of_a_killed_process(base: str, offices: dict[str, Office]) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, base], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert await asyncio.to_thread(holder.stdout.readline) == "1\n"
            assert not (await offices["B"].take()).mine
        finally:
            holder.kill()
    await eventually(lambda: _is_free(offices["B"]), every_s=0.01)


async def test_a_lock_that_is_let_go_at_any_step_of_a_statement_is_at_most_away(offices: dict[str, Office]) -> None:
    office = offices["A"]
    for steps in range(16):
        epoch = (await office.take()).epoch

        async def let_go(after: int = steps) -> None:
            for _ in range(after):
                await asyncio.sleep(0)
            office.let_go()

        held, _ = await asyncio.gather(office.hold(epoch), let_go(), return_exceptions=True)
        assert isinstance(held, Unavailable) or (isinstance(held, Standing) and held.epoch == epoch), held
