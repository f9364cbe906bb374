"""Find an Asterisk that is new enough, or bring our own.

In this order: the program that the settings name, the `asterisk` on the PATH, our own copy of Debian's packages
(`hotline.tools`). Versions below the minimum lack security fixes we rely on.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hotline import tools
from hotline.errors import Misuse, Unavailable
from hotline.settings import Settings

MINIMUM = (22, 10, 1)
_MINIMUM_TEXT = ".".join(map(str, MINIMUM))
PACKAGES = ("asterisk", "asterisk-modules", "asterisk-core-sounds-en-gsm", "asterisk-moh-opsound-wav")
_VERSION = re.compile(r"Asterisk (?:certified[/-])?(\d+)\.(\d+)\.(\d+)")
_VERSION_TIMEOUT_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Installation:
    """An Asterisk that can be started."""

    program: tuple[str, ...]
    """The start of a command line that runs it."""
    version: str
    modules_dir: Path
    sounds_dir: Path
    """English sounds, directly inside."""
    moh_dir: Path
    documentation_dir: Path
    """The XML documentation, without which Asterisk refuses to load modules."""
    env: Mapping[str, str]
    """What the environment needs beyond our own."""

    def command(self, *args: str) -> list[str]:
        """Return a whole command line."""
        return [*self.program, *args]


def find_or_bring(settings: Settings, progress: Callable[[str], None]) -> Installation:
    """Return an Asterisk of at least version `MINIMUM`.

    Raises Misuse when the settings name a program that cannot be used, Unavailable when none is there and none can be brought.
    """
    if settings.asterisk.program:
        return _named(settings.asterisk.program)
    return _on_path() or _own(progress)


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Return the three numbers in the answer to `asterisk -V`, or None when it is no released version."""
    found = _VERSION.search(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def _named(program: str) -> Installation:
    path = shutil.which(program)
    remedy = "change asterisk.program, or leave it empty to use our own copy"
    if path is None:
        raise Misuse(f"asterisk.program: there is no program {program!r}; {remedy}")
    version = _ask_version([path])
    if not _is_new_enough(version):
        raise Misuse(f"asterisk.program: {program} says {version[:60]!r}, at least {_MINIMUM_TEXT} is needed; {remedy}")
    found = _installed(path, version)
    if found is None:
        raise Misuse(f"asterisk.program: found no modules or sounds that belong to {program}; {remedy}")
    return found


def _on_path() -> Installation | None:
    path = shutil.which("asterisk") or shutil.which("asterisk", path="/usr/sbin:/usr/local/sbin")
    if path is None:
        return None
    try:
        version = _ask_version([path])
    except (Misuse, Unavailable):
        return None  # it does not run here: ours will
    return _installed(path, version) if _is_new_enough(version) else None


def _is_new_enough(version: str) -> bool:
    numbers = parse_version(version)
    return numbers is not None and numbers >= MINIMUM


def _ask_version(command: list[str], env: Mapping[str, str] | None = None) -> str:
    try:
        answer = subprocess.run(
            [*command, "-V"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT_S, check=False, env=env
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Misuse(f"{command[0]} does not run: {exc}") from exc
    if answer.returncode != 0:
        raise Unavailable(f"{command[-1]} -V failed: {tools.last_lines(answer.stderr or answer.stdout)}")
    return answer.stdout.strip()


def _installed(path: str, version: str) -> Installation | None:
    """Return an installed Asterisk with its parts, or None when one of them is missing."""
    prefix = Path(path).resolve().parent.parent
    libs = [prefix / "lib", prefix / "lib64", *sorted((prefix / "lib").glob("*-linux-*"))]
    modules = _first(p / "asterisk" / "modules" for p in libs)
    shares = [Path("/var/lib/asterisk"), prefix / "share" / "asterisk", prefix / "var" / "lib" / "asterisk"]
    sounds = _first(s / "sounds" / n for s in shares for n in ("en", "en_US_f_Allison"))
    moh = _first(s / "moh" for s in shares)
    documentation = _first(s / "documentation" for s in shares)
    if modules is None or sounds is None or moh is None or documentation is None:
        return None
    return Installation(
        program=(path,), version=_short(version), modules_dir=modules, sounds_dir=sounds, moh_dir=moh,
        documentation_dir=documentation, env={},
    )  # fmt: skip


def _first(candidates: Iterable[Path]) -> Path | None:
    return next((p for p in candidates if p.is_dir() and any(p.iterdir())), None)


def _own(progress: Callable[[str], None]) -> Installation:
    tool = tools.bring("asterisk", PACKAGES, progress=progress, minimum=_MINIMUM_TEXT)
    share = tool.path("usr", "share", "asterisk")
    program = tool.command("asterisk")
    version = _ask_version(program, tool.environment())
    if not _is_new_enough(version):
        raise Unavailable(
            f"Debian offers {version[:60]}, at least {_MINIMUM_TEXT} is needed; name a newer one in asterisk.program"
        )
    return Installation(
        program=tuple(program),
        version=_short(version),
        modules_dir=tool.libraries / "asterisk" / "modules",
        sounds_dir=share / "sounds" / "en_US_f_Allison",
        moh_dir=share / "moh",
        documentation_dir=share / "documentation",
        env=tool.env,
    )


def _short(version: str) -> str:
    numbers = parse_version(version)
    return ".".join(map(str, numbers)) if numbers else version
