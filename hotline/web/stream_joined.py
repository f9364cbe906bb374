"""Several sources of the stream as one: each topic is shown by the part of the house that has it."""

from collections.abc import Sequence
from typing import Any

from hotline.errors import StandingBy
from hotline.web.stream import Changes, Source


class Joined:
    """The source. One of its parts that has nothing to show (it stands by) is no reason to cut off readers of the others.

    One that has shown something and then stands by is: its readers must look for who shows it now. The hub cuts off all readers then, and those of
    other topics come back at once.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)
        self._has_shown: set[Source] = set()

    @property
    def topics(self) -> tuple[str, ...]:
        """Return all topics."""
        return tuple(topic for source in self._sources for topic in source.topics)

    def now(self) -> float:
        """Return the present time, by the first source."""
        return self._sources[0].now()

    def watch(self, watched: bool) -> None:
        """Tell all of them."""
        if not watched:
            self._has_shown.clear()
        for source in self._sources:
            source.watch(watched)

    async def ready(self) -> None:
        """Wait for all of them."""
        for source in self._sources:
            await source.ready()

    def snapshot(self, topic: str) -> list[Any]:
        """Return all items of a topic. Raises StandingBy when its source has none."""
        source = next(source for source in self._sources if topic in source.topics)
        items = source.snapshot(topic)
        self._has_shown.add(source)
        return items

    def take_changes(self) -> dict[str, Changes]:
        """Return what changed. Raises StandingBy when a source that has shown something has nothing any more."""
        found: dict[str, Changes] = {}
        for source in self._sources:
            try:
                found |= source.take_changes()
            except StandingBy:
                if source in self._has_shown:
                    self._has_shown.discard(source)
                    raise
        return found
