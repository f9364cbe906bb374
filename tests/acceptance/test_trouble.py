"""What can go wrong on a newcomer's way: one clear sentence each, status 1, nothing half-installed and nothing left running."""

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.places import Command, Place
from tests.support.running import Running

pytestmark = pytest.mark.real

REFUSED = "http://127.0.0.1:9"
"""A proxy where nobody listens: a machine without network."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "房子 1")
    yield made
    left = made.processes()
    made.clean_up()
    assert not left


# --- settings -----------------------------------------------------------------------------------------------------------------


def test_all_mistakes_in_the_settings_are_told_at_once_a_line_each(place: Place) -> None:
    (place.home / "hotline.toml").write_text(
        '[sip]\nprot = 5060\n[asterisk]\nlease_s = "long"\n[recording]\nkeep_days = 0\n[ivr]\ntimezone = "Mars/Olympus"\n'
    )
    ended = place.run("up")
    assert ended.status == 1
    assert not ended.out
    lines = ended.err.removeprefix("hotline: settings: ").splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["hotline.toml:2", "sip.prot"], ["hotline.toml:4", "asterisk.lease_s"],
        ["hotline.toml:6", "recording.keep_days"], ["hotline.toml:8", "ivr.timezone"],
    ]  # fmt: skip
    assert "did you mean port?" in lines[0]
    assert "Asia/Shanghai" in lines[3]
    assert not place.data.exists()


@pytest.mark.parametrize("command", [["up"], ["calls"], ["agent", "list"], ["doctor"], ["down"], ["demo"]])
def test_every_command_tells_wrong_settings_in_one_sentence(place: Place, command: list[str]) -> None:
    sentence = place.run(*command, env={"HOTLINE_HTTP__PORT": "80800"}).refused()
    assert sentence == (
        "settings: HOTLINE_HTTP__PORT: http.port: Input should be less than or equal to 65535 (found '80800')"
    )


def test_settings_that_do_not_refer_to_each_other_are_one_sentence(place: Place) -> None:
    (place.home / "hotline.toml").write_text('[[agents]]\nid = "mei"\nextension = "2001"\n')
    assert "agents: mei sits at 2001, which is not one of the seats" in place.run("up").refused()


def test_a_settings_file_that_is_no_toml_and_one_that_is_missing(place: Place) -> None:
    (place.home / "hotline.toml").write_text("[http\nport = 1\n")
    assert "hotline.toml:1: this is not valid TOML" in place.run("up").refused()
    assert "there is no file nowhere.toml" in place.run("--config", "nowhere.toml", "up").refused()


# --- ports --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "kind"),
    [("http", socket.SOCK_STREAM), ("ami", socket.SOCK_STREAM), ("sip", socket.SOCK_DGRAM)],
)
def test_a_taken_port_is_named_with_its_setting(place: Place, setting: str, kind: int) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        sentence = place.run("up", env={f"HOTLINE_{setting.upper()}__PORT": str(port)}).refused()
    assert f"{setting}.port" in sentence
    assert str(port) in sentence
    place.assert_nothing_left()


def test_an_address_that_is_not_of_this_machine(place: Place) -> None:
    assert "http.port" in place.run("up", env={"HOTLINE_HTTP__HOST": "192.0.2.1"}).refused()
    assert "192.0.2.1" in place.run("up", env={"HOTLINE_SIP__HOST": "192.0.2.1"}).refused()
    place.assert_nothing_left()


# --- programs and network ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(
    shutil.which("asterisk") is not None, reason="with an installed Asterisk nothing needs to be fetched"
)
class TestFirstStart:
    """With an empty cache."""

    def test_without_the_tools_to_fetch_with(self, place: Place, tmp_path: Path) -> None:
        cache = tmp_path / "cache"
        (tmp_path / "empty").mkdir()
        ended = place.run("up", env={"HOTLINE_CACHE_DIR": str(cache), "PATH": str(tmp_path / "empty")})
        assert "apt-get is missing" in ended.refused()
        place.assert_nothing_left(cache)

    def test_without_a_network(self, place: Place, tmp_path: Path) -> None:
        cache, apt = tmp_path / "cache", tmp_path / "apt.conf"
        apt.write_text(f'Acquire::http::Proxy "{REFUSED}";\nAcquire::https::Proxy "{REFUSED}";\n')
        ended = place.run("up", env={"HOTLINE_CACHE_DIR": str(cache), "APT_CONFIG": str(apt)})
        assert "cannot be fetched; is there a network?" in ended.refused()
        place.assert_nothing_left(cache)
        assert not [p for p in cache.rglob("*") if p.is_file() and p.name != "lock"]
        assert not (place.data / "postgres").exists()

    def test_with_a_cache_that_cannot_be_written(self, place: Place, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        ended = place.run("up", env={"HOTLINE_CACHE_DIR": str(tmp_path / "file" / "cache")})
        assert "set HOTLINE_CACHE_DIR" in ended.refused()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_told_to_stop_while_the_network_hangs(self, place: Place, tmp_path: Path, number: signal.Signals) -> None:
        cache, apt = tmp_path / "cache", tmp_path / "apt.conf"
        with socket.create_server(("127.0.0.1", 0)) as silent:
            proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
            apt.write_text(f'Acquire::http::Proxy "{proxy}";\nAcquire::https::Proxy "{proxy}";\n')
            up = place.hotline("up", env={"HOTLINE_CACHE_DIR": str(cache), "APT_CONFIG": str(apt)})
            up.wait(lambda: any("apt-get" in c for c in place.processes().values()), "apt-get")
            ended = up.stop(number, within_s=10)
        assert (ended.status, ended.err) == (0, "")
        assert ended.out.splitlines()[-2:] == ["hotline: stopping …", "hotline: stopped"]
        place.assert_nothing_left(cache)

    def test_told_to_stop_while_another_process_fetches(self, place: Place, tmp_path: Path) -> None:
        home = tmp_path / "cache" / "tools" / "asterisk"
        home.mkdir(parents=True)
        with (home / "lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            up = place.hotline("up", env={"HOTLINE_CACHE_DIR": str(tmp_path / "cache")})
            up.wait_said("waiting for another process that fetches asterisk")
            ended = up.stop(within_s=10)
        assert (ended.status, ended.err) == (0, "")
        place.assert_nothing_left(tmp_path / "cache")


def test_a_named_asterisk_that_is_not_there(place: Place) -> None:
    sentence = place.run("up", env={"HOTLINE_ASTERISK__PROGRAM": "/nowhere/asterisk"}).refused()
    assert sentence.startswith("asterisk.program: there is no program '/nowhere/asterisk'")
    place.assert_nothing_left()


# --- disks --------------------------------------------------------------------------------------------------------------------


@contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[Path]:
    directory.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(directory)]
    done = subprocess.run(options, capture_output=True, text=True, check=False) if os.geteuid() == 0 else None
    if done is None or done.returncode != 0:
        pytest.skip("only root may mount a small disk" if done is None else f"no disk can be mounted: {done.stderr}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", str(directory)], check=True)


def fill(directory: Path) -> Path:
    """Write until nothing more goes."""
    file = directory / "fill"
    with file.open("wb", buffering=0) as out, pytest.raises(OSError, match="No space left"):
        while True:
            out.write(bytes(1 << 16))
    return file


def test_a_disk_without_room_for_a_database(place: Place) -> None:
    with small_disk(place.data, 20) as disk:
        assert re.search(r"only (19|20) MB are free", place.run("up").refused())
        place.assert_nothing_left()
        fill(disk)
        assert "MB are free" in place.run("up").refused()


def test_a_disk_that_is_full_already(place: Place) -> None:
    with small_disk(place.data, 1) as disk:
        fill(disk)
        assert "No space left on device" in place.run("up").refused()
        place.assert_nothing_left()


def test_a_disk_that_became_full_after_the_first_start_and_has_room_again(place: Place) -> None:
    with small_disk(place.data, 200) as disk:
        _stop(place, place.up())
        filled = fill(disk)
        assert "no space is left" in place.run("up").refused()
        place.assert_nothing_left()
        filled.unlink()
        _stop(place, place.up())


@pytest.mark.skipif(
    shutil.which("asterisk") is not None, reason="with an installed Asterisk nothing needs to be fetched"
)
def test_a_cache_on_a_small_disk(place: Place, tmp_path: Path) -> None:
    with small_disk(tmp_path / "cache", 20) as cache:
        sentence = place.run("up", env={"HOTLINE_CACHE_DIR": str(cache)}).refused()
        assert "has less than 400 MB free; make room or set HOTLINE_CACHE_DIR" in sentence
        place.assert_nothing_left(cache)


# --- the data directory -----------------------------------------------------------------------------------------------------------


def ordinary() -> list[str]:
    """Return what must stand before a command so that permissions count for root, too."""
    if os.geteuid() != 0:
        return []
    wrapper = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    if subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("root cannot give up its privileges here")
    return wrapper


def test_a_data_directory_that_is_closed_to_us(place: Place) -> None:
    place.data.mkdir(mode=0o000)
    for command in ("up", "down"):
        sentence = place.run(command, wrapper=ordinary()).refused()
        assert sentence.startswith("cannot write to data")
        assert "--data-dir" in sentence
    place.data.chmod(0o700)
    assert not list(place.data.iterdir())


def test_a_data_directory_that_is_a_file(place: Place) -> None:
    place.data.touch()
    assert place.run("up").refused().startswith("cannot write to data")


def test_secrets_that_others_can_read_are_refused(place: Place) -> None:
    place.data.mkdir()
    secrets = place.data / "secrets.json"
    secrets.write_text("{}")
    secrets.chmod(0o644)
    assert "chmod 600" in place.run("up").refused()
    place.assert_nothing_left()


def test_a_data_directory_in_use_is_refused_and_its_user_not_disturbed(shared: Running) -> None:
    other = Place(shared.data_dir.parent / "other")
    before = (shared.data_dir / "runtime.json").read_bytes()
    for command in ("up", "down"):
        sentence = other.run(command, "--data-dir", str(shared.data_dir)).refused()
        assert f"is in use by the hotline of process {shared.runtime['pid']}" in sentence
    assert (shared.data_dir / "runtime.json").read_bytes() == before
    assert other.run("--data-dir", str(shared.data_dir), "agent", "list").status == 0


# --- without a hotline ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ["calls"], ["calls", "show", "5f3a"], ["recording", "5f3a"], ["agent", "list"], ["agent", "set", "1001", "ready"],
        ["queue", "list"], ["queue", "waiting", "service"], ["demo"], ["audit"], ["journal", "rebuild"], ["crm", "export"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_asking_where_no_hotline_runs(place: Place, command: list[str]) -> None:
    sentence = place.run(*command).refused()
    assert "no hotline runs on data; start it with `hotline up" in sentence


def test_ending_what_is_not_there(place: Place) -> None:
    assert place.run("down").refused() == "there is no data directory data"
    place.data.mkdir()
    ended = place.run("down")
    assert (ended.status, ended.out, ended.err) == (0, "nothing was left running\n", "")


def test_after_a_kill_others_are_told_and_down_ends_what_was_left(place: Place) -> None:
    place.up().stop(signal.SIGKILL)
    left = place.processes()
    assert any("asterisk" in command for command in left.values())
    assert "does not answer; is `hotline up` still running?" in place.run("calls").refused()
    ended = place.run("--data-dir", "data", "down", "--json")
    assert (ended.status, ended.err) == (0, "")
    assert "Asterisk" in json.loads(ended.out)["ended"]
    place.assert_nothing_left()


def test_two_run_side_by_side_where_ports_are_free_to_choose(shared: Running, place: Place) -> None:
    up = place.up()
    mine = json.loads((place.data / "runtime.json").read_text())
    theirs = shared.runtime
    assert mine["http"] != theirs["http"]
    assert mine["asterisk"]["sip"] != theirs["asterisk"]["sip"]
    assert [a["id"] for a in json.loads(place.run("agent", "list", "--json").out)] == ["1001", "1002"]
    _stop(place, up)


def _stop(place: Place, up: Command) -> None:
    ended = up.stop()
    assert (ended.status, ended.err) == (0, "")
    place.assert_nothing_left()
