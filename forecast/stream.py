"""The topic `forecasts` of the stream: how each queue stands with the forecaster, told when it changes."""

from typing import Any

import msgspec

from forecast.api import view
from forecast.service import ForecastService
from hotline.errors import StandingBy
from hotline.web.stream import Changes

TOPIC = "forecasts"


class ForecastStream:
    """The source: one item for each queue, by its id; what `GET /api/v1/forecasts` shows, and who is on duty."""

    topics: tuple[str, ...] = (TOPIC,)

    def __init__(self, service: ForecastService) -> None:
        self._service = service
        self._told: dict[str, Any] = {}

    def now(self) -> float:
        """Return the present time."""
        return self._service.now()

    def watch(self, watched: bool) -> None:
        """Forget what was told when nobody looks any more."""
        if not watched:
            self._told.clear()

    async def ready(self) -> None:
        """Nothing is waited for."""

    def snapshot(self, topic: str) -> list[Any]:
        """Return all queues. Raises StandingBy where another process makes the forecasts."""
        assert topic == TOPIC
        self._told = self._items()
        return list(self._told.values())

    def take_changes(self) -> dict[str, Changes]:
        """Return the queues that stand otherwise than they were told last."""
        items = self._items()
        changed = [item for name, item in items.items() if self._told.get(name) != item]
        self._told = items
        return {TOPIC: Changes(items=changed)}

    def _items(self) -> dict[str, Any]:
        if not self._service.ours:
            raise StandingBy("another process makes the forecasts")
        now = self._service.now()
        return {
            name: {"id": name, "present": self._service.present(name), **msgspec.to_builtins(view(standing, now))}
            for name, standing in self._service.standings.items()
        }
