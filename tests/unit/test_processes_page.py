"""The example of docs/processes.md is one hotline: its files can be loaded and fit together."""

import configparser
import re
import shlex
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.main import get_command

from hotline.cli.main import app
from hotline.settings import Settings, load
from hotline.wiring.rooms import Rooms
from metrics.scrape import PROCESSES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/processes.md").read_text(encoding="utf-8")
UNIT = ROOT / "deploy/systemd/hotline@.service"


@cache
def files() -> dict[str, dict[str, str]]:
    """The environment of each process by its name, as the page has it."""
    found = re.findall(r"^`/etc/hotline/(\w+)\.env`.*?```ini\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    return {name: dict(word.split("=", 1) for word in shlex.split(text)) for name, text in found}


def loaded(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Settings, list[str]]:
    (common,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "hotline.toml"
    file.write_text(common, encoding="utf-8")
    with monkeypatch.context() as patch:
        for variable, value in files()[name].items():
            patch.setenv(variable, value)
        settings = load(file)
    return settings, [word for word in files()[name]["SERVICES"].split() if not word.startswith("--")]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Settings, list[str]]]:
    return {name: loaded(name, tmp_path, monkeypatch) for name in files()}


def test_every_process_is_named_and_each_can_run_its_services(house: dict[str, tuple[Settings, list[str]]]) -> None:
    assert set(house) == {"node1", "node2", "acd1", "acd2", "crm1"}
    for name, (settings, services) in house.items():
        assert Rooms(services, settings).process(settings) == name
    everything = [service for _, services in house.values() for service in services]
    assert everything.count("metrics") == everything.count("crm") == 1
    assert everything.count("acd") == everything.count("telephony") == 2


def test_nodes_name_each_other_with_one_secret(house: dict[str, tuple[Settings, list[str]]]) -> None:
    one, two = house["node1"][0], house["node2"][0]
    for here, there in ((one, two), (two, one)):
        (peer,) = here.asterisk.peers
        assert (peer.node, peer.host, peer.port) == (there.asterisk.node, there.sip.host, there.sip.port)
        assert peer.secret == there.asterisk.peers[0].secret


def test_the_process_with_the_calls_knows_all_others_and_prometheus_knows_everybody(
    house: dict[str, tuple[Settings, list[str]]],
) -> None:
    at = {name: (settings.http.host, settings.http.port) for name, (settings, _) in house.items()}
    upstreams = [urlsplit(upstream.url) for upstream in house["crm1"][0].http.upstreams]
    assert {(u.hostname, u.port) for u in upstreams} == {place for name, place in at.items() if name != "crm1"}
    assert {name: f"{host}:{port}" for name, (host, port) in at.items()} == PROCESSES
    assert len(set(at.values())) == len(at)


def test_the_unit_runs_what_the_files_name() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(UNIT, encoding="utf-8")
    service = unit["Service"]
    assert service["EnvironmentFile"] == "/etc/hotline/%i.env"
    assert service["KillMode"] == "process", "our death must not end Asterisk"
    *_, data_dir, verb, services = shlex.split(service["ExecStart"])
    assert (data_dir, verb, services) == ("/var/lib/hotline/%i", "run", "$SERVICES")
    run = get_command(app).commands["run"]  # type: ignore[attr-defined]
    for environment in files().values():
        run.make_context("run", shlex.split(environment["SERVICES"]))
