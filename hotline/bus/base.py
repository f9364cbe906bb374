"""What a service may rely on, whichever bus carries its records.

* `publish` never waits and never fails: facts go into the spool first (durable), then to every inbox that asked for them.
  Signals are best effort: what cannot be delivered soon is dropped and counted.
* Records reach one inbox in the order they were published by one process; a fact may come twice.
* `request` sends a command to the node that holds the call and waits for its outcome; commands of one call keep their order.
  A command that comes after its deadline, or under an epoch older than the newest that its node has seen (on a command, or in
  a `RouterActive`), is refused there.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from hotline.commands import Command, Outcome
from hotline.facts import Record
from hotline.ids import NodeId

Performer = Callable[[Command], Awaitable[Outcome]]
"""Carries out commands for one node."""


class Inbox(Protocol):
    """The records that one subscriber has not handled yet, in order."""

    async def get(self) -> Record | None:
        """Wait for the next record; None once the inbox is closed and empty. The record before counts as handled."""

    @property
    def ready(self) -> bool:
        """Whether `get` would return at once."""

    @property
    def ended(self) -> bool:
        """Whether the inbox is closed and empty."""

    def put(self, record: Record) -> None:
        """Add a record for this subscriber alone (outcomes of its own commands, requests from its own API)."""

    def close(self) -> None:
        """Take no more records."""


class Bus(Protocol):
    """Carries facts and signals to services, and commands to nodes."""

    async def start(self) -> None:
        """Begin to carry records; inboxes may be opened before and after.

        Raises Misuse when the broker refuses us or has something else under our names, and Unavailable when there is none;
        nothing was changed there then.
        """

    async def close(self) -> None:
        """Stop. Facts that are not delivered yet stay in the spool."""

    def publish(self, *records: Record) -> None:
        """Tell everybody who asked."""

    def heard_at(self) -> float | None:
        """Return when something last came through the carrier, be it an echo of our own, on the clock of this process.

        None where no carrier can fail: in one process. Who sends a signal now and then, and hears no echo, is cut off.
        """

    def subscribe(self, name: str, *kinds: type[Record], limit: int = 100_000, durable: bool = False) -> Inbox:
        """Open an inbox for records of the given classes (and their subclasses).

        Without `durable` it is for a service that acts on what happens: it begins empty in each life of the process, and is not
        told what happened longer ago than `bus.live_s`; a state that it must know it has to ask for. With `durable` it is for a
        service that counts: it gets every fact, however late and also those that were told while its process was dead
        (in one process there is no difference: whoever tells facts dies together with who hears them).
        """

    def serve(self, node: NodeId, perform: Performer) -> None:
        """Become the performer of commands for `node`. Raises Misuse if it has one."""

    def request(self, command: Command, *, epoch: int = 0, within_s: float | None = None) -> Awaitable[Outcome]:
        """Send a command now; await the result for its outcome. `Unknown` if the node cannot be reached in time.

        `epoch` names the term of the sender's office (0: it has none and is never fenced off). `within_s` is how long the
        command may take; None leaves it to the bus.
        """
