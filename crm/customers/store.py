"""The door to customers in PostgreSQL: look up, list, write, import, export.

A number belongs to one customer: the database refuses a second owner (`Rejected("conflict")`).
"""

import uuid
from collections.abc import Iterable

import msgspec

from crm.customers.data import (
    ROWS_LIMIT,
    Customer,
    CustomerInput,
    Draft,
    ImportReport,
    assign,
    check,
    read_customers,
    write_customers,
)
from crm.customers.numbers import comparable
from hotline.errors import Misuse, Rejected
from hotline.ids import CustomerId
from hotline.settings.queues import Queue
from hotline.store.pool import Connection, Store
from hotline.store.queries import load

_sql = load("crm.customers", "customers.sql")


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """What a seat needs to know about a caller."""

    customer_id: CustomerId
    name: str
    tier: str
    language: str


async def find_caller(store: Store, key: str) -> Caller | None:
    """Return the customer with this number, given in its comparable form (`crm.customers.numbers`)."""
    row = await store.fetchrow(_sql.by_number, key)
    return msgspec.convert(dict(row), Caller) if row else None


async def list_customers(
    store: Store, *, after: str = "", name: str = "", number: str = "", country: str, limit: int
) -> list[Customer]:
    """Return customers by id, those after the id `after`; `name` is a part of the name."""
    key = comparable(number, country) if number else ""
    if number and not key:
        raise Misuse(f"{number[:40]!r} is no telephone number")
    rows = await store.fetch(_sql.page, after, name, key, limit)
    return [msgspec.convert(dict(row), Customer) for row in rows]


async def get_customer(store: Store, customer_id: str) -> Customer:
    """Return one customer. Raises Rejected("not_found")."""
    row = await store.fetchrow(_sql.one, customer_id)
    if row is None:
        raise Rejected("not_found", f"there is no customer {customer_id}")
    return msgspec.convert(dict(row), Customer)


async def put_customer(store: Store, given: CustomerInput, country: str, customer_id: str | None = None) -> Customer:
    """Create a customer (or replace the one with `customer_id`) and return it.

    Raises Rejected("invalid") for values that cannot be taken, Rejected("conflict") for a number of somebody else's.
    """
    draft = check(given, country)
    if not isinstance(draft, Draft):
        raise Rejected("invalid", "; ".join(draft))
    owner = CustomerId(customer_id) if customer_id else _new_id()
    async with store.transaction() as connection:
        try:
            await _write(connection, [(draft, owner)])
        except Rejected as exc:
            if exc.reason == "conflict":
                raise Rejected("conflict", "one of the numbers belongs to another customer") from exc
            raise
    return await get_customer(store, owner)


async def import_customers(store: Store, rows: Iterable[str], *, country: str, dry_run: bool = False) -> ImportReport:
    """Import the lines of a CSV file: all of it, or nothing and a list of problems.

    A row with an id, or with a number that is known, updates that customer; the others are new. A dry run only reports.
    """
    drafts, problems = read_customers(rows, country)
    async with store.transaction() as connection:
        owners = {
            row["key"]: CustomerId(row["customer_id"])
            for row in await connection.fetch(_sql.owners, [key for d in drafts for key in d.numbers])
        }
        assigned, more = assign(drafts, owners)
        problems = sorted([*problems, *more], key=lambda p: p.line)
        wanted = [c for _, c in assigned if c is not None]
        known = {row["customer_id"] for row in await connection.fetch(_sql.known_ids, wanted)}
        written = not problems and not dry_run
        if written:
            await _write(connection, [(d, c or _new_id()) for d, c in assigned])
    updated = sum(1 for _, c in assigned if c in known)
    return ImportReport(
        rows=len(drafts), created=len(drafts) - updated, updated=updated, errors=problems, written=written
    )


async def export_customers(store: Store, country: str) -> str:
    """Return all customers as CSV, safe to open in a spreadsheet. Raises Rejected beyond the limit of rows."""
    customers = await list_customers(store, country=country, limit=ROWS_LIMIT + 1)
    if len(customers) > ROWS_LIMIT:
        raise Rejected("too_large", f"more than {ROWS_LIMIT} customers; page through /api/v1/customers instead")
    return write_customers(customers)


async def write_queues(store: Store, queues: Iterable[Queue]) -> None:
    """Remember thresholds and names of the queues for views and reports; called at each start."""
    async with store.transaction() as connection:
        rows = [(q.id, q.name or q.id, q.threshold_s, q.short_abandon_s) for q in queues]
        await connection.executemany(_sql.put_queue, rows)


async def _write(connection: Connection, customers: list[tuple[Draft, CustomerId]]) -> None:
    await connection.executemany(_sql.put, [(c, d.name, d.tier, d.language, d.notes) for d, c in customers])
    await connection.execute(_sql.drop_numbers, [c for _, c in customers])
    numbers = [
        (key, written, customer_id, position)
        for draft, customer_id in customers
        for position, (key, written) in enumerate(draft.numbers.items())
    ]
    await connection.executemany(_sql.add_number, numbers)


def _new_id() -> CustomerId:
    return CustomerId(uuid.uuid4().hex)
