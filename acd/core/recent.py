"""A bounded memory of the latest keys. Pure."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A dictionary that forgets what was put in longest ago when it is full."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[K, V] = (
            OrderedDict()
        )  # a dict takes ever longer to find its first key as others are deleted

    def get(self, key: K) -> V | None:
        """Return what was put in, or None."""
        return self._kept.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep `value`, as the latest."""
        self._kept.pop(key, None)
        self._kept[key] = value
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget a key; nothing happens if it is unknown."""
        self._kept.pop(key, None)

    def __contains__(self, key: K) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)
