"""One hotline at a time uses a data directory, nobody else reads it, and a full disk does not stop the log."""

import io
import stat
from pathlib import Path

import pytest

from hotline.cli.directory import Dropping, open_log, own
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
        with open_log(tmp_path) as log:
            log.write(line)
            assert (tmp_path / "log" / "hotline.log").read_text("utf-8").endswith(line)
    assert (tmp_path / "log" / "hotline.log").read_text("utf-8") == "一\ntwo\n"


def test_a_log_on_a_full_disk_drops_lines_and_disturbs_nobody() -> None:
    with io.TextIOWrapper(Dropping("/dev/full", "w"), encoding="utf-8", write_through=True) as log:
        log.write("lost\n")
        log.flush()
