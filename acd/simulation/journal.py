"""Reads the facts of a replay from the journal. The simulation's door to the database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from hotline.codec import decode_fact
from hotline.facts import Fact
from hotline.store.pool import Store
from hotline.store.queries import load

KINDS = (
    "AgentAdded",
    "AgentStateChanged",
    "CallQueued",
    "CallAbandoned",
    "CallFlowedOut",
    "CallEnded",
    "OfferMade",
    "OfferAccepted",
    "OfferTimedOut",
    "OfferRejected",
    "OfferBusy",
    "OfferFailed",
    "OfferRescinded",
    "OfferUnknown",
    "TalkEnded",
    "CallbackRequested",
    "CallbackRefused",
    "CallbackAttempted",
    "CallbackPutOff",
    "CallbackEnded",
    "CustomerDialled",
)
PAGE = 5_000
LONGEST_CALLBACK = timedelta(days=7)
"""The greatest `expires_after_s` there can be."""

_sql = load("acd.simulation", "journal.sql")


async def read_facts(store: Store, begin: float, end: float) -> AsyncIterator[Fact]:
    """Yield the last words about agents before `begin` and the callbacks that were open then, then every fact that a replay needs, in order.

    Raises the store's errors.
    """
    since, until = _moment(begin), _moment(end)
    rows = await store.fetch(_sql.before, since)
    for row in sorted(rows, key=lambda r: (r["type"], r["at"], r["seq"])):  # AgentAdded comes before states
        yield decode_fact(row["type"], row["version"], row["body"])
    for row in await store.fetch(_sql.open_callbacks, since, since - LONGEST_CALLBACK):
        yield decode_fact(row["type"], row["version"], row["body"])
    after: tuple[datetime, str, int] = (since, "", -1)
    while rows := await store.fetch(_sql.between, *after, PAGE, list(KINDS), until):
        for row in rows:
            yield decode_fact(row["type"], row["version"], row["body"])
        after = (rows[-1]["at"], rows[-1]["source"], rows[-1]["seq"])


async def span(store: Store) -> tuple[float, float] | None:
    """Return the times of the first and the last call, or wish to be called back; None if there is none."""
    row = await store.fetchrow(_sql.span)
    if row is None or row["first"] is None:
        return None
    return row["first"].timestamp(), row["last"].timestamp()


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
