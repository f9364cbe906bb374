"""`hotline demo` on a running hotline, watched by a real Prometheus: every call accounted for, every panel with data."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.support.prometheus import CALLBACK_WAITS, FORECASTS, Prometheus, assert_dashboard_has_data, assert_rules_work
from tests.support.running import Running

pytestmark = pytest.mark.real

SECONDS = 120.0


async def test_a_demo_accounts_for_every_call_and_fills_every_panel_of_the_dashboard(
    hotline: Running, tmp_path: Path
) -> None:
    address = hotline.runtime["http"].removeprefix("http://")
    prometheus = await asyncio.to_thread(Prometheus.start, [address], tmp_path)
    try:
        demo = ("demo", "--calls", "40", "--rate", "4", "--agents", "5", "--talk", "1.5", "--patience", "20", "--json")
        status, said = await hotline.run(*demo)
        assert status == 0, said
        account = json.loads(said[said.index("{") :])["database"]
        assert account["placed"] == 40
        assert account["answered"] + account["abandoned"] + account["other"] == 40
        assert account["problems"] == []
        assert account["recordings"] + account["recordings_marked"] >= account["answered"] > 10
        await asyncio.to_thread(assert_dashboard_has_data, prometheus.url, SECONDS, idle={CALLBACK_WAITS, *FORECASTS})
        await asyncio.to_thread(assert_rules_work, prometheus.url)
    finally:
        await asyncio.to_thread(prometheus.stop)
