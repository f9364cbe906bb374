"""Find SIPp: the one on the PATH, or a private copy of Debian's package."""

import os
import shutil
from collections.abc import Callable, Mapping

from hotline import tools

PROGRAM = "sipp"
PACKAGES = ("sip-tester",)


def find_sipp(progress: Callable[[str], None]) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Return the command that runs SIPp, and its environment; brings it when it is missing.

    Blocks. Raises Unavailable or Misuse with one sentence when it cannot be had.
    """
    installed = shutil.which(PROGRAM)
    if installed is not None:
        return (installed,), dict(os.environ)
    tool = tools.bring(PROGRAM, PACKAGES, progress=progress)
    return tuple(tool.command(PROGRAM)), tool.environment()
