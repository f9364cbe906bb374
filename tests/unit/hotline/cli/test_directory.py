"""One hotline at a time uses a data directory, nobody else reads it, and a full disk does not stop the log."""

import io
import stat
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from hotline.cli.directory import LogFile, open_log, own
from hotline.errors import Misuse, Unavailable


def test_the_directory_is_made_for_us_alone(tmp_path: Path) -> None:
    with own(tmp_path / "a" / "data"):
        assert stat.S_IMODE((tmp_path / "a" / "data").stat().st_mode) == 0o700


def test_a_second_owner_is_told_who_the_first_is_until_that_one_ends(tmp_path: Path) -> None:
    with own(tmp_path):
        with pytest.raises(Misuse, match=r"in use by the hotline of process \d+; end that one first"), own(tmp_path):
            pass
        with pytest.raises(Misuse), own(tmp_path):
            pass
    with own(tmp_path):
        pass


def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    remedy = "mend that, or choose another --data-dir"
    with pytest.raises(Unavailable, match=remedy), own(tmp_path / "file" / "data"):
        pass
    with pytest.raises(Unavailable, match="cannot write to"), own(tmp_path / "file"):
        pass


def test_the_log_is_appended_to_at_once(tmp_path: Path) -> None:
    for line in ("一\n", "two\n"):
        with open_log(tmp_path, max_bytes=1000, keep=2) as log:
            log.write(line)
            assert (tmp_path / "log" / "hotline.log").read_text("utf-8").endswith(line)
    assert (tmp_path / "log" / "hotline.log").read_text("utf-8") == "一\ntwo\n"


def test_a_log_on_a_full_disk_drops_lines_and_disturbs_nobody() -> None:
    full = LogFile(Path("/dev/full"), max_bytes=1000, keep=2)
    with io.TextIOWrapper(cast("BinaryIO", full), encoding="utf-8", write_through=True) as log:
        log.write("lost\n")
        log.flush()


def test_a_log_that_grew_too_long_is_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    with open_log(tmp_path, max_bytes=10, keep=2) as log:
        for line in (
            "one\n",
            "two\n",
            "three\n",
            "four\n",
            "five five\n",
            "six\n",
            "a line that is longer than the limit\n",
        ):
            log.write(line)
    files = {file.name: file.read_text() for file in (tmp_path / "log").iterdir()}
    assert files == {
        "hotline.log": "a line that is longer than the limit\n",
        "hotline.log.1": "six\n",
        "hotline.log.2": "five five\n",
    }
