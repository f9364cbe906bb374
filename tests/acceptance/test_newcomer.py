"""A newcomer's way: a fresh copy in a directory of any name, `make up`, a look around, Ctrl-C; and every way to interrupt it."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hotline.cli.client import Client
from tests.support.places import ROOT, Command, Place
from tests.support.running import Running

pytestmark = pytest.mark.real

NAME = "新 房子's [copy]"
COPIED = ("Makefile", "README.md", "LICENSE", "pyproject.toml", "requirements.lock", "requirements-dev.lock", "deploy",
          "hotline", "telephony", "ivr", "acd", "recorder", "crm", "forecast", "metrics")  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / NAME)
    yield made
    left = made.processes()
    made.clean_up()
    assert not left


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A fresh copy of the sources, with its environment built."""
    made = Place(tmp_path_factory.mktemp("fresh") / NAME)
    _copy_sources(made.home)
    del made.env["PYTHONPATH"]  # nothing of the tree under test but what the copy holds
    ended = made.start("make", "install").finish(300)
    assert ended.status == 0, ended
    yield made
    made.clean_up()


def _copy_sources(target: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            shutil.copy(source, target)


# --- the environment ------------------------------------------------------------------------------------------------------------


def test_a_built_environment_is_left_alone(checkout: Place) -> None:
    def install() -> float:
        ended = checkout.start("make", "install").finish()
        assert (ended.status, ended.out, ended.err) == (0, "", "")
        return ended.seconds

    assert any(install() < 2 for _ in range(3)), "one of three, for the machine is not ours alone"


def test_the_program_runs_from_a_directory_of_any_name(checkout: Place) -> None:
    ended = checkout.start(".venv/bin/hotline", "--version").finish()
    assert ended.out.startswith("hotline ")


def test_make_up_takes_arguments_and_ends_with_make(checkout: Place) -> None:
    data = checkout.home / "data two"
    up = checkout.start("make", "up", "ARGS=--data-dir 'data two'")
    up.wait((data / "runtime.json").exists, "runtime.json")
    up.wait_said("Ctrl-C stops everything.")
    pasted = next(line.split(maxsplit=1)[1] for line in up.said().splitlines() if line.startswith("  look"))
    pasted = pasted.split("    ")[0]
    calls = checkout.start("sh", "-c", f"{pasted} --json").finish()
    assert (calls.status, json.loads(calls.out), calls.err) == (0, [], "")
    assert up.stop(within_s=30).out.endswith("hotline: stopped\n")
    assert not checkout.processes()
    assert not (data / "runtime.json").exists()


@pytest.mark.slow
def test_a_copy_that_was_moved_builds_anew(checkout: Place, place: Place) -> None:
    """Its programs name the old place."""
    shutil.copytree(checkout.home, place.home, symlinks=True, dirs_exist_ok=True)
    ended = place.start("make", "install", env={"PYTHONPATH": ""}).finish(300)
    assert ended.status == 0, ended
    assert "building the environment in .venv" in ended.err
    where = place.start(".venv/bin/python", "-c", "import hotline; print(hotline.__file__)", env={"PYTHONPATH": ""})
    assert where.finish().out.startswith(str(place.home))


class TestInterrupted:
    """A build that does not come to its end."""

    @pytest.fixture
    def copy(self, place: Place) -> Place:
        _copy_sources(place.home)
        return place

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize("stage", ["building the environment", "installing what"])
    def test_a_stopped_build_leaves_nothing(self, copy: Place, number: signal.Signals, stage: str) -> None:
        build = self._build(copy)
        build.wait_said(stage)
        build.wait(lambda: len(copy.processes()) > 2, "a program under way")
        assert build.stop(number).status != 0
        assert not (copy.home / ".venv").exists()
        copy.assert_nothing_left()

    def test_a_killed_build_is_begun_anew(self, copy: Place) -> None:
        build = self._build(copy)
        build.wait((copy.home / ".venv" / "bin" / "python").exists, "python")
        os.killpg(build.process.pid, signal.SIGKILL)
        build.finish()
        assert (copy.home / ".venv" / ".building").exists()
        again = self._build(copy)
        again.wait_said("building the environment in .venv")
        again.stop()
        assert not (copy.home / ".venv").exists()

    def test_a_build_without_network_is_one_sentence(self, copy: Place) -> None:
        proxy = "http://127.0.0.1:9"
        env = {
            "PIP_PROXY": proxy,
            "PIP_RETRIES": "0",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_FIND_LINKS": "",
        }
        build = copy.start("sh", "deploy/bootstrap.sh", "python3", ".venv", "requirements.lock", env=env).finish()
        assert build.status == 1
        assert "the dependencies could not be installed; check network and disk" in build.err.splitlines()[-1]
        assert not (copy.home / ".venv").exists()

    def test_no_python_is_one_sentence(self, copy: Place) -> None:
        build = copy.start("sh", "deploy/bootstrap.sh", "python9.9", ".venv", "requirements.lock").finish()
        assert build.refused().startswith("there is no python9.9; install Python 3.11 or newer")

    @pytest.mark.slow
    def test_without_ensurepip_pip_is_fetched_as_an_ordinary_user_does(self, copy: Place, tmp_path: Path) -> None:
        """A bare Debian has no python3-venv, and perhaps no lists of packages that an ordinary user could renew."""
        blocked = tmp_path / "blocked" / "ensurepip"
        blocked.mkdir(parents=True)
        (blocked / "__init__.py").write_text("raise ImportError")
        (tmp_path / "lists" / "partial").mkdir(parents=True)
        apt = tmp_path / "apt.conf"
        apt.write_text(f'Dir::State::lists "{tmp_path / "lists"}";\n')
        build = copy.start("make", "install", env={"PYTHONPATH": str(blocked.parent), "APT_CONFIG": str(apt)}).finish(
            300
        )
        assert build.status == 0, build
        assert copy.start(".venv/bin/python", "-m", "pip", "--version").finish().status == 0

    def _build(self, copy: Place) -> Command:
        return copy.start("make", "install", env={"PYTHONPATH": ""})


# --- start and stop -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "number"),
    [
        ("Making a private PostgreSQL", signal.SIGINT),
        ("Making a private PostgreSQL", signal.SIGTERM),
        ("speaking the prompts", signal.SIGTERM),
        ("Asterisk ", signal.SIGINT),
        ("Asterisk ", signal.SIGHUP),
    ],
)
def test_told_to_stop_at_any_stage_of_the_start(place: Place, stage: str, number: signal.Signals) -> None:
    up = place.hotline("up")
    up.wait_said(f"hotline: {stage}")
    ended = up.stop(number)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines()[-2:] == ["hotline: stopping …", "hotline: stopped"]
    place.assert_nothing_left()


def test_told_to_stop_while_asterisk_boots_and_started_again(place: Place) -> None:
    up = place.hotline("up")
    up.wait(lambda: any("asterisk.conf" in command for command in place.processes().values()), "Asterisk's process")
    ended = up.stop()
    assert (ended.status, ended.err) == (0, "")
    place.assert_nothing_left()
    assert place.up().stop().status == 0
    place.assert_nothing_left()


def test_later_starts_take_less_than_ten_seconds(place: Place) -> None:
    def start() -> float:
        began = time.monotonic()
        up = place.up()
        took_s = time.monotonic() - began
        assert up.stop().status == 0
        return took_s

    start()
    assert any(start() < 10 for _ in range(3)), "one of three, for the machine is not ours alone"


def test_nobody_else_can_read_what_it_keeps(place: Place) -> None:
    up = place.up()
    try:
        open_to_others = [p for p in [place.data, *place.data.iterdir()] if stat.S_IMODE(p.stat().st_mode) & 0o077]
        assert not open_to_others
    finally:
        assert up.stop().status == 0


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_the_data_directory_can_stand_before_and_after_the_command(place: Place, before: bool) -> None:
    (place.home / "there").mkdir()
    option = ("--data-dir", "there")
    ended = place.run(*option, "down") if before else place.run("down", *option)
    assert (ended.status, ended.out) == (0, "nothing was left running\n")


# --- looking around -------------------------------------------------------------------------------------------------------------

PROGRAMS_READ = [
    ["calls"], ["agent", "list"], ["queue", "list"], ["queue", "waiting", "service"], ["audit"], ["doctor"],
    ["journal", "rebuild", "--dry-run"], ["crm", "import", "customers.csv", "--dry-run"],
]  # fmt: skip


@pytest.mark.parametrize("command", PROGRAMS_READ, ids=" ".join)
def test_what_a_program_may_read_is_json_alone(shared: Running, place: Place, command: list[str]) -> None:
    (place.home / "customers.csv").write_text("name,phone\n王小明,13800000001\n", encoding="utf-8")
    config = ("--config", str(shared.config_file), "--data-dir", str(shared.data_dir))
    ended = place.run(*config, *command, "--json")
    assert (ended.status, ended.err) == (0, "")
    json.loads(ended.out)


def test_times_are_shown_in_the_zone_of_the_settings(shared: Running, place: Place) -> None:
    config = ("--config", str(shared.config_file), "--data-dir", str(shared.data_dir))
    assert place.run(*config, "doctor").status == 0
    newest = json.loads(place.run(*config, "calls", "--limit", "1", "--json").out)[0]
    shown = [
        place.run(*config, "calls", "--limit", "1", env={"TZ": "UTC", "HOTLINE_IVR__TIMEZONE": zone}).out
        for zone in ("Asia/Shanghai", "America/New_York")
    ]
    hours = [line.splitlines()[1].split()[1][:2] for line in shown]
    utc = int(newest["arrived_at"][11:13])
    assert int(hours[0]) == (utc + 8) % 24
    assert int(hours[1]) in ((utc - 5) % 24, (utc - 4) % 24)


SMALLEST_HELP = """
import typer
app = typer.Typer()
app.command("one")(lambda: None)
app.command("two")(lambda: None)
app(["--help"])
"""
HEAVY = ("aiohttp", "asyncpg", "numpy", "pandas", "panoramisk", "scipy", "statsmodels")


def spent_s(start: Callable[[], object]) -> float:
    """Processor time of the processes that `start` starts and waits for, the least of three."""
    times = []
    for _ in range(3):
        before = os.times()
        start()
        after = os.times()
        times.append(after.children_user - before.children_user + after.children_system - before.children_system)
    return min(times)


def test_help_costs_little_more_than_the_smallest_program_with_a_help(place: Place) -> None:
    """A ratio, for machines differ: what typer and Rich cost is not ours to save."""
    smallest_s = spent_s(lambda: subprocess.run([sys.executable, "-c", SMALLEST_HELP], check=True, capture_output=True))
    ours_s = spent_s(lambda: place.run("calls", "--help"))
    assert ours_s < 3 * smallest_s


def test_help_loads_no_heavy_library() -> None:
    code = f"import sys, hotline.cli.main; print([m for m in {HEAVY} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]"


# --- doctor -----------------------------------------------------------------------------------------------------------------------


def test_the_doctor_finds_a_running_installation_sound(shared: Running, place: Place) -> None:
    config = ("--config", str(shared.config_file), "--data-dir", str(shared.data_dir))
    findings = json.loads(place.run(*config, "doctor", "--json").out)
    assert [f["check"] for f in findings] == [
        "versions", "settings", "data", "spool", "asterisk", "outgoing", "pictures", "flows", "running", "numbers", "manager", "prompts",
        "test call",
    ]  # fmt: skip
    assert all(f["ok"] for f in findings), findings


def test_the_doctor_says_what_to_do_without_a_hotline(place: Place) -> None:
    ended = place.run("doctor", "--json")
    assert (ended.status, ended.err) == (1, "")
    running = json.loads(ended.out)[-1]
    assert (running["check"], running["ok"], running["remedy"]) == (
        "running",
        False,
        "run `hotline up`, then this again",
    )


def test_the_doctor_has_a_remedy_beside_every_failure(place: Place) -> None:
    up = place.up()
    runtime = json.loads((place.data / "runtime.json").read_text())
    cel = Path(runtime["asterisk"]["log_dir"]) / "cel-custom"

    def failures() -> dict[str, dict[str, str]]:
        ended = place.run("doctor", "--json")
        assert (ended.status, ended.err) == (1, "")
        found = {f["check"]: f for f in json.loads(ended.out) if not f["ok"]}
        assert all(f["remedy"] for f in found.values()), found
        return found

    try:
        shutil.rmtree(cel)
        found = failures()
        assert set(found) == {"test call"}
        assert str(cel) in found["test call"]["remedy"]
        cel.mkdir()
        os.kill(runtime["asterisk"]["pid"], signal.SIGSTOP)
        client = Client.of(place.data)
        up.wait(lambda: not client.readiness()["telephony"], "the notice that Asterisk hangs")
        found = failures()
        assert {"running", "manager", "test call"} == set(found)
        assert f"kill -9 {runtime['asterisk']['pid']}" in found["manager"]["remedy"]
        subprocess.run(["kill", "-9", str(runtime["asterisk"]["pid"])], check=True)
        up.wait(lambda: place.run("doctor").status == 0, "a sound installation after the remedy")
    finally:
        assert up.stop().status == 0
    place.assert_nothing_left()
