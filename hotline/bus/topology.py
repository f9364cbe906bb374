"""What we have in a broker: names, kinds and arguments of exchanges, queues and bindings. Pure.

Every name carries the version of the layout: a broker never lets a queue change its arguments, so whatever changes here
raises `VERSION`, and programs of both versions can work side by side while one replaces the other. Only what RabbitMQ 3.10
and 4 share is used: quorum queues with an explicit delivery limit, at-least-once dead lettering (which needs `reject-publish`),
a single active consumer. Signals and replies go through exclusive queues that vanish with their connection.
"""

from typing import Any, Literal

import msgspec

from hotline.facts import Fact, Signal
from hotline.ids import NodeId

VERSION = "v1"
NO_LIMIT = 1_000_000_000
"""Of dead letters, which are looked at again and again: RabbitMQ 4 has a limit of 20 where none is given, 3.10 knows no "none"."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange; all of ours are durable."""

    name: str
    kind: Literal["topic", "direct"]


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A durable queue and what flows into it; the direct exchange always leads there too."""

    name: str
    exchange: str
    keys: tuple[str, ...]
    arguments: dict[str, Any]


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """Every name that one installation uses in its broker."""

    prefix: str

    def of(self, *parts: str) -> str:
        """Return the full name of something."""
        return ".".join((self.prefix, VERSION, *parts))

    @property
    def facts(self) -> str:
        """The topic exchange of facts."""
        return self.of("facts")

    @property
    def signals(self) -> str:
        """The topic exchange of signals."""
        return self.of("signals")

    @property
    def direct(self) -> str:
        """The exchange that leads to each of our queues by its name: commands, replies, dead letters that get another chance."""
        return self.of("direct")

    @property
    def dead_letters(self) -> str:
        """The exchange and the queue of dead letters."""
        return self.of("dead")

    @property
    def journal(self) -> str:
        """The queue of every fact, for the journal."""
        return self.of("journal")

    def inbox(self, process: str, subscriber: str) -> str:
        """Return the queue of one subscriber of one process."""
        return self.of("inbox", process, subscriber)

    def process(self, process: str) -> str:
        """Return the queue of signals and replies of a process; who has it, is this process."""
        return self.of("process", process)

    def node(self, node: NodeId) -> str:
        """Return the queue of commands for a node."""
        return self.of("node", node)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much may wait in the broker; see the settings."""

    journal_max: int
    inbox_max: int
    dead_max: int
    delivery_limit: int
    forget_after_s: int


def fact_key(fact: Fact) -> str:
    """Return the routing key of a fact. What was concluded afterwards goes to the journal only: nobody may act on it."""
    word = "late" if getattr(fact, "reconciled", False) else "fact"
    return f"{word}.{type(fact).__name__}"


def signal_key(kind: type[Signal]) -> str:
    """Return the routing key of a signal."""
    return f"signal.{kind.__name__}"


def exchanges(names: Names) -> list[Exchange]:
    """Return the exchanges that every process needs."""
    return [
        Exchange(name=names.dead_letters, kind="topic"),
        Exchange(name=names.facts, kind="topic"),
        Exchange(name=names.signals, kind="topic"),
        Exchange(name=names.direct, kind="direct"),
    ]


def shared_queues(names: Names, limits: Limits) -> list[Queue]:
    """Return the queues that every process needs: a fact is never without a place to go."""
    dead = {"x-queue-type": "quorum", "x-max-length": limits.dead_max, "x-delivery-limit": NO_LIMIT}
    return [
        Queue(name=names.dead_letters, exchange=names.dead_letters, keys=("#",), arguments=dead),
        Queue(
            name=names.journal,
            exchange=names.facts,
            keys=("#",),
            arguments={
                **_fed_by_facts(names, limits),
                "x-max-length": limits.journal_max,
                "x-overflow": "reject-publish",
                "x-dead-letter-strategy": "at-least-once",
            },
        ),
    ]


def inbox_queue(names: Names, limits: Limits, process: str, subscriber: str, kinds: list[str]) -> Queue:
    """Return the queue of one inbox. It must never hold up those who publish, so it sheds its oldest facts when it is full."""
    return Queue(
        name=names.inbox(process, subscriber),
        exchange=names.facts,
        keys=tuple(f"fact.{kind}" for kind in kinds),
        arguments={
            **_fed_by_facts(names, limits),
            "x-max-length": limits.inbox_max,
            "x-expires": limits.forget_after_s * 1000,
        },
    )


def _fed_by_facts(names: Names, limits: Limits) -> dict[str, Any]:
    return {
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
        "x-delivery-limit": limits.delivery_limit,
        "x-dead-letter-exchange": names.dead_letters,
    }
