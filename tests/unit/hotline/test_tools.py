"""Bringing programs: mirrors, half-finished trees, locks, clear errors. No network: apt is replaced where it would need one."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hotline import tools
from hotline.errors import Misuse, Unavailable
from hotline.tools import cache as caching
from hotline.tools import packages, sources

DEB822 = """\
# a comment
Types: deb
# another
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: sid
Components: main

Types: deb-src
URIs: http://src.example/debian
Suites: sid
Components: main
"""
ONE_LINE = """\
# deb http://off.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/docker.gpg] https://other.example/linux/debian bookworm stable
deb http://security.example/debian-security bookworm-security main
deb [ signed-by=/k/a.gpg,/k/b.gpg ] https://mirror.example/debian/ bookworm main non-free # comment
deb-src http://src.example/debian bookworm main
"""


def test_both_formats_are_read() -> None:
    found = sources.parse("debian.sources", DEB822)
    assert [s.uri for s in found] == ["http://mirror.example/debian", "http://mirror.example/debian-security"]
    found = sources.parse("sources.list", ONE_LINE)
    assert found[-1].uri == "https://mirror.example/debian/"
    assert found[-1].signed_by == "/k/a.gpg,/k/b.gpg"
    assert found[-1].components == ("main", "non-free")


@pytest.mark.parametrize(
    ("name", "text", "uri"),
    [("x.sources", DEB822, "http://mirror.example/debian"), ("x.list", ONE_LINE, "https://mirror.example/debian/")],
)
def test_the_archive_is_chosen_not_security_nor_strangers(name: str, text: str, uri: str) -> None:
    chosen = sources.choose(sources.parse(name, text))
    assert chosen is not None
    assert chosen.uri == uri


def test_discs_and_files_are_no_mirrors() -> None:
    text = "deb cdrom:[Debian 12]/ bookworm main\ndeb file:/srv/debian bookworm main\n"
    assert sources.choose(sources.parse("x.list", text)) is None


def test_our_source_names_our_suite_at_the_machines_mirror() -> None:
    source = sources.Source(
        uri="http://m.example/debian", suites=("bookworm",), components=("main",), signed_by="/k/own.gpg"
    )
    text = sources.deb822(source, "/k/debian.gpg")
    assert (
        "URIs: http://m.example/debian\nSuites: forky\nComponents: main\nSigned-By: /k/own.gpg /k/debian.gpg\n" in text
    )


def test_a_key_inside_a_source_is_taken_over() -> None:
    text = "Types: deb\nURIs: http://m.example/debian\nSuites: sid\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----\n"
    found = sources.parse("x.sources", text)[0]
    again = sources.parse("x.sources", sources.deb822(found, "/k/debian.gpg"))[0]
    assert again.signed_by == found.signed_by
    assert "\n .\n abc" in sources.deb822(found, "")


def test_no_mirror_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "APT_DIR", tmp_path)
    with pytest.raises(Unavailable, match="name no Debian mirror"):
        packages.mirror()


def test_an_unknown_machine_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "vax")
    with pytest.raises(Unavailable, match="no ready-made programs for a vax machine"):
        tools.bring("x", ["x"], progress=print)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOTLINE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(packages, "architecture", lambda: "amd64")
    return tmp_path / "cache" / "tools"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replaces the network: each package holds a program named like it."""
    calls: list[str] = []

    def fetch(wanted: list[str], work: Path, suite: str) -> list[Path]:
        calls.append(",".join(wanted))
        return [work / f"{name}.deb" for name in wanted]

    def unpack(package: Path, target: Path) -> tuple[str, str]:
        library = target / "usr" / "lib" / "x86_64-linux-gnu"
        library.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path("/lib64/ld-linux-x86-64.so.2").resolve(), library / "ld-linux-x86-64.so.2")
        (target / "usr" / "bin").mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(sys.executable).resolve(), target / "usr" / "bin" / package.stem)
        (target / "usr" / "bin" / "script").write_text("#!/bin/sh\n")
        return package.stem, "1.0"

    monkeypatch.setattr(packages, "fetch", fetch)
    monkeypatch.setattr(packages, "unpack", unpack)
    return calls


def test_a_tool_is_fetched_once(cache: Path, fetched: list[str]) -> None:
    first = tools.bring("python", ["python"], progress=print)
    assert tools.bring("python", ["python"], progress=print) == first
    assert fetched == ["python"]
    assert first.versions == {"python": "1.0"}
    assert first.root.is_relative_to(cache)


def test_other_packages_or_another_minimum_make_another_tree(cache: Path, fetched: list[str]) -> None:
    roots = {
        tools.bring("t", p, progress=print, minimum=m).root for p, m in ((["a"], ""), (["a", "b"], ""), (["a"], "2"))
    }
    assert len(roots) == 3


def test_a_program_runs_through_the_loader_of_its_tree(cache: Path, fetched: list[str]) -> None:
    tool = tools.bring("python", ["python"], progress=print)
    command = tool.command("python", "-V")
    assert command[0] == str(tool.libraries / "ld-linux-x86-64.so.2")
    assert command[1] == "--library-path"
    assert command[-2:] == [str(tool.path("usr", "bin", "python")), "-V"]


def test_missing_programs_and_scripts_are_refused(cache: Path, fetched: list[str]) -> None:
    tool = tools.bring("python", ["python"], progress=print)
    with pytest.raises(Unavailable, match="hold no program nothing"):
        tool.command("nothing")
    with pytest.raises(Unavailable, match="is a script"):
        tool.command("script")


@pytest.mark.parametrize("damage", ["stamp", "file", "size", "nonsense"])
def test_a_damaged_tree_is_fetched_again(cache: Path, fetched: list[str], damage: str) -> None:
    tool = tools.bring("python", ["python"], progress=print)
    if damage == "stamp":
        (tool.root / caching.STAMP).unlink()
    elif damage == "file":
        tool.path("usr", "bin", "python").unlink()
    elif damage == "size":
        tool.path("usr", "bin", "python").write_bytes(b"half")
    else:
        (tool.root / caching.STAMP).write_text(json.dumps({"files": 3}))
    assert tools.bring("python", ["python"], progress=print) == tool
    assert fetched == ["python", "python"]


def test_a_failed_unpack_leaves_nothing_behind(
    cache: Path, fetched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_package: Path, target: Path) -> tuple[str, str]:
        (target / "half").write_text("")
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(packages, "unpack", fail)
    with pytest.raises(Unavailable, match="No space left on device"):
        tools.bring("python", ["python"], progress=print)
    assert [p.name for p in (cache / "python").iterdir()] == ["lock"]


def test_what_a_killed_fetch_left_is_cleared(cache: Path, fetched: list[str]) -> None:
    (cache / "python" / "part-old" / "tree").mkdir(parents=True)
    tools.bring("python", ["python"], progress=print)
    assert not list((cache / "python").glob("part-*"))


def test_a_small_disk_is_one_sentence(cache: Path, fetched: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1000))
    with pytest.raises(Unavailable, match="less than 400 MB free"):
        tools.bring("python", ["python"], progress=print)


def test_a_second_process_waits_for_the_first(cache: Path, fetched: list[str]) -> None:
    (cache / "python").mkdir(parents=True)
    said: list[str] = []
    waits = threading.Event()

    def progress(text: str) -> None:
        said.append(text)
        waits.set()

    with (cache / "python" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        other = threading.Thread(target=tools.bring, args=("python", ["python"]), kwargs={"progress": progress})
        other.start()
        assert waits.wait(5)
        assert fetched == []
    other.join(10)
    assert said[0].startswith("waiting for another process")
    assert fetched == ["python"]


def test_a_cache_that_cannot_be_written_names_the_variable(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOTLINE_CACHE_DIR", str(tmp_path / "file" / "x"))
    with pytest.raises(Misuse, match="HOTLINE_CACHE_DIR"):
        tools.bring("python", ["python"], progress=print)


def test_a_cache_whose_name_the_loader_would_split_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_CACHE_DIR", str(tmp_path / "a:b"))
    with pytest.raises(Misuse, match="without : ; \\$"):
        tools.bring("python", ["python"], progress=print)


def test_missing_apt_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="apt-get is missing"):
        packages.fetch(["asterisk"], tmp_path / "work")


@pytest.mark.slow  # apt tries again a few times
@pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt")
def test_no_network_is_one_sentence_with_what_apt_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sources.list").write_text("deb http://127.0.0.1:9/debian bookworm main\n")
    monkeypatch.setattr(packages, "APT_DIR", tmp_path)
    with pytest.raises(Unavailable, match=r"is there a network\?.*127\.0\.0\.1"):
        packages.fetch(["asterisk"], tmp_path / "work")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg")
def test_a_broken_package_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.deb").write_bytes(b"no package")
    with pytest.raises(Unavailable, match=r"x\.deb cannot be unpacked: .*"):
        packages.unpack(tmp_path / "x.deb", tmp_path / "out")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg")
def test_a_real_package_is_unpacked_without_what_programs_do_not_need(tmp_path: Path) -> None:
    content = tmp_path / "content"
    (content / "DEBIAN").mkdir(parents=True)
    (content / "DEBIAN" / "control").write_text(
        "Package: p\nVersion: 1:2.3-4\nArchitecture: all\nMaintainer: n <n@example.org>\nDescription: d\n"
    )
    for name in ("usr/bin/p", "usr/share/doc/p/copyright"):
        (content / name).parent.mkdir(parents=True, exist_ok=True)
        (content / name).write_text("x")
    subprocess.run(["dpkg-deb", "-b", str(content), str(tmp_path / "p.deb")], check=True, capture_output=True)
    (tmp_path / "out").mkdir()
    assert packages.unpack(tmp_path / "p.deb", tmp_path / "out") == ("p", "1:2.3-4")
    assert (tmp_path / "out/usr/bin/p").is_file()
    assert not (tmp_path / "out/usr/share/doc").exists()


def test_the_end_of_what_a_program_said_fits_into_a_sentence() -> None:
    assert tools.last_lines("a\n\n\x1b[0mb\nc\nd\n") == "b / c / d"
    assert tools.last_lines("\n") == "it said nothing"
    assert len(tools.last_lines("x" * 5000)) == 400
