"""What a process keeps for the router across its own death: its memories (see `acd.core.memories`), and which nodes there are."""

from collections.abc import Mapping
from typing import Protocol

import msgspec
import structlog

from acd.core.memories import KEYS
from acd.office.replica import Update
from hotline.errors import HotlineError
from hotline.ids import NodeId

NODES_KEY = "acd/nodes"

log = structlog.get_logger(__name__)


class Memory(Protocol):
    """Keeps small values across our own death."""

    def remember(self, key: str, value: bytes | None) -> None:
        """Keep a value, or forget the key when it is None."""

    def recall(self, prefix: str) -> Mapping[str, bytes]:
        """Return all values whose keys start with `prefix`."""


class Keeping:
    """The router's part of a memory."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.nodes = self._recall_nodes()
        """The nodes that the router knew last."""

    def _recall_nodes(self) -> frozenset[NodeId]:
        try:
            kept = self._memory.recall(NODES_KEY).get(NODES_KEY)
            return frozenset(msgspec.msgpack.decode(kept, type=list[NodeId])) if kept is not None else frozenset()
        except (HotlineError, msgspec.MsgspecError) as exc:
            log.warning("the nodes of the last router are not known", error=str(exc))
            return frozenset()

    def note_nodes(self, nodes: tuple[NodeId, ...]) -> None:
        """Keep which nodes there are; a router that knows none yet says nothing."""
        if nodes and self.nodes != frozenset(nodes):
            self.nodes = frozenset(nodes)
            self._memory.remember(NODES_KEY, msgspec.msgpack.encode(sorted(nodes)))

    def values(self) -> dict[str, bytes]:
        """Return the values of agents and offers. If they cannot be read, a router that knows no agents is better than none."""
        try:
            return {key: value for prefix in KEYS for key, value in self._memory.recall(prefix).items()}
        except HotlineError as exc:
            log.error("the memory of agents and offers cannot be read", error=str(exc))
            return {}

    def keep(self, values: Mapping[str, bytes | None]) -> None:
        """Keep these values; forget those that are None."""
        for key, value in values.items():
            self._memory.remember(key, value)

    def follow(self, update: Update) -> None:
        """Keep what another router keeps."""
        forgotten = self.values().keys() - update.values.keys() if update.whole else ()
        self.keep({**update.values, **dict.fromkeys(forgotten)})
