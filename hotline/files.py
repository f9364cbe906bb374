"""Files that grow are put aside: `log` becomes `log.1` (the newest) … `log.<keep>`."""

from pathlib import Path


def put_aside(path: Path, *, keep: int) -> None:
    """Move a file out of the way; the oldest of more than `keep` goes. Raises OSError when the system refuses."""
    aside = [path.with_name(f"{path.name}.{n}") for n in range(1, keep + 1)]
    for newer, older in reversed(list(zip([path, *aside], aside, strict=False))):
        if newer.exists():
            newer.replace(older)
