"""Each test gets a migrated database of its own."""

import pytest_asyncio

from hotline.store.migrate import migrate
from hotline.store.pool import Store
from hotline.store.private import PrivatePostgres


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
