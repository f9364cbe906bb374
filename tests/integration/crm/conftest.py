"""Each test gets a migrated database of its own."""

import pytest


@pytest.fixture(scope="session")
def template(migrated: str) -> str:
    """Return the name of a migrated database to copy."""
    return migrated
