"""The door to apt and dpkg: download Debian packages into a directory of ours and unpack them, as any user.

apt gets a configuration, state and cache of its own, so it neither reads nor changes what the machine has installed; it
checks signatures and checksums as always. Of the machine's configuration only what concerns the network (`Acquire::…`, that
is, proxies) and the mirror are taken over.
"""

import errno
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from hotline.errors import Unavailable
from hotline.tools import sources
from hotline.tools.processes import children
from hotline.tools.tool import last_lines

APT_DIR = Path("/etc/apt")
KEYRINGS = (
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
    "/etc/apt/keyrings/debian-archive-keyring.gpg",
    "/etc/apt/trusted.gpg.d/debian-archive-keyring.gpg",
)
TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
"""Debian's name of a machine type -> the name of its library directory."""

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
FETCH_TIMEOUT_S = 900.0
UNPACK_TIMEOUT_S = 120.0

# What only the packages' installation scripts need. apt is told that they are there already: a third less to fetch.
_ASSUMED = (
    "adduser",
    "debconf",
    "dirmngr",
    "gnupg",
    "passwd",
    "perl",
    "perl-base",
    "python3",
    "sensible-utils",
    "init-system-helpers",
)
_UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "usr/share/bug")


def architecture() -> str:
    """Return Debian's name of this machine's type; raises Unavailable where we know no packages for it."""
    machine = platform.machine()
    if machine not in _MACHINES:
        raise Unavailable(
            f"there are no ready-made programs for a {machine} machine; install them and name them in the settings"
        )
    return _MACHINES[machine]


def fetch(packages: Sequence[str], work: Path, suite: str = sources.SUITE) -> list[Path]:
    """Download `packages` of a suite and all they depend on below `work`, and return the package files.

    Raises Unavailable with one sentence: no apt, no mirror, no network, no space.
    """
    for program in ("apt-get", "apt-config", "dpkg-deb"):
        if shutil.which(program) is None:
            raise Unavailable(
                f"{program} is missing: on a machine without Debian's tools, install the programs and name them in the settings"
            )
    environment = _prepare(work, suite)
    _run(["apt-get", "-q", "update"], environment, "the list of packages cannot be fetched; is there a network?")
    command = ["apt-get", "-q", "-y", "--download-only", "--no-install-recommends", "install", *packages]
    _run(command, environment, f"{', '.join(packages)} cannot be fetched")
    return sorted((work / "archives").glob("*.deb"))


def unpack(package: Path, target: Path) -> tuple[str, str]:
    """Unpack one package file below `target`, without what programs do not need, and return its name and version."""
    _run(["dpkg-deb", "-x", str(package), str(target)], None, f"{package.name} cannot be unpacked", UNPACK_TIMEOUT_S)
    for directory in _UNUSED:
        shutil.rmtree(target / directory, ignore_errors=True)
    name, _, version = _run(
        ["dpkg-deb", "-W", "--showformat=${Package} ${Version}", str(package)], None, "", UNPACK_TIMEOUT_S
    ).partition(" ")
    return name, version.strip()


def mirror() -> sources.Source:
    """Return the mirror that this machine uses."""
    files = [APT_DIR / "sources.list", *sorted(APT_DIR.glob("sources.list.d/*"))]
    found = [
        source
        for file in files
        if file.suffix in (".list", ".sources") and file.is_file()
        for source in sources.parse(file.name, file.read_text(encoding="utf-8", errors="replace"))
    ]
    chosen = sources.choose(found)
    if chosen is None:
        raise Unavailable(f"this machine's apt sources ({APT_DIR}) name no Debian mirror to fetch programs from")
    return chosen


def _prepare(work: Path, suite: str) -> dict[str, str]:
    """Write apt's private configuration below `work` and return the environment that makes apt use it."""
    for directory in ("lists/partial", "archives/partial"):
        (work / directory).mkdir(parents=True, exist_ok=True)
    keyring = " ".join(path for path in KEYRINGS if Path(path).is_file())
    (work / "debian.sources").write_text(sources.deb822(mirror(), keyring, suite), encoding="utf-8")
    stanza = "Package: {}\nStatus: install ok installed\nArchitecture: {}\nMulti-Arch: allowed\nVersion: 99:99\nMaintainer: none\nDescription: none\n"
    (work / "status").write_text("\n".join(stanza.format(name, architecture()) for name in _ASSUMED), encoding="utf-8")
    own = {
        "Dir::State": work, "Dir::State::lists": work / "lists", "Dir::State::status": work / "status",
        "Dir::State::extended_states": work / "extended_states",
        "Dir::Cache": work, "Dir::Cache::archives": work / "archives", "Dir::Log": work,
        "Dir::Etc::main": "/dev/null", "Dir::Etc::parts": "/dev/null", "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null", "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::Etc::sourcelist": work / "debian.sources",
        "APT::Architecture": architecture(), "APT::Sandbox::User": "", "APT::Install-Recommends": "false",
        "Acquire::Check-Valid-Until": "false", "Acquire::Languages": "none", "Acquire::Retries": "3",
        "Debug::NoLocking": "true", "APT::Update::Error-Mode": "any",
    }  # fmt: skip
    lines = [f'{name} "{value}";' for name, value in own.items()]
    lines.append(f'APT::Architectures {{ "{architecture()}"; }};')
    network = _run(["apt-config", "dump", "--format", '%F "%v";%n', "Acquire"], None, "apt-config does not work")
    configuration = work / "apt.conf"
    configuration.write_text("\n".join((network, *lines, "")), encoding="utf-8")
    return {**os.environ, "APT_CONFIG": str(configuration), "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def _run(
    command: list[str], environment: dict[str, str] | None, trouble: str, timeout_s: float = FETCH_TIMEOUT_S
) -> str:
    """Run a program and return what it wrote; raises Unavailable with the last lines it wrote when it fails."""
    try:
        done = children.run(command, environment, timeout_s)
    except subprocess.TimeoutExpired as exc:
        raise Unavailable(f"{trouble}: {command[0]} took more than {timeout_s:.0f} s") from exc
    except OSError as exc:
        raise Unavailable(f"{trouble}: {command[0]} cannot be started: {exc.strerror}") from exc
    if done.returncode != 0:
        said = done.stderr + done.stdout
        if os.strerror(errno.ENOSPC) in said or "enough free space" in said:
            trouble = f"the disk is full ({trouble})"
        raise Unavailable(f"{trouble}: {last_lines(done.stderr or done.stdout)}")
    return done.stdout
