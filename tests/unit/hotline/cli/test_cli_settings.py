"""`hotline settings check`: right, wrong, and for programs."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hotline.cli.main import app


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def test_without_a_file_the_defaults_are_right() -> None:
    assert run("settings", "check") == (0, "no settings file: the defaults hold\n")


def test_a_right_file_is_said_to_be_right() -> None:
    Path("hotline.toml").write_text("[http]\nport = 81\n")
    assert run("settings", "check") == (0, "hotline.toml is right\n")


def test_each_mistake_is_shown_with_its_place_and_its_remedy() -> None:
    Path("site.toml").write_text("[http]\nprot = 81\nhost = 5\n")
    status, said = run("settings", "check", "--config", "site.toml")
    assert status == 1
    assert "site.toml:2 http.prot: there is no such setting" in said
    assert "→ did you mean port?" in said
    assert "site.toml:3 http.host" in said


def test_programs_read_them_as_json() -> None:
    Path("site.toml").write_text("[http]\nprot = 81\n")
    status, said = run("--config", "site.toml", "settings", "check", "--json")
    (found,) = json.loads(said)
    assert status == 1
    assert (found["file"], found["line"], found["where"], found["remedy"]) == (
        "site.toml", 2, "http.prot", "did you mean port?",
    )  # fmt: skip


def test_a_file_that_is_no_toml_has_its_line_and_remedy_too() -> None:
    Path("site.toml").write_text("[[queues]]\nid = 'a'\nstrategy = 'ordered'\nstrategy = 'random'\n")
    status, said = run("settings", "check", "--config", "site.toml")
    assert status == 1
    assert said.splitlines() == [
        "site.toml:4 strategy stands twice in this table, first on line 3", "    → take one of the two away",
    ]  # fmt: skip
    status, said = run("settings", "check", "--config", "site.toml", "--json")
    (found,) = json.loads(said)
    assert (status, found["place"], found["line"], found["where"]) == (1, "site.toml:4", 4, "")


def test_a_start_refuses_with_the_same_words() -> None:
    Path("site.toml").write_text(
        "[[queues]]\nid = 'a'\nskills = ['english']\n[[agents]]\nid = 'm'\nextension = '1001'\n"
    )
    _, said = run("settings", "check", "--config", "site.toml", "--json")
    refused = CliRunner().invoke(app, ["--config", "site.toml", "up", "--data-dir", "none"])
    assert refused.exit_code == 1
    assert json.loads(said)[0]["said"] in refused.stderr
    assert not Path("none").exists()


def test_a_right_file_is_an_empty_list_for_programs() -> None:
    assert run("settings", "check", "--json") == (0, "[]\n")


def test_a_file_that_is_not_there_is_one_sentence() -> None:
    assert run("settings", "check", "--config", "none.toml")[0] == 1
