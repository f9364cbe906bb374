"""Several sources of the stream as one."""

from typing import Any

import pytest

from hotline.errors import StandingBy
from hotline.web.stream import Changes
from hotline.web.stream_joined import Joined


class Part:
    """A source of one topic."""

    def __init__(self, topic: str) -> None:
        self.topics = (topic,)
        self.stands_by = False
        self.watched = False
        self.waited = False

    def now(self) -> float:
        return 5.0

    def watch(self, watched: bool) -> None:
        self.watched = watched

    async def ready(self) -> None:
        self.waited = True

    def snapshot(self, topic: str) -> list[Any]:
        self._look()
        return [{"id": topic}]

    def take_changes(self) -> dict[str, Changes]:
        self._look()
        return {self.topics[0]: Changes(gone=["x"])}

    def _look(self) -> None:
        if self.stands_by:
            raise StandingBy(f"{self.topics[0]} stand by")


@pytest.fixture
def parts() -> list[Part]:
    return [Part("queues"), Part("forecasts")]


async def test_all_topics_are_there_and_each_is_shown_by_its_part(parts: list[Part]) -> None:
    joined = Joined(parts)
    assert joined.topics == ("queues", "forecasts")
    assert joined.snapshot("forecasts") == [{"id": "forecasts"}]
    assert set(joined.take_changes()) == {"queues", "forecasts"}
    joined.watch(True)
    await joined.ready()
    assert all(part.watched and part.waited for part in parts)
    assert joined.now() == 5.0


def test_a_part_that_has_nothing_to_show_does_not_disturb_the_other(parts: list[Part]) -> None:
    parts[0].stands_by = True
    joined = Joined(parts)
    with pytest.raises(StandingBy):
        joined.snapshot("queues")
    assert joined.snapshot("forecasts")
    assert set(joined.take_changes()) == {"forecasts"}


def test_a_part_that_has_shown_something_and_stands_by_then_is_told_once(parts: list[Part]) -> None:
    joined = Joined(parts)
    joined.snapshot("queues")
    parts[0].stands_by = True
    with pytest.raises(StandingBy, match="queues"):
        joined.take_changes()
    assert set(joined.take_changes()) == {"forecasts"}
