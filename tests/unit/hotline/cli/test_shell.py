"""What all commands share: one sentence for an error, times in the house's zone, command lines that can be pasted."""

import shlex
import sys
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import typer

from hotline.cli.shell import Shell, local_time, one_sentence
from hotline.errors import Unavailable


def test_a_time_is_shown_in_the_given_zone() -> None:
    assert local_time("2026-10-01T00:30:00Z", ZoneInfo("Asia/Shanghai")) == "2026-10-01 08:30:00"
    assert local_time(1_790_814_600.0, UTC) == "2026-10-01 00:30:00"
    assert local_time(None, UTC) == local_time("", UTC) == ""


def test_an_error_of_ours_is_one_sentence_and_status_one(capsys: pytest.CaptureFixture[str]) -> None:
    @one_sentence
    def fails() -> None:
        raise Unavailable("[bold]not[/bold] there")

    with pytest.raises(typer.Exit) as exit_:
        fails()
    assert exit_.value.exit_code == 1
    assert capsys.readouterr().err == "hotline: [bold]not[/bold] there\n"


def test_the_directory_behind_the_command_goes_before_the_one_before_it(tmp_path: Path) -> None:
    shell = Shell(None, tmp_path / "a")
    assert shell.settings().data_dir == tmp_path / "a"
    assert shell.settings(tmp_path / "b").data_dir == tmp_path / "b"
    assert shell.settings().data_dir == tmp_path / "b"


def test_times_are_in_the_zone_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "h.toml").write_text('[ivr]\ntimezone = "Europe/Berlin"\n')
    assert Shell(tmp_path / "h.toml", None).zone() == ZoneInfo("Europe/Berlin")


def test_a_command_line_to_paste_names_program_settings_and_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my settings.toml").touch()
    monkeypatch.setattr(sys, "argv", ["/some where/bin/hotline", "up"])
    line = Shell(tmp_path / "my settings.toml", Path("数据 1")).again()
    assert shlex.split(line) == [
        "/some where/bin/hotline", "--config", str(tmp_path / "my settings.toml"), "--data-dir", "数据 1",
    ]  # fmt: skip


def test_the_default_directory_needs_no_option(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [".venv/bin/hotline", "up"])
    assert Shell(None, None).again() == ".venv/bin/hotline"
