"""Each test gets a migrated database of its own."""

import pytest_asyncio

from hotline.store.private import PrivatePostgres
from tests.integration.conftest import make_template


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template(postgres: PrivatePostgres) -> str:
    """Return the name of a migrated database to copy."""
    await make_template(postgres.dsn, "migrated")
    return "migrated"
