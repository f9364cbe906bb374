"""What the tests of the store share."""

from pathlib import Path

import pytest


@pytest.fixture
def sql_files(tmp_path: Path) -> Path:
    directory = tmp_path / "sql"
    directory.mkdir()
    return directory
