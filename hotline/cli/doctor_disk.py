"""What `hotline doctor` says about the disk: can the data directory be written, and what waits in the spool there.

Looks from outside, also while a hotline runs, and changes nothing that lasts.
"""

import os
import shutil
import tempfile
from pathlib import Path

import msgspec

from hotline.cli.checks import Failed, Finding
from hotline.errors import Unavailable
from hotline.spool_file import SPOOL_FILE, Damaged, SpoolLook, look

FREE_DISK_MIN = 1_000_000_000
PROBE_BYTES = 65_536
SPOOL_WARN = 10_000
SPOOL_OLD_S = 60.0
"""While a hotline runs, no fact should wait for longer than this."""


def check_directory(data_dir: Path) -> str:
    """Return what was found about the place of the data directory. Raises Failed."""
    wanted = data_dir.absolute()
    place = next(p for p in (wanted, *wanted.parents) if p.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise Failed(f"{place} cannot be written", "choose another --data-dir, or change its owner")
    if place == wanted:
        _probe(place)
    free = shutil.disk_usage(place).free
    if free < FREE_DISK_MIN:
        raise Failed(f"only {free / 1e6:.0f} MB free at {place}", "make room: recordings and the journal need it")
    return f"{place} is writable, {free / 1e9:.0f} GB free"


def _probe(place: Path) -> None:
    """Write a little and carry it to the disk: rights and free space do not tell of quotas and failing disks."""
    try:
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(bytes(PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as exc:
        raise Failed(
            f"{place} takes no writes: {exc.strerror}",
            "make room or mend the disk; until then facts are kept in memory only",
        ) from exc


def check_spool(data_dir: Path, now: float) -> Finding:
    """Return what waits in the spool, and since when."""
    path = data_dir / SPOOL_FILE
    try:
        seen = look(path)
    except Damaged:
        remedy = "start hotline: it saves what can be read, and moves the file aside"
        return Finding(check="spool", ok=False, found=f"{path} is damaged", remedy=remedy)
    except Unavailable as exc:
        remedy = f"see that {path} belongs to the user who runs hotline, and that its disk works"
        return Finding(check="spool", ok=False, found=str(exc), remedy=remedy)
    if seen is None:
        return Finding(check="spool", ok=True, found="there is none yet")
    age_s = max(now - seen.oldest_at, 0.0) if seen.oldest_at is not None else 0.0
    remedy = _remedy(seen, age_s, running=(data_dir / "runtime.json").exists())
    values = {**msgspec.structs.asdict(seen), "oldest_s": age_s}
    return Finding(check="spool", ok=not remedy, found=_told(seen, age_s), remedy=remedy, values=values)


def _remedy(seen: SpoolLook, age_s: float, *, running: bool) -> str:
    """Return what is to be done; nothing when all is well. Without a hotline facts wait for the next start."""
    if seen.damaged:
        return "facts may be lost, see `hotline audit`; what could be read was saved: keep the copies for whoever looks into it"
    if seen.dead:
        return "a newer hotline wrote them, or they are damaged: they stay in the file; please report it"
    if running and (seen.facts > SPOOL_WARN or age_s > SPOOL_OLD_S):
        return "see whether PostgreSQL (or the broker) runs and its disk has room; the facts are safe and will follow"
    return ""


def _told(seen: SpoolLook, age_s: float) -> str:
    waiting = f"{seen.facts} fact(s) wait" + (f", the oldest for {age_s:.0f} s" if seen.facts else "")
    aside = f"; {seen.dead} put aside because they cannot be read" if seen.dead else ""
    copies = f"; damaged copies: {', '.join(seen.damaged)}" if seen.damaged else ""
    return f"{waiting}; {seen.bytes / 1000:.0f} kB on disk{aside}{copies}"
