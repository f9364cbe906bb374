"""A tree of unpacked packages, and how its programs are run.

The programs were built for a newer system than this machine may be, so each is started through the loader of its own tree,
with the libraries of its own tree: the machine's libc does not matter.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hotline.errors import Unavailable

_LOADERS = ("ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1")
_ELF = b"\x7fELF"
_PROGRAM_DIRS = ("usr/sbin", "usr/bin", "sbin", "bin")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
SHOWN_LINES = 3
SHOWN_CHARACTERS = 400


@dataclass(frozen=True, kw_only=True)
class Tool:
    """Programs that we brought."""

    name: str
    root: Path
    triplet: str
    """The name of the library directory, such as `x86_64-linux-gnu`."""
    versions: Mapping[str, str] = field(repr=False)
    """The version of each package inside."""
    env: Mapping[str, str] = field(default_factory=dict)
    """What its programs need in their environment beyond ours."""

    @property
    def libraries(self) -> Path:
        """The directory of shared libraries."""
        return self.root / "usr" / "lib" / self.triplet

    def path(self, *parts: str) -> Path:
        """Return a path inside the tree."""
        return self.root.joinpath(*parts)

    def command(self, program: str, *args: str) -> list[str]:
        """Return the command line that runs a program of the tree; raises Unavailable when it is not there."""
        found = next((p for d in _PROGRAM_DIRS if (p := self.root / d / program).is_file()), None)
        if found is None:
            raise Unavailable(f"the packages of {self.name} hold no program {program}")
        with found.open("rb") as file:
            if file.read(4) != _ELF:
                raise Unavailable(f"{program} of {self.name} is a script; only programs can be run from a private tree")
        return [str(self._loader()), "--library-path", self._library_path(), str(found), *args]

    def environment(self) -> dict[str, str]:
        """Return the whole environment for a program of the tree."""
        return {**os.environ, **self.env}

    def _loader(self) -> Path:
        found = next((p for name in _LOADERS if (p := self.libraries / name).exists()), None)
        if found is None:
            raise Unavailable(f"the packages of {self.name} hold no loader; remove {self.root} and start again")
        return found

    def _library_path(self) -> str:
        """Return the library directories, those below the main one included (some packages hide theirs there)."""
        hidden = sorted({p.parent for p in self.libraries.glob("*/lib*.so*")})
        return ":".join(str(p) for p in (self.libraries, *hidden))


def last_lines(said: str) -> str:
    """Return the end of what a program wrote, as one line for an error message."""
    plain = _COLOURS.sub("", said)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    return " / ".join(lines[-SHOWN_LINES:])[-SHOWN_CHARACTERS:] or "it said nothing"
