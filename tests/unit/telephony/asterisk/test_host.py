"""Directories, ports, processes, versions, files: the doors around a private Asterisk."""

import ipaddress
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hotline.errors import Misuse, Unavailable
from hotline.settings import Ami, Asterisk, Settings, Sip
from telephony.asterisk import files, install, layout, ports, proc, state
from telephony.asterisk.config import Ports
from telephony.asterisk.install import Installation

INSTALLATION = Installation(
    program=("/bin/x", "--y"), version="22.10.1", modules_dir=Path("/m"), sounds_dir=Path("/s"), moh_dir=Path("/h"),
    documentation_dir=Path("/d"), env={"A": "b"},
)  # fmt: skip


def test_all_is_below_the_data_directory(tmp_path: Path) -> None:
    dirs = layout.plan_dirs(tmp_path)
    assert dirs.run == tmp_path / "asterisk" / "run"
    assert dirs.config_file == tmp_path / "asterisk" / "etc" / "asterisk.conf"


def test_sockets_of_a_deep_directory_fit(tmp_path: Path) -> None:
    dirs = layout.plan_dirs(tmp_path / ("d" * 200))
    assert len(os.fsencode(dirs.run / layout.CONTROL_SOCKET)) <= layout.SOCKET_PATH_LIMIT
    assert dirs.run != layout.plan_dirs(tmp_path / ("e" * 200)).run


def test_a_name_that_asterisk_would_take_for_a_pattern_is_never_told(tmp_path: Path) -> None:
    dirs = layout.plan_dirs(tmp_path / "x[1]*")
    assert "[" not in str(dirs.config_file)
    layout.make_dirs(dirs, INSTALLATION)
    assert dirs.told.samefile(dirs.home)
    layout.remove_run(dirs)
    assert not dirs.told.parent.exists()
    assert dirs.etc.is_dir()


def test_directories_are_private_and_sounds_lead_to_the_prompts(tmp_path: Path) -> None:
    dirs = layout.plan_dirs(tmp_path)
    layout.make_dirs(dirs, INSTALLATION)
    layout.make_dirs(dirs, INSTALLATION)
    assert all(d.stat().st_mode & 0o077 == 0 for d in (dirs.etc, dirs.log, dirs.run, dirs.monitor))
    assert (dirs.lib / "sounds" / "hotline").readlink() == dirs.prompts
    assert (dirs.lib / "sounds" / "en").readlink() == Path("/s")


def test_somebody_elses_directory_for_sockets_is_refused(tmp_path: Path) -> None:
    dirs = layout.plan_dirs(tmp_path)
    dirs.home.mkdir()
    (tmp_path / "elsewhere").mkdir()
    dirs.run.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Misuse, match="belongs to somebody else"):
        layout.make_dirs(dirs, INSTALLATION)


def test_a_file_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "asterisk").write_text("")
    with pytest.raises(Unavailable, match=r"cannot prepare .*asterisk"):
        layout.make_dirs(layout.plan_dirs(tmp_path), INSTALLATION)


def test_zero_means_free_ports() -> None:
    chosen = ports.choose(Settings(sip=Sip(port=0, rtp_start=0), ami=Ami(port=0), asterisk=Asterisk(max_calls=100)))
    assert 0 not in (chosen.sip, chosen.ami)
    assert chosen.sip != chosen.ami
    assert chosen.rtp_end - chosen.rtp_start + 1 == 400


def test_earlier_ports_are_preferred_while_free() -> None:
    settings = Settings(sip=Sip(port=0, rtp_start=0), ami=Ami(port=0))
    first = ports.choose(settings)
    assert ports.choose(settings, first) == first
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", first.sip))
        assert ports.choose(settings, first).sip != first.sip


def test_a_taken_port_names_the_setting_and_the_remedy() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Misuse, match=rf"port {port} on 127.0.0.1 is taken.*ami\.port.*0: any free one"):
            ports.choose(Settings(sip=Sip(port=0), ami=Ami(port=port)))


def test_a_foreign_address_is_one_sentence() -> None:
    with pytest.raises(Misuse, match=r"sip\.host: 192\.0\.2\.1 is no address of this machine"):
        ports.choose(Settings(sip=Sip(host="192.0.2.1", port=0), ami=Ami(port=0)))


def test_a_running_asterisk_conflicts_only_with_other_fixed_ports() -> None:
    running = Ports(sip=1, ami=2, rtp_start=3, rtp_end=4)
    assert ports.conflict(Settings(sip=Sip(port=0), ami=Ami(port=2)), running) is None
    assert "sip.port is 7 now" in str(ports.conflict(Settings(sip=Sip(port=7), ami=Ami(port=0)), running))


def test_a_process_is_found_by_the_end_of_its_command_line() -> None:
    program = "print('here', flush=True); input()"
    command = [sys.executable, "-c", program, "-C", "/no/such file"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()  # before exec its command line is not its own
        assert proc.find_by_arguments("-C", "/no/such file") == child.pid
        assert proc.find_by_arguments("/no/such") is None
        assert proc.is_alive(child.pid)
        child.communicate(b"\n")
    assert not proc.is_alive(child.pid)


def test_a_socket_belongs_to_its_process_only() -> None:
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        port = tcp.getsockname()[1]
        assert not proc.listens(os.getpid(), "tcp", "127.0.0.1", port)
        tcp.listen()
        assert proc.listens(os.getpid(), "tcp", "127.0.0.1", port)
        assert not proc.listens(1, "tcp", "127.0.0.1", port)
        udp.bind(("127.0.0.2", 0))
        assert proc.listens(os.getpid(), "udp", "127.0.0.2", udp.getsockname()[1])
        assert not proc.listens(os.getpid(), "udp", "127.0.0.1", udp.getsockname()[1])


def test_the_kernels_addresses_are_read() -> None:
    table = (
        "header\n"
        "   0: 0100007F:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0 0\n"
        "   1: 00000000000000000000000001000000:13C4 00000000000000000000000000000000:0000 07 0:0 0:0 0 0 0 4712 2 0 0\n"
        "   2: 0100007F:0001 0100007F:0002 01 00000000:00000000 00:00000000 00000000     0        0 4713 2 0 0\n"
    )
    assert list(proc.parse_sockets(table, "udp")) == [
        (ipaddress.ip_address("127.0.0.1"), 5060, 4711),
        (ipaddress.ip_address("::1"), 5060, 4712),
    ]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1", (22, 10, 1)),
        ("Asterisk certified/20.7.0-cert3", (20, 7, 0)),
        ("Asterisk GIT-master-abc", None),
        ("", None),
    ],
)
def test_versions_are_read(text: str, version: tuple[int, int, int] | None) -> None:
    assert install.parse_version(text) == version


def program(directory: Path, says: str, code: int = 0) -> str:
    file = directory / "asterisk"
    file.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    file.chmod(0o755)
    return str(file)


def test_a_named_program_that_is_missing_or_old_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="there is no program"):
        install.find_or_bring(Settings(asterisk=Asterisk(program=str(tmp_path / "none"))), print)
    old = program(tmp_path, "Asterisk 22.9.0")
    with pytest.raises(Misuse, match=r"says 'Asterisk 22.9.0', at least 22.10.1 is needed"):
        install.find_or_bring(Settings(asterisk=Asterisk(program=old)), print)


def test_a_named_program_is_used_with_the_parts_beside_it(tmp_path: Path) -> None:
    for part in (
        "lib/asterisk/modules",
        "share/asterisk/sounds/en",
        "share/asterisk/moh",
        "share/asterisk/documentation",
    ):
        (tmp_path / part).mkdir(parents=True)
        (tmp_path / part / "one").write_text("")
    (tmp_path / "sbin").mkdir()
    named = program(tmp_path / "sbin", "Asterisk 22.11.0")
    found = install.find_or_bring(Settings(asterisk=Asterisk(program=named)), print)
    assert found.version == "22.11.0"
    assert found.modules_dir == tmp_path / "lib/asterisk/modules"


def test_files_are_written_only_when_they_change(tmp_path: Path) -> None:
    assert files.write_files(tmp_path, {"a": "1", "b": "2"}) == ["a", "b"]
    assert files.write_files(tmp_path, {"a": "1", "b": "3"}) == ["b"]
    assert (tmp_path / "b").read_text() == "3"
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_a_directory_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot write"):
        files.write_files(tmp_path / "missing", {"a": "1"})


def test_the_state_survives_a_round_trip_and_damage_reads_as_none(tmp_path: Path) -> None:
    kept = state.State(ports=Ports(sip=1, ami=2, rtp_start=3, rtp_end=4), installation=INSTALLATION)
    assert state.load(tmp_path) is None
    state.save(tmp_path, kept)
    assert state.load(tmp_path) == kept
    (tmp_path / state.FILE).write_text('{"ports": {}}')
    assert state.load(tmp_path) is None
