"""Which deliveries of a channel may be acknowledged, when they are handled out of order. Pure.

A broker's acknowledgement of many (`multiple`) covers everything up to a tag, so it may go only as far as all before are
handled. Tags grow by one on a channel (AMQP 0-9-1, 4.2.2 "delivery tag"); a channel that is opened anew starts a new window.
"""

from collections import deque


class Window:
    """The deliveries that are not acknowledged yet."""

    def __init__(self) -> None:
        self._open: deque[int] = deque()
        self._handled: set[int] = set()

    def arrived(self, tag: int) -> None:
        """Note a delivery; tags arrive in order."""
        self._open.append(tag)

    def handled(self, tag: int) -> int | None:
        """Note that a delivery was handled, and return up to which tag all are, if that became more."""
        if not self._open or tag < self._open[0]:
            return None
        self._handled.add(tag)
        up_to = None
        while self._open and self._open[0] in self._handled:
            up_to = self._open.popleft()
            self._handled.remove(up_to)
        return up_to

    def __len__(self) -> int:
        return len(self._open)
