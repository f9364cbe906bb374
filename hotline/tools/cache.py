"""Bring a tool: fetch and unpack it once per user, use it ever after.

A tree is unpacked beside its final place and renamed there when it is complete, with a stamp inside that lists its packages;
a directory without a valid stamp is not a tree. One process at a time fetches; the others wait and find it done.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hotline.errors import Misuse, Unavailable
from hotline.tools import packages as apt
from hotline.tools.processes import children
from hotline.tools.sources import SUITE
from hotline.tools.tool import Tool

LAYOUT = 1
"""Raise when trees of an older hotline can no longer be used."""
STAMP = "hotline-complete.json"
NEEDED_BYTES = 400 * 1024 * 1024
"""Free space below which a fetch is not begun: packages, the tree and some air."""
LOCK_STEP_S = 0.1


def cache_dir() -> Path:
    """Return our directory for things that can be fetched again: `HOTLINE_CACHE_DIR`, else the user's cache directory."""
    if own := os.environ.get("HOTLINE_CACHE_DIR"):
        return Path(own).absolute()
    if users := os.environ.get("XDG_CACHE_HOME"):
        return Path(users).absolute() / "hotline"
    return Path.home() / ".cache" / "hotline"


def bring(
    name: str, packages: Sequence[str], *, progress: Callable[[str], None], minimum: str = "", suite: str = SUITE
) -> Tool:
    """Return the tool `name`, made of these Debian packages and what they depend on; blocks while it is fetched.

    `minimum` (a version of the first package) only distinguishes trees: raise it and an older tree is not used any more.
    `suite` is Debian's release to take them from: another one only where an older program is wanted on purpose (tests).
    Raises Unavailable with one sentence when it cannot be brought; nothing half done is left behind or used.
    """
    architecture = apt.architecture()
    recipe = json.dumps([LAYOUT, suite, architecture, sorted(packages), minimum])
    home = cache_dir() / "tools" / name
    target = home / hashlib.sha256(recipe.encode()).hexdigest()[:16]
    triplet = apt.TRIPLETS[architecture]
    if set(str(home)) & set(":;$"):
        raise Misuse(
            f"programs cannot be run from {home}: set HOTLINE_CACHE_DIR to a directory without : ; $ in its name"
        )
    if (tool := _complete(name, target, triplet)) is not None:
        return tool
    with _only_one(home, name, progress):
        if (tool := _complete(name, target, triplet)) is None:
            _fetch(name, packages, target, progress, suite)
            tool = _complete(name, target, triplet)
    if tool is None:
        raise Unavailable(f"{target} was fetched but is not complete; remove it and start again")
    return tool


def _complete(name: str, target: Path, triplet: str) -> Tool | None:
    """Return the tool when its tree is complete: the stamp is there and every file it names has its size."""
    try:
        stamp = json.loads((target / STAMP).read_text(encoding="utf-8"))
        files = {str(k): int(v) for k, v in stamp["files"].items()}
        versions = {str(k): str(v) for k, v in stamp["versions"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if any(_size(target / file) != size for file, size in files.items()):
        return None
    return Tool(name=name, root=target, triplet=triplet, versions=versions, env=_environment(target))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1


def _environment(root: Path) -> dict[str, str]:
    """Return the variables by which programs of a moved tree find their data."""
    speech = sorted(root.glob("usr/lib/*/espeak-ng-data"))
    return {"ESPEAK_DATA_PATH": str(speech[0])} if speech else {}


@contextmanager
def _only_one(home: Path, name: str, progress: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of a tool, waiting for another process that fetches it."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise Misuse(f"cannot write to {home}: {exc.strerror}; set HOTLINE_CACHE_DIR to a directory of yours") from exc
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"waiting for another process that fetches {name}")
            _wait_for_lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int) -> None:
    """Wait in steps, so that the end of our own program ends the wait; raises Unavailable then."""
    while True:
        children.check()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_STEP_S)
        else:
            return


def _fetch(name: str, packages: Sequence[str], target: Path, progress: Callable[[str], None], suite: str) -> None:
    """Fetch and unpack beside `target`, then move it there."""
    home = target.parent
    _remove_leftovers(home)
    if shutil.disk_usage(home).free < NEEDED_BYTES:
        raise Unavailable(
            f"the disk of {home} has less than {NEEDED_BYTES >> 20} MB free; make room or set HOTLINE_CACHE_DIR"
        )
    work = Path(tempfile.mkdtemp(prefix="part-", dir=home))
    try:
        progress(f"fetching {name} (once per user)")
        files = apt.fetch(packages, work / "apt", suite)
        progress(f"unpacking {len(files)} packages of {name}")
        tree = work / "tree"
        tree.mkdir()
        versions = dict(apt.unpack(file, tree) for file in files)
        _stamp(tree, versions)
        if target.exists():
            target.rename(work / "broken")
        tree.rename(target)
    except OSError as exc:
        raise Unavailable(f"{name} cannot be unpacked into {home}: {exc.strerror}") from exc
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _remove_leftovers(home: Path) -> None:
    """Remove what a killed fetch left behind; safe under the lock."""
    for left in home.glob("part-*"):
        shutil.rmtree(left, ignore_errors=True)


def _stamp(tree: Path, versions: dict[str, str]) -> None:
    """Write the stamp: the versions, and the sizes of all programs and libraries for the check before each use."""
    found = [
        p
        for d in ("usr/bin", "usr/sbin", "usr/lib")
        for p in (tree / d).rglob("*")
        if p.is_file() and not p.is_symlink()
    ]
    files = {str(p.relative_to(tree)): p.stat().st_size for p in sorted(found)}
    os.sync()
    (tree / STAMP).write_text(json.dumps({"versions": versions, "files": files}, indent=0), encoding="utf-8")
