"""The directories of one private Asterisk, below the data directory.

`DIR/asterisk/{etc,log,run,spool,lib,db,keys}`. Asterisk looks for sounds below `lib/sounds`; three links there lead on:
`en` to the sounds that come with Asterisk, `hotline` to `DIR/prompts` (so `hotline/zh/welcome` is `DIR/prompts/zh/welcome.wav`),
and `hotline-voicemail` to the messages of callers.

Two things do not work in a data directory of any name: a Unix socket's path may have 107 bytes, and Asterisk takes the paths
of its directories for patterns (`[`, `*`, `{` …). For such names a private directory in the machine's directory for temporary
files holds the sockets, or a link to our home; it is made anew at each start and take-over.
"""

import hashlib
import os
import re
import stat
from pathlib import Path

from hotline.errors import Misuse, Unavailable
from telephony.asterisk.config import Dirs
from telephony.asterisk.install import Installation

SOCKET_PATH_LIMIT = 107
CONTROL_SOCKET = "asterisk.ctl"
_PATTERN = re.compile(r"[][*?{}~\\]")
_SHORT_PARENT = Path("/tmp")  # noqa: S108 - sticky, short, everywhere; the directory below is checked to be ours alone


def plan_dirs(data_dir: Path) -> Dirs:
    """Return where everything goes for this data directory; touches nothing."""
    data_dir = data_dir.absolute()
    home = data_dir / "asterisk"
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    short = _SHORT_PARENT / f"hotline-{os.getuid()}-{digest}"
    long = len(os.fsencode(home / "run" / CONTROL_SOCKET)) > SOCKET_PATH_LIMIT
    return Dirs(
        home=home,
        told=short / "home" if _PATTERN.search(str(home)) else home,
        run=short if long else home / "run",
        prompts=data_dir / "prompts",
    )


def make_dirs(dirs: Dirs, installation: Installation) -> None:
    """Create the directories, readable by us alone, and the links to sounds and documentation.

    Raises Unavailable when the disk refuses, Misuse when the short directory for sockets is not ours.
    """
    wanted = (
        dirs.etc, dirs.log, dirs.log / "cdr-csv", dirs.log / "cel-custom", dirs.spool, dirs.monitor, dirs.voicemail,
        dirs.spool / "tmp", dirs.lib, dirs.lib / "sounds", dirs.lib / "cache", dirs.db, dirs.keys / "keys", dirs.prompts,
    )  # fmt: skip
    try:
        for directory in wanted:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private(dirs.run)
        if dirs.told != dirs.home:
            _make_private(dirs.told.parent)
            _link(dirs.told, dirs.home)
        sounds = dirs.lib / "sounds"
        _link(sounds / "en", installation.sounds_dir)
        _link(sounds / "hotline", dirs.prompts)
        _link(sounds / "hotline-voicemail", dirs.voicemail)
        _link(dirs.lib / "documentation", installation.documentation_dir)
    except OSError as exc:
        raise Unavailable(f"cannot prepare {exc.filename or dirs.home}: {exc.strerror}") from exc


def _make_private(directory: Path) -> None:
    """Create a directory for sockets; one that somebody else put in our way is refused."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise Misuse(f"{directory} belongs to somebody else; remove it, or choose another data directory")
    directory.chmod(0o700)


def _link(link: Path, target: Path) -> None:
    """Point `link` at `target`, replacing an older link in one step."""
    if link.is_symlink() and link.readlink() == target:
        return
    fresh = link.with_name(link.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def clear_run(dirs: Dirs) -> None:
    """Remove what a dead Asterisk left in its run directory: its socket would make a new one look ready."""
    for left in dirs.run.glob("asterisk.*"):
        left.unlink(missing_ok=True)


def remove_run(dirs: Dirs) -> None:
    """Remove what a stopped Asterisk had outside the data directory, if anything."""
    clear_run(dirs)
    if dirs.told != dirs.home:
        dirs.told.unlink(missing_ok=True)
    for short in {dirs.run, dirs.told.parent}:
        if short.parent == _SHORT_PARENT and short.is_dir():
            short.rmdir()
