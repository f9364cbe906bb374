"""Notes about what is not closed yet, one file each: how a service knows after a crash what it was doing. Blocks."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
import structlog

from recorder.files import safe_name

PENDING = "pending"

E = TypeVar("E", bound=msgspec.Struct)
log = structlog.get_logger(__name__)


class Notes(Generic[E]):
    """The notes of a store, in `pending/<id>.json`; `what` names in messages what they are about."""

    def __init__(self, store_dir: Path, kind: type[E], what: str, *, name_of: Callable[[E], str]) -> None:
        self.directory = store_dir / PENDING
        self._kind = kind
        self._what = what
        self._name_of = name_of

    def keep(self, entry: E) -> None:
        """Remember an entry across our death."""
        note = self._note(self._name_of(entry))
        fresh = note.with_suffix(".part")
        fresh.write_bytes(msgspec.json.encode(entry))
        fresh.replace(note)

    def forget(self, name: str) -> None:
        """Forget an entry."""
        self._note(name).unlink(missing_ok=True)

    def kept(self) -> list[E]:
        """Return the remembered entries; unreadable ones are dropped with a warning."""
        entries: list[E] = []
        for note in sorted(self.directory.glob("*.json")):
            try:
                entries.append(msgspec.json.decode(note.read_bytes(), type=self._kind))
            except (OSError, msgspec.MsgspecError) as exc:
                log.warning("note dropped", of=self._what, note=note.name, error=str(exc))
                note.unlink(missing_ok=True)
        return entries

    def _note(self, name: str) -> Path:
        return self.directory / f"{safe_name(name, self._what)}.json"
