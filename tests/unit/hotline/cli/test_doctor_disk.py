"""What the doctor says about the disk and the spool, whatever state they are in."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotline.cli.checks import Failed, Finding
from hotline.cli.doctor_disk import SPOOL_OLD_S, check_directory, check_spool
from hotline.facts import CallEnded
from hotline.ids import CallId
from hotline.runtime.clock import ManualClock
from hotline.spool import Spool
from hotline.spool_file import SpoolFile, look
from hotline.spool_log import Changes
from hotline.tally import Tally

NOW = 1_800_000_000.0


def open_spool(directory: Path, at: float = NOW) -> Spool:
    return Spool.open(directory / "spool.db", source="t", max_facts=1000, clock=ManualClock(at), tally=Tally())


def keep(spool: Spool, count: int) -> None:
    spool.keep([CallEnded(at=NOW, call_id=CallId(f"c{n}")) for n in range(count)])
    assert spool.flush()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = open_spool(tmp_path, NOW - 30)
    yield opened
    opened.close()


def checked(directory: Path, now: float = NOW) -> Finding:
    finding = check_spool(directory, now)
    assert finding.ok == (not finding.remedy)
    return finding


def test_without_a_spool_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert checked(tmp_path).found == "there is none yet"


def test_what_waits_is_told_while_its_owner_writes(spool: Spool, tmp_path: Path) -> None:
    assert checked(tmp_path).found.startswith("0 fact(s) wait; ")
    keep(spool, 3)
    finding = checked(tmp_path)
    assert finding.found.startswith("3 fact(s) wait, the oldest for 30 s; ")
    assert (finding.ok, finding.values["facts"], finding.values["oldest_s"]) == (True, 3, 30.0)
    assert finding.values["bytes"] > 4096
    keep(spool, 1)
    assert spool.count == 4


def test_a_closed_spool_is_read_without_leaving_anything(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    keep(spool, 2)
    spool.close()
    before = sorted(p.name for p in tmp_path.iterdir())
    assert checked(tmp_path).values["facts"] == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_facts_that_wait_for_long_are_a_failure_only_while_a_hotline_runs(spool: Spool, tmp_path: Path) -> None:
    keep(spool, 1)
    later = NOW + SPOOL_OLD_S
    assert checked(tmp_path, later).ok
    (tmp_path / "runtime.json").write_text("{}")
    assert "PostgreSQL" in checked(tmp_path, later).remedy


def test_facts_that_were_put_aside_are_a_failure(tmp_path: Path) -> None:
    file, _ = SpoolFile.open(tmp_path / "spool.db", stamp=1)
    file.apply(Changes(rows=[(1, NOW, b"not a fact")]))
    file.apply(Changes(dead=[(1, "damaged")]))
    file.close()
    finding = checked(tmp_path)
    assert (finding.ok, finding.values["dead"]) == (False, 1)
    assert "1 put aside" in finding.found


def test_damaged_copies_are_named(tmp_path: Path) -> None:
    keep_and_close = open_spool(tmp_path)
    keep(keep_and_close, 50)
    keep_and_close.close()
    raw = bytearray((tmp_path / "spool.db").read_bytes())
    raw[4096:] = os.urandom(len(raw) - 4096)
    (tmp_path / "spool.db").write_bytes(raw)
    open_spool(tmp_path, NOW).close()
    finding = checked(tmp_path)
    assert finding.values["damaged"] == (str(tmp_path / f"spool.db.damaged-{NOW:.0f}"),)
    assert str(tmp_path / f"spool.db.damaged-{NOW:.0f}") in finding.found
    (tmp_path / "spool.db").unlink()
    assert not checked(tmp_path).ok


def test_a_damaged_file_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_bytes(b"this is no database at all" * 1000)
    finding = checked(tmp_path)
    assert (finding.ok, finding.found) == (False, f"{tmp_path / 'spool.db'} is damaged")


def test_a_spool_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "spool.db").mkdir()
    assert "spool" in checked(tmp_path).found


def test_a_strange_name_is_no_hindrance(tmp_path: Path) -> None:
    strange = tmp_path / "热线 ?mode=x#&%20"
    strange.mkdir()
    spool = open_spool(strange)
    keep(spool, 2)
    assert checked(strange).values["facts"] == 2
    spool.close()


# --- the disk --------------------------------------------------------------------------------------------------------------


def test_a_directory_that_is_not_there_yet_is_judged_by_its_parent(tmp_path: Path) -> None:
    assert str(tmp_path) in check_directory(tmp_path / "new" / "data")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(Failed, match="cannot be written"):
        check_directory(tmp_path / "data")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    small = tmp_path / "small"
    small.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], check=False).returncode
    ):
        pytest.skip("this machine mounts nothing")
    yield small
    subprocess.run(["umount", small], check=True)


def test_a_full_disk_is_told_and_the_spool_on_it_is_still_read(small_disk: Path) -> None:
    spool = open_spool(small_disk)
    keep(spool, 5)
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as out:
        while True:
            out.write(bytes(4096))
    with pytest.raises(Failed, match="takes no writes: No space left on device"):
        check_directory(small_disk)
    assert checked(small_disk).values["facts"] == 5
    spool.close()
    assert checked(small_disk).values["facts"] == 5
    filler.unlink()


def test_a_disk_without_room_is_told(small_disk: Path) -> None:
    with pytest.raises(Failed, match="only 1 MB free"):
        check_directory(small_disk)


def test_a_read_only_disk_is_told_and_the_spool_on_it_is_still_read(small_disk: Path) -> None:
    spool = open_spool(small_disk)
    keep(spool, 5)
    spool.close()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    try:
        with pytest.raises(Failed, match="cannot be written"):
            check_directory(small_disk)
        seen = look(small_disk / "spool.db")
        assert seen is not None
        assert seen.facts == 5
    finally:
        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
