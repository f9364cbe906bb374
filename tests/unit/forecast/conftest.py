"""Whole folders here fit models, solve programs and draw: they are `slow`, and `make check` leaves them to `make test`."""

from pathlib import Path

import pytest

SLOW = {"models", "plots", "rosters", "staffing", "backtest", "test_pool.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and SLOW & set(item.path.relative_to(here).parts):
            item.add_marker(pytest.mark.slow)
