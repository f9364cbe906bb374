"""Asterisk's files are put aside when they grow too long, and the oldest go."""

from pathlib import Path

from hotline.errors import Unavailable
from telephony.asterisk.logs import LogKeeper, put_aside_if_large


def test_a_file_within_the_limit_stays(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    file.write_text("12345")
    assert not put_aside_if_large(file, max_bytes=5, keep=2)
    assert [f.name for f in tmp_path.iterdir()] == ["cel.csv"]


def test_a_missing_file_is_nothing_to_do(tmp_path: Path) -> None:
    assert not put_aside_if_large(tmp_path / "cel.csv", max_bytes=5, keep=2)


def test_the_newest_is_number_one_and_the_oldest_goes(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    for text in ("first.", "second", "third.", "fourth"):
        file.write_text(text)
        assert put_aside_if_large(file, max_bytes=5, keep=2)
    assert {f.name: f.read_text() for f in tmp_path.iterdir()} == {"cel.csv.1": "fourth", "cel.csv.2": "third."}


async def test_asterisk_is_told_to_open_another_log_only_when_it_was_put_aside(tmp_path: Path) -> None:
    told: list[str] = []

    async def tell(command: str) -> str:
        told.append(command)
        return ""

    messages, records = tmp_path / "messages.log", tmp_path / "cel.csv"
    keeper = LogKeeper(messages, [records], tell, max_bytes=5, keep=2)
    records.write_text("too long")
    await keeper.look()
    assert told == []
    assert (tmp_path / "cel.csv.1").exists()
    messages.write_text("too long")
    await keeper.look()
    assert told == ["logger reload"]


async def test_an_asterisk_that_does_not_answer_is_no_error(tmp_path: Path) -> None:
    async def tell(_command: str) -> str:
        raise Unavailable("away")

    messages = tmp_path / "messages.log"
    messages.write_text("too long")
    await LogKeeper(messages, [], tell, max_bytes=5, keep=2).look()
    assert (tmp_path / "messages.log.1").exists()
