"""promtool judges our files and our text format."""

import asyncio
from pathlib import Path

import pytest

from hotline.runtime.clock import ManualClock
from hotline.settings import Settings
from hotline.tally import Tally
from metrics.service import MetricsService, ProcessMetrics
from tests.support.prometheus import DEPLOY, RULES, promtool
from tests.support.stories import story

pytestmark = pytest.mark.real


def test_promtool_accepts_the_scrape_files_and_the_rules() -> None:
    for file in ("prometheus.yml", "processes.yml"):
        said = promtool("check", "config", str(DEPLOY / file))
        assert said.returncode == 0, said.stdout + said.stderr
    said = promtool("check", "rules", "--lint=all", "--lint-fatal", *map(str, RULES))
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize("file", ["rules_test.yml", "rules_slow_test.yml"])
def test_alerts_fire_when_they_should_and_only_then(file: str) -> None:
    said = promtool("test", "rules", str(Path(__file__).with_name(file)))
    assert said.returncode == 0, said.stdout + said.stderr


async def test_promtool_finds_nothing_wrong_with_the_exposition() -> None:
    clock, tally = ManualClock(), Tally()
    service = MetricsService(Settings(), tally, clock)
    for fact in story(1, end=clock.now()):
        await service.handle(fact, clock.now())
    for exposition in (service.exposition, ProcessMetrics(Settings(), tally, clock).exposition):
        body, _ = exposition()
        said = await asyncio.to_thread(promtool, "check", "metrics", text=body.decode())
        assert (said.returncode, said.stdout + said.stderr) == (0, "")
