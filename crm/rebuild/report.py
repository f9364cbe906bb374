"""What a rebuild found: rows that were not what the journal says. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

DIFFERENCES_LISTED = 100

Key = tuple[str, str]
"""Table and key of a row."""
Columns = Mapping[str, Sequence[str]]
"""The columns of each table, in the order in which values stand in a row."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One row that was not what the journal says."""

    table: str
    key: str
    columns: list[str]
    """Which columns differed; empty when the whole row was missing or too many."""
    kind: Literal["changed", "missing", "foreign"]
    """`missing`: in the projection; `foreign`: not in the journal."""


class RebuildReport(msgspec.Struct, kw_only=True):
    """What a rebuild found."""

    facts: int = 0
    calls: int = 0
    rows: int = 0
    archived: int = 0
    """Calls whose facts lie in files: their rows stay as they are."""
    failed: int = 0
    """Calls whose facts cannot be folded: their rows stay as they are, and the log says why."""
    differing: int = 0
    """How many rows differed; the first of them are listed."""
    differences: list[Difference] = []

    def add(self, differences: Iterable[Difference]) -> None:
        """Count differences, and list them while there is room."""
        for difference in differences:
            self.differing += 1
            if len(self.differences) < DIFFERENCES_LISTED:
                self.differences.append(difference)

    def merge(self, other: "RebuildReport") -> None:
        """Add what another part of the same rebuild found."""
        for field in ("facts", "calls", "rows", "archived", "failed", "differing"):
            setattr(self, field, getattr(self, field) + getattr(other, field))
        self.differences += other.differences[: DIFFERENCES_LISTED - len(self.differences)]


def compare(
    old: Mapping[Key, Sequence[object]], new: Mapping[Key, Sequence[object]], columns: Columns
) -> list[Difference]:
    """Return how the rows that are there (`old`) differ from those that must be (`new`)."""
    if old == new:
        return []
    return list(_differences(old, new, columns))


def _differences(
    old: Mapping[Key, Sequence[object]], new: Mapping[Key, Sequence[object]], columns: Columns
) -> Iterable[Difference]:
    for table, key in sorted(old.keys() | new.keys()):
        before, after = old.get((table, key)), new.get((table, key))
        if before is None or after is None:
            yield Difference(table=table, key=key, columns=[], kind="missing" if before is None else "foreign")
        elif before != after:
            changed = [c for c, b, a in zip(columns[table], before, after, strict=True) if b != a]
            yield Difference(table=table, key=key, columns=changed, kind="changed")
