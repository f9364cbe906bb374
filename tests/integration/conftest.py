"""One private PostgreSQL for the session (and, for tests that ask for `BOTH`, Debian's 15); each test gets a database of its own."""

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from hotline.store.migrate import migrate
from hotline.store.pool import Store
from hotline.store.private import PrivatePostgres
from tests.support.postgres15 import Postgres15

_numbers = itertools.count()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PrivatePostgres]:
    server = await PrivatePostgres.start(tmp_path_factory.mktemp("postgres"), fsync=False)
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def debian_15(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres15]:
    server = Postgres15(tmp_path_factory.mktemp("postgres15"))
    yield server
    server.stop()


@pytest.fixture
def server_version(request: pytest.FixtureRequest) -> str:
    """Return which server the test's database is on; tests choose by `tests.support.postgres15.BOTH`."""
    return str(getattr(request, "param", "embedded"))


@pytest.fixture(scope="session")
def template() -> str:
    """Return the name of the database that each test's own is a copy of: an empty one, unless a folder has another."""
    return "template1"


@pytest.fixture
async def dsn(postgres: PrivatePostgres, template: str, server_version: str, request: pytest.FixtureRequest) -> str:
    """Return the DSN of a fresh database."""
    server_dsn = postgres.dsn
    if server_version != "embedded":
        server: Postgres15 = request.getfixturevalue("debian_15")
        server_dsn = server.dsn
        if template != "template1" and template not in server.templates:
            await make_template(server_dsn, template)
            server.templates.add(template)
    name = f"test_{next(_numbers)}"
    await _create(server_dsn, name, template)
    return server_dsn.replace("/hotline?", f"/{name}?")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated(postgres: PrivatePostgres) -> str:
    """Return the name of a migrated database to copy; folders whose tests want one name it as their `template`."""
    await make_template(postgres.dsn, "migrated")
    return "migrated"


async def make_template(server_dsn: str, name: str) -> None:
    """Make a migrated database to copy."""
    await _create(server_dsn, name, "template1")
    store = await Store.open(server_dsn.replace("/hotline?", f"/{name}?"), size=1)
    await migrate(store)
    await store.close()


async def _create(server_dsn: str, name: str, template: str) -> None:
    admin = await Store.open(server_dsn, size=1)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    await admin.close()


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[Store]:
    opened = await Store.open(dsn, size=4, command_timeout_s=2.0)
    yield opened
    await opened.close()
