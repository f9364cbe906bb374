"""One private PostgreSQL for the session; each test gets a migrated database of its own."""

import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hotline.store.migrate import migrate
from hotline.store.pool import Store
from hotline.store.private import PrivatePostgres

_numbers = itertools.count()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PrivatePostgres]:
    server = await PrivatePostgres.start(tmp_path_factory.mktemp("postgres"), fsync=False)
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template(postgres: PrivatePostgres) -> str:
    """Return the name of a migrated database to copy."""
    admin = await Store.open(postgres.dsn, size=1)
    await admin.execute("CREATE DATABASE migrated")
    await admin.close()
    store = await Store.open(postgres.dsn.replace("/hotline?", "/migrated?"), size=1)
    await migrate(store)
    await store.close()
    return "migrated"


@pytest.fixture
async def dsn(postgres: PrivatePostgres, template: str) -> str:
    """Return the DSN of a fresh migrated database."""
    name = f"crm_{next(_numbers)}"
    admin = await Store.open(postgres.dsn, size=1)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    await admin.close()
    return postgres.dsn.replace("/hotline?", f"/{name}?")


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[Store]:
    opened = await Store.open(dsn, size=4, command_timeout_s=2.0)
    yield opened
    await opened.close()
