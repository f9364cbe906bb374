"""The door that writes configuration files: all or none changed text is seen, secrets are readable by us alone."""

import os
from collections.abc import Mapping
from pathlib import Path

from hotline.errors import Unavailable


def write_files(directory: Path, texts: Mapping[str, str]) -> list[str]:
    """Write each text to its file, each in one step, and return the names whose text changed.

    Raises Unavailable when the disk refuses; a file then has its old or its new text, never half of one.
    """
    try:
        return [name for name, text in texts.items() if _write_file(directory / name, text)]
    except OSError as exc:
        raise Unavailable(f"cannot write {exc.filename or directory}: {exc.strerror}") from exc


def _write_file(path: Path, text: str) -> bool:
    data = text.encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return True
