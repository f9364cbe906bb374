"""One private PostgreSQL for the session; each test gets a database of its own."""

import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hotline.store.pool import Store
from hotline.store.private import PrivatePostgres

_numbers = itertools.count()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PrivatePostgres]:
    server = await PrivatePostgres.start(tmp_path_factory.mktemp("postgres"), fsync=False)
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def template() -> str:
    """Return the name of the database that each test's own is a copy of: an empty one, unless a folder has another."""
    return "template1"


@pytest.fixture
async def dsn(postgres: PrivatePostgres, template: str) -> str:
    """Return the DSN of a fresh database."""
    name = f"test_{next(_numbers)}"
    admin = await Store.open(postgres.dsn, size=1)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    await admin.close()
    return postgres.dsn.replace("/hotline?", f"/{name}?")


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[Store]:
    opened = await Store.open(dsn, size=4, command_timeout_s=2.0)
    yield opened
    await opened.close()
