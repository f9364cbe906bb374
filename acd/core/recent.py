"""A bounded memory of the latest keys. Pure."""

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(OrderedDict[K, V]):
    """A dictionary that forgets what was put in longest ago when it is full. Fill it with `put` alone.

    A plain dictionary takes ever longer to find its first key as others are deleted.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def put(self, key: K, value: V) -> None:
        """Keep `value`, as the latest."""
        self[key] = value
        self.move_to_end(key)
        while len(self) > self._limit:
            self.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget a key; nothing happens if it is unknown."""
        self.pop(key, None)
