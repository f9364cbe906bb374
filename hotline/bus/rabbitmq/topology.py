"""What we have in a broker: names, kinds and arguments of exchanges, queues and bindings. Pure.

Every name carries the version of the layout: a broker never lets a queue change its arguments, so whatever changes here
raises `VERSION`, and programs of both versions can work side by side while one replaces the other. Only what RabbitMQ 3.10
and 4 share is used: quorum queues with an explicit delivery limit, a time to live of messages, a single active consumer.
Signals, commands and replies go through exclusive queues that vanish with their connection.

Facts have three ages, which are their routing keys. `live`: told just now. `old`: told longer ago than anybody may act on it (the
broker was away). `late`: concluded afterwards and never told on a bus. The journal has all of them, a durable inbox those that
were told, and the live services of a process share a queue of what is live, in which nothing grows old.
docs/adr/0007-bus.md has the reasons.
"""

from typing import Any, Literal

import msgspec

from hotline.facts import Signal
from hotline.ids import NodeId

VERSION = "v1"
NO_LIMIT = 1_000_000_000
"""Of deliveries: RabbitMQ 4 has a limit of 20 where none is given, 3.10 knows no "none"."""
LIVE, OLD, LATE = "live", "old", "late"
LIVE_QUEUE_GOES_AFTER_S = 60
"""Beyond the life of what is in it."""
SIGNALS_MAX = 20_000
"""Signals that may wait for a process that does not read (it is frozen); beyond, the oldest go."""


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

    def live(self, process: str) -> str:
        """Return the queue that the live services of a process share."""
        return self.of("live", process)

    def inbox(self, process: str, subscriber: str) -> str:
        """Return the queue of one durable inbox of a process."""
        return self.of("inbox", process, subscriber)

    def process(self, process: str) -> str:
        """Return the queue of signals and replies of a process; who has it, is this process."""
        return self.of("process", process)

    def node(self, node: NodeId) -> str:
        """Return the queue of commands for a node."""
        return self.of("node", node)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much may wait in the broker, and how long; see the settings."""

    journal_max: int
    inbox_max: int
    dead_max: int
    delivery_limit: int
    forget_after_s: int
    live_s: float


def age_of(*, at: float, now: float, live_s: float, told: bool) -> str:
    """Return how a fact that happened `at` is routed `now`. `told`: it was published, not only kept for the journal."""
    if not told:
        return LATE
    return LIVE if now - at <= live_s else OLD


def signal_key(kind: type[Signal], process: str) -> str:
    """Return the routing key of a signal that a process tells."""
    return f"signal.{kind.__name__}.{process}"


def signals_of(kind: type[Signal]) -> str:
    """Return the binding for signals of one kind, whoever tells them."""
    return f"signal.{kind.__name__}.#"


def own_signals(process: str) -> str:
    """Return the binding for whatever a process tells."""
    return f"signal.*.{process}"


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
    return [
        Queue(
            name=names.dead_letters,
            exchange=names.dead_letters,
            keys=("#",),
            arguments={**_kept(NO_LIMIT), "x-max-length": limits.dead_max},
        ),
        Queue(
            name=names.journal,
            exchange=names.facts,
            keys=("#",),
            # No limit of deliveries: a database that is away while its writer is started again and again must cost no fact.
            arguments={
                **_kept(NO_LIMIT),
                "x-single-active-consumer": True,
                "x-max-length": limits.journal_max,
                "x-overflow": "reject-publish",
            },
        ),
    ]


def live_queue(names: Names, limits: Limits, process: str) -> Queue:
    """Return the queue of all inboxes of a process that are not durable."""
    life_ms = round(limits.live_s * 1000)
    return Queue(
        name=names.live(process),
        exchange=names.facts,
        keys=(LIVE,),
        arguments={
            **_kept(NO_LIMIT),
            "x-message-ttl": life_ms,
            "x-max-length": limits.inbox_max,
            "x-expires": life_ms + LIVE_QUEUE_GOES_AFTER_S * 1000,
        },
    )


def inbox_queue(names: Names, limits: Limits, process: str, subscriber: str) -> Queue:
    """Return the queue of a durable inbox. It must never hold up those who publish, so it sheds its oldest facts when it is full."""
    return Queue(
        name=names.inbox(process, subscriber),
        exchange=names.facts,
        keys=(LIVE, OLD),
        arguments={
            **_kept(limits.delivery_limit),
            "x-dead-letter-exchange": names.dead_letters,
            "x-max-length": limits.inbox_max,
            "x-expires": limits.forget_after_s * 1000,
        },
    )


def _kept(delivery_limit: int) -> dict[str, Any]:
    return {"x-queue-type": "quorum", "x-delivery-limit": delivery_limit}
